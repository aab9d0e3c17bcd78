//! Tokens that count no longer, although their signature and their times say so.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use linchpin_core::{Caller, Reason, Timestamp};

/// Which tokens are refused from now on, before they expire: after a sign-out, a stolen token, a dismissal.
///
/// The refusal is [`Reason::Revoked`]. Where a token does not say what it takes to know whether it is meant, such as one
/// without `iat`, it is refused.
///
/// # Examples
///
/// ```
/// # use linchpin_core::Timestamp;
/// use linchpin_jwt::Invalidation;
///
/// # let (expiry, now) = (Timestamp::from_unix_seconds(1_800_000_000), Timestamp::from_unix_seconds(1_790_000_000));
/// let stolen = Invalidation::token_id("3f6e").until(expiry);
/// let signed_out = Invalidation::subject_before("ann", now);
/// let everybody = Invalidation::all_before(now);
/// # let _ = (stolen, signed_out, everybody);
/// ```
///
/// # Security
///
/// It is known to this process alone, and until it ends: each replica has to be told, and told again after a restart. A list
/// that has to outlive both belongs to the issuer, with tokens that are short-lived.
#[derive(Clone, Eq, PartialEq)]
#[must_use]
pub struct Invalidation {
    what: What,
    issuer: Option<Box<str>>,
    until: Option<Timestamp>,
}

#[derive(Clone, Eq, PartialEq)]
enum What {
    TokenId(Box<str>),
    SubjectBefore(Box<str>, Timestamp),
    AllBefore(Timestamp),
}

impl Invalidation {
    /// The token with this `jti`; one without a `jti` is not met by it.
    pub fn token_id(token_id: impl Into<Box<str>>) -> Self {
        Self::of(What::TokenId(token_id.into()))
    }

    /// The subject's tokens whose `iat` is before this point in time, and those without `iat`.
    ///
    /// Issuers write whole seconds: a token that was issued in the same second counts as issued before.
    pub fn subject_before(subject: impl Into<Box<str>>, before: Timestamp) -> Self {
        Self::of(What::SubjectBefore(subject.into(), before))
    }

    /// All tokens whose `iat` is before this point in time, and those without `iat`.
    pub fn all_before(before: Timestamp) -> Self {
        Self::of(What::AllBefore(before))
    }

    /// Means the tokens of this issuer only, where a verifier knows several; all of them unless set.
    pub fn issuer(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Forgets it at this point in time, when the last token that is meant has expired; kept for good unless set.
    ///
    /// The leeway of the verifier is added.
    pub fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Whether it is about the tokens of this issuer.
    pub(crate) fn concerns(&self, issuer: &str) -> bool {
        self.issuer.as_deref().is_none_or(|own| own == issuer)
    }

    fn of(what: What) -> Self {
        Self { what, issuer: None, until: None }
    }
}

/// Tells the kind alone: subjects and token ids are nobody's business.
impl fmt::Debug for Invalidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.what {
            What::TokenId(_) => "Invalidation::TokenId(..)",
            What::SubjectBefore(..) => "Invalidation::SubjectBefore(..)",
            What::AllBefore(_) => "Invalidation::AllBefore(..)",
        })
    }
}

/// There are too many invalidations to keep another one: nothing was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooManyInvalidations;

impl fmt::Display for TooManyInvalidations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{MAX_KEPT} invalidations are kept already; say until when each counts, or invalidate all tokens"
        )
    }
}

impl Error for TooManyInvalidations {}

/// What one verifier was told.
#[derive(Debug, Default)]
pub(crate) struct Invalidations {
    /// How many there have been; whoever has looked at the list since then need not look again.
    count: AtomicU64,
    list: RwLock<List>,
}

#[derive(Default)]
struct List {
    token_ids: HashMap<Box<str>, Until>,
    subjects: HashMap<Box<str>, (Timestamp, Until)>,
    all_before: Option<Timestamp>,
}

/// `None` is for good.
type Until = Option<Timestamp>;

impl Invalidations {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Adds one; `now` is the time with the leeway taken off.
    pub(crate) fn add(
        &self,
        invalidation: &Invalidation,
        now: Timestamp,
    ) -> Result<(), TooManyInvalidations> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let until = invalidation.until;
        match &invalidation.what {
            What::TokenId(token_id) => {
                let is_known = list.token_ids.contains_key(token_id);
                list.make_room(is_known, now)?;
                let kept = list.token_ids.entry(token_id.clone()).or_insert(until);
                *kept = later(*kept, until);
            }
            What::SubjectBefore(subject, before) => {
                let is_known = list.subjects.contains_key(subject);
                list.make_room(is_known, now)?;
                let kept = list.subjects.entry(subject.clone()).or_insert((*before, until));
                *kept = (kept.0.max(*before), later(kept.1, until));
            }
            What::AllBefore(before) => list.all_before = list.all_before.max(Some(*before)),
        }
        // Under the lock, so that whoever reads the new count finds the new list.
        self.count.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Whether this caller's token may still be used.
    pub(crate) fn check(&self, caller: &Caller) -> Result<(), Reason> {
        if self.count() == 0 {
            return Ok(());
        }
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        if list.names(caller) { Err(Reason::Revoked) } else { Ok(()) }
    }
}

impl List {
    fn names(&self, caller: &Caller) -> bool {
        let is_before = |before: Timestamp| caller.issued_at().is_none_or(|issued_at| issued_at < before);
        let subject = caller.subject().and_then(|subject| self.subjects.get(subject));
        caller.token_id().is_some_and(|token_id| self.token_ids.contains_key(token_id))
            || subject.is_some_and(|(before, _)| is_before(*before))
            || self.all_before.is_some_and(is_before)
    }

    /// What has lapsed makes room for what is new.
    fn make_room(&mut self, is_known: bool, now: Timestamp) -> Result<(), TooManyInvalidations> {
        if is_known || self.len() < MAX_KEPT {
            return Ok(());
        }
        let counts = |until: &Until| until.is_none_or(|until| now < until);
        self.token_ids.retain(|_, until| counts(until));
        self.subjects.retain(|_, (_, until)| counts(until));
        if self.len() < MAX_KEPT { Ok(()) } else { Err(TooManyInvalidations) }
    }

    fn len(&self) -> usize {
        self.token_ids.len() + self.subjects.len()
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn later(one: Until, other: Until) -> Until {
    Some(one?.max(other?))
}

/// The most token ids and subjects that are kept.
const MAX_KEPT: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn caller(token_id: &str, subject: &str, issued_at: Option<i64>) -> Caller {
        let caller = Caller::builder("https://id.example").token_id(token_id).subject(subject);
        match issued_at {
            Some(seconds) => caller.issued_at(at(seconds)).build(),
            None => caller.build(),
        }
    }

    #[test]
    fn each_kind_names_its_tokens_and_no_others() {
        let invalidations = Invalidations::default();
        assert_eq!(invalidations.check(&caller("a", "ann", None)), Ok(()));

        invalidations.add(&Invalidation::token_id("a"), at(0)).unwrap();
        invalidations.add(&Invalidation::subject_before("bob", at(100)), at(0)).unwrap();

        for (token_id, subject, issued_at, is_refused) in [
            ("a", "ann", Some(500), true),
            ("A", "ann", Some(500), false),
            ("b", "ann", Some(5), false),
            ("b", "bob", Some(99), true),
            ("b", "bob", Some(100), false),
            ("b", "bob", None, true),
            ("b", "bobby", Some(1), false),
        ] {
            let verdict = invalidations.check(&caller(token_id, subject, issued_at));
            assert_eq!(verdict.is_err(), is_refused, "{token_id} {subject} {issued_at:?}");
        }

        invalidations.add(&Invalidation::all_before(at(300)), at(0)).unwrap();

        assert_eq!(invalidations.check(&caller("b", "ann", Some(299))), Err(Reason::Revoked));
        assert_eq!(invalidations.check(&caller("b", "ann", None)), Err(Reason::Revoked));
        assert_eq!(invalidations.check(&caller("b", "ann", Some(300))), Ok(()));
    }

    #[test]
    fn an_earlier_time_never_takes_back_a_later_one() {
        let invalidations = Invalidations::default();

        for seconds in [100, 50] {
            invalidations.add(&Invalidation::subject_before("ann", at(seconds)), at(0)).unwrap();
            invalidations.add(&Invalidation::all_before(at(seconds)), at(0)).unwrap();
        }

        assert_eq!(invalidations.check(&caller("a", "ann", Some(75))), Err(Reason::Revoked));
        assert_eq!(invalidations.check(&caller("a", "bob", Some(75))), Err(Reason::Revoked));
        assert_eq!(later(None, Some(at(1))), None, "for good stays for good");
    }

    #[test]
    fn a_full_list_refuses_to_forget_what_still_counts() {
        let invalidations = Invalidations::default();
        for i in 1..MAX_KEPT {
            invalidations.add(&Invalidation::token_id(i.to_string()), at(0)).unwrap();
        }
        invalidations.add(&Invalidation::token_id("short").until(at(100)), at(0)).unwrap();
        let before = invalidations.count();

        let one_more = Invalidation::token_id("one more");
        assert_eq!(invalidations.add(&one_more, at(99)), Err(TooManyInvalidations));
        assert_eq!(invalidations.count(), before);
        assert_eq!(invalidations.check(&caller("short", "ann", Some(1))), Err(Reason::Revoked));
        invalidations.add(&Invalidation::token_id("7"), at(99)).expect("it is known already");

        invalidations.add(&one_more, at(100)).expect("one of them has lapsed");
        assert_eq!(invalidations.check(&caller("one more", "ann", Some(1))), Err(Reason::Revoked));
        assert_eq!(invalidations.check(&caller("short", "ann", Some(1))), Ok(()));
    }

    #[test]
    fn debug_names_nobody() {
        let shown = format!("{:?}", Invalidation::subject_before("ann-the-subject", at(1)).until(at(2)));

        assert_eq!(shown, "Invalidation::SubjectBefore(..)");
    }
}
