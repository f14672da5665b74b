//! Reward publisher: MSE 7.4. How the monitor takes its rewards, and incident I-14, stand in `reward_path.rs`.

use engine::{Body, Envelope, Nanos, Symbol, Ttl};
use pipeline::records::TradeClosed;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START};
use crate::outcomes::{close, closed, send, symbol};

const PUBLISHER: &str = "reward_publisher";

fn bench() -> Bench {
    let mut bench = Bench::new(&[PUBLISHER], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

fn reward(bench: &mut Bench) -> Option<serde_json::Value> {
    let text = bench.get(&keys::RL_REWARD.of(symbol()))?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

/// A loss is a reward like a gain, as a fraction, and says where it came from.
#[test]
fn the_last_closed_trade_is_the_reward() {
    let mut bench = bench();
    bench.run_to_ms(60_000);
    assert_eq!(reward(&mut bench), None, "without a trade there is none");
    for (number, percent, fraction) in [(1, 12, 0.12), (2, -5, -0.05)] {
        close(&mut bench, number, percent);
        let told = reward(&mut bench).expect("a reward");
        assert_eq!(told["pnl_pct"].as_f64(), Some(fraction));
        assert_eq!((&told["source"], &told["symbol"]), (&"trade_closed".into(), &"BTCUSDT".into()));
        let life = bench.ttl(&keys::RL_REWARD.of(symbol()));
        assert!(matches!(life, Ttl::Left(left) if left > Nanos::from_secs(599)), "{life:?}");
    }
    assert_eq!(bench.counter(PUBLISHER, "rewards"), 2);
    // Ten minutes later it is no news any more.
    bench.run_for_ms(600_001);
    assert_eq!(reward(&mut bench), None);
}

#[test]
fn a_trade_of_another_symbol_is_counted() {
    let mut bench = bench();
    let foreign = Symbol::new("NOPEUSDT").expect("a symbol");
    send(&mut bench, streams::TRADE_CLOSED, TradeClosed { symbol: foreign, ..closed(1, 3, START) });
    assert_eq!(bench.counter(PUBLISHER, "trades_of_unknown_symbols"), 1);
    assert!(bench.get(&keys::RL_REWARD.of(foreign)).is_none());
}

/// The trade in the hands of one that dies is not lost.
#[test]
fn a_successor_rewards_what_its_predecessor_did_not() {
    let mut bench = bench();
    let trade = Body::message(Envelope::Flat, closed(1, 7, START));
    bench.die_over(PUBLISHER, streams::TRADE_CLOSED, trade);
    assert_eq!(reward(&mut bench).expect("a reward")["pnl_pct"].as_f64(), Some(0.07));
}
