//! What the engine knows of a symbol: prices, the running candle, the other venues, order flow, drift.

use engine::{CorrelationId, Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::signal::{
    DriftMeasure, DriftSeverity, DriftThresholds, FeatureDrift, PerformanceDrop, drift_report,
    feature_drift,
};
use strategies::{Features, PriceHistory, features};

use super::decide::Draft;
use crate::records::{ExchangeNormalized, SignalAction};

/// Prices of other venues older than this are none.
const VENUES_LIFE: Nanos = Nanos::from_secs(120);
/// A report of drift holds so long.
const DRIFT_LIFE: Nanos = Nanos::from_secs(300);
/// Weight of the newest tick in the order flow.
const FLOW_GAIN: f64 = 0.02;
/// Samples of a feature that make its baseline, and those held after them.
const BASELINE: usize = 500;
const CURRENT: usize = 100;
/// Features whose distribution is watched: those without a unit, which should look alike at any price.
const WATCHED: usize = 4;

/// What the other venues said, and when it was received.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Venues {
    at: Nanos,
    /// How far they are apart, in USDT.
    pub(super) divergence: f64,
    /// Mean of their prices, in USDT.
    pub(super) average: f64,
    /// How many.
    pub(super) count: u32,
    /// Binance over Bybit, in basis points of the mean.
    pub(super) spread_bps: Option<f64>,
}

/// The newest decision that nobody has asked for yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Decided {
    pub(super) at: Nanos,
    pub(super) action: SignalAction,
    pub(super) confidence: f64,
    pub(super) size_usd: Decimal,
    pub(super) leverage: u32,
    pub(super) correlation_id: CorrelationId,
}

/// What is watched for drift.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Drift {
    baseline: [Vec<f64>; WATCHED],
    current: [Vec<f64>; WATCHED],
    reported: Option<(Nanos, DriftSeverity, f64)>,
}

/// What the engine knows of a symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Market {
    pub(super) symbol: Symbol,
    pub(super) history: PriceHistory,
    /// At the newest price.
    pub(super) features: Features,
    /// Of the running minute; a closed bar begins a new one.
    high: f64,
    low: f64,
    venues: Option<Venues>,
    /// Share of the volume that takers bought, smoothed: 0.5 is even.
    pub(super) flow: f64,
    drift: Drift,
    pub(super) decision: Option<Decided>,
    /// A decision that waits for the orchestrator.
    pub(super) waiting: Option<Box<Draft>>,
    /// When the RL shadow last had an effect.
    pub(super) rl_effect_at: Option<Nanos>,
}

impl Market {
    pub(super) fn new(symbol: Symbol) -> Market {
        Market {
            symbol,
            history: PriceHistory::new(),
            features: Features::default(),
            high: 0.0,
            low: 0.0,
            venues: None,
            flow: 0.5,
            drift: Drift::default(),
            decision: None,
            waiting: None,
            rl_effect_at: None,
        }
    }

    /// A tick; `false` when price or quantity cannot be used.
    pub(super) fn push(&mut self, price: f64, qty: Option<f64>, is_buyer_maker: bool) -> bool {
        if self.history.push(price, qty.unwrap_or(0.0)).is_err() {
            return false;
        }
        self.high = self.high.max(price);
        self.low = if self.low > 0.0 { self.low.min(price) } else { price };
        if qty.is_some_and(|qty| qty > 0.0) {
            let bought = if is_buyer_maker { 0.0 } else { 1.0 };
            self.flow += FLOW_GAIN * (bought - self.flow);
        }
        self.features = features(&self.history, self.high, self.low);
        true
    }

    /// A question for a signal that is taken for a tick.
    pub(super) fn asked(&mut self, price: f64, day_volume: f64) {
        if self.history.push(price, day_volume).is_ok() {
            self.features = features(&self.history, self.high, self.low);
        }
    }

    /// A closed bar: the running candle begins again at its close, where it does, and the features are sampled.
    pub(super) fn bar(&mut self, close: Option<f64>) {
        if let Some(close) = close {
            self.high = close;
            self.low = close;
        }
        let features = &self.features;
        let samples = [
            features.rsi_14,
            features.bb_position,
            features.volatility_20,
            features.ema_10_50_cross,
        ];
        // What is not yet there has its neutral value, which would be the whole baseline.
        if self.history.len() < 50 || !samples.iter().all(|sample| sample.is_finite()) {
            return;
        }
        let Drift { baseline, current, .. } = &mut self.drift;
        for ((baseline, current), sample) in baseline.iter_mut().zip(current).zip(samples) {
            if baseline.len() < BASELINE {
                baseline.push(sample);
                continue;
            }
            if current.len() == 2 * CURRENT {
                current.copy_within(CURRENT.., 0);
                current.truncate(CURRENT);
            }
            current.push(sample);
        }
    }

    pub(super) fn heard(&mut self, prices: &ExchangeNormalized, now: Nanos) {
        let spread_bps = prices
            .binance_price
            .zip(prices.bybit_price)
            .map(|(binance, bybit)| (binance - bybit) / prices.avg_price * 1e4)
            .filter(|bps| bps.is_finite());
        self.venues = Some(Venues {
            at: now,
            divergence: prices.price_divergence,
            average: prices.avg_price,
            count: prices.num_exchanges,
            spread_bps,
        });
    }

    /// The other venues, if they were heard lately.
    pub(super) fn venues(&self, now: Nanos) -> Option<&Venues> {
        self.venues.as_ref().filter(|venues| now - venues.at <= VENUES_LIFE)
    }

    /// Volatility of the last 20 steps over that of all that are kept, 0.5 to 5; 1 where either is unknown.
    pub(super) fn volatility_factor(&self) -> f64 {
        let prices = self.history.prices();
        let (mut squares, mut count) = (0.0, 0.0);
        for pair in prices.windows(2) {
            let step = (pair[1] - pair[0]) / pair[0];
            squares += step * step;
            count += 1.0;
        }
        let long = (squares / f64::max(count, 1.0)).sqrt();
        let factor = self.features.volatility_20 / long;
        if count >= 50.0 && factor.is_finite() { factor.clamp(0.5, 5.0) } else { 1.0 }
    }

    /// How far the market is from the one that was learned, its index, and whether that is news: a report
    /// holds for 300 s.
    pub(super) fn drift(
        &mut self,
        measure: DriftMeasure,
        performance: Option<&PerformanceDrop>,
        now: Nanos,
    ) -> (DriftSeverity, f64, bool) {
        if let Some((at, severity, psi)) = self.drift.reported
            && now - at < DRIFT_LIFE
        {
            return (severity, psi, false);
        }
        let thresholds = DriftThresholds::default();
        let none = FeatureDrift { psi: 0.0, ks_p: 1.0, severity: DriftSeverity::None };
        let mut found = [none; WATCHED];
        if measure == DriftMeasure::Distributions {
            let both = self.drift.baseline.iter().zip(&self.drift.current);
            for (slot, (baseline, current)) in found.iter_mut().zip(both) {
                *slot =
                    feature_drift(baseline, current, &thresholds).ok().flatten().unwrap_or(none);
            }
        }
        // A measure that fails says nothing: features fail open.
        let (severity, psi) = drift_report(measure, self.features.rsi_14, &found, performance)
            .map_or((DriftSeverity::None, 0.0), |report| (report.severity, report.psi));
        self.drift.reported = Some((now, severity, psi));
        (severity, psi, true)
    }
}
