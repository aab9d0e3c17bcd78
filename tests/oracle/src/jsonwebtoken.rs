//! jsonwebtoken, told to be as strict as it can.

use std::str::FromStr;

use ::jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::Jwk};
use serde_json::Value;

use crate::{AUDIENCE, ISSUER, LEEWAY, Verdict};

pub(crate) struct Oracle {
    key: DecodingKey,
    validation: Validation,
}

impl Oracle {
    pub(crate) fn new(jwk: &Value) -> Self {
        // `decode` asks for the process-global provider. Installing it by name keeps this package working if a
        // neighbour in the build enables the other backend; from the second time on it is there already.
        let _ = ::jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();

        let algorithm = Algorithm::from_str(jwk["alg"].as_str().unwrap()).unwrap();
        let jwk: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY.into();
        Self { key: DecodingKey::from_jwk(&jwk).unwrap(), validation }
    }

    pub(crate) fn verdict(&self, token: &str) -> Verdict<String> {
        let decoded =
            decode::<Value>(token, &self.key, &self.validation).map_err(|error| error.to_string())?;
        Ok(decoded.claims["sub"].as_str().map(str::to_owned))
    }
}
