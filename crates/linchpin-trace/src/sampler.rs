//! Which traces are recorded.

use crate::{TraceContext, TraceId};

/// Decides whether a request's trace is recorded; the headers of outgoing calls tell the services downstream.
///
/// # Examples
///
/// One new trace in ten, and every one that a caller records:
///
/// ```
/// use linchpin_trace::{Observer, Sampler};
///
/// let observer = Observer::new("grades").sampler(Sampler::ratio(0.1).parent_based());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// A trace is recorded if the last 63 bits of its id are below this.
    below: u64,
    is_parent_based: bool,
}

impl Sampler {
    /// Records every trace, whatever the caller says.
    pub const fn always() -> Self {
        Self { below: END, is_parent_based: false }
    }

    /// Records no trace, whatever the caller says.
    pub const fn never() -> Self {
        Self { below: 0, is_parent_based: false }
    }

    /// Records this share of all traces, chosen by their ids, so that every service chooses the same ones.
    ///
    /// Below zero and what is no number counts as zero, above one as one.
    pub fn ratio(share: f64) -> Self {
        // The conversion saturates, and takes what is no number as zero.
        let below = if share >= 1.0 { END } else { (share.max(0.0) * END as f64) as u64 };
        Self { below, is_parent_based: false }
    }

    /// Follows the caller's decision if there is one, and otherwise decides as before.
    #[must_use]
    pub const fn parent_based(mut self) -> Self {
        self.is_parent_based = true;
        self
    }

    /// Whether the trace of this id is recorded; `parent` is where it comes from, if anywhere.
    pub fn records(&self, trace_id: TraceId, parent: Option<&TraceContext>) -> bool {
        match parent {
            Some(parent) if self.is_parent_based => parent.is_sampled(),
            _ => {
                let [.., a, b, c, d, e, f, g, h] = trace_id.to_bytes();
                u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1 < self.below
            }
        }
    }
}

impl Default for Sampler {
    /// Follows the caller, and records every new trace.
    fn default() -> Self {
        Self::always().parent_based()
    }
}

/// Beyond every number of 63 bits.
const END: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn context(traceparent: &str) -> TraceContext {
        TraceContext::parse([traceparent.as_bytes()], []).unwrap()
    }

    #[test]
    fn only_a_parent_based_sampler_follows_the_caller() {
        for flag in ["00", "01"] {
            let parent = context(&format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flag}"));
            let records = |sampler: Sampler| sampler.records(parent.trace_id(), Some(&parent));

            assert!(records(Sampler::always()));
            assert!(!records(Sampler::never()));
            assert_eq!(records(Sampler::always().parent_based()), flag == "01");
            assert_eq!(records(Sampler::never().parent_based()), flag == "01");
        }
    }

    #[test]
    fn a_share_is_chosen_by_the_end_of_the_id() {
        let low = context("00-ffffffffffffffff0000000000000001-b7ad6b7169203331-00").trace_id();
        let middle = context("00-00000000000000007fffffffffffffff-b7ad6b7169203331-00").trace_id();
        let high = context("00-0000000000000000ffffffffffffffff-b7ad6b7169203331-00").trace_id();
        let records = |share: f64| [low, middle, high].map(|id| Sampler::ratio(share).records(id, None));

        assert_eq!(records(0.0), [false; 3]);
        assert_eq!(records(0.25), [true, false, false]);
        assert_eq!(records(0.5), [true, true, false]);
        assert_eq!(records(1.0), [true; 3]);
        assert_eq!(records(7.0), [true; 3]);
        assert_eq!(records(-1.0), [false; 3]);
        assert_eq!(records(f64::NAN), [false; 3]);
    }

    #[test]
    fn a_share_of_many_random_traces_is_about_that_share() {
        let sampler = Sampler::ratio(0.25);

        let recorded =
            (0..10_000).filter(|_| sampler.records(TraceContext::root(false).trace_id(), None)).count();

        assert!((2_000..3_000).contains(&recorded), "{recorded}");
    }
}
