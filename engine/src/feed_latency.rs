//! How long market events travel from the exchange to the services.

use serde::{Deserialize, Serialize};

use crate::{MarketEvent, NamedRng, Nanos, Quantiles};

/// The model. All events share one connection: none overtakes another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedLatency {
    /// Always the same.
    Constant(Nanos),
    /// Drawn for each event that a service asked for.
    Distribution(Quantiles),
    /// As the data tell it; so much where they do not.
    Recorded(Nanos),
}

impl FeedLatency {
    /// None: services see an event in the instant in which it happens.
    pub const NONE: FeedLatency = FeedLatency::Constant(Nanos::ZERO);

    /// How long this event travels.
    #[inline]
    pub(crate) fn span(&self, event: &MarketEvent, rng: &mut NamedRng) -> Nanos {
        match self {
            FeedLatency::Constant(span) => *span,
            FeedLatency::Distribution(quantiles) => quantiles.draw(rng),
            FeedLatency::Recorded(otherwise) => event.delay.span().unwrap_or(*otherwise),
        }
    }
}

/// How long an event took to whoever recorded it, in nanoseconds up to three days, or unknown. Six bytes:
/// an event stays one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedDelay([u16; 3]);

impl FeedDelay {
    /// The data do not tell it.
    pub const UNKNOWN: FeedDelay = FeedDelay([u16::MAX; 3]);
    /// The longest that can be said: about 78 hours.
    pub const MAX: Nanos = Nanos((1 << 48) - 2);

    /// A span; what is below zero or above the maximum is cut to it.
    pub const fn new(span: Nanos) -> FeedDelay {
        let span = if span.0 < 0 {
            0
        } else if span.0 > FeedDelay::MAX.0 {
            FeedDelay::MAX.0
        } else {
            span.0
        };
        FeedDelay([(span >> 32) as u16, (span >> 16) as u16, span as u16])
    }

    /// The span, if the data tell it.
    #[inline]
    pub const fn span(self) -> Option<Nanos> {
        let FeedDelay([high, mid, low]) = self;
        let span = (high as i64) << 32 | (mid as i64) << 16 | low as i64;
        if span > FeedDelay::MAX.0 { None } else { Some(Nanos(span)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_kept_to_the_nanosecond() {
        for span in [0, 1, 4_294_967_295, 4_294_967_296, FeedDelay::MAX.0] {
            assert_eq!(FeedDelay::new(Nanos(span)).span(), Some(Nanos(span)));
        }
        assert_eq!(FeedDelay::new(Nanos(-5)).span(), Some(Nanos::ZERO));
        assert_eq!(FeedDelay::new(Nanos::NEVER).span(), Some(FeedDelay::MAX));
        assert_eq!(FeedDelay::UNKNOWN.span(), None);
    }
}
