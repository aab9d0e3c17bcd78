//! A real server on a real socket.

use std::{net::TcpListener, sync::Arc};

use actix_web::{App, HttpServer, rt, web};
use linchpin_actix::{Caller, VerifyMiddleware};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::Fake;

#[actix_web::test]
async fn no_byte_of_the_body_is_needed_to_refuse() {
    let auth = VerifyMiddleware::new(Arc::new(Fake::default()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let upload = async |_: Caller, body: web::Bytes| format!("{} bytes", body.len());
    let app =
        move || App::new().service(web::scope("").wrap(auth.clone()).route("/", web::post().to(upload)));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
    let handle = server.handle();
    rt::spawn(server);

    let mut stream = TcpStream::connect(address).await.unwrap();
    // The head alone: the body that it announces never comes.
    let head = "POST / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer old\r\ncontent-length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "closed before it answered");
    }
    handle.stop(false).await;

    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{head}");
    for line in [
        "content-length: 111",
        "content-type: application/problem+json",
        r#"www-authenticate: Bearer error="invalid_token""#,
    ] {
        assert!(head.lines().any(|other| other == line), "{line} is not in {head}");
    }
    assert!(body.ends_with(r#""reason":"expired"}"#), "{body}");
}
