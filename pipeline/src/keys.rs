//! All keys of the pipeline: what each is called, what it holds and how long it lives.
//!
//! One place, so that writer and reader cannot differ. Lives are the required values of the specification's
//! table of keys.

use std::fmt::Display;

use engine::{Nanos, Symbol};

use crate::contracts::{Holds, hash, json};
use crate::records::{
    AiState, AllocationTarget, AlphaAttribution, ApplyPlan, ApplyTranches, Balance, BookSpread,
    ClusterState, ContractCheckResult, Dashboard, DerivedPosition, Disarm, Equity, EssMode,
    ExitMetrics, FundMode, Funding, GovernanceDecision, GovernanceParams, GovernanceRegimeStats,
    GovernorBlock, GovernorPermit, GroupLag, HarvestProposal, Heartbeat, HeatDecision, MarketPrice,
    MarketState, MetaRegimeState, ModelCandidate, OneClusterState, OrderMark, P26Permit, P33Permit,
    Policy, PolicyAdjustment, PortfolioBudget, PortfolioClusters, PortfolioState, PortfolioSums,
    PositionBook, PositionLedger, PositionSnapshot, PositionState, ReconcileState, RegisteredModel,
    RiskProposal, RlPolicy, RlReward, RotationLock, SafeModeReason, SizingOutcomes, StopAsked,
    Stops, SupervisorWeights, SymbolEfficiency, SymbolMarketState, SymbolPerformance,
    TargetProposal, Ticker, TradeLedger, Universe, UniverseMeta, VenueSpread, VenueTicker, WinRate,
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
    /// Closed 15-minute bars of a symbol as the universe generator saw them, newest first.
    UNIVERSE_BARS = "quantum:universe:bars:" S ":15m" => Holds::List("JSON of a bar with its quote volume"), STAYS;
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
    /// Sums of the running minute, and what they are averaged into.
    PORTFOLIO_SUMS = "quantum:state:portfolio:sums" => hash::<PortfolioSums>(), STAYS;
    /// The operator's kill switch.
    KILL_SWITCH = "quantum:global:kill_switch" => Holds::Switch, STAYS;
    /// The same, by another name.
    KILL = "quantum:kill" => Holds::Switch, STAYS;
    /// No new positions; set by the emergency stop.
    EMERGENCY_STOP = "trading:emergency_stop" => Holds::Switch, STAYS;
    /// No new positions for a while.
    SAFE_MODE = "quantum:safety:safe_mode" => Holds::Switch, s(300);
    /// Why safe mode is on, who has set it, since when and until when.
    SAFE_MODE_REASON = "quantum:safety:safe_mode:reason" => json::<SafeModeReason>(), s(900);
    /// Intents of a window of 10 s: its number.
    SAFETY_RATE_GLOBAL = "quantum:safety:rate:global:" bucket "" => Holds::Number, s(12);
    /// Intents of a symbol in a window of 10 s: `{symbol}:{number}`.
    SAFETY_RATE_SYMBOL = "quantum:safety:rate:symbol:" window "" => Holds::Number, s(12);
    /// An order of the symbol and side is in flight; its holder's plan.
    EXEC_LOCK = "quantum:exec:lock:" slot "" => Holds::Mark, s(120);
    /// An intent that the execution service has admitted.
    EXEC_PROCESSED = "quantum:exec:processed:" intent "" => Holds::Mark, s(86_400);
    /// One of the symbol and side was admitted: `{symbol}:{side}`.
    EXEC_RATE_SYMBOL = "quantum:exec:rate:symbol:" slot "" => Holds::Mark, s(30);
    /// Opens for which the margin did not do, in five minutes.
    EXEC_MARGIN_FAILS = "quantum:exec:margin_fails" => Holds::Number, s(300);
    /// Counters of the executor.
    EXECUTOR_METRICS = "quantum:metrics:intent_executor" => Holds::Counters, STAYS;
    /// Last 300 closed 1-minute bars of a symbol, newest first.
    CANDLES_1M = "candles:" S ":1m" => Holds::List("JSON array of a bar"), STAYS;
    /// Market state of a symbol.
    MARKETSTATE = "quantum:marketstate:" S "" => hash::<MarketState>(), s(600);
    /// Last and mark price of a symbol.
    TICKER = "quantum:ticker:" S "" => hash::<Ticker>(), s(10);
    /// Mark price of a symbol.
    MARKET_PRICE = "quantum:market:" S "" => hash::<MarketPrice>(), s(10);
    /// Price of a symbol at Bybit.
    MARKET_BYBIT = "quantum:market:" S ":bybit" => hash::<VenueTicker>(), s(120);
    /// How far the venues are apart.
    MARKET_SPREAD = "quantum:market:" S ":spread" => hash::<VenueSpread>(), s(120);
    /// Best bid and ask of a symbol, where the market tells them.
    MARKET_BOOK = "quantum:market:" S ":book" => hash::<BookSpread>(), s(10);
    /// Funding rate that was settled last; written every half hour.
    FUNDING = "quantum:funding:" S "" => hash::<Funding>(), s(3_600);
    /// How a symbol's trades ended, for the RL calibration.
    RL_CALIBRATION = "quantum:rl:calibration:v1:" S "" => hash::<WinRate>(), STAYS;
    /// What the RL policy wants of a symbol.
    RL_POLICY = "quantum:rl:policy:" S "" => json::<RlPolicy>(), STAYS;
    /// What earlier trades brought, as the sizing takes it.
    RL_SIZING_OUTCOMES = "quantum:rl:sizing:outcomes" => hash::<SizingOutcomes>(), STAYS;
    /// Outcome of a symbol's last closed trade.
    RL_REWARD = "quantum:rl:reward:" S "" => json::<RlReward>(), s(600);
    /// Rewards of a symbol that changed, newest first.
    RL_HISTORY = "quantum:rl:history:" S "" => Holds::List("JSON object of timestamp (ms) and reward"), s(86_400);
    /// What decisions on a symbol are worth.
    AI_STATE = "quantum:ai_state:" S "" => hash::<AiState>(), STAYS;
    /// The newest step of such a value.
    AI_POLICY_ADJUSTMENT = "quantum:ai_policy_adjustment" => hash::<PolicyAdjustment>(), STAYS;
    /// How far a symbol's market is from the one that was learned.
    AI_DRIFT = "quantum:ai:drift:" S "" => Holds::Text("NONE, MINOR, MODERATE, SEVERE or CRITICAL"), s(3_600);
    /// The newest evaluation of a kind of model.
    MODEL_REGISTRY = "quantum:clm:model:" model "" => hash::<RegisteredModel>(), STAYS;
    /// Whether it may take the place of the one in use.
    MODEL_CANDIDATE = "quantum:clm:candidate:" model "" => hash::<ModelCandidate>(), STAYS;
    /// What the sizing table has learned.
    RL_SIZING_TABLE = "quantum:rl:sizing:table" => Holds::Text("JSON array of state, action and value"), STAYS;
    /// Decisions of a UTC day, for the governer agent.
    GOVERNER_DAILY_TRADES = "quantum:governor:daily_trades:" day "" => Holds::Number, s(90_000);
    /// A supervisor's weights of the built-in models.
    SUPERVISOR_WEIGHTS = "quantum:ai:supervisor_weights" => hash::<SupervisorWeights>(), STAYS;
    /// A decision, or a symbol and side, that the router has published.
    ROUTER_DEDUP = "quantum:dedup:trade_intent:" id "" => Holds::Mark, s(300);
    /// Operating mode of the fund.
    FUND_MODE = "quantum:orchestrator:mode" => hash::<FundMode>(), s(600);
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
    /// Losses in a row, each within an hour of the one before: it would bar opens for ever if a pause did not end it.
    RISK_CONSECUTIVE_LOSSES = "quantum:risk:consecutive_losses" => Holds::Number, s(3_600);
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
    /// The reconcile close that is out: no other leaves before it has ended, or is too old to be executed.
    RECONCILE_CLOSE_OUT = "quantum:reconcile:close:out:" S "" => Holds::Text("the plan's id"), s(120);
    /// A case was closed in this time: `{symbol}:{signature}:{bucket of 120 s}`.
    RECONCILE_CLOSE_COOLDOWN = "quantum:reconcile:close:cooldown:" case "" => Holds::Mark, s(120);
    /// An open position, as older readers know it.
    POSITION = "quantum:position:" S "" => hash::<DerivedPosition>(), STAYS;
    /// What a symbol has traded.
    TRADE_LEDGER = "quantum:ledger:" S "" => hash::<TradeLedger>(), STAYS;
    /// How a symbol's trades went.
    SYMBOL_PERFORMANCE = "quantum:symbol:performance:" S "" => hash::<SymbolPerformance>(), STAYS;
    /// What the exits of a trade were worth.
    METRICS_EXIT = "quantum:metrics:exit:" trade "" => json::<ExitMetrics>(), s(2_592_000);
    /// The last result that the MetricPack builder has read.
    METRICPACK_LAST_ID = "quantum:metricpack:last_id" => Holds::Text("an entry's id"), STAYS;
    /// How far the venues are apart: the largest of the symbols' deviations over their mean, a fraction. Absent while
    /// one venue alone speaks.
    CROSS_DIVERGENCE = "quantum:cross:divergence" => Holds::Number, s(120);
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
    /// The regime of the market.
    STATE_MARKET = "quantum:state:market" => hash::<MetaRegimeState>(), s(300);
    /// Regime and volatility of a symbol.
    STATE_MARKET_SYMBOL = "quantum:state:market:" S "" => hash::<SymbolMarketState>(), s(300);
    /// The risk policy in force.
    GOVERNANCE_POLICY = "quantum:governance:policy" => Holds::Text("CONSERVATIVE, BALANCED or AGGRESSIVE"), STAYS;
    /// What the risk policy allows.
    GOVERNANCE_PARAMS = "quantum:governance:params" => json::<GovernanceParams>(), STAYS;
    /// One of the parameters.
    GOVERNANCE_PARAM = "quantum:governance:param:" name "" => Holds::Number, STAYS;
    /// Score of the closed trades.
    GOVERNANCE_SCORE = "quantum:governance:score" => Holds::Number, STAYS;
    /// Why the risk policy is what it is.
    GOVERNANCE_LAST_DECISION = "quantum:governance:last_decision" => json::<GovernanceDecision>(), STAYS;
    /// The regime in which trades went best.
    GOVERNANCE_PREFERRED_REGIME = "quantum:governance:preferred_regime" => Holds::Text("a regime"), STAYS;
    /// How trades went in each regime.
    GOVERNANCE_REGIME_STATS = "quantum:governance:regime_stats" => json::<GovernanceRegimeStats>(), STAYS;
    /// The one figure of cluster stress.
    PORTFOLIO_CLUSTER_STATE = "quantum:portfolio:cluster_state" => hash::<ClusterState>(), s(300);
    /// A cluster.
    PORTFOLIO_CLUSTER = "quantum:portfolio:cluster_state:" id "" => hash::<OneClusterState>(), s(300);
    /// How capital efficiency would move a target.
    ALLOCATION_TARGET_PROPOSED = "quantum:allocation:target:proposed:" S "" => hash::<TargetProposal>(), s(600);
    /// What a symbol's executions have brought, P3.0.
    ALPHA_ATTRIBUTION = "quantum:alpha:attribution:" S "" => hash::<AlphaAttribution>(), s(300);
    /// The newest execution that P3.1 has taken.
    P31_LAST_ID = "quantum:p31:last_id" => Holds::Text("a stream entry's id"), s(86_400);
    /// All clusters with their symbols.
    PORTFOLIO_CLUSTERS = "quantum:portfolio:clusters" => hash::<PortfolioClusters>(), s(300);
}

/// The operator's two kill switches.
pub const KILL_SWITCHES: [Key; 2] = [KILL_SWITCH, KILL];

/// The UTC day of a moment, as keys name it: `2026-02-05`.
pub(crate) fn date_of(at: Nanos) -> String {
    let mut text = at.to_string();
    text.truncate("2026-02-05".len());
    text
}
