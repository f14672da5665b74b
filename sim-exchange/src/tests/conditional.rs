//! Conditional orders on both routes.

use engine::{AccountId, AlgoRef, Nanos};

use super::{Script, check, toy, toy_with};
use crate::Funding;

/// After the algo service has come.
fn check_algo(script: &str, expected: &str) {
    let at = Some(Nanos::from_secs(1_765_238_400));
    let mut run = Script::new(toy_with(10_000, Funding::Data, |config| config.rules_at = at));
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn the_date_decides_the_route() {
    check_algo("trade 100 | sell s 2 stop 95", "refused -4120");
    check_algo("trade 100 | algo sell s 2 stop 95 | algo open", "algo s New | algos [s]");
    check("trade 100 | algo sell s 2 stop 95", "refused -5000");
    check("trade 100 | sell s 2 stop 95 | open", "s New | orders [s]");
    // One second earlier it is the old route.
    let at = Some(Nanos::from_secs(1_765_238_399));
    let mut run = Script::new(toy_with(10_000, Funding::Data, |config| config.rules_at = at));
    assert_eq!(run.run("trade 100 | sell s 2 stop 95"), "s New");
}

#[test]
fn on_the_old_route_an_order_becomes_another_at_its_trigger() {
    check(
        "trade 100 | buy a 10 | sell s 10 stop 95 ro | trade 96 | trade 95 | open",
        "a New | a 10 @ 101 taker | s New | s Expired | s New | s 10 @ 94 taker | orders []",
    );
    check(
        "trade 100 | buy b 10 stop 105 @ 105 | trade 105 | trade 103",
        "b New | b Expired | b New | b 10 @ 105 maker",
    );
}

#[test]
fn in_the_algo_service_the_trigger_places_an_order() {
    check_algo(
        "trade 100 | buy a 10 | algo sell s 10 stop 95 ro | trade 95 | open | algo open",
        "a New | a 10 @ 101 taker | algo s New | algo s Triggering | s New | algo s Triggered | \
         s 10 @ 94 taker | algo s Finished | orders [] | algos []",
    );
    // A limit order rests: the conditional one is finished when it is.
    check_algo(
        "trade 100 | algo buy b 10 stop 105 @ 104 | trade 105 | trade 103",
        "algo b New | algo b Triggering | b New | algo b Triggered | b 10 @ 104 maker | algo b Finished",
    );
    check_algo(
        "trade 100 | algo buy b 10 stop 105 @ 104 | trade 105 | cancel b",
        "algo b New | algo b Triggering | b New | algo b Triggered | b Canceled | algo b Finished",
    );
}

#[test]
fn what_the_engine_refuses_at_the_trigger_is_rejected_with_its_reason() {
    // There was no check of margin before.
    check_algo(
        "trade 100 | algo buy b 9000 stop 102 | trade 102",
        "algo b New | algo b Triggering | algo b Rejected: Exceeded the maximum allowable position \
         at current leverage.",
    );
    check(
        "trade 100 | buy b 9000 stop 102 | trade 102",
        "b New | b Expired | trigger refused: Exceeded the maximum allowable position at current \
         leverage.",
    );
}

#[test]
fn each_trigger_has_its_direction_and_its_price() {
    check_algo("trade 100 | algo buy b 2 stop 99", "refused -2021");
    check_algo("trade 100 | algo sell b 2 stop 101", "refused -2021");
    check_algo("trade 100 | algo buy b 2 tp 101", "refused -2021");
    check_algo("trade 100 | algo sell b 2 tp 99", "refused -2021");
    // The last price does not concern a trigger that looks at the mark, nor the mark one that does not.
    check_algo(
        "trade 100 | mark 100 | algo buy m 2 stop 102 mark | trade 103 | mark 102",
        "algo m New | algo m Triggering | m New | algo m Triggered | m 2 @ 104 taker | algo m Finished",
    );
    check_algo("trade 100 | mark 100 | algo buy c 2 stop 102 | mark 103", "algo c New");
    // Without marks the last price stands in.
    check_algo(
        "trade 100 | algo buy m 2 stop 102 mark | trade 102",
        "algo m New | algo m Triggering | m New | algo m Triggered | m 2 @ 103 taker | algo m Finished",
    );
}

#[test]
fn a_trailing_stop_follows() {
    check_algo(
        "trade 100 | buy a 10 | algo sell t 10 trail 2 ro | trade 110 | trade 108 | trade 107.8",
        "a New | a 10 @ 101 taker | algo t New | algo t Triggering | t New | algo t Triggered | \
         t 10 @ 106 taker | algo t Finished",
    );
    check_algo("trade 100 | algo sell t 10 trail 2 activate 99", "refused -2021");
    check_algo(
        "trade 100 | algo sell t 10 trail 2 activate 105 | trade 104 | trade 90",
        "algo t New",
    );
    check_algo(
        "trade 100 | algo sell t 10 trail 0.25 | algo sell u 10 trail 1.23",
        "algo t New | algo u New",
    );
    check_algo("trade 100 | algo sell t 10 trail 0.05", "refused -1130");
    check_algo("trade 100 | algo sell t 10 trail 11", "refused -1130");
}

#[test]
fn close_position_closes_what_there_is_then() {
    check_algo(
        "trade 100 | buy a 10 | algo sell s close stop 95 | buy b 4 | trade 95",
        "a New | a 10 @ 101 taker | algo s New | b New | b 4 @ 101 taker | algo s Triggering | \
         s New | algo s Triggered | s 14 @ 94 taker | algo s Finished",
    );
    check_algo(
        "trade 100 | algo sell s close stop 95 | trade 95",
        "algo s New | algo s Expired: the position is gone",
    );
    check_algo("trade 100 | algo sell s 0 closing stop 95", "algo s New");
    check_algo("trade 100 | algo sell s close stop 95 ro", "refused -1106");
    check_algo("trade 100 | algo sell s close stop 95 @ 95", "refused -1128");
}

#[test]
fn one_order_of_a_type_and_a_side_closes_a_position() {
    check_algo(
        "trade 100 | buy a 10 | algo sell s close stop 95 | algo sell t close stop 94 | \
         algo sell p close tp 105 | algo sell q 10 stop 94 ro | algo cancel s | algo sell t close stop 94",
        "a New | a 10 @ 101 taker | algo s New | refused -4130 | algo p New | algo q New | \
         algo s Canceled | algo t New",
    );
    check_algo(
        "trade 100 | algo sell s close stop 95 | algo buy t close stop 105 | \
         B trade 100 | B algo sell v close stop 95",
        "algo s New | algo t New | algo v New",
    );
    // Each position of hedge mode has its own, on the old route as well.
    check(
        "trade 100 | hedge | sell s close stop 95 long | buy t close stop 105 short | \
         sell u close stop 94 long",
        "s New | t New | refused -4130",
    );
}

#[test]
fn what_is_bound_to_a_position_ends_with_it() {
    // What closes the position is bound in the algo service; a stop with a quantity is if it says so.
    check_algo(
        "trade 100 | buy a 10 | algo sell s 10 stop 95 gte | algo sell p close tp 105 | \
         algo sell g 10 stop 94 | algo sell c close stop 93 gtc | sell b 4 | sell c 6",
        "a New | a 10 @ 101 taker | algo s New | algo p New | algo g New | algo c New | \
         b New | b 4 @ 99 taker | c New | c 6 @ 99 taker | \
         algo s Expired: the position is gone | algo p Expired: the position is gone",
    );
    // The one that is triggered ends the other one.
    check_algo(
        "trade 100 | buy a 10 | algo sell s close stop 95 | algo sell p close tp 105 | trade 95 | algo open",
        "a New | a 10 @ 101 taker | algo s New | algo p New | algo s Triggering | s New | \
         algo s Triggered | s 10 @ 94 taker | algo s Finished | algo p Expired: the position is gone | \
         algos []",
    );
    // One that turns over is gone, too; the other side of hedge mode is another position.
    check(
        "trade 100 | buy a 10 | sell s 10 stop 95 gte | sell b 20",
        "a New | a 10 @ 101 taker | s New | b New | b 20 @ 99 taker | s Expired",
    );
    check(
        "trade 100 | hedge | buy a 10 long | sell b 10 short | sell s 10 stop 95 gte long | buy c 10 short | \
         sell d 10 long",
        "a New | a 10 @ 101 taker | b New | b 10 @ 99 taker | s New | c New | c 10 @ 101 taker | d New | \
         d 10 @ 99 taker | s Expired",
    );
    // Triggered, it is an order like another.
    check_algo(
        "trade 100 | buy a 10 | algo sell s 10 stop 95 @ 96 gte | trade 95 | sell b 10 | open",
        "a New | a 10 @ 101 taker | algo s New | algo s Triggering | s New | algo s Triggered | b New | \
         b 10 @ 94 taker | orders [s]",
    );
}

#[test]
fn a_protected_trigger_waits_for_no_torn_market() {
    // triggerProtect is 5 % here.
    check_algo(
        "trade 100 | mark 100 | algo sell s 2 stop 90 protect | trade 90",
        "algo s New | algo s Expired: mark price and last price are too far apart",
    );
    check_algo(
        "trade 100 | mark 100 | algo sell s 2 stop 96 protect | trade 96",
        "algo s New | algo s Triggering | s New | algo s Triggered | s 2 @ 95 taker | algo s Finished",
    );
}

#[test]
fn refusals_before_the_trigger() {
    check_algo("trade 100 | algo buy b 2", "refused -1116");
    check_algo("trade 100 | algo buy b 1 stop 105", "refused -4004");
    check_algo("trade 100 | algo buy b 3 stop 105", "refused -4023");
    check_algo("trade 100 | algo buy b 2 stop 105.5", "refused -4014");
    check_algo("trade 100 | algo buy b 2 stop 105 @ 115", "refused -4183");
    check_algo("trade 100 | algo sell b 2 stop 95 @ 85", "refused -4184");
    check_algo("trade 100 | algo sell s 2 stop 95 ro", "refused -2022");
    check_algo("trade 100 | algo sell s 2 stop 95 long", "refused -4061");
    check_algo(
        "trade 100 | algo buy b 2 stop 105 | algo buy b 2 stop 106 | algo cancel b | algo buy b 2 stop 106",
        "algo b New | refused -4116 | algo b Canceled | algo b New",
    );
    check_algo("algo cancel nobody | algo query nobody", "refused -2011 | refused -2013");
}

#[test]
fn what_the_market_decides_is_looked_at_at_the_trigger_only() {
    // 4 USDT are below MIN_NOTIONAL, and 125 is above 1.05 × the mark.
    check_algo(
        "trade 100 | algo sell s 2 stop 2 @ 2 | trade 2",
        "algo s New | algo s Triggering | algo s Rejected: Order's notional must be no smaller than 5 \
         (unless you choose reduce only)",
    );
    check_algo(
        "trade 100 | mark 100 | algo buy b 2 stop 120 @ 125 | trade 120",
        "algo b New | algo b Triggering | algo b Rejected: Price is higher than mark price multiplier \
         cap.",
    );
}

#[test]
fn the_order_of_a_trigger_has_its_own_id() {
    let at = Some(Nanos::from_secs(1_765_238_400));
    let mut run = Script::new(toy_with(10_000, Funding::Data, |config| config.rules_at = at));
    run.run("trade 100 | buy x 2 @ 98 | buy y 2 @ 97");
    run.run("algo buy s 2 stop 105 @ 104 | trade 105");
    let open = run.exchange.open_ids(AccountId(0), 0);
    let order = run.exchange.orders.get(open[2]);
    let name = engine::ClientOrderId("s".into());
    let algo = run.exchange.conditionals.find_algo(AccountId(0), &AlgoRef::Client(name)).unwrap();
    assert_eq!(order.client_order_id, algo.order.client_order_id);
    assert_eq!(algo.actual.as_ref().map(|actual| actual.order_id), Some(order.order_id));
    assert_ne!(order.order_id.0, algo.algo_id.0);
}

#[test]
fn there_is_room_for_so_many() {
    let many = |route: &str, count: usize| {
        let one = |n: usize| format!("B {route} buy o{n} 2 stop 105 | ");
        let orders: String = (0..count).map(one).collect();
        format!("B trade 100 | trade 100 | {orders}")
    };
    let at = Some(Nanos::from_secs(1_765_238_400));
    let mut run = Script::new(toy_with(10_000, Funding::Data, |config| config.rules_at = at));
    assert!(!run.run(&many("algo", 200)).contains("refused"));
    assert_eq!(run.run("algo buy one 2 stop 105"), "refused -4045");
    // MAX_NUM_ALGO_ORDERS was ten, and a symbol's.
    let mut run = Script::new(toy(10_000, Funding::Data));
    assert!(!run.run(&many("", 10)).contains("refused"));
    assert_eq!(run.run("B buy one 2 stop 105 | buy one 2 stop 105"), "refused -4045 | one New");
    // MAX_NUM_ORDERS, three of AUSDT, counts them too.
    check(
        "trade 100 | buy a 2 @ 98 | buy b 2 stop 105 | buy c 2 @ 97 | buy d 2 @ 96",
        "a New | b New | c New | refused -2025",
    );
}

#[test]
fn they_end_with_their_date_and_their_owner() {
    check_algo(
        "trade 100 | algo buy b 2 stop 105 @ 105 gtd 700 | wait 700 | trade 100",
        "algo b New | algo b Expired: good till date",
    );
    check(
        "trade 100 | buy b 2 stop 105 | sell s 2 stop 95 | cancelall | trade 90",
        "b New | s New | b Canceled | s Canceled",
    );
    check_algo(
        "trade 100 | algo buy b 2 stop 105 | cancelall | algo cancelall | trade 110",
        "algo b New | algo b Canceled",
    );
}

#[test]
fn a_liquidation_sweeps_them_away() {
    check_algo(
        "trade 100 | leverage 20 | buy a 990 | algo sell s 990 stop 50 ro | trade 91",
        "a New | a 990 @ 101 taker | algo s New | algo s Expired: expired by the \
         venue | autoclose-2 New | autoclose-2 990 @ 91 taker",
    );
}

#[test]
fn a_stop_closes_although_a_take_profit_waits_to_do_the_same() {
    check_algo(
        "trade 100 | buy a 10 | sell p 10 @ 104 ro | algo sell s close stop 95 | trade 95 | open",
        "a New | a 10 @ 101 taker | p New | algo s New | algo s Triggering | s New | \
         algo s Triggered | s 10 @ 94 taker | algo s Finished | orders [p]",
    );
    check(
        "trade 100 | buy a 10 | sell p 10 @ 104 ro | sell s 10 stop 95 ro | trade 95 | trade 105",
        "a New | a 10 @ 101 taker | p New | s New | s Expired | s New | s 10 @ 94 taker | p Expired",
    );
}

#[test]
fn a_gtd_order_may_trigger_in_its_last_minutes() {
    check_algo(
        "trade 100 | algo buy b 2 stop 105 @ 104 gtd 700 | wait 300 | trade 105 | wait 500 | trade 105",
        "algo b New | algo b Triggering | b New | algo b Triggered | b Expired | algo b Finished",
    );
}

#[test]
fn triggers_of_one_event_fire_in_the_order_of_their_arrival() {
    check(
        "trade 100 | buy b 2 stop 105 | buy c 2 stop 103 | trade 106",
        "b New | c New | b Expired | b New | b 2 @ 107 taker | c Expired | c New | c 2 @ 107 taker",
    );
}

#[test]
fn in_hedge_mode_a_close_position_order_closes() {
    check("trade 100 | hedge | buy s close stop 105 long", "refused -4061");
    check("trade 100 | hedge | sell s close stop 95 short", "refused -4061");
    check(
        "trade 100 | hedge | buy a 10 long | sell s close stop 95 long | trade 95",
        "a New | a 10 @ 101 taker | s New | s Expired | s New | s 10 @ 94 taker",
    );
}

#[test]
fn an_order_of_the_old_route_goes_on_when_the_algo_service_comes() {
    let day = Nanos::from_secs(1_765_238_400);
    let mut run = Script::new(toy(10_000, Funding::Data));
    run.now = day - Nanos::from_secs(3);
    let log = run.run("trade 100 | sell s 2 stop 95 | wait 9 | sell t 2 stop 95 | trade 94");
    assert_eq!(log, "s New | refused -4120 | s Expired | s New | s 2 @ 93 taker");
}
