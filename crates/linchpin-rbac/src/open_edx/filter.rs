//! What narrows a token down.

use linchpin_core::Caller;

/// One filter of a token of the LMS, `type:value`.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub enum Filter<'a> {
    /// `content_org:<organisation>`: the token is for the courses of this organisation.
    ContentOrg(&'a str),
    /// `user:me`: the token is for what belongs to its own user.
    Me,
    /// `user:<name>`: the token is for what belongs to this user.
    User(&'a str),
    /// Any other, as it stands there.
    Other(&'a str),
}

impl<'a> Filter<'a> {
    fn of(text: &'a str) -> Self {
        match text.split_once(':') {
            Some(("content_org", organization)) => Self::ContentOrg(organization),
            Some(("user", "me")) => Self::Me,
            Some(("user", name)) => Self::User(name),
            _ => Self::Other(text),
        }
    }
}

impl std::fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ContentOrg(_) => "ContentOrg(..)",
            Self::Me => "Me",
            Self::User(_) => "User(..)",
            Self::Other(_) => "Other(..)",
        })
    }
}

/// The filters of the token, in order.
///
/// # Examples
///
/// ```
/// use linchpin_core::Caller;
/// use linchpin_rbac::open_edx::{Filter, filters};
///
/// let caller = Caller::builder("https://lms.example").filters(["content_org:edX", "user:me"]).build();
/// assert!(filters(&caller).eq([Filter::ContentOrg("edX"), Filter::Me]));
/// ```
pub fn filters(caller: &Caller) -> impl Iterator<Item = Filter<'_>> {
    caller.filters().map(Filter::of)
}
