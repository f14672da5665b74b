//! The scenario's market: its grids, its feed and its identity.

use std::path::Path;

use datasets::catalogue::Catalogue;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use datasets::{
    BarMode, DataError, Interval, Kind, LocalTimes, MinuteBars, SeriesId, Window, remote,
};
use engine::{Feed, Instrument, Nanos, Symbol};
use serde_json::{Value as Json, json};
use sim_exchange::depth::QueueKind;
use sim_exchange::{MarketDepth, RuleBook, VenueEvent};

use crate::{
    BarPath, Links, OnGap, Recorded, RunOptions, Scenario, ScenarioError, SharedMarkets, Tape,
    halts,
};

/// A market that is ready to be replayed.
#[derive(Clone, Debug)]
pub(crate) struct OpenMarket<F = Box<dyn Feed + Send>> {
    pub(crate) feed: F,
    pub(crate) instruments: Vec<Instrument>,
    /// First instant and first instant after the end.
    pub(crate) range: (Nanos, Nanos),
    /// What identifies it, for the journal's header.
    pub(crate) identity: Json,
    /// What is doubtful about it, or missing.
    pub(crate) warnings: Vec<String>,
    /// Whether the feed tells funding rates.
    pub(crate) tells_funding: bool,
    /// Whether it tells the index of which mark price and funding are made.
    pub(crate) tells_index: bool,
    /// What it tells of the book.
    pub(crate) depth: MarketDepth,
    /// Times in which a symbol's trading halts, because nobody knows its prices.
    pub(crate) halts: Vec<VenueEvent>,
}

impl<F> OpenMarket<F> {
    /// The same with another feed, and its own.
    pub(crate) fn with<G>(self, feed: G) -> (OpenMarket<G>, F) {
        let OpenMarket { feed: own, instruments, range, identity, warnings, .. } = self;
        let OpenMarket { tells_funding, tells_index, depth, halts, .. } = self;
        let other = OpenMarket {
            feed,
            instruments,
            range,
            identity,
            warnings,
            tells_funding,
            tells_index,
            depth,
            halts,
        };
        (other, own)
    }
}

impl Scenario {
    /// First instant and first instant after the end.
    pub fn range(&self) -> Result<(Nanos, Nanos), String> {
        self.market.range()
    }

    /// The symbols of the market.
    pub fn symbols(&self) -> Vec<Symbol> {
        match (&self.market.synthetic, &self.market.recorded) {
            (Some(synthetic), _) => synthetic.symbols(),
            (None, recorded) => recorded.iter().flat_map(|r| r.symbols.clone()).collect(),
        }
    }

    /// Length of the run in virtual seconds.
    pub fn virtual_seconds(&self) -> Result<u64, String> {
        let (from, to) = self.range()?;
        Ok((to - from).secs().max(0) as u64)
    }
}

/// What the scenario says of a book that its market does not tell, or without the book that it does.
pub(crate) fn book_problem(scenario: &Scenario) -> Option<String> {
    let venue = &scenario.exchange;
    if !scenario.market.synthetic.as_ref().is_some_and(SyntheticMarket::tells_levels) {
        return venue.queue.map(|_| {
            "exchange.queue is given, and the market tells no levels of a book: remove it, or take [market.synthetic] model = \"order_flow\" or [market.recorded] depth = true".into()
        });
    }
    let (spread, volume) = (venue.taker_spread_ticks.is_some(), venue.volume.is_some());
    for (key, given) in [("taker_spread_ticks", spread), ("volume", volume)] {
        if given {
            return Some(format!(
                "exchange.{key} is given, and the market tells the levels of its book: remove it, orders take what rests"
            ));
        }
    }
    if let Some(QueueKind::Power { exponent } | QueueKind::Share { exponent }) = venue.queue
        && !(1..=8).contains(&exponent)
    {
        return Some(format!("exchange.queue: exponent is {exponent}, and must be 1 to 8"));
    }
    // A gap of the prices alone would leave the levels of before in the book.
    (!scenario.market.gaps.is_empty()).then(|| {
        "[[market.gaps]] cannot move the book of an order flow: say [[market.synthetic.events]] with event = \"gap\"".into()
    })
}

/// Where the events of markets come from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The folder with the data set of recorded ones.
    data: Option<&'a Path>,
    shared: Option<&'a SharedMarkets>,
}

impl<'a> Source<'a> {
    pub(crate) fn of(options: &'a RunOptions) -> Source<'a> {
        Source { data: options.data.as_deref(), shared: options.shared.as_ref() }
    }

    pub(crate) fn unshared(data: Option<&'a Path>) -> Source<'a> {
        Source { data, shared: None }
    }
}

/// Opens the market of the scenario, with its gaps. With `moved_to` its grid is also as fine as the rules of that time want
/// it.
pub(crate) fn open(
    scenario: &Scenario,
    rules: &RuleBook,
    source: Source<'_>,
    moved_to: Option<Nanos>,
) -> Result<OpenMarket, ScenarioError> {
    let open = || open_unaltered(scenario, rules, source.data, moved_to);
    let key = |shared| Some((shared, key(scenario, rules, source.data, moved_to)?));
    let market = match source.shared.and_then(key) {
        Some((shared, key)) => shared.open(key, open),
        None => open(),
    }?;
    crate::alterations::alter(scenario, market, rules)
        .map_err(|problem| ScenarioError::Build { origin: scenario.origin.clone(), problem })
}

/// All that [`open_unaltered`] depends on; nothing where that is refused.
fn key(
    scenario: &Scenario,
    rules: &RuleBook,
    data: Option<&Path>,
    moved_to: Option<Nanos>,
) -> Option<String> {
    let Scenario { market, links, seed, .. } = scenario;
    let range = scenario.range().ok()?;
    let times = [Some(range.0), moved_to].into_iter().flatten();
    let at = |symbol: Symbol, at| {
        let rules = rules.for_symbol(symbol, at).ok()?;
        Some([rules.price_precision, rules.quantity_precision])
    };
    let of_symbol = |symbol| times.clone().map(|time| at(symbol, time)).collect::<Option<Vec<_>>>();
    let precisions = scenario.symbols().into_iter().map(of_symbol).collect::<Option<Vec<_>>>()?;
    // What is recorded is so whatever the seed is; of what is made nothing else asks for data and delays.
    let seed = market.recorded.is_none().then_some(seed);
    let delays = (links.feed_latency_recorded, links.feed_latency_us == 0);
    let of_files = market.recorded.as_ref().map(|recorded| (recorded, data, delays));
    let whole = (of_files, &market.synthetic, &market.window, seed);
    serde_json::to_string(&(whole, range, precisions, moved_to)).ok()
}

fn open_unaltered(
    scenario: &Scenario,
    rules: &RuleBook,
    data: Option<&Path>,
    moved_to: Option<Nanos>,
) -> Result<OpenMarket, ScenarioError> {
    let origin = &scenario.origin;
    let build = |problem: String| ScenarioError::Build { origin: origin.clone(), problem };
    if let Some(recorded) = &scenario.market.recorded {
        let Some(data) = data else {
            return Err(ScenarioError::NoData { origin: origin.clone() });
        };
        let mut recorded = recorded.clone();
        if let Some(window) = &scenario.market.window {
            recorded.from.clone_from(&window.from);
            recorded.to.clone_from(&window.to);
        }
        return open_recorded(&recorded, &scenario.links, rules, data, moved_to).map_err(build);
    }
    let Some(synthetic) = &scenario.market.synthetic else {
        return Err(build("[market] needs one of `synthetic` and `recorded`".into()));
    };
    let feed = SyntheticFeed::of(synthetic, scenario.seed).map_err(|e| build(e.to_string()))?;
    let identity = json!({ "synthetic": feed.digest() });
    let (instruments, (from, to)) = (synthetic.instruments(), scenario.range().map_err(build)?);
    let (feed, depth): (Box<dyn Feed + Send>, MarketDepth) = if synthetic.tells_levels() {
        // The chain trades on closed bars: the tape tells them.
        let bars = MinuteBars::new(feed, instruments.len(), from, to);
        (Box::new(bars), MarketDepth::Levels)
    } else if (from, to) != synthetic.range() {
        (Box::new(Window::new(feed, from, to)), MarketDepth::Trades)
    } else {
        (Box::new(feed), MarketDepth::Trades)
    };
    Ok(OpenMarket {
        feed,
        instruments,
        range: (from, to),
        identity,
        warnings: Vec::new(),
        tells_funding: synthetic.funding().is_some(),
        depth,
        tells_index: false,
        halts: Vec::new(),
    })
}

/// The data set's refusal, with the place in the scenario that asked for what is not there.
fn refused(error: DataError) -> String {
    let asks_for_rates = match &error {
        DataError::NothingInRange { series, .. } => series.kind == Kind::FundingRate,
        DataError::NoSeries { series, .. } => series.starts_with(Kind::FundingRate.name()),
        _ => false,
    };
    if asks_for_rates {
        return format!(
            "[market.recorded] funding = true: {error}; or say funding = false and give exchange.funding_rate (0 is a rate)"
        );
    }
    format!("[market.recorded] {error}")
}

/// The same of trades that are not there where bars are, which a scenario has to ask for.
fn refused_tape(error: DataError, catalogue: &Catalogue, series: &SeriesId) -> String {
    let bars = catalogue.ids().find(|id| id.kind == Kind::Klines && id.symbol == series.symbol);
    let is_tape = matches!(series.kind, Kind::AggTrades | Kind::Trades);
    match (&error, bars.and_then(|id| id.interval)) {
        (DataError::NoSeries { .. }, Some(interval)) if is_tape => format!(
            "[market.recorded] there are no {} of {}, but bars: say bars = \"{interval}\" to replay those, or import the trades",
            series.kind, series.symbol
        ),
        _ => refused(error),
    }
}

/// Refuses recorded delays that no series tells, and warns of those series that do not: their events come as if
/// there were no way to go.
fn missing_delays(
    links: &Links,
    catalogue: &Catalogue,
    requests: &[Request],
    range: Range,
) -> Result<Option<String>, String> {
    if !links.feed_latency_recorded {
        return Ok(None);
    }
    let (mut told, mut lacking) = (false, Vec::new());
    for Request { series, .. } in requests {
        match catalogue.local_times(series, range).map_err(refused)? {
            LocalTimes::TellDelays => told = true,
            LocalTimes::NotOfItsKind => {}
            LocalTimes::None => lacking.push(format!("{series} has no local times")),
            LocalTimes::NoneLate => lacking.push(format!(
                "the local times of {series} all lie before the exchange's, a clock was wrong"
            )),
        }
    }
    let why = lacking.join("; ");
    if !told {
        return Err(format!(
            "links.feed_latency_recorded: no delay is recorded: {why}; give links.feed_latency_us or links.feed_latency"
        ));
    }
    let without = links.feed_latency_us == 0 && !lacking.is_empty();
    Ok(without.then(|| {
        format!("links.feed_latency_recorded: {why}: its events reach the services at once; links.feed_latency_us gives them a delay")
    }))
}

/// What a recorded market is read from, symbol by symbol.
fn series_of(recorded: &Recorded) -> Result<Vec<Vec<SeriesId>>, String> {
    let interval = |name: &str, text: &str| {
        Interval::named(text).ok_or_else(|| {
            format!(
                "[market.recorded] {name} = {text:?} is no interval of Binance's, such as 1m or 1h"
            )
        })
    };
    let of_symbol = |&symbol: &Symbol| -> Result<Vec<SeriesId>, String> {
        let of = |kind, interval| SeriesId { kind, symbol, interval };
        let trades = match &recorded.bars {
            Some(bars) => of(Kind::Klines, Some(interval("bars", bars)?)),
            None => of(
                match recorded.tape.unwrap_or_default() {
                    Tape::AggTrades => Kind::AggTrades,
                    Tape::Trades => Kind::Trades,
                },
                None,
            ),
        };
        let mut series = vec![trades];
        if recorded.funding {
            series.push(of(Kind::FundingRate, None));
        }
        if let Some(bars) = &recorded.mark_bars {
            series.push(of(Kind::MarkPriceKlines, Some(interval("mark_bars", bars)?)));
        }
        if let Some(bars) = &recorded.index_bars {
            series.push(of(Kind::IndexPriceKlines, Some(interval("index_bars", bars)?)));
        }
        let kinds = [
            (recorded.mark_stream, Kind::MarkPrice),
            (recorded.quotes, Kind::BookTicker),
            (recorded.depth, Kind::Depth),
        ];
        series
            .extend(kinds.into_iter().filter(|(asked, _)| *asked).map(|(_, kind)| of(kind, None)));
        Ok(series)
    };
    recorded.symbols.iter().map(of_symbol).collect()
}

fn open_recorded(
    recorded: &Recorded,
    links: &Links,
    rules: &RuleBook,
    data: &Path,
    moved_to: Option<Nanos>,
) -> Result<OpenMarket, String> {
    let (from, to) = recorded.range()?;
    let range = Range { from, to };
    let wanted = series_of(recorded)?;
    let all: Vec<SeriesId> = wanted.iter().flatten().copied().collect();
    let data = remote::local(data, &all, range).map_err(|error| error.to_string())?;
    let catalogue = Catalogue::open(&data).map_err(|error| error.to_string())?;
    let mut warnings = Vec::new();
    if let Some(bars) = recorded.bars.as_deref().filter(|bars| *bars != "1m") {
        warnings.push(format!(
            "[market.recorded] bars = {bars:?}: market_state and its readers need bars of 1m and stay silent"
        ));
    }
    let mut requests = Vec::new();
    let mut instruments = Vec::new();
    for (&symbol, series) in recorded.symbols.iter().zip(wanted) {
        let own = rules.for_symbol(symbol, from).map_err(|error| error.to_string())?;
        let mut instrument = Instrument {
            symbol,
            price_decimals: own.price_precision,
            qty_decimals: own.quantity_precision,
        };
        if let Some(moved_to) = moved_to {
            let then = rules.for_symbol(symbol, moved_to).map_err(|error| error.to_string())?;
            instrument.price_decimals = instrument.price_decimals.max(then.price_precision);
            instrument.qty_decimals = instrument.qty_decimals.max(then.quantity_precision);
        }
        for series in series {
            // Market data may be finer than the order tick: the grid is as fine as the finest of the range.
            if series.kind != Kind::FundingRate {
                let found = catalogue
                    .decimals_in(&series, range)
                    .map_err(|error| refused_tape(error, &catalogue, &series))?;
                instrument.price_decimals = instrument.price_decimals.max(found.price);
                instrument.qty_decimals = instrument.qty_decimals.max(found.qty);
            }
            let bars = match recorded.bar_path {
                BarPath::Points => BarMode::Points,
                BarPath::Whole => BarMode::Whole,
            };
            requests.push(Request { series, bars });
        }
        instruments.push(instrument);
    }
    let feed = ReplayFeed::open(&catalogue, &instruments, &requests, range).map_err(refused)?;
    crate::alterations::refuse_idle_spikes(recorded, &catalogue, &instruments)?;
    warnings.extend(feed.warnings());
    warnings.extend(missing_delays(links, &catalogue, &requests, range)?);
    if recorded.gaps == OnGap::Error
        && let Some(warning) = feed.warnings().first()
    {
        return Err(format!(
            "[market.recorded] gaps = \"error\": {warning}; bring the missing rows, change the range, or \
             say \"warning\" or \"halt\""
        ));
    }
    let halts = match recorded.gaps {
        OnGap::Halt => halts::of_gaps(feed.gaps(), from)?,
        OnGap::Warning | OnGap::Error => Vec::new(),
    };
    let identity = serde_json::to_value(feed.describe()).map_err(|error| error.to_string())?;
    let feed: Box<dyn Feed + Send> = match recorded.bars {
        Some(_) => Box::new(feed),
        // The chain trades on closed bars: the tape tells them.
        None => Box::new(MinuteBars::new(feed, instruments.len(), from, to)),
    };
    Ok(OpenMarket {
        feed,
        instruments,
        range: (from, to),
        identity,
        warnings,
        tells_funding: recorded.funding,
        tells_index: recorded.index_bars.is_some(),
        depth: match (recorded.depth, recorded.quotes) {
            (true, _) => MarketDepth::Levels,
            (false, true) => MarketDepth::Quotes,
            (false, false) => MarketDepth::Trades,
        },
        halts,
    })
}
