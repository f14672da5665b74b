//! Names of all streams, groups and keys of the pipeline, and how long each stream may grow.
//!
//! One place, so that writer and reader cannot differ. MAXLENs are the required values of the
//! specification's stream table.

use engine::{Symbol, Trim};

/// A stream: its name on the bus, the event type in its envelopes, and its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Full name.
    pub name: &'static str,
    /// Event type.
    pub event: &'static str,
    /// Bound.
    pub trim: Trim,
}

macro_rules! streams {
    ($($(#[$meta:meta])* $name:ident = $event:literal, $max:literal;)*) => {
        $($(#[$meta])* pub const $name: Stream = Stream {
            name: concat!("quantum:stream:", $event),
            event: $event,
            trim: Trim::Approximate($max),
        };)*
        /// All streams that the services of this crate read or write.
        pub const STREAMS: &[Stream] = &[$($name),*];
    };
}

streams! {
    /// Trades, and one tick a closed bar.
    MARKET_TICK = "market.tick", 10_000;
    /// Closed bars.
    MARKET_KLINES = "market.klines", 10_000;
    /// Volatility, trend and regime of a symbol.
    MARKETSTATE = "marketstate", 10_000;
    /// What the ensemble saw.
    AI_SIGNAL_GENERATED = "ai.signal_generated", 10_000;
    /// How large.
    SIZING_DECIDED = "sizing.decided", 10_000;
    /// What the engine decided.
    AI_DECISION_MADE = "ai.decision.made", 10_000;
    /// What somebody wants to do.
    TRADE_INTENT = "trade.intent", 20_000;
    /// What an executor shall do.
    APPLY_PLAN = "apply.plan", 20_000;
    /// How a plan ended.
    APPLY_RESULT = "apply.result", 10_000;
    /// One entry a fill; `trade.execution.res` is its old name.
    EXECUTION_RESULT = "execution.result", 10_000;
    /// A round trip.
    TRADE_CLOSED = "trade.closed", 1_000;
    /// An open position, every 30 s.
    POSITION_UPDATE = "position.update", 10_000;
    /// A position as the exchange shows it, whenever it has changed.
    POSITION_SNAPSHOT = "position.snapshot", 10_000;
    /// The whole book.
    PORTFOLIO_STATE = "portfolio.state", 1_000;
    /// The account.
    ACCOUNT_BALANCE = "account.balance", 100;
    /// A new policy.
    POLICY_UPDATED = "policy.updated", 100;
    /// The same, for auditors.
    POLICY_AUDIT = "policy.audit", 1_000;
    /// Exchange and ledger differ.
    RECONCILE_EVENTS = "reconcile.events", 10_000;
}

/// Bus-style group name.
pub fn bus_group(service: &str, stream: Stream) -> String {
    format!("quantum:group:{service}:{}", stream.event)
}

/// The policy in force.
pub const POLICY_CURRENT: &str = "quantum:policy:current";
/// Tradable symbols.
pub const UNIVERSE_ACTIVE: &str = "quantum:cfg:universe:active";
/// Tradable symbols when the exchange answered last.
pub const UNIVERSE_LAST_OK: &str = "quantum:cfg:universe:last_ok";
/// How fresh they are.
pub const UNIVERSE_META: &str = "quantum:cfg:universe:meta";
/// The account's money.
pub const ACCOUNT_BALANCE_KEY: &str = "quantum:account:balance";
/// Equity and its peak.
pub const EQUITY_CURRENT: &str = "quantum:equity:current";
/// Number of open positions.
pub const POSITIONS_OPEN: &str = "quantum:positions:open";
/// Margin in use, in USDT.
pub const MARGIN_TOTAL: &str = "quantum:margin:total";
/// The whole book.
pub const PORTFOLIO: &str = "quantum:state:portfolio";
/// The operator's two kill switches.
pub const KILL_SWITCHES: [&str; 2] = ["quantum:global:kill_switch", "quantum:kill"];
/// No new positions; set by the emergency stop.
pub const EMERGENCY_STOP: &str = "trading:emergency_stop";
/// No new positions for a while.
pub const SAFE_MODE: &str = "quantum:safety:safe_mode";
/// Counters of the executor.
pub const EXECUTOR_METRICS: &str = "quantum:metrics:intent_executor";
/// All markers of plans that the executor has touched.
pub const EXECUTOR_DONE_PATTERN: &str = "quantum:intent_executor:done:*";

/// All plans that wait for the executor.
pub const EXECUTOR_WAITING_PATTERN: &str = "quantum:intent_executor:waiting:*";

macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident = $before:literal $after:literal;)*) => {
        $($(#[$meta])* pub fn $name(part: impl std::fmt::Display) -> String {
            format!(concat!($before, "{}", $after), part)
        })*
    };
}

keys! {
    /// Last 300 closed 1-minute bars of a symbol, newest first.
    candles_1m = "candles:" ":1m";
    /// Market state of a symbol.
    marketstate = "quantum:marketstate:" "";
    /// An intent entry that the bridge has handled.
    bridge_seen = "quantum:intent_bridge:seen:" "";
    /// A fill that a service has taken.
    fill_seen = "quantum:fill:seen:" "";
    /// P3.3's permit of a plan.
    permit_p33 = "quantum:permit:p33:" "";
    /// The governor's permit of a plan.
    permit_governor = "quantum:permit:" "";
    /// The portfolio gate's permit of a plan.
    permit_p26 = "quantum:permit:p26:" "";
    /// A plan that the executor has touched.
    executor_done = "quantum:intent_executor:done:" "";
    /// A plan that waits for its permit, or for the order that is in flight.
    executor_waiting = "quantum:intent_executor:waiting:" "";
    /// An order of the symbol is in flight.
    inflight = "quantum:inflight:" "";
    /// When the symbol traded last, in ms.
    cooldown_last_exec = "quantum:cooldown:last_exec_ts:" "";
    /// The symbol may not be opened yet.
    cooldown_open = "quantum:cooldown:open:" "";
    /// A position as the exchange shows it.
    position_snapshot = "quantum:position:snapshot:" "";
    /// The pipeline's own book of fills.
    position_ledger = "quantum:position:ledger:" "";
    /// The canonical signed position.
    state_positions = "quantum:state:positions:" "";
    /// The position monitor's book.
    position_book = "quantum:position:book:" "";
    /// Stop and target that the exit monitor watches.
    state_stops = "quantum:state:stops:" "";
    /// The symbol is not to be opened until exchange and ledger agree.
    reconcile_hold = "quantum:reconcile:hold:" "";
}

/// What `make` gives for each symbol, in their order: keys are made once, not for every write.
pub fn per_symbol(
    symbols: impl IntoIterator<Item = Symbol>,
    make: impl Fn(Symbol) -> String,
) -> Vec<String> {
    symbols.into_iter().map(make).collect()
}
