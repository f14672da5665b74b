//! Feedback bridge: MSE 7.4, and incident I-15.

mod audits;

use engine::{Body, Envelope, Symbol};
use pipeline::records::TradeClosed;
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START};
use crate::outcomes::{close, closed, send, symbol};

const BRIDGE: &str = "feedback_bridge";

fn bench() -> Bench {
    let mut bench = Bench::new(&[BRIDGE], &PipelineSettings::default(), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// Value and updates of the symbol.
fn state(bench: &mut Bench) -> (f64, String) {
    let state = bench.hash(&keys::AI_STATE.of(symbol()));
    (state["value"].parse().expect("a number"), state["updates"].clone())
}

/// I-15: it learns from closed trades.
#[test]
fn feedback_comes_from_closed_trades() {
    let mut bench = bench();
    close(&mut bench, 1, 10);
    // 0.15 of the reward, which is 10 % times the confidence.
    let reward = 0.1 * 0.8;
    assert_eq!(state(&mut bench), (0.15 * reward, "1".to_owned()));
    let adjustment = bench.hash(keys::AI_POLICY_ADJUSTMENT.name);
    assert_eq!(adjustment["symbol"], "BTCUSDT");
    let told = ["reward", "delta"].map(|field| adjustment[field].parse::<f64>().expect("a number"));
    assert_eq!(told, [reward, 0.15 * reward]);
    // The next one moves the value by 0.15 of what is left to it.
    close(&mut bench, 2, -10);
    let (value, updates) = state(&mut bench);
    let expected = 0.15 * reward + 0.15 * (-reward - 0.15 * reward);
    assert!((value - expected).abs() < 1e-15, "{value}, not {expected}");
    assert_eq!(updates, "2");
}

/// Without a confidence it is taken as 0.8.
#[test]
fn a_trade_without_a_confidence_counts_by_the_default() {
    let mut bench = bench();
    let unsure = TradeClosed { confidence: None, ..closed(1, 10, START) };
    send(&mut bench, streams::TRADE_CLOSED, unsure);
    assert_eq!(state(&mut bench).0, 0.15 * (0.1 * 0.8));
}

#[test]
fn what_it_cannot_place_or_read_is_counted() {
    let mut bench = bench();
    let foreign = Symbol::new("NOPEUSDT").expect("a symbol");
    send(&mut bench, streams::TRADE_CLOSED, TradeClosed { symbol: foreign, ..closed(1, 3, START) });
    assert_eq!(bench.counter(BRIDGE, "trades_of_unknown_symbols"), 1);
    // A value of others is not begun anew, which would forget it.
    bench.hset(&keys::AI_STATE.of(symbol()), &[("value", "a lot")]);
    close(&mut bench, 2, 3);
    assert_eq!(bench.counter(BRIDGE, "state_unreadable"), 1);
    assert_eq!(bench.hash(&keys::AI_STATE.of(symbol()))["value"], "a lot");
    assert_eq!(bench.counter(BRIDGE, "rewards"), 0);
}

/// What it knows lies on the bus, with the entry that it learned last: one that comes again teaches nothing.
#[test]
fn a_successor_goes_on_and_learns_nothing_twice() {
    let mut bench = bench();
    close(&mut bench, 1, 10);
    let trade = Body::message(Envelope::Flat, closed(2, 10, START));
    bench.die_over(BRIDGE, streams::TRADE_CLOSED, trade);
    let (value, updates) = state(&mut bench);
    assert_eq!(updates, "2");
    // As if it had died after the write: the entry comes again with its own name under the key.
    let trade = Body::message(Envelope::Flat, closed(3, 10, START));
    bench.crash(BRIDGE, 5);
    bench.run_for_ms(1);
    bench.publish(streams::TRADE_CLOSED, trade);
    let entries = bench.entries(streams::TRADE_CLOSED.name);
    let id = entries.last().expect("an entry").id.to_string();
    bench.hset(&keys::AI_STATE.of(symbol()), &[("last_entry", &id)]);
    bench.run_for_ms(10);
    assert_eq!(state(&mut bench), (value, updates));
}
