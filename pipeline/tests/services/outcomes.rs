//! Closed trades and the decisions that led to them, as those who learn from them read them.

use engine::{Body, CorrelationId, Envelope, EpochSeconds, IsoTime, JsonText, Nanos, Symbol};
use pipeline::records::{DecisionMade, ExitBrainPnl, PositionSide, SignalAction, TradeClosed};
use pipeline::streams;
use rust_decimal::Decimal;

use crate::bench::{Bench, START};

/// Whose.
pub fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").expect("a symbol")
}

/// A trade that was closed `at`, with this result in percent.
pub fn closed(number: u128, percent: i64, at: Nanos) -> TradeClosed {
    let (long, price) = (PositionSide::Long, Decimal::from(100));
    TradeClosed {
        symbol: symbol(),
        side: long,
        entry_price: price,
        exit_price: price + Decimal::from(percent),
        quantity: Decimal::ONE,
        pnl_usd: Decimal::from(percent),
        pnl_percent: Decimal::from(percent),
        fees: Decimal::ZERO,
        confidence: Some(0.8),
        model: Some("ensemble".into()),
        leverage: Some(10),
        order_id: number as u64,
        reason: "TAKE_PROFIT".into(),
        plan_id: format!("plan{number}"),
        correlation_id: CorrelationId(number),
        opened_at: EpochSeconds(at - Nanos::from_secs(3_600)),
        closed_at: EpochSeconds(at),
    }
}

/// A decision of the engine.
pub fn decided(number: u128, at: Nanos) -> DecisionMade {
    let price = Decimal::from(100);
    DecisionMade {
        symbol: symbol(),
        side: SignalAction::Buy,
        confidence: 0.8,
        entry_price: price,
        quantity: price,
        leverage: 5,
        stop_loss: Decimal::from(98),
        take_profit: Decimal::from(103),
        trail_percent: None,
        model: "ensemble".into(),
        ensemble_confidence: 0.8,
        strategy: "default".into(),
        meta_strategy: "default".into(),
        regime: "unknown".into(),
        position_size_usd: price,
        correlation_id: CorrelationId(number),
        timestamp: IsoTime(at),
        consensus: Some("strong".into()),
        consensus_count: Some(3),
        total_models: Some(4),
        atr_value: Some(0.02),
        volatility_factor: Some(1.0),
        exchange_divergence: None,
        funding_rate: None,
        features: Some(JsonText([0.5; 18])),
        rl_influence_enabled: Some(false),
        rl_gate_pass: Some(false),
        rl_gate_reason: Some("rl_disabled".into()),
        rl_action: None,
        rl_confidence: None,
        rl_version: None,
        rl_policy_age_sec: None,
        rl_weight_effective: Some(0.0),
        rl_effect: Some("none".into()),
        ai_size_usd: None,
        ai_leverage: None,
        ai_harvest_policy: None,
        sizing_state: None,
        sizing_action: None,
    }
}

/// The record appears on its stream.
pub fn send<R: engine::Record>(bench: &mut Bench, stream: streams::Stream, record: R) {
    bench.publish(stream, Body::message(Envelope::Flat, record));
}

/// A trade is closed now, with this result in percent.
pub fn close(bench: &mut Bench, number: u128, percent: i64) {
    let now = bench.kernel.now();
    send(bench, streams::TRADE_CLOSED, closed(number, percent, now));
}

/// The exit brain tells a plan, which says nothing of what it brought.
pub fn planned(bench: &mut Bench) {
    let plan = ExitBrainPnl {
        timestamp: EpochSeconds(START),
        symbol: symbol(),
        side: PositionSide::Long,
        confidence: 0.8,
        dynamic_leverage: 10.0,
        take_profit_pct: 0.02,
        stop_loss_pct: 0.01,
        volatility: 1.0,
        exch_divergence: 0.0,
        funding_rate: 0.0,
        pnl_trend: 0.0,
        margin_util: 0.0,
    };
    send(bench, streams::EXITBRAIN_PNL, plan);
}
