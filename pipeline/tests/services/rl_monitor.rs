//! RL monitor: MSE 7.4. Where its rewards come from, and incident I-14, stand in `reward_path.rs`.

use engine::{CorrelationId, EpochSeconds, GaugeOf, Record, Ttl};
use pipeline::records::{RewardOrigin, RlReward};
use pipeline::{PipelineSettings, keys};

use crate::bench::Bench;
use crate::outcomes::symbol;

const MONITOR: &str = "rl_monitor";

fn bench() -> Bench {
    let mut bench = Bench::new(&[MONITOR], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// A reward of now lies under its key, and is looked at.
fn looked_at(bench: &mut Bench, pnl_pct: f64, source: RewardOrigin) {
    let reward = RlReward {
        symbol: symbol(),
        pnl_pct,
        source,
        correlation_id: CorrelationId(1),
        timestamp: EpochSeconds(bench.kernel.now()),
    };
    bench.set(&keys::RL_REWARD.of(symbol()), &reward.to_json().to_string());
    bench.run_for_ms(10_000);
}

/// Rewards of the history, newest first.
fn history(bench: &mut Bench) -> Vec<f64> {
    let now = bench.kernel.now();
    let rows = bench.kernel.bus_mut().lrange(now, &keys::RL_HISTORY.of(symbol()), 10_000);
    let reward = |row: &Vec<u8>| {
        let row: serde_json::Value = serde_json::from_slice(row).expect("JSON");
        row["reward"].as_f64().expect("a number")
    };
    rows.expect("a list").iter().map(reward).collect()
}

/// A change of more than 0.1 is one; the same outcome is looked at once, however long it lies there.
#[test]
fn changes_are_noted() {
    let mut bench = bench();
    for reward in [0.1, 0.15, -0.3] {
        looked_at(&mut bench, reward, RewardOrigin::TradeClosed);
        bench.run_for_ms(30_000);
    }
    assert_eq!(history(&mut bench), [-0.3, 0.1]);
    assert_eq!(bench.counter(MONITOR, "rewards_noted"), 2);
    assert_eq!(bench.counter(MONITOR, "rewards_unchanged"), 1);
    assert_eq!(bench.gauge(MONITOR, "reward", GaugeOf::Symbol(symbol())), Some(-0.3));
    let life = bench.ttl(&keys::RL_HISTORY.of(symbol()));
    assert!(matches!(life, Ttl::Left(left) if left.secs() > 86_000), "{life:?}");
}

/// An alert is the mean of ten beyond 1, on either side.
#[test]
fn ten_rewards_beyond_their_range_are_an_alert() {
    for sign in [1.0, -1.0] {
        let mut bench = bench();
        for step in 0..9 {
            looked_at(&mut bench, sign * (1.0 + 0.2 * f64::from(step)), RewardOrigin::TradeClosed);
        }
        assert_eq!(bench.counter(MONITOR, "reward_alerts"), 0, "nine are too few");
        looked_at(&mut bench, sign * 3.0, RewardOrigin::TradeClosed);
        assert_eq!(bench.counter(MONITOR, "reward_alerts"), 1);
    }
}

/// I-14: what nobody traded for is refused; a value is parsed, never run.
#[test]
fn what_is_no_reward_of_a_trade_is_refused() {
    let mut bench = bench();
    bench.run_to_ms(60_000);
    looked_at(&mut bench, 0.5, RewardOrigin::Synthetic);
    assert_eq!(bench.counter(MONITOR, "rewards_refused_synthetic"), 1);
    for nonsense in ["__import__('os').system('true')", "{}", r#"{"pnl_pct":"NaN"}"#] {
        bench.set(&keys::RL_REWARD.of(symbol()), nonsense);
        bench.run_for_ms(10_000);
    }
    assert_eq!(bench.counter(MONITOR, "rewards_unreadable"), 3);
    assert!(history(&mut bench).is_empty());
}

#[test]
fn the_history_outlives_it_and_one_that_cannot_be_written_is_counted() {
    let mut bench = bench();
    looked_at(&mut bench, 0.5, RewardOrigin::TradeClosed);
    bench.crash(MONITOR, 1_000);
    bench.run_for_ms(2_000);
    looked_at(&mut bench, 0.9, RewardOrigin::TradeClosed);
    assert_eq!(history(&mut bench), [0.9, 0.5]);
    bench.forget(&keys::RL_HISTORY.of(symbol()));
    bench.set(&keys::RL_HISTORY.of(symbol()), "no list");
    looked_at(&mut bench, 0.1, RewardOrigin::TradeClosed);
    assert_eq!(bench.counter(MONITOR, "history_not_saved"), 1);
}
