//! Several issuers on one layer: `/issuers` takes the tokens of four, one of whose keys are not there.

use linchpin_core::Reason::{self, *};
use linchpin_test::TokenBuilder;
use serde_json::json;

use super::{Expected, Row, row};
use crate::{Request, Service, service::DOWN};

pub(super) fn rows(service: &Service) -> Vec<Row> {
    let (school, lms) = (|| service.issuer.token("ann"), || service.lms.token("ann"));
    let with = |scheme: &str, token: TokenBuilder<'_>| {
        Request::get("/issuers").authorization(format!("{scheme} {}", token.sign()))
    };
    let admitted =
        |name: &str, scheme: &str, token| row(name, with(scheme, token), Expected::json(r#"{"sub":"ann"}"#));
    let refused = |name: &str, token, reason: Reason| row(name, with("Bearer", token), reason);
    vec![
        admitted("a token of the first issuer is accepted", "Bearer", school()),
        admitted("a token of the second issuer is accepted", "Bearer", lms()),
        admitted("a token comes under the scheme of its issuer", "JWT", lms()),
        row("a token comes under no other issuer's scheme", with("JWT", school()), UnsupportedScheme),
        refused("each issuer has its own audience", lms().audience("tests"), WrongAudience),
        refused("each issuer has its own profile", lms().claim("version", "2.0.0"), UnsupportedVersion),
        admitted("no issuer has the profile of another", "Bearer", school().claim("version", "2.0.0")),
        refused("an issuer of nobody's", school().claim("iss", "https://other.test"), WrongIssuer),
        refused(
            "an issuer of nobody's, forged",
            lms().claim("iss", "x").with_broken_signature(),
            WrongIssuer,
        ),
        refused("none of the issuers", school().without("iss"), MissingIssuer),
        refused("all of the issuers", school().claim("iss", json!([service.lms.issuer()])), MalformedIssuer),
        refused("another one's keys", school().claim("iss", service.lms.issuer()), UnknownKey),
        refused(
            "another one's keys, and its audience",
            lms().claim("iss", service.issuer.issuer()).audience("tests"),
            UnknownKey,
        ),
        refused(
            "two of the issuers",
            school().raw_payload(format!(
                r#"{{"iss":"{}","iss":"{}"}}"#,
                service.issuer.issuer(),
                service.lms.issuer()
            )),
            MalformedClaims,
        ),
        refused("an issuer whose keys are not there", school().claim("iss", DOWN), KeysUnavailable),
    ]
}
