//! Events in a scenario file: `[[exchange.events]]` befall the venue, `[[market.gaps]]` the prices.
//!
//! A time is either an offset from the start, such as `"6h 30m"`, or a time, such as
//! `"2026-02-05T06:30:00Z"`.

use datasets::PriceGap;
use engine::{FieldValue, IsoTime, Nanos, Symbol, SymbolIndex};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use sim_exchange::{FilterChange, RuleBook, Tier, VenueChange, VenueEvent};

use crate::Scenario;
use crate::alterations;
use crate::file::quoted_time;
use crate::market::OpenMarket;

/// What can befall the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Balances, positions and orders are gone, and ids start again; takes `wallet`.
    TestnetReset,
    /// All requests are refused and nothing is matched; needs `until`.
    Maintenance,
    /// A symbol is not matched and takes no orders; needs `symbol` and `until`.
    SymbolHalted,
    /// A symbol is settled and leaves the venue; needs `symbol`.
    SymbolDelisted,
    /// Other filters or brackets hold; needs `symbol`, and `filters` or `brackets` or both.
    RulesChanged,
    /// The mark price stays what it is; needs `symbol` and `until`.
    StuckMark,
    /// The next funding settlement has another rate; needs `symbol` and `rate`.
    FundingSpike,
}

impl EventKind {
    /// Its name in a file, the keys that it needs, and those that it may have.
    fn words(self) -> (&'static str, &'static [&'static str], &'static [&'static str]) {
        match self {
            EventKind::TestnetReset => ("testnet_reset", &[], &["wallet"]),
            EventKind::Maintenance => ("maintenance", &["until"], &[]),
            EventKind::SymbolHalted => ("symbol_halted", &["symbol", "until"], &[]),
            EventKind::SymbolDelisted => ("symbol_delisted", &["symbol"], &[]),
            EventKind::RulesChanged => ("rules_changed", &["symbol"], &["filters", "brackets"]),
            EventKind::StuckMark => ("stuck_mark", &["symbol", "until"], &[]),
            EventKind::FundingSpike => ("funding_spike", &["symbol", "rate"], &[]),
        }
    }
}

/// One `[[exchange.events]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When it begins: an offset from the start, or a time.
    #[serde(deserialize_with = "quoted_time")]
    pub at: String,
    /// What it is.
    pub event: EventKind,
    /// The first instant after it: an offset from the start, or a time.
    #[serde(default, deserialize_with = "some_time", skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whom it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<Symbol>,
    /// What the account has after a reset, in USDT; its first deposit where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Decimal>,
    /// The funding rate, as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Decimal>,
    /// The filters that change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<FilterChange>,
    /// All leverage tiers, if they change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brackets: Option<Vec<Tier>>,
}

/// One `[[market.gaps]]`: from an instant on all prices of a symbol are higher or lower by a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// When: an offset from the start, or a time.
    #[serde(deserialize_with = "quoted_time")]
    pub at: String,
    /// Whose prices.
    pub symbol: Symbol,
    /// How far: -10 is a fall of 10 %.
    pub percent: Decimal,
}

pub(crate) fn some_time<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    quoted_time(from).map(Some)
}

/// An instant of a run that starts at `start`.
pub(crate) fn instant(name: &str, text: &str, start: Nanos) -> Result<Nanos, String> {
    let wrong = || {
        format!(
            "{name} = {text:?} is no time: give an offset from the start such as \"6h 30m\" (d, h, m, s, ms), or a time such as \"2026-02-05T06:30:00Z\""
        )
    };
    if let Ok(IsoTime(time)) = IsoTime::read_text(Some(text)) {
        return Ok(time);
    }
    offset(text).map(|offset| start + offset).ok_or_else(wrong)
}

/// `1d 6h 30m 5s 250ms`: numbers with units, the larger ones first, with or without blanks.
pub(crate) fn offset(text: &str) -> Option<Nanos> {
    const UNITS: [(&str, i64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = text.trim();
    let (mut sum_ms, mut smaller) = (0i64, &UNITS[..]);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let place = smaller.iter().position(|(unit, _)| *unit == &after[..letters])?;
        sum_ms = sum_ms.checked_add(number.checked_mul(smaller[place].1)?)?;
        smaller = &smaller[place + 1..];
        rest = after[letters..].trim_start();
    }
    sum_ms.checked_mul(1_000_000).map(Nanos)
}

impl Event {
    /// The exchange's event, or what is wrong with it.
    fn read(&self, (from, to): (Nanos, Nanos)) -> Result<VenueEvent, String> {
        let (name, needed, allowed) = self.event.words();
        let given = [
            ("until", self.until.is_some()),
            ("symbol", self.symbol.is_some()),
            ("wallet", self.wallet.is_some()),
            ("rate", self.rate.is_some()),
            ("filters", self.filters.is_some()),
            ("brackets", self.brackets.is_some()),
        ];
        for (key, is_given) in given {
            if !is_given && needed.contains(&key) {
                return Err(format!("{name} needs `{key}`: add it"));
            }
            if is_given && !needed.contains(&key) && !allowed.contains(&key) {
                return Err(format!("{name} has no `{key}`: remove it"));
            }
        }
        let at = within("at", &self.at, (from, to))?;
        let until = match &self.until {
            Some(text) => instant("until", text, from)?,
            None => at,
        };
        if self.until.is_some() && until <= at {
            return Err(format!("until {until} is not after at {at}: swap or change them"));
        }
        // What is needed is there.
        let symbol = || self.symbol.ok_or_else(|| format!("{name} needs `symbol`: add it"));
        let what = match self.event {
            EventKind::TestnetReset => VenueChange::TestnetReset { wallet: self.wallet },
            EventKind::Maintenance => VenueChange::Maintenance { until },
            EventKind::SymbolHalted => VenueChange::SymbolHalted { symbol: symbol()?, until },
            EventKind::SymbolDelisted => VenueChange::SymbolDelisted { symbol: symbol()? },
            EventKind::RulesChanged => VenueChange::RulesChanged {
                symbol: symbol()?,
                filters: Box::new(self.filters.clone().unwrap_or_default()),
                brackets: self.brackets.clone(),
            },
            EventKind::StuckMark => VenueChange::StuckMark { symbol: symbol()?, until },
            EventKind::FundingSpike => {
                let rate = self.rate.unwrap_or_default();
                VenueChange::FundingSpike { symbol: symbol()?, rate }
            }
        };
        Ok(VenueEvent { at, what })
    }
}

/// An instant inside the run.
pub(crate) fn within(name: &str, text: &str, (from, to): (Nanos, Nanos)) -> Result<Nanos, String> {
    let time = instant(name, text, from)?;
    if time < from || time >= to {
        return Err(format!(
            "{name} = {text:?} is {time}, outside of the run from {from} to {to}: change it"
        ));
    }
    Ok(time)
}

impl Gap {
    fn place(&self, number: usize) -> String {
        format!("[[market.gaps]] number {} ({})", number + 1, self.symbol)
    }

    /// New price by old price in parts per million.
    fn factor_ppm(&self) -> Result<i64, String> {
        let ppm = (Decimal::ONE_HUNDRED + self.percent) * Decimal::from(10_000);
        let fits = self.percent > -Decimal::ONE_HUNDRED && self.percent <= Decimal::from(10_000);
        ppm.to_i64().filter(|ppm| fits && *ppm > 0 && ppm_is_exact(self.percent)).ok_or_else(|| {
            format!(
                "percent is {}: it has to be above -100 and at most 10000, with up to 4 decimals",
                self.percent
            )
        })
    }
}

fn ppm_is_exact(percent: Decimal) -> bool {
    percent.normalize().scale() <= 4
}

/// The first problem of a scenario's events and gaps, with its place in the file.
pub(crate) fn problem(scenario: &Scenario) -> Option<String> {
    let range = match scenario.range() {
        Ok(range) => range,
        Err(problem) => return Some(problem),
    };
    let market = &scenario.market;
    let symbols = scenario.symbols();
    let unknown = |symbol: Option<Symbol>| {
        let symbol = symbol.filter(|symbol| !symbols.contains(symbol))?;
        let known: Vec<String> = symbols.iter().map(ToString::to_string).collect();
        Some(format!("symbol {symbol} is not in the market: name one of {}", known.join(", ")))
    };
    let of_event = |(number, event): (usize, &Event)| {
        let found = event.read(range).err().or_else(|| unknown(event.symbol))?;
        let name = event.event.words().0;
        Some(format!("[[exchange.events]] number {} ({name}): {found}", number + 1))
    };
    let of_gap = |(number, gap): (usize, &Gap)| {
        let found = within("at", &gap.at, range).err();
        let found =
            found.or_else(|| gap.factor_ppm().err()).or_else(|| unknown(Some(gap.symbol)))?;
        Some(format!("{}: {found}", gap.place(number)))
    };
    let events = scenario.exchange.events.iter().enumerate().find_map(of_event);
    events.or_else(|| market.gaps.iter().enumerate().find_map(of_gap))
}

impl Scenario {
    /// The venue's events, for a run over `range`.
    pub(crate) fn venue_events(&self, range: (Nanos, Nanos)) -> Result<Vec<VenueEvent>, String> {
        self.exchange.events.iter().map(|event| event.read(range)).collect()
    }

    /// The market's gaps, on the ticks of their instants.
    pub(crate) fn price_gaps(
        &self,
        market: &OpenMarket,
        rules: &RuleBook,
    ) -> Result<Vec<PriceGap>, String> {
        let mut gaps = Vec::with_capacity(self.market.gaps.len());
        for gap in &self.market.gaps {
            let at = within("at", &gap.at, market.range)?;
            let found = market.instruments.iter().zip(0u16..).find(|(i, _)| i.symbol == gap.symbol);
            let Some((instrument, index)) = found else { continue };
            let tick = alterations::tick(instrument, rules, at)?;
            let (symbol, factor_ppm) = (SymbolIndex(index), gap.factor_ppm()?);
            gaps.push(PriceGap { at, symbol, factor_ppm, tick });
        }
        Ok(gaps)
    }

    /// The gaps in sentences, for the assumptions of the run.
    pub(crate) fn gap_sentences(&self) -> Vec<String> {
        let Ok((start, _)) = self.range() else { return Vec::new() };
        let sentence = |gap: &Gap| {
            let at = instant("at", &gap.at, start).ok()?;
            let Gap { symbol, percent, .. } = gap;
            Some(format!(
                "Event at {at}: all prices of {symbol} are moved by {percent} % from here on, to the nearest tick."
            ))
        };
        self.market.gaps.iter().filter_map(sentence).collect()
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_numbers_with_units() {
        let ms = |text| offset(text).map(|time| time.millis());
        assert_eq!(ms("90s"), Some(90_000));
        assert_eq!(ms("1d 2h 3m 4s 5ms"), Some(93_784_005));
        assert_eq!(ms(" 6h30m "), Some(23_400_000));
        assert_eq!(ms("0s"), Some(0));
        for text in
            ["", "h", "6", "6 h", "6h 1d", "5m 5m", "6x", "-5m", "1.5h", "9999999999d", "6hm"]
        {
            assert_eq!(offset(text), None, "{text:?}");
        }
    }

    fn message(tables: &str) -> String {
        let text = format!("[market.synthetic]\nminutes = 60\n{tables}");
        let error = Scenario::parse("a.toml", &text).expect_err("it is refused").to_string();
        assert!(error.starts_with("a.toml:"), "{error}");
        error
    }

    #[test]
    fn what_is_wrong_is_said_with_file_place_and_remedy() {
        let event = |body: &str| message(&format!("[[exchange.events]]\nat = \"5m\"\n{body}\n"));
        let table = [
            (
                "event = \"maintenance\"",
                "number 1 (maintenance): maintenance needs `until`: add it",
            ),
            ("event = \"stuck_mark\"\nuntil = \"6m\"", "needs `symbol`: add it"),
            ("event = \"testnet_reset\"\nrate = \"0\"", "testnet_reset has no `rate`: remove it"),
            ("event = \"maintenance\"\nuntil = \"5m\"", "is not after at"),
            (
                "event = \"maintenance\"\nuntil = \"soon\"",
                "until = \"soon\" is no time: give an offset",
            ),
            (
                "event = \"symbol_delisted\"\nsymbol = \"XRPUSDT\"",
                "symbol XRPUSDT is not in the market: name one of BTCUSDT, ETHUSDT, SOLUSDT",
            ),
            (
                "event = \"maintainance\"",
                "a.toml:5:9: unknown value `maintainance`; did you mean `maintenance`?",
            ),
            (
                "event = \"maintenance\"\nuntill = \"6m\"",
                "a.toml:6:1: unknown key `untill`; did you mean `until`?",
            ),
            ("event = \"maintenance\"\nuntil = 2026-01-01T00:00:00Z", "a time in quotes"),
        ];
        for (body, reason) in table {
            assert!(event(body).contains(reason), "{}", event(body));
        }
        let late = message("[[exchange.events]]\nat = \"60m\"\nevent = \"testnet_reset\"\n");
        assert!(late.contains("outside of the run from 2026-01-01T00:00:00Z to"), "{late}");
        let gap = |percent: &str| {
            let gap = format!("at = \"5m\"\nsymbol = \"BTCUSDT\"\npercent = \"{percent}\"\n");
            message(&format!("[[market.gaps]]\n{gap}"))
        };
        for percent in ["-100", "10001", "1.00001"] {
            let reason = "[[market.gaps]] number 1 (BTCUSDT): percent is";
            assert!(gap(percent).contains(reason), "{}", gap(percent));
        }
    }

    #[test]
    fn a_file_with_all_events_is_read_and_written_back() {
        let text = r#"
            [market.synthetic]
            minutes = 60
            [[market.gaps]]
            at = "2026-01-01T00:30:00Z"
            symbol = "BTCUSDT"
            percent = "-12.5"
            [[exchange.events]]
            at = "30m"
            event = "testnet_reset"
            wallet = "500"
            [[exchange.events]]
            at = "0s"
            event = "symbol_halted"
            symbol = "ETHUSDT"
            until = "2h"
            [[exchange.events]]
            at = "31m"
            event = "rules_changed"
            symbol = "BTCUSDT"
            filters = { min_notional = "200", tick_size = "0.5" }
            brackets = [{ cap = "100000", mmr = "0.02", leverage = 20 }]
            [[exchange.events]]
            at = "32m"
            event = "funding_spike"
            symbol = "BTCUSDT"
            rate = "0.01"
        "#;
        let scenario = Scenario::parse("a.toml", text).expect("it reads");
        let range = scenario.range().expect("a range");
        let events = scenario.venue_events(range).expect("they read");
        assert_eq!(events[0].at, range.0 + Nanos::from_secs(1_800));
        let Some(VenueChange::SymbolHalted { until, .. }) = events.get(1).map(|e| &e.what) else {
            panic!("{events:?}");
        };
        assert_eq!(*until, range.0 + Nanos::from_secs(7_200), "beyond the end of the run");
        let json = serde_json::to_value(&scenario).expect("it is written");
        let again: Scenario = serde_json::from_value(json).expect("and read");
        assert_eq!(again.venue_events(range), Ok(events));
        assert_eq!(again.market, scenario.market);
        assert_eq!(scenario.market.gaps[0].factor_ppm(), Ok(875_000));
    }
}
