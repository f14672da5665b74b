//! What the intent bridge did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

fn with(names: &[&str]) -> Bench {
    let instruments = vec![instrument(), comp()];
    let mut bench = Bench::over(instruments, &[BRIDGE], &audited(names), Vec::new());
    bench.run_to_ms(1);
    world(&mut bench);
    bench
}

const SELL: [(&str, &str); 3] = [("symbol", "BTCUSDT"), ("action", "SELL"), ("quantity", "0.5")];

fn waiting(bench: &mut Bench) -> u64 {
    let now = bench.kernel.now();
    let groups = bench.kernel.bus_mut().xinfo_groups(now, streams::TRADE_INTENT.name);
    groups.expect("groups").iter().map(|group| group.pending).sum()
}

/// I-03: no P3.3 ran, and every plan had its permit, for ever.
#[test]
fn the_bridge_grants_what_p33_should_decide() {
    let mut bench = with(&[]);
    intend(&mut bench, &OPEN);
    let key = keys::PERMIT_P33.of(&the_plan(&mut bench).plan_id);
    assert_eq!(bench.ttl(&key), Ttl::Absent);
    let mut bench = with(&["bridge_grants_p33"]);
    intend(&mut bench, &OPEN);
    let key = keys::PERMIT_P33.of(&the_plan(&mut bench).plan_id);
    assert_eq!(bench.ttl(&key), Ttl::Persistent);
    let text = bench.get(&key).expect("a permit");
    assert!(text.contains("auto_bypass_no_p33") && text.contains("\"allow\":true"), "{text}");
    // The bridge wrote a hash.
    let mut bench = with(&["bridge_grants_p33", "permit_as_hash"]);
    intend(&mut bench, &OPEN);
    let key = keys::PERMIT_P33.of(&the_plan(&mut bench).plan_id);
    assert_eq!(bench.hash(&key)["allow"], "true");
}

fn long(bench: &mut Bench) {
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", "0.5"),
        ("side", "LONG"),
        ("entry_price", "100"),
        ("leverage", "10"),
        ("changed_at", "1770000000"),
        ("updated_at", "1770000000"),
    ];
    bench.hset(&keys::STATE_POSITIONS.of(instrument().symbol), &fields);
}

/// MSE 9 step 6: no short could be opened.
#[test]
fn a_sell_is_a_close_or_nothing() {
    let mut bench = with(&["sell_always_closes"]);
    intend(&mut bench, &SELL);
    assert!(plans(&mut bench).is_empty());
    assert_eq!(bench.counter(BRIDGE, "dropped_flat_sell"), 1);
    long(&mut bench);
    intend(&mut bench, &SELL);
    assert_eq!(the_plan(&mut bench).class, PlanClass::Close);
    let mut bench = with(&[]);
    long(&mut bench);
    intend(&mut bench, &SELL);
    assert_eq!(the_plan(&mut bench).class, PlanClass::Open);
}

/// I-10: exposure 0 % whatever is held, and every SELL refused.
#[test]
fn the_ledger_that_nobody_writes_knows_of_nothing() {
    let full = |names: &[&str]| {
        let mut bench = with(names);
        portfolio(&mut bench, "1000", "900", "false");
        long(&mut bench);
        bench
    };
    let mut bench = full(&[]);
    intend(&mut bench, &OPEN);
    assert_eq!(bench.counter(BRIDGE, "dropped_exposure_limit"), 1);
    let mut bench = full(&["unwritten_ledger"]);
    intend(&mut bench, &OPEN);
    assert_eq!(the_plan(&mut bench).class, PlanClass::Open);
    let mut bench = full(&["unwritten_ledger", "sell_always_closes"]);
    intend(&mut bench, &SELL);
    assert_eq!(bench.counter(BRIDGE, "dropped_flat_sell"), 1, "although it is held");
}

/// I-11.
#[test]
fn every_intent_asks_for_exchange_info_twice() {
    for (names, asked) in [(&[][..], 0), (&["exchange_info_per_intent"], 6)] {
        let mut bench = with(names);
        for _ in 0..3 {
            intend(&mut bench, &OPEN);
        }
        assert_eq!(plans(&mut bench).len(), 3);
        assert_eq!(bench.kernel.exchange().info_asked, asked);
    }
}

/// I-07: writers put their intents into `payload`.
#[test]
fn an_envelope_that_the_reader_does_not_know_stays_pending() {
    let payload = r#"{"symbol":"BTCUSDT","action":"BUY","quantity":"0.5","confidence":0.7,
        "timestamp":"2026-02-02T02:40:00Z"}"#;
    for (names, field, made) in [
        (&[][..], "payload", 1),
        (&["data_envelope_only"], "payload", 0),
        (&["data_envelope_only"], "data", 1),
    ] {
        let mut bench = with(names);
        bench.publish(streams::TRADE_INTENT, Body::fields(&[(field, payload)]));
        bench.run_for_ms(10);
        assert_eq!(plans(&mut bench).len(), made, "{names:?} {field}");
        assert_eq!(waiting(&mut bench), 1 - made as u64);
    }
}

/// I-23: nobody asked again for what was left pending; 7,996 entries of this group lay there.
#[test]
fn what_was_left_pending_never_comes_back() {
    for (names, made) in [(&[][..], 1), (&["pending_never_recovered"], 0)] {
        let mut bench = with(names);
        bench.set(streams::APPLY_PLAN.name, "not a stream");
        intend(&mut bench, &OPEN);
        let now = bench.kernel.now();
        bench.kernel.bus_mut().del(now, streams::APPLY_PLAN.name);
        bench.crash(BRIDGE, 100);
        bench.run_for_ms(300_000);
        assert_eq!(plans(&mut bench).len(), made, "{names:?}");
        assert_eq!(waiting(&mut bench), 1 - made as u64);
        // What comes later is read.
        world(&mut bench);
        intend(&mut bench, &OPEN);
        assert_eq!(plans(&mut bench).len(), made + 1);
    }
}

/// I-09.
#[test]
fn safe_mode_drops_closes() {
    for (names, made) in [(&[][..], 1), (&["safe_mode_blocks_exits"], 0)] {
        let mut bench = with(names);
        bench.set(keys::SAFE_MODE.name, "1");
        intend(&mut bench, &CLOSE);
        assert_eq!(plans(&mut bench).len(), made, "{names:?}");
        assert_eq!(bench.counter(BRIDGE, "dropped_safe_mode"), 1 - made as u64);
    }
}
