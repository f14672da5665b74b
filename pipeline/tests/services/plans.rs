//! Plans, permits and fills, as the intent bridge, P3.3 and the intent executor write them.

use engine::{Body, CorrelationId, Envelope, EpochSeconds, Nanos, Record, Symbol};
use pipeline::records::{
    ApplyPlan, ApplyResult, Decision, ExecutionResult, Executor, GovernorPermit, OrderSide,
    P33Permit, PlanAction, PlanClass, PositionSide, ReduceOnly, Tick, TradeClosed,
};
use pipeline::{keys, streams};
use rust_decimal::Decimal;

use crate::bench::{Bench, instrument};

/// The plan of most tests.
pub const PLAN: &str = "0123456789abcdef";

/// A decimal out of its text.
pub fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// An opening plan of 0.5, or a closing one of the exit monitor.
pub fn plan(bench: &Bench, action: PlanAction, side: OrderSide) -> ApplyPlan {
    let now = bench.kernel.now();
    let closes = action.close_percent().is_some() || action == PlanAction::Hold;
    ApplyPlan {
        plan_id: PLAN.into(),
        correlation_id: CorrelationId::from_random(9),
        source: if closes { "exit_monitor" } else { "trading_bot" }.into(),
        executor: Executor::IntentExecutor,
        class: if closes { PlanClass::Close } else { PlanClass::Open },
        symbol: instrument().symbol,
        action,
        side,
        order_type: "MARKET".into(),
        qty: (!closes).then(|| decimal("0.5")),
        fraction: None,
        reduce_only: ReduceOnly(closes),
        decision: Decision::Execute,
        reason_codes: "".into(),
        kill_score: None,
        k_regime_flip: None,
        k_sigma_spike: None,
        k_ts_drop: None,
        k_age_penalty: None,
        confidence: None,
        leverage: None,
        stop_loss: None,
        take_profit: None,
        new_sl_proposed: None,
        r_net: None,
        price: None,
        model: None,
        timestamp: EpochSeconds(now),
        valid_until: EpochSeconds(now + Nanos::from_secs(60)),
    }
}

/// The plan appears on its stream.
pub fn send(bench: &mut Bench, plan: &ApplyPlan) {
    bench.publish(streams::APPLY_PLAN, Body::message(Envelope::Flat, plan.clone()));
}

/// P3.3's permit of a plan.
pub fn permit_of(plan: &ApplyPlan, safe_qty: &str) -> P33Permit {
    P33Permit {
        allow: true,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        action: plan.action,
        safe_qty: decimal(safe_qty),
        exchange_position_amt: None,
        ledger_amt: None,
        reason: "sanity_checks_passed".into(),
        context: None,
        created_at: plan.timestamp,
    }
}

/// The governor's permit of a plan, without a limit.
pub fn governor_permit_of(plan: &ApplyPlan) -> GovernorPermit {
    GovernorPermit {
        granted: true,
        plan_id: plan.plan_id.clone(),
        correlation_id: plan.correlation_id,
        symbol: plan.symbol,
        action: plan.action,
        decision: Decision::Execute,
        computed_qty: None,
        computed_notional: None,
        reason: "ok".into(),
        consumed: false,
        eff_score: None,
        eff_confidence: None,
        eff_stale: None,
        eff_factor: None,
        eff_action: None,
        eff_reason: None,
        downsize_factor: None,
        extra_cooldown_sec: None,
        created_at: plan.timestamp,
    }
}

/// The governor's permit of the plan lies under its key.
pub fn govern(bench: &mut Bench, permit: &GovernorPermit) {
    bench.set(&keys::PERMIT_GOVERNOR.of(&permit.plan_id), &permit.to_json().to_string());
}

/// Both permits of an order lie under their keys as JSON text, as a foreign writer leaves them; the governor's
/// sets no limit.
pub fn grant(bench: &mut Bench, permit: &P33Permit) {
    let of = ApplyPlan {
        plan_id: permit.plan_id.clone(),
        correlation_id: permit.correlation_id,
        symbol: permit.symbol,
        timestamp: permit.created_at,
        ..plan(bench, permit.action, OrderSide::Buy)
    };
    govern(bench, &governor_permit_of(&of));
    bench.set(&keys::PERMIT_P33.of(&permit.plan_id), &permit.to_json().to_string());
}

/// P3.3's look at the position: flat, at this mark price.
pub fn flat_at(bench: &mut Bench, symbol: Symbol, mark: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [
        ("symbol", symbol.as_str()),
        ("position_amt", "0"),
        ("side", "NONE"),
        ("entry_price", "0"),
        ("mark_price", mark),
        ("unrealized_pnl", "0"),
        ("leverage", "10"),
        ("ts_epoch", &now),
        ("source", "p33_poll"),
    ];
    bench.hset(&keys::POSITION_SNAPSHOT.of(symbol), &fields);
}

/// The orchestrator's word: the fund is in this mode.
pub fn fund_mode(bench: &mut Bench, mode: &str) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [
        ("mode", mode),
        ("since", now.as_str()),
        ("drawdown", "0"),
        ("risk_score", "50"),
        ("win_rate", "0.5"),
        ("max_leverage", "10"),
        ("max_positions", "10"),
        ("updated_at", now.as_str()),
    ];
    bench.hset(keys::FUND_MODE.name, &fields);
}

/// The state of a calm market: its kill score is 0.5, which stops and scales nothing.
pub fn calm_market(bench: &mut Bench, symbol: Symbol) {
    let now = bench.kernel.now().secs().to_string();
    let fields = [
        ("symbol", symbol.as_str()),
        ("sigma", "0.001"),
        ("mu", "0"),
        ("ts", "0.5"),
        ("p_trend", "0.6"),
        ("p_mr", "0.2"),
        ("p_chop", "0.2"),
        ("dp", "0.5"),
        ("vr", "1"),
        ("spike_proxy", "1"),
        ("buffer_size", "300"),
        ("regime", "TREND"),
        ("ts_timestamp", &now),
        ("timestamp", &now),
    ];
    bench.hset(&keys::MARKETSTATE.of(symbol), &fields);
}

/// How plans ended.
pub fn results(bench: &mut Bench) -> Vec<ApplyResult> {
    bench.records(streams::APPLY_RESULT)
}

/// The one result, as decision and error.
pub fn result(bench: &mut Bench) -> (Decision, String) {
    let results = results(bench);
    assert_eq!(results.len(), 1, "{results:?}");
    let error = results[0].error.as_deref().unwrap_or_default().to_owned();
    (results[0].decision, error)
}

/// A fill at 100 that opens, the next one of its stream.
pub fn fill(bench: &Bench, side: OrderSide, qty: &str) -> ExecutionResult {
    ExecutionResult {
        plan_id: PLAN.into(),
        correlation_id: CorrelationId::from_random(9),
        symbol: instrument().symbol,
        order_id: 1,
        client_order_id: "test-1".into(),
        trade_id: Some(bench.kernel.now().0 as u64),
        side,
        status: "filled".into(),
        filled_qty: decimal(qty),
        avg_price: decimal("100"),
        commission: None,
        realized_pnl: None,
        reduce_only: ReduceOnly(false),
        leverage: None,
        confidence: None,
        model: None,
        reason: "".into(),
        stop_loss: None,
        take_profit: None,
        source: "intent_executor".into(),
        timestamp: EpochSeconds(bench.kernel.now()),
    }
}

/// The fill appears on its stream.
pub fn tell(bench: &mut Bench, fill: &ExecutionResult) {
    bench.publish(streams::EXECUTION_RESULT, Body::message(Envelope::Flat, fill.clone()));
}

/// A long round trip of 2 from 100 that was closed now, the order of that number.
pub fn round_trip(bench: &Bench, order_id: u64, pnl: &str, fees: &str) -> TradeClosed {
    let pnl = decimal(pnl);
    TradeClosed {
        symbol: instrument().symbol,
        side: PositionSide::Long,
        entry_price: decimal("100"),
        exit_price: decimal("100") + pnl / decimal("2"),
        quantity: decimal("2"),
        pnl_usd: pnl,
        pnl_percent: pnl / decimal("2"),
        fees: decimal(fees),
        confidence: None,
        model: None,
        leverage: None,
        order_id,
        reason: "STOP_LOSS".into(),
        plan_id: PLAN.into(),
        correlation_id: CorrelationId::from_random(9),
        opened_at: EpochSeconds(bench.kernel.now() - Nanos::from_secs(60)),
        closed_at: EpochSeconds(bench.kernel.now()),
    }
}

/// The round trip appears on its stream.
pub fn tell_trade(bench: &mut Bench, trade: &TradeClosed) {
    let envelope = Envelope::Bus {
        event_type: "trade.closed",
        source: "position-monitor",
        correlation_id: trade.correlation_id,
        time: bench.kernel.now(),
    };
    bench.publish(streams::TRADE_CLOSED, Body::message(envelope, trade.clone()));
}

/// The result of an order of this number that was filled now.
pub fn executed(
    bench: &Bench,
    order_id: u64,
    side: OrderSide,
    qty: &str,
    price: &str,
    closes: bool,
) -> ApplyResult {
    ApplyResult {
        plan_id: format!("plan{order_id}"),
        correlation_id: CorrelationId::from_random(9),
        symbol: instrument().symbol,
        decision: Decision::Execute,
        action: if closes { PlanAction::FullClose } else { PlanAction::Buy },
        executed: true,
        would_execute: true,
        reduce_only: ReduceOnly(closes),
        side,
        requested_qty: Some(decimal(qty)),
        filled_qty: Some(decimal(qty)),
        avg_price: Some(decimal(price)),
        order_id: Some(order_id),
        status: "FILLED".into(),
        error: None,
        source: "intent_executor".into(),
        timestamp: EpochSeconds(bench.kernel.now()),
        steps_results: "[]".into(),
    }
}

/// The result appears on its stream.
pub fn tell_result(bench: &mut Bench, result: &ApplyResult) {
    bench.publish(streams::APPLY_RESULT, Body::message(Envelope::Flat, result.clone()));
}

/// A tick of BTCUSDT appears on its stream.
pub fn tell_tick(bench: &mut Bench, price: &str) {
    let now = bench.kernel.now();
    let tick = Tick {
        symbol: instrument().symbol,
        price: decimal(price),
        qty: None,
        is_buyer_maker: false,
        timestamp: EpochSeconds(now),
    };
    let envelope = Envelope::Bus {
        event_type: "market.tick",
        source: "market-publisher",
        correlation_id: CorrelationId::default(),
        time: now,
    };
    bench.publish(streams::MARKET_TICK, Body::message(envelope, tick));
}
