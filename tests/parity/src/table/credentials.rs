//! Whatever may stand in `Authorization`.

use linchpin_core::Reason::*;

use super::{Expected, Row, row};
use crate::{Request, Service};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    [spellings(service), malformed(service), other_schemes(service), several(service), sizes()].concat()
}

fn spellings(service: &Service) -> Vec<Row> {
    let good = service.issuer.token("ann").sign();
    let admitted = |name: &str, line: String| {
        row(name, Request::get("/caller").line(line), Expected::json(r#"{"sub":"ann"}"#))
    };
    vec![
        row("no credential is asked for", Request::get("/caller"), MissingCredential),
        admitted("a scheme in lower case counts", format!("authorization: bearer {good}")),
        admitted("a scheme in upper case counts", format!("authorization: BEARER {good}")),
        admitted("a header name in upper case counts", format!("AUTHORIZATION: Bearer {good}")),
        // RFC 6750 §2.1: `credentials = "Bearer" 1*SP b64token`
        admitted("several spaces after the scheme count as one", format!("authorization: Bearer    {good}")),
        // RFC 9110 §5.5: white space around a field value is no part of it.
        admitted(
            "white space around the value is no part of it",
            format!("authorization:\t Bearer {good} \t"),
        ),
        admitted("no space after the colon is needed", format!("authorization:Bearer {good}")),
    ]
}

fn malformed(service: &Service) -> Vec<Row> {
    let good = service.issuer.token("ann").sign();
    let good = good.as_str();
    let join = |parts: &[&[u8]]| parts.concat();
    let values: Vec<(&str, Vec<u8>)> = vec![
        ("an empty value", Vec::new()),
        ("nothing but white space", b" \t ".to_vec()),
        ("a scheme alone", b"Bearer".to_vec()),
        ("a scheme and a space", b"Bearer ".to_vec()),
        ("a tab after the scheme", format!("Bearer\t{good}").into()),
        ("a tab after the space", format!("Bearer \t{good}").into()),
        ("a colon after the scheme", format!("Bearer: {good}").into()),
        ("an equals sign after the scheme", format!("Bearer={good}").into()),
        ("a space within the token", b"Bearer a b".to_vec()),
        ("a word after the token", format!("Bearer {good} x").into()),
        ("a parameter after the token", format!("Bearer {good}, realm=x").into()),
        ("two credentials joined by a comma", format!("Bearer {good}, Bearer {good}").into()),
        ("two tokens joined by a comma", format!("Bearer {good},{good}").into()),
        ("a comma before the credential", format!(", Bearer {good}").into()),
        ("a quoted token", format!("Bearer \"{good}\"").into()),
        ("an equals sign within the token", b"Bearer a=b.c.d".to_vec()),
        ("nothing but an equals sign", b"Bearer =".to_vec()),
        ("a percent escape", b"Bearer a%2Eb".to_vec()),
        ("letters beyond ASCII in the token", "Bearer änn".into()),
        ("letters beyond ASCII in the scheme", "Bärer ann".into()),
        ("a no-break space", "Bearer\u{a0}ann".into()),
        ("bytes that are not UTF-8 before a good token", join(&[b"\xff\xfe Bearer ", good.as_bytes()])),
        ("bytes that are not UTF-8 after a good token", join(&[b"Bearer ", good.as_bytes(), b"\xc3"])),
        ("a byte order mark before a good credential", format!("\u{feff}Bearer {good}").into()),
        ("8 KiB beyond ASCII", join(&[b"Bearer ", &[0x80; 8192]])),
        ("8 KiB of commas", vec![b','; 8192]),
        ("8 KiB of spaces within", join(&[b"Bearer a", &[b' '; 8192], b"b"])),
        ("8 KiB of equals signs", join(&[b"Bearer ", &[b'='; 8192]])),
    ];
    // An optional layer takes only those for anonymous who bring no header at all.
    let paths = ["/caller", "/optional", "/slow", "/keys-down"];
    let rows = paths.into_iter().flat_map(|path| {
        values.iter().map(move |(name, value)| {
            row(
                format!("{name} is malformed at {path}"),
                Request::get(path).authorization(value),
                MalformedCredential,
            )
        })
    });
    rows.collect()
}

fn other_schemes(service: &Service) -> Vec<Row> {
    let good = service.issuer.token("ann").sign();
    let values = [
        ("Basic", "Basic dXNlcjpwYXNz".to_owned()),
        ("a lone other scheme", "Negotiate".to_owned()),
        ("Digest with parameters", r#"Digest username="ann", realm="x""#.to_owned()),
        ("DPoP", format!("DPoP {good}")),
        ("Token", format!("Token {good}")),
        ("JWT outside open_edx", format!("JWT {good}")),
        ("a scheme that starts like ours", format!("Bearers {good}")),
        ("a token without a scheme", good.clone()),
        ("8 KiB of letters", "a".repeat(8192)),
    ];
    let rows = ["/caller", "/optional"].into_iter().flat_map(|path| {
        values.iter().map(move |(name, value)| {
            row(
                format!("{name} is not accepted at {path}"),
                Request::get(path).authorization(value),
                UnsupportedScheme,
            )
        })
    });
    let basic = Request::get("/open-edx").authorization("Basic dXNlcjpwYXNz");
    rows.chain([
        row(
            "open_edx asks for its own scheme",
            basic,
            Expected::refused(UnsupportedScheme).challenge(r#"JWT realm="api""#),
        ),
        row(
            "open_edx refuses in its own scheme",
            Request::get("/open-edx").bearer("x"),
            Expected::refused(MalformedToken).challenge(r#"JWT error="invalid_token""#),
        ),
        row(
            "JWT needs a token too",
            Request::get("/open-edx").authorization("jwt"),
            Expected::refused(MalformedCredential).challenge(r#"JWT error="invalid_request""#),
        ),
    ])
    .collect()
}

fn several(service: &Service) -> Vec<Row> {
    let good = format!("Bearer {}", service.issuer.token("ann").sign());
    let pairs: [(&str, [&str; 2]); 5] = [
        ("the same credential twice", [&good, &good]),
        ("two different tokens", [&good, "Bearer x"]),
        ("a bad token before a good one", ["Bearer x", &good]),
        ("two schemes", ["Basic dXNlcjpwYXNz", &good]),
        ("an empty value before a good one", ["", &good]),
    ];
    let paths = ["/caller", "/optional", "/keys-down"];
    let rows = paths.into_iter().flat_map(|path| {
        pairs.iter().map(move |(name, [first, second])| {
            let request = Request::get(path).authorization(first).authorization(second);
            row(format!("{name} at {path}"), request, RepeatedCredential)
        })
    });
    let apart =
        Request::get("/caller").authorization(&good).line("x: y").line(format!("Authorization: {good}"));
    rows.chain([row("headers apart and in another case are still two", apart, RepeatedCredential)]).collect()
}

/// The token's limit lies below that of any server's head, so that the answer is ours.
fn sizes() -> Vec<Row> {
    let bearer = |bytes: usize| Request::get("/caller").bearer("a".repeat(bytes));
    vec![
        row("8 KiB of letters are no token", bearer(8 * 1024), MalformedToken),
        row("a token of 16 KiB is looked at", bearer(16 * 1024), MalformedToken),
        row("a token of one byte more is not", bearer(16 * 1024 + 1), TokenTooLarge),
        row("a token of 17 KiB is too large", bearer(17 * 1024), TokenTooLarge),
        row("a token of 38 kB is too large", bearer(38_000), TokenTooLarge),
        row(
            "a token that is too large is so without keys too",
            Request::get("/keys-down").bearer("a".repeat(17 * 1024)),
            TokenTooLarge,
        ),
    ]
}
