//! All keys of the pipeline: what each is called, what it holds and how long it lives.
//!
//! One place, so that writer and reader cannot differ. Lives are the required values of the specification's
//! table of keys.

use std::fmt::Display;

use engine::{Nanos, Symbol};

use crate::contracts::{Holds, hash, json};
use crate::records::{
    AllocationTarget, ApplyPlan, ApplyTranches, Balance, Disarm, Equity, GovernorBlock,
    GovernorPermit, HarvestProposal, HeatDecision, MarketState, OrderMark, P26Permit, P33Permit,
    Policy, PortfolioBudget, PortfolioState, PositionBook, PositionLedger, PositionSnapshot,
    PositionState, ReconcileState, RiskProposal, RotationLock, StopAsked, Stops, SymbolEfficiency,
    Universe, UniverseMeta,
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
    /// Number of open positions.
    POSITIONS_OPEN = "quantum:positions:open" => Holds::Number, STAYS;
    /// Margin in use, in USDT.
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
    PERMIT_P33 = "quantum:permit:p33:" plan_id "" => json::<P33Permit>(), s(60);
    /// The governor's permit of a plan.
    PERMIT_GOVERNOR = "quantum:permit:" plan_id "" => json::<GovernorPermit>(), s(60);
    /// The portfolio gate's permit of a plan.
    PERMIT_P26 = "quantum:permit:p26:" plan_id "" => json::<P26Permit>(), s(60);
    /// Why the governor gave a plan no permit.
    GOVERNOR_BLOCK = "quantum:governor:block:" plan_id "" => json::<GovernorBlock>(), s(3_600);
    /// The symbol's last 100 executions, newest first.
    GOVERNOR_EXEC = "quantum:governor:exec:" S "" => Holds::List("JSON of an ExecutionNote"), s(86_400);
    /// Notional that the symbol has executed in a UTC day, in USDT: `{symbol}:{date}`.
    GOVERNOR_DAILY = "quantum:governor:daily:" day "" => Holds::Number, s(86_400);
    /// When the symbol was executed last, in s.
    GOVERNOR_LAST_EXEC = "quantum:governor:last_exec:" S "" => Holds::Number, s(3_600);
    /// The governor opens nothing more on this UTC day.
    GOVERNOR_DISARM = "quantum:governor:disarm:" date "" => json::<Disarm>(), s(86_400);
    /// An open waits for the close that makes room for it.
    ROTATION_LOCK = "quantum:rotation:lock:" plan_id "" => json::<RotationLock>(), s(120);
    /// A guard that is in force.
    RISK_GUARD_ACTIVE = "quantum:risk:guard_active:" guard "" => Holds::Mark, s(86_400);
    /// Realised profit of a UTC day, in USDT.
    RISK_DAILY_PNL = "quantum:risk:daily_pnl:" date "" => Holds::Number, s(172_800);
    /// Losses in a row.
    RISK_CONSECUTIVE_LOSSES = "quantum:risk:consecutive_losses" => Holds::Number, STAYS;
    /// What a symbol may hold, P2.8.
    PORTFOLIO_BUDGET = "quantum:portfolio:budget:" S "" => hash::<PortfolioBudget>(), s(300);
    /// What a symbol should hold, P2.9.
    ALLOCATION_TARGET = "quantum:allocation:target:" S "" => hash::<AllocationTarget>(), s(300);
    /// How well a symbol uses its capital, P3.1.
    CAPITAL_EFFICIENCY = "quantum:capital:efficiency:" S "" => hash::<SymbolEfficiency>(), s(600);
    /// A plan that the executor has touched.
    EXECUTOR_DONE = "quantum:intent_executor:done:" plan_id "" => json::<OrderMark>(), s(86_400);
    /// A plan that waits for its permit, or for the order that is in flight.
    EXECUTOR_WAITING = "quantum:intent_executor:waiting:" plan_id "" => json::<ApplyPlan>(), s(86_400);
    /// The operator's own lane is open; only with an end.
    MANUAL_LANE = "quantum:manual_lane:enabled" => Holds::Switch, s(3_600);
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
    /// Stop, target and trailing distance that P1.5 proposes for a position.
    RISK_PROPOSAL = "quantum:risk:proposal:" S "" => hash::<RiskProposal>(), s(60);
    /// What P2.5 proposes to do with a position.
    HARVEST_PROPOSAL = "quantum:harvest:proposal:" S "" => hash::<HarvestProposal>(), s(60);
    /// A tighter stop that an UPDATE_SL plan asks for.
    STOP_ASKED = "quantum:stop:asked:" S "" => hash::<StopAsked>(), s(60);
    /// A close of the symbol was executed a moment ago: the portfolio gate allows one step less.
    P26_COOLDOWN = "quantum:p26:cooldown:" S "" => Holds::Mark, s(60);
    /// The heat decision of a plan.
    HEAT_BY_PLAN = "quantum:harvest:heat:by_plan:" plan_id "" => hash::<HeatDecision>(), s(1_800);
    /// The newest heat decision of a symbol; its plan_id is the last plan's.
    HEAT_LATEST = "quantum:harvest:heat:latest:" S "" => hash::<HeatDecision>(), s(1_800);
    /// The plan of it.
    HEAT_LATEST_PLAN = "quantum:harvest:heat:latest_plan_id:" S "" => Holds::Text("the plan's id"), s(1_800);
    /// A heat decision that the bridge has taken over.
    DEDUPE_P27 = "quantum:dedupe:p27:" plan_id "" => Holds::Mark, s(120);
    /// A plan that the Apply Layer has touched; one whose order's outcome is not known stays.
    APPLY_DONE = "quantum:apply:done:" plan_id "" => json::<OrderMark>(), s(600);
    /// A plan that the Apply Layer has decided to execute, with when.
    APPLY_DEDUPE = "quantum:apply:dedupe:" plan_id "" => Holds::Number, s(21_600);
    /// A plan of the Apply Layer that stands on apply.plan.
    APPLY_PUBLISHED = "quantum:apply:stream_published:" plan_id "" => Holds::Mark, s(300);
    /// A plan that waits for its permits, or for the order that is in flight.
    APPLY_WAITING = "quantum:apply:waiting:" plan_id "" => json::<ApplyPlan>(), s(86_400);
    /// What has fired in the symbol's position.
    APPLY_TRANCHES = "quantum:apply:tranches:" S "" => hash::<ApplyTranches>(), STAYS;
    /// A heat observation that was made: `{obs_point}:{plan_id}`.
    DEDUPE_P28 = "quantum:dedupe:p28:" observation "" => Holds::Mark, s(600);
    /// The harvest brain has asked for a rung of a position: `{symbol}:{rung}:{opening plan}`.
    HARVEST_BRAIN_ASKED = "quantum:dedup:harvest:" rung "" => Holds::Mark, s(900);
    /// How the exit brain's control layer stood at each start, newest first.
    EXITBRAIN_CONTROL = "quantum:ops:exitbrain:control" => Holds::List("JSON of the control layer"), STAYS;
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
    /// What is known of the symbol's position is not to be relied on: no opens.
    POSITION_UNTRUSTED = "quantum:position:untrusted:" S "" => Holds::Text("the event"), STAYS;
}

/// The operator's two kill switches.
pub const KILL_SWITCHES: [Key; 2] = [KILL_SWITCH, KILL];
