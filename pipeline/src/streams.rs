//! All streams of the pipeline: what each is called, what its entries say and how long it may grow.
//!
//! One place, so that writer and reader cannot differ. MAXLENs are the required values of the
//! specification's stream table.

use engine::{Body, Context, Envelope, Record, Trim};

use crate::contracts::{Form, Shape};
use crate::records::{
    AdaptiveLevelsTold, AllocationDecision, AlphaAttribution, ApplyPlan, ApplyResult, BalanceEntry,
    BudgetViolation, ClusterStateEntry, ContractFinding, DecisionMade, EfficiencyDecision,
    EssEvent, ExchangeNormalized, ExchangeRaw, ExecutionResult, ExitBrainPnl, Experience,
    ExposureAlert, ExposureCommand, GovernanceEvent, GovernorEvent, HarvestCalibrated,
    HarvestProposal, HarvestSuggestion, Heartbeat, HeatDecision, HeatObserved, Kline, MarketAlert,
    MarketState, MemoryEntry, MetaRegimeState, PolicyAudit, PolicyUpdated, PortfolioGateEntry,
    PortfolioState, PositionSnapshot, PositionUpdate, ReconcileClose, ReconcileEvent, RiskEvent,
    RiskProposal, SafetyFault, SignalGenerated, SizingDecided, TargetProposal, TelemetryAlarm,
    Tick, TradeClosed, TradeIntent, TrainingCompleted, TrainingStarted,
};

/// A stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Full name.
    pub name: &'static str,
    /// Event type in its envelopes.
    pub event: &'static str,
    /// Bound.
    pub trim: Trim,
    /// The envelope in which it is written.
    pub form: Form,
    /// What its entries say.
    pub shape: Shape,
    /// What it is for.
    pub about: &'static str,
}

macro_rules! streams {
    (@name $event:literal) => { concat!("quantum:stream:", $event) };
    (@name bare $event:literal) => { $event };
    ($($(#[doc = $about:literal])+ $name:ident = $($bare:ident)? $event:literal, $max:literal => $form:ident($record:ty);)*) => {
        $($(#[doc = $about])+ pub const $name: Stream = Stream {
            name: streams!(@name $($bare)? $event),
            event: $event,
            trim: Trim::Approximate($max),
            form: Form::$form,
            shape: Shape::of::<$record>(),
            about: concat!($($about),+),
        };)*
        /// All streams that the services of this crate read or write.
        pub const STREAMS: &[Stream] = &[$($name),*];
    };
}

streams! {
    /// Trades, and one tick a closed bar.
    MARKET_TICK = "market.tick", 10_000 => Bus(Tick);
    /// Closed bars.
    MARKET_KLINES = "market.klines", 10_000 => Bus(Kline);
    /// One price of several venues.
    EXCHANGE_NORMALIZED = "exchange.normalized", 10_000 => Flat(ExchangeNormalized);
    /// Volatility, trend and regime of a symbol.
    MARKETSTATE = "marketstate", 10_000 => Flat(MarketState);
    /// Candles of each venue as they grow; its first entry is a marker.
    EXCHANGE_RAW = "exchange.raw", 100_000 => Flat(ExchangeRaw);
    /// What the price feed warns of.
    MARKET_EVENTS = "market_events", 50_000 => Flat(MarketAlert);
    /// What the ensemble saw.
    AI_SIGNAL_GENERATED = "ai.signal_generated", 10_000 => Bus(SignalGenerated);
    /// How large.
    SIZING_DECIDED = "sizing.decided", 10_000 => Bus(SizingDecided);
    /// What the engine decided.
    AI_DECISION_MADE = "ai.decision.made", 10_000 => Bus(DecisionMade);
    /// A job of the trainer begins.
    MODEL_TRAINING_STARTED = "model.training_started", 10_000 => Bus(TrainingStarted);
    /// A job of the trainer has ended, well or not.
    MODEL_TRAINING_COMPLETED = "model.training_completed", 10_000 => Bus(TrainingCompleted);
    /// Decisions and what came of them; its name has no prefix.
    RL_EXPERIENCE = bare "quantum:rl:experience", 10_000 => Flat(Experience);
    /// What somebody wants to do.
    TRADE_INTENT = "trade.intent", 20_000 => Contract(TradeIntent);
    /// What an executor shall do.
    APPLY_PLAN = "apply.plan", 20_000 => Flat(ApplyPlan);
    /// The operator's own plans.
    APPLY_PLAN_MANUAL = "apply.plan.manual", 1_000 => Flat(ApplyPlan);
    /// How a plan ended.
    APPLY_RESULT = "apply.result", 10_000 => Flat(ApplyResult);
    /// Rotations and disarming.
    GOVERNOR_EVENTS = "governor.events", 10_000 => Flat(GovernorEvent);
    /// Guards that struck.
    RISK_EVENTS = "risk.events", 1_000 => Flat(RiskEvent);
    /// Intents came too fast: safe mode is on.
    SAFETY_FAULT = "safety.fault", 1_000 => Flat(SafetyFault);
    /// Positions over their budget.
    BUDGET_VIOLATION = "budget.violation", 1_000 => Flat(BudgetViolation);
    /// One entry a fill; `trade.execution.res` is its old name.
    EXECUTION_RESULT = "execution.result", 10_000 => Flat(ExecutionResult);
    /// A round trip.
    TRADE_CLOSED = "trade.closed", 1_000 => Bus(TradeClosed);
    /// An open position, every 30 s.
    POSITION_UPDATE = "position.update", 10_000 => Contract(PositionUpdate);
    /// A position as the exchange shows it, whenever it has changed.
    POSITION_SNAPSHOT = "position.snapshot", 10_000 => Flat(PositionSnapshot);
    /// The whole book.
    PORTFOLIO_STATE = "portfolio.state", 1_000 => Flat(PortfolioState);
    /// The account.
    ACCOUNT_BALANCE = "account.balance", 100 => Flat(BalanceEntry);
    /// A new policy.
    POLICY_UPDATED = "policy.updated", 100 => Flat(PolicyUpdated);
    /// The same, for auditors.
    POLICY_AUDIT = "policy.audit", 1_000 => Flat(PolicyAudit);
    /// What P1.5 proposes, as it changes; off by default.
    RISK_PROPOSAL = "risk.proposal", 10_000 => Flat(RiskProposal);
    /// What P2.5 proposes, as it changes.
    HARVEST_PROPOSAL = "harvest.proposal", 10_000 => Flat(HarvestProposal);
    /// What the heat of the book makes of a harvest close.
    HARVEST_CALIBRATED = "harvest.calibrated", 10_000 => Flat(HarvestCalibrated);
    /// The heat decision of a plan.
    HARVEST_HEAT_DECISION = "harvest.heat.decision", 10_000 => Flat(HeatDecision);
    /// What the portfolio gate decided about a plan.
    PORTFOLIO_GATE = "portfolio.gate", 10_000 => Flat(PortfolioGateEntry);
    /// Whether there was a heat decision for a plan.
    APPLY_HEAT_OBSERVED = "apply.heat.observed", 10_000 => Flat(HeatObserved);
    /// What the harvest brain would do, in shadow.
    HARVEST_SUGGESTIONS = "harvest.suggestions", 1_000 => Flat(HarvestSuggestion);
    /// Exit plans of open positions.
    EXITBRAIN_PNL = "exitbrain.pnl", 1_000 => Flat(ExitBrainPnl);
    /// Their targets and stops.
    ADAPTIVE_LEVELS = "adaptive_levels", 1_000 => Flat(AdaptiveLevelsTold);
    /// Exchange and ledger differ.
    RECONCILE_EVENTS = "reconcile.events", 10_000 => Flat(ReconcileEvent);
    /// Signed closes of what the exchange holds beyond the ledger.
    RECONCILE_CLOSE = "reconcile.close", 1_000 => Flat(ReconcileClose);
    /// Advice on margin and diversification.
    EXECUTOR_COMMANDS = "executor.commands", 500 => Flat(ExposureCommand);
    /// Too much margin in use, or venues too far apart.
    EXPOSURE_ALERTS = "exposure.alerts", 500 => Flat(ExposureAlert);
    /// What each service does, every minute.
    HEARTBEAT = "heartbeat", 1_000 => Flat(Heartbeat);
    /// Alarms that begin and end.
    TELEMETRY_ALARMS = "telemetry.alarms", 1_000 => Flat(TelemetryAlarm);
    /// What does not keep its contract.
    CONTRACT_FINDINGS = "contract.findings", 1_000 => Flat(ContractFinding);
    /// What the emergency stop did.
    EVENT_ESS = "event.ess", 1_000 => Flat(EssEvent);
    /// The regime of the market.
    META_REGIME = "meta.regime", 1_000 => Flat(MetaRegimeState);
    /// The same, by the name that the allocators know.
    REGIME_STATE = "regime.state", 1_000 => Flat(MetaRegimeState);
    /// Closed trades as governance remembers them.
    PORTFOLIO_MEMORY = "portfolio.memory", 5_000 => Flat(MemoryEntry);
    /// Changes of the risk policy.
    GOVERNANCE_EVENTS = "governance.events", 1_000 => Flat(GovernanceEvent);
    /// What a symbol's executions have brought, P3.0.
    ALPHA_ATTRIBUTION = "alpha.attribution", 1_000 => Flat(AlphaAttribution);
    /// What a symbol should hold, P2.9.
    ALLOCATION_DECISION = "allocation.decision", 1_000 => Flat(AllocationDecision);
    /// How capital efficiency would move a target.
    ALLOCATION_TARGET_PROPOSED = "allocation.target.proposed", 1_000 => Flat(TargetProposal);
    /// Which symbols deserve more capital, P3.1.
    CAPITAL_EFFICIENCY_DECISION = "capital.efficiency.decision", 10_000 => Flat(EfficiencyDecision);
    /// Clusters of symbols that move together, and their stress.
    PORTFOLIO_CLUSTER_STATE = "portfolio.cluster_state", 5_000 => Flat(ClusterStateEntry);
}

/// Bus-style group name.
pub fn bus_group(service: &str, stream: Stream) -> String {
    format!("quantum:group:{service}:{}", stream.event)
}

/// Publishes a record on its stream; `false` when the bus refuses it, which is counted.
pub(crate) fn publish<R: Record>(
    ctx: &mut Context<'_>,
    stream: Stream,
    envelope: Envelope,
    record: R,
) -> bool {
    let form = match envelope {
        Envelope::Bus { .. } => Form::Bus,
        Envelope::Contract { .. } => Form::Contract,
        Envelope::Flat => Form::Flat,
    };
    debug_assert_eq!((form, record.record_name()), (stream.form, stream.shape.record));
    let published = ctx.publish(stream.name, stream.trim, Body::message(envelope, record)).is_ok();
    if !published {
        ctx.count("publish_failed", 1);
    }
    published
}
