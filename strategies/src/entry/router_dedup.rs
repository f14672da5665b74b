//! The strategy router's memory of what it published (MSE 5.1 step 5).

use std::collections::BTreeMap;

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

use super::PlanSide;

/// A publication is remembered.
const LIFE: Nanos = Nanos::from_secs(300);

/// The identity of a decision: its correlation id, else its trace id, else its entry id. Ids that say
/// nothing are none.
#[must_use]
pub fn router_dedup_id<'a>(
    correlation: Option<&'a str>,
    trace: Option<&'a str>,
    entry: &'a str,
) -> &'a str {
    let says_something = |id: &&str| {
        !["", "0", "null", "none"].iter().any(|nothing| id.eq_ignore_ascii_case(nothing))
    };
    [correlation, trace].into_iter().flatten().find(says_something).unwrap_or(entry)
}

/// What was published within five minutes.
///
/// Invariant: asked once, right before the publication. Two questions on one id within one call made the
/// router publish nothing at all (incident I-06).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterDedup {
    ids: BTreeMap<String, Nanos>,
    /// The last sale and the last purchase of a symbol.
    fingerprints: BTreeMap<Symbol, [Option<Nanos>; 2]>,
}

impl RouterDedup {
    /// `true` once for an id, and once for a symbol and side: the decision may be published.
    pub fn first(&mut self, id: &str, symbol: Symbol, side: PlanSide, now: Nanos) -> bool {
        self.ids.retain(|_, at| now - *at < LIFE);
        let last =
            &mut self.fingerprints.entry(symbol).or_default()[usize::from(side == PlanSide::Buy)];
        if self.ids.contains_key(id) || last.is_some_and(|at| now - at < LIFE) {
            return false;
        }
        self.ids.insert(id.to_owned(), now);
        *last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second question on the same id always found the first.
    #[test]
    fn incident_i06_one_question_a_publication() {
        let mut dedup = RouterDedup::default();
        let symbol = |name| Symbol::new(name).expect("a symbol");
        let mut first =
            |id, name, side, second| dedup.first(id, symbol(name), side, Nanos::from_secs(second));
        assert!(first("a", "BTCUSDT", PlanSide::Buy, 0));
        assert!(!first("a", "ETHUSDT", PlanSide::Buy, 0), "the same id");
        assert!(!first("b", "BTCUSDT", PlanSide::Buy, 299), "the same symbol and side");
        assert!(first("b", "BTCUSDT", PlanSide::Sell, 299));
        assert!(first("a", "BTCUSDT", PlanSide::Buy, 300));
    }

    #[test]
    fn ids_that_say_nothing_are_none() {
        assert_eq!(router_dedup_id(Some("c"), Some("t"), "e"), "c");
        assert_eq!(router_dedup_id(Some("null"), Some("t"), "e"), "t");
        assert_eq!(router_dedup_id(Some("0"), Some(""), "e"), "e");
        assert_eq!(router_dedup_id(None, Some("None"), "e"), "e");
    }
}
