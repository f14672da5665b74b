//! Margin of positions and open orders, liquidation price, bankruptcy price. Cross margin, one-way.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account::Position;
use crate::book::Book;
use crate::symbol_rules::GridRules;

/// What one symbol adds to the account.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SymbolMargin {
    pub(crate) unrealized: Decimal,
    pub(crate) maintenance: Decimal,
    /// Initial margin of position and open orders.
    pub(crate) requirement: Decimal,
}

/// Maintenance margin `N × MMR - cum` of a notional, exact.
pub(crate) fn maintenance(rules: &GridRules, notional: Decimal) -> Decimal {
    if notional.is_zero() {
        return Decimal::ZERO;
    }
    let bracket = rules.bracket(notional);
    notional * bracket.mmr - bracket.cum
}

/// `max(|position + bids|, |position - asks|) / leverage`.
pub(crate) fn requirement(
    position: Decimal,
    bids: Decimal,
    asks: Decimal,
    leverage: u32,
) -> Decimal {
    (position + bids).abs().max((position - asks).abs()) / Decimal::from(leverage)
}

pub(crate) fn symbol_margin(
    rules: &GridRules,
    position: &Position,
    book: &Book,
    mark: i64,
    leverage: u32,
) -> SymbolMargin {
    let signed = rules.notional(mark, position.qty);
    SymbolMargin {
        unrealized: position.unrealized(rules, mark),
        maintenance: maintenance(rules, signed.abs()),
        requirement: requirement(signed, book.bids_notional, book.asks_notional, leverage),
    }
}

/// The terms of the liquidation price formula, one-way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiquidationTerms {
    /// WB - TMM1 + UPNL1: cross wallet, less maintenance of the other symbols, plus their profit.
    pub(crate) collateral: Decimal,
    /// +1 or -1.
    pub(crate) side: Decimal,
    /// |position|.
    pub(crate) qty: Decimal,
    /// q × EP.
    pub(crate) cost: Decimal,
}

impl LiquidationTerms {
    /// `(WB - TMM1 + UPNL1 + cum - side·q·EP) / (q·MMR - side·q)` for one tier.
    pub(crate) fn price(&self, mmr: Decimal, cum: Decimal) -> Decimal {
        let over = self.collateral + cum - self.side * self.cost;
        let under = self.qty * mmr - self.side * self.qty;
        over.checked_div(under).unwrap_or(Decimal::ZERO)
    }

    /// The price in the tier in which it lies itself; zero where there is none.
    pub(crate) fn price_in(&self, rules: &GridRules) -> Decimal {
        for bracket in &rules.rules.brackets {
            let price = self.price(bracket.mmr, bracket.cum);
            let notional = price * self.qty;
            if bracket.floor < notional && notional <= bracket.cap {
                return price.max(Decimal::ZERO);
            }
        }
        // Beyond the last cap its tier goes on; below the first floor the price is not above zero.
        match rules.rules.brackets.last() {
            Some(last) => {
                let price = self.price(last.mmr, last.cum);
                if price * self.qty > last.cap { price } else { Decimal::ZERO }
            }
            None => Decimal::ZERO,
        }
    }
}
