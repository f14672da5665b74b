//! Orders, fills and margin calls in the words of an operator.

use engine::{
    Fill, Instrument, MarginCallPosition, ModifyOrder, NewOrder, OrderState, PositionSide,
    PriceTicks, QtyLots, Request, SymbolIndex,
};
use rust_decimal::Decimal;

/// The session's symbols, by whose names and grids it speaks.
pub(super) struct Words<'a>(pub(super) &'a [Instrument]);

impl Words<'_> {
    /// The orders that a request makes or changes, such as `BUY 0.005 BTCUSDT LIMIT at 90000`; none for other requests.
    pub(super) fn request(&self, request: &Request) -> Option<String> {
        let all = |each: Vec<String>| each.join(", ");
        match request {
            Request::NewOrder(order) | Request::NewAlgoOrder(order) => Some(self.order(order)),
            Request::BatchOrders(orders) => {
                Some(all(orders.iter().map(|order| self.order(order)).collect()))
            }
            Request::ModifyOrder(change) => Some(self.change(change)),
            Request::BatchModify(changes) => {
                Some(all(changes.iter().map(|change| self.change(change)).collect()))
            }
            _ => None,
        }
    }

    /// A fill, and how far its order is.
    pub(super) fn fill(&self, order: &OrderState, fill: &Fill) -> String {
        let of = |lots| self.qty(order.symbol, lots);
        format!(
            "{} {} {} at {}, {} of {} filled; fee {} USDT, profit {} USDT; order {}",
            order.side.as_str(),
            of(fill.qty),
            self.symbol(order.symbol),
            self.price(order.symbol, fill.price),
            of(order.executed_qty),
            of(order.orig_qty),
            fill.commission.normalize(),
            fill.realized_pnl.normalize(),
            order.client_order_id.0
        )
    }

    /// A position: its symbol and signed size, in hedge mode with its side.
    pub(super) fn position(
        &self,
        symbol: SymbolIndex,
        side: PositionSide,
        lots: QtyLots,
    ) -> String {
        let side = match side {
            PositionSide::Both => String::new(),
            PositionSide::Long | PositionSide::Short => format!(" {}", side.as_str()),
        };
        format!("{}{side} {}", self.symbol(symbol), self.qty(symbol, lots))
    }

    /// Positions that are in danger.
    pub(super) fn margin_call(&self, positions: &[MarginCallPosition]) -> String {
        let of = |one: &MarginCallPosition| {
            let (symbol, amount) =
                (self.symbol(one.symbol), self.qty(one.symbol, one.position_amt));
            format!("{symbol} {amount}, unrealised {} USDT", one.unrealized_profit.normalize())
        };
        let all: Vec<String> = positions.iter().map(of).collect();
        format!("the venue calls for margin: {}", all.join("; "))
    }

    fn order(&self, order: &NewOrder) -> String {
        let mut words = vec![order.side.as_str().to_owned()];
        words.extend(order.quantity.map(|lots| self.qty(order.symbol, lots)));
        words.push(self.symbol(order.symbol));
        words.push(order.order_type.as_str().to_owned());
        let price = |word: &str, price| format!("{word} {}", self.price(order.symbol, price));
        words.extend(order.price.map(|limit| price("at", limit)));
        words.extend(order.trigger_price.map(|trigger| price("triggered at", trigger)));
        if order.close_position {
            words.push("closing the position".to_owned());
        } else if order.reduces() {
            words.push("reduce-only".to_owned());
        }
        words.join(" ")
    }

    fn change(&self, change: &ModifyOrder) -> String {
        let (symbol, lots) = (self.symbol(change.symbol), self.qty(change.symbol, change.quantity));
        let price = change.price.map(|price| format!(" at {}", self.price(change.symbol, price)));
        let price = price.unwrap_or_default();
        format!("a change to {} {lots} {symbol}{price}", change.side.as_str())
    }

    fn grid(&self, symbol: SymbolIndex) -> Option<&Instrument> {
        self.0.get(usize::from(symbol.0))
    }

    fn symbol(&self, symbol: SymbolIndex) -> String {
        let unknown = || format!("symbol {}", symbol.0);
        self.grid(symbol).map_or_else(unknown, |grid| grid.symbol.to_string())
    }

    fn qty(&self, symbol: SymbolIndex, lots: QtyLots) -> String {
        decimal(lots.0, self.grid(symbol).map_or(0, |grid| grid.qty_decimals))
    }

    fn price(&self, symbol: SymbolIndex, price: PriceTicks) -> String {
        decimal(price.0, self.grid(symbol).map_or(0, |grid| grid.price_decimals))
    }
}

/// A number of steps of a grid.
fn decimal(steps: i64, decimals: u32) -> String {
    let value = Decimal::try_from_i128_with_scale(steps.into(), decimals);
    value.map_or_else(|_| steps.to_string(), |value| value.normalize().to_string())
}
