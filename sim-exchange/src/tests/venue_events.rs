//! Events of the venue. Each is stated by the second of its line: line 0 is the first.

use engine::{
    AccountId, AccountUpdateReason, ClientOrderId, Exchange, ExchangeEvent, ExecutionType,
    ExpiryReason, Nanos, NewOrder, OrderId, OrderStatus, QtyLots, Request, RequestId, Sender,
    ServiceId, Side, Symbol, SymbolIndex, UserEvent,
};
use rust_decimal::Decimal;

use super::{START, Script, account_of, toy_with};
use crate::{ExchangeConfig, Funding, SimExchange, VenueChange, VenueEvent};

pub(super) fn at(second: i64) -> Nanos {
    START + Nanos::from_secs(second)
}

pub(super) fn a() -> Symbol {
    Symbol::new("AUSDT").unwrap()
}

pub(super) fn toy_befallen(wallet: i64, events: &[(i64, VenueChange)]) -> SimExchange {
    toy_with(wallet, Funding::Data, |config| befall(config, events))
}

pub(super) fn befall(config: &mut ExchangeConfig, events: &[(i64, VenueChange)]) {
    let event =
        |(second, what): &(i64, VenueChange)| VenueEvent { at: at(*second), what: what.clone() };
    config.events = events.iter().map(event).collect();
}

/// Runs `script` on the toy exchange with 10,000 USDT and compares what came back.
pub(super) fn check(events: &[(i64, VenueChange)], script: &str, expected: &str) -> Script {
    let mut run = Script::new(toy_befallen(10_000, events));
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
    run
}

const RESET: VenueChange = VenueChange::TestnetReset { wallet: None };

fn maintenance(until: i64) -> VenueChange {
    VenueChange::Maintenance { until: at(until) }
}

fn halted(until: i64) -> VenueChange {
    VenueChange::SymbolHalted { symbol: a(), until: at(until) }
}

/// What the first account's user stream says within a second after `now`.
fn events_after(exchange: &mut SimExchange, now: Nanos) -> Vec<UserEvent> {
    let mut out = Vec::new();
    exchange.advance(now + Nanos::from_millis(500), &mut out);
    let user = out.into_iter().filter_map(|event| match event {
        ExchangeEvent::User { event, .. } => Some(event),
        ExchangeEvent::Response { .. } => None,
    });
    user.collect()
}

#[test]
fn a_reset_takes_balances_positions_and_orders() {
    let run = check(
        &[(4, RESET)],
        "trade 100 | buy a 10 | buy b 2 @ 98 | sell s 2 stop 95 | trade 90 | positions | query a | \
         cancel b | query s | open | account | buy a 2",
        "a New | a 10 @ 101 taker | b New | s New | held [] | refused -2013 | refused -2011 | \
         refused -2013 | orders [] | wallet 10000 free 10000 initial 0 maint 0 | a New | \
         a 2 @ 91 taker",
    );
    // The counts of a run go on, and the fee of before is in the books.
    let report = run.exchange.report();
    assert_eq!(report.symbols[0].1.fills, 2);
    assert_eq!(run.exchange.orders_total(), 4);
    assert_eq!(report.totals.commission, Decimal::new(-505, 3) - Decimal::new(91, 3));
}

#[test]
fn profit_that_was_realised_before_a_reset_stays_in_the_books() {
    let run = check(
        &[(4, RESET)],
        "trade 100 | buy a 10 | trade 110 | sell b 4 | account | trade 100 | sell c 4 | buy d 4",
        "a New | a 10 @ 101 taker | b New | b 4 @ 109 taker | \
         wallet 10000 free 10000 initial 0 maint 0 | c New | c 4 @ 99 taker | d New | \
         d 4 @ 101 taker",
    );
    // 4 × (109 - 101), and 4 × (99 - 101).
    assert_eq!(run.exchange.report().symbols[0].1.realized, Decimal::from(24));
    assert_eq!(run.exchange.ledger_totals().realized, Decimal::from(24));
}

#[test]
fn a_reset_says_one_thing_and_ids_start_again() {
    let wallet = Some(Decimal::from(5_000));
    let mut exchange = toy_with(10_000, Funding::Data, |config| {
        config.further_accounts = vec![account_of(70)];
        befall(config, &[(5, VenueChange::TestnetReset { wallet })]);
    });
    let mut run = Script::new(exchange.clone());
    run.run("trade 100 | buy a 10 | buy b 2 @ 98 | buy s 2 stop 105");
    exchange = run.exchange;
    let told = events_after(&mut exchange, at(5));
    let [
        UserEvent::AccountUpdate {
            reason: AccountUpdateReason::Adjustment,
            balance: Some(first),
            positions,
        },
        UserEvent::AccountUpdate {
            reason: AccountUpdateReason::Adjustment,
            balance: Some(second),
            ..
        },
    ] = told.as_slice()
    else {
        panic!("{told:?}");
    };
    // 10,000 less the fee of the first order, 1,010 × 0.05 %.
    assert_eq!(first.wallet_balance, Decimal::from(5_000));
    assert_eq!(first.balance_change, Decimal::from(5_000) - Decimal::new(9_999_495, 3));
    assert_eq!(second.balance_change, Decimal::from(4_930));
    assert!(positions.is_empty());
    let from = Sender { service: ServiceId(1), account: AccountId(0) };
    let order = NewOrder::market(SymbolIndex(0), Side::Buy, QtyLots(20), "n");
    exchange.submit(at(6), from, RequestId(9), Request::NewOrder(order));
    let told = events_after(&mut exchange, at(6));
    let trade = told.iter().find_map(|event| match event {
        UserEvent::OrderTradeUpdate { order, fill: Some(fill), .. } => {
            Some((order.order_id, fill.trade_id))
        }
        _ => None,
    });
    assert_eq!(trade, Some((OrderId(1), 1)));
}

#[test]
fn a_wiped_order_takes_nothing_of_the_new_one_with_its_id() {
    // Its goodTillDate and its countdown would both find order 1.
    check(
        &[(3, RESET)],
        "trade 100 | buy a 2 @ 98 gtd 602 | countdown 5000 | buy n 2 @ 97 | wait 700 | open",
        "a New | n New | orders [n]",
    );
}

#[test]
fn a_reset_brings_back_mode_margin_type_and_leverage() {
    let run = check(
        &[(5, RESET)],
        "trade 100 | hedge | isolated | leverage 7 | buy a 10 long | buy b 10 | positions",
        "a New | a 10 @ 101 taker | b New | b 10 @ 101 taker | \
         held [Both 100 entry 101 iso 0 liq 0]",
    );
    assert_eq!(run.exchange.accounts[0].holdings[0].leverage, 20);
}

#[test]
fn maintenance_refuses_everything_and_matches_nothing() {
    // The last price at the end is through `b` and `s`, and not through `c`, although it was.
    check(
        &[(4, maintenance(10))],
        "trade 100 | buy b 2 @ 98 | buy c 2 @ 94 | sell s 2 stop 97 | trade 93 | buy d 2 | \
         cancel b | account | info | trade 96 | account",
        "b New | c New | s New | refused -1001 | refused -1001 | refused -1001 | refused -1001 | \
         b 2 @ 98 maker | s Expired | s New | s 2 @ 95 taker | \
         wallet 9993.8658 free 9984.4658 initial 9.4 maint 0",
    );
}

#[test]
fn the_last_price_is_looked_at_again_and_counted_once() {
    let run = check(&[(1, maintenance(3))], "trade 100 | trade 100.5 | wait 1", "");
    assert_eq!(run.exchange.report().symbols[0].1.off_tick_prices, 1);
}

#[test]
fn two_spells_of_maintenance_that_overlap_are_one() {
    check(
        &[(1, maintenance(6)), (2, maintenance(4))],
        "trade 100 | wait 3 | account | account",
        "refused -1001 | wallet 10000 free 10000 initial 0 maint 0",
    );
}

#[test]
fn what_the_clock_wants_comes_first_when_maintenance_ends() {
    let mut run = Script::new(toy_befallen(10_000, &[(500, maintenance(700))]));
    let log = run.run("trade 100 | buy a 2 @ 98 gtd 601 | wait 602 | trade 97");
    assert_eq!(log, "a New", "nothing ends under maintenance");
    // Its time was over before the end, so that the price at the end does not fill it.
    assert_eq!(run.run("wait 200 | open"), "a Expired | orders []");
}

#[test]
fn liquidation_and_funding_wait_for_the_end_of_maintenance() {
    // 4,000 lots at 101 with 2,100 USDT: a price of 95 liquidates. The funding is paid first, once.
    let events = [(4, maintenance(8))];
    let mut run = Script::new(toy_befallen(2_100, &events));
    let log = run.run("trade 100 | leverage 50 | buy a 90 | trade 100 | funding 0.001 | trade 70");
    assert_eq!(log, "a New | a 90 @ 101 taker");
    let counts = |run: &Script| {
        let counts = run.exchange.report().symbols[0].1;
        (counts.funding_payments, counts.funding, counts.liquidations)
    };
    assert_eq!(counts(&run), (0, Decimal::ZERO, 0));
    let log = run.run("wait 3 | account");
    assert!(log.starts_with("autoclose-2 New | "), "{log}");
    // 90 × 70 × 0.001.
    assert_eq!(counts(&run), (1, Decimal::new(-63, 1), 1));
    run.exchange.check_conservation().unwrap();
}

#[test]
fn a_halted_symbol_takes_cancellations_only() {
    check(
        &[(3, halted(12))],
        "trade 100 | buy a 2 @ 98 | buy b 2 @ 98 | trade 97 | buy c 2 | sell d 2 ro | \
         buy e 2 stop 105 | modify buy a 4 @ 96 | test buy f 2 | cancel a | info | query b | trade 96",
        "a New | b New | refused -4141 | refused -4141 | refused -4141 | refused -5024 | \
         refused -4141 | a Canceled | trading [BUSDT] | b 2 @ 98 maker",
    );
    check(
        &[(3, halted(12))],
        "trade 100 | B trade 50 | buy a 2 | B buy b 2 | info | wait 8 | info",
        "a New | a 2 @ 101 taker | b New | b 2 @ 51 taker | trading [BUSDT] | \
         trading [AUSDT BUSDT]",
    );
}

#[test]
fn a_halted_position_is_not_liquidated_and_others_of_its_pool_are() {
    let mut run = Script::new(toy_befallen(700, &[(4, halted(8))]));
    let log = run.run("trade 100 | B trade 100 | buy a 50 | B buy b 50 | trade 89 | account");
    assert!(log.contains("autoclose-3 New") && !log.contains("autoclose-4"), "{log}");
    assert_eq!((run.position(0), run.position(1)), (500, 0));
    let log = run.run("wait 4 | account");
    assert!(log.starts_with("autoclose-4 New"), "{log}");
    assert_eq!(run.position(0), 0);
    run.exchange.check_conservation().unwrap();
}

#[test]
fn a_delisted_symbol_is_settled_at_the_mark() {
    let delisted = VenueChange::SymbolDelisted { symbol: a() };
    // 10 × (103 - 101), less 10 × 101 × 0.05 % for the opening only.
    let run = check(
        &[(5, delisted)],
        "trade 100 | buy a 10 | buy b 2 @ 98 | sell s 2 stop 95 | mark 103 | trade 99 | account | \
         buy c 2 | sell d 2 stop 90 | leverage 5 | cancel b | query b | info | positions",
        "a New | a 10 @ 101 taker | b New | s New | b Expired | s Expired | \
         settlement_autoclose-4 New | settlement_autoclose-4 10 @ 103 taker | \
         wallet 10019.495 free 10019.495 initial 0 maint 0 | refused -4141 | refused -4141 | \
         refused -1122 | refused -2011 | trading [BUSDT] | held []",
    );
    let order = |name: &str| {
        run.exchange
            .orders
            .newest(AccountId(0), SymbolIndex(0), &ClientOrderId(name.into()))
            .unwrap()
    };
    for name in ["b", "s"] {
        let order = order(name);
        assert_eq!(
            (order.status, order.expiry_reason),
            (OrderStatus::Expired, ExpiryReason::Delisted)
        );
    }
}

#[test]
fn a_settlement_is_calculated_and_both_sides_go() {
    let delisted = VenueChange::SymbolDelisted { symbol: a() };
    let mut run = Script::new(toy_befallen(10_000, &[(9, delisted)]));
    run.run("trade 100 | hedge | buy a 10 long | sell b 4 short");
    let told = events_after(&mut run.exchange, at(9));
    let fills = told.iter().filter_map(|event| match event {
        UserEvent::OrderTradeUpdate { execution, order, fill: Some(fill), liquidation } => {
            assert!(*liquidation && fill.commission.is_zero());
            Some((*execution, order.side, fill.qty.0))
        }
        _ => None,
    });
    let calculated = ExecutionType::Calculated;
    let expected = [(calculated, Side::Sell, 100), (calculated, Side::Buy, 40)];
    assert_eq!(fills.collect::<Vec<_>>(), expected);
}

#[test]
fn funding_that_maintenance_held_back_is_paid_before_the_settlement() {
    let delisted = VenueChange::SymbolDelisted { symbol: a() };
    let run = check(
        &[(2, maintenance(20)), (4, delisted)],
        "trade 100 | buy a 10 | B funding 0.001 | funding 0.001 | trade 90",
        "a New | a 10 @ 101 taker | settlement_autoclose-2 New | \
         settlement_autoclose-2 10 @ 100 taker",
    );
    assert_eq!(run.exchange.report().totals.funding, Decimal::NEGATIVE_ONE);
}

#[test]
fn a_stuck_mark_is_not_moved_by_its_events() {
    let stuck = VenueChange::StuckMark { symbol: a(), until: at(6) };
    let mut run = Script::new(toy_befallen(600, &[(3, stuck)]));
    let log = run.run("trade 100 | mark 100 | buy a 90 | mark 50 | trade 50 | positions");
    assert_eq!(log, "a New | a 90 @ 101 taker | held [Both 900 entry 101 iso 0 liq 95.3372]");
    assert_eq!(run.exchange.mark(0), Some(1_000));
    // The next event after it counts.
    let log = run.run("account | mark 94");
    assert!(log.contains("autoclose-2 New"), "{log}");
}

#[test]
fn a_stuck_mark_without_mark_data_is_the_last_price_of_its_beginning() {
    let stuck = VenueChange::StuckMark { symbol: a(), until: at(5) };
    let mut run = Script::new(toy_befallen(600, &[(2, stuck)]));
    let log = run.run("trade 100 | buy a 90 | trade 94 | sell s 90 stop 90 mark");
    assert_eq!(log, "a New | a 90 @ 101 taker | s New");
    assert_eq!(run.exchange.mark(0), Some(1_000));
    let log = run.run("wait 1 | account");
    assert!(log.contains("autoclose-3 New"), "{log}");
    assert_eq!(run.exchange.mark(0), Some(940));
}

#[test]
fn a_funding_spike_is_of_one_settlement() {
    let spike = VenueChange::FundingSpike { symbol: a(), rate: Decimal::new(1, 2) };
    let run = check(
        &[(2, spike.clone())],
        "trade 100 | buy a 10 | B funding 0.001 | funding 0.001 | funding 0.001",
        "a New | a 10 @ 101 taker",
    );
    // 1,000 × (0.01 + 0.001).
    assert_eq!(run.exchange.report().totals.funding, Decimal::from(-11));
    // Constant rates, and the event in the very instant of the settlement.
    let rates = [a(), Symbol::new("BUSDT").unwrap()].map(|s| (s, Decimal::new(1, 3)));
    let mut run =
        Script::new(toy_with(10_000, Funding::Constant { rates: rates.into() }, |config| {
            befall(config, &[(8 * 3_600, spike)]);
        }));
    run.run("trade 100 | buy a 10 | wait 28800 | account");
    assert_eq!(run.exchange.report().totals.funding, Decimal::from(-10));
    run.run("wait 28800 | account");
    assert_eq!(run.exchange.report().totals.funding, Decimal::from(-11));
}

#[test]
fn an_event_comes_before_the_trade_and_the_request_of_its_instant() {
    // The trade of line 2 would fill the order.
    check(&[(2, halted(9))], "trade 100 | buy a 2 @ 98 | trade 97", "a New");
    // A request that was sent a millisecond before arrives in that instant.
    let mut exchange = toy_with(10_000, Funding::Data, |config| {
        let until = at(9);
        let event = VenueEvent {
            at: at(1) + Nanos::from_millis(1),
            what: VenueChange::SymbolHalted { symbol: a(), until },
        };
        config.events = vec![event];
    });
    let mut run = Script::new(exchange.clone());
    assert_eq!(run.run("trade 100 | buy a 2 @ 98"), "refused -4141");
    // The first instant after it is open.
    exchange = toy_befallen(10_000, &[(0, halted(1))]);
    let mut run = Script::new(exchange);
    assert_eq!(run.run("trade 100 | buy a 2 @ 98"), "a New");
}

#[test]
fn events_that_cannot_be_are_refused_with_the_reason() {
    let nowhere = Symbol::new("CUSDT").unwrap();
    let rate = Decimal::ONE;
    let table = [
        (Nanos(START.0 - 1), RESET, "lies before the start"),
        (at(5), maintenance(5), "must come after it"),
        (at(5), VenueChange::SymbolDelisted { symbol: nowhere }, "CUSDT is not among"),
        (at(5), VenueChange::FundingSpike { symbol: a(), rate }, "0.0001 is 0.01 %"),
        (
            at(5),
            VenueChange::TestnetReset { wallet: Some(Decimal::NEGATIVE_ONE) },
            "wallet: -1 must lie in 0..=1e12",
        ),
    ];
    for (at, what, reason) in table {
        let mut config = toy_befallen(1, &[]).config;
        config.events = vec![VenueEvent { at, what }];
        let error = SimExchange::new(config).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("events: at 20"), "{error}");
    }
    let mut config =
        toy_befallen(1, &[(5, VenueChange::FundingSpike { symbol: a(), rate: Decimal::ZERO })])
            .config;
    config.funding = Funding::None;
    let error = SimExchange::new(config).unwrap_err().to_string();
    assert!(error.contains("no funding in this run"), "{error}");
}

#[test]
fn events_are_said_among_the_assumptions() {
    let lines = toy_befallen(1, &[(5, RESET), (6, halted(9))]).assumptions();
    let said = |part: &str| assert!(lines.iter().any(|line| line.contains(part)), "{lines:#?}");
    said("Event at 2023-11-15T00:00:05");
    said("AUSDT is halted until 2023-11-15T00:00:09");
}
