//! jwt-simple, told to be as strict as it can.

use ::jwt_simple::prelude::{
    Duration, ECDSAP256PublicKeyLike, ECDSAP384PublicKeyLike, ES256PublicKey, ES384PublicKey,
    Ed25519PublicKey, EdDSAPublicKeyLike, HS256Key, HS384Key, HS512Key, JWTClaims, MACLike, NoCustomClaims,
    PS256PublicKey, PS384PublicKey, PS512PublicKey, RS256PublicKey, RS384PublicKey, RS512PublicKey,
    RSAPublicKeyLike, UnixTimeStamp, VerificationOptions,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{AUDIENCE, ISSUER, LEEWAY, Verdict};

type Verify =
    dyn Fn(&str, VerificationOptions) -> Result<JWTClaims<NoCustomClaims>, ::jwt_simple::Error> + Send + Sync;

pub(crate) struct Oracle {
    verify: Box<Verify>,
}

impl Oracle {
    pub(crate) fn new(jwk: &Value) -> Self {
        macro_rules! public {
            ($key:ty) => {{
                let key = <$key>::from_jwk(&jwk.to_string()).unwrap();
                Box::new(move |token: &str, options| key.verify_token(token, Some(options)))
            }};
        }
        macro_rules! secret {
            ($key:ty) => {{
                let key = <$key>::from_bytes(&secret(jwk));
                Box::new(move |token: &str, options| key.verify_token(token, Some(options)))
            }};
        }
        let verify: Box<Verify> = match jwk["alg"].as_str().unwrap() {
            "RS256" => public!(RS256PublicKey),
            "RS384" => public!(RS384PublicKey),
            "RS512" => public!(RS512PublicKey),
            "PS256" => public!(PS256PublicKey),
            "PS384" => public!(PS384PublicKey),
            "PS512" => public!(PS512PublicKey),
            "ES256" => public!(ES256PublicKey),
            "ES384" => public!(ES384PublicKey),
            "EdDSA" => public!(Ed25519PublicKey),
            "HS256" => secret!(HS256Key),
            "HS384" => secret!(HS384Key),
            "HS512" => secret!(HS512Key),
            other => panic!("jwt-simple has no {other}"),
        };
        Self { verify }
    }

    pub(crate) fn verdict(&self, token: &str, now: i64) -> Verdict<String> {
        let options = VerificationOptions {
            allowed_issuers: Some([ISSUER.to_owned()].into()),
            allowed_audiences: Some([AUDIENCE.to_owned()].into()),
            time_tolerance: Some(Duration::from_secs(LEEWAY.into())),
            artificial_time: Some(UnixTimeStamp::from_secs(now.unsigned_abs())),
            ..VerificationOptions::default()
        };
        (self.verify)(token, options).map(|claims| claims.subject).map_err(|error| error.to_string())
    }
}

fn secret(jwk: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap()
}
