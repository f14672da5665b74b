//! Trades as executions tell them, for those that measure exits: an entry opens a trade, exits take from the
//! oldest open one of their symbol.

use std::collections::VecDeque;

use engine::{Context, Nanos, Symbol};
use serde::{Deserialize, Serialize};
use strategies::performance::{Candle, Excursion, TradeState, trade_id};

use crate::grid;
use crate::records::{ApplyResult, OrderSide, PositionSide, PositionSnapshot};

/// A trade that is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trade {
    /// Of symbol and opening order.
    pub id: String,
    /// Whose.
    pub symbol: Symbol,
    /// What is left of it.
    pub state: TradeState,
    /// What it has seen.
    pub seen: Excursion,
    /// When it was opened.
    pub opened_at: Nanos,
    /// Of its exits, in USDT, after the fees that were told with them.
    pub pnl_usd: f64,
    /// Of the entry and the exits, in USDT.
    pub fees_usd: f64,
    /// How many exits it had, and how many of them gained.
    pub exits: (u32, u32),
    /// Orders that it consists of.
    pub orders: Vec<u64>,
    /// When its last leg was executed.
    pub moved_at: Nanos,
}

/// An order that was executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    /// Buys or sells.
    pub side: OrderSide,
    /// Base quantity.
    pub qty: f64,
    /// In USDT, average.
    pub price: f64,
    /// The exchange's.
    pub order_id: u64,
    /// It only makes a position smaller.
    pub reduces: bool,
    /// In USDT.
    pub fees_usd: f64,
    /// When.
    pub at: Nanos,
}

impl Leg {
    /// Of a result that was executed; `None` when it does not say enough.
    pub fn of(result: &ApplyResult) -> Option<Leg> {
        let leg = Leg {
            side: result.side,
            qty: grid::float(result.filled_qty?),
            price: grid::float(result.avg_price?),
            order_id: result.order_id?,
            reduces: result.reduce_only.0,
            fees_usd: 0.0,
            at: result.timestamp.0,
        };
        (leg.qty > 0.0 && leg.price > 0.0).then_some(leg)
    }
}

/// What an exit did.
#[derive(Clone, Debug)]
pub(crate) struct Exit {
    /// The trade after it.
    pub trade: Trade,
    /// In USDT.
    pub pnl_usd: f64,
    /// Nothing is left.
    pub closed: bool,
}

/// The open trades of one symbol, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct OpenTrades(pub VecDeque<Trade>);

/// No position is opened so often without an exit.
const OPEN_MAX: usize = 100;
/// A trade that the exchange does not know is given up so long after its last leg.
const LOST_AFTER: Nanos = Nanos::from_secs(60);

impl OpenTrades {
    /// Whether an open trade has this order already.
    pub fn knows(&self, order_id: u64) -> bool {
        self.0.iter().any(|trade| trade.orders.contains(&order_id))
    }

    /// Takes an entry.
    pub fn enter(&mut self, symbol: Symbol, leg: &Leg) -> Option<&Trade> {
        let side = match leg.side {
            OrderSide::Buy => strategies::position::PositionSide::Long,
            OrderSide::Sell => strategies::position::PositionSide::Short,
        };
        let state = TradeState::new(side, leg.price, leg.qty).ok()?;
        if self.0.len() == OPEN_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Trade {
            id: trade_id(symbol.as_str(), &leg.order_id.to_string()),
            symbol,
            state,
            seen: Excursion::default(),
            opened_at: leg.at,
            pnl_usd: -leg.fees_usd,
            fees_usd: leg.fees_usd,
            exits: (0, 0),
            orders: vec![leg.order_id],
            moved_at: leg.at,
        });
        self.0.back()
    }

    /// Takes an exit from the oldest trade, and what that does not hold from the next.
    pub fn exit(&mut self, leg: &Leg) -> Vec<Exit> {
        let (mut left, mut exits) = (leg.qty, Vec::new());
        while let Some(trade) = self.0.front_mut() {
            let before = trade.state.remaining_qty;
            let fees = leg.fees_usd * (left.min(before) / leg.qty);
            let seen = trade.seen.see(&trade.state, leg.price);
            let Ok(pnl) = trade.state.exit(left, leg.price, fees) else { break };
            if seen.is_err() {
                break;
            }
            trade.pnl_usd += pnl;
            trade.fees_usd += fees;
            trade.exits.0 += 1;
            trade.exits.1 += u32::from(pnl > 0.0);
            trade.orders.push(leg.order_id);
            trade.moved_at = leg.at;
            let closed = trade.state.is_closed();
            exits.push(Exit { trade: trade.clone(), pnl_usd: pnl, closed });
            if !closed {
                break;
            }
            self.0.pop_front();
            left -= before;
            if left <= 1e-9 * leg.qty {
                break;
            }
        }
        exits
    }

    /// Looks at the position's price; trades that the exchange no longer holds are given up, for a liquidation
    /// is in no result. How many were.
    pub fn see(&mut self, snapshot: &str, ctx: &mut Context<'_>) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let Ok(Some(seen)) = ctx.record::<PositionSnapshot>(snapshot) else {
            return 0;
        };
        let (mark, taken, flat) =
            (grid::float(seen.mark_price), seen.ts_epoch.0, seen.side == PositionSide::None);
        let before = self.0.len();
        if flat {
            self.0.retain(|trade| taken - trade.moved_at < LOST_AFTER);
        }
        for trade in &mut self.0 {
            // A price that is none moves nothing.
            let _ = trade.seen.see(&trade.state, mark);
        }
        before - self.0.len()
    }
}

/// A bar as the market publisher keeps it.
#[derive(Deserialize)]
struct Kept {
    h: f64,
    l: f64,
    c: f64,
}

/// The last closed 1-minute bars of a symbol, oldest first; none when they cannot be read.
pub(crate) fn candles(key: &str, count: usize, ctx: &mut Context<'_>) -> Vec<Candle> {
    let Ok(kept) = ctx.lrange(key, count) else { return Vec::new() };
    let read = kept.iter().rev().map(|text| serde_json::from_str::<Kept>(text));
    let bars: Result<Vec<Candle>, _> =
        read.map(|bar| bar.map(|bar| Candle { high: bar.h, low: bar.l, close: bar.c })).collect();
    bars.unwrap_or_default()
}
