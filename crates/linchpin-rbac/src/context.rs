//! Where a role is held, and where it is asked for.

use std::{
    error::Error,
    fmt::{self, Write},
    str::FromStr,
};

use crate::shown::Shown;

/// Where something is to be done: a course, a customer, a department; what stands behind the colon of a role.
///
/// It is made from what identifies the thing, and the type decides how it is compared with what the token says:
///
/// | made from | equals |
/// |---|---|
/// | `&str` | the same text, byte for byte |
/// | [`Uuid`] | its text, with or without hyphens, in either case |
/// | [`CourseKey`] | the same text, byte for byte; colons are part of it |
/// | [`Context::EVERY`] | nothing but a role that is held in every context (`*`) |
///
/// A type of your own becomes one by `impl<'a> From<&'a Mine> for Context<'a>`.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::{Context, CourseKey, Uuid};
///
/// let course: CourseKey = "course-v1:edX+Demo+2026".parse()?;
/// let customer: Uuid = "6F9619FF-8B86-D011-B42D-00CF4FC964FF".parse()?;
///
/// assert!(Context::from(&course).equals("course-v1:edX+Demo+2026"));
/// assert!(Context::from(customer).equals("6f9619ff8b86d011b42d00cf4fc964ff"));
/// assert!(!Context::from("Physics").equals("physics"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Security
///
/// The empty text is no context, and nobody holds a role in it: an identifier that got lost on the way must not open what
/// it should have narrowed. `Debug` does not show the name, which may come from a token or a path.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Context<'a>(Kind<'a>);

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind<'a> {
    Text(&'a str),
    /// A UUID as text, since it is compared with texts.
    Uuid([u8; 36]),
}

impl<'a> Context<'a> {
    /// Every context there is: granted only to those who hold the role in all of them (`*`).
    pub const EVERY: Self = Self(Kind::Text(EVERY));

    /// The context of this name, compared byte for byte.
    pub const fn text(name: &'a str) -> Self {
        Self(Kind::Text(name))
    }

    /// Whether the text of a token names this very context; `*` names none but [`EVERY`](Self::EVERY).
    pub fn equals(&self, text: &str) -> bool {
        match self.0 {
            Kind::Text(name) => !name.is_empty() && name == text,
            Kind::Uuid(ref uuid) => is_written(uuid, text),
        }
    }

    /// Whether it is the empty text, which is no context.
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Text(name) if name.is_empty())
    }
}

impl<'a> From<&'a str> for Context<'a> {
    fn from(name: &'a str) -> Self {
        Self::text(name)
    }
}

impl<'a> From<&'a String> for Context<'a> {
    fn from(name: &'a String) -> Self {
        Self::text(name)
    }
}

impl From<Uuid> for Context<'_> {
    fn from(uuid: Uuid) -> Self {
        Self(Kind::Uuid(uuid.text()))
    }
}

impl<'a> From<&'a CourseKey> for Context<'a> {
    fn from(key: &'a CourseKey) -> Self {
        Self::text(key.as_str())
    }
}

impl fmt::Display for Context<'_> {
    /// The name, escaped and capped at 128 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Text(name) => Shown(name).fmt(f),
            Kind::Uuid(uuid) => write_ascii(f, &uuid),
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context(..)")
    }
}

/// In which contexts a role has to be held.
///
/// The three are told apart by name, so that an identifier which is missing or a list which is empty cannot turn one
/// into another. A [`Context`], and what turns into one, is a [`One`](Self::One).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ContextReq<'a> {
    /// In at least one context, whichever, or without any.
    ///
    /// For what is not about one thing: whether to show a menu, or to enter a listing that is narrowed down afterwards.
    Any,
    /// In this context.
    One(Context<'a>),
    /// In each of these contexts; several roles may add up to it.
    All(OneOrMore<'a>),
}

impl<'a> ContextReq<'a> {
    /// The contexts by name; none for [`Any`](Self::Any).
    pub fn named(&self) -> &[Context<'a>] {
        match self {
            Self::Any => &[],
            Self::One(context) => std::slice::from_ref(context),
            Self::All(contexts) => contexts.0,
        }
    }
}

impl<'a, T: Into<Context<'a>>> From<T> for ContextReq<'a> {
    fn from(context: T) -> Self {
        Self::One(context.into())
    }
}

impl fmt::Display for ContextReq<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any context"),
            Self::One(context) => write!(f, "context {context}"),
            Self::All(contexts) => {
                for (i, context) in contexts.0.iter().take(MAX_LISTED).enumerate() {
                    write!(f, "{}{context}", if i == 0 { "contexts " } else { ", " })?;
                }
                match contexts.0.len().checked_sub(MAX_LISTED) {
                    None | Some(0) => Ok(()),
                    Some(more) => write!(f, " and {more} more"),
                }
            }
        }
    }
}

/// A list of contexts that is not empty.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::{Context, ContextReq, OneOrMore};
///
/// let subjects = ["physics", "chemistry"].map(Context::text);
/// let both = ContextReq::All(OneOrMore::of(&subjects));
/// assert_eq!(both.named().len(), 2);
///
/// // A list that comes from outside may be empty, and somebody has to say what that means.
/// assert_eq!(OneOrMore::new(&[]), None);
/// ```
///
/// ```compile_fail
/// linchpin_rbac::OneOrMore::of(&[]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OneOrMore<'a>(&'a [Context<'a>]);

impl<'a> OneOrMore<'a> {
    /// These contexts; an empty list does not compile.
    pub const fn of<const N: usize>(contexts: &'a [Context<'a>; N]) -> Self {
        const { assert!(N > 0, "a list of contexts must not be empty: say `ContextReq::Any` if any will do") }
        Self(contexts)
    }

    /// These contexts, or `None` for an empty list.
    pub const fn new(contexts: &'a [Context<'a>]) -> Option<Self> {
        if contexts.is_empty() { None } else { Some(Self(contexts)) }
    }
}

/// A UUID (RFC 9562), as a context.
///
/// It is made from text, or from the number that the type of a UUID library gives: `Uuid::from(id.as_u128())`.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::Uuid;
///
/// let uuid: Uuid = "6F9619FF-8B86-D011-B42D-00CF4FC964FF".parse()?;
/// assert_eq!(uuid.to_string(), "6f9619ff-8b86-d011-b42d-00cf4fc964ff");
/// assert_eq!(uuid, Uuid::from(0x6f9619ff_8b86_d011_b42d_00cf4fc964ff));
/// # Ok::<(), linchpin_rbac::InvalidContext>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Uuid(u128);

impl Uuid {
    /// The number.
    pub const fn as_u128(&self) -> u128 {
        self.0
    }

    /// The text with hyphens, in lower case (RFC 9562 §4).
    fn text(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|place| !HYPHENS.contains(place));
        for (digit, place) in places.enumerate() {
            text[place] = HEX[(self.0 >> (124 - 4 * digit)) as usize & 0xf];
        }
        text
    }
}

/// Whether `given` is the UUID of this text: 32 hexadecimal digits in either case, without hyphens or with those four.
fn is_written(text: &[u8; 36], given: &str) -> bool {
    // The end first: that is where UUIDs differ, those of version 7 too, which begin with the time. The bit is that of case,
    // and set in all digits; what else it makes alike is told apart below.
    let end = |text: &[u8]| text.last_chunk().map(|end| u64::from_ne_bytes(*end) | LOWER_CASE);
    if end(given.as_bytes()) != end(text) {
        return false;
    }
    match given.len() {
        36 => given.as_bytes().eq_ignore_ascii_case(text),
        32 => {
            let digits = text.iter().filter(|&&byte| byte != b'-');
            given.bytes().zip(digits).all(|(given, digit)| given.to_ascii_lowercase() == *digit)
        }
        _ => false,
    }
}

impl From<u128> for Uuid {
    fn from(number: u128) -> Self {
        Self(number)
    }
}

impl From<[u8; 16]> for Uuid {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl FromStr for Uuid {
    type Err = InvalidContext;

    fn from_str(text: &str) -> Result<Self, InvalidContext> {
        let digits = text.bytes().filter(|&byte| byte != b'-');
        let number = digits.take(33).try_fold(0_u128, |number, byte| {
            Some((number << 4) | u128::from(char::from(byte).to_digit(16)?))
        });
        // What was read is right if it is written like this: that settles the length and the place of the hyphens.
        number
            .map(Self)
            .filter(|uuid| is_written(&uuid.text(), text))
            .ok_or(InvalidContext { expected: "a UUID" })
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ascii(f, &self.text())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uuid(..)")
    }
}

fn write_ascii(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    text.iter().try_for_each(|&byte| f.write_char(char::from(byte)))
}

/// The key of a course in Open edX: `course-v1:`, organisation, course and run, separated by `+`.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::CourseKey;
///
/// let key: CourseKey = "course-v1:edX+DemoX+Demo_Course".parse()?;
/// assert_eq!(key.organization(), "edX");
/// assert!("edX+DemoX".parse::<CourseKey>().is_err());
/// # Ok::<(), linchpin_rbac::InvalidContext>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CourseKey(Box<str>);

impl CourseKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The organisation that gives the course.
    pub fn organization(&self) -> &str {
        let parts = self.0.strip_prefix(COURSE_PREFIX).unwrap_or(&self.0);
        parts.split('+').next().unwrap_or_default()
    }
}

impl FromStr for CourseKey {
    type Err = InvalidContext;

    fn from_str(text: &str) -> Result<Self, InvalidContext> {
        let is_part = |part: &str| {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '~' | '.' | ':');
            !part.is_empty() && part.chars().all(plain)
        };
        let parts = text.strip_prefix(COURSE_PREFIX).map(|parts| parts.split('+'));
        let is_key = text.len() <= MAX_COURSE_KEY
            && parts.is_some_and(|mut parts| parts.clone().count() == 3 && parts.all(is_part));
        if is_key { Ok(Self(text.into())) } else { Err(InvalidContext { expected: "a course key" }) }
    }
}

impl fmt::Display for CourseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CourseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CourseKey(..)")
    }
}

/// The text does not have the form of the context that it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidContext {
    expected: &'static str,
}

impl fmt::Display for InvalidContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", self.expected)
    }
}

impl Error for InvalidContext {}

/// How a token writes that a role is held in every context.
pub(crate) const EVERY: &str = "*";
const HEX: &[u8; 16] = b"0123456789abcdef";
const LOWER_CASE: u64 = 0x2020_2020_2020_2020;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const COURSE_PREFIX: &str = "course-v1:";
/// What the LMS stores at most.
const MAX_COURSE_KEY: usize = 255;
const MAX_LISTED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";

    #[test]
    fn a_uuid_equals_its_text_and_no_other() {
        let uuid: Uuid = UUID.parse().unwrap();

        for same in [UUID.to_owned(), UUID.to_uppercase(), UUID.replace('-', ""), uuid.to_string()] {
            assert!(Context::from(uuid).equals(&same), "{same}");
            assert_eq!(same.parse(), Ok(uuid), "{same}");
        }
        for other in [
            "",
            "*",
            "6f9619ff-8b86-d011-b42d-00cf4fc964fe",
            "7f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}",
            "urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "6f9619ff-8b86-d011-b42d00cf4fc964ff-",
            "6f9619ff8b86-d011-b42d-00cf4fc964ff0",
            "6f9619ff-8b86-d011-b42d-00cf4fc964f",
            "6f9619ff8b86d011b42d00cf4fc964ff0",
            "+6f9619ff8b86d011b42d00cf4fc964f",
            "6f9619ff-8b86-d011-b42d-00cf4fc964fｆ",
            "6f9619ff-8b86-d011-b42d-00cf4fc\u{19}64ff",
            "6f9619ff-8b86-d011\rb42d-00cf4fc964ff",
            "64ff",
        ] {
            assert!(!Context::from(uuid).equals(other), "{other}");
            assert_ne!(other.parse(), Ok(uuid), "{other}");
        }
        for malformed in ["", "-", "6f9619ff-8b86", &"-".repeat(36), &"f".repeat(33), "urn:uuid:6f9619ff"] {
            assert!(malformed.parse::<Uuid>().is_err(), "{malformed}");
        }
    }

    #[test]
    fn course_keys_have_three_parts_and_keep_their_colons() {
        for good in ["course-v1:edX+Demo+2026", "course-v1:a:b+c+d", "course-v1:Ünï+c.d~e+f-g"] {
            assert!(Context::from(&good.parse::<CourseKey>().unwrap()).equals(good), "{good}");
        }
        for bad in [
            "",
            "course-v1:",
            "course-v1:edX+Demo",
            "course-v1:edX+Demo+",
            "course-v1:++",
            "course-v1:a+b+c+d",
            "course-v2:a+b+c",
            "edX/Demo/2026",
            "course-v1:a b+c+d",
            "course-v1:a+b+c\n",
            "Course-v1:a+b+c",
        ] {
            assert!(bad.parse::<CourseKey>().is_err(), "{bad:?}");
        }
        assert!(format!("course-v1:{}+b+c", "a".repeat(300)).parse::<CourseKey>().is_err());
    }

    #[test]
    fn texts_are_compared_byte_for_byte_and_the_empty_one_is_no_context() {
        let physics = Context::text("physics");

        assert!(physics.equals("physics") && !physics.is_empty());
        for near in ["", "Physics", "physics ", "physic", "рhysics", "*"] {
            assert!(!physics.equals(near), "{near}");
        }
        assert!(Context::text("").is_empty() && !Context::text("").equals(""));
        assert!(Context::EVERY.equals("*") && !Context::EVERY.equals("physics"));
        assert_eq!(format!("{physics:?}"), "Context(..)");
    }
}
