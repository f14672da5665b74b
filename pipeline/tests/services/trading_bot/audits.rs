//! What the trading bot did before it was mended, under the names of `audited.rs`.

use pipeline::records::DecisionMade;

use super::*;
use crate::decisions::every_minute_with;

/// I-01: a refusal was taken for an outage, and no stop was asked.
#[test]
fn momentum_was_traded_on_every_refusal() {
    let refused = |settings: &PipelineSettings, stops: bool| {
        let mut bench = bench(&ALL, 0.001, settings);
        bench.run_to_ms(1);
        if stops {
            bench.set(keys::EMERGENCY_STOP.name, "1");
        }
        bench.run_to_ms(40 * MINUTE_MS);
        assert!(bench.counter(BOT, "no_signal") > 20);
        intents(&mut bench)
    };
    assert!(refused(&every_minute(), false).is_empty());
    for stops in [false, true] {
        let made = refused(&every_minute_with(&["momentum_on_refusal"]), stops);
        assert!(made.len() > 20, "{stops}: {}", made.len());
        let momentum = |intent: &TradeIntent| {
            intent.model.as_deref() == Some("fallback-trend-following")
                && intent.action == Some(IntentAction::Buy)
        };
        assert!(made.iter().all(momentum), "{stops}");
    }
}

/// I-08: a sell had its stop in the profit.
#[test]
fn the_stop_of_a_sell_was_below_its_entry() {
    let stops = |settings: &PipelineSettings| {
        let mut bench = with_equity(bench(&ALL, -0.001, settings));
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let made = intents(&mut bench);
        assert!(made.len() > 20 && made.iter().all(|i| i.action == Some(IntentAction::Sell)));
        let below = |i: &TradeIntent| i.stop_loss < i.entry_price && i.entry_price < i.take_profit;
        made.iter().filter(|intent| below(intent)).count() * 100 / made.len()
    };
    assert_eq!(stops(&every_minute()), 0);
    assert_eq!(stops(&every_minute_with(&["sell_stop_not_mirrored"])), 100);
}

/// MSE 6, 17: an account that nobody sees had 10,000 USDT.
#[test]
fn an_unknown_balance_was_ten_thousand() {
    let sizes = |services: &[&str], settings: &PipelineSettings| {
        let mut bench = with_equity(bench(services, 0.001, settings));
        if let Some(account) = &mut bench.kernel.exchange_mut().account {
            account.wallet_balance = Decimal::from(10_000);
        }
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let made = intents(&mut bench);
        made.iter().map(|intent| intent.position_size_usd).collect::<Vec<_>>()
    };
    let unseen: Vec<&str> = ALL.into_iter().filter(|name| *name != "balance_tracker").collect();
    assert!(sizes(&unseen, &every_minute()).is_empty());
    let assumed = sizes(&unseen, &every_minute_with(&["assumed_balance"]));
    assert!(!assumed.is_empty());
    assert_eq!(assumed, sizes(&ALL, &every_minute()));
}

/// I-36: after six hours TRADING_SYMBOLS was forgotten.
#[test]
fn a_refresh_passed_over_the_settings() {
    let asked = |names: &[&str]| {
        let mut settings = every_minute_with(names);
        settings.trading_bot.symbols = vec![engine::Symbol::new("ETHUSDT").expect("a symbol")];
        let mut bench = bench(&["market_publisher", ENGINE, BOT], 0.001, &settings);
        bench.run_to_ms(6 * 60 * MINUTE_MS);
        let before = bench.counter(BOT, "no_signal");
        bench.run_for_ms(10 * MINUTE_MS);
        (before, bench.counter(BOT, "no_signal") > 5)
    };
    assert_eq!(asked(&[]), (0, false));
    assert_eq!(asked(&["trading_symbols_ignored"]), (0, true));
}

/// I-20: each question was one more tick, so that the history was of the questions as well.
#[test]
fn a_question_was_a_tick_with_the_volume_of_a_day() {
    let volume_against_its_mean = |settings: &PipelineSettings| {
        let mut bench = with_equity(bench(&ALL, 0.001, settings));
        bench.run_to_ms(MINUTES * MINUTE_MS + 100);
        let made = decisions(&mut bench);
        let of = |made: &DecisionMade| made.features.as_ref().map_or(0.0, |f| f.0[3]);
        made.iter().map(of).fold(1.0, f64::min)
    };
    // Every bar has the same volume.
    assert_eq!(volume_against_its_mean(&every_minute()).to_bits(), 1.0f64.to_bits());
    let mixed = volume_against_its_mean(&every_minute_with(&["day_volume_in_ticks"]));
    assert!(mixed < 0.1, "{mixed}");
}
