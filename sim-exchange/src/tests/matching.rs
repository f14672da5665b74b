//! What fills, when, and at what price.

use engine::{
    AccountId, Exchange, ExchangeEvent, MarketData, MarketEvent, Nanos, PriceTicks, Request,
    RequestId, Sender, ServiceId, SymbolIndex,
};
use rust_decimal::Decimal;

use super::{START, Script, account_of, check, toy, toy_with};
use crate::{ExchangeConfig, Funding, LiquidationSize};

#[test]
fn a_taker_pays_one_tick() {
    check("trade 100 | buy a 10", "a New | a 10 @ 101 taker");
    check("trade 100 | sell a 10", "a New | a 10 @ 99 taker");
}

#[test]
fn a_taker_price_is_rounded_against_him() {
    check(
        "trade 100.4 | buy a 10 | sell b 10",
        "a New | a 10 @ 102 taker | b New | b 10 @ 99 taker",
    );
}

#[test]
fn a_touch_does_not_fill_and_a_trade_through_does() {
    check("trade 100 | buy a 10 @ 99 | trade 99 | trade 98.9", "a New | a 10 @ 99 maker");
    check("trade 100 | sell a 10 @ 101 | trade 101 | trade 101.1", "a New | a 10 @ 101 maker");
}

#[test]
fn earlier_and_better_orders_fill_first() {
    check(
        "trade 100 | buy a 2 @ 98 | buy b 2 @ 99 | buy c 2 @ 99 | trade 97",
        "a New | b New | c New | b 2 @ 99 maker | c 2 @ 99 maker | a 2 @ 98 maker",
    );
}

#[test]
fn a_limit_that_crosses_takes() {
    check("trade 100 | buy a 10 @ 103", "a New | a 10 @ 101 taker");
    check("trade 100 | buy a 10 @ 103 ioc", "a New | a 10 @ 101 taker");
    check("trade 100 | buy a 10 @ 103 fok", "a New | a 10 @ 101 taker");
}

#[test]
fn time_in_force_decides_what_does_not_cross() {
    check("trade 100 | buy a 10 @ 100 ioc", "a New | a Expired");
    check("trade 100 | buy a 10 @ 100 fok", "refused -5021");
    check("trade 100 | buy a 10 @ 101 gtx", "refused -5022");
    check("trade 100 | buy a 10 @ 100 gtx | trade 99", "a New | a 10 @ 100 maker");
}

/// In the order flow, FOK counted orders that would not fill it, and filled in part.
#[test]
fn fok_counts_only_what_fills_it() {
    // Its own orders count: self-trade prevention has no effect on FOK.
    for mode in ["", " stp EXPIRE_TAKER", " stp NONE"] {
        check(
            &format!("trade 100 | sell m 4 @ 100 | buy f 4 @ 100 fok{mode}"),
            "m New | f New | m 4 @ 100 maker | f 4 @ 100 taker",
        );
    }
    // Of 10 that may reduce 6 only, 6 are there.
    let two = |script: &str| {
        let further = |config: &mut ExchangeConfig| {
            config.further_accounts = vec![account_of(10_000)];
        };
        Script::new(toy_with(10_000, Funding::None, further)).run(script)
    };
    let opened = "trade 100 | buy a 10 | sell m 10 @ 100 ro | sell b 4";
    let log = two(&format!("{opened} | #1 buy f 10 @ 100 fok | #1 buy g 6 @ 100 fok"));
    let filled = "refused -5021 | #1 g New | m 6 @ 100 maker | #1 g 6 @ 100 taker";
    assert!(log.ends_with(filled), "{log}");
}

#[test]
fn a_bar_passes_its_nearer_extreme_first() {
    // The high is nearer to the open: the sell fills, then the buy.
    check(
        "trade 100 | buy b 2 @ 97 | sell a 2 @ 102 | bar 100 103 95 101",
        "b New | a New | a 2 @ 102 maker | b 2 @ 97 maker",
    );
    check(
        "trade 100 | buy b 2 @ 97 | sell a 2 @ 102 | bar 100 106 95 101",
        "b New | a New | b 2 @ 97 maker | a 2 @ 102 maker",
    );
    // A tie: the high first, because the bar falls.
    check(
        "trade 100 | buy b 2 @ 97 | sell a 2 @ 102 | bar 100 105 95 99",
        "b New | a New | a 2 @ 102 maker | b 2 @ 97 maker",
    );
    check("trade 100 | buy b 2 @ 97 | bar 100 105 95 99 passed", "b New");
}

#[test]
fn a_resting_reduce_only_order_executes_what_still_reduces() {
    check(
        "trade 100 | buy a 10 | sell tp 10 @ 103 ro | sell x 6 | trade 104",
        "a New | a 10 @ 101 taker | tp New | x New | x 6 @ 99 taker | tp 4 @ 103 maker | tp Expired",
    );
    check(
        "trade 100 | buy a 10 | sell tp 10 @ 103 ro | sell x 12 | trade 104",
        "a New | a 10 @ 101 taker | tp New | x New | x 12 @ 99 taker | tp Expired",
    );
}

#[test]
fn a_market_reduce_only_order_stops_at_flat() {
    check(
        "trade 100 | buy a 10 | sell x 16 ro",
        "a New | a 10 @ 101 taker | x New | x 10 @ 99 taker | x Expired",
    );
}

#[test]
fn a_flip_realises_and_opens() {
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("trade 100 | buy a 10 | sell b 16");
    assert_eq!(run.position(0), -60);
    // 10 × (99 - 101).
    assert_eq!(run.exchange.ledger_totals().realized, Decimal::from(-20));
    assert_eq!(run.exchange.accounts[0].holdings[0].positions[0].cost, Decimal::from(594));
}

#[test]
fn a_partial_close_loses_no_fraction() {
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("trade 100 | buy a 2 | trade 101 | buy b 4 | sell c 4 | sell d 2");
    assert_eq!(run.position(0), 0);
    // Bought 2 @ 101 and 4 @ 102, sold 6 @ 100: whatever was cut on the way is there again.
    assert_eq!(run.exchange.ledger_totals().realized, Decimal::from(-10));
}

#[test]
fn orders_end_once_and_ids_live_while_orders_are_open() {
    check("trade 100 | buy a 10 @ 99 | cancel a | cancel a", "a New | a Canceled | refused -2011");
    check("trade 100 | buy a 10 @ 99 | buy a 10 @ 99", "a New | refused -4116");
    check("trade 100 | buy a 10 @ 99 | cancel a | buy a 10 @ 99", "a New | a Canceled | a New");
    check("query a", "refused -2013");
}

#[test]
fn events_come_in_order_and_after_their_latency() {
    let mut exchange = toy(10_000, Funding::None);
    let trade = |time, price| {
        MarketEvent::new(time, SymbolIndex(0), MarketData::MarkPrice(PriceTicks(price)))
    };
    exchange.observe(&trade(START, 1000));
    let from = Sender { service: ServiceId(3), account: AccountId(0) };
    exchange.submit(START, from, RequestId(7), Request::Account);
    assert_eq!(exchange.next_due(), START + Nanos::from_millis(1));
    let mut out = Vec::new();
    exchange.advance(START + Nanos::from_millis(2), &mut out);
    assert!(out.is_empty());
    assert_eq!(exchange.next_due(), START + Nanos::from_millis(3));
    exchange.advance(START + Nanos::from_millis(3), &mut out);
    assert!(matches!(
        out[..],
        [ExchangeEvent::Response { to: ServiceId(3), request: RequestId(7), .. }]
    ));
    assert_eq!(exchange.next_due(), Nanos::NEVER);
}

#[test]
fn funding_is_paid_by_the_long_at_the_mark() {
    let mut run = Script::new(toy(10_000, Funding::Data));
    run.run("trade 100 | buy a 10 | mark 110 | funding 0.0001");
    // 10 × 110 × 0.0001.
    assert_eq!(run.exchange.ledger_totals().funding, Decimal::new(-11, 2));
}

#[test]
fn constant_funding_comes_every_eight_hours() {
    let symbol = |s| engine::Symbol::new(s).unwrap();
    let rates = [(symbol("AUSDT"), Decimal::new(1, 4)), (symbol("BUSDT"), Decimal::ZERO)];
    let mut run = Script::new(toy(10_000, Funding::Constant { rates: rates.into() }));
    // 2023-11-15 00:00 is the start: the first payment is at 08:00.
    run.run("trade 100 | sell a 10 | wait 28900 | trade 100 | wait 28800 | trade 100");
    assert_eq!(run.exchange.ledger_totals().funding, Decimal::new(2, 1));
}

#[test]
fn a_position_without_funding_data_is_warned_about() {
    let mut run = Script::new(toy(10_000, Funding::Data));
    run.run("trade 100 | sell a 10 | wait 28900 | trade 100 | wait 28800 | trade 100");
    assert!(run.exchange.warnings().iter().any(|w| w.contains("without a funding rate")));
}

#[test]
fn a_liquidation_in_the_first_tier_takes_the_whole_position() {
    // 8 @ 1001, wallet 405.996 after the fee: maintenance 0.08·p meets the balance at 959.8.
    let mut run = Script::new(toy(410, Funding::None));
    let log =
        run.run("trade 1000 | buy a 8 | sell tp 2 @ 1009 ro | trade 960 | positions | trade 959");
    assert_eq!(
        log,
        "a New | a 8 @ 1001 taker | tp New | margin call 1 | held [Both 80 entry 1001 iso 0 liq 959.849] | tp Expired | autoclose-3 New | autoclose-3 8 @ 958 taker"
    );
    assert_eq!(run.position(0), 0);
    let totals = run.exchange.ledger_totals();
    assert_eq!(totals.realized, Decimal::from(-344));
    // 8 × 958 × 0.001.
    assert_eq!(totals.insurance, Decimal::new(-7_664, 3));
}

#[test]
fn what_the_market_pays_too_little_for_goes_to_the_fund_at_the_bankruptcy_price() {
    // The market would pay 94; at 95 (94.95 rounded in the trader's favour) nothing is left.
    let mut run = Script::new(toy(122, Funding::None));
    let log = run.run("trade 100 | buy a 20 | trade 96 | trade 95.9");
    assert_eq!(
        log,
        "a New | a 20 @ 101 taker | margin call 1 | autoclose-2 New | autoclose-2 20 @ 95 taker"
    );
    assert_eq!(run.exchange.account_balance().wallet_balance, Decimal::ZERO);
}

#[test]
fn a_gap_below_bankruptcy_is_the_funds_loss() {
    let mut run = Script::new(toy(122, Funding::None));
    let log = run.run("trade 100 | buy a 20 | trade 50");
    assert_eq!(log, "a New | a 20 @ 101 taker | autoclose-2 New | autoclose-2 20 @ 95 taker");
    assert_eq!(run.exchange.account_balance().wallet_balance, Decimal::ZERO);
    let fund = run.exchange.ledger.balance(crate::LedgerAccount::InsuranceFund);
    // It took 20 at 95 and sold at 49; what the trader had left, 0.99, was its fee.
    assert_eq!(fund, Decimal::from(1_000_000_000 - 920) + Decimal::new(99, 2));
}

#[test]
fn a_large_position_is_liquidated_in_part() {
    // 800 × 97.9 is in tier 2; a tenth less makes the account compliant.
    let mut run = Script::new(toy(6_000, Funding::None));
    run.run("trade 100 | buy a 800 | trade 98 | trade 97.9");
    let left = run.position(0);
    assert!(left > 6_000 && left < 8_000, "{left}");
    assert_eq!(left % 20, 0, "what is closed is a multiple of the step");
}

#[test]
fn two_positions_stand_or_fall_together() {
    // The loss of A is carried by the profit of B.
    let carried = "trade 1000 | B trade 1000 | buy a 8 | B buy b 8 | B trade 1040 | trade 950";
    let mut run = Script::new(toy(900, Funding::None));
    run.run(carried);
    assert_eq!((run.position(0), run.position(1)), (80, 8));
    // Without it, the one with the larger maintenance margin goes first, and that is enough or not.
    let log = run.run("B trade 920");
    assert!(log.contains("autoclose-3 New"), "{log}");
}

#[test]
fn a_trade_through_one_order_may_only_touch_the_next() {
    check("trade 100 | buy a 2 @ 99 | buy b 2 @ 98 | trade 98", "a New | b New | a 2 @ 99 maker");
}

#[test]
fn funding_precedes_the_liquidation_of_its_instant() {
    // The short receives at 08:00 what keeps it alive at the price of 08:00.
    let symbol = |s| engine::Symbol::new(s).unwrap();
    let outcome = |rate| {
        let rates = [(symbol("AUSDT"), rate), (symbol("BUSDT"), Decimal::ZERO)];
        let mut run = Script::new(toy(410, Funding::Constant { rates: rates.into() }));
        // Two seconds pass before the wait, so that the last trade is of 08:00:00 exactly.
        run.run("trade 1000 | sell a 8 | wait 28797 | trade 1039.5");
        run.position(0)
    };
    assert_eq!(outcome(Decimal::ZERO), 0);
    assert_eq!(outcome(Decimal::new(1, 2)), -80);
}

#[test]
fn a_maker_pays_the_makers_rate() {
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("trade 100 | buy a 10 @ 98 | trade 97");
    // 980 × 0.02 %.
    assert_eq!(run.exchange.ledger_totals().commission, Decimal::new(-196, 3));
}

#[test]
fn the_fewest_lots_that_are_enough_are_liquidated() {
    // 800 bought at 101 leave 5,959.60 of 6,000; at 97.9 the balance is 3,479.60 and 3,516 are needed. The
    // bankruptcy price is 93.6: each of q sold there costs 4.3 and a fee of 0.0936 and frees 4.895, so
    // that 0.5014 × q must be more than 36.4. Steps are of two.
    let mut run = Script::new(toy(6_000, Funding::None));
    let log = run.run("trade 100 | buy a 800 | trade 98 | trade 97.9");
    assert!(log.ends_with("autoclose-2 74 @ 96 taker"), "{log}");
    assert_eq!(run.position(0), 7_260);
    // Or all of it, by configuration.
    let whole = |config: &mut ExchangeConfig| config.liquidation_size = LiquidationSize::Whole;
    let mut run = Script::new(toy_with(6_000, Funding::None, whole));
    let log = run.run("trade 100 | buy a 800 | trade 98 | trade 97.9");
    assert!(log.ends_with("autoclose-2 800 @ 96 taker"), "{log}");
    assert!(run.exchange.assumptions().iter().any(|line| line.contains("whole position")));
}

#[test]
fn the_position_with_the_largest_maintenance_margin_goes_first() {
    // A is sold at 989 and B at 999, above their marks, and one of them is enough.
    let first = |wallet, a: u32, b: u32| {
        let mut run = Script::new(toy(wallet, Funding::None));
        run.run("trade 1000 | mark 1000 | B trade 1000 | B mark 1000");
        run.run(&format!("buy a {a} | B buy b {b} | trade 990 | B mark 840"));
        run.run("mark 840")
    };
    assert_eq!(first(900, 4, 2), "autoclose-3 New | autoclose-3 4 @ 989 taker");
    assert_eq!(first(900, 2, 4), "autoclose-3 New | autoclose-3 4 @ 999 taker");
    // In its second tier the smaller position needs 104, the larger one 126; at 14 lots it needs 188.
    assert_eq!(first(4_500, 12, 15), "autoclose-3 New | autoclose-3 15 @ 999 taker");
    assert_eq!(first(4_500, 14, 15), "autoclose-3 New | autoclose-3 14 @ 989 taker");
}

#[test]
fn one_event_goes_its_way_in_order() {
    // The trade fills `r`, triggers `s`, and then liquidates what is left, which ends `o`.
    check(
        "trade 100 | leverage 20 | buy a 990 | sell s 2 stop 95 | buy r 2 @ 92 | sell o 2 @ 104 | trade 91",
        "a New | a 990 @ 101 taker | s New | r New | o New | r 2 @ 92 maker | s Expired | s New | \
         s 2 @ 90 taker | o Expired | autoclose-5 New | autoclose-5 990 @ 91 taker",
    );
}
