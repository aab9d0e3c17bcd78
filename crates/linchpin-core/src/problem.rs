//! What a refused client is told: challenge, problem body, answer.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::{Reason, Refusal, RequestId};

/// An error answer in the form of RFC 9457, `application/problem+json`.
///
/// A [`Refusal`] turns into one; a handler makes its own for whatever else goes wrong. The adapters return it as a
/// response, under the same name.
///
/// # Examples
///
/// ```
/// use linchpin_core::Problem;
///
/// let problem = Problem::new(404, "Not Found").detail("There is no such course.").with("course", "edX+DemoX");
/// assert_eq!(
///     problem.into_answer().body(),
///     r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such course.","course":"edX+DemoX"}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    status: u16,
    title: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    reason: Option<Reason>,
    extensions: Extensions,
    challenge: Option<Challenge>,
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem with a status of 400 to 599 (any other becomes 500) and a short title that is the same for each
    /// occurrence, usually the status phrase.
    pub fn new(status: u16, title: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: if (400..600).contains(&status) { status } else { 500 },
            title: title.into(),
            detail: None,
            reason: None,
            extensions: Extensions::default(),
            challenge: None,
            retry_after: None,
        }
    }

    /// Explains this occurrence to the client.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member; see [`Extensions::insert`] for what is not added.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.extensions.insert(name, value);
        self
    }

    /// Says when to try again, in the header `retry-after`; parts of a second count as one.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason, if this is a refusal of ours.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The answer that carries this problem, ready to be written by any framework.
    ///
    /// While a request is observed, the body names it as `request_id`, unless there is a member of that name.
    pub fn into_answer(mut self) -> Answer {
        if let Some(id) = RequestId::current() {
            self.extensions.insert("request_id", id.as_str());
        }
        self.into_answer_of_any_request()
    }

    /// The answer without the name of a request.
    pub(crate) fn into_answer_of_any_request(self) -> Answer {
        // A map with string keys of strings, numbers and JSON values has nothing that could fail to serialize.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut headers = vec![("content-type", PROBLEM_JSON.to_owned())];
        headers.extend(self.challenge.map(|challenge| ("www-authenticate", challenge.to_string())));
        headers.extend(self.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
        Answer { status: self.status, headers: headers.into(), body, reason: self.reason }
    }

    pub(crate) fn of_refusal(refusal: &Refusal, scheme: &'static str, realm: Option<&str>) -> Self {
        let reason = refusal.reason();
        Self {
            status: reason.status(),
            title: reason.title().into(),
            detail: Some(reason.detail().into()),
            reason: Some(reason),
            extensions: Extensions::default(),
            challenge: Challenge::of_refusal(refusal, scheme, realm),
            retry_after: refusal.retry_after().map(|after| after.as_secs()),
        }
    }

    pub(crate) fn challenge_mut(&mut self) -> &mut Option<Challenge> {
        &mut self.challenge
    }

    pub(crate) fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

impl From<Refusal> for Problem {
    /// The problem under the scheme `Bearer` and without a configured realm, as a handler returns it.
    fn from(refusal: Refusal) -> Self {
        Self::of_refusal(&refusal, "Bearer", None)
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Refusal::new(reason).into()
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "about:blank")?;
        map.serialize_entry("title", &self.title)?;
        map.serialize_entry("status", &self.status)?;
        if let Some(detail) = &self.detail {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(reason) = self.reason {
            map.serialize_entry("reason", reason.code())?;
        }
        for (name, value) in &self.extensions.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The extension members of a problem body (RFC 9457 §3.2).
///
/// A refusal hook is given one: it can add to the body, and cannot change what stands there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extensions {
    members: Vec<(String, Value)>,
}

impl Extensions {
    /// Adds a member, and says whether it was added.
    ///
    /// It is not if the name is taken, is one of `type`, `title`, `status`, `detail`, `instance` and `reason`, or if the
    /// value does not serialize to JSON.
    pub fn insert(&mut self, name: &str, value: impl Serialize) -> bool {
        let taken = RESERVED.contains(&name) || self.members.iter().any(|(member, _)| member == name);
        let Ok(value) = serde_json::to_value(value) else { return false };
        if !taken {
            self.members.push((name.to_owned(), value));
        }
        !taken
    }
}

/// A challenge of the `WWW-Authenticate` header (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).
///
/// It always has a parameter, as the RFC demands: the realm stands in for the error where there is none.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Challenge, Reason, Refusal};
///
/// let challenge = |refusal| Challenge::of_refusal(&refusal, "Bearer", None).map(|c| c.to_string());
///
/// assert_eq!(challenge(Reason::MissingCredential.into()).as_deref(), Some(r#"Bearer realm="api""#));
/// assert_eq!(challenge(Reason::Expired.into()).as_deref(), Some(r#"Bearer error="invalid_token""#));
/// assert_eq!(
///     challenge(Refusal::insufficient_scope("grades:read")).as_deref(),
///     Some(r#"Bearer error="insufficient_scope", scope="grades:read""#)
/// );
/// assert_eq!(challenge(Reason::KeysUnavailable.into()), None);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    scheme: &'static str,
    realm: Option<String>,
    error: Option<&'static str>,
    scope: Option<String>,
    acr_values: Option<String>,
    max_age: Option<String>,
    resource_metadata: Option<String>,
}

impl Challenge {
    /// The challenge for a refusal; none where no token would help (status 500 and 503, and some of 403).
    ///
    /// A `realm` that is given stands in every challenge; without one, `api` stands in those that have no error. Of the
    /// realm, only what may stand in a quoted string is kept: visible ASCII and spaces.
    pub fn of_refusal(refusal: &Refusal, scheme: &'static str, realm: Option<&str>) -> Option<Self> {
        let reason = refusal.reason();
        let error = reason.error();
        if reason.status() >= 500 || (reason.status() == 403 && error.is_none()) {
            return None;
        }
        let realm = realm.or(if error.is_none() { Some(DEFAULT_REALM) } else { None });
        Some(Self {
            scheme,
            realm: realm.map(|realm| realm.chars().filter(|c| matches!(c, ' '..='~')).collect()),
            error,
            scope: refusal.scope().map(str::to_owned),
            acr_values: refusal.asked_step_up().and_then(|step_up| step_up.acr_text()),
            max_age: refusal.asked_step_up().and_then(|step_up| step_up.max_age_text()),
            resource_metadata: None,
        })
    }

    /// Adds where the resource describes itself (RFC 9728 §5.1).
    pub(crate) fn resource_metadata(mut self, url: Option<&str>) -> Self {
        self.resource_metadata = url.map(str::to_owned);
        self
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)?;
        let parameters = [
            ("realm", self.realm.as_deref()),
            ("error", self.error),
            ("scope", self.scope.as_deref()),
            ("acr_values", self.acr_values.as_deref()),
            ("max_age", self.max_age.as_deref()),
            ("resource_metadata", self.resource_metadata.as_deref()),
        ];
        let mut separator = " ";
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            let quoted = value.replace('\\', r"\\").replace('"', r#"\""#);
            write!(f, r#"{separator}{name}="{quoted}""#)?;
            separator = ", ";
        }
        Ok(())
    }
}

/// A response in no framework's terms: what the adapters write, byte for byte.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    status: u16,
    /// Shared by all answers that a gate gives for one reason.
    headers: Arc<[(&'static str, String)]>,
    body: String,
    reason: Option<Reason>,
}

impl Answer {
    /// The same answer within the request that is observed on this thread, if any: it names the request as
    /// [`Problem::into_answer`] does.
    ///
    /// The body must not have a member `request_id`.
    pub(crate) fn of_current_request(&self) -> Self {
        let Some(id) = RequestId::current() else { return self.clone() };
        let Self { status, ref headers, ref body, reason } = *self;
        let members = body.strip_suffix('}').unwrap_or(body);
        // No request id has a character that JSON escapes.
        let body = [members, r#","request_id":""#, id.as_str(), r#""}"#].concat();
        Self { status, headers: headers.clone(), body, reason }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Names in lower case, and values of visible ASCII and spaces.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The body, a JSON object.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The body, to be moved into a response.
    pub fn into_body(self) -> String {
        self.body
    }

    /// The reason, if this answers a refusal of ours.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        problem.into_answer()
    }
}

const PROBLEM_JSON: &str = "application/problem+json";
const DEFAULT_REALM: &str = "api";
const RESERVED: [&str; 6] = ["type", "title", "status", "detail", "instance", "reason"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StepUp;

    #[test]
    fn a_refusal_becomes_status_challenge_and_body() {
        let answer = Problem::from(Reason::Expired).into_answer();

        assert_eq!(answer.status(), 401);
        assert_eq!(
            answer.headers().collect::<Vec<_>>(),
            [
                ("content-type", "application/problem+json"),
                ("www-authenticate", r#"Bearer error="invalid_token""#)
            ]
        );
        assert_eq!(
            answer.body(),
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The token has expired.","reason":"expired"}"#
        );
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        let challenge =
            Challenge::of_refusal(&Reason::Expired.into(), "Bearer", Some("a\"b\\c\r\nx: y\u{e4}")).unwrap();

        assert_eq!(challenge.to_string(), r#"Bearer realm="a\"b\\cx: y", error="invalid_token""#);
    }

    #[test]
    fn extensions_add_to_the_body_and_change_nothing() {
        let problem = Problem::from(Reason::Expired)
            .with("status", 200)
            .with("reason", "fine")
            .with("trace", "4711")
            .with("trace", "0815");

        let answer = problem.into_answer();

        assert_eq!(answer.status(), 401);
        assert!(answer.body().ends_with(
            r#""status":401,"detail":"The token has expired.","reason":"expired","trace":"4711"}"#
        ));
    }

    #[test]
    fn a_second_that_has_begun_counts_when_to_try_again() {
        for (after, header) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2")] {
            let answer = Problem::new(503, "Service Unavailable")
                .retry_after(Duration::from_millis(after))
                .into_answer();

            assert!(answer.headers().any(|pair| pair == ("retry-after", header)), "{after} ms");
        }
    }

    #[test]
    fn a_status_that_is_no_error_becomes_500() {
        assert_eq!(Problem::new(200, "OK").status(), 500);
        assert_eq!(Problem::new(599, "?").status(), 599);
    }

    #[test]
    fn a_challenge_has_each_parameter_once_and_no_words_of_its_own() {
        let step_up = StepUp::new().acr_values(&["gold", "silver"]).max_age(300);
        let refusals = Reason::ALL.iter().copied().map(Refusal::new);
        for refusal in refusals.chain([Refusal::insufficient_scope("a b"), Refusal::step_up(step_up)]) {
            for realm in [None, Some("grades")] {
                let Some(challenge) = Challenge::of_refusal(&refusal, "Bearer", realm) else { continue };
                let text = challenge.resource_metadata(Some("https://api.example/x")).to_string();

                let parameters = text.strip_prefix("Bearer ").unwrap();
                let mut names: Vec<_> =
                    parameters.split(", ").map(|pair| pair.split_once('=').unwrap().0).collect();
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), count, "{text}");
                assert!(!text.contains("error_description") && !text.contains("error_uri"), "{text}");
                assert_eq!(names.contains(&"error"), refusal.reason().error().is_some(), "{text}");
            }
        }
    }

    #[test]
    fn the_body_repeats_the_status_and_its_phrase() {
        for (status, phrase) in [
            (400, "Bad Request"),
            (401, "Unauthorized"),
            (403, "Forbidden"),
            (500, "Internal Server Error"),
            (503, "Service Unavailable"),
        ] {
            for reason in Reason::ALL.iter().filter(|reason| reason.status() == status) {
                let answer = Problem::from(*reason).into_answer();

                let begins =
                    format!(r#"{{"type":"about:blank","title":"{phrase}","status":{status},"detail":"#);
                assert_eq!(answer.status(), status);
                assert!(answer.body().starts_with(&begins), "{}", answer.body());
            }
        }
    }
}
