//! What the strategy router did before it was mended, under the names of `audited.rs`.

use engine::AccountBalance;

use super::*;
use crate::decisions::climbed;

/// I-06: the second question always found what the first had written.
#[test]
fn the_router_asked_twice_and_published_nothing() {
    let settings =
        |names: &[&str]| PipelineSettings { audited: audited(names).audited, ..router_settings() };
    for (names, published) in [(&[][..], 1), (&["router_dedups_twice"], 0)] {
        let mut bench = Bench::new(&SERVICES, &settings(names), Vec::new());
        bench.run_to_ms(1);
        positions(&mut bench, 0);
        let made = decision(&bench, 1, SignalAction::Buy, 0.92);
        send(&mut bench, made);
        bench.run_for_ms(4_000);
        assert_eq!(intents(&mut bench).len(), published);
        assert_eq!(bench.counter(ROUTER, "duplicates"), 1 - published as u64);
    }
}

/// I-25: the number of open orders was that of the deployment.
#[test]
fn the_routers_capacity_was_kept_by_hand() {
    for (names, published, told) in [(&[][..], 0, "1"), (&["capacity_by_hand"], 1, "0")] {
        let settings = PipelineSettings { audited: audited(names).audited, ..router_settings() };
        let services = [&SERVICES[..], &["position_monitor"]].concat();
        let mut bench = Bench::new(&services, &settings, Vec::new());
        bench.run_to_ms(1);
        positions(&mut bench, 10);
        let held = [
            ("symbol", "BTCUSDT"),
            ("position_amt", "2"),
            ("side", "LONG"),
            ("entry_price", "100"),
            ("mark_price", "100"),
            ("unrealized_pnl", "0"),
            ("leverage", "10"),
            ("ts_epoch", "1770000000"),
            ("source", "p33_poll"),
        ];
        bench.hset(&keys::POSITION_SNAPSHOT.of("BTCUSDT"), &held);
        bench.run_for_ms(31_000);
        let made = decision(&bench, 1, SignalAction::Buy, 0.95);
        send(&mut bench, made);
        bench.run_for_ms(4_000);
        assert_eq!(intents(&mut bench).len(), published);
        assert_eq!(bench.get(keys::OPEN_ORDERS.name).as_deref(), Some(told));
    }
}

/// I-02: the bot asked for the decision that the router had read.
#[test]
fn bot_and_router_both_wrote_an_intent_of_one_decision() {
    let services = [
        "market_publisher",
        "policy_store",
        "balance_tracker",
        "ai_engine",
        "trading_bot",
        "strategy_router",
        "strategy_brain",
    ];
    let (_, mut bench) = climbed(&services, &audited(&["two_writers_of_intents"]), |bench| {
        bench.kernel.exchange_mut().account = Some(AccountBalance {
            wallet_balance: 5_000.into(),
            margin_balance: 5_000.into(),
            available_balance: 5_000.into(),
            ..AccountBalance::default()
        });
    });
    let made = intents(&mut bench);
    let twice = made.iter().filter(|intent| {
        let of =
            |other: &&pipeline::records::TradeIntent| other.correlation_id == intent.correlation_id;
        made.iter().filter(of).count() == 2
    });
    assert!(twice.count() > 8);
}
