//! What the user stream is told, how often and in which order, and why orders expired.

use engine::{Exchange, ExchangeEvent, Nanos, SymbolIndex};

use super::told::{part_of, told};
use super::{Script, toy, toy_with};
use crate::{ExchangeConfig, FillModel, Funding, MarketDepth, Profile, VolumeLimit};

/// After `before`, what the last line tells the first account.
fn tells(before: &str, line: &str) -> Vec<String> {
    tells_with(|_| {}, before, line)
}

fn tells_with(change: impl FnOnce(&mut ExchangeConfig), before: &str, line: &str) -> Vec<String> {
    let mut run = Script::new(toy_with(10_000, Funding::Data, change));
    run.run(before);
    part_of(0, &told(&mut run, line))
}

#[test]
fn orders_without_a_fill_update_no_account() {
    assert_eq!(tells("trade 100", "buy a 2 @ 98"), ["a x=NEW X=NEW"]);
    assert_eq!(tells("trade 100 | buy a 2 @ 98", "cancel a"), ["a x=CANCELED X=CANCELED"]);
    let expired = ["a x=NEW X=NEW", "a x=EXPIRED X=EXPIRED er 2"];
    assert_eq!(tells("trade 100", "buy a 2 @ 98 ioc"), expired);
    let amended = ["a x=AMENDMENT X=NEW"];
    assert_eq!(tells("trade 100 | buy a 2 @ 98", "modify buy a 2 @ 97"), amended);
}

#[test]
fn an_account_update_has_the_position_that_changed() {
    assert_eq!(
        tells("trade 100 | B trade 100 | buy a 2", "B buy b 3"),
        [
            "b x=NEW X=NEW",
            "TRADE_LITE b 3",
            "ACCOUNT_UPDATE ORDER wallet 9999.7475 holds [3]",
            "b x=TRADE X=FILLED t=1 3 @ 101.0 pnl 0 fee 0.1515",
        ]
    );
}

#[test]
fn a_leverage_that_changed_is_told() {
    assert_eq!(tells("", "B leverage 7"), ["ACCOUNT_CONFIG_UPDATE 1 leverage 7"]);
    assert!(tells("", "leverage 51").is_empty());
}

#[test]
fn funding_shows_the_position_on_isolated_margin_only() {
    let pays = "funding 0.0001";
    assert_eq!(
        tells("trade 100 | mark 100 | buy a 10", pays),
        ["ACCOUNT_UPDATE FUNDING_FEE wallet 9999.395 holds []"]
    );
    assert_eq!(
        tells("trade 100 | mark 100 | isolated | buy a 10", pays),
        ["ACCOUNT_UPDATE FUNDING_FEE wallet 9999.395 holds [100]"]
    );
    // It is the isolated wallet that pays.
    let mut run = Script::new(toy(10_000, Funding::Data));
    let isolated = |run: &Script| run.exchange.accounts[0].holdings[0].positions[0].isolated_wallet;
    run.run("trade 100 | mark 100 | isolated | buy a 10");
    let before = isolated(&run);
    run.run(pays);
    assert_eq!(before - isolated(&run), rust_decimal::Decimal::new(1, 1));
}

#[test]
fn the_stream_comes_before_the_answer() {
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("trade 100");
    run.line("buy a 2");
    let mut out = Vec::new();
    run.exchange.advance(run.now + Nanos::from_millis(500), &mut out);
    let is_answer = |event: &ExchangeEvent| matches!(event, ExchangeEvent::Response { .. });
    let answers: Vec<bool> = out.iter().map(is_answer).collect();
    assert_eq!(answers, [false, false, false, false, true]);
}

#[test]
fn an_order_that_expires_says_why() {
    let last = |before: &str, line: &str| tells(before, line).last().cloned().unwrap_or_default();
    // 3: an IOC order that would have met one of its own.
    assert_eq!(
        last("trade 100 | sell m 2 @ 101", "buy t 4 @ 101 ioc stp EXPIRE_TAKER"),
        "t x=EXPIRED X=EXPIRED_IN_MATCH er 3"
    );
    assert_eq!(
        last("trade 100 | sell m 2 @ 101", "buy t 4 @ 101 stp EXPIRE_TAKER"),
        "t x=EXPIRED X=EXPIRED_IN_MATCH er 1"
    );
    // 4: nothing is left to reduce.
    assert_eq!(
        last("trade 100 | buy a 10 | sell r 10 @ 103 ro | sell x 10", "trade 104"),
        "r x=EXPIRED X=EXPIRED er 4"
    );
    // 5: a liquidation.
    let swept = tells("trade 100 | buy a 990 | sell o 2 @ 104", "trade 91");
    assert_eq!(swept[0], "o x=EXPIRED X=EXPIRED er 5");
    // 9: a market order at the end of its bound.
    let volume = VolumeLimit {
        taker_share: rust_decimal::Decimal::new(10, 2),
        impact_ticks: 2,
        maker_share: rust_decimal::Decimal::ONE,
    };
    let fills = FillModel { volume: Some(volume), ..Profile::Fast.fills(MarketDepth::Trades) };
    let bound = tells_with(|config| config.fills = fills, "trade 100 1000", "buy a 40");
    assert_eq!(bound.last().unwrap(), "a x=EXPIRED X=EXPIRED er 9");
}

#[test]
fn a_rate_before_the_first_price_is_no_payment() {
    let mut run = Script::new(toy(10_000, Funding::Data));
    let paid = |run: &Script| run.exchange.settled_funding(SymbolIndex(0)).count();
    run.run("funding 0.0001");
    assert_eq!(paid(&run), 0, "nothing has a mark price yet");
    run.run("trade 100 | funding 0.0002");
    assert_eq!(paid(&run), 1);
}
