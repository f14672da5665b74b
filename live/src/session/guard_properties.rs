//! Whatever is asked for, and whenever its answers and events come: the limits hold at the venue, and what makes a position
//! smaller passes.

use std::collections::{BTreeSet, VecDeque};

use engine::{PositionRisk, RequestId};
use proptest::prelude::*;

use super::*;

/// In lots of 100 USDT.
const POSITION_MAX: i64 = 12;
const TOTAL_MAX: i64 = 18;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Order {
        symbol: u16,
        buys: bool,
        lots: i64,
        reduces: bool,
        rests: bool,
    },
    Change {
        order: usize,
        lots: i64,
    },
    Cancel {
        order: usize,
    },
    /// The oldest request under way comes to the venue.
    Arrives(Fate),
    /// A resting order fills in part.
    Fills {
        order: usize,
        lots: i64,
    },
    /// The next answer, or event of the stream, comes to the session.
    Answer,
    Event,
    /// The venue is asked for the positions; its answer is on its way.
    Positions,
    Kill(bool),
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Done,
    Refused,
    /// Done, and the answer got lost.
    Lost,
    /// It got lost itself.
    Never,
}

fn step() -> impl Strategy<Value = Step> {
    let order = (0..2_u16, any::<bool>(), 1..9_i64, prop::bool::weighted(0.3), any::<bool>());
    let fate = prop_oneof![
        8 => Just(Fate::Done),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Never),
    ];
    prop_oneof![
        6 => order.prop_map(|(symbol, buys, lots, reduces, rests)| Step::Order {
            symbol, buys, lots, reduces, rests
        }),
        1 => (0..6_usize, 1..12_i64).prop_map(|(order, lots)| Step::Change { order, lots }),
        1 => (0..6_usize).prop_map(|order| Step::Cancel { order }),
        6 => fate.prop_map(Step::Arrives),
        4 => (0..6_usize, 1..9_i64).prop_map(|(order, lots)| Step::Fills { order, lots }),
        5 => Just(Step::Answer),
        5 => Just(Step::Event),
        1 => Just(Step::Positions),
        1 => prop::bool::weighted(0.3).prop_map(Step::Kill),
    ]
}

/// The venue as it is, and what it has said that nobody has heard yet.
struct World {
    desk: Desk,
    positions: [i64; 2],
    changed: [Nanos; 2],
    open: Vec<OrderState>,
    under_way: VecDeque<(RequestId, Request)>,
    answers: VecDeque<ExchangeEvent>,
    stream: VecDeque<ExchangeEvent>,
    /// Nobody knows what became of some request.
    in_doubt: bool,
    /// Orders whose ids the session has heard: nobody changes another one.
    heard: BTreeSet<OrderId>,
}

fn reducible(position: i64, side: Side) -> i64 {
    (-position * side.sign()).max(0)
}

impl World {
    fn new() -> World {
        let limits = GuardLimits {
            position_notional: usdt(POSITION_MAX * PRICE),
            total_notional: usdt(TOTAL_MAX * PRICE),
            ..limits()
        };
        World {
            desk: Desk::new(limits),
            positions: [0; 2],
            changed: [Nanos::ZERO; 2],
            open: Vec::new(),
            under_way: VecDeque::new(),
            answers: VecDeque::new(),
            stream: VecDeque::new(),
            in_doubt: false,
            heard: BTreeSet::new(),
        }
    }

    /// Each order that may fill: symbol, side, lots, and whether it only reduces.
    fn may_fill(&self) -> Vec<(usize, Side, i64, bool)> {
        let mut all = Vec::new();
        for order in &self.open {
            let symbol = usize::from(order.symbol.0);
            // Of several changes under way one will be the last, whichever it is.
            let changed = self.under_way.iter().filter_map(|(_, request)| match request {
                Request::ModifyOrder(change) if change.order == OrderRef::Id(order.order_id) => {
                    Some(change.quantity.0)
                }
                _ => None,
            });
            let lots = changed.fold(order.orig_qty.0, i64::max) - order.executed_qty.0;
            all.push((symbol, order.side, lots, order.reduce_only));
        }
        for (_, request) in &self.under_way {
            if let Request::NewOrder(order) = request {
                let lots = order.quantity.map_or(0, |lots| lots.0);
                all.push((usize::from(order.symbol.0), order.side, lots, order.reduces()));
            }
        }
        all
    }

    /// The most lots that may come to be open in a symbol, whichever orders fill, and in whatever order.
    fn worst(&self, symbol: usize) -> i64 {
        let all = self.may_fill();
        let waiting = |side: Side| -> i64 {
            let opens = all
                .iter()
                .filter(|(of, is, _, reduces)| (*of, *is, *reduces) == (symbol, side, false));
            opens.map(|(_, _, lots, _)| lots).sum()
        };
        let position = self.positions[symbol];
        let long = position.max(0) + waiting(Side::Buy);
        let short = (-position).max(0) + waiting(Side::Sell);
        long.max(short)
    }

    /// Nothing is under way, and all has been heard.
    fn is_calm(&self) -> bool {
        !self.in_doubt
            && self.under_way.is_empty()
            && self.answers.is_empty()
            && self.stream.is_empty()
    }

    fn say(&mut self, event: UserEvent) {
        let time = self.desk.now;
        self.stream.push_back(ExchangeEvent::User { account: AccountId(0), time, event });
    }

    fn say_order(&mut self, execution: ExecutionType, order: &OrderState) {
        let order = Box::new(order.clone());
        self.say(UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation: false });
    }

    /// Fills some of an order; the events come in either order.
    fn fill(&mut self, order: &mut OrderState, lots: i64, position_first: bool) {
        self.desk.now = Nanos(self.desk.now.0 + 1_000_000);
        let symbol = usize::from(order.symbol.0);
        let room = match order.reduce_only {
            true => reducible(self.positions[symbol], order.side),
            false => i64::MAX,
        };
        let lots = lots.min(order.open_qty()).min(room);
        if lots > 0 {
            order.executed_qty.0 += lots;
            self.positions[symbol] += lots * order.side.sign();
            self.changed[symbol] = self.desk.now;
        }
        order.update_time = self.desk.now;
        order.status = match (order.open_qty(), lots) {
            (0, _) => OrderStatus::Filled,
            (_, 0) => OrderStatus::Expired,
            _ => OrderStatus::PartiallyFilled,
        };
        let update = UserEvent::AccountUpdate {
            reason: AccountUpdateReason::Order,
            balance: None,
            positions: vec![position(order.symbol, PositionSide::Both, self.positions[symbol])],
        };
        let execution = if lots > 0 { ExecutionType::Trade } else { ExecutionType::Expired };
        if position_first && lots > 0 {
            self.say(update);
            self.say_order(execution, order);
        } else {
            self.say_order(execution, order);
            if lots > 0 {
                self.say(update);
            }
        }
    }

    /// What the venue makes of a request.
    fn decide(&mut self, id: RequestId, request: Request) -> Outcome {
        let refused = |code: i32| Outcome::Refused(ExchangeError { code, msg: "no".into() });
        self.desk.now = Nanos(self.desk.now.0 + 1_000_000);
        match request {
            Request::NewOrder(asked) => {
                let symbol = usize::from(asked.symbol.0);
                let lots = asked.quantity.map_or(0, |lots| lots.0);
                if asked.reduces() && reducible(self.positions[symbol], asked.side) == 0 {
                    return refused(-2022);
                }
                let client = &asked.client_order_id.0;
                let mut order = state(client, asked.symbol, asked.side, lots, self.desk.now);
                order.reduce_only = asked.reduces();
                self.say_order(ExecutionType::New, &order);
                if asked.order_type == OrderType::Market {
                    self.fill(&mut order, lots, id.0.is_multiple_of(2));
                    if !order.status.is_terminal() {
                        order.status = OrderStatus::Expired;
                        self.say_order(ExecutionType::Expired, &order);
                    }
                } else {
                    self.open.push(order.clone());
                }
                Outcome::Done(Answer::Order(Box::new(order)))
            }
            Request::ModifyOrder(change) => {
                let found =
                    self.open.iter().position(|one| OrderRef::Id(one.order_id) == change.order);
                let Some(place) = found else { return refused(-2013) };
                if change.quantity.0 <= self.open[place].executed_qty.0 {
                    return refused(-4028);
                }
                self.open[place].orig_qty = change.quantity;
                self.open[place].update_time = self.desk.now;
                let order = self.open[place].clone();
                self.say_order(ExecutionType::Amendment, &order);
                Outcome::Done(Answer::Order(Box::new(order)))
            }
            Request::CancelOrder { order, .. } => {
                let found = self.open.iter().position(|one| OrderRef::Id(one.order_id) == order);
                let Some(place) = found else { return refused(-2011) };
                let mut order = self.open.remove(place);
                (order.status, order.update_time) = (OrderStatus::Canceled, self.desk.now);
                self.say_order(ExecutionType::Canceled, &order);
                Outcome::Done(Answer::Order(Box::new(order)))
            }
            other => panic!("{other:?} is not asked for here"),
        }
    }

    fn arrives(&mut self, fate: Fate) {
        let Some((request, asked)) = self.under_way.pop_front() else { return };
        self.in_doubt |= matches!(fate, Fate::Lost | Fate::Never);
        let outcome = match fate {
            Fate::Done => self.decide(request, asked),
            Fate::Lost => {
                self.decide(request, asked);
                Outcome::Unknown
            }
            Fate::Never => Outcome::Unknown,
            Fate::Refused => Outcome::Refused(ExchangeError { code: -2019, msg: "no".into() }),
        };
        self.answers.push_back(ExchangeEvent::Response { to: ServiceId(0), request, outcome });
    }

    fn positions(&mut self) {
        let row = |symbol: u16| PositionRisk {
            symbol: SymbolIndex(symbol),
            position_side: PositionSide::Both,
            position_amt: QtyLots(self.positions[usize::from(symbol)]),
            entry_price: Decimal::from(PRICE),
            break_even_price: Decimal::from(PRICE),
            mark_price: PriceTicks(PRICE),
            unrealized_profit: Decimal::ZERO,
            liquidation_price: Decimal::ZERO,
            leverage: 1,
            margin_type: engine::MarginType::Crossed,
            isolated_wallet: Decimal::ZERO,
            initial_margin: Decimal::ZERO,
            maint_margin: Decimal::ZERO,
            update_time: self.changed[usize::from(symbol)],
        };
        let outcome = Outcome::Done(Answer::PositionRisk([row(0), row(1)].into()));
        let request = RequestId(u64::MAX);
        self.answers.push_back(ExchangeEvent::Response { to: ServiceId(0), request, outcome });
    }

    fn hear(&mut self, event: ExchangeEvent) {
        match &event {
            ExchangeEvent::Response { outcome: Outcome::Done(Answer::Order(order)), .. }
            | ExchangeEvent::User { event: UserEvent::OrderTradeUpdate { order, .. }, .. } => {
                self.heard.insert(order.order_id);
            }
            _ => {}
        }
        self.desk.hear(event);
    }

    /// An order that rests, if the session knows it.
    fn known(&self, place: usize) -> Option<&OrderState> {
        self.open.get(place).filter(|order| self.heard.contains(&order.order_id))
    }

    /// Asks the guard, and says whether it let the request pass.
    fn ask(&mut self, request: Request) -> bool {
        let passed = self.desk.ask(request.clone()).is_none();
        if passed {
            self.under_way.push_back((RequestId(self.desk.requests), request));
        }
        passed
    }

    fn order(&mut self, order: NewOrder) -> Result<(), TestCaseError> {
        let (symbol, side) = (usize::from(order.symbol.0), order.side);
        let (lots, reduces) = (order.quantity.map_or(0, |lots| lots.0), order.reduces());
        let all = self.may_fill();
        let closing =
            all.iter().filter(|(of, is, _, only)| (*of, *is, *only) == (symbol, side, false));
        let closing: i64 = closing.map(|(_, _, lots, _)| lots).sum();
        let closes = reducible(self.positions[symbol], side) >= closing + lots;
        let known = self.is_calm();
        let before = (self.worst(0), self.worst(1));
        let passed = self.ask(Request::NewOrder(order));
        if reduces || (known && closes) {
            prop_assert!(passed, "it makes the position smaller");
        }
        if passed && self.desk.guard.holds().killed.is_on() && known {
            prop_assert_eq!((self.worst(0), self.worst(1)), before, "nothing opens");
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Order { symbol, buys, lots, reduces, rests } => {
                let side = if buys { Side::Buy } else { Side::Sell };
                let id = format!("o{}", self.desk.requests + 1);
                let order = NewOrder::market(SymbolIndex(symbol), side, QtyLots(lots), &id);
                let reduce_only = reduces.then_some(true);
                let order = match rests {
                    true => NewOrder {
                        order_type: OrderType::Limit,
                        time_in_force: Some(TimeInForce::Gtc),
                        price: Some(PriceTicks(PRICE)),
                        reduce_only,
                        ..order
                    },
                    false => NewOrder { reduce_only, ..order },
                };
                self.order(order)?;
            }
            Step::Change { order, lots } => {
                let Some(order) = self.known(order) else { return Ok(()) };
                let change = ModifyOrder {
                    symbol: order.symbol,
                    order: OrderRef::Id(order.order_id),
                    side: order.side,
                    quantity: QtyLots(lots),
                    price: Some(PriceTicks(PRICE)),
                    price_match: None,
                };
                self.ask(Request::ModifyOrder(change));
            }
            Step::Cancel { order } => {
                let Some(order) = self.known(order) else { return Ok(()) };
                let (symbol, order) = (order.symbol, OrderRef::Id(order.order_id));
                prop_assert!(self.ask(Request::CancelOrder { symbol, order }), "a cancel passes");
            }
            Step::Arrives(fate) => self.arrives(fate),
            Step::Fills { order, lots } => {
                if order < self.open.len() {
                    let mut one = self.open.remove(order);
                    self.fill(&mut one, lots, lots % 2 == 0);
                    if !one.status.is_terminal() {
                        self.open.push(one);
                    }
                }
            }
            Step::Answer => {
                if let Some(event) = self.answers.pop_front() {
                    self.hear(event);
                }
            }
            Step::Event => {
                if let Some(event) = self.stream.pop_front() {
                    self.hear(event);
                }
            }
            Step::Positions => self.positions(),
            Step::Kill(on) => self.desk.guard.hold(if on { killed() } else { Holds::default() }),
        }
        let (a, b) = (self.worst(0), self.worst(1));
        prop_assert!(a <= POSITION_MAX && b <= POSITION_MAX, "{a} and {b} lots may be open");
        prop_assert!(a + b <= TOTAL_MAX, "{a} and {b} lots may be open");
        Ok(())
    }

    /// All that is on its way comes, and the orders that rest are cancelled.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        while !self.under_way.is_empty() {
            self.arrives(Fate::Done);
        }
        while let Some(order) = self.open.first() {
            let (symbol, order) = (order.symbol, OrderRef::Id(order.order_id));
            prop_assert!(self.ask(Request::CancelOrder { symbol, order }), "a cancel passes");
            self.arrives(Fate::Done);
        }
        for event in
            std::mem::take(&mut self.stream).into_iter().chain(std::mem::take(&mut self.answers))
        {
            self.desk.hear(event);
        }
        Ok(())
    }
}

fn hold(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for step in steps {
        world.step(step)?;
    }
    // Nothing counts that is not there: two minutes later only the positions are left.
    world.settle()?;
    world.positions();
    world.desk.pass(120);
    let answer = world.answers.pop_front();
    answer.into_iter().for_each(|event| world.desk.hear(event));
    world.desk.guard.exposure.forget(world.desk.now);
    let held: i64 = world.positions.iter().map(|lots| lots.abs()).sum();
    prop_assert_eq!(world.desk.exposed(), held * PRICE);
    Ok(())
}

/// An order of seven rests unheard of, another of one is changed to six and refused, twice.
#[test]
fn a_change_that_was_refused_leaves_nothing_behind() -> Result<(), TestCaseError> {
    let rests = |lots| Step::Order { symbol: 1, buys: true, lots, reduces: false, rests: true };
    let change = |lots| Step::Change { order: 0, lots };
    hold(vec![
        rests(7),
        rests(1),
        Step::Arrives(Fate::Lost),
        Step::Arrives(Fate::Done),
        Step::Answer,
        Step::Answer,
        Step::Fills { order: 0, lots: 1 },
        change(1),
        change(6),
        change(6),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn limits_hold_and_closes_pass(steps in prop::collection::vec(step(), 1..80)) {
        hold(steps)?;
    }
}
