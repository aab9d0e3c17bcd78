//! The authorization server's own description (OpenID Connect Discovery 1.0, RFC 8414).

use serde::Deserialize;

use crate::{FetchError, location::Transport, printable::printable};

/// The members of the metadata that count for keys; all others are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    pub(crate) jwks_uri: String,
}

/// The members of the metadata that count for tokens; all others are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenMetadata {
    issuer: String,
    token_endpoint: String,
    mtls_endpoint_aliases: Option<MtlsAliases>,
}

/// The endpoints for those who show a certificate (RFC 8705 §5).
#[derive(Debug, Deserialize)]
struct MtlsAliases {
    token_endpoint: Option<String>,
}

impl Metadata {
    /// Where the metadata stands, `base` being the issuer as a rule (OpenID Connect Discovery §4.1): its path is kept.
    pub(crate) fn url(base: &str) -> String {
        format!("{}/.well-known/openid-configuration", base.trim_end_matches('/'))
    }

    /// Reads metadata and believes it only if it is that of `issuer`, byte for byte (§4.3).
    pub(crate) fn read(json: &[u8], issuer: &str, transport: &Transport) -> Result<Self, FetchError> {
        let metadata: Self = serde_json::from_slice(json).map_err(|error| {
            FetchError::new("the metadata is not a JSON object with `issuer` and `jwks_uri`")
                .with_source(error)
        })?;
        check_issuer(&metadata.issuer, issuer)?;
        transport
            .check(&metadata.jwks_uri)
            .map_err(|bad| FetchError::new(format!("the metadata's jwks_uri {bad}; {}", bad.fix())))?;
        Ok(metadata)
    }
}

impl TokenMetadata {
    /// The token endpoint in metadata, which is believed only if it is that of `issuer`, byte for byte.
    pub(crate) fn read_endpoint(
        json: &[u8],
        issuer: &str,
        with_certificate: bool,
        transport: &Transport,
    ) -> Result<String, FetchError> {
        let metadata: Self = serde_json::from_slice(json).map_err(|error| {
            FetchError::new("the metadata is not a JSON object with `issuer` and `token_endpoint`")
                .with_source(error)
        })?;
        check_issuer(&metadata.issuer, issuer)?;
        let alias = metadata.mtls_endpoint_aliases.filter(|_| with_certificate);
        let url = alias.and_then(|alias| alias.token_endpoint).unwrap_or(metadata.token_endpoint);
        transport
            .check(&url)
            .map_err(|bad| FetchError::new(format!("the metadata's token_endpoint {bad}")))?;
        Ok(url)
    }
}

fn check_issuer(theirs: &str, ours: &str) -> Result<(), FetchError> {
    if theirs == ours {
        return Ok(());
    }
    let theirs = printable(theirs, MAX_TOLD_BYTES);
    Err(FetchError::new(format!(
        "the metadata is that of the issuer \"{theirs}\", not of \"{ours}\" (a final slash counts)"
    )))
}

/// What of a stranger's text goes into a log.
const MAX_TOLD_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, String> {
        Metadata::read(json.as_bytes(), "https://id.example/realms/a", &Transport::default())
            .map(|metadata| metadata.jwks_uri)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_issuers_path_is_kept() {
        let expected = "https://id.example/realms/a/.well-known/openid-configuration";

        assert_eq!(Metadata::url("https://id.example/realms/a"), expected);
        assert_eq!(Metadata::url("https://id.example/realms/a/"), expected);
    }

    #[test]
    fn only_the_issuers_own_metadata_is_believed() {
        let jwks_uri = "https://id.example/realms/a/keys";
        let document = |issuer| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}","more":[1]}}"#);

        assert_eq!(read(&document("https://id.example/realms/a")).as_deref(), Ok(jwks_uri));
        for other in
            ["https://id.example/realms/b", "https://id.example/realms/a/", "https://ID.example/realms/a", ""]
        {
            assert!(
                read(&document(other)).unwrap_err().contains("the metadata is that of the issuer"),
                "{other}"
            );
        }
    }

    #[test]
    fn of_another_issuer_no_more_than_the_beginning_is_told() {
        let told = |issuer: &str| {
            let error = read(&serde_json::json!({"issuer": issuer, "jwks_uri": ""}).to_string()).unwrap_err();
            error.split('"').nth(1).unwrap().to_owned()
        };

        assert_eq!(told(&"x".repeat(100_000)), "x".repeat(128));
        assert_eq!(told(&"x".repeat(128)), "x".repeat(128));
        assert_eq!(
            told(&format!("x{}", "é".repeat(100))),
            format!("x{}", "é".repeat(63)),
            "whole characters"
        );
        assert_eq!(told(&"\n".repeat(1000)), "\\n".repeat(128), "escaped");
    }

    #[test]
    fn what_is_no_metadata_is_told() {
        for json in [
            "",
            "[]",
            "<html>",
            r#"{"issuer":"https://id.example/realms/a"}"#,
            r#"{"issuer":7,"jwks_uri":"x"}"#,
        ] {
            assert!(read(json).unwrap_err().starts_with("the metadata is not a JSON object"), "{json}");
        }
        let plain = r#"{"issuer":"https://id.example/realms/a","jwks_uri":"http://id.example/keys"}"#;
        assert!(read(plain).unwrap_err().starts_with("the metadata's jwks_uri is plain http"));
    }
}
