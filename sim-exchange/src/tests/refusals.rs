//! Every refusal with its code, and the texts of those with numbers in them.

use super::{Script, check, toy};
use crate::Funding;

/// One line an order: what is sent after a trade at 100, and the code.
#[test]
fn refusals_by_code() {
    let table = [
        ("buy a 10 nowhere", -1121),
        ("buy a 10 limit", -1102),
        ("buy a 10 @ 100 notif", -1102),
        ("buy a 10 gtc", -1106),
        ("buy a 10 @ 100 market", -1106),
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
