//! Issuer, audience, kind and times.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use linchpin_core::{Reason, VerifyToken};
use linchpin_jwt::{Algorithm, KeySet, Profile, RolesClaim, SigningKey, Verifier};
use serde_json::{Value, json};

use crate::{AUDIENCE, ISSUER, KEY, claims, keys, now, reason, verifier, verify};

#[test]
fn a_good_token_becomes_a_caller() {
    let claims = claims(|claims| {
        claims["jti"] = json!("7");
        claims["azp"] = json!("app");
        claims["scope"] = json!("a b");
        claims["roles"] = json!(["admin"]);
        claims["tenant"] = json!("acme");
        claims["iat"] = json!(now());
        claims["nbf"] = json!(now() - 5);
    });

    let caller = verify(verifier(), &KEY.sign_jwt(&claims)).unwrap();

    assert_eq!(
        (caller.issuer(), caller.subject(), caller.client_id(), caller.token_id()),
        (ISSUER, Some("ann"), Some("app"), Some("7"))
    );
    assert_eq!(caller.audience().collect::<Vec<_>>(), [AUDIENCE]);
    assert!(caller.has_scope("a") && caller.has_scope("b") && caller.has_role("admin"));
    let seconds = [caller.expires_at(), caller.issued_at(), caller.not_before()]
        .map(|at| at.unwrap().as_unix_seconds() - now());
    assert_eq!(seconds, [30, 0, -5]);
    assert_eq!(caller.claims::<Value>().unwrap()["tenant"], "acme");
}

#[test]
fn the_issuer_is_required_and_compared_byte_for_byte() {
    let with = |issuer: Value| reason(verifier(), &claims(|claims| claims["iss"] = issuer));

    assert_eq!(with(json!(ISSUER)), None);
    for near in [
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        ISSUER.replace("https", "http"),
        format!(" {ISSUER}"),
        format!("{ISSUER}\u{0}"),
        ISSUER[..ISSUER.len() - 1].to_owned(),
        String::new(),
    ] {
        assert_eq!(with(json!(near)), Some(Reason::WrongIssuer), "{near:?}");
    }
    assert_eq!(with(json!([ISSUER])), Some(Reason::MalformedIssuer));
    let missing = claims(|claims| drop(claims.as_object_mut().unwrap().remove("iss")));
    assert_eq!(reason(verifier(), &missing), Some(Reason::MissingIssuer));
}

#[test]
fn one_of_the_audiences_has_to_be_ours() {
    let with = |audience: Value| reason(verifier(), &claims(|claims| claims["aud"] = audience));

    for good in [json!("grades"), json!(["grades"]), json!(["other", "grades"])] {
        assert_eq!(with(good.clone()), None, "{good}");
    }
    for wrong in [
        json!(""),
        json!("Grades"),
        json!("grades "),
        json!("grade"),
        json!("a grades"),
        json!([]),
        json!(["x"]),
    ] {
        assert_eq!(with(wrong.clone()), Some(Reason::WrongAudience), "{wrong}");
    }
    for malformed in
        [json!(null), json!(7), json!({"grades": true}), json!(["grades", null]), json!([["grades"]])]
    {
        assert_eq!(with(malformed.clone()), Some(Reason::MalformedAudience), "{malformed}");
    }
    let missing = claims(|claims| drop(claims.as_object_mut().unwrap().remove("aud")));
    assert_eq!(reason(verifier(), &missing), Some(Reason::MissingAudience));
    assert_eq!(reason(verifier().audience("x"), &claims(|claims| claims["aud"] = json!("x"))), None);
}

#[test]
fn texts_are_compared_after_unescaping_and_without_normalizing() {
    let payload = claims(|claims| claims["aud"] = json!("caf\u{e9}")).to_string();
    let escaped =
        payload.replace("\"iss\"", "\"\\u0069ss\"").replace("://", ":\\/\\/").replace('\u{e9}', "\\u00e9");
    let decomposed = payload.replace('\u{e9}', "e\u{301}");
    let header = json!({"alg": "ES256", "kid": KEY.key_id()}).to_string();
    let verify = |payload: &str| {
        let verifier = Verifier::builder(ISSUER, keys()).audience("caf\u{e9}");
        verify(verifier, &KEY.sign_compact(&header, payload)).err()
    };

    assert_ne!(escaped, payload);
    assert_eq!([verify(&payload), verify(&escaped)], [None, None]);
    assert_eq!(verify(&decomposed), Some(Reason::WrongAudience));
}

#[test]
fn clients_take_the_place_of_an_audience_where_there_is_none() {
    let cognito = || Verifier::builder(ISSUER, keys()).client_ids(["app"]);
    let without_audience = |client_id: Value| {
        claims(|claims| {
            claims.as_object_mut().unwrap().remove("aud");
            claims["client_id"] = client_id;
        })
    };

    assert_eq!(reason(cognito(), &without_audience(json!("app"))), None);
    assert_eq!(reason(cognito(), &without_audience(json!("App"))), Some(Reason::WrongClientId));
    assert_eq!(reason(cognito(), &without_audience(json!(["app"]))), Some(Reason::MalformedClientId));
    let azp_only = claims(|claims| claims["azp"] = json!("app"));
    assert_eq!(reason(cognito(), &azp_only), Some(Reason::MissingClientId), "`azp` is another claim");
    assert_eq!(
        reason(cognito().audience(AUDIENCE), &without_audience(json!("app"))),
        Some(Reason::MissingAudience)
    );
}

#[test]
fn an_audience_is_mandatory_unless_it_is_waived_loudly() {
    let error = Verifier::builder("", keys()).build().unwrap_err();
    let settings: Vec<&str> = error.problems().iter().map(|problem| problem.setting.as_str()).collect();
    assert_eq!(settings, ["issuer", "audience"]);

    let anyone = || Verifier::builder(ISSUER, keys()).dangerously_accept_any_audience();
    assert_eq!(reason(anyone(), &claims(|claims| claims["aud"] = json!("x"))), None);
    assert_eq!(reason(anyone(), &claims(|claims| claims["aud"] = json!(7))), Some(Reason::MalformedAudience));
    assert!(verifier().leeway(Duration::from_secs(601)).build().is_err());
    assert!(verifier().audience("").build().is_err());
    assert!(Verifier::builder(ISSUER, keys()).client_ids([""]).build().is_err());
}

#[test]
fn times_end_and_begin_at_the_leeway_exactly() {
    let with = |claim: &str, seconds: f64| {
        let at = now() as f64 + seconds;
        reason(verifier(), &claims(|claims| claims[claim] = json!(at)))
    };

    assert_eq!(with("exp", -29.999), None);
    assert_eq!(with("exp", -30.0), Some(Reason::Expired));
    assert_eq!(with("nbf", 30.0), None);
    assert_eq!(with("nbf", 30.001), Some(Reason::NotYetValid));
    assert_eq!(with("iat", 30.0), None);
    assert_eq!(with("iat", 30.001), Some(Reason::IssuedInFuture));

    let strict = || verifier().leeway(Duration::ZERO);
    assert_eq!(reason(strict(), &claims(|claims| claims["exp"] = json!(now()))), Some(Reason::Expired));
    assert_eq!(reason(strict(), &claims(|claims| claims["exp"] = json!(now() + 1))), None);
    assert_eq!(reason(strict(), &claims(|claims| claims["nbf"] = json!(now()))), None);
    let eternal = claims(|claims| drop(claims.as_object_mut().unwrap().remove("exp")));
    assert_eq!(reason(verifier(), &eternal), Some(Reason::MissingExpiry));
}

#[test]
fn age_and_lifetime_are_bounded_if_wanted() {
    let issued = |iat: i64, exp: i64| {
        claims(|claims| {
            claims["iat"] = json!(now() + iat);
            claims["exp"] = json!(now() + exp);
        })
    };
    let seconds = Duration::from_secs;
    let aged = |iat| reason(verifier().max_age(seconds(60)), &issued(iat, 1000));
    let lasting = |exp| reason(verifier().max_lifetime(seconds(60)), &issued(-10, exp));

    assert_eq!(aged(-90), None, "sixty seconds, and thirty of leeway");
    assert_eq!(aged(-91), Some(Reason::TokenTooOld));
    assert_eq!(lasting(50), None);
    assert_eq!(lasting(51), Some(Reason::LifetimeTooLong));
    assert_eq!(reason(verifier(), &issued(-1_000_000, 1_000_000)), None, "both are off unless set");
    let without_iat = claims(|_| {});
    assert_eq!(reason(verifier().max_age(seconds(60)), &without_iat), Some(Reason::MissingIssuedAt));
    assert_eq!(reason(verifier().max_lifetime(seconds(60)), &without_iat), Some(Reason::MissingIssuedAt));
    assert!(verifier().max_age(Duration::ZERO).max_lifetime(Duration::ZERO).build().is_err());
}

#[test]
fn other_kinds_of_token_are_refused() {
    let header = |typ: &str| {
        let header = json!({"alg": "ES256", "typ": typ, "kid": KEY.key_id()}).to_string();
        verify(verifier(), &KEY.sign_compact(&header, &claims(|_| {}).to_string())).err()
    };
    for good in ["JWT", "jwt", "at+jwt", "application/at+JWT"] {
        assert_eq!(header(good), None, "{good}");
    }
    for other in ["dpop+jwt", "logout+jwt", "secevent+jwt", "entity-statement+jwt", "", "JWT "] {
        assert_eq!(header(other), Some(Reason::WrongTokenType), "{other}");
    }

    let claim = |name: &str, value: Value| reason(verifier(), &claims(|claims| claims[name] = value));
    for (name, value) in [
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("Logout")),
        ("token_use", json!("id")),
        ("events", json!({})),
        ("at_hash", json!("x")),
        ("c_hash", json!("x")),
    ] {
        assert_eq!(claim(name, value.clone()), Some(Reason::WrongTokenType), "{name} {value}");
    }
    assert_eq!(claim("typ", json!("Bearer")), None);
    assert_eq!(claim("cnf", json!({"jkt": "x"})), Some(Reason::KeyBoundToken));
}

#[test]
fn rfc_9068_demands_its_type_and_its_claims() {
    let verifier = || verifier().profile(Profile::Rfc9068);
    let complete = |change: fn(&mut Value)| {
        claims(|claims| {
            claims["client_id"] = json!("app");
            claims["iat"] = json!(now());
            claims["jti"] = json!("7");
            change(claims);
        })
    };
    let verify = |typ: &str, claims: &Value| {
        let header = json!({"alg": "ES256", "typ": typ, "kid": KEY.key_id()}).to_string();
        verify(verifier(), &KEY.sign_compact(&header, &claims.to_string())).err()
    };

    assert_eq!(verify("at+jwt", &complete(|_| {})), None);
    assert_eq!(verify("JWT", &complete(|_| {})), Some(Reason::WrongTokenType));
    for (missing, expected) in [
        ("sub", Reason::MissingSubject),
        ("client_id", Reason::MissingClientId),
        ("iat", Reason::MissingIssuedAt),
        ("jti", Reason::MissingTokenId),
        ("aud", Reason::MissingAudience),
        ("exp", Reason::MissingExpiry),
    ] {
        let mut claims = complete(|_| {});
        claims.as_object_mut().unwrap().remove(missing);
        assert_eq!(verify("at+jwt", &claims), Some(expected));
    }
}

#[test]
fn rfc_9068_demands_an_audience_even_if_any_will_do() {
    let verifier = || {
        let anyone = Verifier::builder(ISSUER, keys()).dangerously_accept_any_audience();
        anyone.profile(Profile::Rfc9068)
    };
    let verify = |audience: Option<&str>| {
        let mut claims = json!({"iss": ISSUER, "sub": "ann", "client_id": "app", "jti": "7"});
        (claims["iat"], claims["exp"]) = (json!(now()), json!(now() + 30));
        if let Some(audience) = audience {
            claims["aud"] = json!(audience);
        }
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": KEY.key_id()}).to_string();
        verify(verifier(), &KEY.sign_compact(&header, &claims.to_string())).err()
    };

    assert_eq!(verify(Some("anyone")), None);
    assert_eq!(verify(None), Some(Reason::MissingAudience));
}

#[test]
fn open_edx_tokens_have_a_version_filters_and_restrictions() {
    // As an LMS issues them: RS512, and no `kid`.
    let key = SigningKey::generate(Algorithm::RS512).unwrap();
    let pem = key.public_pem().unwrap();
    let keys = KeySet::builder(Profile::OpenEdx.default_algorithms()).pem(&pem).build().unwrap();
    let verifier =
        Verifier::builder(ISSUER, std::sync::Arc::new(keys)).audience(AUDIENCE).profile(Profile::OpenEdx);
    let verifier = verifier.build().unwrap();
    let verify = |change: &dyn Fn(&mut Value)| {
        let claims = claims(|claims| {
            claims["version"] = json!("1.2.0");
            claims["scopes"] = json!(["read", "email"]);
            change(claims);
        });
        let token = key.sign_compact(r#"{"alg":"RS512","typ":"JWT"}"#, &claims.to_string());
        match verifier.verify(&token, linchpin_core::Timestamp::from_unix_seconds(now())) {
            linchpin_core::Outcome::Ready(result) => result.map_err(|refusal| refusal.reason()),
            linchpin_core::Outcome::Pending(_) => panic!("waits"),
        }
    };

    let caller = verify(&|claims| {
        claims["filters"] = json!(["content_org:edX", "user:me"]);
        claims["is_restricted"] = json!(true);
    })
    .unwrap();
    assert!(caller.has_scope("read") && caller.has_scope("email") && caller.is_restricted());
    assert_eq!(caller.filters().collect::<Vec<_>>(), ["content_org:edX", "user:me"]);

    let absent = verify(&|claims| drop(claims.as_object_mut().unwrap().remove("version"))).unwrap();
    assert!(!absent.is_restricted());
    for version in [json!("2.0.0"), json!("0.9.0"), json!("1"), json!("v1.2.0"), json!(1), json!(null)] {
        let refused = verify(&|claims| claims["version"] = version.clone()).unwrap_err();
        assert_eq!(refused, Reason::UnsupportedVersion, "{version}");
    }
    assert_eq!(verifier.schemes(), ["JWT", "Bearer"]);
}

#[test]
fn claims_that_only_open_edx_defines_mean_nothing_elsewhere() {
    let claims = claims(|claims| {
        claims["version"] = json!(["whatever"]);
        claims["is_restricted"] = json!("true");
        claims["filters"] = json!(["content_org:edX"]);
    });

    let caller = verify(verifier(), &KEY.sign_jwt(&claims)).unwrap();

    assert!(!caller.is_restricted());
    assert_eq!(caller.filters().count(), 0);
}

#[test]
fn roles_are_read_where_keycloak_puts_them() {
    let claims = claims(|claims| {
        claims["realm_access"] = json!({"roles": ["realm-admin"]});
        claims["resource_access"] =
            json!({"grades": {"roles": ["teacher"]}, "account": {"roles": ["view-profile"]}});
    });
    let roles = |place: RolesClaim| -> Vec<String> {
        let caller = verify(verifier().roles(place), &KEY.sign_jwt(&claims)).unwrap();
        caller.roles().iter().map(ToString::to_string).collect()
    };

    assert_eq!(roles(RolesClaim::keycloak_realm()), ["realm-admin"]);
    assert_eq!(roles(RolesClaim::keycloak_client("grades")), ["teacher"]);
    assert!(roles(RolesClaim::keycloak_client("billing")).is_empty());
    assert!(roles(RolesClaim::default()).is_empty());
}

#[test]
fn payloads_that_are_not_text_or_not_one_object_are_refused() {
    let header = json!({"alg": "ES256", "kid": KEY.key_id()}).to_string();
    for payload in ["", "[]", "null", "{", r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":2}}"#, "{} {}"] {
        let token = KEY.sign_compact(&header, payload);
        assert_eq!(verify(verifier(), &token).err(), Some(Reason::MalformedClaims), "{payload}");
    }
}

#[test]
fn claims_that_are_not_utf_8_are_refused() {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = encode(json!({"alg": "ES256", "kid": KEY.key_id()}).to_string().as_bytes());
    let payload = claims(|claims| claims["x"] = json!("~")).to_string().into_bytes();
    let with = |byte: u8| {
        let payload: Vec<u8> = payload.iter().map(|old| if *old == b'~' { byte } else { *old }).collect();
        let input = format!("{header}.{}", encode(&payload));
        let signature = encode(&KEY.sign_bytes(input.as_bytes()));
        verify(verifier(), &format!("{input}.{signature}")).err()
    };

    assert_eq!(with(b'y'), None);
    assert_eq!([0x80, 0xc0, 0xff].map(with), [Some(Reason::MalformedClaims); 3]);
}

#[test]
fn claims_are_bounded_in_number() {
    let with = |members: usize| {
        reason(verifier(), &claims(|claims| (4..members).for_each(|i| claims[i.to_string()] = json!(0))))
    };

    assert_eq!(with(256), None);
    assert_eq!(with(257), Some(Reason::MalformedClaims));
}
