//! What an open has to pass before its order (MSE 9 step 3, 10, 13.2). Closes are asked none of it.

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// INTENT_MAX_AGE_SEC.
pub const INTENT_AGE_MAX: Nanos = Nanos::from_secs(600);
/// Between two opens of a symbol.
pub const OPEN_COOLDOWN: Nanos = Nanos::from_secs(180);

/// What is known of the symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFacts {
    /// The policy and the venue have it.
    pub listed: bool,
    /// Event time of the intent.
    pub decided_at: Nanos,
    /// The open would be long.
    pub long: bool,
    /// Side of what is held, `Some(true)` for long; `None` for flat.
    pub held_long: Option<bool>,
    /// Time of the last open.
    pub last_open: Option<Nanos>,
}

/// Why it does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OpenRefusal {
    /// Neither list may lack it.
    SymbolNotInPolicy,
    /// Decided too long ago.
    SkipIntentTooOld,
    /// It is held already.
    SkipOpenDuplicate,
    /// The other side is held: an open would net it or flip it.
    SkipOpenOpposite,
    /// Opened a moment ago.
    SkipOpenCooldown,
}

/// Passes an open, or says why not.
///
/// # Errors
/// [`OpenRefusal`].
pub fn open_gate(facts: &OpenFacts, now: Nanos) -> Result<(), OpenRefusal> {
    if !facts.listed {
        return Err(OpenRefusal::SymbolNotInPolicy);
    }
    if now - facts.decided_at > INTENT_AGE_MAX {
        return Err(OpenRefusal::SkipIntentTooOld);
    }
    match facts.held_long {
        Some(held) if held == facts.long => return Err(OpenRefusal::SkipOpenDuplicate),
        Some(_) => return Err(OpenRefusal::SkipOpenOpposite),
        None => {}
    }
    if facts.last_open.is_some_and(|at| now - at < OPEN_COOLDOWN) {
        return Err(OpenRefusal::SkipOpenCooldown);
    }
    Ok(())
}

/// The symbols that may be opened: those of the policy that the venue trades, in the policy's order. No
/// policy, or nothing in common, is nothing; an unknown venue (`None`) is the policy alone, and an alarm.
#[must_use]
pub fn open_allowlist(policy: Option<&[Symbol]>, venue: Option<&[Symbol]>) -> Vec<Symbol> {
    let trades = |symbol: &&Symbol| venue.is_none_or(|venue| venue.contains(symbol));
    policy.unwrap_or(&[]).iter().filter(trades).copied().collect()
}

/// Risk of an entry in USDT: |quantity| · average true range (USDT) · volatility factor.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn entry_risk_usdt(
    qty: f64,
    atr_value: f64,
    volatility_factor: f64,
) -> Result<f64, RefusedNumber> {
    finite("entry_risk_usdt", qty.abs() * atr_value * volatility_factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: OpenFacts = OpenFacts {
        listed: true,
        decided_at: Nanos::ZERO,
        long: true,
        held_long: None,
        last_open: None,
    };

    #[test]
    fn the_gates_come_in_their_order() {
        let gate = |facts: OpenFacts| open_gate(&facts, Nanos::from_secs(600)).err();
        assert_eq!(gate(FACTS), None);
        let of = |facts, want| assert_eq!(gate(facts), Some(want));
        of(OpenFacts { listed: false, ..FACTS }, OpenRefusal::SymbolNotInPolicy);
        let old = OpenFacts { decided_at: Nanos(-1), ..FACTS };
        of(old, OpenRefusal::SkipIntentTooOld);
        of(OpenFacts { held_long: Some(true), ..FACTS }, OpenRefusal::SkipOpenDuplicate);
        of(OpenFacts { held_long: Some(false), ..FACTS }, OpenRefusal::SkipOpenOpposite);
        let lately = OpenFacts { last_open: Some(Nanos::from_secs(421)), ..FACTS };
        of(lately, OpenRefusal::SkipOpenCooldown);
        assert_eq!(gate(OpenFacts { last_open: Some(Nanos::from_secs(420)), ..FACTS }), None);
    }

    #[test]
    fn no_policy_opens_nothing_and_an_unknown_venue_leaves_the_policy() {
        let symbols = |names: &[&str]| -> Vec<Symbol> {
            names.iter().map(|name| Symbol::new(name).expect("a symbol")).collect()
        };
        let (policy, venue) = (symbols(&["B", "A", "C"]), symbols(&["A", "B", "D"]));
        assert_eq!(open_allowlist(Some(&policy), Some(&venue)), symbols(&["B", "A"]));
        assert_eq!(open_allowlist(Some(&policy), None), policy);
        assert_eq!(open_allowlist(None, Some(&venue)), []);
        assert_eq!(entry_risk_usdt(-2.0, 5.0, 1.5), Ok(15.0));
        assert!(entry_risk_usdt(f64::NAN, 5.0, 1.5).is_err());
    }
}
