//! What the properties draw from.

use proptest::prelude::*;
use strategies::position::{MarketView, Position, PositionSide};

/// Any double, NaN and infinities among them; often a small one.
pub fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..10.0, 2 => any::<f64>(), 1 => Just(0.0), 1 => Just(f64::NAN)]
}

/// Any double that is none of NaN and the infinities.
pub fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..10.0, 2 => -1e6..1e6, 1 => Just(0.0), 1 => -1e15..1e15]
}

/// A market state as P0 makes them, and somewhat beyond.
pub fn market() -> impl Strategy<Value = MarketView> {
    (1e-6..0.1, 0.0..2.0, 0.0..=1.0, 0.0..=1.0).prop_map(|(sigma, ts, p, q)| {
        let (p_trend, p_mr) = (p, (1.0 - p) * q);
        MarketView { sigma, ts, p_trend, p_mr, p_chop: 1.0 - p_trend - p_mr }
    })
}

/// An open position, of either side, with a stop or without.
pub fn position() -> impl Strategy<Value = Position> {
    let prices = (1e-3..1e5, 0.5..2.0, 1.0..1.2, prop::option::of(0.8..1.2));
    (prices, any::<bool>(), 0.0..1e6, -0.5..0.5).prop_map(|(prices, long, age_sec, gain)| {
        let (entry_price, moved, swing, stop): (f64, f64, f64, Option<f64>) = prices;
        let current_price = entry_price * moved;
        Position {
            side: if long { PositionSide::Long } else { PositionSide::Short },
            entry_price,
            current_price,
            peak_price: current_price.max(entry_price) * swing,
            trough_price: current_price.min(entry_price) / swing,
            age_sec,
            unrealized_pnl_per_unit: entry_price * gain,
            current_sl: stop.map(|stop| entry_price * stop),
            current_tp: None,
        }
    })
}

/// As many cases as a test of microseconds can afford.
pub fn cases() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}
