//! What the kill switch cancels, and what it leaves.

use super::*;

fn swept(desk: &mut Desk) -> Vec<Request> {
    let mut out = Vec::new();
    desk.guard.take_sweep(desk.now, &mut out);
    out
}

/// The questions of a sweep over both symbols.
fn questions() -> Vec<Request> {
    let of = |symbol| {
        [
            Request::OpenOrders { symbol: Some(symbol) },
            Request::OpenAlgoOrders { symbol: Some(symbol) },
        ]
    };
    [A, B].into_iter().flat_map(of).collect()
}

fn cancel(symbol: SymbolIndex, id: u64) -> Request {
    Request::CancelOrder { symbol, order: OrderRef::Id(OrderId(id)) }
}

fn answers(desk: &mut Desk, outcome: Outcome) {
    desk.hear(ExchangeEvent::Response { to: ServiceId::NOBODY, request: RequestId(0), outcome });
}

fn shows(desk: &mut Desk, order: OrderState) {
    let order = Box::new(order);
    let execution = ExecutionType::New;
    let event = UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation: false };
    desk.hear(ExchangeEvent::User { account: AccountId(0), time: desk.now, event });
}

fn algo(order: NewOrder, id: u64, status: AlgoStatus) -> AlgoOrderState {
    let now = Nanos::from_secs(1_000);
    AlgoOrderState {
        algo_id: AlgoId(id),
        order,
        status,
        actual: None,
        reason: "".into(),
        create_time: now,
        trigger_time: None,
        update_time: now,
    }
}

#[test]
fn what_may_open_is_cancelled_and_what_protects_stays() {
    let mut desk = Desk::new(limits());
    // Its own, one that it has sent and nobody has answered, and one that somebody has made by hand.
    assert_eq!(desk.limit(Side::Buy, 1, 90), None);
    desk.answer(Outcome::Done(Answer::Order(Box::new(state("o1", A, Side::Buy, 1, desk.now)))));
    assert_eq!(desk.limit(Side::Buy, 1, 91), None);
    let now = desk.now;
    shows(&mut desk, state("h7", B, Side::Sell, 1, now));
    assert_eq!(swept(&mut desk), [], "the switch is off");

    desk.guard.begin_sweep();
    let mut first = questions();
    first.extend([cancel(A, 1), cancel(B, 7)]);
    assert_eq!(swept(&mut desk), first);
    // The one under way comes to the venue now.
    desk.answer(Outcome::Done(Answer::Order(Box::new(state("o2", A, Side::Buy, 1, desk.now)))));
    assert_eq!(swept(&mut desk), [cancel(A, 2)]);
    // The venue lists them, one that nobody knew, and what closes.
    let reduces = OrderState { reduce_only: true, ..state("h9", A, Side::Sell, 1, now) };
    let long =
        OrderState { position_side: PositionSide::Long, ..state("h10", A, Side::Sell, 1, now) };
    let gone = OrderState { status: OrderStatus::Canceled, ..state("h11", A, Side::Buy, 1, now) };
    let listed = [state("o1", A, Side::Buy, 1, now), state("h8", A, Side::Buy, 1, now)];
    let rows = listed.into_iter().chain([reduces, long, gone]).map(Ok).collect();
    answers(&mut desk, Outcome::Done(Answer::Orders(rows)));
    assert_eq!(swept(&mut desk), [cancel(A, 8)]);
    // Conditional orders: a protective one, one that opens, one that has been triggered.
    let market = |side| NewOrder::market(A, side, QtyLots(1), "c1");
    let rows = vec![
        algo(NewOrder { close_position: true, ..market(Side::Sell) }, 1, AlgoStatus::New),
        algo(market(Side::Sell), 2, AlgoStatus::New),
        algo(market(Side::Sell), 3, AlgoStatus::Finished),
    ];
    answers(&mut desk, Outcome::Done(Answer::AlgoOrders(rows)));
    assert_eq!(swept(&mut desk), [Request::CancelAlgoOrder { order: AlgoRef::Id(AlgoId(2)) }]);

    desk.guard.end_sweep();
    shows(&mut desk, state("h12", A, Side::Buy, 1, now));
    assert_eq!(swept(&mut desk), []);
}

#[test]
fn what_came_to_nothing_is_tried_again() {
    let mut desk = Desk::new(limits());
    desk.guard.begin_sweep();
    assert_eq!(swept(&mut desk), questions());
    let now = desk.now;
    shows(&mut desk, state("h7", A, Side::Buy, 1, now));
    assert_eq!(swept(&mut desk), [cancel(A, 7)]);
    answers(&mut desk, Outcome::Unknown);
    desk.pass(4);
    assert_eq!(swept(&mut desk), []);
    desk.pass(1);
    assert_eq!(swept(&mut desk), questions());
    let now = desk.now;
    let rows = vec![Ok(state("h7", A, Side::Buy, 1, now))];
    answers(&mut desk, Outcome::Done(Answer::Orders(rows)));
    assert_eq!(swept(&mut desk), [cancel(A, 7)], "it rests still");
    // A limit of the venue: the questions come again, and nothing is left.
    let busy = ExchangeError { code: -1003, msg: "Too many requests.".into() };
    answers(&mut desk, Outcome::Refused(busy));
    desk.pass(5);
    assert_eq!(swept(&mut desk), questions());
    answers(&mut desk, Outcome::Done(Answer::Orders(Vec::new())));
    desk.pass(60);
    assert_eq!(swept(&mut desk), []);
}
