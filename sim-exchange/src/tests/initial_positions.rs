//! Positions of before the first event.

use engine::{AccountId, Exchange, MarginType, PositionSide, SymbolIndex};
use rust_decimal::Decimal;

use super::venue_events::{a, at};
use super::{START, Script, TOY_RULES, account_of, grid, toy_with};
use crate::{
    ExchangeConfig, Funding, InitialPosition, Latency, RuleBook, SimExchange, VenueChange,
    VenueEvent,
};

fn held(amt: &str, entry_price: Option<&str>) -> InitialPosition {
    InitialPosition {
        account: AccountId(0),
        symbol: a(),
        amt: amt.parse().unwrap(),
        position_side: None,
        entry_price: entry_price.map(|price| price.parse().unwrap()),
        leverage: None,
        margin_type: None,
    }
}

fn toy(wallet: i64, positions: Vec<InitialPosition>) -> SimExchange {
    toy_with(wallet, Funding::Data, |config| config.positions = positions)
}

fn check(wallet: i64, positions: Vec<InitialPosition>, script: &str, expected: &str) -> Script {
    let mut run = Script::new(toy(wallet, positions));
    run.exchange.check_conservation().unwrap();
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
    run
}

#[test]
fn a_position_is_there_before_the_first_event() {
    let run = check(
        10_000,
        vec![held("10", Some("100.25"))],
        "positions | account | trade 110 | account | sell b 10 ro | positions",
        "held [Both 100 entry 100.25 iso 0 liq 0] | \
         wallet 10000 free 9949.4 initial 50.1 maint 10.02 | \
         wallet 10000 free 10042.5 initial 55 maint 11 | b New | b 10 @ 109 taker | held []",
    );
    // 10 × (109 - 100.25), and the fee of 1,090 × 0.05 %.
    assert_eq!(run.exchange.report().totals.realized, Decimal::new(875, 1));
    assert_eq!(run.exchange.ledger_sum(), Decimal::ZERO);
    assert_eq!(run.exchange.report().symbols[0].1.fills, 1, "it is no fill of the run");
}

#[test]
fn without_an_entry_price_it_is_opened_at_the_first_price() {
    for (script, expected) in [
        ("positions | trade 100 | positions", "held [] | held [Both -20 entry 100 iso 0 liq"),
        ("B trade 3 | mark 104 | trade 100 | positions", "held [Both -20 entry 104 iso 0 liq"),
        ("bar 98 99 97 98 | positions", "held [Both -20 entry 98 iso 0 liq"),
    ] {
        let mut run = Script::new(toy(10_000, vec![held("-2", None)]));
        let log = run.run(script);
        assert!(log.starts_with(expected), "{log}");
        run.exchange.check_conservation().unwrap();
    }
}

#[test]
fn it_is_liquidated_as_any_other() {
    check(
        60,
        vec![held("10", Some("100"))],
        "trade 99 | trade 90 | positions",
        "autoclose-1 New | autoclose-1 10 @ 94 taker | held []",
    );
}

#[test]
fn an_isolated_one_has_its_own_wallet() {
    let isolated = InitialPosition {
        leverage: Some(10),
        margin_type: Some(MarginType::Isolated),
        ..held("10", Some("100"))
    };
    let run =
        check(10_000, vec![isolated], "positions", "held [Both 100 entry 100 iso 100 liq 90.9091]");
    assert_eq!(run.exchange.account_balance().cross_wallet_balance, Decimal::from(9_900));
}

#[test]
fn hedge_mode_has_one_of_each_side() {
    let exchange = toy_with(10_000, Funding::Data, |config| {
        config.hedge_mode = true;
        config.positions = vec![held("10", Some("100")), held("-4", Some("104"))];
    });
    let of = |side| exchange.position_amt(AccountId(0), SymbolIndex(0), side).0;
    assert_eq!((of(PositionSide::Long), of(PositionSide::Short)), (100, -40));
}

#[test]
fn funding_wakes_a_run_that_holds_something() {
    let rates = ["AUSDT", "BUSDT"].map(|s| (engine::Symbol::new(s).unwrap(), Decimal::new(1, 3)));
    let exchange = toy_with(10_000, Funding::Constant { rates: rates.into() }, |config| {
        config.positions = vec![held("10", Some("100"))];
    });
    assert!(exchange.next_due() > START);
    assert!(exchange.next_due() <= START + engine::Nanos::from_secs(8 * 3_600));
}

#[test]
fn a_reset_takes_it_away() {
    for entry in [Some("100"), None] {
        let exchange = toy_with(10_000, Funding::Data, |config| {
            config.positions = vec![held("10", entry)];
            let what = VenueChange::TestnetReset { wallet: None };
            config.events = vec![VenueEvent { at: at(0), what }];
        });
        let mut run = Script::new(exchange);
        assert_eq!(
            run.run("account | trade 100 | positions"),
            "wallet 10000 free 10000 initial 0 maint 0 | held []"
        );
        run.exchange.check_conservation().unwrap();
    }
}

#[test]
fn another_account_may_hold_it() {
    let of_second = InitialPosition { account: AccountId(1), ..held("10", Some("100")) };
    let exchange = toy_with(10_000, Funding::Data, |config| {
        config.further_accounts = vec![account_of(500)];
        config.positions = vec![of_second];
    });
    let mut run = Script::new(exchange);
    assert!(run.run("positions | #1 positions").starts_with("held [] | held [Both 100 entry 100"));
}

#[test]
fn positions_without_sense_are_refused() {
    let says = |change: fn(&mut ExchangeConfig), what: &str| {
        let latency =
            Latency::Constant { request: engine::Nanos::ZERO, response: engine::Nanos::ZERO };
        let instruments = vec![grid("AUSDT", 1, 1)];
        let mut config =
            ExchangeConfig::new(instruments, START, 1_000.into(), latency, Funding::Data);
        config.positions = vec![held("10", Some("100"))];
        change(&mut config);
        let rules = RuleBook::parse(TOY_RULES, "toy.toml").unwrap();
        let problem = SimExchange::with_rules(config, &rules).unwrap_err().to_string();
        assert!(problem.contains("AUSDT: "), "{problem:?}");
        assert!(problem.contains(what), "{problem:?} does not say {what:?}");
    };
    says(|c| c.positions[0].amt = Decimal::ZERO, "amt 0");
    says(|c| c.positions[0].amt = Decimal::new(105, 2), "at most 1 decimals");
    says(|c| c.positions[0].entry_price = Some(Decimal::ZERO), "entry_price 0");
    says(|c| c.positions[0].leverage = Some(51), "leverage 51 must be 1 to 50");
    says(|c| c.positions[0].account = AccountId(3), "account 3");
    says(|c| c.positions[0].position_side = Some(PositionSide::Long), "must be BOTH");
    says(|c| c.positions.push(held("-3", None)), "stated twice");
    says(|c| c.positions[0].amt = 100_000.into(), "lower amt or leverage");
    says(
        |c| {
            c.positions[0].amt = 900.into();
            c.positions[0].margin_type = Some(MarginType::Isolated);
        },
        "raise the wallet",
    );
    says(
        |c| {
            c.multi_assets = true;
            c.positions[0].margin_type = Some(MarginType::Isolated);
        },
        "multi-assets",
    );
}
