//! All streams of the pipeline: what each is called, what its entries say and how long it may grow.
//!
//! One place, so that writer and reader cannot differ. MAXLENs are the required values of the
//! specification's stream table.

use engine::{Body, Context, Envelope, Record, Trim};

use crate::contracts::{Form, Shape};
use crate::records::{
    ApplyPlan, ApplyResult, BalanceEntry, ContractFinding, DecisionMade, EssEvent, ExecutionResult,
    ExposureAlert, ExposureCommand, Heartbeat, Kline, MarketState, PolicyAudit, PolicyUpdated,
    PortfolioState, PositionSnapshot, PositionUpdate, ReconcileClose, ReconcileEvent,
    SignalGenerated, SizingDecided, TelemetryAlarm, Tick, TradeClosed, TradeIntent,
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
    ($($(#[doc = $about:literal])+ $name:ident = $event:literal, $max:literal => $form:ident($record:ty);)*) => {
        $($(#[doc = $about])+ pub const $name: Stream = Stream {
            name: concat!("quantum:stream:", $event),
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
    /// Volatility, trend and regime of a symbol.
    MARKETSTATE = "marketstate", 10_000 => Flat(MarketState);
    /// What the ensemble saw.
    AI_SIGNAL_GENERATED = "ai.signal_generated", 10_000 => Bus(SignalGenerated);
    /// How large.
    SIZING_DECIDED = "sizing.decided", 10_000 => Bus(SizingDecided);
    /// What the engine decided.
    AI_DECISION_MADE = "ai.decision.made", 10_000 => Bus(DecisionMade);
    /// What somebody wants to do.
    TRADE_INTENT = "trade.intent", 20_000 => Contract(TradeIntent);
    /// What an executor shall do.
    APPLY_PLAN = "apply.plan", 20_000 => Flat(ApplyPlan);
    /// How a plan ended.
    APPLY_RESULT = "apply.result", 10_000 => Flat(ApplyResult);
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
}

/// Bus-style group name.
pub fn bus_group(service: &str, stream: Stream) -> String {
    format!("quantum:group:{service}:{}", stream.event)
}

/// Publishes a record on its stream; a refusal of the bus is counted.
pub(crate) fn publish<R: Record>(
    ctx: &mut Context<'_>,
    stream: Stream,
    envelope: Envelope,
    record: R,
) {
    let form = match envelope {
        Envelope::Bus { .. } => Form::Bus,
        Envelope::Contract { .. } => Form::Contract,
        Envelope::Flat => Form::Flat,
    };
    debug_assert_eq!((form, record.record_name()), (stream.form, stream.shape.record));
    if ctx.publish(stream.name, stream.trim, Body::message(envelope, record)).is_err() {
        ctx.count("publish_failed", 1);
    }
}
