//! A comparison, for people and for programs.

use std::fmt;

use engine::Nanos;
use rust_decimal::Decimal;
use serde::Serialize;

use super::fit_latency::{FittedLatency, FittedLeg};
use super::fit_queue::{FittedQueue, name};

/// Orders that a table shows.
const SHOWN: usize = 20;

/// Why a session and its simulation earned differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Requests took another time to the venue than the file says.
    Latency,
    /// Resting orders moved forward in their queues in another way.
    Queue,
    /// Other commissions were charged.
    Fees,
    /// Funding settled at other rates.
    Funding,
    /// A quantity filled in one and not in the other.
    Fills,
    /// The same quantity filled at another price.
    Slippage,
    /// Orders that the session did not make, or of which nobody knows whether they reached the venue.
    Unattributed,
}

impl Cause {
    /// All, in the order in which they are taken out.
    pub const ALL: [Cause; 7] = [
        Cause::Latency,
        Cause::Queue,
        Cause::Fees,
        Cause::Funding,
        Cause::Fills,
        Cause::Slippage,
        Cause::Unattributed,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Latency => "latency",
            Cause::Queue => "queue",
            Cause::Fees => "fees",
            Cause::Funding => "funding",
            Cause::Fills => "fills",
            Cause::Slippage => "slippage",
            Cause::Unattributed => "unattributed",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Cause::Latency => "each request reaches the venue when it really did",
            Cause::Queue => "queues move as the fitted model says",
            Cause::Fees => "the commissions that were charged",
            Cause::Funding => "the funding that was settled",
            Cause::Fills => "filled in one and not in the other, at the last mark",
            Cause::Slippage => "the same quantity at another price",
            Cause::Unattributed => "see below",
        }
    }
}

/// One cause's share of the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CausePart {
    /// Which.
    pub cause: Cause,
    /// In USDT, above zero where the session earned more.
    pub amount: Decimal,
}

/// What a session or a simulation of it earned, in USDT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Earned {
    /// Orders with a fill.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Realised profit, and the worth of what is open at the last mark.
    pub gross: Decimal,
    /// Below zero when paid, as the venue's income tells it.
    pub commission: Decimal,
    /// Above zero when received.
    pub funding: Decimal,
    /// The sum of the three.
    pub result: Decimal,
}

/// What is left of the difference on one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderDifference {
    /// Its client order id.
    pub order: String,
    /// Whose.
    pub symbol: String,
    /// Filled in the session, in units of the base asset.
    pub live_qty: Decimal,
    /// Filled in the simulation.
    pub simulated_qty: Decimal,
    /// Of the quantity that filled in one only, in USDT.
    pub fills: Decimal,
    /// Of the quantity that filled in both.
    pub slippage: Decimal,
}

/// What no cause explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unattributed {
    /// Which order.
    pub what: String,
    /// Why.
    pub why: String,
    /// What it adds to the difference, in USDT.
    pub amount: Decimal,
}

/// Commission over notional, where orders took or rested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CommissionRate {
    /// They rested.
    pub maker: bool,
    /// How many fills.
    pub fills: u64,
    /// As a fraction of the notional, with eight decimals: above zero when paid.
    pub paid: Option<Decimal>,
    /// Of the fill that paid least, and of that which paid most.
    pub bounds: Option<(Decimal, Decimal)>,
    /// One rate explains every fill, to the last decimal of the venue.
    pub exact: bool,
    /// That of the file.
    pub file: Decimal,
}

/// A live session and the same hours at the simulated exchange.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Of the session's scenario.
    pub scenario: String,
    /// Where it traded.
    pub venue: String,
    /// First instant.
    pub from: String,
    /// Last entry.
    pub to: String,
    /// Requests that it sent.
    pub requests: u64,
    /// What the session earned.
    pub live: Earned,
    /// What the simulation earns as the file says.
    pub simulated: Earned,
    /// Live less simulated.
    pub difference: Decimal,
    /// Its parts, which sum to it.
    pub parts: Vec<CausePart>,
    /// Orders on which something is left, the largest first.
    pub orders: Vec<OrderDifference>,
    /// What no cause explains.
    pub unattributed: Vec<Unattributed>,
    /// The ways there and back.
    pub latency: FittedLatency,
    /// How queues moved.
    pub queue: FittedQueue,
    /// What commissions were paid.
    pub commissions: Vec<CommissionRate>,
    /// What whoever reads this should know.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The share of a cause.
    pub fn part(&self, cause: Cause) -> Decimal {
        let own = self.parts.iter().filter(|part| part.cause == cause);
        own.map(|part| part.amount).sum()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { scenario, venue, from, to, requests, .. } = self;
        writeln!(f, "{scenario} at {venue}, {from} to {to}, {requests} requests")?;
        writeln!(f, "\n{:<14}{:>20}{:>20}{:>20}", "in USDT", "live", "simulated", "difference")?;
        let (a, b) = (&self.live, &self.simulated);
        for (what, live, simulated) in [
            ("gross", a.gross, b.gross),
            ("commission", a.commission, b.commission),
            ("funding", a.funding, b.funding),
            ("result", a.result, b.result),
        ] {
            let difference = live - simulated;
            let row = [live, simulated, difference].map(|money| money.normalize().to_string());
            writeln!(f, "{what:<14}{:>20}{:>20}{:>20}", row[0], row[1], row[2])?;
        }
        writeln!(
            f,
            "{:<14}{:>20}{:>20}",
            "orders, fills",
            format!("{}, {}", a.orders, a.fills),
            format!("{}, {}", b.orders, b.fills)
        )?;
        writeln!(f, "\nthe difference, by cause")?;
        for part in &self.parts {
            let (word, amount) = (part.cause.word(), part.amount.normalize().to_string());
            writeln!(f, "  {word:<14}{amount:>20}  {}", part.cause.meaning())?;
        }
        writeln!(f, "  {:<14}{:>20}", "sum", self.difference.normalize().to_string())?;
        self.order_lines(f)?;
        self.fitted_lines(f)?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}

impl Comparison {
    fn order_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.orders.is_empty() {
            writeln!(f, "\norders on which something is left")?;
        }
        for one in self.orders.iter().take(SHOWN) {
            writeln!(
                f,
                "  {} {}: filled {} live, {} simulated: fills {}, slippage {}",
                one.symbol, one.order, one.live_qty, one.simulated_qty, one.fills, one.slippage
            )?;
        }
        if let Some(more) = self.orders.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(f, "  and {more} more: `--format json` shows all")?;
        }
        if !self.unattributed.is_empty() {
            writeln!(f, "\nnot attributed: {}", self.unattributed.len())?;
        }
        for one in &self.unattributed {
            writeln!(f, "  {}: {} ({})", one.what, one.amount.normalize(), one.why)?;
        }
        Ok(())
    }

    fn fitted_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nfitted to the session, with 90 % bounds")?;
        let latency = &self.latency;
        for (what, leg) in [("request", &latency.request), ("response", &latency.response)] {
            leg_lines(f, what, leg)?;
        }
        if latency.venue_clock_ahead_us != 0 {
            let (low, high) = latency.venue_clock_bounds_us.unwrap_or_default();
            writeln!(
                f,
                "  clock          the venue's is {} µs ahead ({low} to {high})",
                latency.venue_clock_ahead_us
            )?;
        }
        match (&self.queue.model, &self.queue.lacks) {
            (Some(model), _) => {
                writeln!(
                    f,
                    "  queue          {}, from {} resting orders",
                    name(*model),
                    self.queue.orders
                )?;
            }
            (None, Some(lacks)) => writeln!(f, "  queue          {lacks}")?,
            (None, None) => {}
        }
        for one in &self.queue.tried {
            writeln!(
                f,
                "    {:<13}misses fills by {} µs; the best in {:.1} % of samples",
                name(one.model),
                one.misfit_us,
                f64::from(one.best_in_thousand) / 10.0
            )?;
        }
        for one in self.commissions.iter().filter(|one| one.fills > 0) {
            let (who, paid) =
                (if one.maker { "maker" } else { "taker" }, one.paid.unwrap_or_default());
            writeln!(
                f,
                "  {who} fee      {} paid on {} fills, {} in the file",
                paid.normalize(),
                one.fills,
                one.file.normalize()
            )?;
        }
        Ok(())
    }
}

fn leg_lines(f: &mut fmt::Formatter<'_>, what: &str, leg: &FittedLeg) -> fmt::Result {
    let median = leg.quantiles.iter().find(|row| row.thousandths == 500);
    let Some(median) = median else {
        return writeln!(f, "  {what:<15}too few: {}", leg.samples);
    };
    writeln!(
        f,
        "  {what:<15}median {} µs ({} to {}), from {}",
        median.us, median.low_us, median.high_us, leg.samples
    )?;
    for row in leg.quantiles.iter().filter(|row| row.thousandths != 500) {
        let percent = f64::from(row.thousandths) / 10.0;
        writeln!(f, "    {percent:>5} %      {} µs ({} to {})", row.us, row.low_us, row.high_us)?;
    }
    Ok(())
}

/// From and to.
pub(crate) fn span(from: Nanos, to: Nanos) -> (String, String) {
    (from.to_string(), to.to_string())
}
