//! A position and its market as the kernels see them (EHR 3.2, 3.3).

use serde::{Deserialize, Serialize};

use crate::MarketState;
use crate::numbers::{RefusedNumber, all_finite, finite, not_negative, positive};

/// Side of an open position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PositionSide {
    /// Gains when the price rises.
    Long,
    /// Gains when it falls.
    Short,
}

impl PositionSide {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            PositionSide::Long => "LONG",
            PositionSide::Short => "SHORT",
        }
    }

    /// The side of that word; any but `LONG` and `SHORT` is an error of the caller's input.
    #[must_use]
    pub fn parse(word: &str) -> Option<PositionSide> {
        match word {
            "LONG" => Some(PositionSide::Long),
            "SHORT" => Some(PositionSide::Short),
            _ => None,
        }
    }

    /// 1 of a long, -1 of a short.
    pub const fn sign(self) -> f64 {
        match self {
            PositionSide::Long => 1.0,
            PositionSide::Short => -1.0,
        }
    }

    /// The side of the order that closes it.
    pub const fn closing_order(self) -> &'static str {
        match self {
            PositionSide::Long => "SELL",
            PositionSide::Short => "BUY",
        }
    }

    /// Whether a stop at `new` is closer to the price than one at `old`, by more than `eps`.
    #[must_use]
    pub fn tightens(self, old: f64, new: f64, eps: f64) -> bool {
        self.sign() * (new - old) > eps
    }
}

/// An open position. Prices are in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Side.
    pub side: PositionSide,
    /// Average entry.
    pub entry_price: f64,
    /// Mark or last price.
    pub current_price: f64,
    /// Highest since the entry.
    pub peak_price: f64,
    /// Lowest since the entry.
    pub trough_price: f64,
    /// Since the entry.
    pub age_sec: f64,
    /// Of one unit of the asset in USDT: the whole position's divided by its quantity
    /// ([`pnl_per_unit`]), because risk and cost of the kernel are those of one unit.
    pub unrealized_pnl_per_unit: f64,
    /// Stop in force.
    pub current_sl: Option<f64>,
    /// Target in force.
    pub current_tp: Option<f64>,
}

impl Position {
    /// Refuses numbers that no position has.
    ///
    /// # Errors
    /// [`RefusedNumber`] naming the first such field.
    pub fn checked(&self) -> Result<(), RefusedNumber> {
        positive("entry_price", self.entry_price)?;
        positive("current_price", self.current_price)?;
        positive("peak_price", self.peak_price)?;
        positive("trough_price", self.trough_price)?;
        not_negative("age_sec", self.age_sec)?;
        finite("unrealized_pnl_per_unit", self.unrealized_pnl_per_unit)?;
        finite("current_sl", self.current_sl.unwrap_or(0.0))?;
        finite("current_tp", self.current_tp.unwrap_or(0.0)).map(drop)
    }
}

/// PnL of one unit of a position of `quantity` (of either sign). `None` when it is flat.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn pnl_per_unit(pnl_usd: f64, quantity: f64) -> Result<Option<f64>, RefusedNumber> {
    all_finite(&[("pnl_usd", pnl_usd), ("quantity", quantity)])?;
    if quantity == 0.0 {
        return Ok(None);
    }
    finite("pnl_per_unit", pnl_usd / quantity.abs()).map(Some)
}

/// What the kernels read of a market state. Sigma is per minute; `ts` is trend strength, not a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketView {
    /// Volatility.
    pub sigma: f64,
    /// Trend strength.
    pub ts: f64,
    /// Probability of a trend.
    pub p_trend: f64,
    /// Probability of mean reversion.
    pub p_mr: f64,
    /// Probability of chop.
    pub p_chop: f64,
}

impl From<&MarketState> for MarketView {
    fn from(state: &MarketState) -> MarketView {
        let MarketState { sigma, ts, p_trend, p_mr, p_chop, .. } = *state;
        MarketView { sigma, ts, p_trend, p_mr, p_chop }
    }
}

impl MarketView {
    /// Refuses NaN and infinities.
    ///
    /// # Errors
    /// [`RefusedNumber`] naming the first such field.
    pub fn checked(&self) -> Result<(), RefusedNumber> {
        all_finite(&[
            ("sigma", self.sigma),
            ("ts", self.ts),
            ("p_trend", self.p_trend),
            ("p_mr", self.p_mr),
            ("p_chop", self.p_chop),
        ])
    }

    /// The most probable regime: `trend`, `mr` or `chop`; the first of equals.
    #[must_use]
    pub fn dominant(&self) -> &'static str {
        if self.p_trend >= self.p_mr && self.p_trend >= self.p_chop {
            "trend"
        } else if self.p_mr >= self.p_chop {
            "mr"
        } else {
            "chop"
        }
    }
}
