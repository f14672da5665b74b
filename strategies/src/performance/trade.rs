//! A trade from its entry to its last exit.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::numbers::{RefusedNumber, finite, not_negative, positive};
use crate::position::PositionSide;

/// What is left after rounding is nothing: a share of the entry quantity.
const NOTHING: f64 = 1e-9;

/// A trade that is being left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeState {
    /// Side.
    pub side: PositionSide,
    /// In USDT.
    pub entry_price: f64,
    /// Base quantity that was opened.
    pub entry_qty: f64,
    /// Base quantity that is left.
    pub remaining_qty: f64,
}

impl TradeState {
    /// A trade that was just opened.
    ///
    /// # Errors
    /// [`RefusedNumber`] for a price or quantity that is not above zero.
    pub fn new(
        side: PositionSide,
        entry_price: f64,
        qty: f64,
    ) -> Result<TradeState, RefusedNumber> {
        let entry_price = positive("entry_price", entry_price)?;
        let entry_qty = positive("entry quantity", qty)?;
        Ok(TradeState { side, entry_price, entry_qty, remaining_qty: entry_qty })
    }

    /// Takes an exit and gives its PnL in USDT, after `fees_usd`. More than is left cannot be closed.
    ///
    /// # Errors
    /// [`RefusedNumber`]; the trade is then unchanged.
    pub fn exit(&mut self, qty: f64, price: f64, fees_usd: f64) -> Result<f64, RefusedNumber> {
        let qty = not_negative("exit quantity", qty)?.min(self.remaining_qty);
        let price = positive("exit price", price)?;
        let gross = self.side.sign() * (price - self.entry_price) * qty;
        let pnl = finite("exit PnL", gross - finite("fees_usd", fees_usd)?)?;
        let left = self.remaining_qty - qty;
        self.remaining_qty = if left <= NOTHING * self.entry_qty { 0.0 } else { left };
        Ok(pnl)
    }

    /// Nothing is left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.remaining_qty == 0.0
    }
}

/// The largest gain and loss that what was left of a trade has seen, in USDT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Excursion {
    /// Maximum favourable excursion, zero or more.
    pub mfe_usd: f64,
    /// Maximum adverse excursion, zero or less.
    pub mae_usd: f64,
}

impl Excursion {
    /// Looks at a price.
    ///
    /// # Errors
    /// [`RefusedNumber`] for a price that is not above zero.
    pub fn see(&mut self, trade: &TradeState, price: f64) -> Result<(), RefusedNumber> {
        let moved = positive("price", price)? - trade.entry_price;
        let gain = finite("excursion", trade.side.sign() * moved * trade.remaining_qty)?;
        self.mfe_usd = self.mfe_usd.max(gain);
        self.mae_usd = self.mae_usd.min(gain);
        Ok(())
    }
}

/// How much of the best price an exit got: its price over the price of the largest gain.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and a best price that is not above zero.
pub fn exit_efficiency(
    trade: &TradeState,
    exit_price: f64,
    mfe_usd: f64,
) -> Result<f64, RefusedNumber> {
    let exit_price = positive("exit price", exit_price)?;
    let moved = finite("mfe_usd", mfe_usd)? / positive("entry quantity", trade.entry_qty)?;
    let best = positive("best price", trade.entry_price + trade.side.sign() * moved)?;
    finite("exit efficiency", exit_price / best)
}

/// Identity of the trade that an order opened: the first 16 hexadecimal digits of SHA-256 over
/// `symbol:order`.
#[must_use]
pub fn trade_id(symbol: &str, order_id: &str) -> String {
    crate::hex::first_16(&Sha256::digest(format!("{symbol}:{order_id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_take_what_is_left_and_no_more() {
        let mut trade = TradeState::new(PositionSide::Long, 100.0, 0.3).expect("a trade");
        let mut seen = Excursion::default();
        seen.see(&trade, 110.0).expect("a price");
        assert_eq!(trade.exit(0.1, 110.0, 0.5), Ok(0.5));
        seen.see(&trade, 95.0).expect("a price");
        assert!((seen.mfe_usd - 3.0).abs() < 1e-12 && (seen.mae_usd + 1.0).abs() < 1e-12);
        assert!(trade.exit(f64::NAN, 1.0, 0.0).is_err());
        assert!(!trade.is_closed());
        assert!((trade.exit(9.0, 90.0, 0.0).expect("an exit") + 2.0).abs() < 1e-12);
        assert!(trade.is_closed());
        let efficiency = exit_efficiency(&trade, 99.0, 3.0).expect("finite");
        assert!((efficiency - 0.9).abs() < 1e-12, "99 of 110");
    }
}
