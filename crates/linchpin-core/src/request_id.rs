//! The name of one request, by which its log lines are found.

use std::{cell::RefCell, error::Error, fmt, str::FromStr, sync::Arc};

/// The id of one request: 1 to 128 characters, each an ASCII letter or digit or one of `-_.~:+/=@`.
///
/// Everything in that set can stand in a header, a log line, a URL's path and a shell argument without being quoted. Clones
/// share the text. `linchpin-trace` keeps or mints one for each request, and enters it while the request is worked on, so
/// that a [`Problem`](crate::Problem) that is answered meanwhile carries it as its member `request_id`.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Problem, RequestId};
///
/// let id: RequestId = "0199f3a0-7c1e-7d52-9a50-5a8f3f8c2b11".parse()?;
/// assert!("a b".parse::<RequestId>().is_err());
///
/// let answer = id.scope(|| Problem::new(404, "Not Found").into_answer());
/// assert!(answer.body().ends_with(r#""request_id":"0199f3a0-7c1e-7d52-9a50-5a8f3f8c2b11"}"#));
/// assert_eq!(RequestId::current(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// It correlates and authorizes nothing: whoever sends a request may choose it, and two requests may bear the same one.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The longest id, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// The id in a header's value, if it is one; nothing is trimmed or replaced.
    pub fn from_header(value: &[u8]) -> Option<Self> {
        std::str::from_utf8(value).ok()?.parse().ok()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the request that this thread works on, if any.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Runs `work` as part of this request: meanwhile the id is [`current`](Self::current) on this thread.
    ///
    /// It is meant for one poll of a future; when `work` is over, or panics, the id that was current before is again.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        struct Restore(Option<RequestId>);

        impl Drop for Restore {
            fn drop(&mut self) {
                replace_current(self.0.take());
            }
        }

        let _restore = Restore(replace_current(Some(self.clone())));
        work()
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        // The length first, so that a long value costs nothing.
        let fits = !text.is_empty() && text.len() <= Self::MAX_LENGTH;
        if fits && text.bytes().all(is_allowed) { Ok(Self(text.into())) } else { Err(InvalidRequestId) }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}

/// The text is not a request id: it is empty, longer than 128 characters, or holds one that no id has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidRequestId;

impl fmt::Display for InvalidRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request id is 1 to 128 ASCII letters, digits and -_.~:+/=@")
    }
}

impl Error for InvalidRequestId {}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~:+/=@".contains(&byte)
}

/// Changes the slot; when a thread ends the slot is gone before some of what runs then, which has no current request.
fn replace_current(id: Option<RequestId>) -> Option<RequestId> {
    CURRENT.try_with(|current| current.replace(id)).ok().flatten()
}

thread_local! {
    static CURRENT: RefCell<Option<RequestId>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Problem, Reason};

    #[test]
    fn an_id_is_short_and_of_harmless_characters() {
        for good in
            ["a", "0199f3a0-7c1e-7d52-9a50-5a8f3f8c2b11", "Root=1-5f84c7a6:x_y.z~+/=@", &"a".repeat(128)]
        {
            assert_eq!(good.parse::<RequestId>().unwrap().as_str(), good);
        }
        let long = "a".repeat(129);
        let huge = "a".repeat(10 * 1024);
        let bad = [
            "", " ", " a", "a b", "a\n", "a\0", "\u{7f}", "a\"", "a\\", "a,b", "a;b", "{a}", "<a>", "ä",
            "\u{2028}", &long, &huge,
        ];
        for bad in bad {
            assert_eq!(bad.parse::<RequestId>(), Err(InvalidRequestId), "{bad:?}");
            assert_eq!(RequestId::from_header(bad.as_bytes()), None);
        }
        assert_eq!(RequestId::from_header(b"\xff"), None);
    }

    #[test]
    fn scopes_nest_and_end_with_a_panic_too() {
        let (outer, inner): (RequestId, RequestId) = ("outer".parse().unwrap(), "inner".parse().unwrap());

        outer.scope(|| {
            let caught =
                std::panic::catch_unwind(|| inner.scope(|| panic!("{}", RequestId::current().unwrap())));
            assert_eq!(*caught.unwrap_err().downcast::<String>().unwrap(), "inner");
            assert_eq!(RequestId::current().as_ref(), Some(&outer));
        });

        assert_eq!(RequestId::current(), None);
    }

    #[test]
    fn a_problem_names_the_request_once_and_a_handler_may_name_another() {
        let id: RequestId = "abc".parse().unwrap();

        let refusal = id.scope(|| Problem::from(Reason::Expired).into_answer());
        let own = id.scope(|| Problem::new(404, "Not Found").with("request_id", "xyz").into_answer());

        assert!(refusal.body().ends_with(r#""reason":"expired","request_id":"abc"}"#), "{}", refusal.body());
        assert!(own.body().ends_with(r#""status":404,"request_id":"xyz"}"#), "{}", own.body());
    }
}
