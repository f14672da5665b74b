//! From ticks to decisions: MSE 4.3, 4.5, 4.6, as settled: the engine decides, and never intends.

use pipeline::records::{SignalAction, SignalGenerated, SizingDecided};
use pipeline::{PipelineSettings, keys, streams};
use rust_decimal::Decimal;

use super::ENGINE;
use crate::decisions::{ALL, MINUTE_MS, MINUTES, bench, decisions, engine, every_minute, intents};

/// MSE 4.6: a SELL has its stop above and its target below.
#[test]
fn a_decision_is_told_three_times_and_mirrored_by_side() {
    for (step, action, sign) in
        [(0.001, SignalAction::Buy, 1.0), (-0.001, SignalAction::Sell, -1.0)]
    {
        let mut bench = engine(step, &PipelineSettings::default());
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let signals: Vec<SignalGenerated> = bench.records(streams::AI_SIGNAL_GENERATED);
        let sizes: Vec<SizingDecided> = bench.records(streams::SIZING_DECIDED);
        let decisions = decisions(&mut bench);
        // Every tick is a signal; a symbol is decided on once in two minutes.
        assert!(signals.len() > 20 && sizes.len() == signals.len(), "{action}");
        assert!((10..=16).contains(&decisions.len()), "{action}: {}", decisions.len());
        for decision in &decisions {
            let at = signals.iter().position(|signal| signal.timestamp == decision.timestamp);
            let at = at.expect("the signal that it is of");
            let (signal, size) = (&signals[at], &sizes[at]);
            assert_eq!((signal.action, decision.side), (action, action));
            assert_eq!(signal.ensemble_confidence.to_bits(), decision.confidence.to_bits());
            assert!((0.75..=0.95).contains(&decision.confidence));
            assert_eq!(decision.quantity, decision.position_size_usd, "in USDT");
            assert_eq!(size.position_size_usd, decision.position_size_usd);
            assert_eq!(size.leverage, decision.leverage);
            let price: f64 = decision.entry_price.to_string().parse().expect("a number");
            let level =
                |share: f64| Decimal::try_from(price * (1.0 + sign * share)).expect("a level");
            assert_eq!(decision.stop_loss, level(-size.sl_percent).round_dp(8));
            assert_eq!(decision.take_profit, level(size.tp_percent).round_dp(8));
        }
        // I-02: the engine writes decisions, never intents.
        assert!(intents(&mut bench).is_empty());
    }
}

/// MSE 4.3: fewer than 50 prices are too few for a model to vote, and nobody's vote is HOLD.
#[test]
fn there_is_no_signal_from_a_short_history_or_a_quiet_market() {
    let mut short = engine(0.001, &PipelineSettings::default());
    short.run_to_ms(49 * MINUTE_MS + 100);
    assert!(decisions(&mut short).is_empty());
    short.run_to_ms(50 * MINUTE_MS + 100);
    assert_eq!(decisions(&mut short).len(), 1);
    let mut quiet = engine(0.0, &PipelineSettings::default());
    quiet.run_to_ms(MINUTES * MINUTE_MS);
    assert!(decisions(&mut quiet).is_empty());
}

/// MSE 4.5 steps 0 and 7.
#[test]
fn a_weak_or_a_stopped_signal_is_none() {
    let mut settings = PipelineSettings::default();
    settings.ai_engine.min_signal_confidence = 0.96;
    let mut weak = engine(0.001, &settings);
    weak.run_to_ms(MINUTES * MINUTE_MS);
    assert!(decisions(&mut weak).is_empty());
    assert!(weak.counter(ENGINE, "signals_below_min_confidence") > 20);

    for stop in [&b"1"[..], &[0xff]] {
        let mut stopped = engine(0.001, &PipelineSettings::default());
        stopped.run_to_ms(1);
        stopped.set_bytes(keys::EMERGENCY_STOP.name, stop);
        stopped.run_to_ms(MINUTES * MINUTE_MS);
        assert!(decisions(&mut stopped).is_empty());
        assert!(stopped.counter(ENGINE, "signals_stopped") > 20);
    }
}

/// A decision that is older than the setting is no answer, and is counted.
#[test]
fn a_decision_is_an_answer_for_two_minutes() {
    for (last_tick_min, too_old) in [(59, 0), (57, 1)] {
        let mut settings = every_minute();
        settings.trading_bot.check_interval_s = 600;
        let mut bench = bench(&ALL, 0.001, &settings);
        bench.run_to_ms(last_tick_min * MINUTE_MS + 1_000);
        bench.crash("market_publisher", 86_400_000);
        bench.run_to_ms(60 * MINUTE_MS + 1_000);
        assert_eq!(bench.counter(ENGINE, "decisions_too_old"), too_old, "{last_tick_min}");
        // The other is of the fiftieth minute, the first at which the models vote.
        assert_eq!(intents(&mut bench).len() as u64, 2 - too_old, "{last_tick_min}");
    }
}
