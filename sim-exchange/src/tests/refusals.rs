//! Every refusal with its code, and the texts of those with numbers in them.

use super::{Script, check, grid, toy, toy_with};
use crate::Funding;

/// One line an order: what is sent after a trade at 100, and the code.
#[test]
fn refusals_by_code() {
    let table = [
        ("buy a 10 nowhere", -1121),
        ("buy a 10 limit", -1102),
        ("buy a 10 @ 100 notif", -1102),
        ("buy a 10 gtc", -1106),
        ("buy a 10 @ 100 gte", -1115),
        ("buy a 10 @ 100 market", -1106),
        ("buy a noqty", -1102),
        ("buy a noqty @ 100", -1102),
        ("buy a 10 closing", -1128),
        ("buy a 10 @ 100 closing", -1128),
        ("buy a 10 closing stop 105", -4137),
        ("buy a 10 @ 100 until 700", -1106),
        ("buy a 10 market match QUEUE", -5038),
        ("#7 buy a 10", -2015),
        ("buy 'ä' 10", -4015),
        ("buy 1234567890123456789012345678901234567 10", -4015),
        ("buy a 10.1", -1111),
        ("buy a 0", -4003),
        ("buy a -2", -4003),
        ("buy a 1 @ 100", -4004),
        ("buy a 1000002 @ 100", -4005),
        ("buy a 10002", -4005),
        ("buy a 3 @ 100", -4023),
        ("buy a 10 @ 0", -4001),
        ("buy a 10 @ -1", -4001),
        ("buy a 10 @ 1", -4013),
        ("buy a 10 @ 100001", -4002),
        ("buy a 10 @ 100.5", -4014),
        ("buy a 10 @ 106", -4016),
        ("sell a 10 @ 94", -4024),
        ("sell a 2 @ 2 ro", -4024),
        ("buy a 2 @ 2", -4164),
        ("sell a 10 ro", -2022),
        ("buy a 1400", -2027),
        ("cancel a", -2011),
        ("query a", -2013),
        ("leverage 51", -4028),
        ("leverage 0", -4028),
    ];
    for (line, code) in table {
        check(&format!("trade 100 | {line}"), &format!("refused {code}"));
    }
}

#[test]
fn refusals_that_need_a_history() {
    check("buy a 10", "refused -1112");
    check("trade 100 | buy a 10 | buy b 2 ro", "a New | a 10 @ 101 taker | refused -2022");
    check(
        "trade 100 | buy a 10 | sell b 10 @ 104 ro | sell c 2 ro",
        "a New | a 10 @ 101 taker | b New | refused -4118",
    );
    check(
        "trade 100 | buy a 2 @ 99 | buy b 2 @ 99 | buy c 2 @ 99 | buy d 2 @ 99",
        "a New | b New | c New | refused -2025",
    );
    // The market is 7 % above the mark.
    check("trade 107 | mark 100 | buy a 10", "refused -4131");
    check("trade 107 | mark 100 | sell a 10", "a New | a 10 @ 106 taker");
    check("trade 100 | buy a 800 | leverage 50", "a New | a 800 @ 101 taker | refused -2027");
    check("trade 100 | leverage 2 | buy a 300", "refused -2019");
    // Resting orders need margin, too.
    check("trade 100 | leverage 1 | buy a 60 @ 99 | buy b 60 @ 99", "a New | refused -2019");
    check("trade 100 | leverage 1 | buy a 60 @ 99 | sell b 60 @ 103", "a New | b New");
    check("trade 100 | buy a 800 | leverage 1", "a New | a 800 @ 101 taker | refused -2028");
}

#[test]
fn open_orders_count_in_the_margin() {
    // max(|0 + 990|, |0 - 1030|) / 20.
    check(
        "trade 100 | buy a 10 @ 99 | sell b 10 @ 103 | account",
        "a New | b New | wallet 10000 free 9948.5 initial 51.5 maint 0",
    );
}

#[test]
fn an_order_costs_its_margin_and_its_open_loss() {
    // 100 × 101 / 20 = 505, and 100 × (101 - 100) lost at once.
    let mut poor = Script::new(toy(604, Funding::None));
    assert_eq!(poor.run("trade 100 | buy a 100"), "refused -2019");
    let mut rich = Script::new(toy(605, Funding::None));
    assert_eq!(rich.run("trade 100 | buy a 100"), "a New | a 100 @ 101 taker");
}

#[test]
fn a_price_has_no_more_decimals_than_its_precision() {
    // The grid is finer here: what the script calls 100 is 10.00, and the precision is one decimal.
    let mut run = Script::new(toy_with(10_000, Funding::None, |config| {
        config.instruments[0] = grid("AUSDT", 2, 1);
    }));
    assert_eq!(run.run("trade 1000 | buy a 2 @ 1000.1"), "refused -1111");
    assert_eq!(run.run("buy a 2 @ 1001 | buy a 2 @ 1000"), "refused -4014 | a New");
}

#[test]
fn a_market_order_is_worth_its_mark_and_what_closes_may_be_worth_less() {
    // 2 are worth 4 at the mark, whatever the market pays, and 5 are asked for.
    check("trade 100 | mark 2 | sell a 2", "refused -4164");
    check("trade 100 | mark 3 | sell a 2", "a New | a 2 @ 99 taker");
    let bought = "a New | a 2 @ 101 taker | refused -4164 | c New | c 2 @ 99 taker";
    check("trade 100 | mark 100 | buy a 2 | mark 2 | sell b 2 | sell c 2 ro", bought);
    check(
        "trade 100 | mark 100 | hedge | buy a 2 long | mark 2 | sell b 2 short | sell c 2 long",
        bought,
    );
}

/// What can only reduce is exempt from -2027 and -2019, however much waits beside it.
#[test]
fn what_can_only_reduce_needs_no_margin() {
    let waiting = "trade 100 | leverage 1 | buy a 10 | sell b 18 @ 103";
    let poor =
        |line: &str| Script::new(toy(1_500, Funding::None)).run(&format!("{waiting} | {line}"));
    assert_eq!(poor("sell c 10 @ 104"), "a New | a 10 @ 101 taker | b New | refused -2019");
    assert_eq!(poor("sell c 10 @ 104 ro"), "a New | a 10 @ 101 taker | b New | c New");
    let waiting = "trade 100 | leverage 50 | buy a 90 | sell b 180 @ 103";
    let large =
        |line: &str| Script::new(toy(9_000, Funding::None)).run(&format!("{waiting} | {line}"));
    assert_eq!(large("sell c 20 @ 104"), "a New | a 90 @ 101 taker | b New | refused -2027");
    assert_eq!(large("sell c 20 @ 104 ro"), "a New | a 90 @ 101 taker | b New | c New");
}

/// Each order breaks two rules; the code is that of the one that comes first.
#[test]
fn checks_have_their_order() {
    let table = [
        // Parameters, symbol, halt, priceMatch.
        ("trade 100 | buy 'ä' 10 nowhere", -4015),
        ("trade 100 | buy a 2 nowhere match QUEUE_5", -1121),
        // priceMatch, precision, filters, position mode.
        ("trade 100 | buy a 10.1 match QUEUE_5", -5041),
        ("trade 100 | buy a 0.1 @ 100.5", -1111),
        ("trade 100 | buy a 2 @ 100.5 long", -4014),
        // Position mode, count and id, reduce-only.
        ("trade 100 | buy a 2 @ 98 | buy a 2 @ 98 long", -4061),
        ("trade 100 | buy a 2 @ 98 | sell a 2 ro", -4116),
        ("trade 100 | buy a 2 @ 98 | buy b 2 @ 98 | buy c 2 @ 98 | buy a 2 @ 98", -2025),
        // Reduce-only, market, margin.
        ("trade 100 | sell a 10000 @ 99 ro gtx", -2022),
        ("trade 100 | leverage 1 | buy a 1000 @ 101 gtx", -5022),
    ];
    for (script, code) in table {
        let log = Script::new(toy(10_000, Funding::None)).run(script);
        assert_eq!(log.rsplit(" | ").next(), Some(&*format!("refused {code}")), "{script}");
    }
}

#[test]
fn an_account_in_liquidation_places_nothing() {
    // A liquidation ends in the instant in which it begins, so that only a test sees one going on.
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("trade 100");
    run.exchange.accounts[0].liquidating = true;
    assert_eq!(run.run("buy a 2 | buy s 2 stop 105"), "refused -2023 | refused -2023");
}
