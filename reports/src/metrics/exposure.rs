//! Metrics of positions over time: how much of the equity stood in the market, and for how long.

use super::catalogue::metrics;
use super::input::{Equity, Exposure, InputError, elapsed_days};
use super::sums::{Sum, ratio};

metrics! {
    /// Metrics of positions over time. G is the gross notional of the positions, N the net one; all three
    /// series hold their value until the next sample. Times with an equity that is not above zero count
    /// for `exposure` only.
    ExposureMetrics {
        /// Share of the run with a position.
        exposure: Option<f64> {
            unit: Fraction, better: Neither,
            formula: "time with G > 0 / (T_end - T_begin)",
            source: "Kaufman (2013), Trading Systems and Methods, 5th ed. (time in market)",
        }
        /// Mean gross notional over equity, over the whole run.
        gross_exposure_mean: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "integral of G / E dt / time",
            source: "own definition, weighted by time",
        }
        /// Mean net notional over equity, over the whole run; shorts are negative.
        net_exposure_mean: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "integral of N / E dt / time",
            source: "own definition, weighted by time",
        }
        /// Mean leverage while there was a position.
        leverage_mean: Option<f64> {
            unit: Ratio, better: Neither,
            formula: "integral of G / E dt over times with G > 0 / time with G > 0",
            source: "own definition, weighted by time",
        }
        /// Highest leverage at any moment; 0 without a position.
        leverage_max: Option<f64> {
            unit: Ratio, better: Lower,
            formula: "max over t of G / E",
            source: "own definition",
        }
    }
}

/// What held over a stretch of time; of no length for the last one.
struct Stretch {
    days: f64,
    equity: f64,
    gross: f64,
    net: f64,
}

/// Calls `visit` for each stretch of the equity's time within which nothing changes.
fn stretches(equity: &Equity<'_>, exposure: &Exposure<'_>, mut visit: impl FnMut(&Stretch)) {
    let Some((mut now, end)) = equity.span() else { return };
    let (mut next_equity, mut next_exposure) = (0, 0);
    let mut held = Stretch { days: 0.0, equity: 0.0, gross: 0.0, net: 0.0 };
    loop {
        // All that happens now, the last of several at one time.
        while equity.time_ns.get(next_equity).is_some_and(|time| *time <= now) {
            held.equity = equity.equity_usdt[next_equity];
            next_equity += 1;
        }
        while exposure.time_ns.get(next_exposure).is_some_and(|time| *time <= now) {
            held.gross = exposure.gross_usdt[next_exposure];
            held.net = exposure.net_usdt[next_exposure];
            next_exposure += 1;
        }
        let times = [equity.time_ns.get(next_equity), exposure.time_ns.get(next_exposure)];
        let next = times.into_iter().flatten().copied().min().unwrap_or(end).min(end);
        held.days = elapsed_days(now, next);
        visit(&held);
        if now == end {
            return;
        }
        now = next;
    }
}

/// Metrics of positions over the time of an equity curve. All are `None` without equity samples, and the
/// means if the curve has no length.
///
/// # Errors
/// [`InputError`] for what is no series.
pub fn exposure_metrics(
    equity: &Equity<'_>,
    exposure: &Exposure<'_>,
) -> Result<ExposureMetrics, InputError> {
    equity.check()?;
    exposure.check()?;
    let [mut days, mut solvent, mut held, mut held_solvent] = [Sum::default(); 4];
    let [mut gross, mut net] = [Sum::default(); 2];
    let mut leverage_max = None;
    stretches(equity, exposure, |stretch| {
        let held_days = if stretch.gross > 0.0 { stretch.days } else { 0.0 };
        days.add(stretch.days);
        held.add(held_days);
        if stretch.equity > 0.0 {
            let leverage = stretch.gross / stretch.equity;
            solvent.add(stretch.days);
            held_solvent.add(held_days);
            gross.add(leverage * stretch.days);
            net.add(stretch.net / stretch.equity * stretch.days);
            leverage_max = Some(leverage.max(leverage_max.unwrap_or(0.0)));
        }
    });
    Ok(ExposureMetrics {
        exposure: ratio(held.total(), days.total()).map(|share| share.min(1.0)),
        gross_exposure_mean: ratio(gross.total(), solvent.total()),
        net_exposure_mean: ratio(net.total(), solvent.total()),
        leverage_mean: ratio(gross.total(), held_solvent.total()),
        leverage_max: leverage_max.filter(|leverage: &f64| leverage.is_finite()),
    })
}

/// Mean equity over time, in USDT; `None` if the curve has no length.
pub(super) fn mean_equity(equity: &Equity<'_>) -> Option<f64> {
    let (begin, end) = equity.span()?;
    let (mut total, mut last) = (Sum::default(), None);
    for (time, value) in equity.samples() {
        if let Some((before, held)) = last.replace((time, value)) {
            total.add(elapsed_days(before, time) * held);
        }
    }
    ratio(total.total(), elapsed_days(begin, end))
}
