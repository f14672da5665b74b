//! Mark price and funding from an index, through the whole exchange. The toy's prices are tenths; its run
//! begins at 00:00 UTC of a day of 2023, when a sample was taken every five seconds.

use rust_decimal::Decimal;

use super::{Script, toy_with};
use crate::{Funding, MarketDepth, Profile};

fn quoted(funding: Funding) -> Script {
    let fills = Profile::Fast.fills(MarketDepth::Quotes);
    Script::new(toy_with(10_000, funding, |config| config.fills = fills))
}

fn mark_after(script: &str) -> i64 {
    let mut run = quoted(Funding::None);
    run.run(script);
    run.exchange.mark_or_zero(0)
}

#[test]
fn each_of_the_three_is_the_median_once() {
    // Index 1000; the mid of the book is 1010; the rate is at its cap of 0.75 %, so that Price 1 is 1007.4.
    // The last trade is between: it is the mark.
    assert_eq!(
        mark_after("index 1000 | trade 1009 | quotes 1009 10 1011 10 | wait 60 | trade 1009"),
        10_090
    );
    // The last trade is far above both: the book's basis is in the middle.
    assert_eq!(
        mark_after("index 1000 | trade 1050 | quotes 1009 10 1011 10 | wait 60 | trade 1050"),
        10_100
    );
    // The last trade is far below, the book above: index and funding are in the middle, a little above the
    // index because the premium is positive.
    let mark = mark_after("index 1000 | trade 950 | quotes 1009 10 1011 10 | wait 60 | trade 950");
    assert!((10_000..10_100).contains(&mark), "{mark}");
}

#[test]
fn marks_of_the_data_hold() {
    assert_eq!(
        mark_after(
            "index 1000 | mark 990 | trade 1005 | quotes 1009 10 1011 10 | wait 60 | trade 1005"
        ),
        9_900
    );
}

#[test]
fn a_mark_from_the_index_liquidates() {
    let mut run = quoted(Funding::None);
    run.run("index 100 | trade 100 | quotes 99.9 99999 100.1 99999 | buy a 990");
    assert_eq!(run.position(0), 9_900);
    // The last trade stays: index and book fall, and with them the mark.
    run.run("index 80 | quotes 79.9 99999 80.1 99999 | wait 200 | trade 100 | trade 100");
    assert_eq!(run.position(0), 0, "it is liquidated");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn funding_is_made_of_the_premium_and_paid_at_its_interval() {
    let mut run = quoted(Funding::Index);
    // The book stands 0.3 % above the index: the rate is 0.3 % - 0.05 %, within the cap of 0.75 % (0.75
    // times the first tier's 1 %).
    run.run("index 1000 | trade 1003 | quotes 1003 99999 1003 99999 | buy a 2 | wait 28780 | trade 1003");
    let before = run.exchange.account_balance().wallet_balance;
    run.run("wait 30 | trade 1003");
    let paid = before - run.exchange.account_balance().wallet_balance;
    let notional = Decimal::from(run.exchange.mark_or_zero(0)) * Decimal::new(2, 1);
    assert_eq!(paid, notional * Decimal::new(25, 4));
    run.exchange.check_conservation().unwrap();
}
