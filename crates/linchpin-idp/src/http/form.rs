//! Parameters in the form encoding.

use axum::http::StatusCode;

use super::token::Refused;

/// The parameters of a request; those without a value count as left out (RFC 6749 §3.2).
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(text: &[u8]) -> Self {
        let parameters = form_urlencoded::parse(text).into_owned();
        Self(parameters.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The value of a parameter that may be there once (RFC 6749 §3.2).
    pub(super) fn single(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                format!("the parameter {name} is there more than once"),
            )),
        }
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| &**value)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}
