//! Random orders under a random mix of faults and events: whatever strikes, the books are right.
//!
//! After each step money is conserved, each position is what it was at the start and the fills of its
//! orders since, and open orders are those that are not over. At the end each request has been answered
//! once.

use std::collections::BTreeMap;

use engine::{
    AccountId, Exchange, ExchangeEvent, MarginType, MarketData, MarketEvent, NamedRng, Nanos,
    NewOrder, OrderRef, PositionSide, PriceTicks, QtyLots, Request, RequestId, Sender, ServiceId,
    Side, Symbol, SymbolIndex, TimeInForce, Trade, TradeOrigin,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{START, account_of, toy_with};
use crate::{
    ExchangeConfig, FaultFilter, FaultKind, FillRest, ForcedLimit, Funding, InitialPosition,
    MarketDepth, Profile, RequestKind, SimExchange, TimeOutAnswer, VenueChange, VenueEvent,
    VenueFault,
};

const STEPS: u64 = 150;

fn symbol(number: u64) -> Symbol {
    Symbol::new(["AUSDT", "BUSDT"][number as usize]).unwrap()
}

fn span(rng: &mut NamedRng) -> Nanos {
    Nanos::from_millis(1 + rng.below(4_000) as i64)
}

fn kind(rng: &mut NamedRng) -> FaultKind {
    let half = |rng: &mut NamedRng| rng.below(2) == 0;
    match rng.below(12) {
        0 | 1 => FaultKind::TimeOut {
            executed: half(rng),
            answer: if half(rng) { TimeOutAnswer::Code } else { TimeOutAnswer::None },
            after: span(rng),
        },
        2 => FaultKind::Refuse { code: -2019, msg: None },
        3 => FaultKind::RateLimit { limit: ForcedLimit::Orders10s },
        4 => FaultKind::Ban,
        5 => FaultKind::LoseUserStream,
        6 => FaultKind::DelayUserStream { by: span(rng) },
        7 => FaultKind::ExpireListenKey,
        8 => FaultKind::Slippage { ticks: 1 + rng.below(9) as u32 },
        9 => FaultKind::SkewClock { ahead_ms: rng.below(20_000) as i64 - 10_000 },
        _ => FaultKind::PartialFills {
            part: Decimal::new(rng.below(100) as i64, 2),
            rest: if rng.below(3) > 0 { FillRest::Later } else { FillRest::Expires },
            parts: 1 + rng.below(5) as u32,
            every: span(rng),
        },
    }
}

fn fault(rng: &mut NamedRng) -> VenueFault {
    let what = kind(rng);
    let from = START + Nanos::from_secs(rng.below(100) as i64);
    let until = (rng.below(4) > 0).then(|| from + Nanos::from_secs(1 + rng.below(30) as i64));
    let single = matches!(
        what,
        FaultKind::TimeOut { .. } | FaultKind::Refuse { .. } | FaultKind::PartialFills { .. }
    );
    let mut fault = VenueFault { until, ..VenueFault::new(from, what) };
    if fault.what == FaultKind::Ban {
        fault.until = Some(from + Nanos::from_secs(3));
    }
    if single {
        fault.share = Decimal::new(1 + rng.below(100) as i64, 2);
        fault.next = (rng.below(2) == 0).then(|| 1 + rng.below(20) as u32);
        let kinds = [RequestKind::All, RequestKind::Orders, RequestKind::Opens, RequestKind::Exits];
        fault.who = FaultFilter {
            account: (rng.below(3) == 0).then(|| AccountId(rng.below(2) as u16)),
            requests: kinds[rng.below(4) as usize],
            symbol: (rng.below(3) == 0).then(|| symbol(rng.below(2))),
        };
    }
    fault
}

fn event(rng: &mut NamedRng) -> VenueEvent {
    let at = START + Nanos::from_secs(1 + rng.below(100) as i64);
    let until = at + Nanos::from_secs(1 + rng.below(15) as i64);
    let symbol = symbol(rng.below(2));
    let what = match rng.below(6) {
        0 => VenueChange::Maintenance { until },
        1 => VenueChange::SymbolHalted { symbol, until },
        2 => VenueChange::SymbolDelisted { symbol },
        3 => VenueChange::StuckMark { symbol, until },
        4 => VenueChange::FundingSpike { symbol, rate: Decimal::new(2, 2) },
        _ => VenueChange::TestnetReset { wallet: None },
    };
    VenueEvent { at, what }
}

fn position(account: u16, number: u64, rng: &mut NamedRng) -> Option<InitialPosition> {
    let amt = rng.below(41) as i64 - 20;
    (amt != 0).then(|| InitialPosition {
        account: AccountId(account),
        symbol: symbol(number),
        amt: amt.into(),
        position_side: None,
        entry_price: (rng.below(2) == 0).then(|| Decimal::new(9_500 + rng.below(1_000) as i64, 2)),
        leverage: None,
        margin_type: (rng.below(3) == 0).then_some(MarginType::Isolated),
    })
}

fn venue(rng: &mut NamedRng) -> SimExchange {
    let change = |config: &mut ExchangeConfig| {
        config.seed = rng.next_u64();
        config.further_accounts = vec![account_of(600)];
        config.hedge_mode = rng.below(3) == 0;
        let profile = [Profile::Fast, Profile::Standard][rng.below(2) as usize];
        config.fills = profile.fills(MarketDepth::Trades);
        config.faults = (0..1 + rng.below(6)).map(|_| fault(rng)).collect();
        config.events = (0..rng.below(3)).map(|_| event(rng)).collect();
        for (account, number) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            config.positions.extend(position(account, number, rng));
        }
    };
    toy_with(3_000, Funding::Data, change)
}

struct Flow {
    rng: NamedRng,
    exchange: SimExchange,
    now: Nanos,
    prices: [i64; 2],
    asked: BTreeMap<RequestId, u32>,
}

impl Flow {
    fn order(&mut self, account: AccountId) -> NewOrder {
        let (number, rng) = (self.rng.below(2) as usize, &mut self.rng);
        let side = [Side::Buy, Side::Sell][rng.below(2) as usize];
        let lots =
            if number == 0 { 20 * (1 + rng.below(15) as i64) } else { 1 + rng.below(40) as i64 };
        let price = self.prices[number] / 10 * 10 + 10 * (rng.below(9) as i64 - 4);
        let symbol = SymbolIndex(number as u16);
        let name = format!("o{}", rng.below(40));
        let tif = [TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]
            [rng.below(4) as usize];
        let mut order = match rng.below(2) {
            0 => NewOrder::market(symbol, side, QtyLots(lots), &name),
            _ => NewOrder::limit(symbol, side, QtyLots(lots), PriceTicks(price), tif, &name),
        };
        if self.exchange.accounts[usize::from(account.0)].dual {
            let sides = [PositionSide::Long, PositionSide::Short];
            order.position_side = Some(sides[rng.below(2) as usize]);
        } else if rng.below(3) == 0 {
            order.reduce_only = Some(true);
        }
        order
    }

    fn request(&mut self, account: AccountId) -> Request {
        let symbol = SymbolIndex(self.rng.below(2) as u16);
        match self.rng.below(14) {
            0 => Request::CancelAllOpenOrders { symbol },
            1 => Request::PositionRisk,
            2 => Request::SetLeverage { symbol, leverage: 5 + self.rng.below(10) as u32 },
            3 => Request::SetPositionMode { dual: self.rng.below(2) == 0 },
            4 => Request::SetMarginType { symbol, margin_type: MarginType::Isolated },
            5 | 6 => {
                let open = self.exchange.open_orders_of(account);
                let Some(order) = open.get(self.rng.below(open.len() as u64) as usize) else {
                    return Request::Account;
                };
                let (symbol, id, side) = (order.symbol, order.order_id, order.side);
                let (order, quantity) = (OrderRef::Id(id), order.orig_qty);
                if self.rng.below(2) == 0 {
                    return Request::CancelOrder { symbol, order };
                }
                let price = self.prices[usize::from(symbol.0)] / 10 * 10;
                Request::ModifyOrder(engine::ModifyOrder {
                    symbol,
                    order,
                    side,
                    quantity,
                    price: Some(PriceTicks(price + 10 * (self.rng.below(9) as i64 - 4))),
                    price_match: None,
                })
            }
            _ => Request::NewOrder(self.order(account)),
        }
    }

    fn step(&mut self, number: u64) {
        self.now += Nanos::from_millis(self.rng.below(1_500) as i64);
        let account = AccountId(self.rng.below(2) as u16);
        if self.rng.below(2) == 0 || number < 2 {
            let symbol = self.rng.below(2) as usize;
            let by = if self.rng.below(30) == 0 { 150 } else { 12 };
            let price = &mut self.prices[symbol];
            *price = (*price + self.rng.below(2 * by + 1) as i64 - by as i64).clamp(300, 3_000);
            let trade = Trade {
                price: PriceTicks(*price),
                qty: QtyLots(200),
                buyer_is_maker: false,
                origin: TradeOrigin::Tape,
            };
            let data = MarketData::Trade(trade);
            self.exchange.observe(&MarketEvent::new(self.now, SymbolIndex(symbol as u16), data));
        } else {
            let (request, id) = (self.request(account), RequestId(number));
            self.asked.insert(id, 0);
            let from = Sender { service: ServiceId(0), account };
            self.exchange.submit(self.now, from, id, request);
        }
        self.advance();
    }

    fn advance(&mut self) {
        let mut out = Vec::new();
        self.exchange.advance(self.now, &mut out);
        for event in out {
            if let ExchangeEvent::Response { request, .. } = event {
                *self.asked.get_mut(&request).unwrap() += 1;
            }
        }
        self.check();
    }

    fn check(&self) {
        let exchange = &self.exchange;
        exchange.check_conservation().unwrap();
        assert_eq!(exchange.ledger_sum(), Decimal::ZERO);
        let is_reset = |e: &VenueEvent| matches!(e.what, VenueChange::TestnetReset { .. });
        let after_reset = exchange.config.events.iter().any(|e| is_reset(e) && e.at <= self.now);
        for account in [0, 1].map(AccountId) {
            for (number, place) in [0, 1].map(|n| (n, SymbolIndex(n))) {
                let is_own = |held: &InitialPosition| {
                    held.account == account && held.symbol == symbol(number.into())
                };
                let stated = exchange.config.positions.iter().enumerate();
                let opened = stated.filter(|(at, held)| {
                    is_own(held) && !after_reset && !exchange.awaited.contains(at)
                });
                let scale = Decimal::from([10, 1][usize::from(number)]);
                let initial: Vec<i64> =
                    opened.map(|(_, held)| i64::try_from(held.amt * scale).unwrap()).collect();
                let fills: i64 = exchange
                    .orders_of(account)
                    .filter(|order| order.symbol == place)
                    .map(|order| order.side.sign() * order.executed_qty.0)
                    .sum();
                let sides = PositionSide::ALL.iter();
                let held: i64 =
                    sides.map(|side| exchange.position_amt(account, place, *side).0).sum();
                // A position of before the start may have been refused, which a warning says: then any of them.
                let refused = exchange.warnings().iter().any(|w| w.contains("is not opened"));
                let all = (1_usize << initial.len()) - 1;
                let mut sums = (if refused { 0 } else { all }..=all).map(|those| {
                    let taken = initial.iter().enumerate().filter(|(n, _)| (those >> n) & 1 == 1);
                    taken.map(|(_, amount)| amount).sum::<i64>()
                });
                let fits = sums.any(|initial| held == initial + fills);
                let told = exchange.warnings();
                assert!(fits, "positions are their fills: {held}, {initial:?}, {fills}, {told:?}");
            }
            let live = exchange.orders_of(account).filter(|order| !order.status.is_terminal());
            let live: Vec<_> = live.map(|order| order.order_id).collect();
            let open: Vec<_> =
                exchange.open_orders_of(account).iter().map(|order| order.order_id).collect();
            assert_eq!(open, live, "an order that is not over is open");
        }
    }
}

fn flow(seed: u64) -> Flow {
    let mut rng = NamedRng::new(seed, "fault flow");
    let exchange = venue(&mut rng);
    let asked = BTreeMap::new();
    let mut flow = Flow { rng, exchange, now: START, prices: [1_000, 1_000], asked };
    flow.check();
    for number in 0..STEPS {
        flow.step(number);
    }
    flow.now += Nanos::from_secs(60);
    flow.advance();
    flow
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn books_are_right_whatever_strikes(seed in any::<u64>()) {
        let flow = flow(seed);
        let unanswered = flow.asked.iter().find(|(_, answers)| **answers != 1);
        prop_assert_eq!(unanswered, None, "each request is answered once");
    }
}

#[test]
fn much_strikes_in_these_flows() {
    let (mut strikes, mut lost, mut fills, mut liquidations, mut in_parts) = (0, 0, 0, 0, 0);
    for seed in 0..100 {
        let Flow { exchange, .. } = flow(seed);
        strikes += exchange.fault_strikes();
        lost += exchange.user_events_lost();
        for account in [0, 1].map(AccountId) {
            let report = exchange.report_of(account);
            fills += report.symbols.iter().map(|(_, counts)| counts.fills).sum::<u64>();
            liquidations +=
                report.symbols.iter().map(|(_, counts)| counts.liquidations).sum::<u64>();
        }
        in_parts += exchange.parts_filled();
    }
    let least = [(strikes, 2_000), (lost, 500), (fills, 1_500), (liquidations, 20), (in_parts, 20)];
    assert!(least.iter().all(|(count, least)| count >= least), "{least:?}");
}
