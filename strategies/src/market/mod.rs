//! Market data before any model sees it: prices of several venues, spreads, reconnects.

mod cross_exchange;
mod normalised;
mod reconnect;
mod spread;

pub use cross_exchange::{CandleMerger, MergeRule, MergedPrice, Venue, VenueCloses, merge};
pub use normalised::{
    CrossExchange, NORMALISED_FRESH_S, NormalisedText, NormalisedTick, NotNormalised,
    parse_normalised,
};
pub use reconnect::{Backoff, FEED_BACKOFF, PUBLISHER_BACKOFF};
pub use spread::{SPREAD_ALERT_PCT, VenueSpread, book_spread_bps, venue_spread};
