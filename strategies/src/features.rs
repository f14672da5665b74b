//! Price history and the 18 technical features of the signal models (MSE 4.2).

use serde::{Deserialize, Serialize};

/// How many prices and volumes a history keeps a symbol (MSE 4.2).
pub const HISTORY: usize = 120;

/// Refused input of a history: a price that is not positive and finite, or a volume that is negative
/// or not finite.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("not a usable tick: price {price}, volume {volume}")]
pub struct NotATick {
    /// The price offered, in quote units.
    pub price: f64,
    /// The volume offered, in base units.
    pub volume: f64,
}

/// The last [`HISTORY`] prices and tick volumes of one symbol, oldest first (MSE 4.2).
///
/// Both are seen as one contiguous slice. The backing store holds up to twice the history and moves
/// its second half down when full, so that a push costs a store and, once in 120, a short copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PriceHistory {
    prices: Vec<f64>,
    volumes: Vec<f64>,
}

impl Default for PriceHistory {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for PriceHistory {
    fn eq(&self, other: &Self) -> bool {
        self.prices() == other.prices() && self.volumes() == other.volumes()
    }
}

impl PriceHistory {
    /// An empty history; the only allocation of its life happens here.
    #[must_use]
    pub fn new() -> Self {
        Self { prices: Vec::with_capacity(2 * HISTORY), volumes: Vec::with_capacity(2 * HISTORY) }
    }

    /// Appends one tick and forgets the oldest above [`HISTORY`].
    ///
    /// # Errors
    /// [`NotATick`] when the price is not positive and finite or the volume is negative or not finite;
    /// the history is then unchanged.
    pub fn push(&mut self, price: f64, volume: f64) -> Result<(), NotATick> {
        let usable = price > 0.0 && price.is_finite() && volume >= 0.0 && volume.is_finite();
        if !usable {
            return Err(NotATick { price, volume });
        }
        if self.prices.len() >= 2 * HISTORY {
            compact(&mut self.prices);
            compact(&mut self.volumes);
        }
        self.prices.push(price);
        self.volumes.push(volume);
        Ok(())
    }

    /// The prices kept, oldest first, at most [`HISTORY`].
    #[must_use]
    pub fn prices(&self) -> &[f64] {
        latest(&self.prices, HISTORY)
    }

    /// The volumes kept, oldest first, as many as there are prices.
    #[must_use]
    pub fn volumes(&self) -> &[f64] {
        latest(&self.volumes, HISTORY)
    }

    /// How many prices are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prices().len()
    }

    /// Whether no price came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// The newest price, if any.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.prices.last().copied()
    }
}

fn compact(values: &mut Vec<f64>) {
    let keep_from = values.len().saturating_sub(HISTORY);
    values.copy_within(keep_from.., 0);
    values.truncate(HISTORY);
}

fn latest(values: &[f64], count: usize) -> &[f64] {
    &values[values.len().saturating_sub(count)..]
}

/// The 18 technical features of one symbol at one tick (MSE 4.2). Percent means percent points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Change against the previous price, percent.
    pub price_change: f64,
    /// Running high minus running low over the price, a fraction.
    pub high_low_range: f64,
    /// Change of the volume against the previous one, percent.
    pub volume_change: f64,
    /// Volume over the mean of the last 20.
    pub volume_ma_ratio: f64,
    /// Exponential mean of 10 prices.
    pub ema_10: f64,
    /// Exponential mean of 20 prices.
    pub ema_20: f64,
    /// Exponential mean of 50 prices.
    pub ema_50: f64,
    /// Relative strength of the last 14 differences, 0 to 100.
    pub rsi_14: f64,
    /// Exponential mean of 12 less that of 26 prices.
    pub macd: f64,
    /// 0.9 of `macd`.
    pub macd_signal: f64,
    /// `macd` less `macd_signal`.
    pub macd_hist: f64,
    /// Place between the Bollinger bands (20, 2 standard deviations): 0 the lower, 1 the upper.
    pub bb_position: f64,
    /// Root mean square of the last 20 returns, a fraction a tick.
    pub volatility_20: f64,
    /// Change over 10 prices, percent.
    pub momentum_10: f64,
    /// Change over 20 prices, percent.
    pub momentum_20: f64,
    /// (`ema_10` − `ema_20`) / `ema_20`.
    pub ema_10_20_cross: f64,
    /// (`ema_10` − `ema_50`) / `ema_50`.
    pub ema_10_50_cross: f64,
    /// The same as `volume_ma_ratio`.
    pub volume_ratio: f64,
}

impl Features {
    /// Their names, in the order of [`Features::values`].
    pub const NAMES: [&'static str; 18] = [
        "price_change",
        "high_low_range",
        "volume_change",
        "volume_ma_ratio",
        "ema_10",
        "ema_20",
        "ema_50",
        "rsi_14",
        "macd",
        "macd_signal",
        "macd_hist",
        "bb_position",
        "volatility_20",
        "momentum_10",
        "momentum_20",
        "ema_10_20_cross",
        "ema_10_50_cross",
        "volume_ratio",
    ];

    /// All of them, as a model file takes them.
    #[must_use]
    pub fn values(&self) -> [f64; 18] {
        [
            self.price_change,
            self.high_low_range,
            self.volume_change,
            self.volume_ma_ratio,
            self.ema_10,
            self.ema_20,
            self.ema_50,
            self.rsi_14,
            self.macd,
            self.macd_signal,
            self.macd_hist,
            self.bb_position,
            self.volatility_20,
            self.momentum_10,
            self.momentum_20,
            self.ema_10_20_cross,
            self.ema_10_50_cross,
            self.volume_ratio,
        ]
    }
}

/// Periods of the exponential means, in the order of the interleaved recurrence.
const PERIODS: [usize; 5] = [10, 20, 50, 12, 26];

/// The features of `history` at its newest price (MSE 4.2).
///
/// `running_high` and `running_low` are the extremes of the session's candle, in quote units. A
/// feature with too short a history has its neutral value; below two prices all have. No allocation.
#[must_use]
pub fn features(history: &PriceHistory, running_high: f64, running_low: f64) -> Features {
    let prices = history.prices();
    let volumes = history.volumes();
    let n = prices.len();
    let price = prices.last().copied().unwrap_or(0.0);
    let neutral = Features {
        ema_10: price,
        ema_20: price,
        ema_50: price,
        rsi_14: 50.0,
        bb_position: 0.5,
        volume_ma_ratio: 1.0,
        volume_ratio: 1.0,
        ..Features::default()
    };
    if n < 2 {
        return neutral;
    }
    let [ema_10, ema_20, ema_50, ema_12, ema_26] = exponential_means(prices);
    let pick = |period: usize, value: f64| if n < period { price } else { value };
    let (ema_10, ema_20, ema_50) = (pick(10, ema_10), pick(20, ema_20), pick(50, ema_50));
    let macd = if n < 26 { 0.0 } else { ema_12 - ema_26 };
    let macd_signal = macd * 0.9;
    let volume_ratio = volume_ratio(volumes);
    Features {
        price_change: percent_change(prices, 1),
        high_low_range: (running_high - running_low) / price,
        volume_change: percent_change(volumes, 1),
        volume_ma_ratio: volume_ratio,
        ema_10,
        ema_20,
        ema_50,
        rsi_14: relative_strength(prices),
        macd,
        macd_signal,
        macd_hist: macd - macd_signal,
        bb_position: bollinger_position(prices, price),
        volatility_20: volatility(prices),
        momentum_10: percent_change(prices, 10),
        momentum_20: percent_change(prices, 20),
        ema_10_20_cross: (ema_10 - ema_20) / ema_20,
        ema_10_50_cross: (ema_10 - ema_50) / ema_50,
        volume_ratio,
    }
}

/// The five recurrences side by side: they are chains of dependent operations, so that one loop over
/// all five costs as much time as one alone.
fn exponential_means(prices: &[f64]) -> [f64; 5] {
    let gain = PERIODS.map(|period| 2.0 / (period as f64 + 1.0));
    let keep = gain.map(|k| 1.0 - k);
    let mut means = [prices.first().copied().unwrap_or(0.0); 5];
    for &price in prices.iter().skip(1) {
        for ((mean, k), rest) in means.iter_mut().zip(gain).zip(keep) {
            *mean = price * k + *mean * rest;
        }
    }
    means
}

/// Percent change of the newest value against the one `back` places before it; 0 when there is none
/// or it was zero.
fn percent_change(values: &[f64], back: usize) -> f64 {
    match (values.last(), values.len().checked_sub(back + 1).and_then(|at| values.get(at))) {
        (Some(now), Some(&before)) if before != 0.0 => (now - before) / before * 100.0,
        _ => 0.0,
    }
}

fn volume_ratio(volumes: &[f64]) -> f64 {
    let window = latest(volumes, 20);
    let mean = window.iter().sum::<f64>() / 20.0;
    match window.last() {
        Some(now) if window.len() == 20 && mean > 0.0 => now / mean,
        _ => 1.0,
    }
}

fn relative_strength(prices: &[f64]) -> f64 {
    let window = latest(prices, 15);
    if window.len() < 15 {
        return 50.0;
    }
    let (mut gains, mut losses) = (0.0, 0.0);
    for pair in window.windows(2) {
        let step = pair[1] - pair[0];
        gains += step.max(0.0);
        losses += (-step).max(0.0);
    }
    if losses == 0.0 {
        return 100.0;
    }
    100.0 - 100.0 / (1.0 + (gains / 14.0) / (losses / 14.0))
}

fn bollinger_position(prices: &[f64], price: f64) -> f64 {
    let window = latest(prices, 20);
    if window.len() < 20 {
        return 0.5;
    }
    let mean = window.iter().sum::<f64>() / 20.0;
    let deviation = (window.iter().map(|p| (p - mean) * (p - mean)).sum::<f64>() / 20.0).sqrt();
    let (lower, upper) = (mean - 2.0 * deviation, mean + 2.0 * deviation);
    if upper > lower { (price - lower) / (upper - lower) } else { 0.5 }
}

fn volatility(prices: &[f64]) -> f64 {
    let window = latest(prices, 21);
    if window.len() < 21 {
        return 0.0;
    }
    let mut squares = 0.0;
    for pair in window.windows(2) {
        let step = (pair[1] - pair[0]) / pair[0];
        squares += step * step;
    }
    (squares / 20.0).sqrt()
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
