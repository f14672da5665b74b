//! A position, and what a fill does to it. BOTH may stand on either side, LONG and SHORT on their own.
//!
//! Invariant: cash flow of all fills + position × mark = realised + unrealised, exactly.

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(crate) use crate::quotient::cut8;
use crate::quotient::cut8_ratio;
use crate::symbol_rules::GridRules;

/// The fee of a fill. That Binance cuts it as other amounts is unverified, so the rule stands here alone.
pub(crate) fn commission(notional: Decimal, rate: Decimal) -> Decimal {
    cut8(notional * rate)
}

/// A position and the sums that prove it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Signed lots.
    pub(crate) qty: i64,
    /// What opened it cost: Σ price × quantity, exact, never below zero.
    pub(crate) cost: Decimal,
    pub(crate) update_time: Nanos,
    /// USDT set apart for it on isolated margin.
    pub(crate) isolated_wallet: Decimal,
    /// Σ -side × price × quantity of all fills, kept apart from everything else as the witness.
    cash_flow: Decimal,
    /// Σ side × quantity of all fills, the other witness.
    filled: i64,
    realized: Decimal,
    /// Fees paid since it was last flat, less what was realised: what the rest has to earn back.
    burden: Decimal,
}

impl Position {
    /// Takes a fill of signed lots and says what it realised, exact.
    pub(crate) fn fill(
        &mut self,
        rules: &GridRules,
        signed: i64,
        price: i64,
        time: Nanos,
    ) -> Decimal {
        assert!(signed != 0, "a fill moves something");
        self.cash_flow -= rules.notional(price, signed);
        self.filled += signed;
        self.update_time = time;
        let closes = if self.qty.signum() == -signed.signum() {
            self.qty.abs().min(signed.abs())
        } else {
            0
        };
        let mut realized = Decimal::ZERO;
        if closes > 0 {
            let removed = if closes == self.qty.abs() {
                self.cost
            } else {
                cut8(self.cost / Decimal::from(self.qty.abs()) * Decimal::from(closes))
                    .min(self.cost)
            };
            self.cost -= removed;
            let received = rules.notional(price, closes);
            realized = if self.qty > 0 { received - removed } else { removed - received };
        }
        let opens = signed.abs() - closes;
        self.cost += rules.notional(price, opens);
        self.qty += signed;
        self.realized += realized;
        assert!(self.qty != 0 || self.cost.is_zero(), "a flat position costs nothing");
        realized
    }

    /// Becomes a position of before the run, of signed lots that cost so much: its witnesses begin with it.
    pub(crate) fn inherit(&mut self, signed: i64, cost: Decimal, time: Nanos) {
        assert!(self.qty == 0 && signed != 0, "it is opened once");
        self.cash_flow -= Decimal::from(signed.signum()) * cost;
        self.filled += signed;
        (self.qty, self.cost, self.update_time) = (signed, cost, time);
    }

    /// Unrealised profit at `mark`, exact.
    pub(crate) fn unrealized(&self, rules: &GridRules, mark: i64) -> Decimal {
        self.unrealized_at(rules.notional(mark, self.qty.abs()))
    }

    /// The same, where it is worth so much.
    #[inline]
    pub(crate) fn unrealized_at(&self, worth: Decimal) -> Decimal {
        if self.qty >= 0 { worth - self.cost } else { self.cost - worth }
    }

    /// Binance's entryPrice, for display only.
    pub(crate) fn entry_price(&self, rules: &GridRules) -> Decimal {
        if self.qty == 0 {
            return Decimal::ZERO;
        }
        cut8_ratio(self.cost, rules.qty(self.qty.abs()))
    }

    /// Moves margin for a fill that has just been taken: what it opened brings its initial margin, what
    /// it closed takes its share away. Profit and fee (`gain`) of a fill go against the isolated wallet
    /// as far as they are a loss; the rest of the account never pays for it (unverified in detail).
    pub(crate) fn fill_isolated(
        &mut self,
        rules: &GridRules,
        before: i64,
        price: i64,
        gain: Decimal,
        leverage: u32,
    ) {
        let reversed = self.qty.signum() == -before.signum();
        let closed = if reversed { before.abs() } else { (before.abs() - self.qty.abs()).max(0) };
        let opened = if reversed { self.qty.abs() } else { (self.qty.abs() - before.abs()).max(0) };
        let mut back = gain;
        if closed > 0 {
            let share = Decimal::from(closed) / Decimal::from(before.abs());
            let share = if closed == before.abs() {
                self.isolated_wallet
            } else {
                cut8(self.isolated_wallet * share)
            };
            self.isolated_wallet -= share;
            back += share;
        }
        if self.qty == 0 {
            return;
        }
        self.isolated_wallet += cut8_ratio(rules.notional(price, opened), Decimal::from(leverage));
        self.isolated_wallet += back.min(Decimal::ZERO);
    }

    /// Takes the fee of a fill whose realised profit was `realized`; see [`Position::fill`].
    pub(crate) fn charge(&mut self, fee: Decimal, realized: Decimal) {
        self.burden = if self.qty == 0 { Decimal::ZERO } else { self.burden + fee - realized };
    }

    /// Binance's breakEvenPrice: (cost - gained) / size with the fees of past fills, without funding.
    /// Binance's example prints nine decimals, so that it is not cut as amounts are; after how many it
    /// is cut is unknown.
    pub(crate) fn break_even_price(&self, rules: &GridRules) -> Decimal {
        if self.qty == 0 {
            return cut8(Decimal::ZERO);
        }
        cut8_ratio(self.earns_back(), rules.qty(self.qty.abs()))
    }

    #[cfg(test)]
    pub(crate) fn break_even_exact(&self, rules: &GridRules) -> Decimal {
        if self.qty == 0 {
            return Decimal::ZERO;
        }
        self.earns_back() / rules.qty(self.qty.abs())
    }

    /// What the whole position has to bring.
    fn earns_back(&self) -> Decimal {
        if self.qty > 0 { self.cost + self.burden } else { self.cost - self.burden }
    }

    pub(crate) fn check(&self, rules: &GridRules, mark: i64) -> Result<(), String> {
        if self.filled != self.qty {
            return Err(format!("position {} but fills add up to {}", self.qty, self.filled));
        }
        let witness = self.cash_flow + rules.notional(mark, self.qty);
        let booked = self.realized + self.unrealized(rules, mark);
        if witness != booked {
            return Err(format!("cash flow + worth is {witness}, realised + unrealised {booked}"));
        }
        Ok(())
    }

    pub(crate) fn realized(&self) -> Decimal {
        self.realized
    }
}
