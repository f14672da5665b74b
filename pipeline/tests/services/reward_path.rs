//! From a closed trade to the history of rewards: MSE 7.4, and incident I-14.

use engine::Nanos;
use pipeline::{PipelineSettings, keys};

use crate::bench::{Bench, audited};
use crate::outcomes::{close, symbol};

/// I-14: rewards are outcomes of trades; what nobody traded for is refused, and a value is parsed, not run.
#[test]
fn rewards_are_real_or_refused() {
    let services = ["reward_publisher", "rl_monitor"];
    let mut bench = Bench::new(&services, &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    close(&mut bench, 1, 12);
    let key = keys::RL_REWARD.of(symbol());
    let reward = bench.get(&key).expect("a reward");
    assert!(reward.contains("trade_closed") && reward.contains("0.12"), "{reward}");
    assert!(matches!(bench.ttl(&key), engine::Ttl::Left(left) if left > Nanos::from_secs(599)));
    bench.run_for_ms(30_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_noted"), 1, "once an outcome");
    // A change of no more than 0.1 is no entry of the history.
    close(&mut bench, 2, 10);
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_unchanged"), 1);
    let synthetic =
        reward.replace("trade_closed", "live_synth").replace("1770000000", "1770000099");
    bench.set(&key, &synthetic);
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_refused_synthetic"), 1);
    bench.set(&key, "__import__('os').system('true')");
    bench.run_for_ms(10_000);
    assert_eq!(bench.counter("rl_monitor", "rewards_unreadable"), 1);
    let now = bench.kernel.now();
    let history = bench.kernel.bus_mut().lrange(now, &keys::RL_HISTORY.of(symbol()), 10);
    assert_eq!(history.expect("a list").len(), 1);
}

/// I-14: random numbers were published as rewards, and the monitor reported learning.
#[test]
fn rewards_were_random_numbers() {
    let services = ["reward_publisher", "rl_monitor"];
    for (names, rewards, noted) in [(&[][..], 0, false), (&["random_rewards"], 41, true)] {
        let mut bench = Bench::new(&services, &audited(names), Vec::new());
        bench.run_to_ms(600_100);
        assert_eq!(bench.counter("reward_publisher", "rewards"), rewards);
        assert_eq!(bench.counter("rl_monitor", "rewards_noted") > 10, noted);
        assert_eq!(bench.counter("rl_monitor", "rewards_refused_synthetic"), 0);
        let told = bench.get(&keys::RL_REWARD.of(symbol()));
        assert_eq!(told.is_some_and(|told| told.contains("live_synth")), noted);
        close(&mut bench, 1, 12);
        let told = bench.get(&keys::RL_REWARD.of(symbol())).expect("a reward");
        assert_eq!(told.contains("trade_closed"), !noted, "no trade is asked");
    }
}
