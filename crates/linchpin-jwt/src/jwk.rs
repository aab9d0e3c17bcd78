//! JSON Web Keys (RFC 7517), read leniently: a key that is not for us must not spoil the set.

use serde_json::Value;

use crate::{Algorithm, Algorithms, KeyError, KeyErrorKind, KeyMaterial, base64url, material::Curve};

/// A key of a set, with what it says about its use.
pub(crate) struct Jwk {
    pub(crate) key_id: Option<String>,
    pub(crate) material: KeyMaterial,
    /// What is left of the allow-list after `kty`, `crv` and `alg` of the key; not empty.
    pub(crate) algorithms: Algorithms,
    /// The issuer for whose tokens the key is, where such a member has a meaning.
    pub(crate) issuer: Option<String>,
}

impl Jwk {
    /// Reads a key; `bound_to_issuer` says whether its member `issuer`, which only Microsoft Entra has, counts.
    pub(crate) fn read(jwk: &Value, allowed: Algorithms, bound_to_issuer: bool) -> Result<Self, KeyError> {
        let members = jwk.as_object().ok_or(malformed("the key is not a JSON object"))?;
        let text = |name| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(malformed("a member that has to be a string is not one")),
        };

        let not_for_verification = |message| Err(KeyError::new(KeyErrorKind::NotForVerification, message));
        if text("use")?.is_some_and(|usage| usage != "sig") {
            return not_for_verification("the key's `use` is not `sig`");
        }
        match members.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {}
            Some(_) => return not_for_verification("the key's `key_ops` do not hold `verify`"),
        }

        let material = read_material(text)?;
        let fits = |algorithm: &Algorithm| allowed.contains(*algorithm) && material.supports(*algorithm);
        let algorithms: Algorithms = match text("alg")? {
            None => allowed.iter().filter(fits).collect(),
            Some(name) => {
                let unsupported =
                    KeyError::new(KeyErrorKind::Unsupported, "the key's `alg` is not supported");
                let algorithm: Algorithm = name.parse().map_err(|_| unsupported)?;
                Some(algorithm).into_iter().filter(fits).collect()
            }
        };
        if algorithms.is_empty() {
            return Err(KeyError::new(KeyErrorKind::NotAllowed, "no allowed algorithm fits the key"));
        }
        let issuer = if bound_to_issuer { text("issuer")?.map(str::to_owned) } else { None };
        Ok(Self { key_id: text("kid")?.map(str::to_owned), material, algorithms, issuer })
    }
}

fn read_material<'j>(
    text: impl Fn(&'static str) -> Result<Option<&'j str>, KeyError>,
) -> Result<KeyMaterial, KeyError> {
    const UNSUPPORTED: KeyError = KeyError::new(
        KeyErrorKind::Unsupported,
        "the key's type or curve is not RSA, P-256, P-384, P-521 or Ed25519",
    );

    let number = |name| {
        let encoded = text(name)?.ok_or(malformed("a member of the key is missing"))?;
        base64url::decode(encoded).ok_or(malformed("a member of the key is not unpadded base64url"))
    };
    let key_type = text("kty")?.ok_or(malformed("the key has no `kty`"))?;
    match (key_type, text("crv")?) {
        ("RSA", _) => KeyMaterial::rsa(&number("n")?, &number("e")?),
        ("EC", Some("P-256")) => KeyMaterial::ec(Curve::P256, &number("x")?, &number("y")?),
        ("EC", Some("P-384")) => KeyMaterial::ec(Curve::P384, &number("x")?, &number("y")?),
        ("EC", Some("P-521")) => KeyMaterial::ec(Curve::P521, &number("x")?, &number("y")?),
        ("OKP", Some("Ed25519")) => KeyMaterial::ed25519(&number("x")?),
        ("oct", _) => KeyMaterial::secret(&number("k")?),
        _ => Err(UNSUPPORTED),
    }
}

const fn malformed(message: &'static str) -> KeyError {
    KeyError::new(KeyErrorKind::Malformed, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn p256() -> Value {
        // RFC 7517 A.1
        json!({"kty": "EC", "crv": "P-256", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
    }

    fn with(members: Value) -> Value {
        let mut jwk = p256();
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    }

    fn read(jwk: &Value) -> Result<Algorithms, KeyErrorKind> {
        Jwk::read(jwk, Algorithms::from(Algorithm::ALL), true)
            .map(|jwk| jwk.algorithms)
            .map_err(|error| error.kind())
    }

    #[test]
    fn what_a_key_says_about_its_use_is_honoured() {
        let es256 = Ok(Algorithms::from([Algorithm::ES256]));

        assert_eq!(read(&p256()), es256);
        assert_eq!(
            read(&with(json!({"use": "sig", "key_ops": ["sign", "verify"], "alg": "ES256", "x5c": 7}))),
            es256
        );
        for members in [
            json!({"use": "enc"}),
            json!({"use": ""}),
            json!({"key_ops": ["encrypt"]}),
            json!({"key_ops": []}),
            json!({"key_ops": "verify"}),
        ] {
            assert_eq!(read(&with(members.clone())), Err(KeyErrorKind::NotForVerification), "{members}");
        }
        assert_eq!(read(&with(json!({"alg": "ECDH-ES"}))), Err(KeyErrorKind::Unsupported));
        assert_eq!(read(&with(json!({"alg": "ES384"}))), Err(KeyErrorKind::NotAllowed));
        assert_eq!(read(&with(json!({"alg": "HS256"}))), Err(KeyErrorKind::NotAllowed));
    }

    #[test]
    fn the_issuer_of_a_key_counts_where_it_is_asked_for() {
        let issuer = |value: Value, counts| {
            let jwk = Jwk::read(&with(json!({"issuer": value})), Algorithm::ALL.into(), counts);
            jwk.map(|jwk| jwk.issuer).map_err(|error| error.kind())
        };

        assert_eq!(
            issuer(json!("https://login.example"), true),
            Ok(Some("https://login.example".to_owned()))
        );
        assert_eq!(issuer(json!(["https://login.example"]), true), Err(KeyErrorKind::Malformed));
        assert_eq!(issuer(json!("https://login.example"), false), Ok(None));
        assert_eq!(issuer(json!(7), false), Ok(None), "whatever it means to others");
    }

    #[test]
    fn the_allow_list_counts_whatever_the_key_says() {
        for (jwk, allowed) in [
            (with(json!({"alg": "ES256"})), vec![Algorithm::ES384, Algorithm::RS256]),
            (with(json!({"alg": "ES256"})), vec![]),
            (p256(), vec![Algorithm::ES384]),
        ] {
            let refused =
                Jwk::read(&jwk, allowed.into_iter().collect(), false).err().map(|error| error.kind());
            assert_eq!(refused, Some(KeyErrorKind::NotAllowed), "{jwk}");
        }
    }

    #[test]
    fn a_key_that_is_not_well_formed_says_so() {
        for members in [
            json!({"kty": 7}),
            json!({"kid": 7}),
            json!({"alg": null}),
            json!({"use": ["sig"]}),
            json!({"x": "AA"}),
            json!({"x": "!"}),
            json!({"y": null}),
        ] {
            assert_eq!(read(&with(members.clone())), Err(KeyErrorKind::Malformed), "{members}");
        }
        for jwk in [json!(null), json!([]), json!({}), json!({"kty": "RSA", "n": "AQAB"})] {
            assert_eq!(read(&jwk), Err(KeyErrorKind::Malformed), "{jwk}");
        }
    }

    #[test]
    fn unknown_types_and_curves_are_unsupported() {
        for jwk in [
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "EC"}),
            json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        ] {
            assert_eq!(read(&jwk), Err(KeyErrorKind::Unsupported), "{jwk}");
        }
    }
}
