//! A token that never changes.

use linchpin_core::ConfigError;

use crate::{AccessToken, TokenOutcome, TokenRequest, TokenSource};

/// A token that was given once and for all, such as an API key that an upstream takes as a bearer token.
///
/// # Examples
///
/// ```
/// use linchpin_oauth::StaticToken;
///
/// let source = StaticToken::new("abc.def")?;
/// # drop(source);
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StaticToken {
    token: AccessToken,
}

impl StaticToken {
    /// A source of this token.
    ///
    /// # Errors
    ///
    /// If the text is no token, for example because it ends with the line of the file that it was read from; the setting is
    /// called `token`.
    pub fn new(token: &str) -> Result<Self, ConfigError> {
        let token = AccessToken::new(token).map_err(|error| {
            let fix = "give the token alone, without white space or a stray line end";
            ConfigError::single("token", format!("is of no use: {error}"), fix)
        })?;
        Ok(Self { token })
    }
}

impl TokenSource for StaticToken {
    fn token(&self, _: &TokenRequest<'_>) -> TokenOutcome {
        TokenOutcome::Ready(Ok(self.token.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_ready_even_after_it_was_rejected() {
        let source = StaticToken::new("abc").unwrap();
        let token = AccessToken::new("abc").unwrap();
        source.rejected(&token);

        let outcome = source.token(&TokenRequest::new("https://billing.example:443"));

        assert!(matches!(outcome, TokenOutcome::Ready(Ok(given)) if given == token));
    }

    #[test]
    fn a_text_that_is_no_token_is_a_mistake_that_is_told_without_it() {
        let error = StaticToken::new("s3cret\n").unwrap_err();

        assert_eq!(error.problems()[0].setting, "token");
        assert!(!error.to_string().contains("s3cret"));
    }
}
