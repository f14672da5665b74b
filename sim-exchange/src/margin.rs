//! Margin of positions and open orders, liquidation price, bankruptcy price. Cross margin, one-way.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::account::Position;
use crate::symbol_rules::GridRules;

/// What one symbol adds to the account.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SymbolMargin {
    pub(crate) unrealized: Decimal,
    pub(crate) maintenance: Decimal,
}

impl SymbolMargin {
    pub(crate) fn add(&mut self, other: SymbolMargin) {
        self.unrealized += other.unrealized;
        self.maintenance += other.maintenance;
    }

    pub(crate) fn sum(margins: &[SymbolMargin]) -> SymbolMargin {
        let mut sums = SymbolMargin::default();
        margins.iter().for_each(|margin| sums.add(*margin));
        sums
    }
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

pub(crate) fn symbol_margin(rules: &GridRules, position: &Position, mark: i64) -> SymbolMargin {
    let worth = rules.notional(mark, position.qty.abs());
    SymbolMargin {
        unrealized: position.unrealized(rules, mark),
        maintenance: maintenance(rules, worth),
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
    /// `WB - TMM1 + UPNL1 + cum - side·q·EP`, the formula's upper part for one tier.
    fn over(&self, cum: Decimal) -> Decimal {
        self.collateral + cum - self.side * self.cost
    }

    /// `(WB - TMM1 + UPNL1 + cum - side·q·EP) / (q·MMR - side·q)` for one tier.
    pub(crate) fn price(&self, mmr: Decimal, cum: Decimal) -> Decimal {
        let under = self.qty * (mmr - self.side);
        self.over(cum).checked_div(under).unwrap_or(Decimal::ZERO)
    }

    /// The price in the tier in which it lies itself; zero where there is none.
    ///
    /// The tier is found without a division: its notional is `over / (MMR - side)`, and for a long
    /// position that divisor is below zero, for a short one above.
    pub(crate) fn price_in(&self, rules: &GridRules) -> Decimal {
        let brackets = &rules.rules.brackets;
        let long = self.side.is_sign_positive();
        let Some((first, last)) = brackets.first().zip(brackets.last()) else {
            return Decimal::ZERO;
        };
        // `cum` only grows, so what covers a long position in the first tier covers it in all.
        if long && self.over(first.cum) >= Decimal::ZERO {
            return Decimal::ZERO;
        }
        for bracket in brackets {
            let over = self.over(bracket.cum);
            let divisor = bracket.mmr - self.side;
            let (floor, cap) = (bracket.floor * divisor, bracket.cap * divisor);
            let inside =
                if long { floor > over && over >= cap } else { floor < over && over <= cap };
            if inside {
                return self.price(bracket.mmr, bracket.cum).max(Decimal::ZERO);
            }
        }
        // Beyond the last cap its tier goes on; below the first floor the price is not above zero.
        let price = self.price(last.mmr, last.cum);
        if price * self.qty > last.cap { price } else { Decimal::ZERO }
    }
}
