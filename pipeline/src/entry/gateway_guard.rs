//! Gateway guard (MSE 13.4, EHR 3.24): the last step before the exchange. Only market orders leave, and
//! an order that is to close is reduce-only.

use engine::{NewOrder, OrderType};

/// Why an order does not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Its type is not on the list of those that may leave.
    OrderType,
    /// It is meant to close and could open.
    CloseNotReduceOnly,
    /// There is nothing to trade.
    NoQuantity,
}

impl Blocked {
    /// For results.
    pub fn as_str(self) -> &'static str {
        match self {
            Blocked::OrderType => "gateway_order_type_blocked",
            Blocked::CloseNotReduceOnly => "gateway_close_not_reduce_only",
            Blocked::NoQuantity => "gateway_no_quantity",
        }
    }
}

/// Lets the order pass, or says why not.
pub fn check(order: &NewOrder, closes: bool) -> Result<(), Blocked> {
    if order.order_type != OrderType::Market {
        return Err(Blocked::OrderType);
    }
    if closes && !order.reduces() {
        return Err(Blocked::CloseNotReduceOnly);
    }
    if order.quantity.is_none_or(|quantity| quantity.0 <= 0) {
        return Err(Blocked::NoQuantity);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use engine::{QtyLots, Side, SymbolIndex};

    use super::*;

    #[test]
    fn only_market_orders_leave() {
        let mut order = NewOrder {
            reduce_only: Some(true),
            ..NewOrder::market(SymbolIndex(0), Side::Sell, QtyLots(1), "a")
        };
        assert_eq!(check(&order, true), Ok(()));
        order.reduce_only = Some(false);
        assert_eq!(check(&order, true), Err(Blocked::CloseNotReduceOnly));
        assert_eq!(check(&order, false), Ok(()));
        order.quantity = Some(QtyLots(0));
        assert_eq!(check(&order, false), Err(Blocked::NoQuantity));
        order.order_type = OrderType::Limit;
        assert_eq!(check(&order, false), Err(Blocked::OrderType));
    }
}
