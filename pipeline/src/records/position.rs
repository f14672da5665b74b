//! Positions: the exchange's view, the pipeline's ledger, the monitor's book, and what is watched.

use engine::{CorrelationId, EpochSeconds, IsoTime, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::{OrderSide, PositionSide};

engine::record! {
    /// quantum:position:snapshot:{S}: a position as the exchange shows it. Written every 5 s for each
    /// symbol, so it has a fixed size and no text.
    pub struct PositionSnapshot {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Signed.
        pub position_amt: Decimal = "position_amt",
        /// By its sign.
        pub side: PositionSide = "side",
        /// In USDT.
        pub entry_price: Decimal = "entry_price",
        /// In USDT.
        pub mark_price: Decimal = "mark_price",
        /// In USDT.
        pub unrealized_pnl: Decimal = "unrealized_pnl",
        /// Chosen leverage.
        pub leverage: u32 = "leverage",
        /// When the exchange was asked.
        pub ts_epoch: EpochSeconds = "ts_epoch",
        /// Where it comes from.
        pub source: SnapshotSource = "source",
    }

    /// quantum:state:positions:{S}: the canonical signed position. Written when it changes.
    pub struct PositionState {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Signed.
        pub position_amt: Decimal = "position_amt",
        /// By its sign.
        pub side: PositionSide = "side",
        /// In USDT.
        pub entry_price: Decimal = "entry_price",
        /// Chosen leverage.
        pub leverage: u32 = "leverage",
        /// When it was seen so first.
        pub changed_at: EpochSeconds = "changed_at",
        /// When it was written.
        pub updated_at: EpochSeconds = "updated_at",
    }

    /// quantum:position:ledger:{S}: the pipeline's own book of fills.
    pub struct PositionLedger {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Signed.
        pub position_amt: Decimal = "position_amt",
        /// Signed; the older name of the same.
        pub last_known_amt: Decimal = "last_known_amt",
        /// By its sign.
        pub side: PositionSide = "side",
        /// In USDT; zero when flat.
        pub avg_entry_price: Decimal = "avg_entry_price",
        /// Of the opening plan.
        pub leverage: Option<u32> = "leverage",
        /// Counts the changes.
        pub version: u64 = "version",
        /// Who changed it last.
        pub source: Cow<'static, str> = "source",
        /// The exchange's.
        pub last_order_id: Option<u64> = "last_order_id",
        /// Of the last result.
        pub last_result_plan_id: Option<String> = "last_result_plan_id",
        /// Base quantity of the last fill.
        pub last_executed_qty: Option<Decimal> = "last_executed_qty",
        /// Of the last fill.
        pub last_side: Option<OrderSide> = "last_side",
        /// When.
        pub updated_at: EpochSeconds = "updated_at",
    }

    /// quantum:position:book:{S}: what the position monitor knows of an open round trip.
    pub struct PositionBook {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Signed, in units of the symbol's grid.
        pub amount: i64 = "amount",
        /// Sum of price times quantity of what opened it, in USDT.
        pub entry_quote: Decimal = "entry_quote",
        /// Of it, in units of the symbol's grid.
        pub entry_amount: i64 = "entry_amount",
        /// Sum of price times quantity of what closed it, in USDT.
        pub exit_quote: Decimal = "exit_quote",
        /// Of it, in units of the symbol's grid.
        pub exit_amount: i64 = "exit_amount",
        /// Average entry of what is open, in USDT.
        pub avg_entry: Decimal = "avg_entry",
        /// In USDT, before fees.
        pub realized_pnl: Decimal = "realized_pnl",
        /// In USDT.
        pub fees: Decimal = "fees",
        /// Of the opening decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// Of the opening plan.
        pub plan_id: String = "plan_id",
        /// Of the opening plan.
        pub leverage: Option<u32> = "leverage",
        /// Of the opening plan.
        pub confidence: Option<f64> = "confidence",
        /// Of the opening plan.
        pub model: Option<Cow<'static, str>> = "model",
        /// When it opened.
        pub opened_at: EpochSeconds = "opened_at",
    }

    /// trade.closed: one entry a round trip.
    pub struct TradeClosed {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What it was.
        pub side: PositionSide = "side",
        /// In USDT, average.
        pub entry_price: Decimal = "entry_price",
        /// In USDT, average.
        pub exit_price: Decimal = "exit_price",
        /// Base quantity.
        pub quantity: Decimal = "quantity",
        /// In USDT, before fees.
        pub pnl_usd: Decimal = "pnl_usd",
        /// Of the entry's notional, in percent.
        pub pnl_percent: Decimal = "pnl_percent",
        /// In USDT.
        pub fees: Decimal = "fees",
        /// Of the opening decision.
        pub confidence: Option<f64> = "confidence",
        /// Of the opening decision.
        pub model: Option<Cow<'static, str>> = "model",
        /// Of the opening plan.
        pub leverage: Option<u32> = "leverage",
        /// Of the closing order.
        pub order_id: u64 = "order_id",
        /// Why it was closed.
        pub reason: Cow<'static, str> = "reason",
        /// Of the opening plan.
        pub plan_id: String = "plan_id",
        /// Of the opening decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// When.
        pub opened_at: EpochSeconds = "opened_at",
        /// When.
        pub closed_at: EpochSeconds = "closed_at",
    }

    /// position.update: an open position.
    pub struct PositionUpdate {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Long or short.
        pub side: PositionSide = "side",
        /// In USDT.
        pub entry_price: Decimal = "entry_price",
        /// In USDT; the mark price.
        pub current_price: Option<Decimal> = "current_price",
        /// In USDT, at the current price.
        pub size_usd: Option<Decimal> = "size_usd",
        /// In USDT.
        pub unrealized_pnl: Option<Decimal> = "unrealized_pnl",
        /// In USDT, of this round trip.
        pub realized_pnl: Decimal = "realized_pnl",
        /// Of the opening decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// When.
        pub timestamp: IsoTime = "timestamp",
    }

    /// quantum:state:stops:{S}: what the exit monitor watches. It is the monitor's state, too: a
    /// successor goes on from here.
    pub struct Stops {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Long or short.
        pub side: PositionSide = "side",
        /// Base quantity, without sign.
        pub qty: Decimal = "qty",
        /// In USDT, average.
        pub entry_price: Decimal = "entry_price",
        /// In USDT.
        pub stop_loss: Decimal = "stop_loss",
        /// In USDT.
        pub take_profit: Decimal = "take_profit",
        /// In percent of the best price.
        pub trailing_gap_pct: f64 = "trailing_gap_pct",
        /// Highest (long) or lowest (short) price since the entry, in USDT.
        pub best_price: Decimal = "best_price",
        /// Who set stop and target: `plan` or `fixed`, or a service that tightened them.
        pub source: Cow<'static, str> = "source",
        /// Of the opening plan.
        pub plan_id: String = "plan_id",
        /// Of the opening decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// When it opened.
        pub opened_at: EpochSeconds = "opened_at",
        /// Why it is being closed; absent while it is not.
        pub exit_reason: Option<ExitReason> = "exit_reason",
        /// When the last close was asked for.
        pub exit_asked_at: Option<EpochSeconds> = "exit_asked_at",
        /// How often.
        pub exit_attempts: u32 = "exit_attempts",
    }
}

super::words::words! {
    /// Where a snapshot comes from.
    pub enum SnapshotSource {
        /// The poll every 5 s.
        Poll = "p33_poll",
        /// A fetch for a permit.
        OnDemand = "p33_ondemand",
    }

    /// Why the exit monitor closes.
    pub enum ExitReason {
        /// The target was reached.
        TakeProfit = "TAKE_PROFIT",
        /// The stop was reached.
        StopLoss = "STOP_LOSS",
        /// It came back from its best price.
        TrailingStop = "TRAILING_STOP",
        /// It was held too long.
        MaxHolding = "MAX_HOLDING_TIME",
    }
}
