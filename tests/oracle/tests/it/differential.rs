//! Every disagreement is one that has a name here.

use std::{collections::BTreeSet, thread};

use linchpin_core::Reason;
use linchpin_jwt::Algorithm;
use oracle::{ALGORITHMS, Bench, Verdict};
use serde_json::Value;

use crate::{
    case::{Case, NOW, TWINS, cases, good},
    runner,
};

#[test]
fn every_disagreement_has_a_name() {
    let mut seen = BTreeSet::new();
    thread::scope(|scope| {
        let threads = ALGORITHMS.map(|algorithm| scope.spawn(move || compare(algorithm)));
        threads.into_iter().for_each(|thread| seen.extend(thread.join().unwrap()));
    });

    // A rule that nothing needs any more would hide the next bug.
    let unused: Vec<_> =
        STRICTER.iter().chain(WIDER).map(|rule| rule.name).filter(|name| !seen.contains(name)).collect();
    assert!(unused.is_empty(), "no case needs these rules: {unused:?}");
}

#[test]
fn everybody_accepts_a_good_token_of_every_algorithm() {
    thread::scope(|scope| {
        for algorithm in ALGORITHMS {
            scope.spawn(move || {
                let bench = Bench::new(algorithm);
                let check = |case: Case| {
                    let token = case.token(bench.key());
                    let ours = bench.ours(&token, *NOW).expect("a good token");
                    assert_eq!(bench.jsonwebtoken(&token).as_ref(), Ok(&ours), "{case:?}");
                    assert_eq!(bench.jwt_simple(&token, *NOW), Ok(ours), "{case:?}");
                    Ok(())
                };
                runner(4, algorithm as u64)
                    .run(&good(algorithm.name()), check)
                    .unwrap_or_else(|error| panic!("{algorithm}: {error}"));
            });
        }
    });
}

/// The names of the rules that the cases of one algorithm needed.
fn compare(algorithm: Algorithm) -> BTreeSet<&'static str> {
    let bench = Bench::new(algorithm);
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let check = |case: Case| {
        let token = case.token(bench.key());
        let ours = bench.ours(&token, *NOW);
        if !case.is_about_time() {
            seen.borrow_mut().extend(explain(&case, &ours, "jsonwebtoken", &bench.jsonwebtoken(&token)));
        }
        seen.borrow_mut().extend(explain(&case, &ours, "jwt-simple", &bench.jwt_simple(&token, *NOW)));
        Ok(())
    };
    runner(cases_of(algorithm), algorithm as u64)
        .run(&cases(algorithm.name()), check)
        .unwrap_or_else(|error| panic!("{algorithm}: {error}"));
    seen.into_inner()
}

/// The rules do not depend on the algorithm, so those that are fast without optimization carry most of the cases.
fn cases_of(algorithm: Algorithm) -> u32 {
    match algorithm {
        _ if algorithm.is_symmetric() => 1200,
        Algorithm::EdDSA => 500,
        _ => 20,
    }
}

/// The rule by which we differ, if we do.
fn explain(
    case: &Case,
    ours: &Verdict<Reason>,
    library: &str,
    theirs: &Verdict<String>,
) -> Option<&'static str> {
    let rules = match (ours, theirs) {
        (Err(_), Err(_)) => return None,
        (Ok(subject), Ok(theirs)) => {
            assert_eq!(subject, theirs, "two callers in one token for {library}: {case:?}");
            return None;
        }
        (Err(_), Ok(_)) => STRICTER,
        (Ok(_), Err(_)) => WIDER,
    };
    let rule = rules.iter().find(|rule| {
        rule.library.is_none_or(|name| name == library)
            && ours.as_ref().err().is_none_or(|reason| rule.reasons.contains(reason))
            && (rule.applies)(case)
    });
    assert!(rule.is_some(), "nameless: we say {ours:?}, {library} says {theirs:?}: {case:?}");
    rule.map(|rule| rule.name)
}

/// A difference that is meant.
struct Rule {
    name: &'static str,
    /// The only library that differs in this, or `None` if both do.
    library: Option<&'static str>,
    /// The reasons that we give; none if it is we who accept.
    reasons: &'static [Reason],
    applies: fn(&Case) -> bool,
}

/// Where we refuse what others accept.
const STRICTER: &[Rule] = &[
    Rule {
        name: "crit, b64 and zip are not understood, so not ignored",
        library: None,
        reasons: &[Reason::CriticalHeader],
        applies: |case| ["crit", "b64", "zip"].iter().any(|name| case.in_header(name).next().is_some()),
    },
    Rule {
        name: "names are unique at every depth",
        library: None,
        reasons: &[Reason::MalformedHeader, Reason::MalformedClaims],
        applies: |case| {
            [&case.header, &case.claims].into_iter().any(|members| {
                let names: BTreeSet<_> = members.iter().map(|(name, _)| name).collect();
                names.len() < members.len() || members.iter().any(|(_, value)| value == TWINS)
            })
        },
    },
    Rule {
        name: "the members of the header that count are strings",
        library: None,
        reasons: &[Reason::MalformedHeader],
        applies: |case| ["kid", "typ"].iter().any(|name| case.in_header(name).any(|value| !is_text(value))),
    },
    Rule {
        name: "the typ of the header is that of an access token",
        library: None,
        reasons: &[Reason::WrongTokenType],
        applies: |case| case.in_header("typ").next().is_some(),
    },
    Rule {
        name: "the claims are those of an access token",
        library: None,
        reasons: &[Reason::WrongTokenType],
        applies: |case| {
            ["typ", "token_use", "events", "at_hash"].iter().any(|name| case.in_claims(name).next().is_some())
        },
    },
    Rule {
        name: "a token that is bound to a key is no bearer token",
        library: None,
        reasons: &[Reason::KeyBoundToken],
        applies: |case| case.in_claims("cnf").next().is_some(),
    },
    Rule {
        name: "kid names the key",
        library: None,
        reasons: &[Reason::UnknownKey],
        applies: |case| case.in_header("kid").any(|value| value != r#""test""#),
    },
    Rule {
        name: "exp is required",
        library: Some("jwt-simple"),
        reasons: &[Reason::MissingExpiry],
        applies: |case| case.in_claims("exp").next().is_none(),
    },
    Rule {
        name: "exp is the first moment at which a token is not valid any more",
        library: Some("jwt-simple"),
        reasons: &[Reason::Expired],
        applies: |case| case.in_claims("exp").any(|value| value == (*NOW - 30).to_string()),
    },
    Rule {
        name: "iat does not lie in the future",
        library: Some("jsonwebtoken"),
        reasons: &[Reason::IssuedInFuture],
        applies: |case| case.in_claims("iat").next().is_some(),
    },
    Rule {
        name: "an issuer is one string",
        library: Some("jsonwebtoken"),
        reasons: &[Reason::MalformedIssuer],
        applies: |case| case.in_claims("iss").any(|value| value.starts_with('[')),
    },
    Rule {
        name: "a registered claim is of its type or absent",
        library: None,
        reasons: &[Reason::MalformedSubject, Reason::MalformedTokenId, Reason::MalformedClientId],
        applies: |case| {
            let claims = ["sub", "jti", "client_id", "azp"];
            claims.iter().any(|name| case.in_claims(name).any(|value| !is_text(value)))
        },
    },
    Rule {
        name: "a time is a number of this calendar or absent",
        library: None,
        reasons: &[Reason::MalformedExpiry, Reason::MalformedNotBefore, Reason::MalformedIssuedAt],
        applies: |case| {
            let times = ["exp", "nbf", "iat"];
            times.iter().any(|name| {
                case.in_claims(name).any(|value| !value.parse::<f64>().is_ok_and(|seconds| seconds < 1e12))
            })
        },
    },
];

/// Where we accept what others refuse.
const WIDER: &[Rule] = &[
    Rule {
        name: "Ed25519 is a name of EdDSA (RFC 9864)",
        library: Some("jsonwebtoken"),
        reasons: &[],
        applies: |case| case.in_header("alg").all(|value| value == r#""Ed25519""#),
    },
    Rule {
        name: "members of the header that do not count may be anything",
        library: None,
        reasons: &[],
        applies: |case| ["jku", "jwk", "x5c", "cty"].iter().any(|name| case.in_header(name).next().is_some()),
    },
    Rule {
        name: "claims that nobody asked for may be anything",
        library: Some("jwt-simple"),
        reasons: &[],
        applies: |case| case.in_claims("nonce").any(|value| !is_text(value)),
    },
    Rule {
        name: "typ is a media type, with or without application/",
        library: Some("jwt-simple"),
        reasons: &[],
        applies: |case| case.in_header("typ").any(|value| value == r#""application/JWT""#),
    },
    Rule {
        name: "a time may lie before 1970",
        library: None,
        reasons: &[],
        applies: |case| {
            ["nbf", "iat"].iter().any(|name| case.in_claims(name).any(|value| value.starts_with('-')))
        },
    },
];

fn is_text(json: &str) -> bool {
    matches!(serde_json::from_str(json), Ok(Value::String(_)))
}
