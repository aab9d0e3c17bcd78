//! The table against all three servers.

mod observed;
mod sweep;

use std::sync::{LazyLock, Mutex};

use linchpin_core::Reason;
use parity::{
    Answer, HELD, Hold, Outside, Request, Row, Server, Service, declared_table, outside_the_promise, send,
    table,
};

/// The servers, started once, and what is asked of them.
struct Parity {
    servers: [Server; 3],
    rows: Vec<Row>,
    /// The servers whose routes are declared in a table, and what is asked of them.
    declared: ([Server; 2], Vec<Row>),
    outside: Vec<Outside>,
    good: String,
    of_held: String,
    hold: Mutex<Hold>,
}

static PARITY: LazyLock<Parity> = LazyLock::new(|| {
    let service = Service::new();
    let (rows, outside) = (table(&service), outside_the_promise(&service));
    let good = service.issuer.token("ann").sign();
    let of_held = service.issuer.token("ann").claim("iss", HELD).sign();
    let declared = (Server::start_declared(&service), declared_table(&service));
    let servers = Server::start_all(&service);
    Parity { servers, rows, declared, outside, good, of_held, hold: Mutex::new(service.hold) }
});

/// Asks every server, and says which of them answers something else than expected.
fn differences(name: &str, request: &Request, expected: &Answer) -> Vec<String> {
    differences_of(&PARITY.servers, name, request, expected)
}

fn differences_of(servers: &[Server], name: &str, request: &Request, expected: &Answer) -> Vec<String> {
    let differs = |server: &Server| {
        let differences = ask(server, name, request).differences(expected).join("\n    ");
        let told = || format!("{}: {name}\n    {request}\n    {differences}", server.name);
        (!differences.is_empty()).then(told)
    };
    servers.iter().filter_map(differs).collect()
}

/// The server's answer. One that does not answer ends the test at once: each further row would wait as long.
fn ask(server: &Server, name: &str, request: &Request) -> Answer {
    let no_answer = |error| panic!("{}: {name}\n    {request}\n    no answer: {error}", server.name);
    send(server.address, request).unwrap_or_else(no_answer)
}

fn assert_none(differences: Vec<String>) {
    assert!(differences.is_empty(), "{} answers differ\n\n{}\n", differences.len(), differences.join("\n\n"));
}

#[test]
fn every_server_answers_every_row_as_the_table_says() {
    let differences =
        PARITY.rows.iter().flat_map(|row| differences(&row.name, &row.request, &row.expected.answer()));

    assert_none(differences.collect());
}

#[test]
fn every_declared_route_is_answered_as_the_table_says() {
    let (servers, rows) = &PARITY.declared;

    let differences = rows.iter().flat_map(|row| {
        let answer = row.expected.answer();
        let mut differences = differences_of(servers, &row.name, &row.request, &answer);
        if row.request.is_get() {
            let head = row.request.clone().method("HEAD");
            differences.extend(differences_of(servers, &row.name, &head, &answer.without_body()));
        }
        differences
    });

    assert_none(differences.collect());
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let gets = PARITY.rows.iter().filter(|row| row.request.is_get());

    let differences = gets.flat_map(|row| {
        let head = row.request.clone().method("HEAD");
        differences(&row.name, &head, &row.expected.answer().without_body())
    });

    assert_none(differences.collect());
}

#[test]
fn every_reason_has_a_row() {
    for reason in Reason::ALL {
        let rows = PARITY.rows.iter().chain(&PARITY.declared.1);
        let rows = rows.filter(|row| row.expected.reason == Some(*reason));
        assert_ne!(rows.count(), 0, "no row of the table shows the reason {reason}");
    }
}

#[test]
fn every_status_of_the_promise_has_a_row() {
    for status in [200, 400, 401, 403, 500, 503] {
        let mut rows = PARITY.rows.iter();
        assert!(rows.any(|row| row.expected.answer().status_code() == status), "no row is answered {status}");
    }
}

#[test]
fn no_two_rows_have_the_same_name() {
    let mut names: Vec<_> = PARITY.rows.iter().map(|row| &row.name).collect();
    names.sort();

    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn what_is_outside_the_promise_is_known() {
    for Outside { name, request, hyper, actix } in &PARITY.outside {
        for server in &PARITY.servers {
            let expected = if server.name == "actix" { actix } else { hyper };
            let answer = ask(server, name, request);
            assert_eq!(answer.status_code(), *expected, "{}: {name}: {answer:?}", server.name);
        }
    }
}

#[test]
fn a_request_that_waits_delays_no_other() {
    let hold = PARITY.hold.lock().unwrap();
    let get = |path| Request::get(path).bearer(&PARITY.good);
    for server in &PARITY.servers {
        std::thread::scope(|scope| {
            let held = scope.spawn(|| ask(server, "a request that is held", &get("/held")));
            hold.until_one_waits();

            // Each server has one thread: if the wait blocked it, this would never be answered.
            let other = ask(server, "another request meanwhile", &get("/caller"));
            assert_eq!(other.status_code(), 200, "{}", server.name);
            assert!(!held.is_finished(), "{}", server.name);

            hold.release_one();
            assert_eq!(held.join().unwrap(), other, "{}", server.name);
        });
    }
}

#[test]
fn an_issuer_that_hangs_delays_no_other() {
    let hold = PARITY.hold.lock().unwrap();
    let get = |token: &str| Request::get("/issuers").bearer(token);
    for server in &PARITY.servers {
        std::thread::scope(|scope| {
            let held = scope.spawn(|| ask(server, "a token whose issuer hangs", &get(&PARITY.of_held)));
            hold.until_one_waits();

            let other = ask(server, "a token of another issuer meanwhile", &get(&PARITY.good));
            assert_eq!(other.status_code(), 200, "{}", server.name);
            assert!(!held.is_finished(), "{}", server.name);

            hold.release_one();
            assert_eq!(held.join().unwrap(), other, "{}", server.name);
        });
    }
}
