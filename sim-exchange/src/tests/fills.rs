//! Fills by what is known of the market's book. Lots of AUSDT are tenths, its step is 20 lots.

use rust_decimal::Decimal;

use super::{Script, toy_with};
use crate::depth::QueueKind;
use crate::{FillModel, Funding, MarketDepth, Profile, VolumeLimit};

fn check_with(fills: FillModel, script: &str, expected: &str) {
    let mut run = Script::new(toy_with(10_000, Funding::Data, |config| config.fills = fills));
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
}

fn volume(script: &str, expected: &str) {
    let limit = VolumeLimit {
        taker_share: Decimal::new(10, 2),
        impact_ticks: 2,
        maker_share: Decimal::new(50, 2),
    };
    let fills = FillModel { volume: Some(limit), ..Profile::Fast.fills(MarketDepth::Trades) };
    check_with(fills, script, expected);
}

fn levels(script: &str, expected: &str) {
    check_with(Profile::Fast.fills(MarketDepth::Levels), script, expected);
}

#[test]
fn a_taker_moves_the_price_by_what_he_takes() {
    // 1,000 lots so far: 100 at each price, two ticks apart.
    volume(
        "trade 100 1000 | buy a 24",
        "a New | a 10 @ 101 taker | a 10 @ 103 taker | a 4 @ 105 taker",
    );
    // Bars tell their volume, too, and what was taken stays taken within the minute.
    volume(
        "bar 100 100 100 100 1000 | buy a 10 | buy b 4 | sell c 4",
        "a New | a 10 @ 101 taker | b New | b 4 @ 103 taker | c New | c 4 @ 99 taker",
    );
    volume(
        "trade 100 1000 | buy a 10 | wait 60 | trade 100 1000 | wait 60 | trade 100 1000 | buy b 4",
        "a New | a 10 @ 101 taker | b New | b 4 @ 101 taker",
    );
    volume("trade 100 1000 | buy a 24 @ 104", "a New | a 10 @ 101 taker | a 10 @ 103 taker");
    volume("trade 100 1000 | buy a 24 @ 104 fok", "refused -5021");
    volume(
        "trade 100 1000 | buy a 24 @ 105 fok",
        "a New | a 10 @ 101 taker | a 10 @ 103 taker | a 4 @ 105 taker",
    );
    // marketTakeBound of 5 % ends a market order.
    volume(
        "trade 100 1000 | buy a 40",
        "a New | a 10 @ 101 taker | a 10 @ 103 taker | a 10 @ 105 taker | a Expired",
    );
}

#[test]
fn a_resting_order_gets_its_share_of_what_trades_through_it() {
    volume(
        "trade 100 1000 | buy a 20 @ 99 | trade 98 160 | trade 98 100 | trade 98 1000",
        "a New | a 8 @ 99 maker | a 4 @ 99 maker | a 8 @ 99 maker",
    );
    // Price before time, and one trade's lots fill once.
    volume(
        "trade 100 1000 | buy a 6 @ 98 | buy b 6 @ 99 | trade 97 160",
        "a New | b New | b 6 @ 99 maker | a 2 @ 98 maker",
    );
    // A change to what is filled already cancels.
    volume(
        "trade 100 1000 | buy a 20 @ 99 | trade 98 160 | modify buy a 8 @ 99",
        "a New | a 8 @ 99 maker | a Canceled",
    );
    // Less than a step reaches nobody.
    volume("trade 100 1000 | buy a 20 @ 99 | trade 98 38", "a New");
}

#[test]
fn a_taker_takes_the_levels_of_the_book() {
    let book = "trade 100 | ask 101 60 | ask 102 100 | bid 99 80 | bid 98 100";
    let of = |script: &str, expected: &str| levels(&format!("{book} | {script}"), expected);
    of("buy a 10", "a New | a 6 @ 101 taker | a 4 @ 102 taker");
    of("buy a 10 @ 101", "a New | a 6 @ 101 taker");
    of("buy a 10 @ 101 ioc", "a New | a 6 @ 101 taker | a Expired");
    of("buy a 10 @ 101 fok", "refused -5021");
    of("buy a 20", "a New | a 6 @ 101 taker | a 10 @ 102 taker | a Expired");
    of("buy a 2 @ 101 gtx", "refused -5022");
    // What was taken is missing until the level is shown again.
    of(
        "buy a 6 | buy b 2 | ask 101 60 | buy c 2",
        "a New | a 6 @ 101 taker | b New | b 2 @ 102 taker | c New | c 2 @ 101 taker",
    );
    of("buy a 2 match OPPONENT", "a New | a 2 @ 101 taker");
    of("buy a 2 match QUEUE | query a", "a New");
    of("buy a 2 match OPPONENT_5", "refused -5041");
}

#[test]
fn a_resting_order_waits_for_its_turn_in_the_queue() {
    levels(
        "trade 100 | bid 99 60 | ask 101 60 | buy a 4 @ 99 | trade 99 40 sold | trade 99 40 sold | trade 99 40 sold",
        "a New | a 2 @ 99 maker | a 2 @ 99 maker",
    );
    // Through its price, at once.
    levels(
        "trade 100 | bid 99 60 | ask 101 60 | buy a 4 @ 99 | trade 98 400 sold",
        "a New | a 4 @ 99 maker",
    );
    levels(
        "trade 100 | bid 99 60 | ask 101 60 | buy a 4 @ 99 | cancel a | trade 98 400 sold",
        "a New | a Canceled",
    );
    // A reduce-only order gives what still reduces.
    levels(
        "trade 100 | bid 99 400 | ask 101 400 | buy a 10 | sell r 10 @ 103 ro | sell x 6 | trade 104 500",
        "a New | a 10 @ 101 taker | r New | x New | x 6 @ 99 taker | r 4 @ 103 maker | r Expired",
    );
    // An amended order starts again behind what its level shows.
    levels(
        "trade 100 | bid 99 20 | ask 101 60 | buy a 2 @ 99 | trade 99 20 sold | modify buy a 4 @ 99 | trade 99 20 sold | trade 99 40 sold",
        "a New | a Amended | a 4 @ 99 maker",
    );
}

#[test]
fn triggers_and_liquidations_see_the_trades_of_a_known_book() {
    levels(
        "trade 100 | bid 99 400 | ask 101 400 | buy a 10 | sell s 10 stop 95 ro | trade 95 sold | query s",
        "a New | a 10 @ 101 taker | s New | s Expired | s New | s 10 @ 99 taker",
    );
    levels(
        "trade 100 | bid 99 400 | bid 92 99999 | ask 101 99999 | buy a 990 | bid 99 0 | trade 91 sold",
        "a New | a 990 @ 101 taker | autoclose-2 New | autoclose-2 990 @ 92 taker",
    );
}

#[test]
fn the_best_quote_is_a_level_and_the_rest_lies_behind_it() {
    let quotes =
        FillModel { queue: QueueKind::Pessimistic, ..Profile::Fast.fills(MarketDepth::Quotes) };
    check_with(
        quotes,
        "trade 100 | quotes 99 60 101 60 | buy a 10",
        "a New | a 6 @ 101 taker | a 4 @ 102 taker",
    );
    // The quote of before is no level behind the present one (order flow, seed 562).
    check_with(
        quotes,
        "trade 100 | quotes 99 60 104 60 | quotes 99 60 101 60 | buy a 10 @ 102 fok | buy b 2 @ 102 ioc",
        "a New | a 6 @ 101 taker | a 4 @ 102 taker | b New | b 2 @ 102 taker",
    );
    check_with(quotes, "trade 100 | buy a 10", "refused -1112");
    check_with(
        quotes,
        "trade 100 | quotes 99 60 101 60 | buy a 2 @ 99 | trade 99 60 sold | trade 99 40 sold",
        "a New | a 2 @ 99 maker",
    );
}

#[test]
fn two_accounts_meet_before_the_market_and_leave_its_queue() {
    let further = |config: &mut crate::ExchangeConfig| {
        config.fills = Profile::Fast.fills(MarketDepth::Levels);
        config.further_accounts = vec![super::account_of(10_000)];
    };
    let mut run = Script::new(toy_with(10_000, Funding::Data, further));
    let log = run.run(
        "trade 100 | bid 98 400 | ask 102 400 | sell m 4 @ 101 | #1 buy t 2 @ 101 | trade 101 20 | trade 101 20",
    );
    assert_eq!(log, "m New | #1 t New | m 2 @ 101 maker | #1 t 2 @ 101 taker | m 2 @ 101 maker");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn before_the_first_trade_the_book_tells_the_mark() {
    for book in ["bid 100 99999 | ask 101 99999", "ask 101 99999"] {
        let mut run = Script::new(toy_with(10_000, Funding::Data, |config| {
            config.fills = Profile::Fast.fills(MarketDepth::Levels);
        }));
        // Worth nothing, it would be liquidated at once.
        let log = run.run(&format!("{book} | buy a 900 @ 101 | buy b 2"));
        assert_eq!(log, "a New | a 900 @ 101 taker | b New | b 2 @ 101 taker");
        assert_eq!(run.position(0), 9_020);
        run.exchange.check_conservation().unwrap();
    }
}

#[test]
fn depth_without_a_book_is_counted() {
    let mut run = Script::new(toy_with(10_000, Funding::Data, |_| {}));
    run.run("trade 100 | bid 99 60");
    assert!(run.exchange.warnings().iter().any(|w| w.contains("1 depth events were ignored")));
}

#[test]
fn the_fund_gets_what_the_market_pays_beyond_bankruptcy() {
    // Two bids: one no worse than the bankruptcy price, one worse. The fund sells the rest at the worse one.
    let mut run = Script::new(toy_with(10_000, Funding::Data, |config| {
        config.fills = Profile::Fast.fills(MarketDepth::Levels);
    }));
    run.run("trade 100 | ask 101 99999 | bid 95 2000 | bid 85 99999 | buy a 990 | trade 91 sold");
    assert_eq!(run.position(0), 0);
    run.exchange.check_conservation().unwrap();
    let fund = run.exchange.ledger.balance(crate::LedgerAccount::InsuranceFund);
    assert!(fund < Decimal::from(1_000_000_000), "it has paid: {fund}");
}

#[test]
fn fok_is_filled_whole_or_not_at_all() {
    // Own orders fill it, because self-trade prevention has no effect on it.
    super::check("trade 100 | sell m 4 @ 100 | buy f 6 @ 100 fok", "m New | refused -5021");
    super::check(
        "trade 100 | sell m 4 @ 100 | buy f 4 @ 100 fok",
        "m New | f New | m 4 @ 100 maker | f 4 @ 100 taker",
    );
}

#[test]
fn a_level_that_we_emptied_refuses_no_gtx_order() {
    let book = "trade 100 | ask 101 60 | ask 102 100 | bid 99 80";
    levels(&format!("{book} | buy g 2 @ 101 gtx"), "refused -5022");
    levels(&format!("{book} | buy a 6 | buy g 2 @ 101 gtx"), "a New | a 6 @ 101 taker | g New");
}

#[test]
fn profiles_have_their_figures() {
    let of = |profile: Profile| {
        let fills = profile.fills(MarketDepth::Trades);
        let volume = fills.volume.map(|v| (v.taker_share, v.impact_ticks, v.maker_share));
        (fills.taker_spread_ticks, fills.queue, volume)
    };
    let percent = |n| Decimal::new(n, 2);
    let standard = Some((percent(10), 1, percent(100)));
    assert_eq!(of(Profile::Fast), (1, QueueKind::Proportional, None));
    assert_eq!(of(Profile::Standard), (1, QueueKind::Proportional, standard));
    let strict = Some((percent(5), 1, percent(50)));
    assert_eq!(of(Profile::Strict), (2, QueueKind::Pessimistic, strict));
}
