//! Filters and brackets that change in flight, by an event and by the dates of the tables.

use engine::{Nanos, PriceTicks};
use rust_decimal::Decimal;

use super::venue_events::{a, at, befall, check, toy_befallen};
use super::{START, Script, TOY_RULES, grid, toy_with};
use crate::{
    ExchangeConfig, FilterChange, Funding, Latency, RuleBook, SimExchange, Tier, VenueChange,
};

fn filters(filters: FilterChange) -> VenueChange {
    let filters = Box::new(filters);
    VenueChange::RulesChanged { symbol: a(), filters, brackets: None }
}

fn brackets(rows: &[(i64, (i64, u32), u32)]) -> VenueChange {
    let tier = |&(cap, (mmr, scale), leverage): &(i64, (i64, u32), u32)| Tier {
        cap: cap.into(),
        mmr: Decimal::new(mmr, scale),
        leverage,
    };
    let brackets = Some(rows.iter().map(tier).collect());
    VenueChange::RulesChanged { symbol: a(), filters: Box::default(), brackets }
}

#[test]
fn new_filters_hold_for_new_orders_and_resting_ones_stay() {
    let tick = FilterChange {
        tick_size: Some(Decimal::from(5)),
        min_qty: Some(Decimal::from(4)),
        ..FilterChange::default()
    };
    check(
        &[(2, filters(tick))],
        "trade 100 | buy a 2 @ 98 | buy b 4 @ 98 | buy c 2 @ 95 | buy d 4 @ 95 | trade 97 | cancel d | \
         trade 100 | sell e 4",
        "a New | refused -4014 | refused -4004 | d New | a 2 @ 98 maker | d Canceled | e New | e 4 @ 95 taker",
    );
    // What is not named stays: the step is still 2.
    let limit = FilterChange { max_num_orders: Some(1), ..FilterChange::default() };
    check(
        &[(1, filters(limit))],
        "trade 100 | buy a 2 @ 98 | buy b 3 @ 98 | buy c 2 @ 98",
        "a New | refused -4023 | refused -2025",
    );
}

#[test]
fn off_tick_prices_are_counted_by_the_tick_that_holds() {
    let tick = FilterChange { tick_size: Some(Decimal::from(5)), ..FilterChange::default() };
    let run = check(&[(2, filters(tick))], "trade 101 | trade 100.5 | trade 101 | trade 105", "");
    assert_eq!(run.exchange.report().symbols[0].1.off_tick_prices, 2);
}

#[test]
fn a_bracket_change_liquidates_at_once_whom_it_makes_due() {
    // 10 at 101: 1,000 of notional against 59.5 of margin balance; 1 % does not reach it, 6 % does.
    let change = brackets(&[(100_000, (6, 2), 10)]);
    let mut run = Script::new(toy_befallen(70, &[(4, change)]));
    let log = run.run("trade 100 | buy a 10 | trade 100 | account | wait 1 | account");
    assert!(
        log.starts_with(
            "a New | a 10 @ 101 taker | wallet 69.495 free 9.495 initial 50 maint 10 | autoclose-2 New | "
        ),
        "{log}"
    );
    assert_eq!(run.position(0), 0);
    run.exchange.check_conservation().unwrap();
}

#[test]
fn a_leverage_above_the_new_maximum_stays_and_opens_nothing() {
    check(
        &[(2, brackets(&[(100_000, (1, 2), 10)]))],
        "trade 100 | buy a 10 | buy b 10 | leverage 11 | leverage 10 | buy c 10",
        "a New | a 10 @ 101 taker | refused -2027 | refused -4028 | c New | c 10 @ 101 taker",
    );
}

#[test]
fn tiers_of_an_event_have_the_cum_that_makes_them_continuous() {
    let change = brackets(&[(10_000, (1, 2), 50), (100_000, (5, 2), 20), (1_000_000, (1, 1), 5)]);
    let mut run = Script::new(toy_befallen(1, &[(0, change)]));
    let before = run.exchange.markets[0].rules.rules.brackets.clone();
    run.run("trade 100");
    // They are those of the toy rules, where cum is stated.
    assert_eq!(run.exchange.markets[0].rules.rules.brackets, before);
}

/// The toy rules with a second row of A's filters and one of its brackets, later than the start.
fn dated(rules_at: Option<Nanos>, change: impl FnOnce(&mut ExchangeConfig)) -> SimExchange {
    let mut table: toml::Table = TOY_RULES.parse().unwrap();
    let mut add = |what: &str, valid_from: &str, key: &str, value: toml::Value| {
        let rows = table[what].as_array_mut().unwrap();
        let mut row = rows[0].clone();
        let fields = row.as_table_mut().unwrap();
        fields.insert(
            "valid_from".into(),
            valid_from.parse::<toml::value::Datetime>().unwrap().into(),
        );
        fields.insert(key.into(), value);
        rows.push(row);
    };
    add("filters", "2023-11-15T00:00:03Z", "min_qty", "4".into());
    add("filters", "2023-11-15T00:00:10Z", "tick_size", "0.01".into());
    let tiers: toml::Table =
        "tiers = [{ cap = \"500\", mmr = \"0.02\", leverage = 50, cum = \"0\" }]".parse().unwrap();
    add("brackets", "2023-11-15T00:00:06Z", "tiers", tiers["tiers"].clone());
    let book = RuleBook::parse(&toml::to_string(&table).unwrap(), "toy.toml").unwrap();
    let latency = Latency::Constant { request: Nanos(0), response: Nanos(0) };
    let instruments = vec![grid("AUSDT", 1, 1), grid("BUSDT", 1, 0)];
    let mut config = ExchangeConfig::new(instruments, START, 10_000.into(), latency, Funding::Data);
    config.rules_at = rules_at;
    change(&mut config);
    SimExchange::with_rules(config, &book).unwrap()
}

const ORDERS: &str = "trade 100 | buy a 2 @ 98 | cancel a | buy b 2 @ 98 | buy c 6 @ 98 | cancel c | \
                      buy d 6 @ 98 | buy e 4 @ 98";

#[test]
fn a_run_that_crosses_a_date_takes_the_rules_over() {
    let mut run = Script::new(dated(None, |_| {}));
    assert_eq!(
        run.run(ORDERS),
        "a New | a Canceled | refused -4004 | c New | c Canceled | refused -2027 | e New"
    );
    assert!(run.exchange.assumptions().iter().any(|line| line.contains("those of their dates")));
}

#[test]
fn a_run_that_is_set_to_an_instant_keeps_its_rules() {
    let mut run = Script::new(dated(Some(at(4)), |_| {}));
    let orders = ORDERS.replace("buy d 6", "buy d 8");
    let log = run.run(&orders);
    assert_eq!(
        log,
        "refused -4004 | refused -2011 | refused -4004 | c New | c Canceled | d New | e New"
    );
}

#[test]
fn rules_that_the_grid_cannot_express_are_warned_of_and_not_taken_over() {
    let mut run = Script::new(dated(None, |_| {}));
    run.run("trade 100 | wait 12 | buy a 4 @ 98");
    let warnings = run.exchange.warnings();
    assert_eq!(
        warnings,
        [
            "AUSDT: its rules changed at 2023-11-15T00:00:10Z and were not taken over: AUSDT: tick_size 0.01 is not on the grid of 1 decimals: use a finer grid"
        ]
    );
}

#[test]
fn a_date_of_the_filters_leaves_an_events_brackets_as_they_are() {
    let change = brackets(&[(300, (2, 2), 50)]);
    let mut run = Script::new(dated(None, |config| befall(config, &[(1, change)])));
    let log = run.run("trade 100 | buy a 4 @ 98 | wait 1 | buy b 4 @ 98 | wait 2 | buy c 4 @ 98");
    // From second 6 on it is the table's 500 again.
    assert_eq!(log, "refused -2027 | refused -2027 | c New");
    assert_eq!(run.exchange.orders.get(engine::OrderId(1)).price, Some(PriceTicks(980)));
}

#[test]
fn a_date_of_the_brackets_leaves_an_events_filters_as_they_are() {
    let limit = FilterChange { max_num_orders: Some(1), ..FilterChange::default() };
    let change = filters(limit);
    let mut run = Script::new(dated(None, |config| befall(config, &[(4, change)])));
    let log =
        run.run("trade 100 | buy a 4 @ 98 | wait 2 | buy b 4 @ 98 | trade 100 | buy c 4 @ 98");
    assert_eq!(log, "a New | refused -2025 | refused -2025");
    assert_eq!(
        run.exchange.markets[0].rules.rules.brackets.len(),
        1,
        "the brackets are the new ones"
    );
}

#[test]
fn the_first_row_of_a_table_changes_nothing_at_its_date() {
    let mut config = toy_with(1, Funding::Data, |_| {}).config;
    config.start = Nanos::from_secs(1_500_000_000);
    let rules = RuleBook::parse(TOY_RULES, "toy.toml").unwrap();
    let exchange = SimExchange::with_rules(config, &rules).unwrap();
    assert_eq!(engine::Exchange::next_due(&exchange), Nanos::NEVER);
}

#[test]
fn rules_that_cannot_be_are_refused_with_the_reason() {
    let negative = FilterChange { tick_size: Some(Decimal::ZERO), ..FilterChange::default() };
    let fine = FilterChange { tick_size: Some(Decimal::new(1, 2)), ..FilterChange::default() };
    let table = [
        (filters(FilterChange::default()), "it changes no rule"),
        (filters(negative), "tick_size is 0, and must be above 0"),
        (filters(fine), "tick_size 0.01 is not on the grid of 1 decimals"),
        (brackets(&[]), "at least one tier"),
        (brackets(&[(10, (1, 0), 5)]), "mmr between 0 and 1"),
        (brackets(&[(10, (1, 2), 5), (10, (2, 2), 5)]), "cap and mmr must rise"),
        (brackets(&[(10, (1, 2), 5), (20, (2, 2), 6)]), "leverage must not"),
    ];
    for (change, reason) in table {
        let mut config = toy_with(1, Funding::Data, |_| {}).config;
        befall(&mut config, &[(3, change)]);
        let rules = RuleBook::parse(TOY_RULES, "toy.toml").unwrap();
        let error = SimExchange::with_rules(config, &rules).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
