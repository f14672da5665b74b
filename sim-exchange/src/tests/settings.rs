//! Position mode, margin type, margin of isolated positions, several accounts.

use rust_decimal::Decimal;

use super::{Script, account_of, check, toy_with};
use crate::Funding;

#[test]
fn hedge_mode_has_two_positions() {
    check(
        "trade 100 | hedge | buy a 10 long | sell b 4 short | positions",
        "a New | a 10 @ 101 taker | b New | b 4 @ 99 taker | \
         held [Long 100 entry 101 iso 0 liq 0, Short -40 entry 99 iso 0 liq 0]",
    );
    check("trade 100 | hedge | buy a 10", "refused -4061");
    check("trade 100 | buy a 10 long", "refused -4061");
    check("trade 100 | hedge | buy a 10 long ro", "refused -1106");
    check("trade 100 | hedge | buy a 10 long rofalse", "refused -1106");
    check("trade 100 | buy a 10 rofalse", "a New | a 10 @ 101 taker");
    check("trade 100 | hedge | sell a 10 long", "refused -2022");
    check(
        "trade 100 | hedge | buy a 10 long | sell b 12 long | sell b 10 long",
        "a New | a 10 @ 101 taker | refused -2022 | b New | b 10 @ 99 taker",
    );
}

#[test]
fn the_position_mode_changes_only_while_nothing_is_there() {
    check("oneway", "refused -4059");
    check("trade 100 | buy a 2 @ 98 | hedge", "a New | refused -4067");
    check("trade 100 | buy a 2 stop 105 | hedge", "a New | refused -4067");
    check("trade 100 | buy a 2 | hedge", "a New | a 2 @ 101 taker | refused -4068");
}

#[test]
fn the_margin_type_changes_only_while_nothing_is_there() {
    check("cross", "refused -4046");
    check("trade 100 | buy a 2 @ 98 | isolated", "a New | refused -4047");
    check("trade 100 | buy a 2 | isolated", "a New | a 2 @ 101 taker | refused -4048");
}

#[test]
fn an_isolated_position_has_a_wallet_of_its_own() {
    // 20 lots at 101 with leverage 20: 101 / 20 each, less the fee of 0.05 %.
    check(
        "trade 100 | isolated | buy a 20 | positions | account",
        "a New | a 20 @ 101 taker | held [Both 200 entry 101 iso 99.99 liq 96.9702] | \
         wallet 9998.99 free 9899 initial 100 maint 20",
    );
}

#[test]
fn margin_of_an_isolated_position_is_added_and_taken() {
    check("trade 100 | margin 5", "refused -4049");
    check("trade 100 | isolated | margin 5", "refused -4054");
    check("trade 100 | isolated | margin 0", "refused -4055");
    check(
        "trade 100 | isolated | buy a 20 | margin 50 | positions | margin -60 | margin -20 | positions",
        "a New | a 20 @ 101 taker | held [Both 200 entry 101 iso 149.99 liq 94.4449] | refused -4051 | \
         held [Both 200 entry 101 iso 129.99 liq 95.4551]",
    );
    check(
        "trade 100 | isolated | buy a 20 | margin 99999",
        "a New | a 20 @ 101 taker | refused -4050",
    );
}

#[test]
fn the_loss_of_an_isolated_position_stops_at_its_wallet() {
    // The fall below 96.97 takes the position and not the rest of the wallet. The bankruptcy price is
    // 96.0005, on the grid 96.1, which leaves 1.99 for the fee of 1.922.
    let mut run = Script::new(toy_with(10_000, Funding::Data, |_| {}));
    run.run("trade 100 | isolated | buy a 20 | trade 96");
    let balance = run.exchange.account_balance();
    assert_eq!(run.position(0), 0);
    assert_eq!(balance.wallet_balance.to_string().parse::<f64>().unwrap(), 9899.068);
    run.exchange.check_conservation().unwrap();
}

#[test]
fn leverage_of_an_isolated_position_only_rises() {
    check(
        "trade 100 | isolated | buy a 20 | leverage 10 | leverage 25",
        "a New | a 20 @ 101 taker | refused -4161",
    );
    check("trade 100 | leverage 51", "refused -4028");
    check("trade 100 | leverage 0", "refused -4028");
}

#[test]
fn two_accounts_trade_with_each_other_on_one_book() {
    let further = |config: &mut crate::ExchangeConfig| {
        config.further_accounts = vec![account_of(10_000)];
    };
    let mut run = Script::new(toy_with(10_000, Funding::Data, further));
    // A maker inside the market's spread is met before the market.
    let log = run.run("trade 100 | sell m 4 @ 100 | #1 buy t 6");
    assert_eq!(log, "m New | #1 t New | m 4 @ 100 maker | #1 t 4 @ 100 taker | #1 t 2 @ 101 taker");
    assert_eq!(run.run("#1 cancel m"), "refused -2011");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn the_fee_of_an_isolated_liquidation_stops_at_its_wallet() {
    // On BUSDT the clearance fee is 1 % and the isolated wallet, 100 lots at leverage 20, is 505 - 5.05. At
    // 96 it is closed at the bankruptcy price and nothing is left for a fee.
    let mut run = Script::new(toy_with(10_000, Funding::Data, |_| {}));
    run.run("B trade 100 | B isolated | B buy a 100");
    let isolated = Decimal::new(49_995, 2);
    let cross = Decimal::from(10_000) - Decimal::new(505, 2) - isolated;
    run.run("B trade 96");
    assert_eq!(run.position(1), 0);
    let wallet = run.exchange.account_balance().wallet_balance;
    assert!(wallet >= cross && wallet < cross + Decimal::from(10), "{wallet}, {cross}");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn the_profit_of_an_isolated_position_goes_to_the_cross_wallet() {
    // 40 lots at 101 with leverage 20, less 2.02 of fees, are 199.98; half of them gain 20 × 8.
    let mut run = Script::new(toy_with(10_000, Funding::None, |_| {}));
    run.run("B trade 100 | B isolated | B buy a 40");
    let isolated = |run: &Script| run.exchange.accounts[0].holdings[1].positions[0].isolated_wallet;
    assert_eq!(isolated(&run), Decimal::new(19_998, 2));
    run.run("B trade 110 | B sell b 20");
    // Half of the isolated margin comes back, with the profit and less the fee of 1.09.
    let cross = run.exchange.account_balance().wallet_balance - isolated(&run);
    assert_eq!((isolated(&run), cross), (Decimal::new(9_999, 2), Decimal::new(1_005_690, 2)));
}

#[test]
fn every_symbol_has_its_rows_of_position_risk() {
    let sides = |script: &str| {
        let mut run = Script::new(toy_with(10_000, Funding::None, |_| {}));
        run.run(script);
        let rows = run.exchange.position_risks(engine::AccountId(0));
        rows.iter().map(|r| (r.symbol.0, r.position_side.as_str())).collect::<Vec<_>>()
    };
    let hedge = [(0, "LONG"), (0, "SHORT"), (1, "LONG"), (1, "SHORT")];
    assert_eq!(sides("trade 100 | buy a 2"), [(0, "BOTH"), (1, "BOTH")]);
    assert_eq!(sides("hedge | trade 100 | buy a 2 long"), hedge);
}
