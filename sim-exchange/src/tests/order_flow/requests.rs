//! What an account asks in one step.

use engine::{
    AccountId, AlgoRef, AlgoStatus, ClientOrderId, MarginType, ModifyOrder, NewOrder, OrderRef,
    OrderState, PositionSide, PriceMatch, QtyLots, Request, Side, SymbolIndex,
};
use rust_decimal::Decimal;

use super::Episode;
use super::weather::{one_in, pick};

impl Episode {
    pub(super) fn draw_requests(&mut self, account: AccountId) -> Vec<Request> {
        let symbol = SymbolIndex(self.rng.below(2) as u16);
        if one_in(&mut self.rng, 80) {
            return self.start_anew(account);
        }
        vec![match self.rng.below(100) {
            0..=39 => Request::NewOrder(self.orderer(account, symbol).plain()),
            40..=53 => self.conditional(account, symbol),
            54..=57 => {
                let count = self.rng.below(7) as usize;
                let orders = (0..count).map(|n| self.of_batch(account, symbol, n));
                Request::BatchOrders(orders.collect())
            }
            58..=63 => Request::CancelOrder { symbol, order: self.some_order(account, symbol) },
            64 => {
                let count = self.rng.below(4) as usize;
                let orders = (0..count).map(|_| self.some_order(account, symbol)).collect();
                Request::BatchCancel { symbol, orders }
            }
            65 => Request::CancelAllOpenOrders { symbol },
            66..=67 => Request::CountdownCancelAll {
                symbol,
                countdown: engine::Nanos::from_millis(self.rng.below(4_000) as i64),
            },
            68..=75 => Request::ModifyOrder(self.amendment(account, symbol)),
            76 => {
                let count = self.rng.below(4) as usize;
                let changes = (0..count).map(|_| self.amendment(account, symbol)).collect();
                Request::BatchModify(changes)
            }
            77..=79 => Request::SetLeverage { symbol, leverage: self.rng.below(60) as u32 },
            80..=81 => self.margin_type(symbol),
            82 => Request::SetPositionMode { dual: one_in(&mut self.rng, 2) },
            83..=86 => self.position_margin(account, symbol),
            87 => Request::QueryOrder { symbol, order: self.some_order(account, symbol) },
            88..=90 => Request::OpenOrders { symbol: None },
            91 => Request::PositionRisk,
            92 => Request::Account,
            93..=95 => Request::CancelAlgoOrder { order: self.some_algo(account) },
            96 => Request::CancelAllAlgoOrders { symbol },
            97 => Request::OpenAlgoOrders { symbol: None },
            98 => Request::TestOrder(self.orderer(account, symbol).plain()),
            _ => Request::AdlQuantile,
        }]
    }

    /// Mode and margin type change only where nothing is held and nothing is open.
    fn start_anew(&mut self, account: AccountId) -> Vec<Request> {
        let mut requests = Vec::new();
        let hedge = self.exchange.accounts[usize::from(account.0)].dual;
        for symbol in [0, 1].map(SymbolIndex) {
            requests.push(Request::CancelAllOpenOrders { symbol });
            requests.push(Request::CancelAllAlgoOrders { symbol });
            for place in PositionSide::ALL {
                let held = self.observer.seen[usize::from(account.0)].position(symbol, *place);
                if held == 0 {
                    continue;
                }
                let side = if held > 0 { Side::Sell } else { Side::Buy };
                let name = format!("anew-{}-{}", self.requests, requests.len());
                requests.push(Request::NewOrder(NewOrder {
                    position_side: hedge.then_some(*place),
                    reduce_only: (!hedge).then_some(true),
                    ..NewOrder::market(symbol, side, QtyLots(held.abs()), &name)
                }));
            }
            requests.push(self.margin_type(symbol));
        }
        requests.push(Request::SetPositionMode { dual: !hedge });
        requests
    }

    fn margin_type(&mut self, symbol: SymbolIndex) -> Request {
        let margin_type = pick(&mut self.rng, &[MarginType::Crossed, MarginType::Isolated]);
        Request::SetMarginType { symbol, margin_type }
    }

    /// Most of them take the route of their time.
    fn conditional(&mut self, account: AccountId, symbol: SymbolIndex) -> Request {
        let order = self.orderer(account, symbol).conditional();
        if self.exchange.has_algo_service() ^ one_in(&mut self.rng, 20) {
            Request::NewAlgoOrder(order)
        } else {
            Request::NewOrder(order)
        }
    }

    fn of_batch(&mut self, account: AccountId, symbol: SymbolIndex, number: usize) -> NewOrder {
        let mut order = self.orderer(account, symbol).plain();
        order.client_order_id = ClientOrderId(format!("b{}-{number}", self.requests).into());
        order
    }

    fn open(&mut self, account: AccountId, symbol: SymbolIndex) -> Option<OrderState> {
        let seen = &self.observer.seen[usize::from(account.0)];
        let open: Vec<&OrderState> = seen.open_orders().filter(|o| o.symbol == symbol).collect();
        if open.is_empty() {
            return None;
        }
        let order = open[self.rng.below(open.len() as u64) as usize];
        Some(order.clone())
    }

    /// Mostly an open one, by its id or by its name.
    fn some_order(&mut self, account: AccountId, symbol: SymbolIndex) -> OrderRef {
        match self.open(account, symbol).filter(|_| !one_in(&mut self.rng, 10)) {
            Some(order) if one_in(&mut self.rng, 2) => OrderRef::Id(order.order_id),
            Some(order) => OrderRef::Client(order.client_order_id),
            None => OrderRef::Id(engine::OrderId(self.rng.below(200))),
        }
    }

    fn some_algo(&mut self, account: AccountId) -> AlgoRef {
        let seen = &self.observer.seen[usize::from(account.0)];
        let open = seen.algos.values().filter(|algo| algo.status == AlgoStatus::New);
        let open: Vec<engine::AlgoId> = open.map(|algo| algo.algo_id).collect();
        if open.is_empty() {
            return AlgoRef::Id(engine::AlgoId(self.rng.below(50)));
        }
        AlgoRef::Id(pick(&mut self.rng, &open))
    }

    fn amendment(&mut self, account: AccountId, symbol: SymbolIndex) -> ModifyOrder {
        let open = self.open(account, symbol);
        let order = self.some_order(account, symbol);
        let mut orderer = self.orderer(account, symbol);
        let (quantity, ticks) = (orderer.quantity(), orderer.rng.below(15) as i64 - 7);
        let price = orderer.price_at(ticks);
        let matches = one_in(orderer.rng, 8);
        let any = pick(orderer.rng, &[Side::Buy, Side::Sell]);
        let Some(open) = open else {
            let price = Some(price);
            return ModifyOrder { symbol, order, side: any, quantity, price, price_match: None };
        };
        let keeps = one_in(&mut self.rng, 3);
        ModifyOrder {
            symbol,
            order: OrderRef::Id(open.order_id),
            side: if one_in(&mut self.rng, 20) { any } else { open.side },
            quantity: if keeps { open.orig_qty } else { quantity },
            price: (!matches).then_some(price),
            price_match: matches.then(|| pick(&mut self.rng, PriceMatch::ALL)),
        }
    }

    fn position_margin(&mut self, account: AccountId, symbol: SymbolIndex) -> Request {
        let seen = &self.observer.seen[usize::from(account.0)];
        let held = PositionSide::ALL.iter().find(|side| seen.position(symbol, **side) != 0);
        Request::ModifyPositionMargin {
            symbol,
            position_side: held.copied().unwrap_or(PositionSide::Both),
            amount: Decimal::new(self.rng.below(20_000) as i64, 2),
            add: one_in(&mut self.rng, 2),
        }
    }
}
