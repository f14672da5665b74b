//! Amending, GTD, countdown, priceMatch, self-trade prevention.

use engine::{
    Answer, Exchange, ExchangeEvent, Nanos, NewOrder, OrderRef, Outcome, Request, Side, SymbolIndex,
};

use super::{START, Script, check, toy, toy_with};
use crate::Funding;

#[test]
fn a_changed_order_goes_to_the_end_of_the_queue() {
    check(
        "trade 100 | buy a 2 @ 98 | buy b 2 @ 98 | modify buy a 4 @ 98 | trade 97",
        "a New | b New | a Amended | b 2 @ 98 maker | a 4 @ 98 maker",
    );
    check("trade 100 | buy a 2 @ 98 | modify buy a 2 @ 102", "a New | a Amended | a 2 @ 101 taker");
}

#[test]
fn a_refused_change_leaves_the_order_where_it_is() {
    check("trade 100 | buy a 2 @ 98 | modify buy a 2 @ 98", "a New | refused -5027");
    check("trade 100 | buy a 2 @ 98 | modify buy a 2 @ 98.5", "a New | refused -4014");
    check("trade 100 | buy a 4 @ 98 | modify buy a 2 @ 2", "a New | refused -5029");
    check("trade 100 | buy a 2 @ 98 | modify sell a 2 @ 97", "a New | refused -1117");
    check("modify buy a 2 @ 98", "refused -2013");
    check("trade 100 | buy a 2 stop 105 | modify buy a 2 @ 98", "a New | refused -5025");
    // What can only reduce, as if it were new: beside the other of them, or without a position.
    check(
        "trade 100 | buy a 10 | sell p 6 @ 103 ro | sell q 4 @ 104 ro | modify sell q 6 @ 104 | trade 105",
        "a New | a 10 @ 101 taker | p New | q New | q Amended | p 6 @ 103 maker | q 4 @ 104 maker | q Expired",
    );
    check(
        "trade 100 | buy a 10 | sell q 4 @ 104 ro | sell p 6 @ 103 ro | sell x 4 | modify sell q 6 @ 104",
        "a New | a 10 @ 101 taker | q New | p New | x New | x 4 @ 99 taker | refused -4118",
    );
    check(
        "trade 100 | buy a 10 | sell q 4 @ 104 ro | sell x 10 | modify sell q 6 @ 104",
        "a New | a 10 @ 101 taker | q New | x New | x 10 @ 99 taker | refused -2022",
    );
    check(
        "trade 100 | hedge | buy a 10 long | sell q 4 @ 104 long | modify sell q 12 @ 104 | modify sell q 10 @ 104",
        "a New | a 10 @ 101 taker | q New | refused -2022 | q Amended",
    );
    // Margin: the queue place is kept, too.
    check(
        "trade 100 | leverage 1 | buy a 10 @ 98 | buy b 2 @ 98 | modify buy a 200 @ 98 | trade 97",
        "a New | b New | refused -2019 | a 10 @ 98 maker | b 2 @ 98 maker",
    );
}

#[test]
fn some_changes_cancel() {
    check("trade 100 | buy a 2 @ 98 gtx | modify buy a 2 @ 101", "a New | a Canceled");
}

#[test]
fn good_till_date() {
    check(
        "trade 100 | buy a 2 @ 98 gtd 700 | wait 690 | trade 99 | wait 10 | trade 99 | trade 97",
        "a New | a Expired",
    );
    check("trade 100 | buy a 2 @ 98 gtd", "refused -1102");
    check("trade 100 | buy a 2 @ 98 gtd 600", "refused -5040");
    check("trade 100 | buy a 2 @ 98 gtd 253402300799", "refused -5040");
}

#[test]
fn a_countdown_that_is_not_set_again_cancels() {
    check(
        "trade 100 | buy a 2 @ 98 | countdown 5000 | wait 3 | countdown 5000 | wait 3 | trade 99 | wait 2 | trade 99",
        "a New | a Canceled",
    );
    check(
        "trade 100 | buy a 2 @ 98 | countdown 5000 | countdown 0 | wait 9 | trade 99 | open",
        "a New | orders [a]",
    );
}

#[test]
fn a_matched_price_is_taken_from_the_book() {
    check("trade 100 | buy a 2 match OPPONENT", "a New | a 2 @ 101 taker");
    check("trade 100 | buy a 2 match QUEUE | trade 98", "a New | a 2 @ 99 maker");
    check("trade 100 | buy a 2 match QUEUE_5", "refused -5041");
    check("trade 100 | buy a 2 @ 99 match QUEUE", "refused -1106");
}

#[test]
fn self_trade_prevention_is_the_takers() {
    // Default: the maker ends.
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101",
        "m New | t New | m ExpiredInMatch | t 4 @ 101 taker",
    );
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101 stp EXPIRE_TAKER",
        "m New | t New | t ExpiredInMatch",
    );
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101 stp EXPIRE_BOTH",
        "m New | t New | m ExpiredInMatch | t ExpiredInMatch",
    );
    check(
        "trade 100 | sell m 2 @ 101 | buy t 4 @ 101 stp NONE",
        "m New | t New | m 2 @ 101 maker | t 2 @ 101 taker | t 2 @ 101 taker",
    );
}

#[test]
fn the_deep_opponent_levels_are_switched_off_from_their_date() {
    let at = |s: i64| {
        let rules_at = Some(Nanos::from_secs(s));
        let change = |config: &mut crate::ExchangeConfig| config.rules_at = rules_at;
        let mut run = Script::new(toy_with(10_000, Funding::Data, change));
        run.run("trade 100 | buy a 2 match OPPONENT_10 | buy b 2 match OPPONENT_5")
    };
    // There is no such level; from 2025-10-23 on there is no such word.
    assert_eq!(at(1_761_177_599), "refused -5041 | refused -5041");
    assert_eq!(at(1_761_177_600), "refused -5037 | refused -5041");
}

#[test]
fn a_changed_order_keeps_its_self_trade_prevention() {
    // The default would end `m`, the maker.
    check(
        "trade 100 | buy a 2 @ 98 stp NONE | sell m 2 @ 100.0 | modify buy a 2 @ 100",
        "a New | m New | a Amended | m 2 @ 100 maker | a 2 @ 100 taker",
    );
    check(
        "trade 100 | buy a 2 @ 98 | sell m 2 @ 100 | modify buy a 2 @ 100",
        "a New | m New | a Amended | m ExpiredInMatch",
    );
}

#[test]
fn an_order_changes_ten_thousand_times() {
    let change = |config: &mut crate::ExchangeConfig| config.limits.enforce = false;
    let mut run = Script::new(toy_with(10_000, Funding::None, change));
    run.run("trade 100 | buy a 2 @ 98");
    for _ in 0..5_000 {
        assert_eq!(run.run("modify buy a 2 @ 97 | modify buy a 2 @ 98"), "a Amended | a Amended");
    }
    assert_eq!(run.run("modify buy a 2 @ 97 | buy b 2 @ 97"), "refused -5026 | b New");
    assert_eq!(run.run("modify buy b 2 @ 98"), "b Amended");
}

#[test]
fn countdowns_are_looked_at_every_ten_milliseconds() {
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("trade 100 | buy a 2 @ 98");
    // It arrives a millisecond later, and 25 ms are over at 26: the next look is at 30.
    let sent = run.now;
    assert_eq!(sent.0 % 10_000_000, 0);
    run.line("countdown 25");
    let open = |run: &mut Script, millis| {
        run.exchange.advance(sent + Nanos::from_millis(millis), &mut Vec::new());
        run.exchange.accounts[0].holdings[0].open_count()
    };
    assert_eq!(open(&mut run, 29), 1);
    assert_eq!(open(&mut run, 30), 0);
}

/// What one request is answered.
fn answered(run: &mut Script, request: Request) -> Outcome {
    run.submit(request);
    let mut out = Vec::new();
    run.exchange.advance(run.now + Nanos::from_millis(500), &mut out);
    run.now += Nanos::from_secs(1);
    let answers = out.into_iter().filter_map(|event| match event {
        ExchangeEvent::Response { outcome, .. } => Some(outcome),
        ExchangeEvent::User { .. } => None,
    });
    answers.last().unwrap()
}

/// Names and codes of a batch's answer, or the code of its refusal.
fn batch(run: &mut Script, request: Request) -> Vec<String> {
    match answered(run, request) {
        Outcome::Done(Answer::Orders(rows)) => {
            let text = |row: Result<engine::OrderState, engine::ExchangeError>| match row {
                Ok(order) => order.client_order_id.0.to_string(),
                Err(error) => error.code.to_string(),
            };
            rows.into_iter().map(text).collect()
        }
        Outcome::Refused(error) => vec![format!("refused {}", error.code)],
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_has_its_size_and_an_answer_for_each() {
    let symbol = SymbolIndex(1);
    let order = |name: &str| NewOrder {
        order_type: engine::OrderType::Limit,
        time_in_force: Some(engine::TimeInForce::Gtc),
        price: Some(engine::PriceTicks(980)),
        ..NewOrder::market(symbol, Side::Buy, engine::QtyLots(2), name)
    };
    let orders = |names: &[&str]| Request::BatchOrders(names.iter().map(|n| order(n)).collect());
    let mut run = Script::new(toy(10_000, Funding::None));
    run.run("B trade 100");
    assert_eq!(batch(&mut run, orders(&[])), ["refused -4082"]);
    assert_eq!(batch(&mut run, orders(&["a", "b", "c", "d", "e", "f"])), ["refused -4082"]);
    // The second of a name is refused, and the others are placed.
    let placed = batch(&mut run, orders(&["a", "a", "b", "c", "d"]));
    assert_eq!(placed, ["a", "-4116", "b", "c", "d"]);

    let change = |name: &str, lots| engine::ModifyOrder {
        symbol,
        order: OrderRef::Client(engine::ClientOrderId(name.into())),
        side: Side::Buy,
        quantity: engine::QtyLots(lots),
        price: Some(engine::PriceTicks(980)),
        price_match: None,
    };
    let six = Request::BatchModify((2..8).map(|lots| change("a", lots)).collect());
    assert_eq!(batch(&mut run, six), ["refused -4082"]);
    let two = Request::BatchModify(vec![change("b", 2), change("a", 3)]);
    assert_eq!(batch(&mut run, two), ["-5027", "a"]);

    let cancel = |names: &[&str]| Request::BatchCancel {
        symbol,
        orders: names
            .iter()
            .map(|n| OrderRef::Client(engine::ClientOrderId((*n).into())))
            .collect(),
    };
    assert_eq!(batch(&mut run, cancel(&["a"; 11])), ["refused -4032"]);
    assert_eq!(batch(&mut run, cancel(&[])), ["refused -4032"]);
    let mut ten = ["nobody"; 10];
    (ten[0], ten[9]) = ("a", "b");
    let ended = batch(&mut run, cancel(&ten));
    assert_eq!((&*ended[0], &*ended[1], &*ended[9]), ("a", "-2011", "b"));
    assert_eq!(run.run("open"), "orders [c d]");
}

#[test]
fn a_test_order_passes_all_checks_and_reaches_no_book() {
    let mut run = Script::new(toy(10_000, Funding::None));
    assert_eq!(run.run("trade 100 | test buy a 2 | test buy b 2 @ 98 | test buy c 2 stop 105"), "");
    assert_eq!(run.run("test buy a 2 @ 101 gtx | open"), "refused -5022 | orders []");
    assert_eq!(run.position(0), 0);
}

#[test]
fn a_good_till_date_is_cut_to_seconds() {
    let symbol = SymbolIndex(1);
    let whole = START + Nanos::from_secs(700);
    for kind in [engine::OrderType::Limit, engine::OrderType::Stop] {
        let is_stop = kind == engine::OrderType::Stop;
        let algo_service = is_stop.then_some(Nanos::from_secs(1_765_238_400));
        let change = |config: &mut crate::ExchangeConfig| config.rules_at = algo_service;
        let mut run = Script::new(toy_with(10_000, Funding::None, change));
        run.run("B trade 975");
        let order = NewOrder {
            order_type: kind,
            time_in_force: Some(engine::TimeInForce::Gtd),
            price: Some(engine::PriceTicks(9_900)),
            trigger_price: is_stop.then_some(engine::PriceTicks(9_700)),
            good_till_date: Some(whole + Nanos::from_millis(999)),
            ..NewOrder::market(symbol, Side::Sell, engine::QtyLots(2), "a")
        };
        let request = if is_stop { Request::NewAlgoOrder(order) } else { Request::NewOrder(order) };
        let end = match answered(&mut run, request) {
            Outcome::Done(Answer::Order(order)) => order.good_till_date,
            Outcome::Done(Answer::AlgoOrder(algo)) => algo.order.good_till_date,
            other => panic!("{other:?}"),
        };
        assert_eq!(end, Some(whole));
        run.now = whole - Nanos::from_millis(510);
        assert_eq!(run.run("B trade 975"), "");
        run.now = whole;
        let ended = run.run("B trade 975");
        assert!(ended.contains("a Expired"), "{ended}");
    }
}
