//! The universe service: what the exchange trades, kept over its outages (MSE 8.3).

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

/// Symbols kept.
const SYMBOLS_MAX: usize = 800;
/// A copy older than this gives no permits.
const PERMIT_AGE_MAX: Nanos = Nanos::from_secs(300);

/// `^[A-Z0-9]{1,20}(USDT|USDC|BTC)$`.
#[must_use]
pub fn is_universe_name(name: &str) -> bool {
    ["USDT", "USDC", "BTC"].iter().any(|quote| {
        name.strip_suffix(quote).is_some_and(|base| {
            (1..=20).contains(&base.len())
                && base.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        })
    })
}

/// A row of exchangeInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedSymbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// PERPETUAL or another.
    pub contract_type: &'a str,
    /// TRADING or another.
    pub status: &'a str,
}

/// The tradable perpetuals, by name, at most 800.
#[must_use]
pub fn tradable_symbols(listed: &[ListedSymbol<'_>]) -> Vec<Symbol> {
    let tradable = listed.iter().filter(|row| {
        row.contract_type == "PERPETUAL" && row.status == "TRADING" && is_universe_name(row.name)
    });
    let mut symbols: Vec<Symbol> = tradable.filter_map(|row| Symbol::new(row.name).ok()).collect();
    symbols.sort();
    symbols.dedup();
    symbols.truncate(SYMBOLS_MAX);
    symbols
}

/// A universe with the time of its making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniverseCopy {
    /// When the exchange said so.
    pub asof: Nanos,
    /// Sorted by name.
    pub symbols: Vec<Symbol>,
}

/// Where the active universe came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniverseSource {
    /// The exchange.
    Fetched,
    /// `last_ok`, at a start without an active one.
    BootstrappedFromLastOk,
}

/// What the keys `active`, `last_ok` and `meta` hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniverseState {
    /// In use.
    pub active: Option<UniverseCopy>,
    /// The last that was fetched.
    pub last_ok: Option<UniverseCopy>,
    /// The newest fetch failed, or none was made yet.
    pub stale: bool,
}

impl UniverseState {
    /// At a start, from what the keys hold: without an active universe the last good one is used, and
    /// marked stale.
    #[must_use]
    pub fn start(
        active: Option<UniverseCopy>,
        last_ok: Option<UniverseCopy>,
    ) -> (UniverseState, Option<UniverseSource>) {
        let bootstrapped = active.is_none() && last_ok.is_some();
        let source = bootstrapped.then_some(UniverseSource::BootstrappedFromLastOk);
        let stale = active.is_none();
        let active = active.or_else(|| last_ok.clone());
        (UniverseState { active, last_ok, stale }, source)
    }

    /// After a fetch; a failure (`None`) or an empty list keeps what is active.
    pub fn fetched(&mut self, now: Nanos, symbols: Option<Vec<Symbol>>) {
        match symbols.filter(|symbols| !symbols.is_empty()) {
            Some(symbols) => {
                let copy = UniverseCopy { asof: now, symbols };
                self.last_ok = Some(copy.clone());
                self.active = Some(copy);
                self.stale = false;
            }
            None => self.stale = true,
        }
    }
}

/// The symbols that P3.3 permits: active, then last_ok, both at most 300 s old and active not stale, then
/// the configured ones; else none (deny).
#[must_use]
pub fn permitted_symbols<'a>(
    state: &'a UniverseState,
    configured: &'a [Symbol],
    now: Nanos,
) -> &'a [Symbol] {
    let fresh = |copy: &'a Option<UniverseCopy>| {
        copy.as_ref().filter(|copy| now - copy.asof <= PERMIT_AGE_MAX && !copy.symbols.is_empty())
    };
    let active = fresh(&state.active).filter(|_| !state.stale);
    active.or_else(|| fresh(&state.last_ok)).map_or(configured, |copy| &copy.symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[&str]) -> Vec<Symbol> {
        names.iter().map(|name| Symbol::new(name).expect("a symbol")).collect()
    }

    #[test]
    fn only_trading_perpetuals_with_a_known_name() {
        let row = |name, contract_type, status| ListedSymbol { name, contract_type, status };
        let listed = [
            row("ETHUSDT", "PERPETUAL", "TRADING"),
            row("BTCUSDC", "PERPETUAL", "TRADING"),
            row("BTCUSDT_260327", "CURRENT_QUARTER", "TRADING"),
            row("SOLUSDT", "PERPETUAL", "SETTLING"),
            row("BTCDOM", "PERPETUAL", "TRADING"),
            row("USDT", "PERPETUAL", "TRADING"),
        ];
        assert_eq!(tradable_symbols(&listed), symbols(&["BTCUSDC", "ETHUSDT"]));
    }

    #[test]
    fn an_outage_keeps_the_universe_and_a_start_borrows_the_last() {
        let (mut state, source) = UniverseState::start(None, None);
        assert_eq!((state.stale, source), (true, None));
        state.fetched(Nanos::from_secs(10), Some(symbols(&["AUSDT"])));
        assert!(!state.stale);
        let copy = state.active.clone();
        state.fetched(Nanos::from_secs(70), None);
        assert!(state.stale && state.active == copy);
        let (started, source) = UniverseState::start(None, state.last_ok);
        assert!(started.stale && started.active == copy);
        assert_eq!(source, Some(UniverseSource::BootstrappedFromLastOk));
    }

    #[test]
    fn permits_fall_back_to_the_last_good_and_then_to_the_settings() {
        let configured = symbols(&["CUSDT"]);
        let copy = |asof, names: &[&str]| {
            Some(UniverseCopy { asof: Nanos::from_secs(asof), symbols: symbols(names) })
        };
        let mut state = UniverseState {
            active: copy(0, &["AUSDT"]),
            last_ok: copy(100, &["BUSDT"]),
            stale: false,
        };
        let at = |state: &UniverseState, second| {
            permitted_symbols(state, &configured, Nanos::from_secs(second)).to_vec()
        };
        assert_eq!(at(&state, 300), symbols(&["AUSDT"]));
        assert_eq!(at(&state, 301), symbols(&["BUSDT"]));
        assert_eq!(at(&state, 401), configured);
        state.stale = true;
        assert_eq!(at(&state, 0), symbols(&["BUSDT"]));
    }
}
