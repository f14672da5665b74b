use engine::{
    AccountUpdateReason, BalanceUpdate, ClientOrderId, ExecutionType, ExpiryReason, Fill,
    Instrument, MarginType, Nanos, OrderId, OrderState, OrderStatus, OrderType, PositionRisk,
    PositionSide, PositionUpdate, PriceMatch, PriceTicks, QtyLots, SelfTradePrevention, Side,
    Symbol, SymbolIndex, TimeInForce, UserEvent, WorkingType,
};
use rust_decimal::Decimal;

use super::*;
use crate::binance::grid::Grid;

const BTC: SymbolIndex = SymbolIndex(0);

fn ledger() -> Ledger {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    Ledger::new(Grid::new(vec![Instrument { symbol, price_decimals: 1, qty_decimals: 3 }]))
}

fn ms(ms: i64) -> Nanos {
    Nanos::from_millis(ms)
}

fn order(id: u64, status: OrderStatus, executed: i64) -> OrderState {
    OrderState {
        order_id: OrderId(id),
        client_order_id: ClientOrderId(format!("q{id}-1").as_str().into()),
        symbol: BTC,
        side: Side::Buy,
        position_side: PositionSide::Both,
        order_type: OrderType::Limit,
        orig_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        orig_qty: QtyLots(10),
        executed_qty: QtyLots(executed),
        cum_quote: Decimal::from(executed),
        price: Some(PriceTicks(10_000)),
        trigger_price: None,
        reduce_only: false,
        close_position: false,
        working_type: WorkingType::ContractPrice,
        price_protect: false,
        price_match: PriceMatch::None,
        self_trade_prevention: SelfTradePrevention::ExpireMaker,
        good_till_date: None,
        status,
        expiry_reason: ExpiryReason::None,
        time: ms(id as i64),
        update_time: ms(100),
    }
}

fn fill(trade_id: u64, qty: i64) -> Fill {
    Fill {
        trade_id,
        time: ms(50 + trade_id as i64),
        price: PriceTicks(10_000),
        qty: QtyLots(qty),
        commission: Decimal::ONE,
        realized_pnl: Decimal::ZERO,
        maker: false,
    }
}

fn event(execution: ExecutionType, order: OrderState, fill: Option<Fill>) -> UserEvent {
    UserEvent::OrderTradeUpdate { execution, order: Box::new(order), fill, liquidation: false }
}

/// Which execution, how much is filled, and for how much.
fn shown(event: &UserEvent) -> String {
    match event {
        UserEvent::OrderTradeUpdate { execution, order, .. } => format!(
            "{} {} {} {}",
            execution.as_str(),
            order.status.as_str(),
            order.executed_qty.0,
            order.cum_quote
        ),
        other => format!("{other:?}"),
    }
}

fn found(orders: Vec<OrderState>, fills: Vec<Fill>) -> Found {
    Found {
        fills: fills
            .into_iter()
            .map(|fill| FoundFill { order: orders[0].order_id, symbol: BTC, fill })
            .collect(),
        orders: orders.into_iter().map(|order| ((order.symbol, order.order_id), order)).collect(),
        time: ms(500),
        ..Found::default()
    }
}

fn recovered(ledger: &mut Ledger, found: Found) -> Vec<String> {
    ledger.recover(found).iter().map(|(_, event)| shown(event)).collect()
}

#[test]
fn partial_fills_of_a_gap_are_told_with_what_they_sum_up_to() {
    let mut ledger = ledger();
    let new = event(ExecutionType::New, order(1, OrderStatus::New, 0), None);
    assert!(ledger.tell(ms(1), new).is_some());
    let first =
        event(ExecutionType::Trade, order(1, OrderStatus::PartiallyFilled, 2), Some(fill(1, 2)));
    let told = ledger.tell(ms(2), first.clone()).unwrap();
    // 0.002 at 1,000.0: the exact sum, whatever the average price was printed as.
    assert_eq!(shown(&told), "TRADE PARTIALLY_FILLED 2 2");
    let state = order(1, OrderStatus::PartiallyFilled, 7);
    let gap = found(vec![state], vec![fill(1, 2), fill(2, 3), fill(3, 2)]);
    assert_eq!(
        recovered(&mut ledger, gap.clone()),
        ["TRADE PARTIALLY_FILLED 5 5", "TRADE PARTIALLY_FILLED 7 7"]
    );
    assert_eq!(recovered(&mut ledger, gap), [""; 0], "a second look finds nothing");
    assert!(ledger.tell(ms(3), first).is_none(), "and the stream's own comes late");
    assert_eq!(ledger.last_trade(BTC), Some(3));
}

#[test]
fn an_order_that_came_and_went_in_a_gap_is_told_whole() {
    let mut ledger = ledger();
    ledger.begun = true;
    let state = order(2, OrderStatus::Canceled, 4);
    assert_eq!(
        recovered(&mut ledger, found(vec![state], vec![fill(9, 4)])),
        ["NEW NEW 0 0", "TRADE PARTIALLY_FILLED 4 4", "CANCELED CANCELED 4 4"]
    );
    let late = event(ExecutionType::Canceled, order(2, OrderStatus::Canceled, 4), None);
    assert!(ledger.tell(ms(9), late).is_none());
    assert_eq!(ledger.open_orders().count(), 0);
}

#[test]
fn an_order_that_only_an_answer_has_shown_is_asked_for_after_a_gap() {
    let mut ledger = ledger();
    ledger.answered(&Answer::Order(Box::new(order(3, OrderStatus::Filled, 10))));
    assert_eq!(ledger.open_orders().collect::<Vec<_>>(), [(BTC, OrderId(3))]);
    let trade = event(ExecutionType::Trade, order(3, OrderStatus::Filled, 10), Some(fill(1, 10)));
    assert_eq!(shown(&ledger.tell(ms(1), trade).unwrap()), "TRADE FILLED 10 10");
    assert_eq!(ledger.open_orders().count(), 0);
}

#[test]
fn the_first_look_of_a_session_tells_nothing() {
    let mut ledger = ledger();
    ledger.baseline(&found(vec![order(4, OrderStatus::PartiallyFilled, 3)], vec![fill(5, 3)]));
    let old =
        event(ExecutionType::Trade, order(4, OrderStatus::PartiallyFilled, 3), Some(fill(5, 3)));
    assert!(ledger.tell(ms(1), old).is_none());
    let next = event(ExecutionType::Trade, order(4, OrderStatus::Filled, 10), Some(fill(6, 7)));
    assert_eq!(shown(&ledger.tell(ms(2), next).unwrap()), "TRADE FILLED 10 10");
}

#[test]
fn an_amendment_is_told_once_and_found_after_a_gap() {
    let mut ledger = ledger();
    let new = event(ExecutionType::New, order(5, OrderStatus::New, 0), None);
    ledger.tell(ms(1), new);
    let amended = OrderState { price: Some(PriceTicks(9_990)), ..order(5, OrderStatus::New, 0) };
    let told = event(ExecutionType::Amendment, amended.clone(), None);
    assert!(ledger.tell(ms(2), told.clone()).is_some());
    assert!(ledger.tell(ms(2), told).is_none());
    let again = OrderState {
        price: Some(PriceTicks(9_980)),
        update_time: ms(300),
        ..order(5, OrderStatus::New, 0)
    };
    assert_eq!(recovered(&mut ledger, found(vec![again], vec![])), ["AMENDMENT NEW 0 0"]);
}

/// A reset of the testnet: the same ids, other orders.
#[test]
fn ids_that_begin_again_are_those_of_other_orders() {
    let mut ledger = ledger();
    let trade = |id: u64, state: OrderState, trade_id: u64, at: i64| {
        let fill = Fill { time: ms(at), ..fill(trade_id, 10) };
        event(
            ExecutionType::Trade,
            OrderState { update_time: ms(at), order_id: OrderId(id), ..state },
            Some(fill),
        )
    };
    let filled = |id: u64| order(id, OrderStatus::Filled, 10);
    assert!(ledger.tell(ms(1), trade(7, filled(7), 900, 1_000)).is_some());
    assert!(ledger.tell(ms(1), trade(7, filled(7), 900, 1_000)).is_none());
    assert!(ledger.take_begun_again().is_empty());
    // Another client id, later: it is told from its beginning, and its fills are looked for from there.
    let other = || OrderState { client_order_id: ClientOrderId("other".into()), ..filled(7) };
    let new = OrderState {
        update_time: ms(2_000),
        status: OrderStatus::New,
        executed_qty: QtyLots(0),
        ..other()
    };
    assert!(ledger.tell(ms(2), event(ExecutionType::New, new, None)).is_some());
    assert_eq!(ledger.take_begun_again().into_iter().collect::<Vec<_>>(), [BTC]);
    assert!(ledger.tell(ms(3), trade(7, other(), 3, 3_000)).is_some());
    assert_eq!(ledger.last_trade(BTC), Some(3));
    assert!(ledger.tell(ms(3), trade(7, other(), 3, 3_000)).is_none());
    // No order has the same id, but fills begin again all the same.
    assert!(ledger.tell(ms(4), trade(8, filled(8), 2, 4_000)).is_some());
    assert_eq!((ledger.last_trade(BTC), ledger.take_begun_again().len()), (Some(2), 1));
    // A fill that comes late is only that.
    assert!(ledger.tell(ms(5), trade(9, filled(9), 1, 3_999)).is_some());
    assert_eq!((ledger.last_trade(BTC), ledger.take_begun_again().len()), (Some(2), 0));
}

#[test]
fn the_same_id_in_two_symbols_is_two_orders() {
    let name = |name| Instrument {
        symbol: Symbol::new(name).unwrap(),
        price_decimals: 1,
        qty_decimals: 3,
    };
    let mut ledger = Ledger::new(Grid::new(vec![name("BTCUSDT"), name("ETHUSDT")]));
    let eth = SymbolIndex(1);
    for symbol in [BTC, eth] {
        let new = OrderState { symbol, ..order(1, OrderStatus::New, 0) };
        assert!(ledger.tell(ms(1), event(ExecutionType::New, new, None)).is_some());
    }
    assert_eq!(ledger.open_orders().collect::<Vec<_>>(), [(BTC, OrderId(1)), (eth, OrderId(1))]);
    let ended = OrderState { symbol: eth, ..order(1, OrderStatus::Canceled, 0) };
    assert!(ledger.tell(ms(2), event(ExecutionType::Canceled, ended, None)).is_some());
    assert_eq!(ledger.open_orders().collect::<Vec<_>>(), [(BTC, OrderId(1))]);
}

fn position(amt: i64) -> PositionUpdate {
    PositionUpdate {
        symbol: BTC,
        position_side: PositionSide::Both,
        position_amt: QtyLots(amt),
        entry_price: Decimal::from(1_000),
        break_even_price: Decimal::ZERO,
        accumulated_realized: Decimal::ZERO,
        unrealized_profit: Decimal::ZERO,
        margin_type: MarginType::Crossed,
        isolated_wallet: Decimal::ZERO,
    }
}

fn account(wallet: i64, amt: i64) -> UserEvent {
    UserEvent::AccountUpdate {
        reason: AccountUpdateReason::Order,
        balance: Some(BalanceUpdate {
            wallet_balance: wallet.into(),
            cross_wallet_balance: wallet.into(),
            balance_change: Decimal::ZERO,
        }),
        positions: vec![position(amt)],
    }
}

#[test]
fn positions_and_balances_never_go_back() {
    let mut ledger = ledger();
    assert!(ledger.tell(ms(10), account(100, 1)).is_some());
    assert!(ledger.tell(ms(10), account(100, 1)).is_none(), "a duplicate");
    assert!(ledger.tell(ms(10), account(99, 2)).is_some(), "two fills of one millisecond");
    assert!(ledger.tell(ms(9), account(101, 0)).is_none(), "a late one");
    assert!(ledger.tell(ms(11), account(98, 3)).is_some());
}

#[test]
fn what_the_account_did_in_a_gap_is_told_without_fees_and_profit() {
    let mut ledger = ledger();
    ledger.tell(ms(10), account(100, 1));
    let row = PositionRisk {
        symbol: BTC,
        position_side: PositionSide::Both,
        position_amt: QtyLots(5),
        entry_price: Decimal::from(1_000),
        break_even_price: Decimal::ZERO,
        mark_price: PriceTicks(10_000),
        unrealized_profit: Decimal::ZERO,
        liquidation_price: Decimal::ZERO,
        leverage: 5,
        margin_type: MarginType::Crossed,
        isolated_wallet: Decimal::ZERO,
        initial_margin: Decimal::ONE,
        maint_margin: Decimal::ONE,
        update_time: ms(60),
    };
    let mut gap = found(vec![order(6, OrderStatus::PartiallyFilled, 4)], vec![fill(1, 4)]);
    gap.positions = vec![row];
    // One USDT of commission, and two of funding.
    gap.wallets = Some((97.into(), 97.into()));
    let missed = ledger.recover(gap.clone());
    let (_, UserEvent::AccountUpdate { balance, positions, .. }) = missed.last().unwrap() else {
        panic!("{missed:?}")
    };
    assert_eq!(balance.unwrap().balance_change, (-2).into());
    assert_eq!(positions[0].position_amt, QtyLots(5));
    assert!(ledger.recover(gap).is_empty());
    assert!(ledger.tell(ms(55), account(99, 4)).is_none(), "older than what was found");
}
