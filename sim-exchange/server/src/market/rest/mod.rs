//! Market data over REST, and the three methods of the WebSocket API that answer the same.
//!
//! What the simulated market cannot know (contracts that do not exist here) is refused as Binance refuses an unknown
//! path, never made up. Statistics of the accounts are in `rest/statistics.rs`: they need the accounts' histories.

mod books;
mod contracts;
mod exchange_info;
mod klines;
mod prices;
mod tapes;

use sim_exchange::SimExchange;
use sim_exchange::wire::VenueError;

use super::MarketView;
use super::symbol::SymbolView;
use crate::http::{Failure, Params, Reply};
use crate::venue::Venue;

/// What an answer is made from.
pub(crate) struct Asked<'a> {
    pub(crate) view: &'a MarketView,
    pub(crate) exchange: &'a SimExchange,
    /// The venue's time in ms.
    pub(crate) now: i64,
    pub(crate) params: &'a Params<'a>,
}

type Answer = fn(&Asked<'_>) -> Result<Reply, Failure>;
type Weight = fn(&Params<'_>) -> u32;

struct Endpoint {
    path: &'static str,
    weight: Weight,
    answer: Answer,
}

const fn of(path: &'static str, weight: Weight, answer: Answer) -> Endpoint {
    Endpoint { path, weight, answer }
}

fn one(_: &Params<'_>) -> u32 {
    1
}

/// Counted in a limit of its own.
fn nothing(_: &Params<'_>) -> u32 {
    0
}

/// One with a symbol, or else so many.
fn or_all<const ONE: u32, const ALL: u32>(params: &Params<'_>) -> u32 {
    if params.get("symbol").is_some() { ONE } else { ALL }
}

const ENDPOINTS: &[Endpoint] = &[
    of("/fapi/v1/ping", one, |_| Ok(b"{}".to_vec())),
    of("/fapi/v1/time", one, |asked| Ok(format!("{{\"serverTime\":{}}}", asked.now).into_bytes())),
    of("/fapi/v1/exchangeInfo", one, exchange_info::exchange_info),
    of("/fapi/v1/depth", books::depth_weight, books::depth),
    of("/fapi/v1/rpiDepth", |_| 20, books::depth),
    of("/fapi/v1/ticker/bookTicker", or_all::<2, 5>, books::book_ticker),
    of("/fapi/v1/trades", |_| 5, tapes::trades),
    of("/fapi/v1/historicalTrades", |_| 20, tapes::historical_trades),
    of("/fapi/v1/aggTrades", |_| 20, tapes::agg_trades),
    of("/fapi/v1/klines", klines::weight, klines::klines),
    of("/fapi/v1/continuousKlines", klines::weight, klines::continuous),
    of("/fapi/v1/markPriceKlines", klines::weight, klines::mark),
    of("/fapi/v1/indexPriceKlines", klines::weight, klines::index),
    of("/fapi/v1/premiumIndexKlines", klines::weight, klines::premium),
    of("/fapi/v1/premiumIndex", or_all::<1, 10>, prices::premium_index),
    of("/fapi/v1/fundingRate", nothing, prices::funding_rate),
    of("/fapi/v1/fundingInfo", nothing, prices::funding_info),
    of("/fapi/v1/ticker/24hr", or_all::<1, 40>, prices::day_ticker),
    of("/fapi/v1/ticker/price", or_all::<1, 2>, prices::price),
    of("/fapi/v2/ticker/price", or_all::<1, 2>, prices::price),
    of("/fapi/v1/openInterest", one, contracts::open_interest),
    of("/fapi/v1/insuranceBalance", one, contracts::insurance),
    of("/fapi/v1/symbolAdlRisk", one, contracts::adl_risk),
    of("/fapi/v1/assetIndex", or_all::<1, 10>, contracts::asset_index),
    of("/fapi/v1/constituents", |_| 2, contracts::constituents),
    of("/fapi/v1/indexInfo", one, contracts::composite_index),
    of("/fapi/v1/tradingSchedule", |_| 5, contracts::trading_schedule),
];

fn endpoint(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// The answer to a market-data request of REST or of the WebSocket API; `path` is that of REST.
pub fn answer(venue: &Venue, path: &str, params: &Params<'_>) -> Result<Reply, Failure> {
    let now = venue.now().millis();
    let asked = Asked { view: venue.market(), exchange: venue.exchange(), now, params };
    answer_of(path, &asked)
}

pub(crate) fn answer_of(path: &str, asked: &Asked<'_>) -> Result<Reply, Failure> {
    match endpoint(path) {
        Some(endpoint) => (endpoint.answer)(asked),
        None => Err(VenueError::UnknownPath.naming(&[&path, &"GET"]).into()),
    }
}

/// The weight of a market-data request; none where `path` is not one of them.
pub fn weight(path: &str, params: &Params<'_>) -> Option<u32> {
    endpoint(path).map(|endpoint| (endpoint.weight)(params))
}

/// Whether a request counts in the window that `fundingRate` and `fundingInfo` share.
pub fn counts_as_funding(path: &str) -> bool {
    matches!(path, "/fapi/v1/fundingRate" | "/fapi/v1/fundingInfo")
}

/// Whether a request needs a key: without one it is refused with -2014.
pub fn needs_key(path: &str) -> bool {
    path == "/fapi/v1/historicalTrades"
}

impl<'a> Asked<'a> {
    /// A symbol that has to be there: -1102, or -1121 where there is none.
    fn symbol(&self) -> Result<&'a SymbolView, Failure> {
        self.named("symbol")
    }

    /// The same under another name, such as `pair`.
    fn named(&self, name: &str) -> Result<&'a SymbolView, Failure> {
        self.view.of_name(self.params.need(name)?).ok_or_else(|| VenueError::InvalidSymbol.into())
    }

    /// What one symbol answers, as an object, or all of them, as a list.
    fn one_or_all<T: serde::Serialize>(
        &self,
        row: impl Fn(&SymbolView) -> Option<T>,
    ) -> Result<Reply, Failure> {
        if self.params.get("symbol").is_some() {
            let row = row(self.symbol()?);
            return reply(&row.ok_or_else(|| Failure::of(VenueError::NoDepth))?);
        }
        let rows: Vec<T> = self.view.symbols().filter_map(row).collect();
        reply(&rows)
    }

    /// `startTime` and `endTime` in ms; -1023 where they are in the wrong order.
    fn span(&self) -> Result<(Option<i64>, Option<i64>), Failure> {
        let (start, end) = (self.params.int("startTime")?, self.params.int("endTime")?);
        for (name, time) in [("startTime", start), ("endTime", end)] {
            if time.is_some_and(|time| time < 0) {
                return Err(VenueError::InvalidParameter.naming(&[&name]).into());
            }
        }
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            let msg = "Start time is greater than end time.".into();
            return Err(engine::ExchangeError { code: -1023, msg }.into());
        }
        Ok((start, end))
    }
}

/// The rows of a span: from its start on if it has one, or else the newest, at most `limit`; oldest first.
fn window<T>(
    rows: impl DoubleEndedIterator<Item = T>,
    time: impl Fn(&T) -> i64,
    (start, end): (Option<i64>, Option<i64>),
    limit: usize,
) -> Vec<T> {
    let within = |row: &T| {
        start.is_none_or(|start| time(row) >= start) && end.is_none_or(|end| time(row) <= end)
    };
    if start.is_some() {
        return rows.filter(within).take(limit).collect();
    }
    let mut newest: Vec<T> = rows.rev().filter(within).take(limit).collect();
    newest.reverse();
    newest
}

/// As it is sent. These shapes hold nothing that JSON can not.
fn reply<T: serde::Serialize>(answer: &T) -> Result<Reply, Failure> {
    serde_json::to_vec(answer).map_err(|_| Failure::of(VenueError::Unknown))
}

#[cfg(test)]
mod tests;
