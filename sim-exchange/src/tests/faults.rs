//! Faults of the venue. Each begins at the second of a line: line 0 is the first.

use engine::{
    AccountId, Exchange, ExchangeEvent, Nanos, Outcome, Request, RequestId, Sender, ServiceId,
};
use rust_decimal::Decimal;

use super::venue_events::{a, at};
use super::{Script, account_of, toy_with};
use crate::{
    ExchangeConfig, FaultFilter, FaultKind, FillRest, ForcedLimit, Funding, RequestKind, RuleBook,
    SimExchange, TimeOutAnswer, VenueChange, VenueEvent, VenueFault,
};

fn fault(second: i64, what: FaultKind) -> VenueFault {
    VenueFault::new(at(second), what)
}

fn until(second: i64, fault: VenueFault) -> VenueFault {
    VenueFault { until: Some(at(second)), ..fault }
}

fn of(requests: RequestKind, fault: VenueFault) -> VenueFault {
    VenueFault { who: FaultFilter { requests, ..fault.who }, ..fault }
}

fn next(count: u32, fault: VenueFault) -> VenueFault {
    VenueFault { next: Some(count), ..fault }
}

fn struck(faults: Vec<VenueFault>) -> SimExchange {
    toy_with(10_000, Funding::Data, |config| config.faults = faults)
}

fn check(faults: Vec<VenueFault>, script: &str, expected: &str) -> Script {
    let mut run = Script::new(struck(faults));
    let log = run.run(script);
    assert_eq!(log, expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
    run
}

fn time_out(executed: bool, answer: TimeOutAnswer) -> FaultKind {
    FaultKind::TimeOut { executed, answer, after: Nanos::from_millis(100) }
}

fn refuse(code: i32) -> FaultKind {
    FaultKind::Refuse { code, msg: None }
}

#[test]
fn a_time_out_has_four_forms() {
    let orders = |what| of(RequestKind::Orders, fault(1, what));
    let script = "trade 100 | buy a 10 | query a | positions";
    let executed = "a New | a 10 @ 101 taker | ";
    let held = "held [Both 100 entry 101 iso 0 liq 0]";
    for (is_executed, answer, heard) in [
        (true, TimeOutAnswer::Code, "refused -1007"),
        (true, TimeOutAnswer::None, "no answer"),
        (false, TimeOutAnswer::Code, "refused -1007"),
        (false, TimeOutAnswer::None, "no answer"),
    ] {
        let expected = match is_executed {
            true => format!("{executed}{heard} | {held}"),
            false => format!("{heard} | refused -2013 | held []"),
        };
        check(vec![orders(time_out(is_executed, answer))], script, &expected);
    }
}

#[test]
fn a_time_out_is_told_late_and_in_binance_s_words() {
    let mut run = Script::new(struck(vec![fault(1, time_out(true, TimeOutAnswer::Code))]));
    run.run("trade 100");
    let from = Sender { service: ServiceId(4), account: AccountId(0) };
    run.exchange.submit(run.now, from, RequestId(77), Request::PositionRisk);
    // A millisecond there, two back, and a hundred of waiting.
    let told = |exchange: &mut SimExchange, ms: i64| {
        let mut out = Vec::new();
        exchange.advance(run.now + Nanos::from_millis(ms), &mut out);
        out
    };
    assert_eq!(told(&mut run.exchange, 102), []);
    let [ExchangeEvent::Response { to, request, outcome: Outcome::Refused(error) }] =
        &told(&mut run.exchange, 103)[..]
    else {
        panic!("one answer");
    };
    assert_eq!((*to, *request), (ServiceId(4), RequestId(77)));
    assert_eq!(
        error.to_string(),
        "-1007 Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    );
}

#[test]
fn what_never_arrives_weighs_nothing() {
    let lost = |executed| vec![fault(0, time_out(executed, TimeOutAnswer::None))];
    for (executed, orders) in [(false, 0), (true, 1)] {
        let run = check(lost(executed), "buy a 10", "no answer");
        assert_eq!(run.exchange.used_limits(AccountId(0), at(1)).orders_1m, orders);
    }
}

#[test]
fn a_refusal_has_the_table_s_text_and_ends_after_so_many() {
    check(
        vec![next(2, of(RequestKind::Opens, fault(1, refuse(-2019))))],
        "trade 100 | buy x 10 | buy y 10 | buy a 10 | sell b 10 ro",
        "refused -2019 | refused -2019 | a New | a 10 @ 101 taker | b New | b 10 @ 99 taker",
    );
    let text = |code: i32| {
        let mut run = Script::new(struck(vec![fault(0, refuse(code))]));
        let from = Sender { service: ServiceId(0), account: AccountId(0) };
        let order = super::script::request(&["buy", "a", "10"], engine::SymbolIndex(0), run.now);
        run.exchange.submit(run.now, from, RequestId(1), order);
        let mut out = Vec::new();
        run.exchange.advance(at(1), &mut out);
        let [ExchangeEvent::Response { outcome: Outcome::Refused(error), .. }] = &out[..] else {
            panic!("one answer: {out:?}");
        };
        error.to_string()
    };
    assert_eq!(text(-2019), "-2019 Margin is insufficient.");
    assert_eq!(
        text(-4164),
        "-4164 Order's notional must be no smaller than 5 (unless you choose reduce only)"
    );
}

#[test]
fn a_fault_strikes_whom_it_names() {
    let of_a = FaultFilter { symbol: Some(a()), ..FaultFilter::default() };
    let mut run = check(
        vec![VenueFault { who: of_a, ..fault(0, refuse(-4088)) }],
        "trade 100 | B trade 100 | buy a 10 | B buy b 10 | account",
        "refused -4088 | b New | b 10 @ 101 taker | \
         wallet 9999.495 free 9939.495 initial 50 maint 10",
    );
    assert_eq!(run.exchange.fault_strikes(), 1);
    run.run("leverage 5");
    assert_eq!(run.exchange.fault_strikes(), 2, "a setting of the symbol");
    let of_second = FaultFilter { account: Some(AccountId(1)), ..FaultFilter::default() };
    let exchange = toy_with(10_000, Funding::Data, |config| {
        config.further_accounts = vec![account_of(500)];
        config.faults = vec![VenueFault { who: of_second, ..fault(0, refuse(-4088)) }];
    });
    let log = Script::new(exchange).run("trade 100 | buy a 10 | #1 buy b 2");
    assert_eq!(log, "a New | a 10 @ 101 taker | refused -4088");
}

#[test]
fn exits_are_orders_that_can_only_reduce() {
    check(
        vec![of(RequestKind::Exits, fault(2, refuse(-1008)))],
        "trade 100 | buy a 10 | sell x 10 ro | sell b 4",
        "a New | a 10 @ 101 taker | refused -1008 | b New | b 4 @ 99 taker",
    );
}

#[test]
fn a_share_is_drawn_from_the_named_stream() {
    let half = |stream: &str| VenueFault {
        share: Decimal::new(5, 1),
        stream: stream.to_owned(),
        ..fault(0, refuse(-4088))
    };
    let log = |stream: &str| {
        let script = "account | ".repeat(40);
        Script::new(struck(vec![half(stream)])).run(&script)
    };
    let refused = log("fault:1").matches("refused").count();
    assert!((8..=32).contains(&refused), "{refused} of 40");
    assert_eq!(log("fault:1"), log("fault:1"));
    assert_ne!(log("fault:1"), log("fault:2"));
}

#[test]
fn a_forced_limit_leads_to_a_ban() {
    let weight = FaultKind::RateLimit { limit: ForcedLimit::Weight };
    let mut run = check(vec![until(2, fault(0, weight))], "account", "refused -1003");
    // 1,700,006,400 s is the start of a minute, and the question is asked 30 s into it.
    assert_eq!(run.exchange.retry_after_s(AccountId(0), at(30)), Some(30));
    let log = run.run("x20 account");
    assert_eq!(log.matches("refused -1003").count(), 20);
    assert_eq!(run.exchange.report().limits.bans, 1, "20 refusals, and then one more");
    assert_eq!(run.exchange.retry_after_s(AccountId(0), at(2)), Some(120));
    assert_eq!(
        run.run("account | wait 130 | account"),
        "refused -1003 | \
         wallet 10000 free 10000 initial 0 maint 0"
    );
    assert_eq!(run.exchange.retry_after_s(AccountId(0), at(200)), None);
}

#[test]
fn a_forced_limit_of_orders_refuses_orders_alone() {
    let orders = FaultKind::RateLimit { limit: ForcedLimit::Orders10s };
    check(
        vec![fault(0, orders)],
        "trade 100 | buy a 10 | account",
        "refused -1015 | wallet 10000 free 10000 initial 0 maint 0",
    );
}

#[test]
fn a_ban_lasts_until_its_end() {
    let run = check(
        vec![until(3, fault(1, FaultKind::Ban))],
        "trade 100 | buy a 10 | account | buy b 10",
        "refused -1003 | refused -1003 | b New | b 10 @ 101 taker",
    );
    let limits = run.exchange.report().limits;
    assert_eq!((limits.bans, limits.ban_refusals), (1, 2));
}

#[test]
fn a_ban_without_an_end_is_as_long_as_the_next_one() {
    check(
        vec![fault(0, FaultKind::Ban)],
        "account | wait 116 | account | wait 3 | account",
        "refused -1003 | refused -1003 | wallet 10000 free 10000 initial 0 maint 0",
    );
}

#[test]
fn a_lost_user_stream_tells_nothing_and_nothing_later() {
    let run = check(
        vec![until(3, fault(1, FaultKind::LoseUserStream))],
        "trade 100 | buy a 10 | buy b 2 @ 98 | open | positions | cancel b",
        "orders [b] | held [Both 100 entry 101 iso 0 liq 0] | b Canceled",
    );
    // NEW, TRADE_LITE, ACCOUNT_UPDATE and TRADE of the first, NEW of the second.
    assert_eq!(run.exchange.user_events_lost(), 5);
}

#[test]
fn a_late_user_stream_keeps_its_order() {
    let by = Nanos::from_secs(3);
    check(
        vec![until(2, fault(1, FaultKind::DelayUserStream { by }))],
        "trade 100 | buy a 10 | buy b 2 @ 98 | account | query b | cancel b",
        "wallet 9999.495 free 9929.695 initial 59.8 maint 10 | \
         a New | a 10 @ 101 taker | b New | b Canceled",
    );
}

#[test]
fn an_expired_listen_key_is_told_once() {
    check(
        vec![until(4, fault(2, FaultKind::ExpireListenKey))],
        "trade 100 | buy a 10 | buy b 10 | buy c 10 | buy d 10",
        "a New | a 10 @ 101 taker | listen key expired | d New | d 10 @ 101 taker",
    );
}

fn partial(percent: i64, rest: FillRest, parts: u32, every_ms: i64) -> FaultKind {
    let every = Nanos::from_millis(every_ms);
    FaultKind::PartialFills { part: Decimal::new(percent, 2), rest, parts, every }
}

#[test]
fn a_market_order_fills_in_parts_at_later_prices() {
    let run = check(
        vec![fault(1, partial(40, FillRest::Later, 3, 1_000))],
        "trade 100 | buy a 10 | open | trade 102 | wait 1 | open | positions",
        "a New | a 4 @ 101 taker | a 2 @ 101 taker | orders [a] | a 2 @ 103 taker | \
         a 2 @ 103 taker | orders [] | held [Both 100 entry 101.8 iso 0 liq 0]",
    );
    assert_eq!(run.exchange.filled_by_client_id(AccountId(0), "a").executed_qty, 100);
}

#[test]
fn a_partial_fill_may_leave_the_rest_to_expire() {
    let half = || vec![fault(1, partial(50, FillRest::Expires, 1, 1_000))];
    check(
        half(),
        "trade 100 | buy a 10 | buy b 10 @ 103 | buy c 10 @ 103 ioc | open",
        "a New | a 4 @ 101 taker | a Expired | b New | b 4 @ 101 taker | \
         c New | c 4 @ 101 taker | c Expired | orders [b]",
    );
    // The default rest of an IOC order has no later either.
    let later = fault(1, partial(50, FillRest::Later, 1, 1_000));
    check(
        vec![later],
        "trade 100 | buy c 10 @ 103 ioc | buy f 10 @ 103 fok",
        "c New | c 4 @ 101 taker | c Expired | f New | f 10 @ 101 taker",
    );
}

#[test]
fn an_order_that_fills_in_parts_is_an_open_order() {
    let later = || vec![until(2, fault(1, partial(40, FillRest::Later, 2, 60_000)))];
    check(
        later(),
        "trade 100 | buy a 10 | hedge | account | cancel a | wait 130 | open",
        "a New | a 4 @ 101 taker | refused -4067 | \
         wallet 9999.798 free 9945.498 initial 50.3 maint 4 | a Canceled | orders []",
    );
    // Changed, it is an order like any other; no part of before comes.
    check(
        later(),
        "trade 100 | buy a 10 @ 101 | modify buy a 10 @ 95 | wait 130 | open",
        "a New | a 4 @ 101 taker | a Amended | orders [a]",
    );
    // A reset takes it, without a word.
    let exchange = toy_with(10_000, Funding::Data, |config| {
        config.faults = later();
        let what = VenueChange::TestnetReset { wallet: None };
        config.events = vec![VenueEvent { at: at(3), what }];
    });
    let mut run = Script::new(exchange);
    let log = run.run("trade 100 | buy a 10 | account | wait 130 | positions");
    assert!(log.ends_with("held []"), "{log}");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn a_limit_that_is_not_reached_again_rests() {
    check(
        vec![until(2, fault(1, partial(40, FillRest::Later, 2, 1_000)))],
        "trade 100 | buy a 10 @ 101 | trade 105 | wait 2 | open | trade 99",
        "a New | a 4 @ 101 taker | orders [a] | a 6 @ 101 maker",
    );
}

#[test]
fn parts_wait_while_the_symbol_is_halted() {
    let exchange = toy_with(10_000, Funding::Data, |config| {
        config.faults = vec![until(2, fault(1, partial(0, FillRest::Later, 1, 1_000)))];
        let what = VenueChange::SymbolHalted { symbol: a(), until: at(10) };
        config.events = vec![VenueEvent { at: at(2), what }];
    });
    let mut run = Script::new(exchange);
    assert_eq!(run.run("trade 100 | buy a 10 | wait 6 | open"), "a New | orders [a]");
    assert_eq!(run.run("wait 3"), "a 10 @ 101 taker");
}

#[test]
fn slippage_stays_within_the_limit() {
    let slip = || vec![fault(1, FaultKind::Slippage { ticks: 3 })];
    check(
        slip(),
        "trade 100 | buy a 10 | buy b 10 @ 102 | sell c 10",
        "a New | a 10 @ 104 taker | b New | b 10 @ 102 taker | c New | c 10 @ 96 taker",
    );
    // A market order goes no further than the venue lets it: 5 % from the mark.
    check(
        vec![fault(1, FaultKind::Slippage { ticks: 50 })],
        "trade 100 | buy a 10",
        "a New | a 10 @ 105 taker",
    );
}

#[test]
fn a_skewed_clock_refuses_what_is_signed_for_a_time() {
    let skew = |ahead_ms| vec![until(3, fault(1, FaultKind::SkewClock { ahead_ms }))];
    for ahead_ms in [6_000, -2_000] {
        check(
            skew(ahead_ms),
            "account | account | info | account",
            "wallet 10000 free 10000 initial 0 maint 0 | refused -1021 | trading [AUSDT BUSDT] | \
             wallet 10000 free 10000 initial 0 maint 0",
        );
    }
}

#[test]
fn events_of_the_venue_and_faults_go_together() {
    // Under maintenance a request that is struck as well is refused by whoever is first: the fault.
    let exchange = toy_with(10_000, Funding::Data, |config| {
        config.faults = vec![
            until(4, fault(1, FaultKind::LoseUserStream)),
            next(1, fault(2, time_out(true, TimeOutAnswer::Code))),
        ];
        config.events =
            vec![VenueEvent { at: at(2), what: VenueChange::Maintenance { until: at(4) } }];
    });
    let mut run = Script::new(exchange);
    assert_eq!(
        run.run("trade 100 | buy a 10 | buy b 10 | buy c 10 | positions"),
        "refused -1007 | refused -1001 | held [Both 100 entry 101 iso 0 liq 0]"
    );
}

#[test]
fn faults_without_sense_are_refused() {
    let problem = |fault: VenueFault| {
        let rules = RuleBook::parse(super::TOY_RULES, "toy.toml").unwrap();
        let latency = crate::Latency::Constant { request: Nanos::ZERO, response: Nanos::ZERO };
        let instruments = vec![super::grid("AUSDT", 1, 1)];
        let mut config = ExchangeConfig::new(instruments, at(0), 10.into(), latency, Funding::Data);
        config.faults = vec![fault];
        SimExchange::with_rules(config, &rules).unwrap_err().to_string()
    };
    let says = |fault: VenueFault, what: &str| {
        let problem = problem(fault);
        assert!(problem.contains(what), "{problem:?} does not say {what:?}");
    };
    says(fault(-1, FaultKind::Ban), "before the start");
    says(until(1, fault(1, FaultKind::Ban)), "must come after");
    says(next(1, fault(1, FaultKind::Ban)), "takes no `share`");
    says(next(0, fault(1, refuse(-2019))), "strikes nobody");
    says(fault(1, refuse(-31)), "add its text as `msg`");
    says(of(RequestKind::Opens, fault(1, FaultKind::LoseUserStream)), "no single request");
    says(of(RequestKind::Account, fault(1, FaultKind::Slippage { ticks: 1 })), "concerns orders");
    says(fault(1, FaultKind::Slippage { ticks: 0 }), "`ticks` 0");
    says(fault(1, partial(100, FillRest::Later, 1, 5)), "below 1");
    says(fault(1, partial(50, FillRest::Later, 1, 0)), "`every`");
    let share = VenueFault { share: Decimal::TWO, ..fault(1, refuse(-2019)) };
    says(share, "at most 1");
    let stranger = FaultFilter { account: Some(AccountId(1)), ..FaultFilter::default() };
    says(VenueFault { who: stranger, ..fault(1, refuse(-2019)) }, "1 accounts");
}

#[test]
fn faults_stand_among_the_assumptions() {
    let exchange = struck(vec![next(
        3,
        until(9, of(RequestKind::Opens, fault(1, time_out(true, TimeOutAnswer::None)))),
    )]);
    let told = exchange.assumptions().into_iter().find(|line| line.starts_with("Fault"));
    assert_eq!(
        told.unwrap(),
        format!(
            "Fault from {} until {}: requests are done and never answered, after 100 ms; only opens, the next 3.",
            at(1),
            at(9)
        )
    );
}
