//! What a client can know of the venue, from answers and user streams alone, and whether it makes sense.

use std::collections::BTreeMap;

use engine::{
    AccountId, AccountUpdateReason, AlgoId, AlgoOrderState, AlgoStatus, Answer, BalanceUpdate,
    ExchangeError, ExchangeEvent, ExecutionType, Fill, OrderId, OrderState, OrderType, Outcome,
    PositionSide, PositionUpdate, Request, RequestId, Side, SymbolIndex, TimeInForce, UserEvent,
};
use rust_decimal::Decimal;

use super::tally::Tally;
use super::transitions::{check_algo, check_fill, check_order};

/// Events of a fill that have come; the next one is certain.
#[derive(Clone, Debug, PartialEq)]
enum FillStage {
    Nothing,
    Lite(Box<OrderState>, Fill),
    /// ACCOUNT_UPDATE, of a fill that TRADE_LITE told of, or of one that is no trade.
    Updated(Option<(Box<OrderState>, Fill)>, PositionUpdate),
}

/// What one account has been told.
pub(super) struct Seen {
    pub(super) orders: BTreeMap<OrderId, OrderState>,
    pub(super) algos: BTreeMap<AlgoId, AlgoOrderState>,
    pub(super) positions: BTreeMap<(SymbolIndex, PositionSide), i64>,
    pub(super) wallet: Decimal,
    pub(super) cross_wallet: Option<Decimal>,
    stage: FillStage,
}

/// One side of a trade.
#[derive(Clone, Copy, Debug)]
struct Part {
    side: Side,
    price: i64,
    qty: i64,
    maker: bool,
    calculated: bool,
}

pub(super) struct Observer {
    pub(super) seen: Vec<Seen>,
    asked: BTreeMap<RequestId, (AccountId, Request)>,
    /// Of the present step.
    trades: BTreeMap<(SymbolIndex, u64), Vec<Part>>,
    pub(super) tally: Tally,
}

impl Observer {
    pub(super) fn new(wallets: &[Decimal]) -> Observer {
        let seen = |wallet: &Decimal| Seen {
            orders: BTreeMap::new(),
            algos: BTreeMap::new(),
            positions: BTreeMap::new(),
            wallet: *wallet,
            cross_wallet: None,
            stage: FillStage::Nothing,
        };
        Observer {
            seen: wallets.iter().map(seen).collect(),
            asked: BTreeMap::new(),
            trades: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    pub(super) fn ask(&mut self, id: RequestId, account: AccountId, request: &Request) {
        self.asked.insert(id, (account, request.clone()));
    }

    /// Takes all that came of one step.
    pub(super) fn take(&mut self, out: &[ExchangeEvent]) {
        self.trades.clear();
        for event in out {
            match event {
                ExchangeEvent::User { account, event, .. } => self.told(*account, event),
                ExchangeEvent::Response { request, outcome, .. } => self.answer(*request, outcome),
            }
        }
        for (id, parts) in &self.trades {
            check_trade(parts).unwrap_or_else(|e| panic!("trade {id:?}: {e}: {parts:?}"));
        }
        for seen in &self.seen {
            assert_eq!(seen.stage, FillStage::Nothing, "a fill is told completely");
        }
    }

    fn told(&mut self, account: AccountId, event: &UserEvent) {
        let seen = &mut self.seen[usize::from(account.0)];
        match event {
            UserEvent::TradeLite { order, fill } => {
                assert_eq!(seen.stage, FillStage::Nothing, "TRADE_LITE comes first");
                seen.stage = FillStage::Lite(order.clone(), fill.clone());
            }
            UserEvent::AccountUpdate { reason, balance, positions } => {
                self.tally.add(&format!("update {}", reason.as_str()));
                if *reason == AccountUpdateReason::Adjustment {
                    self.trades.clear();
                }
                seen.update(*reason, balance.as_ref(), positions);
            }
            UserEvent::OrderTradeUpdate { execution, order, fill, liquidation } => {
                self.tally.execution(*execution, order, fill.as_ref());
                let ours = ["autoclose-", "adl_autoclose-", "settlement_autoclose-"];
                let venues = ours.iter().any(|prefix| order.client_order_id.0.starts_with(prefix));
                if *execution == ExecutionType::New || fill.is_some() {
                    assert_eq!(*liquidation, venues, "the venue's own orders are marked");
                }
                if let Some(fill) = fill {
                    let part = Part {
                        side: order.side,
                        price: fill.price.0,
                        qty: fill.qty.0,
                        maker: fill.maker,
                        calculated: *execution == ExecutionType::Calculated,
                    };
                    self.trades.entry((order.symbol, fill.trade_id)).or_default().push(part);
                }
                seen.order(*execution, order, fill.as_ref());
            }
            UserEvent::AlgoUpdate { order } => {
                self.tally.add(&format!("algo {}", order.status.as_str()));
                check_algo(seen.algos.get(&order.algo_id).map(|algo| algo.status), order.status);
                seen.algos.insert(order.algo_id, (**order).clone());
            }
            UserEvent::ConditionalTriggerReject { order_id, .. } => {
                self.tally.add("trigger refused");
                assert!(seen.orders[order_id].status.is_terminal(), "it has expired");
            }
            UserEvent::MarginCall { .. } => self.tally.add("margin call"),
            UserEvent::LeverageUpdate { .. }
            | UserEvent::MultiAssetsUpdate { .. }
            | UserEvent::ListenKeyExpired => {}
        }
    }

    fn answer(&mut self, request: RequestId, outcome: &Outcome) {
        let (account, asked) = self.asked.remove(&request).expect("it was asked, and once");
        let answer = match outcome {
            Outcome::Done(answer) => answer,
            Outcome::Refused(error) => return self.tally.refused(&asked, error.code),
            Outcome::Unknown => panic!("the exchange always answers"),
        };
        self.tally.done(&asked);
        let seen = &self.seen[usize::from(account.0)];
        match answer {
            Answer::Order(order) => seen.answered(&asked, order),
            Answer::Orders(rows) if matches!(asked, Request::OpenOrders { .. }) => {
                let open: Vec<OrderState> = seen.open_orders().cloned().collect();
                let rows: Vec<OrderState> = rows.iter().flatten().cloned().collect();
                assert_eq!(rows, open, "openOrders shows what the stream told");
            }
            Answer::Orders(rows) => {
                for order in rows.iter().flatten() {
                    // A later order of the batch may have traded with it.
                    assert!(seen.orders.contains_key(&order.order_id), "it was told of");
                }
                for error in
                    rows.iter().filter_map(|row: &Result<_, ExchangeError>| row.as_ref().err())
                {
                    self.tally.refused(&asked, error.code);
                }
            }
            Answer::AlgoOrders(rows) => {
                let open = seen.algos.values().filter(|algo| algo.status == AlgoStatus::New);
                let open: Vec<AlgoId> = open.map(|algo| algo.algo_id).collect();
                let rows: Vec<AlgoId> = rows.iter().map(|algo| algo.algo_id).collect();
                assert_eq!(rows, open, "openAlgoOrders shows what the stream told");
            }
            Answer::AlgoOrder(order) => {
                assert_eq!(seen.algos[&order.algo_id].status, order.status, "one state");
            }
            Answer::PositionRisk(rows) => {
                for row in rows.iter() {
                    let held = seen.position(row.symbol, row.position_side);
                    assert_eq!(row.position_amt.0, held, "positionRisk shows the sum of fills");
                }
            }
            Answer::Account(balance) => {
                assert_eq!(balance.wallet_balance, seen.wallet, "the wallet is the one told");
            }
            _ => {}
        }
    }
}

impl Seen {
    pub(super) fn position(&self, symbol: SymbolIndex, side: PositionSide) -> i64 {
        self.positions.get(&(symbol, side)).copied().unwrap_or(0)
    }

    /// Oldest first.
    pub(super) fn open_orders(&self) -> impl Iterator<Item = &OrderState> {
        self.orders.values().filter(|order| !order.status.is_terminal())
    }

    fn update(
        &mut self,
        reason: AccountUpdateReason,
        balance: Option<&BalanceUpdate>,
        positions: &[PositionUpdate],
    ) {
        if let Some(balance) = balance {
            self.wallet = balance.wallet_balance;
            self.cross_wallet = Some(balance.cross_wallet_balance);
        }
        if reason == AccountUpdateReason::Adjustment {
            // A reset: all is gone without a word.
            self.orders.clear();
            self.algos.clear();
            self.positions.clear();
        }
        if reason == AccountUpdateReason::Order {
            let [position] = positions else { panic!("a fill changes one position") };
            let lite = match std::mem::replace(&mut self.stage, FillStage::Nothing) {
                FillStage::Nothing => None,
                FillStage::Lite(order, fill) => Some((order, fill)),
                FillStage::Updated(..) => panic!("one ACCOUNT_UPDATE for a fill"),
            };
            self.stage = FillStage::Updated(lite, *position);
            return;
        }
        assert_eq!(self.stage, FillStage::Nothing, "nothing comes between a fill's events");
        for position in positions {
            let held = self.position(position.symbol, position.position_side);
            assert_eq!(position.position_amt.0, held, "the position is the sum of its fills");
        }
    }

    fn order(&mut self, execution: ExecutionType, order: &OrderState, fill: Option<&Fill>) {
        let stage = std::mem::replace(&mut self.stage, FillStage::Nothing);
        let Some(fill) = fill else {
            assert_eq!(stage, FillStage::Nothing, "a fill's last event is ORDER_TRADE_UPDATE");
            check_order(self.orders.get(&order.order_id), order, execution, 0);
            self.orders.insert(order.order_id, order.clone());
            return;
        };
        let FillStage::Updated(lite, position) = stage else {
            panic!("ACCOUNT_UPDATE comes before ORDER_TRADE_UPDATE")
        };
        match (execution, lite) {
            (ExecutionType::Trade, Some((lite, lite_fill))) => {
                assert_eq!((&*lite, &lite_fill), (order, fill), "TRADE_LITE told the same");
            }
            (ExecutionType::Calculated, None) => {}
            (execution, lite) => panic!("{execution:?} with {lite:?}"),
        }
        let place = (order.symbol, order.position_side);
        assert_eq!((position.symbol, position.position_side), place, "the order's position");
        let before = self.position(order.symbol, order.position_side);
        let after = before + order.side.sign() * fill.qty.0;
        assert_eq!(position.position_amt.0, after, "the position is the sum of its fills");
        check_fill(order, fill, before, after);
        self.positions.insert(place, after);
        check_order(self.orders.get(&order.order_id), order, execution, fill.qty.0);
        self.orders.insert(order.order_id, order.clone());
    }

    fn answered(&self, asked: &Request, order: &OrderState) {
        assert_eq!(self.orders.get(&order.order_id), Some(order), "the answer is the last event");
        if let Request::NewOrder(new) = asked {
            let immediate = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
            let plain = !new.order_type.is_conditional();
            if plain && (immediate || new.order_type == OrderType::Market) {
                assert!(order.status.is_terminal(), "what is immediate never rests");
            }
            if plain && order.time_in_force == TimeInForce::Fok {
                // What can only reduce ends with its position.
                let all = order.executed_qty == order.orig_qty || order.executed_qty.0 == 0;
                let ended = order.reduce_only || order.position_side != PositionSide::Both;
                assert!(all || ended, "FOK is all or nothing: {order:?}");
            }
            assert_eq!(order.client_order_id, new.client_order_id, "its own order");
        }
    }
}

/// At most two sides, which agree.
fn check_trade(parts: &[Part]) -> Result<(), &'static str> {
    match parts {
        [_] => Ok(()),
        [one, other] if one.side == other.side => Err("both bought, or both sold"),
        [one, other] if (one.price, one.qty) != (other.price, other.qty) => Err("two trades"),
        [one, other] if one.calculated != other.calculated => Err("half of it calculated"),
        [one, other] if !one.calculated && one.maker == other.maker => Err("one makes, one takes"),
        [_, _] => Ok(()),
        _ => Err("a trade has two sides"),
    }
}
