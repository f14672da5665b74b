//! Balances of a pool, margin of positions and orders in both position modes.

use engine::{AccountId, Exchange, MarketData, MarketEvent, Nanos, PositionSide, PriceTicks};
use engine::{MarginType, SymbolIndex};
use rust_decimal::Decimal;

use super::{dec, exchange};
use crate::PoolSums;
use crate::margin::{Margin, removable, requirement};
use crate::tests::START;

const FIRST: AccountId = AccountId(0);

/// 1,000 of wallet, 300 for cross positions and orders, 50 for isolated orders, 40 of maintenance.
fn pool(unrealized: &str) -> PoolSums {
    PoolSums {
        wallet: dec("1000"),
        unrealized: dec(unrealized),
        initial: dec("300"),
        isolated_orders: dec("50"),
        maintenance: dec("40"),
    }
}

#[test]
fn profit_is_available_for_orders_and_not_for_withdrawal() {
    let cases = [
        // Unrealised, margin balance, available, to be withdrawn.
        ("-100", "900", "550", "550"),
        ("0", "1000", "650", "650"),
        // 1,000 - 50 - 40 is the most; the profit of 400 stays.
        ("400", "1400", "1050", "910"),
        ("-800", "200", "0", "0"),
    ];
    for (unrealized, balance, available, withdraw) in cases {
        let pool = pool(unrealized);
        let got = (pool.margin_balance(), pool.available(), pool.max_withdraw());
        assert_eq!(got, (dec(balance), dec(available), dec(withdraw)), "{unrealized}");
    }
}

#[test]
fn a_pool_is_due_when_the_maintenance_margin_reaches_the_balance() {
    assert!(!pool("-959.99").is_due());
    assert!(pool("-960").is_due());
    assert_eq!(pool("-800").margin_ratio(), Some(dec("0.2")));
    assert_eq!(pool("-1000").margin_ratio(), None);
}

#[test]
fn margin_is_taken_out_of_an_isolated_position_as_far_as_both_margins_allow() {
    let cases = [
        // Wallet 100, maintenance 5. Unrealised, initial margin, removable.
        ("-20", "50", "30"),
        ("20", "50", "70"),
        ("20", "10", "95"),
        ("-60", "50", "0"),
    ];
    for (unrealized, initial, expected) in cases {
        let margin = Margin { unrealized: dec(unrealized), maintenance: dec("5") };
        assert_eq!(removable(dec("100"), margin, dec(initial)), dec(expected), "{unrealized}");
    }
}

#[test]
fn orders_need_margin_as_far_as_they_enlarge_the_position() {
    let need = |position, bids, asks| requirement(dec(position), dec(bids), dec(asks), 20);
    assert_eq!(need("1000", "500", "1800"), dec("75"), "the bids: 1,500 / 20");
    assert_eq!(need("1000", "500", "2800"), dec("90"), "the asks turn it: 1,800 / 20");
    assert_eq!(need("-1000", "500", "0"), dec("50"), "buying back costs nothing");
}

/// Positions and sums of open orders as (side, lots at 100, bids, asks) of BUSDT at a mark of 100 and the
/// default leverage of 20: initial margin alone, and with orders.
fn initial(
    hedge: bool,
    margin_type: MarginType,
    held: &[(PositionSide, i64, &str, &str)],
) -> (Decimal, Decimal, PoolSums) {
    let mut exchange = exchange(&["10000"], |config| config.hedge_mode = hedge);
    let rules = exchange.markets[1].rules.clone();
    let holding = &mut exchange.accounts[0].holdings[1];
    holding.margin_type = margin_type;
    for (side, lots, bids, asks) in held {
        let position = holding.position_mut(*side);
        position.fill(&rules, *lots, 1000, Nanos::ZERO);
        position.isolated_wallet =
            if margin_type == MarginType::Isolated { dec("200") } else { Decimal::ZERO };
        let open = &mut holding.open[*side as usize];
        (open.count, open.bids_notional, open.asks_notional) = (1, dec(bids), dec(asks));
    }
    let data = MarketData::MarkPrice(PriceTicks(1000));
    exchange.observe(&MarketEvent::new(START, SymbolIndex(1), data));
    let (alone, together) = exchange.initial_margin(FIRST, 1);
    let balances = exchange.balances(FIRST);
    assert_eq!(balances.position_initial_margin, alone);
    assert_eq!(balances.open_order_initial_margin, together - alone);
    let shown = PoolSums {
        wallet: balances.cross_wallet_balance,
        unrealized: balances.cross_unrealized_profit,
        initial: balances.available_balance,
        isolated_orders: balances.max_withdraw,
        maintenance: balances.maint_margin,
    };
    (alone, together, shown)
}

#[test]
fn hedge_mode_adds_up_both_sides_and_one_way_mode_takes_the_larger() {
    use MarginType::Crossed;
    use PositionSide::{Both, Long, Short};
    let legs = [(Long, 10, "500", "0"), (Short, -4, "0", "300")];
    // (1,500 + 700) / 20 and (1,000 + 400) / 20; maintenance 1 % of 1,400.
    let (alone, together, shown) = initial(true, Crossed, &legs);
    assert_eq!((alone, together), (dec("70"), dec("110")));
    assert_eq!((shown.initial, shown.isolated_orders), (dec("9890"), dec("9890")));
    assert_eq!(shown.maintenance, dec("14"));
    // One-way: max(1,500, 1,800) / 20.
    let (alone, together, _) = initial(false, Crossed, &[(Both, 10, "500", "2800")]);
    assert_eq!((alone, together), (dec("50"), dec("90")));
}

#[test]
fn isolated_positions_leave_the_cross_pool_only_their_orders() {
    use PositionSide::{Long, Short};
    let legs = [(Long, 10, "500", "0"), (Short, -4, "0", "300")];
    let (_, together, shown) = initial(true, MarginType::Isolated, &legs);
    assert_eq!(together, dec("110"));
    // Two isolated wallets of 200; of the margin of orders, 110 - 70, all comes from the cross wallet.
    assert_eq!(shown.wallet, dec("9600"));
    assert_eq!((shown.initial, shown.isolated_orders), (dec("9560"), dec("9560")));
}
