//! From words on a command line to a series: what is not there is answered with the nearest that is.

use engine::Symbol;

use crate::DataError;
use crate::catalogue::Catalogue;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId};
use engine::nearest;

/// Names listed in a message; a data set may have hundreds of symbols.
const LISTED_MAX: usize = 12;

/// "did you mean `x`?", and what there is.
fn hint(unknown: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "there is none at all".to_owned();
    }
    let asked = nearest(unknown, known).map(|near| format!("did you mean {near}? "));
    let asked = asked.unwrap_or_default();
    let listed = known.iter().take(LISTED_MAX).copied().collect::<Vec<_>>().join(", ");
    let more = known.len().saturating_sub(LISTED_MAX);
    let more = if more > 0 { format!(" and {more} more (qsim data list)") } else { String::new() };
    format!("{asked}here are: {listed}{more}")
}

/// The same for a series among those that a data set has, written one after the other: those of its symbol
/// if there are any, else the symbols that have this kind.
pub(crate) fn series_hint(unknown: &str, present: &str) -> String {
    let all: Vec<&str> = present.split(", ").filter(|name| !name.is_empty()).collect();
    // Kind and interval, and the symbol between.
    let split = |name: &'_ str| -> Option<(String, String)> {
        let mut parts = name.split('/');
        let (kind, symbol) = (parts.next()?, parts.next()?);
        Some((format!("{kind}/{}", parts.next().unwrap_or("")), symbol.to_owned()))
    };
    let Some((kind, symbol)) = split(unknown) else { return hint(unknown, &all) };
    let parts: Vec<(String, String)> = all.iter().filter_map(|name| split(name)).collect();
    let of_symbol = all.iter().copied().filter(|name| split(name).is_some_and(|s| s.1 == symbol));
    let own: Vec<&str> = of_symbol.collect();
    if !own.is_empty() {
        return hint(unknown, &own);
    }
    let of_kind = parts.iter().filter(|(other, _)| *other == kind);
    let symbols = distinct(of_kind.map(|(_, symbol)| symbol.as_str()));
    if symbols.is_empty() { hint(unknown, &all) } else { hint(&symbol, &symbols) }
}

/// Each once, in order.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

impl Catalogue {
    /// The series with these names. Without an interval it is the only one that the kind and symbol have.
    pub fn find(
        &self,
        kind: &str,
        symbol: &str,
        interval: Option<&str>,
    ) -> Result<SeriesId, DataError> {
        let refuse =
            |text: String| Err(DataError::Misuse(format!("{}: {text}", self.folder().display())));
        let ids: Vec<SeriesId> = self.ids().collect();
        let kinds = distinct(ids.iter().map(|id| id.kind.name()));
        let Some(known) = Kind::named(kind) else {
            return refuse(format!("there is no kind {kind}; {}", hint(kind, &kinds)));
        };
        let of_kind: Vec<SeriesId> = ids.into_iter().filter(|id| id.kind == known).collect();
        if of_kind.is_empty() {
            return refuse(format!(
                "no {kind} here; {}; import more with qsim data import",
                hint(kind, &kinds)
            ));
        }
        let of_symbol: Vec<SeriesId> =
            of_kind.iter().copied().filter(|id| id.symbol.as_str() == symbol).collect();
        if of_symbol.is_empty() {
            let symbols = distinct(of_kind.iter().map(|id| id.symbol.as_str()));
            return refuse(format!("no {kind} of {symbol} here; {}", hint(symbol, &symbols)));
        }
        self.of_interval(&of_symbol, interval).or_else(refuse)
    }

    /// One of the series of a kind and symbol.
    fn of_interval(&self, ids: &[SeriesId], interval: Option<&str>) -> Result<SeriesId, String> {
        let [first, rest @ ..] = ids else { return Err("no series".to_owned()) };
        let (kind, symbol): (Kind, Symbol) = (first.kind, first.symbol);
        let there: Vec<&str> =
            ids.iter().filter_map(|id| id.interval.map(Interval::name)).collect();
        match interval {
            None if rest.is_empty() => Ok(*first),
            None => Err(format!(
                "{kind} of {symbol} are here in several intervals; give --interval with one of {}",
                there.join(", ")
            )),
            Some(text) if !kind.has_interval() => Err(format!(
                "{kind} have no interval; leave --interval out, and to see bars of {text} made of trades give --resample {text}"
            )),
            Some(text) => {
                let asked = Interval::named(text);
                let found = ids.iter().find(|id| asked.is_some() && id.interval == asked);
                found.copied().ok_or_else(|| {
                    let there = there.join(", ");
                    format!("{kind} of {symbol} are not here in {text}, but in {there}; longer bars are made of shorter ones with --resample {text}")
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{hint, series_hint};

    #[test]
    fn a_series_is_near_by_its_symbol() {
        let present = "klines/BNBUSDT/1m, klines/BTCUSDT/1m, klines/BTCUSDT/1h, depth/ETHUSDT";
        for (unknown, told) in [
            ("klines/NOPE/1m", "here are: BNBUSDT, BTCUSDT"),
            ("klines/BTC/1m", "did you mean BTCUSDT? here are: BNBUSDT, BTCUSDT"),
            ("depth/BTCUSDT", "here are: klines/BTCUSDT/1m, klines/BTCUSDT/1h"),
            ("metrics/XRPUSDT", "here are: klines/BNBUSDT/1m, klines/BTCUSDT/1m, "),
        ] {
            let hint = series_hint(unknown, present);
            assert!(hint.starts_with(told), "{unknown}: {hint}");
        }
    }

    #[test]
    fn the_nearest_is_told_first() {
        let known = ["klines", "trades", "fundingRate"];
        assert!(hint("kline", &known).starts_with("did you mean klines? here are: klines, "));
        assert!(hint("fundingrate", &known).starts_with("did you mean fundingRate?"));
        assert!(hint("btc", &["ETHUSDT", "BTCUSDT"]).starts_with("did you mean BTCUSDT?"));
        assert!(hint("zzzzzzzzzz", &known).starts_with("here are: klines, trades"));
    }
}
