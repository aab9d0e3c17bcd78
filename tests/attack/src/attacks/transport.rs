//! The request: several credentials, other places and schemes, smuggled bytes, sizes.

use linchpin_core::Reason::*;
use parity::Request;

use super::{bearer, open, request, token};
use crate::{Attack, Refused::AsHttp, Scene};

pub(super) fn attacks(scene: &Scene) -> Vec<Attack> {
    [repeated(scene), elsewhere(scene), other_schemes(scene), smuggled(scene), sizes(scene)].concat()
}

fn repeated(scene: &Scene) -> Vec<Attack> {
    let (good, other) = (scene.good(), scene.token().signed_by(&scene.stranger).sign());
    let twin = || bearer(&good);
    let two = |name: &str, first: &str, second: &str| {
        request(name, open().authorization(first).authorization(second), RepeatedCredential, twin())
    };
    let good_one = &format!("Bearer {good}");
    vec![
        two("two good credentials", good_one, good_one),
        two("a good credential before a bad one", good_one, &format!("Bearer {other}")),
        two("a good credential after a bad one", &format!("Bearer {other}"), good_one),
        two("a good credential after an empty one", "", good_one),
        two("a good credential before an empty one", good_one, ""),
        two("a good credential after one of another scheme", "Basic YW5uOnBhc3M=", good_one),
        two("a good credential before one of another scheme", good_one, "Basic YW5uOnBhc3M="),
        request(
            "two good credentials, under names in other case",
            twin().line(format!("AUTHORIZATION: {good_one}")),
            RepeatedCredential,
            open().line(format!("AUTHORIZATION: {good_one}")),
        ),
        request("three good credentials", twin().bearer(&good).bearer(&good), RepeatedCredential, twin()),
        request(
            "two good credentials with other lines between them",
            twin().line("accept: */*").bearer(&good),
            RepeatedCredential,
            twin().line("accept: */*"),
        ),
    ]
}

/// A good token where no token is looked for. The twin has it in its place as well.
fn elsewhere(scene: &Scene) -> Vec<Attack> {
    let good = scene.good();
    let query: &'static str = format!("/whoami?access_token={good}").leak();
    let form = format!("access_token={good}");
    let lines = [
        format!("cookie: access_token={good}; authorization=Bearer {good}"),
        format!("proxy-authorization: Bearer {good}"),
        format!("x-authorization: Bearer {good}"),
        format!("x-forwarded-authorization: Bearer {good}"),
        format!("x-access-token: {good}"),
        format!("authorization_: Bearer {good}"),
        format!("authentication: Bearer {good}"),
        format!("x-http-header-override: authorization=Bearer {good}"),
        "x-original-url: /healthz".to_owned(),
        "x-forwarded-user: ann".to_owned(),
        "x-remote-user: ann".to_owned(),
        "x-forwarded-for: 127.0.0.1".to_owned(),
    ];
    let mut attacks = Vec::from(lines.map(|line| {
        let (place, _) = line.split_once(':').unwrap_or_default();
        let bad = open().line(line.clone());
        request(format!("no credential but {place}"), bad.clone(), MissingCredential, bad.bearer(&good))
    }));
    let form = || Request::post("/whoami", form.as_bytes()).method("GET");
    attacks.push(request(
        "a token in the query",
        Request::get(query),
        MissingCredential,
        Request::get(query).bearer(&good),
    ));
    attacks.push(request("a token in a form", form(), MissingCredential, form().bearer(&good)));
    attacks
}

fn other_schemes(scene: &Scene) -> Vec<Attack> {
    let good = &scene.good();
    let schemes = [
        "Basic",
        "DPoP",
        "JWT",
        "Token",
        "Digest",
        "Negotiate",
        "Bear",
        "Bearers",
        "MAC",
        "GNAP",
        "bearer-token",
    ];
    let mut attacks = Vec::from(schemes.map(|scheme| {
        let bad = open().authorization(format!("{scheme} {good}"));
        request(
            format!("a good token under the scheme {scheme}"),
            bad,
            UnsupportedScheme,
            open().authorization(format!("bEaReR {good}")),
        )
    }));
    attacks.push(request(
        "a good token without a scheme",
        open().authorization(good),
        UnsupportedScheme,
        bearer(good),
    ));
    attacks
}

/// Bytes around, within and between, which some parser on the way may take for nothing.
fn smuggled(scene: &Scene) -> Vec<Attack> {
    let good = &scene.good();
    let malformed = [
        ("a tab after the scheme", format!("Bearer\t{good}")),
        ("a tab after the space", format!("Bearer \t{good}")),
        ("a no-break space after the scheme", format!("Bearer\u{a0}{good}")),
        ("an ideographic space after the space", format!("Bearer \u{3000}{good}")),
        ("a zero-width space before the token", format!("Bearer \u{200b}{good}")),
        ("a next-line character after the token", format!("Bearer {good}\u{85}")),
        ("a colon after the scheme", format!("Bearer: {good}")),
        ("an equals sign after the scheme", format!("Bearer={good}")),
        ("the scheme twice", format!("Bearer Bearer {good}")),
        ("quotes around the token", format!("Bearer \"{good}\"")),
        ("angle brackets around the token", format!("Bearer <{good}>")),
        ("a comma after the token", format!("Bearer {good},")),
        ("a second credential behind a comma", format!("Bearer {good}, Bearer {good}")),
        ("a second token behind a space", format!("Bearer {good} {good}")),
        ("a parameter before the token", format!("Bearer realm=\"x\", token={good}")),
        ("a semicolon behind the token", format!("Bearer {good};a=b")),
        ("an escaped NUL behind the token", format!("Bearer {good}%00")),
        ("an escaped line break behind the token", format!("Bearer {good}%0d%0aX-User:%20root")),
        ("a scheme in full-width letters", format!("\u{ff22}earer {good}")),
        ("a scheme and nothing else", "Bearer".to_owned()),
        ("a scheme and a space", "Bearer ".to_owned()),
        ("nothing", String::new()),
        ("an equals sign as the token", "Bearer =".to_owned()),
    ];
    // RFC 6750 §2.1 has one or more spaces, RFC 9110 §5.5 white space around a value.
    let twin = || open().line(format!("authorization:\t  Bearer   {good} \t"));
    let malformed = malformed.map(|(what, value)| {
        request(format!("a credential with {what}"), open().authorization(value), MalformedCredential, twin())
    });
    let not_http: [(&str, Vec<u8>); 9] = [
        ("NUL in the value", format!("authorization: Bearer {good}\0").into()),
        ("NUL within the token", format!("authorization: Bearer \0{good}").into()),
        ("a control byte in the value", format!("authorization: Bearer {good}\u{1}").into()),
        ("a vertical tab for a space", format!("authorization: Bearer\u{b}{good}").into()),
        ("a form feed for a space", format!("authorization: Bearer\u{c}{good}").into()),
        ("DEL in the value", format!("authorization: Bearer {good}\u{7f}").into()),
        ("a bare carriage return in the value", format!("authorization: Bearer {good}\rx: y").into()),
        ("a folded value", format!("authorization: Bearer\r\n {good}").into()),
        ("NUL in the name", format!("authorization\0: Bearer {good}").into()),
    ];
    let not_http = not_http
        .map(|(what, line)| request(format!("a line with {what}"), open().line(line), AsHttp, twin()));
    let not_utf8 = [
        ("before", [b"\xff Bearer ", good.as_bytes()].concat()),
        ("after", [b"Bearer ", good.as_bytes(), b"\xff"].concat()),
    ]
    .map(|(place, value)| {
        request(
            format!("a byte that is not UTF-8 {place} the token"),
            open().authorization(value),
            MalformedCredential,
            twin(),
        )
    });
    malformed.into_iter().chain(not_http).chain(not_utf8).collect()
}

fn sizes(scene: &Scene) -> Vec<Attack> {
    let long =
        |n: usize| scene.exactly(&scene.header(""), &scene.payload(&format!(r#","x":"{}""#, "x".repeat(n))));
    let longest = (12_000..).map_while(|n| Some(n).filter(|n| long(*n).len() <= MAX_TOKEN_BYTES)).last();
    let longest = longest.expect("a token of 12000 bytes is not too long");
    let body = |body: &[u8]| Request::post("/whoami", body).method("GET");
    vec![
        token("a token one byte of claims too large", long(longest + 1), TokenTooLarge, long(longest)),
        token("a token of 64 kB", "a".repeat(1 << 16), TokenTooLarge, scene.good()),
        token("a token of 40 kB that is well formed", long(30_000), TokenTooLarge, long(0)),
        token("a token of 16 kB of dots", ".".repeat(MAX_TOKEN_BYTES), MalformedToken, long(longest)),
        request(
            "a body of 64 kB and no credential",
            body(&[b'a'; 1 << 16]),
            MissingCredential,
            body(b"").bearer(scene.good()),
        ),
    ]
}

/// What the services accept unless told otherwise.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
