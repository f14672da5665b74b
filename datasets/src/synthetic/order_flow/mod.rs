//! A market that makes its own book: orders arrive by chance, rest, are cancelled and meet.
//!
//! Sources: R. Cont, S. Stoikov, R. Talreja (2010), "A stochastic model for order book dynamics",
//! Operations Research 58; E. Smith, J. D. Farmer, L. Gillemot, S. Krishnamurthy (2003), "Statistical
//! theory of the continuous double auction", Quantitative Finance 3; for the clustering of market orders
//! A. G. Hawkes (1971), Biometrika 58, as in E. Bacry, I. Mastromatteo, J.-F. Muzy (2015), "Hawkes
//! processes in finance".
//!
//! - Limit orders arrive at `i` ticks from the opposite best with a rate in proportion to `1 / i^γ`, for `i`
//!   from 1 to `levels`.
//! - Each resting order is cancelled at the rate θ, so that a level loses orders in proportion to its queue.
//! - Market orders arrive at a rate of their own and take the best levels. With `hawkes` each makes more of
//!   them likely for a while, on its own side and, by a share, on the other.
//! - Sizes are geometric. Spread and depth follow from these.
//! - With a `volatility_per_minute` the book is quoted about a value that market orders move ([`reference`]): where
//!   it goes all levels go. Without one the price, too, follows from the rates alone, and moves as little as they
//!   make it.
//!
//! Orders that the market has left behind by four times `levels` are withdrawn, so that memory is bounded.

mod alias;
mod book;
mod flow;
mod hawkes;
mod lead;
mod reference;

use engine::Symbol;
use serde::{Deserialize, Serialize};

use super::config::{
    ConstantFunding, SyntheticSymbol, funding_problem, span_problem, symbols_problem,
};
use super::events::{LaidEvent, Shock, events_problem};
use super::grid::pow10_f64;

pub(super) use flow::Flow;

/// Rates of one symbol's order flow, both sides together, per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrderFlow {
    /// Limit orders within `levels` of the opposite best.
    pub limit_orders_per_second: f64,
    /// Market orders, those that others have excited among them.
    pub market_orders_per_second: f64,
    /// θ: of each resting order; its inverse is how long an order lives if nothing takes it.
    pub cancels_per_second: f64,
    /// γ: how fast arrivals thin out with the distance; 0 is evenly.
    pub distance_exponent: f64,
    /// Farthest arrival, in ticks from the opposite best.
    pub levels: u32,
    /// Mean size of a limit order by that of a market order.
    pub limit_size_ratio: f64,
    /// Whether market orders excite each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hawkes: Option<Hawkes>,
}

/// The exponential kernel of a self-exciting process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hawkes {
    /// Market orders that one of them brings about, directly: 0 to below 1.
    pub branching: f64,
    /// β: rate at which the excitement dies away, per second.
    pub decay_per_second: f64,
    /// Share of the excitement that goes to the other side, 0 to 1.
    #[serde(default)]
    pub cross_share: f64,
}

impl Default for OrderFlow {
    /// A liquid book: a spread of one or two ticks.
    fn default() -> OrderFlow {
        OrderFlow {
            limit_orders_per_second: 24.0,
            market_orders_per_second: 4.0,
            cancels_per_second: 0.12,
            distance_exponent: 0.5,
            levels: 40,
            limit_size_ratio: 1.0,
            hawkes: None,
        }
    }
}

impl OrderFlow {
    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        let ranges = [
            ("limit_orders_per_second", self.limit_orders_per_second, 1e-6, 1e6),
            ("market_orders_per_second", self.market_orders_per_second, 0.0, 1e6),
            ("cancels_per_second", self.cancels_per_second, 1e-6, 1e6),
            ("distance_exponent", self.distance_exponent, 0.0, 10.0),
            ("limit_size_ratio", self.limit_size_ratio, 1e-6, 1e6),
            ("levels", f64::from(self.levels), 1.0, 1_000.0),
        ];
        let odd = ranges.iter().find(|(_, value, min, max)| !(*min..=*max).contains(value));
        if let Some((name, value, min, max)) = odd {
            return Some(format!("order_flow: {name} is {value}, and must be {min} to {max}"));
        }
        let (limit, market) = (self.limit_orders_per_second, self.market_orders_per_second);
        let taken = market / self.limit_size_ratio;
        if taken >= limit {
            return Some(format!(
                "order_flow: market orders take {taken} limit orders a second and only {limit} come: no book would be left; raise limit_orders_per_second, or lower market_orders_per_second"
            ));
        }
        let resting = limit / self.cancels_per_second;
        if resting > 1e7 {
            return Some(format!(
                "order_flow: some {resting:.0} orders would rest: raise cancels_per_second"
            ));
        }
        self.hawkes.and_then(|hawkes| hawkes.problem())
    }
}

impl Hawkes {
    fn problem(&self) -> Option<String> {
        if !(0.0..1.0).contains(&self.branching) {
            return Some(format!(
                "order_flow.hawkes: branching is {}, and must be 0 to below 1: from 1 on market orders would multiply without end",
                self.branching
            ));
        }
        if !(1e-4..=1e4).contains(&self.decay_per_second) {
            return Some(format!(
                "order_flow.hawkes: decay_per_second is {}, and must be 0.0001 to 10000",
                self.decay_per_second
            ));
        }
        let odd = !(0.0..=1.0).contains(&self.cross_share);
        odd.then(|| {
            format!("order_flow.hawkes: cross_share is {}, and must be 0 to 1", self.cross_share)
        })
    }
}

/// One symbol and its flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSymbol {
    /// Grid, first price, volume and volatility: the mean size of a market order is the volume of a minute by
    /// the market orders of a minute; a volatility of zero leaves the price to the rates.
    pub symbol: SyntheticSymbol,
    /// Its rates.
    pub flow: OrderFlow,
}

impl FlowSymbol {
    /// Mean lots of a market order; it may be less than one.
    fn market_lots(&self) -> f64 {
        let orders = 60.0 * self.flow.market_orders_per_second;
        let lots = self.symbol.volume_per_minute * pow10_f64(self.symbol.qty_decimals);
        if orders > 0.0 { lots / orders } else { lots }
    }

    fn problem(&self) -> Option<String> {
        let name = self.symbol.symbol;
        if let Some(problem) = self.flow.problem() {
            return Some(format!("{name}: {problem}"));
        }
        if self.symbol.volatility_per_minute > 0.0 && self.flow.market_orders_per_second <= 0.0 {
            return Some(format!(
                "{name}: volatility_per_minute moves the price with market orders, and market_orders_per_second is 0: raise it, or leave the volatility out"
            ));
        }
        let (market, limit) = (self.market_lots(), self.market_lots() * self.flow.limit_size_ratio);
        let range = 1.0..=1e9;
        (!range.contains(&market) || !range.contains(&limit)).then(|| {
            format!(
                "{name}: orders of {market} (market) and {limit} (limit) lots on average, and they must be 1 to 1e9: change volume_per_minute, qty_decimals or the rates"
            )
        })
    }
}

/// A market of order flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowMarket {
    /// The symbols, in the order of the run.
    pub symbols: Vec<FlowSymbol>,
    /// First instant, in milliseconds since 1970-01-01T00:00Z; a whole minute.
    pub start_ms: i64,
    /// Length of the market, in minutes.
    pub minutes: u32,
    /// What befalls it. A crash and a squeeze are somebody who trades through the book along their path, while
    /// makers withdraw from it, so that their volume is what that takes and their factors mean nothing; a thin
    /// book is fewer limit orders.
    pub events: Vec<LaidEvent>,
    /// Funding, if it is told by the market.
    pub funding: Option<ConstantFunding>,
}

impl FlowMarket {
    /// What is wrong with it, the first thing.
    pub(super) fn problem(&self) -> Option<String> {
        let symbols: Vec<&SyntheticSymbol> = self.symbols.iter().map(|s| &s.symbol).collect();
        let names: Vec<Symbol> = symbols.iter().map(|s| s.symbol).collect();
        span_problem(self.start_ms, self.minutes)
            .or_else(|| symbols_problem(&symbols))
            .or_else(|| symbols.iter().find_map(|symbol| symbol.scale_problem()))
            .or_else(|| self.symbols.iter().find_map(FlowSymbol::problem))
            .or_else(|| funding_problem(self.funding))
            .or_else(|| {
                events_problem(&self.events, &names, (self.start_ms, self.minutes), self.funding)
            })
            .or_else(|| self.events.iter().enumerate().find_map(idle_factor))
    }
}

/// A factor that means nothing to a book.
fn idle_factor((number, event): (usize, &LaidEvent)) -> Option<String> {
    let (key, why) = match event.what {
        Shock::FlashCrash { volume_factor, .. } | Shock::Squeeze { volume_factor, .. }
            if volume_factor != 1.0 =>
        {
            ("volume_factor", "the volume is what it takes to move the book")
        }
        Shock::ThinBook { wick_factor, .. } if wick_factor != 1.0 => {
            ("wick_factor", "a book has no bars")
        }
        _ => return None,
    };
    Some(format!(
        "events number {} ({}): {key} means nothing in an order flow, where {why}: leave it out",
        number + 1,
        event.what.name()
    ))
}
