//! Services that have secrets, and requests that bring more.

use std::{net::TcpListener, time::Duration};

use actix_web::{App, HttpServer, rt::System};
use linchpin::{
    Auth, actix,
    axum::observe,
    client::{Client, Retries},
};
use linchpin_jwt::{Algorithm, SigningKey};
use linchpin_oauth::{ClientAuth, ClientCredentials, TokenEndpoint};
use linchpin_test::{Reply, ScriptedTokenEndpoint, ScriptedUpstream, ServedIssuer, TestIssuer};
use reference_relay::Upstream;
use reqwest::StatusCode;

use crate::Secrets;

/// Has both services relay requests with a token of their own, which they fetch in each of the ways in which clients
/// authenticate, and adds whatever was secret in that.
///
/// # Panics
///
/// If a service does not answer as it should: then nothing would be shown.
pub async fn relayed(secrets: &mut Secrets) {
    secrets.add("the client's secret", SECRET);
    secrets.add("the service's token", SERVICE_TOKEN);
    secrets.add("the service's second token", SECOND_TOKEN);
    secrets.add("the cookie", COOKIE);
    secrets.add("the upstream's cookie", UPSTREAM_COOKIE);
    secrets.add("the query", QUERY);
    let key = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    secrets.add_pem("the private key", &key);

    let signing = SigningKey::from_pkcs8_pem(Algorithm::ES256, &key).expect("the key is P-256");
    for client in [
        ClientAuth::secret_basic("reports", SECRET),
        ClientAuth::secret_post("reports", SECRET),
        ClientAuth::private_key_jwt("reports", signing),
    ] {
        for serve in [serve_axum, serve_actix] {
            relay(secrets, client.clone(), serve).await;
        }
    }
}

type Serve = fn(TcpListener, String, Upstream);

async fn relay(secrets: &mut Secrets, auth: ClientAuth, serve: Serve) {
    let issuer = TestIssuer::start().await.expect("loopback has a free port");
    let upstream = ScriptedUpstream::start().await.expect("loopback has a free port");
    let endpoint = ScriptedTokenEndpoint::start().await.expect("loopback has a free port");
    endpoint.script([Reply::token(SERVICE_TOKEN, 3600)]);
    endpoint.always(Reply::token(SECOND_TOKEN, 3600));
    let body = Reply::json("{}").header("set-cookie", format!("session={UPSTREAM_COOKIE}"));
    // The first token is not taken, and the second one is.
    upstream.script([Reply::status(401), body.clone()]);
    upstream.always(body);

    let tokens = TokenEndpoint::url(endpoint.token_url(), auth).build().expect("a good endpoint");
    let tokens = ClientCredentials::builder(&tokens).build().expect("good settings");
    let client = Client::builder("upstream", upstream.url()).token_source(tokens);
    let client = client.retries(Retries::default()).build().expect("a good client");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let name = issuer.issuer().to_owned();
    std::thread::spawn(move || serve(listener, name, client.into()));

    ask(secrets, &issuer, &url).await;

    assert_eq!(
        upstream.requests().last().and_then(|sent| sent.bearer().map(str::to_owned)).as_deref(),
        Some(SECOND_TOKEN)
    );
    for sent in endpoint.token_requests() {
        if let Some(assertion) = sent.field("client_assertion") {
            secrets.add_token("the assertion", &assertion);
        }
        if let Some(basic) = sent.header("authorization") {
            secrets.add_text("the client's credential", basic.trim_start_matches("Basic ").as_bytes());
        }
    }
}

/// Sends good tokens, bad ones, and secrets where nobody should put them.
async fn ask(secrets: &mut Secrets, issuer: &ServedIssuer, url: &str) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    while client.get(format!("{url}/readyz")).send().await.expect("it listens").status() != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let good = issuer.token("ann").sign();
    let expired = issuer.token("ann").expired().sign();
    for (path, token, status) in
        [("/relay", &good, 200), ("/relay", &good, 200), ("/whoami", &good, 200), ("/relay", &expired, 401)]
    {
        secrets.add_token("a caller's token", token);
        let request = client.get(format!("{url}{path}?access_token={QUERY}")).bearer_auth(token);
        let answer = request.header("cookie", format!("session={COOKIE}")).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
    }
}

fn serve_axum(listener: TcpListener, issuer: String, upstream: Upstream) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let app = reference_axum::app(auth(&issuer), upstream, true).layer(observe("leaks"));
        axum::serve(listener, app.into_make_service_with_connect_info()).await.expect("a server");
    });
}

fn serve_actix(listener: TcpListener, issuer: String, upstream: Upstream) {
    System::new().block_on(async {
        let app = reference_actix::app(auth(&issuer), upstream, true);
        let server = HttpServer::new(move || App::new().configure(app.clone()).wrap(actix::observe("leaks")));
        let server = server.workers(1).disable_signals().listen(listener).expect("a listener");
        server.run().await.expect("a server");
    });
}

fn auth(issuer: &str) -> Auth {
    Auth::issuer(issuer).audience("tests").build().expect("good settings")
}

const SECRET: &str = "planted+secret/of the client:4f1c9a";
const SERVICE_TOKEN: &str = "planted-service-token.7d2e8b90c1";
const SECOND_TOKEN: &str = "planted-second-token.0a9b8c7d6e";
const COOKIE: &str = "planted-cookie-5e6f7a8b9c";
const UPSTREAM_COOKIE: &str = "planted-upstream-cookie-1c2d3e";
const QUERY: &str = "planted-query-2b3c4d5e6f7a";
