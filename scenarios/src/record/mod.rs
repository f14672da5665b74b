//! What a run leaves for whoever reports or compares it: equity and exposure over time, fills, and trades from their opening
//! to their end with their reason.

mod plans;
mod tally;
mod trade_table;
mod trades;

pub(crate) use plans::Plans;
pub use tally::PipelineTally;
pub use trade_table::{
    TradeRow, TradeValue, closed_trades, excursions, net_of, open_trades, trade_cells,
    trade_columns,
};
pub use trades::{ClosedTrade, OpenTrade};

use std::sync::Arc;

use engine::{AccountId, Instrument, Nanos};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sim_exchange::{Booked, Happened, SimExchange};

use trades::Trades;

/// So often, over the whole run, equity and exposure are looked at.
const SAMPLES: i64 = 2_000;
/// Spans between two looks, in seconds: parts of a day, so that each day has its end among them.
const SPANS_S: [i64; 11] = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];

/// A fill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedFill {
    /// By the exchange's clock.
    pub time: Nanos,
    /// Place of the symbol among those of the run.
    pub symbol: usize,
    /// A buy.
    pub buys: bool,
    /// In USDT.
    pub price: Decimal,
    /// In units of the base asset.
    pub qty: Decimal,
    /// Price × quantity, in USDT.
    pub notional: Decimal,
    /// Paid, in USDT; below zero for a rebate.
    pub commission: Decimal,
    /// The order rested.
    pub maker: bool,
    /// The venue's own order.
    pub forced: bool,
    /// The order's.
    pub client_order_id: Arc<str>,
}

/// The record of a run's first account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// When equity and exposure were looked at: the first instant, each span, the last instant.
    pub sampled_at: Vec<Nanos>,
    /// Wallet and unrealised profit, in USDT.
    pub equity: Vec<f64>,
    /// Positions at mark price, longs and shorts alike, in USDT.
    pub gross: Vec<f64>,
    /// Longs less shorts, in USDT.
    pub net: Vec<f64>,
    /// In their order.
    pub fills: Vec<RecordedFill>,
    /// In the order of their ends.
    pub trades: Vec<ClosedTrade>,
    /// What was still open at the end.
    pub open: Vec<OpenTrade>,
    /// What the pipeline did.
    pub pipeline: PipelineTally,
}

/// The record while it grows.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    record: RunRecord,
    trades: Trades,
    every: Nanos,
    next: Nanos,
    lines: Vec<Booked>,
}

impl Recorder {
    /// For a run over `range`, whose exchange has to keep its tape.
    pub(crate) fn new(range: (Nanos, Nanos), instruments: &[Instrument]) -> Recorder {
        let span = (range.1.0 - range.0.0) / 1_000_000_000;
        let every = SPANS_S.into_iter().find(|seconds| span / seconds <= SAMPLES);
        let every = Nanos::from_secs(every.unwrap_or(86_400));
        Recorder {
            record: RunRecord::default(),
            trades: Trades::new(instruments),
            every,
            next: range.0,
            lines: Vec::new(),
        }
    }

    /// When it wants to look next.
    pub(crate) fn next(&self) -> Nanos {
        self.next
    }

    /// When it has looked last.
    pub(crate) fn last(&self) -> Option<Nanos> {
        self.record.sampled_at.last().copied()
    }

    /// Takes what has happened so far.
    pub(crate) fn listen(&mut self, exchange: &mut SimExchange, plans: &mut Plans) {
        exchange.take_tape(&mut self.lines);
        for line in self.lines.drain(..) {
            if line.position.account == AccountId::default() {
                if let Happened::Filled { .. } = line.what {
                    self.record.fills.extend(self.trades.fill(&line));
                }
                // The fee of a liquidation comes when the position may be gone.
                if let Happened::LiquidationFee(fee) = line.what
                    && !self.trades.holds(&line.position)
                    && let Some(last) = self.record.trades.last_mut()
                {
                    last.fees += fee;
                }
                self.record.trades.extend(self.trades.take(&line, plans));
            }
        }
    }

    /// Looks at the account.
    pub(crate) fn look(&mut self, now: Nanos, exchange: &mut SimExchange, plans: &mut Plans) {
        self.listen(exchange, plans);
        let float = |amount: Decimal| f64::try_from(amount).unwrap_or(0.0);
        let (mut gross, mut net) = (Decimal::ZERO, Decimal::ZERO);
        for row in exchange.positions_of(AccountId::default()) {
            let size = self.trades.notional(row.symbol, row.mark_price, row.position_amt);
            (gross, net) = (gross + size.abs(), net + size);
        }
        let record = &mut self.record;
        record.sampled_at.push(now);
        record.equity.push(float(exchange.account_balance().margin_balance));
        record.gross.push(float(gross));
        record.net.push(float(net));
        while self.next <= now {
            self.next = Nanos((self.next.0.div_euclid(self.every.0) + 1) * self.every.0);
        }
    }

    /// The run is over.
    pub(crate) fn end(&mut self, exchange: &mut SimExchange, plans: &mut Plans) -> RunRecord {
        self.listen(exchange, plans);
        self.record.open = self.trades.open();
        std::mem::take(&mut self.record)
    }
}
