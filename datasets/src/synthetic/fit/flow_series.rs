//! A recorded book and its trades, and the order flow that is fitted to them.

use engine::{Feed, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, Symbol};

use super::common_time::CommonTime;
use super::fragment::{Fragment, six_digits};
use super::order_flow::{FlowFit, FlowObserver};
use super::series::gcd;
use crate::catalogue::Catalogue;
use crate::replay::{Range, ReplayFeed, Request};
use crate::synthetic::grid::pow10_f64;
use crate::{BarMode, DataError, Kind, SeriesId};

/// Ticks from the opposite best within which orders count, where nobody says otherwise.
pub const FLOW_LEVELS: u32 = 5;

/// Minutes below which a volatility is said to be that of a few.
const MINUTES_FEW: i64 = 240;

/// What was fitted to the book and the trades of one symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSeries {
    /// Its grid.
    pub instrument: Instrument,
    /// The greatest number of price units of which all prices of the book are multiples.
    pub tick_units: i64,
    /// The price of the last trade, USDT.
    pub last_price: f64,
    /// The rates.
    pub fit: FlowFit,
    /// Number of rows of the book.
    pub rows: u64,
    /// Number of trades.
    pub trades: u64,
    /// When there were both.
    pub common: CommonTime,
}

impl FlowSeries {
    /// Fits to `depth` and to `trades` or `aggTrades` of `symbol`, whichever share more time with the book, in a
    /// range of a data set. Of `levels` see [`FlowObserver::new`].
    pub fn read(
        catalogue: &Catalogue,
        symbol: Symbol,
        range: Range,
        levels: u32,
    ) -> Result<FlowSeries, DataError> {
        let id = |kind| SeriesId { kind, symbol, interval: None };
        let is_there = |id: &SeriesId| catalogue.ids().any(|there| there == *id);
        let (book, tapes) = (id(Kind::Depth), [Kind::Trades, Kind::AggTrades].map(id));
        let tapes: Vec<SeriesId> = tapes.into_iter().filter(is_there).collect();
        if tapes.is_empty() || !is_there(&book) {
            let lacking = if is_there(&book) { "trades" } else { "depth" };
            return Err(DataError::Misuse(format!(
                "fit: there is no {lacking} of {symbol} in {}, and an order flow is fitted to a book and its trades: import a recording of both",
                catalogue.folder().display()
            )));
        }
        let with = |tape: SeriesId| {
            let instrument = grid(catalogue, symbol, &[book, tape], range)?;
            let common = CommonTime::read(catalogue, &instrument, book, tape, range)?;
            Ok((common.length(), tape, instrument, common))
        };
        let mut found: Option<(Nanos, SeriesId, Instrument, CommonTime)> = None;
        let mut refused = None;
        for tape in tapes {
            match with(tape) {
                Ok(new) if found.as_ref().is_none_or(|(length, ..)| new.0 > *length) => {
                    found = Some(new);
                }
                Ok(_) => {}
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let Some((_, tape, instrument, common)) = found else {
            return Err(refused.unwrap_or_else(|| DataError::Misuse("fit: no trades".into())));
        };
        let series = [book, tape];
        let tick_units = tick(open(catalogue, &instrument, &series, range)?)?;
        let mut observer = FlowObserver::new(tick_units, levels);
        let (mut rows, mut trades, mut last_price) = (0, 0, PriceTicks(0));
        let mut times = common.times.iter().peekable();
        each(open(catalogue, &instrument, &series, range)?, |event| {
            while times.next_if(|(_, to)| *to < event.time).is_some() {}
            if times.peek().is_none_or(|(from, _)| event.time < *from) {
                return observer.pass(event);
            }
            observer.observe(event);
            match event.data {
                MarketData::Depth(_) => rows += 1,
                MarketData::Trade(trade) => {
                    trades += 1;
                    last_price = trade.price;
                }
                _ => {}
            }
        })?;
        Ok(FlowSeries {
            tick_units,
            last_price: instrument.price_f64(last_price),
            fit: observer.finish()?,
            rows,
            trades,
            common,
            instrument,
        })
    }

    /// A piece of a scenario file with what was fitted.
    pub fn fragment(&self) -> String {
        let flow = &self.fit.flow;
        let mut tables = format!(
            "[market.synthetic.symbols.order_flow]\nlimit_orders_per_second = {}\nmarket_orders_per_second = {}\n\
             cancels_per_second = {}\ndistance_exponent = {}\nlevels = {}\nlimit_size_ratio = {}\n",
            six_digits(flow.limit_orders_per_second),
            six_digits(flow.market_orders_per_second),
            six_digits(flow.cancels_per_second),
            six_digits(flow.distance_exponent),
            flow.levels,
            six_digits(flow.limit_size_ratio),
        );
        if let Some(hawkes) = &flow.hawkes {
            tables += &format!(
                "\n[market.synthetic.symbols.order_flow.hawkes]\nbranching = {}\ndecay_per_second = {}\ncross_share = {}\n",
                six_digits(hawkes.branching),
                six_digits(hawkes.decay_per_second),
                six_digits(hawkes.cross_share),
            );
        }
        let keys = match self.fit.volatility_per_minute {
            Some(volatility) => format!("volatility_per_minute = {}\n", six_digits(volatility)),
            None => String::new(),
        };
        let mut comments = self.common.comments();
        let minutes = self.common.length().secs() / 60;
        if minutes < MINUTES_FEW {
            comments += &format!("# The volatility is that of {minutes} minutes.\n");
        }
        let first = self.common.times.first().map_or(Nanos::ZERO, |(from, _)| *from);
        let last = self.common.times.last().map_or(Nanos::ZERO, |(_, to)| *to);
        let head = Fragment {
            of: format!("{} rows of the book and {} trades", self.rows, self.trades),
            span: (first, last),
            comments,
            model: "order_flow",
            instrument: &self.instrument,
            tick_units: self.tick_units,
            start_price: self.last_price,
            volume_per_minute: self.fit.lots_per_minute / pow10_f64(self.instrument.qty_decimals),
        };
        head.text(&keys, &tables)
    }
}

/// As fine as both need it.
fn grid(
    catalogue: &Catalogue,
    symbol: Symbol,
    series: &[SeriesId],
    range: Range,
) -> Result<Instrument, DataError> {
    let mut instrument = Instrument { symbol, price_decimals: 0, qty_decimals: 0 };
    for id in series {
        let decimals = catalogue.decimals_in(id, range)?;
        instrument.price_decimals = instrument.price_decimals.max(decimals.price);
        instrument.qty_decimals = instrument.qty_decimals.max(decimals.qty);
    }
    Ok(instrument)
}

/// A feed of some series of one symbol.
pub(super) fn open(
    catalogue: &Catalogue,
    instrument: &Instrument,
    series: &[SeriesId],
    range: Range,
) -> Result<ReplayFeed, DataError> {
    let request = |series: &SeriesId| Request { series: *series, bars: BarMode::Whole };
    let requests: Vec<Request> = series.iter().map(request).collect();
    ReplayFeed::open(catalogue, std::slice::from_ref(instrument), &requests, range)
}

/// Shows every event of a feed.
pub(super) fn each(
    mut feed: ReplayFeed,
    mut see: impl FnMut(&MarketEvent),
) -> Result<(), DataError> {
    let mut batch = Vec::new();
    loop {
        feed.next_batch(&mut batch).map_err(|error| DataError::Misuse(error.to_string()))?;
        if batch.is_empty() {
            return Ok(());
        }
        batch.iter().for_each(&mut see);
    }
}

/// The order tick in price units, as far as the book shows it.
fn tick(feed: ReplayFeed) -> Result<i64, DataError> {
    let mut tick = 0;
    each(feed, |event| {
        if let MarketData::Depth(row) = event.data {
            tick = gcd(row.price.0, tick);
        }
    })?;
    Ok(tick.max(1))
}
