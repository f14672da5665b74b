//! Portfolio state from the snapshots and the account (MSE 14.2).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A position as the exchange shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPosition {
    /// Signed, in the base asset.
    pub amount: Decimal,
    /// In USDT.
    pub mark_price: Decimal,
    /// In USDT.
    pub unrealised_usd: Decimal,
}

/// Sums over the positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortfolioTotals {
    /// Positions that are not flat.
    pub positions_count: usize,
    /// Σ |amount · mark|, in USDT.
    pub positions_notional_usd: Decimal,
    /// In USDT.
    pub unrealised_usd: Decimal,
}

/// Sums the positions; `None` when a sum leaves the range of decimals.
#[must_use]
pub fn portfolio_totals(positions: &[SnapshotPosition]) -> Option<PortfolioTotals> {
    let mut totals = PortfolioTotals::default();
    for position in positions.iter().filter(|p| !p.amount.is_zero()) {
        let notional = position.amount.checked_mul(position.mark_price)?.abs();
        totals.positions_count += 1;
        totals.positions_notional_usd = totals.positions_notional_usd.checked_add(notional)?;
        totals.unrealised_usd = totals.unrealised_usd.checked_add(position.unrealised_usd)?;
    }
    Some(totals)
}

/// The account's equity and its high-water mark, in USDT.
///
/// Invariant: equity comes from the account only. The reference system read back what it had written
/// itself, so that a made-up 100,000 lasted for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equity {
    latest: Option<Decimal>,
    peak: Decimal,
}

impl Equity {
    /// Takes an account's equity.
    pub fn update(&mut self, equity_usd: Decimal) {
        self.latest = Some(equity_usd);
        self.peak = self.peak.max(equity_usd);
    }

    /// The account did not answer in time: there is no equity until it does. The mark stays.
    pub fn stale(&mut self) {
        self.latest = None;
    }

    /// `None` while stale.
    #[must_use]
    pub fn latest(&self) -> Option<Decimal> {
        self.latest
    }

    /// Share lost from the high-water mark, 0 to 1 and above for debts; `None` while stale.
    #[must_use]
    pub fn drawdown(&self) -> Option<Decimal> {
        let latest = self.latest?;
        if self.peak <= Decimal::ZERO {
            return Some(Decimal::ZERO);
        }
        self.peak.checked_sub(latest)?.checked_div(self.peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_positions_do_not_count_and_shorts_add_up() {
        let position = |amount: i64, unrealised: i64| SnapshotPosition {
            amount: amount.into(),
            mark_price: 50.into(),
            unrealised_usd: unrealised.into(),
        };
        let totals = portfolio_totals(&[position(2, 5), position(0, 99), position(-3, -1)]);
        let totals = totals.expect("in range");
        assert_eq!((totals.positions_count, totals.positions_notional_usd), (2, 250.into()));
        assert_eq!(totals.unrealised_usd, 4.into());
        let huge = SnapshotPosition { mark_price: Decimal::MAX, ..position(9, 0) };
        assert_eq!(portfolio_totals(&[huge]), None);
    }

    #[test]
    fn drawdown_is_from_the_peak_and_unknown_while_stale() {
        let mut equity = Equity::default();
        assert_eq!(equity.drawdown(), None);
        equity.update(1_000.into());
        equity.update(900.into());
        assert_eq!(equity.drawdown(), Some(Decimal::new(1, 1)));
        equity.stale();
        assert_eq!((equity.latest(), equity.drawdown()), (None, None));
        equity.update(950.into());
        assert_eq!(equity.drawdown(), Some(Decimal::new(5, 2)));
    }
}
