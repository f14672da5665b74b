//! The market of a server without a file: recorded data of some symbols, or a made one.

use std::path::Path;

use datasets::catalogue::Catalogue;
use datasets::{Interval, Kind, SeriesId};
use engine::{FieldValue as _, IsoTime, Nanos, Symbol};
use scenarios::Scenario;

/// Symbols that a message lists.
const LISTED_MAX: usize = 20;
/// Rows of a series are told by their own time; the one after the last ends the span.
const SECOND: Nanos = Nanos::from_secs(1);

/// A made market of these symbols, or of the usual ones.
pub(super) fn made(names: &[String]) -> Result<Scenario, String> {
    let mut scenario = parsed("[market.synthetic]\nminutes = 10080\n")?;
    let known: Vec<String> = scenario.symbols().iter().map(ToString::to_string).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "--symbols {unknown}: a made market has {}; describe others in a file, or give recorded data with --data",
            known.join(", ")
        ));
    }
    if !names.is_empty() {
        scenario.only_symbols(names);
    }
    Ok(scenario)
}

/// Data without symbols.
pub(super) fn which_symbols(folder: &Path) -> String {
    match Catalogue::open(folder) {
        Ok(catalogue) => {
            format!("say the --symbols of the data, too: {}", held(folder, &catalogue))
        }
        Err(error) => error.to_string(),
    }
}

/// The recorded market of these symbols: in this span, or in all of the time that is recorded of all of them.
pub(super) fn recorded(
    folder: &Path,
    names: &[String],
    span: Option<(&str, &str)>,
) -> Result<Scenario, String> {
    let catalogue = Catalogue::open(folder).map_err(|error| error.to_string())?;
    let mut symbols = Vec::new();
    for name in names {
        symbols.push(Symbol::new(name).map_err(|error| format!("--symbols {name}: {error}"))?);
    }
    let prices = Prices::of(folder, &catalogue, &symbols)?;
    let (from, to) = match span {
        Some((from, to)) => (time("--from", from)?, time("--to", to)?),
        None => prices.span(&catalogue, &symbols)?,
    };
    let funding = symbols.iter().all(|symbol| {
        let rates = SeriesId { kind: Kind::FundingRate, symbol: *symbol, interval: None };
        span_of(&catalogue, &rates, Nanos::ZERO)
            .is_ok_and(|(first, last)| first < to && last > from)
    });
    eprintln!(
        "market: {} of {} from {from} to {to} in {}{}",
        prices.words(),
        names.join(", "),
        folder.display(),
        if funding {
            ", with their funding rates"
        } else {
            "; funding 0.0001 every 8 h, as no rates are recorded"
        }
    );
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let rates =
        if funding { "funding = true\n" } else { "[exchange]\nfunding_rate = \"0.0001\"\n" };
    parsed(&format!(
        "[market.recorded]\nsymbols = [{}]\n{}\nfrom = \"{from}\"\nto = \"{to}\"\ngaps = \"warning\"\n{rates}",
        quoted.join(", "),
        prices.key(),
    ))
}

fn parsed(text: &str) -> Result<Scenario, String> {
    Scenario::parse("the command line", text).map_err(|error| error.to_string())
}

fn time(flag: &str, text: &str) -> Result<Nanos, String> {
    IsoTime::read_text(Some(text))
        .map(|time| time.0)
        .map_err(|_| format!("{flag} {text}: give a time such as 2026-02-01T00:00:00Z"))
}

/// What a folder has prices of.
fn held(folder: &Path, catalogue: &Catalogue) -> String {
    let mut names: Vec<String> =
        catalogue.ids().filter(Prices::tell).map(|id| id.symbol.to_string()).collect();
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(LISTED_MAX);
    names.truncate(LISTED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match names.is_empty() {
        true => format!("{} holds no prices", folder.display()),
        false => format!("{} has {}{more}", folder.display(), names.join(", ")),
    }
}

/// The series of prices that all symbols have.
#[derive(Clone, Copy)]
enum Prices {
    /// Of one minute: what most data sets have.
    Bars(Interval),
    AggTrades,
    Trades,
}

impl Prices {
    fn kinds() -> impl Iterator<Item = Prices> {
        let minutes = Interval::named("1m").into_iter().map(Prices::Bars);
        minutes.chain([Prices::AggTrades, Prices::Trades])
    }

    fn tell(id: &SeriesId) -> bool {
        Prices::kinds().any(|prices| prices.series(id.symbol) == *id)
    }

    /// The first kind that all symbols have.
    fn of(folder: &Path, catalogue: &Catalogue, symbols: &[Symbol]) -> Result<Prices, String> {
        let there = |prices: Prices, symbol: &Symbol| {
            catalogue.ids().any(|id| id == prices.series(*symbol))
        };
        let all = |prices: &Prices| symbols.iter().all(|symbol| there(*prices, symbol));
        if let Some(prices) = Prices::kinds().find(all) {
            return Ok(prices);
        }
        let without =
            symbols.iter().find(|symbol| !Prices::kinds().any(|prices| there(prices, symbol)));
        let held = held(folder, catalogue);
        Err(match without {
            Some(symbol) => format!(
                "--symbols {symbol}: no bars of 1m and no trades of it are there: {held}; import them with `qsim data import PATH --into {}`",
                folder.display()
            ),
            None => format!(
                "--symbols: of some there are only bars, of others only trades: {held}; import what is missing with `qsim data import PATH --into {}`, or serve fewer symbols",
                folder.display()
            ),
        })
    }

    fn series(self, symbol: Symbol) -> SeriesId {
        let (kind, interval) = match self {
            Prices::Bars(interval) => (Kind::Klines, Some(interval)),
            Prices::AggTrades => (Kind::AggTrades, None),
            Prices::Trades => (Kind::Trades, None),
        };
        SeriesId { kind, symbol, interval }
    }

    fn key(self) -> &'static str {
        match self {
            Prices::Bars(_) => "bars = \"1m\"",
            Prices::AggTrades => "tape = \"aggTrades\"",
            Prices::Trades => "tape = \"trades\"",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Prices::Bars(_) => "bars of 1m",
            Prices::AggTrades => "aggregated trades",
            Prices::Trades => "trades",
        }
    }

    /// The time of which all symbols have rows.
    fn span(self, catalogue: &Catalogue, symbols: &[Symbol]) -> Result<(Nanos, Nanos), String> {
        let row = if let Prices::Bars(_) = self { Nanos::from_secs(60) } else { SECOND };
        let (mut from, mut to) = (Nanos(i64::MIN), Nanos::NEVER);
        for symbol in symbols {
            let (first, end) = span_of(catalogue, &self.series(*symbol), row)?;
            (from, to) = (from.max(first), to.min(end));
        }
        if from >= to {
            return Err(format!(
                "--symbols: at no time are {} of all of them recorded; `qsim data list` shows from when to when: serve fewer, or import more",
                self.words()
            ));
        }
        Ok((from, to))
    }
}

/// First row and end of the last one, in whole seconds.
fn span_of(catalogue: &Catalogue, series: &SeriesId, row: Nanos) -> Result<(Nanos, Nanos), String> {
    let found = catalogue.series(series).map_err(|error| error.to_string())?;
    let time = |text: &str| IsoTime::read_text(Some(text)).map(|time| time.0);
    match (time(&found.first), time(&found.last)) {
        (Ok(first), Ok(last)) => {
            let whole = |time: Nanos| Nanos(time.0 - time.0.rem_euclid(SECOND.0));
            Ok((whole(first), whole(last) + row))
        }
        _ => Err(format!("{series}: its first row is at {}: import it again", found.first)),
    }
}
