//! What an upstream says about its error.

use std::fmt;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A problem (RFC 9457) that an upstream has answered with.
///
/// A member of the wrong type counts as absent (§3.1), and so does everything in a body above 64 KiB.
///
/// # Examples
///
/// ```no_run
/// # async fn pay(billing: &linchpin_client::Client) -> Result<(), linchpin_client::Error> {
/// let Err(error) = billing.post("/payments").json(&42).send().await?.json::<u64>().await else { return Ok(()) };
/// if let Some(problem) = error.problem() {
///     let balance: Option<i64> = problem.member("balance");
///     println!("{:?} {balance:?}", problem.title());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// The upstream writes it. It is not shown to callers and not logged; `Debug` shows the status alone.
#[derive(Clone, PartialEq)]
pub struct UpstreamProblem {
    members: Map<String, Value>,
}

impl UpstreamProblem {
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().map(|members| Self { members })
    }

    /// The URI that names the type of problem; `about:blank` unless another is given.
    pub fn type_uri(&self) -> &str {
        self.text("type").unwrap_or("about:blank")
    }

    /// A short title, the same for each occurrence.
    pub fn title(&self) -> Option<&str> {
        self.text("title")
    }

    /// The status, as the body repeats it.
    pub fn status(&self) -> Option<StatusCode> {
        let status = self.members.get("status")?.as_u64()?;
        StatusCode::from_u16(status.try_into().ok()?).ok()
    }

    /// What is said about this occurrence.
    pub fn detail(&self) -> Option<&str> {
        self.text("detail")
    }

    /// The URI of this occurrence.
    pub fn instance(&self) -> Option<&str> {
        self.text("instance")
    }

    /// A member beyond those, if it is there and of this type.
    pub fn member<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.members.get(name)?).ok()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }
}

impl fmt::Debug for UpstreamProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamProblem").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// The most bytes of a problem that are read.
pub(crate) const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_wrong_type_count_as_absent() {
        let body =
            br#"{"type":7,"title":"Out of credit","status":"403","detail":null,"instance":[],"balance":30}"#;

        let problem = UpstreamProblem::parse(body).unwrap();

        assert_eq!((problem.type_uri(), problem.title()), ("about:blank", Some("Out of credit")));
        assert_eq!((problem.status(), problem.detail(), problem.instance()), (None, None, None));
        assert_eq!(problem.member::<u8>("balance"), Some(30));
        assert_eq!(problem.member::<String>("balance"), None);
        assert_eq!(problem.member::<u8>("absent"), None);
    }

    #[test]
    fn what_is_no_object_is_no_problem() {
        let deep = "[".repeat(100_000);
        for body in ["", "null", "[]", "\"x\"", "{", "<html>", deep.as_str()] {
            assert_eq!(UpstreamProblem::parse(body.as_bytes()), None);
        }
        let far = UpstreamProblem::parse(br#"{"status":70000}"#).unwrap();
        assert_eq!(far.status(), None);
    }
}
