//! Weights, order counts, bans and the recvWindow. A line is a second; the first one is at a full minute.

use engine::{
    AccountId, Answer, Exchange, ExchangeEvent, ModifyOrder, Nanos, NewOrder, OrderRef, Outcome,
    PriceTicks, QtyLots, Request, RequestId, Sender, ServiceId, Side, SymbolIndex,
};

use super::{START, Script, account_of, toy_with};
use crate::request_weight::RequestCost;
use crate::{
    ExchangeConfig, ForcedLimit, Funding, LimitCounts, LimitUsage, LimitsConfig, SimExchange,
    UsedLimits,
};

fn script(change: impl FnOnce(&mut ExchangeConfig)) -> Script {
    Script::new(toy_with(10_000, Funding::None, change))
}

/// The log of a script, like lines in a row drawn together: `3x refused -1003`.
fn short(run: &mut Script, script: &str) -> String {
    let log = run.run(script);
    let mut rows: Vec<(usize, &str)> = Vec::new();
    for line in log.split(" | ") {
        match rows.last_mut() {
            Some((count, last)) if *last == line => *count += 1,
            _ => rows.push((1, line)),
        }
    }
    let row = |(count, line): &(usize, &str)| match count {
        1 => (*line).to_owned(),
        _ => format!("{count}x {line}"),
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" | ")
}

fn limits(script: &str, expected: &str) {
    let mut run = self::script(|_| {});
    assert_eq!(short(&mut run, script), expected, "\nscript: {script}");
}

fn used(run: &Script, account: u16, at_s: i64) -> (u32, u32, u32) {
    let at = START + Nanos::from_secs(at_s);
    let UsedLimits { weight_1m, orders_10s, orders_1m } =
        run.exchange.used_limits(AccountId(account), at);
    (weight_1m, orders_10s, orders_1m)
}

/// What came back in words to requests sent one after the other at `at`.
fn refusals(exchange: &mut SimExchange, at: Nanos, requests: &[Request]) -> Vec<String> {
    let from = Sender { service: ServiceId(1), account: AccountId(0) };
    for request in requests {
        exchange.submit(at, from, RequestId(1), request.clone());
    }
    let mut out = Vec::new();
    exchange.advance(at + Nanos::from_secs(100), &mut out);
    let text = |event: &ExchangeEvent| match event {
        ExchangeEvent::Response { outcome: Outcome::Refused(error), .. } => Some(error.to_string()),
        ExchangeEvent::Response { outcome: Outcome::Done(answer), .. } => {
            Some(if matches!(answer, Answer::Done) { "done" } else { "answer" }.to_owned())
        }
        _ => None,
    };
    out.iter().filter_map(text).collect()
}

fn order() -> NewOrder {
    NewOrder::market(SymbolIndex(0), Side::Buy, QtyLots(20), "a")
}

fn modification() -> ModifyOrder {
    ModifyOrder {
        symbol: SymbolIndex(0),
        order: OrderRef::Client(engine::ClientOrderId("a".into())),
        side: Side::Buy,
        quantity: QtyLots(20),
        price: Some(PriceTicks(1_000)),
        price_match: None,
    }
}

#[test]
fn weights_by_request() {
    let symbol = SymbolIndex(0);
    let early = Nanos::from_secs(1_722_988_799);
    let late = Nanos::from_secs(1_722_988_800);
    let cost = |request: &Request, at| {
        let RequestCost { weight, orders_10s, orders_1m } = RequestCost::of(request, at);
        (weight, orders_10s, orders_1m)
    };
    let table = [
        (Request::NewOrder(order()), (0, 1, 1)),
        (Request::NewAlgoOrder(order()), (0, 1, 1)),
        (Request::TestOrder(order()), (1, 0, 0)),
        (Request::BatchOrders(vec![order()]), (5, 5, 1)),
        (Request::ModifyOrder(modification()), (0, 1, 1)),
        (Request::BatchModify(vec![modification()]), (5, 5, 1)),
        (Request::CancelAllOpenOrders { symbol }, (1, 0, 0)),
        (Request::CountdownCancelAll { symbol, countdown: Nanos(0) }, (10, 0, 0)),
        (Request::OpenOrders { symbol: Some(symbol) }, (1, 0, 0)),
        (Request::OpenOrders { symbol: None }, (40, 0, 0)),
        (Request::OpenAlgoOrders { symbol: Some(symbol) }, (1, 0, 0)),
        (Request::OpenAlgoOrders { symbol: None }, (40, 0, 0)),
        (Request::PositionRisk, (10, 0, 0)),
        (Request::Account, (10, 0, 0)),
        (Request::AdlQuantile, (5, 0, 0)),
        (Request::ExchangeInfo, (1, 0, 0)),
        (Request::SetLeverage { symbol, leverage: 1 }, (1, 0, 0)),
    ];
    for (request, expected) in &table {
        assert_eq!(cost(request, late), *expected, "{request:?}");
    }
    assert_eq!(cost(&Request::PositionRisk, early), (5, 0, 0));
    assert_eq!(cost(&Request::Account, early), (5, 0, 0));
}

#[test]
fn weight_of_a_clock_minute() {
    // 60 × 40 = 2400 pass, and then nothing does, orders of weight zero included.
    limits(
        "trade 100 | x60 open | open | buy a 10 | wait 54 | cancel a | cancel a | cancel a",
        "60x orders [] | 3x refused -1003 | 2x refused -2011",
    );
    // Exactly at the limit an order still passes.
    limits("trade 100 | x60 open | buy a 10", "60x orders [] | a New | a 10 @ 101 taker");
}

#[test]
fn orders_of_ten_seconds() {
    limits(
        "x300 buy a 10 | buy a 10 | cancel a",
        "300x refused -1112 | refused -1015 | refused -2011",
    );
    // A new span of the clock, not ten seconds after the first one.
    limits("wait 8 | x300 buy a 10 | buy a 10", "301x refused -1112");
    // Modifying counts, too; a batch would be five.
    limits(
        "x299 buy a 10 | modify buy a 10 @ 100 | buy a 10",
        "299x refused -1112 | refused -2013 | refused -1015",
    );
}

#[test]
fn orders_of_a_minute() {
    let ten = "x300 buy a 10 | wait 8 |";
    limits(
        &format!("{ten} {ten} {ten} {ten} buy a 10 | wait 18 | buy a 10 | buy a 10"),
        "1200x refused -1112 | refused -1015 | 2x refused -1112",
    );
}

#[test]
fn a_batch_is_five_orders_in_ten_seconds_and_one_in_a_minute() {
    let mut run = script(|_| {});
    let batch = Request::BatchOrders(vec![order()]);
    let mut requests = vec![Request::NewOrder(order()); 291];
    requests.extend([batch.clone(), batch, Request::NewOrder(order())]);
    let answers = refusals(&mut run.exchange, START, &requests);
    assert_eq!(answers[291], "answer");
    // 296 of 300: five are too many, and one is not.
    let text = "-1015 Too many new orders; current limit is 300 orders per TEN_SECONDS.";
    assert_eq!(answers[292], text);
    assert_eq!(answers[293], "-1112 No orders on book for symbol.");
    assert_eq!(used(&run, 0, 0), (10, 297, 293));
}

#[test]
fn what_was_used_follows_the_clock() {
    let mut run = script(|config| config.further_accounts = vec![account_of(10)]);
    run.run("trade 100 | account | buy a 10 | #1 open | wait 10");
    // In 2023 the account's query weighed 5.
    assert_eq!(used(&run, 0, 9), (5, 1, 1));
    assert_eq!(used(&run, 0, 10), (5, 0, 1));
    assert_eq!(used(&run, 0, 59), (5, 0, 1));
    assert_eq!(used(&run, 0, 60), (0, 0, 0));
    assert_eq!(used(&run, 1, 0), (40, 0, 0));
    assert_eq!(used(&run, 7, 0), (0, 0, 0));
}

#[test]
fn an_account_does_not_use_up_anothers_limit() {
    let mut run = script(|config| config.further_accounts = vec![account_of(10)]);
    let log = short(&mut run, "x60 open | open | #1 query a");
    assert_eq!(log, "60x orders [] | refused -1003 | refused -2013");
}

#[test]
fn who_goes_on_is_banned_and_for_twice_as_long_the_next_time() {
    let mut run = script(|_| {});
    let full = vec![Request::OpenOrders { symbol: None }; 82];
    let answers = refusals(&mut run.exchange, START, &full);
    let many = "-1003 Too many requests; current limit is 2400 requests per minute. Please use the websocket for live updates to avoid polling the API.";
    assert_eq!(answers[60], many);
    assert_eq!(answers[79], many);
    // The request arrives after 1 ms, and the ban is 2 minutes long.
    let banned = "-1003 Way too many requests; IP banned until 1700006520001.";
    assert_eq!(&answers[80..], [banned, banned]);
    let cancel = vec![Request::CancelAllOpenOrders { symbol: SymbolIndex(0) }];
    let last = START + Nanos::from_millis(119_999);
    assert_eq!(refusals(&mut run.exchange, last, &cancel), [banned]);
    let after = START + Nanos::from_millis(120_000);
    assert_eq!(refusals(&mut run.exchange, after, &cancel), ["done"]);
    let counts = LimitCounts { weight_refusals: 20, order_refusals: 0, ban_refusals: 3, bans: 1 };
    assert_eq!(run.exchange.report().limits, counts);

    let again = START + Nanos::from_secs(180);
    let answers = refusals(&mut run.exchange, again, &full);
    assert_eq!(answers[80], "-1003 Way too many requests; IP banned until 1700006820001.");
}

#[test]
fn a_ban_has_a_longest() {
    let limits = crate::LimitsConfig::default();
    let seconds = |bans| {
        let mut run = script(|config| {
            config.limits.request_weight_1m = 40;
            config.limits.refusals_before_ban = 0;
        });
        let mut at = START;
        let two = vec![Request::OpenOrders { symbol: None }; 2];
        for n in 0..=bans {
            let answers = refusals(&mut run.exchange, at, &two);
            let until: i64 =
                answers[1].trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap();
            let length = until - at.millis() - 1;
            if n == bans {
                return length / 1_000;
            }
            at = Nanos::from_millis(until + 60_000);
        }
        unreachable!()
    };
    assert_eq!(seconds(0), 120);
    assert_eq!(seconds(10), 122_880);
    assert_eq!(seconds(11), 245_760);
    assert_eq!(seconds(12), i64::from(limits.ban_max_s));
    assert_eq!(seconds(40), 259_200);
}

#[test]
fn refused_orders_lead_to_a_ban_too() {
    let mut run = script(|_| {});
    assert_eq!(
        short(&mut run, "x320 buy a 10 | x2 buy a 10"),
        "300x refused -1112 | 20x refused -1015 | 2x refused -1003"
    );
    let counts = LimitCounts { weight_refusals: 0, order_refusals: 20, ban_refusals: 2, bans: 1 };
    assert_eq!(run.exchange.report().limits, counts);
}

#[test]
fn a_ban_refuses_everything_once_and_is_not_prolonged_by_what_comes_meanwhile() {
    let limits = LimitsConfig { orders_10s: 5, refusals_before_ban: 1, ..LimitsConfig::default() };
    let order = RequestCost { weight: 0, orders_10s: 5, orders_1m: 1 };
    let (at, mut usage) = (START + Nanos::from_secs(12), LimitUsage::default());
    usage.count_orders(order, at, &limits).unwrap();
    assert_eq!(usage.retry_after_s(at), None);
    assert_eq!(usage.count_orders(order, at, &limits).unwrap_err().code, -1015);
    assert_eq!(usage.retry_after_s(at), Some(8), "the end of the ten seconds");
    let banned = |error: engine::ExchangeError| error.msg.contains("IP banned until");
    for _ in 0..3 {
        assert!(banned(usage.count_orders(order, at, &limits).unwrap_err()));
        assert!(banned(usage.weigh(order, at, &limits).unwrap_err()));
        assert!(banned(usage.count_funding(at, &limits).unwrap_err()));
        assert!(banned(usage.force(ForcedLimit::Weight, at, &limits)));
        assert_eq!(usage.retry_after_s(at), Some(120));
    }
    let after = at + Nanos::from_secs(120);
    usage.count_orders(order, after, &limits).unwrap();
    assert_eq!(usage.retry_after_s(after), None);
}

#[test]
fn funding_is_asked_for_in_windows_of_five_minutes() {
    let (limits, mut usage) = (LimitsConfig::default(), LimitUsage::default());
    let at = |seconds: i64| Nanos::from_secs(1_700_006_400 + seconds);
    for _ in 0..500 {
        usage.count_funding(at(0), &limits).unwrap();
    }
    let refused = usage.count_funding(at(299), &limits).unwrap_err();
    assert!(refused.msg.contains("500 requests per 5 minutes."), "{refused}");
    assert_eq!(usage.retry_after_s(at(299)), Some(1));
    usage.count_funding(at(300), &limits).unwrap();
    let counted = LimitsConfig { enforce: false, ..limits };
    for _ in 0..1_000 {
        usage.count_funding(at(301), &counted).unwrap();
    }
}

#[test]
fn the_refusal_names_the_limit_that_was_passed() {
    let mut run = script(|config| config.limits.orders_1m = 1);
    let answers = refusals(&mut run.exchange, START, &vec![Request::NewOrder(order()); 2]);
    assert_eq!(answers[1], "-1015 Too many new orders; current limit is 1 orders per MINUTE.");
}

#[test]
fn a_new_minute_forgets_the_refusals() {
    limits(
        "x80 open | wait 58 | x80 open",
        "60x orders [] | 20x refused -1003 | 60x orders [] | 20x refused -1003",
    );
}

#[test]
fn limits_that_are_not_enforced_only_count() {
    let mut run = script(|config| config.limits.enforce = false);
    assert_eq!(short(&mut run, "x100 open | x400 buy a 10"), "100x orders [] | 400x refused -1112");
    assert_eq!(used(&run, 0, 1), (4_000, 400, 400));
    assert_eq!(run.exchange.report().limits, LimitCounts::default());
    let said = run.exchange.assumptions();
    assert!(said.iter().any(|line| line == "Limits: none; requests and orders are only counted."));
}

#[test]
fn a_request_must_arrive_in_its_window() {
    let ahead = "-1021 Timestamp for this request was 1000ms ahead of the server's time.";
    let outside = "-1021 Timestamp for this request is outside of the recvWindow.";
    // The clock's offset, the milliseconds on the way, the window, and the answer.
    let table = [
        (0, 5_000, 5_000, "done"),
        (0, 5_001, 5_000, outside),
        (0, 60_000, 60_000, "done"),
        (-1, 5_000, 5_000, outside),
        (1, 5_001, 5_000, "done"),
        (999, 0, 5_000, "done"),
        (1_000, 0, 5_000, ahead),
        (1_000, 1, 5_000, "done"),
        (1_001, 1, 5_000, ahead),
    ];
    let cancel = [Request::CancelAllOpenOrders { symbol: SymbolIndex(0) }];
    for (offset, travel, window, expected) in table {
        let build = || {
            toy_with(10_000, Funding::None, |config| {
                let request = Nanos::from_millis(travel);
                config.latency = crate::Latency::Constant { request, response: Nanos(0) };
                config.client_clock_offset_ms = offset;
                config.recv_window_ms = window;
            })
        };
        let row = format!("offset {offset}, travel {travel}, window {window}");
        assert_eq!(refusals(&mut build(), START, &cancel), [expected], "{row}");
        // Nobody signs a request for exchangeInfo.
        assert_eq!(refusals(&mut build(), START, &[Request::ExchangeInfo]), ["answer"], "{row}");
    }
}

#[test]
fn a_late_order_weighs_and_does_not_count_as_an_order() {
    let late = |config: &mut ExchangeConfig| config.client_clock_offset_ms = -6_000;
    let mut run = script(late);
    assert_eq!(run.run("trade 100 | buy a 10 | account"), "refused -1021 | refused -1021");
    assert_eq!(used(&run, 0, 2), (5, 0, 0));
}

#[test]
fn limits_and_windows_are_checked() {
    let instruments = vec![super::grid("AUSDT", 1, 1)];
    let latency = crate::Latency::Constant { request: Nanos(0), response: Nanos(0) };
    let good = ExchangeConfig::new(instruments, START, 10.into(), latency, Funding::None);
    good.check().unwrap();
    let bad = |change: fn(&mut ExchangeConfig)| {
        let mut config = good.clone();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert!(bad(|c| c.recv_window_ms = 60_001).contains("recv_window_ms: 60001"));
    assert!(bad(|c| c.recv_window_ms = 0).contains("recv_window_ms: 0"));
    assert!(bad(|c| c.limits.orders_10s = 4).contains("orders_10s is 4"));
    assert!(bad(|c| c.limits.ban_max_s = 119).contains("ban_max_s is 119"));
}

#[test]
fn the_assumptions_name_limits_windows_and_calls() {
    let run = script(|config| config.limits.orders_1m = 77);
    let said = run.exchange.assumptions().join("\n");
    for part in [
        "a weight of 2400 a minute, and 300 orders in 10 s and 77 a minute, by the clock; after 20 refusals in a minute it is banned, for 120 s at first, doubled each time up to 259200 s",
        "more than 5000 ms old at its arrival; the clients' clock is 0 ms ahead",
        "Margin calls: at a margin ratio of 0.8,",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }
}
