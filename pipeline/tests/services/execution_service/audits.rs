//! What the Execution Service did before it was mended, under the names of `audited.rs`.

use engine::OrderType;

use super::*;
use crate::bench::audited;

fn named(names: &[&str]) -> PipelineSettings {
    PipelineSettings { audited: audited(names).audited, ..settings() }
}

fn with(names: &[&str]) -> Bench {
    bench_with(&named(names))
}

/// I-28: what was held was gone, and the exit opened.
#[test]
fn an_exit_is_an_order_that_can_open() {
    for (names, reduces) in [(&[][..], true), (&["exits_without_reduce_only"], false)] {
        let mut bench = with(names);
        holds(&mut bench, "0.5", "LONG");
        intend(&mut bench, &CLOSE);
        assert_eq!(sent(&bench), [500]);
        assert_eq!(bench.kernel.exchange().orders[0].reduce_only, Some(reduces), "{names:?}");
    }
}

/// I-30: the minute ends between two that are alike.
#[test]
fn an_edge_of_a_bucket_lets_a_repeat_through_and_none_lets_an_exit() {
    for (names, opens, exits) in [(&[][..], 1, 2), (&["minute_buckets"], 2, 1)] {
        let mut bench = with(names);
        bench.run_to_ms(59_500);
        intend(&mut bench, &OPEN);
        bench.run_to_ms(60_500);
        intend(&mut bench, &OPEN);
        assert_eq!(sent(&bench).len(), opens, "{names:?}");
        holds(&mut bench, "0.5", "LONG");
        intend(&mut bench, &CLOSE);
        bench.run_for_ms(30_000);
        intend(&mut bench, &CLOSE);
        assert_eq!(sent(&bench).len(), opens + exits, "{names:?}");
        assert_eq!(bench.counter(EXECUTION, "IDEMPOTENCY_SKIP"), 1);
    }
}

/// I-09: the mode lasted as long as there were intents.
#[test]
fn what_safe_mode_holds_back_makes_it_last() {
    for (names, renewed) in [(&[][..], false), (&["safe_mode_renewed"], true)] {
        let mut bench = with(names);
        available(&mut bench, "1");
        for _ in 0..5 {
            intend(&mut bench, &OPEN);
        }
        bench.run_for_ms(60_000);
        intend(&mut bench, &OPEN);
        let Ttl::Left(left) = bench.ttl(keys::SAFE_MODE.name) else { panic!("no life") };
        assert_eq!(left > Nanos::from_secs(899), renewed, "{names:?} {left:?}");
        assert_eq!(refusals(&mut bench).pop().map(|r| r.1), Some("SAFE_MODE_ACTIVE".into()));
    }
}

/// I-09.
#[test]
fn safe_mode_stops_exits() {
    for (names, orders) in [(&[][..], 1), (&["safe_mode_blocks_exits"], 0)] {
        let mut bench = with(names);
        bench.set(keys::SAFE_MODE.name, "1");
        holds(&mut bench, "0.5", "LONG");
        intend(&mut bench, &CLOSE);
        assert_eq!(sent(&bench).len(), orders, "{names:?}");
    }
}

/// I-38: exits were silent.
#[test]
fn an_exit_intent_is_acknowledged_away() {
    for (names, orders) in [(&[][..], 1), (&["exit_intents_unreadable"], 0)] {
        let mut bench = with(names);
        holds(&mut bench, "0.5", "LONG");
        intend(&mut bench, &CLOSE);
        bench.run_for_ms(200_000);
        assert_eq!(sent(&bench).len(), orders, "{names:?}");
        assert_eq!(refusals(&mut bench).len(), 0);
        assert_eq!(bench.counter(EXECUTION, "dead_letters"), 0);
        assert_eq!(bench.counter(EXECUTION, "intents_unreadable"), 1 - orders as u64);
    }
    let mut bench = with(&["exit_intents_unreadable"]);
    intend(&mut bench, &OPEN);
    assert_eq!(sent(&bench), [2_000], "an open has neither field");
}

/// INC-6: stops and targets were orders of their own.
#[test]
fn conditional_orders_leave_where_the_shield_is_on() {
    let mut shielded = named(&[]);
    shielded.execution_service.tpsl_shield = true;
    assert!(chain(&shielded, &[instrument()]).is_err());
    shielded.audited = audited(&["conditional_orders_leave"]).audited;
    let mut bench = bench_with(&shielded);
    let mut open = OPEN.to_vec();
    open.extend([("stop_loss", "98"), ("take_profit", "105")]);
    intend(&mut bench, &open);
    let orders: Vec<_> = bench
        .kernel
        .exchange()
        .orders
        .iter()
        .map(|o| (o.order_type, o.trigger_price.map(|price| price.0), o.close_position))
        .collect();
    let expected = [
        (OrderType::Market, None, false),
        (OrderType::StopMarket, Some(9_800), true),
        (OrderType::TakeProfitMarket, Some(10_500), true),
    ];
    assert_eq!(orders, expected);
    assert_eq!(bench.counter(EXECUTION, "conditional_orders_sent"), 2);
    // Without the shield the name sends nothing more.
    let mut bench = with(&["conditional_orders_leave"]);
    intend(&mut bench, &open);
    assert_eq!(bench.kernel.exchange().orders.len(), 1);
}

/// MSE 13.4: 0.3 in steps of 0.1 is 0.2.
#[test]
fn a_float_floor_loses_a_step() {
    for (names, lots) in [(&[][..], 300), (&["float_quantities"], 200)] {
        let mut bench = Bench::new(&[EXECUTION], &named(names), Vec::new());
        bench.kernel.exchange_mut().step = 100;
        bench.run_to_ms(100);
        flat_at(&mut bench, instrument().symbol, "100");
        available(&mut bench, "1000");
        let size = ("position_size_usd", "60");
        intend(&mut bench, &[("action", "BUY"), size, ("entry_price", "200"), ("leverage", "10")]);
        assert_eq!(sent(&bench), [lots], "{names:?}");
    }
}
