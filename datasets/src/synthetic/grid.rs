//! From logarithms of prices to bars on the grid: what all markets of bars have in common.

use super::GRID_MAX;
use super::config::SyntheticSymbol;
use super::events::Laid;

/// `10^exponent` by multiplication, which rounds alike everywhere.
pub(super) fn pow10_f64(exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |power, _| power * 10.0)
}

/// The grid of one symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    price_units: f64,
    qty_units: f64,
    tick: i64,
}

/// The four prices of a bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
}

/// What a minute trades by the mean, from two standard normals: more where much moves, and by chance. Its own mean
/// is 1, because that of a normal's size is `sqrt(2 / π)` and that of the lognormal factor 1.
pub(super) fn busy(own: f64, shock: f64) -> f64 {
    const MEAN: f64 = 1.0 + 0.797_884_560_802_865_4;
    libm::exp(0.5 * own - 0.125) * (1.0 + shock.abs()) / MEAN
}

impl Grid {
    pub fn new(symbol: &SyntheticSymbol) -> Grid {
        Grid {
            price_units: pow10_f64(symbol.price_decimals),
            qty_units: pow10_f64(symbol.qty_decimals),
            tick: symbol.tick_units,
        }
    }

    /// A price on the order tick, at least one tick.
    pub fn on_tick(&self, log_price: f64) -> i64 {
        let units = (libm::exp(log_price) * self.price_units).min(GRID_MAX);
        let ticks = libm::round(units / self.tick as f64) as i64;
        ticks.max(1).saturating_mul(self.tick)
    }

    /// A quantity of the base asset on the grid.
    pub fn lots(&self, qty: f64) -> i64 {
        libm::round((qty * self.qty_units).clamp(0.0, GRID_MAX)) as i64
    }

    /// The bar from `open`, moved by an opening gap, to `close_log`. The extremes reach beyond both by
    /// half the minute's deviation `sigma` times the size of a normal of their own.
    pub fn bar(
        &self,
        open: i64,
        close_log: f64,
        sigma: f64,
        normals: (f64, f64),
        laid: &Laid,
    ) -> Prices {
        let open_log = libm::log(open as f64 / self.price_units) + laid.open_gap;
        let open = if laid.open_gap == 0.0 { open } else { self.on_tick(open_log) };
        let close = self.on_tick(close_log);
        let reach = |normal: f64| 0.5 * sigma * normal.abs() * laid.wick;
        let high = self.on_tick(open_log.max(close_log) + reach(normals.0));
        let low = self.on_tick(open_log.min(close_log) - reach(normals.1));
        Prices { open, high: high.max(open).max(close), low: low.min(open).min(close), close }
    }
}
