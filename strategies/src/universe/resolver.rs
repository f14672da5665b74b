//! Where the trading bot and the feeds take their symbols from (MSE 3.4, 6).

use engine::Symbol;
use serde::{Deserialize, Serialize};

/// Symbols by volume.
const MOST_TRADED: usize = 50;
/// Of 24 hours, in USDT.
const QUOTE_VOLUME_MIN_USD: f64 = 10e6;
/// Tokens that multiply another's moves.
const LEVERAGED: [&str; 4] = ["UP", "DOWN", "BULL", "BEAR"];

/// All sources, in the order of their precedence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolSources<'a> {
    /// Of the policy.
    pub policy: &'a [Symbol],
    /// Of the settings (TRADING_SYMBOLS).
    pub configured: &'a [Symbol],
    /// The most traded.
    pub by_volume: &'a [Symbol],
    /// Built in.
    pub constants: &'a [Symbol],
}

/// The symbols of the first source that has any. It is asked at the start and at every refresh alike:
/// the audited refresh skipped the settings (incident I-36).
#[must_use]
pub fn resolve_symbols<'a>(sources: &SymbolSources<'a>) -> &'a [Symbol] {
    let all = [sources.policy, sources.configured, sources.by_volume, sources.constants];
    all.into_iter().find(|symbols| !symbols.is_empty()).unwrap_or(&[])
}

/// Whether a base is a token that multiplies the moves of another one: BTCUP, where BTC is listed.
#[must_use]
pub fn is_leveraged(base: &str, is_listed: impl Fn(&str) -> bool) -> bool {
    LEVERAGED.iter().any(|suffix| base.strip_suffix(suffix).is_some_and(&is_listed))
}

/// A symbol of the 24 h ticker.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeRow {
    /// Whose.
    pub symbol: Symbol,
    /// In USDT.
    pub quote_volume_usd: f64,
}

/// The 50 most traded against USDT among `bases` with at least 10 million, largest first, then by name;
/// no leveraged tokens, none priced by the thousand.
#[must_use]
pub fn most_traded(rows: &[VolumeRow], bases: &[&str]) -> Vec<Symbol> {
    let wanted = |row: &&VolumeRow| {
        let base = row.symbol.as_str().strip_suffix("USDT");
        row.quote_volume_usd >= QUOTE_VOLUME_MIN_USD
            && row.quote_volume_usd.is_finite()
            && base.is_some_and(|base| {
                bases.contains(&base)
                    && !base.starts_with("1000")
                    && !is_leveraged(base, |rest| bases.contains(&rest))
            })
    };
    let mut rows: Vec<&VolumeRow> = rows.iter().filter(wanted).collect();
    rows.sort_by(|a, b| {
        b.quote_volume_usd.total_cmp(&a.quote_volume_usd).then(a.symbol.cmp(&b.symbol))
    });
    rows.into_iter().take(MOST_TRADED).map(|row| row.symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).expect("a symbol")
    }

    /// After six hours a bot with TRADING_SYMBOLS traded others.
    #[test]
    fn incident_i36_settings_keep_their_place() {
        let (a, b) = ([symbol("AUSDT")], [symbol("BUSDT")]);
        let sources = SymbolSources { configured: &a, by_volume: &b, ..SymbolSources::default() };
        assert_eq!(resolve_symbols(&sources), a);
        assert_eq!(resolve_symbols(&SymbolSources { policy: &b, ..sources }), b);
        assert_eq!(resolve_symbols(&SymbolSources::default()), []);
    }

    #[test]
    fn the_most_traded_are_the_plain_ones() {
        let row = |name, quote_volume_usd| VolumeRow { symbol: symbol(name), quote_volume_usd };
        let rows = [
            row("SOLUSDT", 10e6),
            row("BTCUSDT", 90e6),
            row("ADAUSDT", 9.9e6),
            row("BTCUPUSDT", 90e6),
            row("1000SHIBUSDT", 90e6),
            row("ETHUSDC", 90e6),
            row("DOTUSDT", f64::NAN),
        ];
        let bases = ["BTC", "SOL", "ADA", "BTCUP", "1000SHIB", "ETH", "DOT"];
        assert_eq!(most_traded(&rows, &bases), [symbol("BTCUSDT"), symbol("SOLUSDT")]);
    }
}
