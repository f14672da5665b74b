use engine::{
    AccountBalance, AccountId, AlgoId, AlgoOrderState, AlgoRef, AlgoStatus, BalanceUpdate,
    ClientOrderId, ExecutionType, ExpiryReason, FeedDelay, ModifyOrder, NewOrder, OrderId,
    OrderRef, OrderState, OrderStatus, OrderType, PositionUpdate, PriceMatch, PriceTicks, QtyLots,
    SelfTradePrevention, ServiceId, Side, Symbol, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;

use super::super::limits::Killed;
use super::*;

const A: SymbolIndex = SymbolIndex(0);
const B: SymbolIndex = SymbolIndex(1);
/// Of both symbols; a lot is one coin and a tick one USDT.
const PRICE: i64 = 100;

/// A venue that only takes notes.
#[derive(Default)]
struct Notes(Vec<(RequestId, Request)>);

impl Exchange for Notes {
    fn submit(&mut self, _now: Nanos, _from: Sender, id: RequestId, request: Request) {
        self.0.push((id, request));
    }

    fn observe(&mut self, _event: &MarketEvent) {}

    fn next_due(&self) -> Nanos {
        Nanos::NEVER
    }

    fn advance(&mut self, _now: Nanos, _out: &mut Vec<ExchangeEvent>) {}
}

/// A guard with a clock and numbers for requests.
struct Desk {
    guard: Guard<Notes>,
    now: Nanos,
    requests: u64,
}

fn limits() -> GuardLimits {
    GuardLimits::default()
}

fn killed() -> Holds {
    Holds { killed: Killed { by_file: true, ..Killed::default() }, ..Holds::default() }
}

impl Desk {
    fn new(limits: GuardLimits) -> Desk {
        let instrument = |name: &str| Instrument {
            symbol: Symbol::new(name).unwrap(),
            price_decimals: 0,
            qty_decimals: 0,
        };
        let instruments = vec![instrument("AUSDT"), instrument("BUSDT")];
        let guard =
            Guard::new(Notes::default(), limits, Holds::default(), instruments, FROM_NOW_ON);
        let mut desk = Desk { guard, now: Nanos::from_secs(1_000), requests: 0 };
        desk.price(A, PRICE);
        desk.price(B, PRICE);
        desk
    }

    fn price(&mut self, symbol: SymbolIndex, price: i64) {
        let (delay, data) = (FeedDelay::new(Nanos(0)), MarketData::MarkPrice(PriceTicks(price)));
        self.guard.observe(&MarketEvent { time: self.now, symbol, delay, data });
    }

    fn pass(&mut self, seconds: i64) {
        self.now = Nanos(self.now.0 + seconds * 1_000_000_000);
    }

    /// The limit that refused it; none if it was sent.
    fn ask(&mut self, request: Request) -> Option<&'static str> {
        self.requests += 1;
        let before = self.guard.refused().clone();
        let from = Sender { service: ServiceId(0), account: AccountId(0) };
        self.guard.submit(self.now, from, RequestId(self.requests), request.clone());
        let refused = self.guard.refused();
        let by = refused.iter().find(|(what, count)| before.get(*what) != Some(*count));
        let by = by.map(|(what, _)| *what);
        let sent = self.guard.inner.0.last() == Some(&(RequestId(self.requests), request));
        assert_eq!(sent, by.is_none(), "either sent or refused");
        by
    }

    fn market(&mut self, symbol: SymbolIndex, side: Side, lots: i64) -> Option<&'static str> {
        let id = format!("o{}", self.requests + 1);
        self.ask(Request::NewOrder(NewOrder::market(symbol, side, QtyLots(lots), &id)))
    }

    fn limit(&mut self, side: Side, lots: i64, price: i64) -> Option<&'static str> {
        self.ask(Request::NewOrder(self.limit_order(side, lots, price)))
    }

    fn limit_order(&self, side: Side, lots: i64, price: i64) -> NewOrder {
        let id = format!("o{}", self.requests + 1);
        let (lots, price) = (QtyLots(lots), PriceTicks(price));
        NewOrder::limit(A, side, lots, price, TimeInForce::Gtc, &id)
    }

    fn hear(&mut self, event: ExchangeEvent) {
        self.guard.heard(self.now, &event);
    }

    /// The answer to the last request.
    fn answer(&mut self, outcome: Outcome) {
        let request = RequestId(self.requests);
        self.hear(ExchangeEvent::Response { to: ServiceId(0), request, outcome });
    }

    /// That the venue holds nothing beside what was told.
    fn tells_positions(&mut self) {
        let outcome = Outcome::Done(Answer::PositionRisk([].into()));
        let request = RequestId(u64::MAX);
        self.hear(ExchangeEvent::Response { to: ServiceId::NOBODY, request, outcome });
    }

    fn position(&mut self, symbol: SymbolIndex, lots: i64) {
        let event = UserEvent::AccountUpdate {
            reason: AccountUpdateReason::Order,
            balance: None,
            positions: vec![position(symbol, PositionSide::Both, lots)],
        };
        self.hear(ExchangeEvent::User { account: AccountId(0), time: self.now, event });
    }

    fn wallet(&mut self, reason: AccountUpdateReason, wallet: i64, change: i64) {
        let (wallet, change) = (Decimal::from(wallet), Decimal::from(change));
        let balance = BalanceUpdate {
            wallet_balance: wallet,
            cross_wallet_balance: wallet,
            balance_change: change,
        };
        let event =
            UserEvent::AccountUpdate { reason, balance: Some(balance), positions: Vec::new() };
        self.hear(ExchangeEvent::User { account: AccountId(0), time: self.now, event });
    }

    fn order_is(&mut self, order: OrderState) {
        let event = UserEvent::OrderTradeUpdate {
            execution: ExecutionType::Trade,
            order: Box::new(order),
            fill: None,
            liquidation: false,
        };
        self.hear(ExchangeEvent::User { account: AccountId(0), time: self.now, event });
    }

    /// The order of the last request fills as a whole, and the position is told.
    fn filled(&mut self, symbol: SymbolIndex, side: Side, lots: i64, position: i64) {
        self.pass(1);
        let mut order = state(&format!("o{}", self.requests), symbol, side, lots, self.now);
        order.executed_qty = order.orig_qty;
        order.status = OrderStatus::Filled;
        self.answer(Outcome::Done(Answer::Order(Box::new(order.clone()))));
        self.order_is(order);
        self.position(symbol, position);
    }

    fn exposed(&self) -> i64 {
        self.guard.exposed().try_into().unwrap()
    }
}

fn position(symbol: SymbolIndex, position_side: PositionSide, lots: i64) -> PositionUpdate {
    PositionUpdate {
        symbol,
        position_side,
        position_amt: QtyLots(lots),
        entry_price: Decimal::from(PRICE),
        break_even_price: Decimal::from(PRICE),
        accumulated_realized: Decimal::ZERO,
        unrealized_profit: Decimal::ZERO,
        margin_type: engine::MarginType::Crossed,
        isolated_wallet: Decimal::ZERO,
    }
}

/// A limit order of the venue that rests; its id is the number in its client id.
fn state(client: &str, symbol: SymbolIndex, side: Side, lots: i64, time: Nanos) -> OrderState {
    OrderState {
        order_id: OrderId(client.trim_start_matches(char::is_alphabetic).parse().unwrap()),
        client_order_id: ClientOrderId(client.into()),
        symbol,
        side,
        position_side: PositionSide::Both,
        order_type: OrderType::Limit,
        orig_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        orig_qty: QtyLots(lots),
        executed_qty: QtyLots(0),
        cum_quote: Decimal::ZERO,
        price: Some(PriceTicks(PRICE)),
        trigger_price: None,
        reduce_only: false,
        close_position: false,
        working_type: WorkingType::ContractPrice,
        price_protect: false,
        price_match: PriceMatch::None,
        self_trade_prevention: SelfTradePrevention::None,
        good_till_date: None,
        status: OrderStatus::New,
        expiry_reason: ExpiryReason::None,
        time,
        update_time: time,
    }
}

fn usdt(value: i64) -> Option<Decimal> {
    Some(Decimal::from(value))
}

#[test]
fn one_order_is_limited() {
    let mut desk = Desk::new(GuardLimits { order_notional: usdt(1_000), ..limits() });
    assert_eq!(desk.market(A, Side::Buy, 10), None);
    assert_eq!(desk.market(A, Side::Buy, 11), Some("order_notional"));
    assert_eq!(desk.limit(Side::Buy, 6, 200), Some("order_notional"), "it may cost its limit");
    assert_eq!(desk.limit(Side::Buy, 11, 50), None);
    assert_eq!(desk.limit(Side::Sell, 11, 1), Some("order_notional"), "it sells at the market");
    assert_eq!(desk.limit(Side::Sell, 6, 200), Some("order_notional"));
}

#[test]
fn a_refusal_is_an_answer_of_the_exchange() {
    let mut desk = Desk::new(GuardLimits { order_notional: usdt(1_000), ..limits() });
    assert_eq!(desk.market(A, Side::Buy, 11), Some("order_notional"));
    assert_eq!(desk.guard.next_due(), Nanos(desk.now.0 + 1));
    let mut out = Vec::new();
    desk.guard.advance(desk.now, &mut out);
    assert_eq!(out, [], "not in the same instant");
    desk.guard.advance(Nanos(desk.now.0 + 1), &mut out);
    let [ExchangeEvent::Response { to, request, outcome: Outcome::Refused(error) }] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!((*to, *request, error.code), (ServiceId(0), RequestId(1), -4087));
    let text = "User can only place reduce only order (qsim: order_notional is 1000 USDT, it would be 1100)";
    assert_eq!(&*error.msg, text);
    let mut said = Vec::new();
    desk.guard.take_notices(&mut said);
    assert_eq!((said.len(), said[0].what), (1, "refused"));
    assert!(said[0].text.contains("order_notional is 1000 USDT"), "{said:?}");
}

#[test]
fn a_position_is_limited_with_what_may_still_fill() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(2_000), ..limits() });
    assert_eq!(desk.limit(Side::Buy, 10, 100), None);
    assert_eq!(desk.limit(Side::Buy, 11, 100), Some("position_notional"));
    assert_eq!(desk.limit(Side::Sell, 15, 100), None, "the other direction, not both");
    assert_eq!(desk.market(B, Side::Buy, 20), None, "another symbol");
    desk.position(A, 5);
    assert_eq!(desk.market(A, Side::Buy, 5), None);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("position_notional"));
}

#[test]
fn all_positions_are_limited_together() {
    let mut desk = Desk::new(GuardLimits { total_notional: usdt(2_000), ..limits() });
    desk.position(B, -12);
    assert_eq!(desk.market(A, Side::Buy, 8), None);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("total_notional"));
    assert_eq!(desk.market(B, Side::Buy, 12), None, "it closes");
    desk.price(B, 50);
    assert_eq!(desk.market(A, Side::Buy, 6), None, "a position is worth what the market says");
}

#[test]
fn orders_are_counted_over_time() {
    let limits = GuardLimits { orders_per_minute: Some(2), orders_per_day: Some(3), ..limits() };
    let mut desk = Desk::new(limits);
    desk.position(A, 50);
    assert_eq!(desk.market(A, Side::Buy, 1), None);
    desk.pass(30);
    assert_eq!(desk.market(A, Side::Buy, 1), None);
    desk.answer(Outcome::Refused(ExchangeError { code: -2019, msg: "no margin".into() }));
    assert_eq!(desk.market(A, Side::Buy, 1), Some("orders_per_minute"), "one refused counts");
    assert_eq!(desk.market(A, Side::Sell, 1), None, "a close does not");
    desk.pass(29);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("orders_per_minute"));
    desk.pass(1);
    assert_eq!(desk.market(A, Side::Buy, 1), None, "the first is a minute ago");
    desk.pass(3_600);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("orders_per_day"));
    desk.pass(86_400 - 3_630);
    assert_eq!(desk.market(A, Side::Buy, 1), None);
}

#[test]
fn a_loss_ends_the_opening_for_good() {
    let mut desk = Desk::new(GuardLimits { loss: usdt(100), ..limits() });
    desk.wallet(AccountUpdateReason::Order, 1_000, 0);
    desk.tells_positions();
    desk.position(A, 10);
    desk.price(A, 91);
    assert_eq!(desk.market(A, Side::Buy, 1), None);
    assert_eq!(desk.guard.profit(), Some(Decimal::from(-90)));
    let leaves = "the session leaves AUSDT 10; its profit is -90 USDT, realised and not";
    assert_eq!(desk.guard.leaves(), leaves);
    desk.price(A, 90);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("loss"));
    assert_eq!(desk.market(A, Side::Sell, 10), None);
    desk.price(A, 200);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("loss"), "a recovery changes nothing");
    let mut said = Vec::new();
    desk.guard.take_notices(&mut said);
    assert_eq!(said.iter().filter(|one| one.what == "loss").count(), 1, "{said:?}");
}

/// What was open before the session counts with what it was worth when it began.
#[test]
fn a_loss_of_before_is_none_of_the_sessions() {
    let mut desk = Desk::new(GuardLimits { loss: usdt(100), ..limits() });
    desk.price(A, 50);
    desk.wallet(AccountUpdateReason::Order, 1_000, 0);
    assert_eq!(desk.guard.profit(), None, "positions are not known yet");
}

#[test]
fn transfers_are_neither_profit_nor_loss() {
    let mut desk = Desk::new(GuardLimits { loss: usdt(100), ..limits() });
    desk.wallet(AccountUpdateReason::Order, 1_000, 0);
    desk.tells_positions();
    desk.wallet(AccountUpdateReason::Withdraw, 500, -500);
    assert_eq!(desk.guard.profit(), Some(Decimal::ZERO));
    assert_eq!(desk.market(A, Side::Buy, 1), None);
    desk.wallet(AccountUpdateReason::Deposit, 1_500, 1_000);
    desk.wallet(AccountUpdateReason::FundingFee, 1_400, -100);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("loss"), "a deposit does not hide a loss");
}

#[test]
fn the_wallet_of_an_answer_counts() {
    let mut desk = Desk::new(GuardLimits { loss: usdt(100), ..limits() });
    desk.tells_positions();
    for (wallet, refused) in [(1_000, None), (901, None), (900, Some("loss"))] {
        desk.requests += 1;
        let wallet_balance = Decimal::from(wallet);
        let balance = AccountBalance { wallet_balance, ..Default::default() };
        desk.answer(Outcome::Done(Answer::Account(Box::new(balance))));
        assert_eq!(desk.market(A, Side::Buy, 1), refused);
    }
}

#[test]
fn what_holds_lets_closes_pass() {
    let closing = Holds { closing: true, ..Holds::default() };
    let unheard = Holds { unheard: true, ..Holds::default() };
    for (holds, name) in [(killed(), "killed"), (closing, "closing"), (unheard, "unheard")] {
        let mut desk = Desk::new(limits());
        desk.position(A, 10);
        assert_eq!(desk.limit(Side::Buy, 5, 90), None);
        let resting = format!("o{}", desk.requests);
        desk.guard.hold(holds);
        assert_eq!(desk.market(A, Side::Buy, 1), Some(name));
        assert_eq!(desk.market(A, Side::Sell, 11), Some(name), "it would open one");
        assert_eq!(desk.market(A, Side::Sell, 4), None);
        assert_eq!(desk.market(A, Side::Sell, 6), None);
        assert_eq!(desk.market(A, Side::Sell, 1), Some(name), "others close all of it already");
        let reduces = NewOrder {
            reduce_only: Some(true),
            ..NewOrder::market(A, Side::Sell, QtyLots(99), "r")
        };
        assert_eq!(desk.ask(Request::NewOrder(reduces.clone())), None);
        let closes =
            NewOrder { reduce_only: None, close_position: true, quantity: None, ..reduces };
        assert_eq!(desk.ask(Request::NewAlgoOrder(closes)), None);
        let change = |lots: i64, price: i64| {
            Request::ModifyOrder(ModifyOrder {
                symbol: A,
                order: OrderRef::Client(ClientOrderId(resting.as_str().into())),
                side: Side::Buy,
                quantity: QtyLots(lots),
                price: Some(PriceTicks(price)),
                price_match: None,
            })
        };
        assert_eq!(desk.ask(change(4, 90)), None, "smaller");
        assert_eq!(desk.ask(change(6, 90)), Some(name));
        assert_eq!(desk.ask(change(5, 91)), Some(name));
        assert_eq!(desk.ask(Request::CancelAllOpenOrders { symbol: A }), None);
        assert_eq!(desk.ask(Request::SetLeverage { symbol: A, leverage: 3 }), None);
        desk.guard.hold(Holds::default());
        assert_eq!(desk.market(A, Side::Buy, 1), None, "released");
    }
}

#[test]
fn in_hedge_mode_the_side_says_what_closes() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    let order = |side, position, lots| {
        let order = NewOrder::market(A, side, QtyLots(lots), "h");
        Request::NewOrder(NewOrder { position_side: Some(position), ..order })
    };
    assert_eq!(desk.ask(order(Side::Buy, PositionSide::Long, 6)), None);
    let both = desk.ask(order(Side::Sell, PositionSide::Short, 5));
    assert_eq!(both, Some("position_notional"), "long and short add up");
    assert_eq!(desk.ask(order(Side::Sell, PositionSide::Short, 4)), None);
    desk.guard.hold(killed());
    assert_eq!(desk.ask(order(Side::Sell, PositionSide::Long, 99)), None);
    assert_eq!(desk.ask(order(Side::Buy, PositionSide::Short, 99)), None);
    assert_eq!(desk.ask(order(Side::Buy, PositionSide::Long, 1)), Some("killed"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut desk = Desk::new(limits());
    desk.position(A, 10);
    desk.guard.hold(Holds { dry_run: true, ..Holds::default() });
    assert_eq!(desk.market(A, Side::Buy, 1), Some("dry_run"));
    assert_eq!(desk.market(A, Side::Sell, 1), Some("dry_run"), "not even a close");
    assert_eq!(desk.ask(Request::CancelAllOpenOrders { symbol: A }), Some("dry_run"));
    assert_eq!(desk.ask(Request::SetPositionMode { dual: true }), Some("dry_run"));
    let algo = AlgoRef::Id(AlgoId(1));
    assert_eq!(desk.ask(Request::CancelAlgoOrder { order: algo }), Some("dry_run"));
    for request in [Request::Account, Request::PositionRisk, Request::ExchangeInfo] {
        assert_eq!(desk.ask(request), None);
    }
}

#[test]
fn without_a_price_nothing_is_limited_by_worth() {
    let mut desk = Desk::new(GuardLimits { order_notional: usdt(1_000), ..limits() });
    desk.guard.exposure = Exposure::new(vec![Instrument {
        symbol: Symbol::new("AUSDT").unwrap(),
        price_decimals: 0,
        qty_decimals: 0,
    }]);
    assert_eq!(desk.market(A, Side::Buy, 1), Some("no_price"));
    assert_eq!(desk.limit(Side::Sell, 1, 1), Some("no_price"), "it would sell at the market");
    assert_eq!(desk.limit(Side::Buy, 1, 1_001), Some("order_notional"));
    assert_eq!(desk.limit(Side::Buy, 1, 1_000), None);
    desk.guard.limits = limits();
    assert_eq!(desk.market(A, Side::Buy, 1), None, "nothing asks what it is worth");
}

#[test]
fn a_fill_counts_once() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    assert_eq!(desk.market(A, Side::Buy, 10), None);
    desk.filled(A, Side::Buy, 10, 10);
    assert_eq!(desk.exposed(), 1_000);
    assert_eq!(desk.market(A, Side::Sell, 10), None);
    desk.filled(A, Side::Sell, 10, 0);
    assert_eq!(desk.exposed(), 0);
    // The position first, the order after it.
    assert_eq!(desk.limit(Side::Buy, 10, 100), None);
    desk.pass(1);
    desk.position(A, 4);
    assert_eq!(desk.exposed(), 1_400, "for a moment twice");
    let mut part = state(&format!("o{}", desk.requests), A, Side::Buy, 10, desk.now);
    part.executed_qty = QtyLots(4);
    part.status = OrderStatus::PartiallyFilled;
    desk.order_is(part.clone());
    assert_eq!(desk.exposed(), 1_000);
    desk.pass(1);
    desk.order_is(OrderState { status: OrderStatus::Canceled, ..part });
    assert_eq!(desk.exposed(), 400);
}

#[test]
fn what_nobody_knows_counts_until_it_is_forgotten() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    assert_eq!(desk.limit(Side::Buy, 10, 100), None);
    desk.answer(Outcome::Unknown);
    desk.pass(60);
    assert_eq!(desk.limit(Side::Buy, 1, 100), Some("position_notional"));
    desk.pass(1);
    assert_eq!(desk.limit(Side::Buy, 10, 100), None, "nobody has heard of it for a minute");
    let heard_of = state(&format!("o{}", desk.requests), A, Side::Buy, 10, desk.now);
    desk.order_is(heard_of);
    desk.answer(Outcome::Unknown);
    desk.pass(61);
    assert_eq!(desk.limit(Side::Buy, 1, 100), Some("position_notional"), "this one rests");
}

#[test]
fn an_order_of_another_hand_counts() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    let mut other = state("hand77", A, Side::Buy, 8, desk.now);
    desk.order_is(other.clone());
    assert_eq!(desk.limit(Side::Buy, 3, 100), Some("position_notional"));
    other.status = OrderStatus::Canceled;
    desk.order_is(other);
    assert_eq!(desk.limit(Side::Buy, 10, 100), None);
}

#[test]
fn a_change_counts_as_what_it_changes() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    assert_eq!(desk.limit(Side::Buy, 5, 100), None);
    let resting = state("o1", A, Side::Buy, 5, desk.now);
    desk.answer(Outcome::Done(Answer::Order(Box::new(resting.clone()))));
    let change = |lots: i64| {
        Request::ModifyOrder(ModifyOrder {
            symbol: A,
            order: OrderRef::Id(OrderId(1)),
            side: Side::Buy,
            quantity: QtyLots(lots),
            price: Some(PriceTicks(PRICE)),
            price_match: None,
        })
    };
    for round in 1..=3 {
        assert_eq!(desk.ask(change(11)), Some("position_notional"));
        assert_eq!((desk.ask(change(10)), desk.exposed()), (None, 1_000), "round {round}");
        desk.pass(1);
        match round {
            1 => desk.answer(Outcome::Refused(ExchangeError { code: -5027, msg: "same".into() })),
            _ => {
                let now =
                    OrderState { orig_qty: QtyLots(6), update_time: desk.now, ..resting.clone() };
                desk.answer(Outcome::Done(Answer::Order(Box::new(now))));
            }
        }
        assert_eq!(desk.exposed(), if round == 1 { 500 } else { 600 });
    }
}

#[test]
fn a_batch_goes_as_a_whole() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    let order = |id: &str, lots: i64| NewOrder::market(A, Side::Buy, QtyLots(lots), id);
    let too_much = Request::BatchOrders(vec![order("a1", 6), order("a2", 5)]);
    assert_eq!(desk.ask(too_much), Some("position_notional"));
    assert_eq!((desk.exposed(), desk.guard.opened.len()), (0, 0), "nothing of it counts");
    assert_eq!(desk.ask(Request::BatchOrders(vec![order("b1", 6), order("b2", 4)])), None);
    let rows = vec![
        Err(ExchangeError { code: -2019, msg: "no margin".into() }),
        Ok(state("b2", A, Side::Buy, 4, desk.now)),
    ];
    desk.answer(Outcome::Done(Answer::Orders(rows)));
    assert_eq!(desk.exposed(), 400, "one of them was refused");
}

#[test]
fn a_conditional_order_counts_until_it_ends() {
    let mut desk = Desk::new(GuardLimits { position_notional: usdt(1_000), ..limits() });
    let order = NewOrder {
        order_type: OrderType::StopMarket,
        trigger_price: Some(PriceTicks(125)),
        ..NewOrder::market(A, Side::Buy, QtyLots(8), "c1")
    };
    let mut algo = AlgoOrderState {
        algo_id: AlgoId(7),
        order: order.clone(),
        status: AlgoStatus::New,
        actual: None,
        reason: "".into(),
        create_time: desk.now,
        trigger_time: None,
        update_time: desk.now,
    };
    let tell = |desk: &mut Desk, algo: &AlgoOrderState| {
        let event = UserEvent::AlgoUpdate { order: Box::new(algo.clone()) };
        desk.hear(ExchangeEvent::User { account: AccountId(0), time: desk.now, event });
    };
    assert_eq!(desk.ask(Request::NewAlgoOrder(order.clone())), None);
    desk.answer(Outcome::Done(Answer::AlgoOrder(Box::new(algo.clone()))));
    assert_eq!(desk.exposed(), 1_000, "at its trigger");
    algo.status = AlgoStatus::Canceled;
    tell(&mut desk, &algo);
    assert_eq!(desk.exposed(), 0);
    // Another one is triggered: its order is heard of first.
    assert_eq!(desk.ask(Request::NewAlgoOrder(order.clone())), None);
    (algo.algo_id, algo.status) = (AlgoId(8), AlgoStatus::New);
    desk.answer(Outcome::Done(Answer::AlgoOrder(Box::new(algo.clone()))));
    desk.pass(1);
    let mut actual = state("x99", A, Side::Buy, 8, desk.now);
    desk.order_is(actual.clone());
    algo.status = AlgoStatus::Triggered;
    algo.actual = Some(engine::ActualOrder {
        order_id: actual.order_id,
        order_type: OrderType::Market,
        executed_qty: QtyLots(0),
        cum_quote: Decimal::ZERO,
    });
    tell(&mut desk, &algo);
    assert!(desk.exposed() <= 1_000, "they are one: {}", desk.exposed());
    desk.pass(1);
    (actual.executed_qty, actual.status) = (QtyLots(8), OrderStatus::Filled);
    actual.update_time = desk.now;
    desk.order_is(actual);
    desk.position(A, 8);
    assert_eq!(desk.exposed(), 800);
}

#[test]
fn whatever_is_asked_for_nothing_overflows() {
    let mut desk = Desk::new(GuardLimits { total_notional: usdt(1_000), ..limits() });
    for lots in [i64::MAX, i64::MIN, -1, 0] {
        let large = desk.market(A, Side::Buy, lots);
        assert_eq!(large, (lots > 0).then_some("total_notional"), "{lots}");
        desk.limit(Side::Sell, lots, i64::MAX);
    }
    desk.position(A, i64::MIN);
    desk.position(B, i64::MAX);
    assert_eq!(desk.market(A, Side::Buy, i64::MAX), None, "it closes");
    assert_eq!(desk.market(B, Side::Buy, 1), Some("total_notional"));
}

#[test]
fn what_was_refused_in_the_recording_does_not_count() {
    let mut desk = Desk::new(GuardLimits { orders_per_day: Some(1), ..limits() });
    desk.guard.decides_from = Nanos::NEVER;
    desk.guard.hold(killed());
    assert_eq!(desk.market(A, Side::Buy, 5), None, "the recording decides");
    let msg = "User can only place reduce only order (qsim: the kill switch is on)".into();
    desk.answer(Outcome::Refused(ExchangeError { code: -4087, msg }));
    assert_eq!((desk.exposed(), desk.guard.opened.len()), (0, 0));
    desk.guard.decides_from = FROM_NOW_ON;
    desk.guard.hold(Holds::default());
    assert_eq!(desk.market(A, Side::Buy, 5), None);
    assert_eq!(desk.market(A, Side::Buy, 5), Some("orders_per_day"));
}

#[path = "guard_properties.rs"]
mod properties;

#[path = "sweep_tests.rs"]
mod sweep;

#[test]
fn an_operator_hears_of_orders_fills_and_refusals() {
    let mut desk = Desk::new(GuardLimits { order_notional: usdt(1_000), ..limits() });
    let said = |desk: &mut Desk| {
        let mut notices = Vec::new();
        desk.guard.take_notices(&mut notices);
        let of = |one: Notice| format!("{:?} {}: {}", one.weight, one.what, one.text);
        notices.into_iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(desk.limit(Side::Buy, 10, 99), None);
    assert_eq!(said(&mut desk), ["Info order: request 1: BUY 10 AUSDT LIMIT at 99"]);
    desk.answer(Outcome::Refused(ExchangeError { code: -2019, msg: "No margin.".into() }));
    let refused = "Warning refused_by_venue: request 1, BUY 10 AUSDT LIMIT at 99, was refused: -2019 No margin.";
    assert_eq!(said(&mut desk), [refused]);
    assert_eq!(desk.market(B, Side::Sell, 11), Some("order_notional"));
    let limit = "order_notional is 1000 USDT, it would be 1100";
    let own = format!("Warning refused: request 2, SELL 11 BUSDT MARKET, was not sent: {limit}");
    assert_eq!(said(&mut desk), [own]);

    let mut order = state("o3", A, Side::Buy, 10, desk.now);
    (order.executed_qty, order.status) = (QtyLots(4), OrderStatus::PartiallyFilled);
    let fill = engine::Fill {
        trade_id: 1,
        time: desk.now,
        price: PriceTicks(98),
        qty: QtyLots(3),
        commission: Decimal::new(50, 2),
        realized_pnl: Decimal::ZERO,
        maker: false,
    };
    for (liquidation, wanted) in [(false, "Info fill: "), (true, "Error liquidation: liquidated: ")]
    {
        let event = UserEvent::OrderTradeUpdate {
            execution: ExecutionType::Trade,
            order: Box::new(order.clone()),
            fill: Some(fill.clone()),
            liquidation,
        };
        desk.hear(ExchangeEvent::User { account: AccountId(0), time: desk.now, event });
        let text =
            "BUY 3 AUSDT at 98, 4 of 10 filled; fee 0.5 USDT, profit 0 USDT; order o3".to_owned();
        assert_eq!(said(&mut desk), [format!("{wanted}{text}")]);
    }
}
