//! Whatever happens, money is conserved and no rule of orders is broken.

use engine::{
    AccountId, ClientOrderId, Exchange, ExchangeEvent, MarginType, MarketData, MarketEvent, Nanos,
    NewOrder, OrderRef, OrderType, PriceTicks, QtyLots, Request, RequestId, Sender, ServiceId,
    Side, SymbolIndex, TimeInForce, Trade, TradeOrigin, UserEvent,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rust_decimal::Decimal;

use super::margin_call::the_called_are_in_danger;
use super::{START, toy, toy_with};
use crate::{Collateral, CollateralPrice, Funding, SimExchange};

#[derive(Clone, Debug)]
enum Step {
    Trade { symbol: u16, permille: i64 },
    Bar { symbol: u16, moves: [i64; 4] },
    Mark { symbol: u16, permille: i64 },
    Funding { symbol: u16, rate: i64 },
    Order { symbol: u16, buy: bool, qty: i64, offset: Option<i64>, tif: u8, reduce_only: bool },
    Cancel { symbol: u16, id: u64 },
    Leverage { symbol: u16, leverage: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let symbol = 0u16..2;
    let moved = 900i64..1_110;
    let trade = (symbol.clone(), moved.clone())
        .prop_map(|(symbol, permille)| Step::Trade { symbol, permille });
    let bar = (symbol.clone(), prop::array::uniform4(950i64..1_050))
        .prop_map(|(symbol, moves)| Step::Bar { symbol, moves });
    let mark =
        (symbol.clone(), moved).prop_map(|(symbol, permille)| Step::Mark { symbol, permille });
    let funding = (symbol.clone(), -3_000_000i64..3_000_000)
        .prop_map(|(symbol, rate)| Step::Funding { symbol, rate });
    let order = (
        symbol.clone(),
        any::<bool>(),
        1i64..400,
        prop::option::of(-8i64..8),
        0u8..4,
        any::<bool>(),
    )
        .prop_map(|(symbol, buy, qty, offset, tif, reduce_only)| Step::Order {
            symbol,
            buy,
            qty,
            offset,
            tif,
            reduce_only,
        });
    let cancel = (symbol.clone(), 0u64..60).prop_map(|(symbol, id)| Step::Cancel { symbol, id });
    let leverage =
        (symbol, 1u32..25).prop_map(|(symbol, leverage)| Step::Leverage { symbol, leverage });
    let step = prop_oneof![
        6 => trade, 2 => bar, 1 => mark, 1 => funding, 8 => order, 1 => cancel, 1 => leverage,
    ];
    prop::collection::vec(step, 1..400)
}

struct Run {
    exchange: SimExchange,
    now: Nanos,
    price: [i64; 2],
    requests: u64,
}

impl Run {
    fn market(&mut self, symbol: u16, data: MarketData) {
        let event = MarketEvent::new(self.now, SymbolIndex(symbol), data);
        self.exchange.observe(&event);
    }

    fn moved(&mut self, symbol: u16, permille: i64) -> PriceTicks {
        let price = &mut self.price[usize::from(symbol)];
        *price = (*price * permille / 1_000).clamp(10, 100_000_000_000);
        PriceTicks(*price)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Trade { symbol, permille } => {
                let trade = Trade {
                    price: self.moved(symbol, permille),
                    qty: QtyLots(1),
                    buyer_is_maker: false,
                    origin: TradeOrigin::Tape,
                };
                self.market(symbol, MarketData::Trade(trade));
            }
            Step::Bar { symbol, moves } => {
                let points = moves.map(|m| self.moved(symbol, m));
                let bar = engine::Bar {
                    open: points[0],
                    high: *points.iter().max().unwrap(),
                    low: *points.iter().min().unwrap(),
                    close: points[3],
                    volume: QtyLots(1),
                    interval_ms: 1,
                    path_passed: false,
                };
                self.market(symbol, MarketData::Bar(bar));
            }
            Step::Mark { symbol, permille } => {
                let price = PriceTicks((self.price[usize::from(symbol)] * permille / 1_000).max(1));
                self.market(symbol, MarketData::MarkPrice(price));
            }
            Step::Funding { symbol, rate } => self.market(symbol, MarketData::FundingRate(rate)),
            ref other => {
                let request = self.request(other);
                self.requests += 1;
                let from = Sender { service: ServiceId(0), account: AccountId(0) };
                self.exchange.submit(self.now, from, RequestId(self.requests), request);
            }
        }
    }

    fn request(&self, step: &Step) -> Request {
        match *step {
            Step::Cancel { symbol, id } => Request::CancelOrder {
                symbol: SymbolIndex(symbol),
                order: OrderRef::Client(ClientOrderId(format!("o{id}").into())),
            },
            Step::Leverage { symbol, leverage } => {
                Request::SetLeverage { symbol: SymbolIndex(symbol), leverage }
            }
            Step::Order { symbol, buy, qty, offset, tif, reduce_only } => {
                let tifs = [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtx];
                let last = self.price[usize::from(symbol)];
                // Symbol 0 has lots of tenths and a step of two.
                let scale = if symbol == 0 { 20 } else { 1 };
                let side = if buy { Side::Buy } else { Side::Sell };
                let (quantity, id) = (QtyLots(qty * scale), format!("o{}", self.requests));
                Request::NewOrder(NewOrder {
                    order_type: if offset.is_some() { OrderType::Limit } else { OrderType::Market },
                    time_in_force: offset.map(|_| tifs[usize::from(tif)]),
                    price: offset
                        .map(|o| PriceTicks(last / 10 * 10 + o * (last / 400 / 10 * 10).max(10))),
                    reduce_only: Some(reduce_only),
                    ..NewOrder::market(SymbolIndex(symbol), side, quantity, &id)
                })
            }
            _ => panic!("not a request"),
        }
    }
}

/// Fills per symbol as the client sees them, and whether each event is allowed.
fn take(out: &[ExchangeEvent], filled: &mut [i64; 2]) {
    for event in out {
        if let ExchangeEvent::User {
            event: UserEvent::OrderTradeUpdate { order, fill: Some(fill), .. },
            ..
        } = event
        {
            assert!(order.executed_qty <= order.orig_qty, "no order is over-filled");
            let position = &mut filled[usize::from(order.symbol.0)];
            let before = *position;
            *position += order.side.sign() * fill.qty.0;
            if order.reduce_only {
                assert!(
                    position.abs() < before.abs() && *position * before >= 0,
                    "reduce-only reduces"
                );
            }
        }
    }
}

fn drive(steps: &[Step], prices: [i64; 2], wallet: i64) -> (u64, u64) {
    drive_on(steps, prices, toy(wallet, Funding::Data))
}

fn drive_on(steps: &[Step], prices: [i64; 2], exchange: SimExchange) -> (u64, u64) {
    let mut run = Run { exchange, now: START, price: prices, requests: 0 };
    let (mut filled, mut out) = ([0i64; 2], Vec::new());
    for step in steps {
        run.step(step);
        run.now += Nanos::from_millis(10);
        out.clear();
        run.exchange.advance(run.now, &mut out);
        take(&out, &mut filled);
        run.exchange.check_conservation().unwrap();
        the_called_are_in_danger(&run.exchange);
        for (n, filled) in filled.iter().enumerate() {
            assert_eq!(
                run.exchange.accounts[0].holdings[n].positions[0].qty, *filled,
                "positions are sums of fills"
            );
        }
        let account = run.exchange.account_balance();
        if filled == [0, 0] {
            let backed = !run.exchange.accounts[0].collateral.is_empty();
            assert!(
                backed || account.wallet_balance >= Decimal::ZERO,
                "a flat account owes nothing"
            );
        } else {
            assert!(
                account.maint_margin <= account.margin_balance,
                "the bands let no liquidation slip"
            );
        }
    }
    let report = run.exchange.report().symbols;
    let sum = |of: fn(&crate::SymbolCounts) -> u64| report.iter().map(|(_, c)| of(c)).sum();
    (sum(|c| c.fills), sum(|c| c.liquidations))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved(steps in steps(), small in 20i64..200, large in 1_000_000i64..100_000_000, wallet in 10i64..1_000_000) {
        drive(&steps, [1_000, small], wallet);
        drive(&steps, [900_000, large], wallet);
        let isolated = toy_with(wallet, Funding::Data, |config| {
            let symbols = config.instruments.iter().map(|instrument| instrument.symbol);
            config.margin_type = symbols.map(|symbol| (symbol, MarginType::Isolated)).collect();
        });
        drive_on(&steps, [1_000, small], isolated);
        let multi = toy_with(wallet / 2, Funding::Data, |config| {
            let price = CollateralPrice::MarkOf(config.instruments[1].symbol);
            let amount = Decimal::new(wallet, 1);
            let asset = engine::Symbol::new("BTC").unwrap();
            config.collateral = vec![Collateral { asset, amount, price }];
            config.multi_assets = true;
        });
        drive_on(&steps, [1_000, small], multi);
    }
}

/// The random steps must reach what they are meant to prove.
#[test]
fn random_steps_fill_and_liquidate() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut fills, mut liquidations) = (0, 0);
    for _ in 0..120 {
        let tree = steps().new_tree(&mut runner).unwrap();
        let (f, l) = drive(&tree.current(), [1_000, 100], 3_000);
        (fills, liquidations) = (fills + f, liquidations + l);
    }
    assert!(fills > 500 && liquidations > 10, "{fills} fills, {liquidations} liquidations");
}
