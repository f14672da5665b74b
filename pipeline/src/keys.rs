//! All keys of the pipeline: what each is called, what it holds and how long it lives.
//!
//! One place, so that writer and reader cannot differ. Lives are the required values of the specification's
//! table of keys.

use std::fmt::Display;

use engine::{Nanos, Symbol};

use crate::contracts::{Holds, hash, json};
use crate::records::{
    ApplyPlan, Balance, ContractCheckResult, Dashboard, DerivedPosition, Equity, EssMode,
    ExitMetrics, GroupLag, Heartbeat, MarketState, OrderMark, Permit, Policy, PortfolioState,
    PositionBook, PositionLedger, PositionSnapshot, PositionState, ReconcileState, Stops,
    SymbolPerformance, TradeLedger, Universe, UniverseMeta,
};

/// A key, or one for each symbol, plan or entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The whole name, or what stands before the part that varies.
    pub name: &'static str,
    /// What varies: `S` a symbol, `plan_id`; nothing if it is one key.
    pub part: &'static str,
    /// What stands behind it.
    pub after: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// How long it lives after a write, if not for ever.
    pub life: Option<Nanos>,
    /// What it is for.
    pub about: &'static str,
}

impl Key {
    /// The key of one symbol, plan or entry.
    pub fn of(&self, part: impl Display) -> String {
        format!("{}{part}{}", self.name, self.after)
    }

    /// The key for each symbol, in their order: keys are made once, not for every write.
    pub fn of_each(&self, symbols: &[Symbol]) -> Vec<String> {
        symbols.iter().map(|symbol| self.of(symbol)).collect()
    }

    /// Its name with the part that varies in braces.
    pub fn pattern(&self) -> String {
        match self.part {
            "" => self.name.to_owned(),
            part => format!("{}{{{part}}}{}", self.name, self.after),
        }
    }
}

/// The patterns of these keys, for the wiring of a service.
pub(crate) fn patterns(keys: &[Key]) -> Vec<String> {
    keys.iter().map(Key::pattern).collect()
}

macro_rules! keys {
    ($($(#[doc = $about:literal])+ $name:ident = $before:literal $($part:ident $after:literal)? => $holds:expr, $life:expr;)*) => {
        $($(#[doc = $about])+ pub const $name: Key = Key {
            name: $before,
            part: concat!($(stringify!($part))?),
            after: concat!($($after)?),
            holds: $holds,
            life: $life,
            about: concat!($($about),+),
        };)*
        /// All keys that the services of this crate read or write.
        pub const KEYS: &[Key] = &[$($name),*];
    };
}

const fn s(seconds: i64) -> Option<Nanos> {
    Some(Nanos::from_secs(seconds))
}

/// It stays until it is written again or deleted.
const STAYS: Option<Nanos> = None;

keys! {
    /// The policy in force.
    POLICY_CURRENT = "quantum:policy:current" => hash::<Policy>(), STAYS;
    /// Tradable symbols.
    UNIVERSE_ACTIVE = "quantum:cfg:universe:active" => json::<Universe>(), STAYS;
    /// Tradable symbols when the exchange answered last.
    UNIVERSE_LAST_OK = "quantum:cfg:universe:last_ok" => json::<Universe>(), STAYS;
    /// How fresh they are.
    UNIVERSE_META = "quantum:cfg:universe:meta" => hash::<UniverseMeta>(), STAYS;
    /// The account's money.
    ACCOUNT_BALANCE = "quantum:account:balance" => hash::<Balance>(), s(120);
    /// Equity and its peak.
    EQUITY_CURRENT = "quantum:equity:current" => hash::<Equity>(), STAYS;
    /// The margin of each open position; absent when none is open.
    POSITIONS_OPEN = "quantum:positions:open" => Holds::Table("symbol and margin in USDT"), s(120);
    /// All margin there is, in USDT: the wallet and what is unrealised.
    MARGIN_TOTAL = "quantum:margin:total" => Holds::Number, s(120);
    /// The whole book.
    PORTFOLIO = "quantum:state:portfolio" => hash::<PortfolioState>(), s(120);
    /// The operator's kill switch.
    KILL_SWITCH = "quantum:global:kill_switch" => Holds::Switch, STAYS;
    /// The same, by another name.
    KILL = "quantum:kill" => Holds::Switch, STAYS;
    /// No new positions; set by the emergency stop.
    EMERGENCY_STOP = "trading:emergency_stop" => Holds::Switch, STAYS;
    /// No new positions for a while.
    SAFE_MODE = "quantum:safety:safe_mode" => Holds::Switch, s(300);
    /// Counters of the executor.
    EXECUTOR_METRICS = "quantum:metrics:intent_executor" => Holds::Counters, STAYS;
    /// Last 300 closed 1-minute bars of a symbol, newest first.
    CANDLES_1M = "candles:" S ":1m" => Holds::List("JSON array of a bar"), STAYS;
    /// Market state of a symbol.
    MARKETSTATE = "quantum:marketstate:" S "" => hash::<MarketState>(), s(600);
    /// An intent entry that the bridge has handled.
    BRIDGE_SEEN = "quantum:intent_bridge:seen:" entry_id "" => Holds::Mark, s(86_400);
    /// A fill that a service has taken.
    FILL_SEEN = "quantum:fill:seen:" fill "" => Holds::Mark, s(86_400);
    /// P3.3's permit of a plan.
    PERMIT_P33 = "quantum:permit:p33:" plan_id "" => json::<Permit>(), s(60);
    /// The governor's permit of a plan.
    PERMIT_GOVERNOR = "quantum:permit:" plan_id "" => json::<Permit>(), s(60);
    /// The portfolio gate's permit of a plan.
    PERMIT_P26 = "quantum:permit:p26:" plan_id "" => json::<Permit>(), s(60);
    /// A plan that the executor has touched.
    EXECUTOR_DONE = "quantum:intent_executor:done:" plan_id "" => json::<OrderMark>(), s(86_400);
    /// A plan that waits for its permit, or for the order that is in flight.
    EXECUTOR_WAITING = "quantum:intent_executor:waiting:" plan_id "" => json::<ApplyPlan>(), s(86_400);
    /// An order of the symbol is in flight.
    INFLIGHT = "quantum:inflight:" S "" => Holds::Mark, s(60);
    /// When the symbol traded last, in ms.
    COOLDOWN_LAST_EXEC = "quantum:cooldown:last_exec_ts:" S "" => Holds::Number, s(3_600);
    /// The symbol may not be opened yet.
    COOLDOWN_OPEN = "quantum:cooldown:open:" S "" => Holds::Mark, s(180);
    /// A position as the exchange shows it.
    POSITION_SNAPSHOT = "quantum:position:snapshot:" S "" => hash::<PositionSnapshot>(), s(3_600);
    /// The pipeline's own book of fills.
    POSITION_LEDGER = "quantum:position:ledger:" S "" => hash::<PositionLedger>(), STAYS;
    /// The canonical signed position.
    STATE_POSITIONS = "quantum:state:positions:" S "" => hash::<PositionState>(), s(3_600);
    /// The position monitor's book.
    POSITION_BOOK = "quantum:position:book:" S "" => hash::<PositionBook>(), STAYS;
    /// Stop and target that the exit monitor watches.
    STATE_STOPS = "quantum:state:stops:" S "" => hash::<Stops>(), STAYS;
    /// The symbol is not to be opened until exchange and ledger agree.
    RECONCILE_HOLD = "quantum:reconcile:hold:" S "" => Holds::Switch, s(300);
    /// Why.
    RECONCILE_HOLD_REASON = "quantum:reconcile:hold_reason:" S "" => Holds::Text("the reason"), s(300);
    /// The case of the close that is out.
    RECONCILE_HOLD_SIG = "quantum:reconcile:hold_sig:" S "" => Holds::Text("the signature"), s(900);
    /// Where a symbol stands.
    RECONCILE_STATE = "quantum:reconcile:state:" S "" => hash::<ReconcileState>(), STAYS;
    /// A case was closed in this time: `{symbol}:{signature}:{bucket of 120 s}`.
    RECONCILE_CLOSE_COOLDOWN = "quantum:reconcile:close:cooldown:" case "" => Holds::Mark, s(120);
    /// An open position, as older readers know it.
    POSITION = "quantum:position:" S "" => hash::<DerivedPosition>(), STAYS;
    /// What a symbol has traded.
    TRADE_LEDGER = "quantum:ledger:" S "" => hash::<TradeLedger>(), STAYS;
    /// How a symbol's trades went.
    SYMBOL_PERFORMANCE = "quantum:symbol:performance:" S "" => hash::<SymbolPerformance>(), STAYS;
    /// Realised profit of a UTC day, in USDT.
    RISK_DAILY_PNL = "quantum:risk:daily_pnl:" date "" => Holds::Number, s(172_800);
    /// Losses in a row.
    RISK_CONSECUTIVE_LOSSES = "quantum:risk:consecutive_losses" => Holds::Number, STAYS;
    /// What the exits of a trade were worth.
    METRICS_EXIT = "quantum:metrics:exit:" trade "" => json::<ExitMetrics>(), s(2_592_000);
    /// The last result that the MetricPack builder has read.
    METRICPACK_LAST_ID = "quantum:metricpack:last_id" => Holds::Text("an entry's id"), STAYS;
    /// How far the venues are apart, as a fraction.
    CROSS_DIVERGENCE = "quantum:cross:divergence" => Holds::Number, STAYS;
    /// The emergency stop is in force.
    ESS_ACTIVE = "quantum:ess:active" => Holds::Switch, s(86_400);
    /// The latch of the emergency stop: an operator who writes it stops trading, one who deletes it releases.
    ESS_LATCH = "quantum:ess:latch" => Holds::Text("when it fell"), STAYS;
    /// How much may be opened while the account recovers.
    ESS_MODE = "quantum:ess:mode" => hash::<EssMode>(), STAYS;
    /// What a service does, every minute.
    HEARTBEAT = "quantum:heartbeat:" service "" => hash::<Heartbeat>(), s(180);
    /// How far a group of a stream is behind: `{stream}/{group}`.
    TELEMETRY_GROUP = "quantum:telemetry:group:" group "" => hash::<GroupLag>(), s(180);
    /// The last check of all contracts.
    CONTRACT_LAST = "quantum:contract:last" => hash::<ContractCheckResult>(), STAYS;
    /// All that the dashboard shows.
    DASHBOARD = "quantum:dashboard" => json::<Dashboard>(), s(180);
    /// How many positions are open: what is left of the capacity.
    OPEN_ORDERS = "quantum:state:open_orders" => Holds::Number, s(30);
    /// What is known of the symbol's position is not to be relied on: no opens.
    POSITION_UNTRUSTED = "quantum:position:untrusted:" S "" => Holds::Text("the event"), STAYS;
}

/// The operator's two kill switches.
pub const KILL_SWITCHES: [Key; 2] = [KILL_SWITCH, KILL];

/// The UTC day of a moment, as keys name it: `2026-02-05`.
pub(crate) fn date_of(at: Nanos) -> String {
    let mut text = at.to_string();
    text.truncate("2026-02-05".len());
    text
}
