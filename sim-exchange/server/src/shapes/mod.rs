//! The exchange's own types as Binance's JSON shows them.

pub(crate) mod accounts;
pub(crate) mod algos;
pub(crate) mod events;
pub(crate) mod orders;

use engine::{Instrument, PriceTicks, QtyLots, SymbolIndex};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;
use sim_exchange::wire::Precision;

/// The asset of all margins, profits and fees.
pub(crate) const USDT: &str = "USDT";

/// How a symbol prints its numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sym<'a> {
    grid: &'a Instrument,
    pub(crate) precision: Precision,
}

impl<'a> Sym<'a> {
    /// Of a symbol of the exchange; none where there is no such symbol.
    pub(crate) fn of(exchange: &'a SimExchange, symbol: SymbolIndex) -> Option<Sym<'a>> {
        let grid = exchange.instruments().get(usize::from(symbol.0))?;
        let rules = exchange.rules_of(symbol)?;
        let precision =
            Precision { price: rules.price_precision, quantity: rules.quantity_precision };
        Some(Sym { grid, precision })
    }

    pub(crate) fn name(&self) -> &'a str {
        self.grid.symbol.as_str()
    }

    /// A price in USDT.
    pub(crate) fn price(&self, price: PriceTicks) -> Decimal {
        Decimal::new(price.0, self.grid.price_decimals)
    }

    /// A price in USDT; zero where there is none.
    pub(crate) fn price_or_none(&self, price: Option<PriceTicks>) -> Decimal {
        price.map_or(Decimal::ZERO, |price| self.price(price))
    }

    /// A quantity of the base asset.
    pub(crate) fn qty(&self, qty: QtyLots) -> Decimal {
        Decimal::new(qty.0, self.grid.qty_decimals)
    }

    /// What was paid for one unit on average; zero where nothing was filled.
    pub(crate) fn average(&self, quote: Decimal, qty: QtyLots) -> Decimal {
        quote.checked_div(self.qty(qty)).unwrap_or_default()
    }
}

/// JSON of an answer. Our own shapes always have one.
pub(crate) fn json<T: serde::Serialize>(shape: &T) -> Vec<u8> {
    serde_json::to_vec(shape).unwrap_or_default()
}

/// The words of the exchange in the words of the wire: the same texts.
macro_rules! word {
    ($wire:ident, $word:expr) => {
        sim_exchange::wire::$wire::from($word.as_str())
    };
}
pub(crate) use word;
