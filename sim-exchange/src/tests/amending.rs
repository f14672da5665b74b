//! Amending, GTD, countdown, priceMatch, self-trade prevention.

use super::check;

#[test]
fn a_changed_order_goes_to_the_end_of_the_queue() {
    check(
        "trade 100 | buy a 2 @ 98 | buy b 2 @ 98 | modify buy a 4 @ 98 | trade 97",
        "a New | b New | a Amended | b 2 @ 98 maker | a 4 @ 98 maker",
    );
    check("trade 100 | buy a 2 @ 98 | modify buy a 2 @ 102", "a New | a Amended | a 2 @ 101 taker");
}

#[test]
fn a_refused_change_leaves_the_order_where_it_is() {
    check("trade 100 | buy a 2 @ 98 | modify buy a 2 @ 98", "a New | refused -5027");
    check("trade 100 | buy a 2 @ 98 | modify buy a 2 @ 98.5", "a New | refused -4014");
    check("trade 100 | buy a 4 @ 98 | modify buy a 2 @ 2", "a New | refused -5029");
    check("trade 100 | buy a 2 @ 98 | modify sell a 2 @ 97", "a New | refused -1117");
    check("modify buy a 2 @ 98", "refused -2013");
    check("trade 100 | buy a 2 stop 105 | modify buy a 2 @ 98", "a New | refused -5025");
    // Margin: the queue place is kept, too.
    check(
        "trade 100 | leverage 1 | buy a 10 @ 98 | buy b 2 @ 98 | modify buy a 200 @ 98 | trade 97",
        "a New | b New | refused -2019 | a 10 @ 98 maker | b 2 @ 98 maker",
    );
}

#[test]
fn some_changes_cancel() {
    check("trade 100 | buy a 2 @ 98 gtx | modify buy a 2 @ 101", "a New | a Canceled");
}

#[test]
fn good_till_date() {
    check(
        "trade 100 | buy a 2 @ 98 gtd 700 | wait 690 | trade 99 | wait 10 | trade 99 | trade 97",
        "a New | a Expired",
    );
    check("trade 100 | buy a 2 @ 98 gtd", "refused -1102");
    check("trade 100 | buy a 2 @ 98 gtd 600", "refused -5040");
    check("trade 100 | buy a 2 @ 98 gtd 253402300799", "refused -5040");
}

#[test]
fn a_countdown_that_is_not_set_again_cancels() {
    check(
        "trade 100 | buy a 2 @ 98 | countdown 5000 | wait 3 | countdown 5000 | wait 3 | trade 99 | wait 2 | trade 99",
        "a New | a Canceled",
    );
    check(
        "trade 100 | buy a 2 @ 98 | countdown 5000 | countdown 0 | wait 9 | trade 99 | open",
        "a New | orders [a]",
    );
}

#[test]
fn a_matched_price_is_taken_from_the_book() {
    check("trade 100 | buy a 2 match OPPONENT", "a New | a 2 @ 101 taker");
    check("trade 100 | buy a 2 match QUEUE | trade 98", "a New | a 2 @ 99 maker");
    check("trade 100 | buy a 2 match QUEUE_5", "refused -5041");
    check("trade 100 | buy a 2 @ 99 match QUEUE", "refused -1106");
}

#[test]
fn self_trade_prevention_is_the_takers() {
    // Default: the maker ends.
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101",
        "m New | t New | m ExpiredInMatch | t 4 @ 101 taker",
    );
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101 stp EXPIRE_TAKER",
        "m New | t New | t ExpiredInMatch",
    );
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101 stp EXPIRE_BOTH",
        "m New | t New | m ExpiredInMatch | t ExpiredInMatch",
    );
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101 stp NONE",
        "m New | t New | m 2 @ 101 maker | t 2 @ 101 taker | t 2 @ 101 taker",
    );
}

#[test]
fn the_deep_opponent_levels_are_switched_off_from_their_date() {
    let at = |s: i64| {
        let rules_at = Some(engine::Nanos::from_secs(s));
        let change = |config: &mut crate::ExchangeConfig| config.rules_at = rules_at;
        let mut run = super::Script::new(super::toy_with(10_000, crate::Funding::Data, change));
        run.run("trade 100 | buy a 2 match OPPONENT_10 | buy b 2 match OPPONENT_5")
    };
    // There is no such level; from 2025-10-23 on there is no such word.
    assert_eq!(at(1_761_177_599), "refused -5041 | refused -5041");
    assert_eq!(at(1_761_177_600), "refused -5037 | refused -5041");
}
