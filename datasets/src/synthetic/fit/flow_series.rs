//! A recorded book and its trades, and the order flow that is fitted to them.

use engine::{Feed, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, Symbol};

use super::fragment::{Fragment, six_digits};
use super::order_flow::{FlowFit, FlowObserver};
use super::series::gcd;
use crate::catalogue::Catalogue;
use crate::replay::{Range, ReplayFeed, Request};
use crate::synthetic::grid::pow10_f64;
use crate::{BarMode, DataError, Kind, SeriesId};

/// Ticks from the opposite best within which orders count, where nobody says otherwise.
pub const FLOW_LEVELS: u32 = 5;

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
    /// The first and the last instant.
    pub span: (Nanos, Nanos),
}

impl FlowSeries {
    /// Fits to `depth` and to `trades`, or to `aggTrades` where there are no single ones, of `symbol` in a
    /// range of a data set. Of `levels` see [`FlowObserver::new`].
    pub fn read(
        catalogue: &Catalogue,
        symbol: Symbol,
        range: Range,
        levels: u32,
    ) -> Result<FlowSeries, DataError> {
        let id = |kind| SeriesId { kind, symbol, interval: None };
        let tapes = [Kind::Trades, Kind::AggTrades].map(id);
        let tape = tapes.into_iter().find(|tape| catalogue.ids().any(|id| id == *tape));
        let is_book = catalogue.ids().any(|there| there == id(Kind::Depth));
        let (Some(tape), true) = (tape, is_book) else {
            let lacking = if is_book { "trades" } else { "depth" };
            return Err(DataError::Misuse(format!(
                "fit: there is no {lacking} of {symbol} in {}, and an order flow is fitted to a book and its trades: import a recording of both",
                catalogue.folder().display()
            )));
        };
        let series = [id(Kind::Depth), tape];
        let mut instrument = Instrument { symbol, price_decimals: 0, qty_decimals: 0 };
        for id in &series {
            let decimals = catalogue.decimals_in(id, range)?;
            instrument.price_decimals = instrument.price_decimals.max(decimals.price);
            instrument.qty_decimals = instrument.qty_decimals.max(decimals.qty);
        }
        let open = || {
            let requests = series.map(|series| Request { series, bars: BarMode::Whole });
            ReplayFeed::open(catalogue, std::slice::from_ref(&instrument), &requests, range)
        };
        let tick_units = tick(open()?)?;
        let mut observer = FlowObserver::new(tick_units, levels);
        let (mut rows, mut trades, mut last_price, mut span) = (0, 0, PriceTicks(0), None);
        each(open()?, |event| {
            observer.observe(event);
            match event.data {
                MarketData::Depth(_) => rows += 1,
                MarketData::Trade(trade) => {
                    trades += 1;
                    last_price = trade.price;
                }
                _ => {}
            }
            let (first, _) = span.unwrap_or((event.time, event.time));
            span = Some((first, event.time));
        })?;
        Ok(FlowSeries {
            tick_units,
            last_price: instrument.price_f64(last_price),
            fit: observer.finish()?,
            rows,
            trades,
            span: span.unwrap_or((Nanos::ZERO, Nanos::ZERO)),
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
        let silences = match self.fit.silences {
            0 => String::new(),
            1 => ", without the one time that is not recorded,".to_owned(),
            count => format!(", without {count} times that are not recorded,"),
        };
        let head = Fragment {
            of: format!("{} rows of the book and {} trades{silences}", self.rows, self.trades),
            span: self.span,
            model: "order_flow",
            instrument: &self.instrument,
            tick_units: self.tick_units,
            start_price: self.last_price,
            volume_per_minute: self.fit.lots_per_minute / pow10_f64(self.instrument.qty_decimals),
        };
        head.text("", &tables)
    }
}

/// Shows every event of a feed.
fn each(mut feed: ReplayFeed, mut see: impl FnMut(&MarketEvent)) -> Result<(), DataError> {
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
