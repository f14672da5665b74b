//! Metrics of the equity curve.

use super::catalogue::metrics;
use super::drawdown::{Falls, ulcer_index};
use super::input::{Equity, InputError, Settings, YEAR_DAYS, elapsed_days};
use super::periods::{period_ends, returns};
use super::sums::{Moments, at_place, finite, mean, ratio, sum};

/// What rounding alone makes of a return: equity is known to 53 bits, so a return to about 3e-16. Returns
/// that differ by less do not differ, a fall by less is none, and a ratio to either would measure the rounding.
const ROUNDING: f64 = 1e-14;

metrics! {
    /// Metrics of the equity curve.
    EquityMetrics {
        /// How many periods the returns are of; the last may be shorter than the others.
        periods: u64 {
            unit: Count, better: Neither,
            formula: "n = ceil((T_end - T_begin) / period)",
            source: "own definition",
        }
        /// Return over the whole run.
        total_return: Option<f64> {
            unit: Fraction, better: Higher,
            formula: "E_end / E_begin - 1",
            source: "Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed.",
        }
        /// Compound annual growth rate: the return a year that makes the same of the same time.
        cagr: Option<f64> {
            unit: Fraction, better: Higher,
            formula: "(E_end / E_begin)^(365 d / (T_end - T_begin)) - 1",
            source: "Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed.",
        }
        /// Volatility of the returns, a year.
        volatility: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "sd(r) * sqrt(y); sd by n - 1",
            source: "Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed.",
        }
        /// Mean return above the risk-free rate, over the volatility, a year.
        sharpe: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "(mean(r) - f) / sd(r) * sqrt(y); sd by n - 1; f = (1 + risk_free_rate)^(1/y) - 1",
            source: "Sharpe (1994), The Sharpe Ratio, Journal of Portfolio Management 21",
        }
        /// Mean return above the target, over the root of the mean square of what fell short of it, a year.
        sortino: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "(mean(r) - t) / sqrt(sum(min(0, r - t)^2) / n) * sqrt(y); t = (1 + target_return)^(1/y) - 1",
            source: "Sortino, Price (1994), Performance Measurement in a Downside Risk Framework, Journal of Investing 3",
        }
        /// Growth a year over the deepest drawdown, of the whole run (the source has 36 months).
        calmar: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "cagr / max_drawdown",
            source: "Young (1991), Calmar Ratio: A Smoother Tool, Futures 20",
        }
        /// What the periods made above the target, over what the others fell short of it.
        omega: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "sum(max(0, r - t)) / sum(max(0, t - r)); t = (1 + target_return)^(1/y) - 1",
            source: "Keating, Shadwick (2002), A Universal Performance Measure, Journal of Performance Measurement 6",
        }
        /// Deepest fall below the highest equity so far, of all samples; above 1 if the equity fell below zero.
        max_drawdown: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "max over t of (P_t - E_t) / P_t; P_t = max of E until t",
            source: "Magdon-Ismail, Atiya (2004), Maximum Drawdown, Risk 17",
        }
        /// Length of the deepest drawdown: from the last sample at its peak to the recovery, or to the end.
        max_drawdown_days: Option<f64> {
            unit: Days, better: Lower,
            formula: "T_recovery - T_peak; 0 without a drawdown",
            source: "Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed.",
        }
        /// Length of the longest drawdown, which need not be the deepest.
        longest_drawdown_days: Option<f64> {
            unit: Days, better: Lower,
            formula: "max over drawdowns of (T_recovery - T_peak); 0 without a drawdown",
            source: "Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed.",
        }
        /// Share of the run that was spent in drawdowns.
        time_under_water: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "sum over drawdowns of (T_recovery - T_peak) / (T_end - T_begin)",
            source: "own definition",
        }
        /// Mean depth of the drawdowns, each counted once, however long.
        average_drawdown: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "mean over drawdowns of their deepest (P_t - E_t) / P_t",
            source: "Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 2nd ed.",
        }
        /// Root of the mean square of the drawdown at the ends of the periods; a fraction, where the source has percent.
        ulcer_index: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "sqrt(sum over k = 1..n of ((P_k - E_k) / P_k)^2 / n); P_k = max of E_0..E_k",
            source: "Martin, McCann (1989), The Investor's Guide to Fidelity Funds",
        }
        /// Historical value at risk of one period: the loss that is not exceeded with the given confidence.
        value_at_risk: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "-q(r, 1 - tail_level); q between the neighbours in proportion (type 7)",
            source: "Jorion (2006), Value at Risk, 3rd ed.; Hyndman, Fan (1996), Sample Quantiles in Statistical Packages, American Statistician 50",
        }
        /// Historical expected shortfall of one period: the mean loss of the worst share of them.
        expected_shortfall: Option<f64> {
            unit: Fraction, better: Lower,
            formula: "-(r_(1) + .. + r_(k) + (n a - k) r_(k+1)) / (n a); a = 1 - tail_level; k = floor(n a); r_(i) rising",
            source: "Acerbi, Tasche (2002), On the Coherence of Expected Shortfall, Journal of Banking and Finance 26",
        }
        /// Skewness of the returns, corrected for the size of the sample.
        skew: Option<f64> {
            unit: Ratio, better: Higher,
            formula: "n sqrt(n - 1) / (n - 2) * sum(d^3) / sum(d^2)^1.5; d = r - mean(r)",
            source: "Joanes, Gill (1998), Comparing Measures of Sample Skewness and Kurtosis, The Statistician 47 (G1)",
        }
        /// Kurtosis of the returns above that of the normal distribution, corrected for the size of the sample.
        excess_kurtosis: Option<f64> {
            unit: Ratio, better: Lower,
            formula: "(n (n + 1) (n - 1) sum(d^4) / sum(d^2)^2 - 3 (n - 1)^2) / ((n - 2) (n - 3)); d = r - mean(r)",
            source: "Joanes, Gill (1998), Comparing Measures of Sample Skewness and Kurtosis, The Statistician 47 (G2)",
        }
    }
}

/// Metrics of an equity curve. All but `periods` are `None` without samples, or if the first equity is not
/// above zero.
///
/// # Errors
/// [`InputError`] for what is no series, for settings that mean nothing, and for too many periods.
pub fn equity_metrics(
    equity: &Equity<'_>,
    settings: &Settings,
) -> Result<EquityMetrics, InputError> {
    settings.check()?;
    let ends = period_ends(equity, settings.period_ns)?.equity_usdt;
    let (Some(first), Some(last)) = (ends.first().copied(), ends.last().copied()) else {
        return Ok(EquityMetrics::default());
    };
    let periods = ends.len() as u64 - 1;
    if first <= 0.0 {
        return Ok(EquityMetrics { periods, ..EquityMetrics::default() });
    }
    let growth = ratio(last, first);
    let days = equity.span().map_or(0.0, |(begin, end)| elapsed_days(begin, end));
    let cagr = growth.and_then(|growth| growth_a_year(growth, days));
    let falls = Falls::of(equity);
    Ok(EquityMetrics {
        periods,
        total_return: ratio(last - first, first),
        cagr,
        calmar: calmar(cagr, falls.max_depth),
        max_drawdown: falls.max_depth,
        max_drawdown_days: falls.max_depth_days,
        longest_drawdown_days: falls.longest_days,
        time_under_water: falls.time_under_water,
        average_drawdown: falls.average_depth,
        ulcer_index: ulcer_index(&ends),
        ..of_returns(returns(&ends), settings)
    })
}

/// `None` for no time, for less than nothing left, and where the figure is beyond a float: one good hour
/// may make more a year than can be written down.
fn growth_a_year(growth: f64, days: f64) -> Option<f64> {
    if days <= 0.0 || growth < 0.0 {
        return None;
    }
    finite(libm::pow(growth, YEAR_DAYS / days) - 1.0)
}

fn calmar(cagr: Option<f64>, max_drawdown: Option<f64>) -> Option<f64> {
    ratio(cagr?, max_drawdown.filter(|depth| *depth > ROUNDING)?)
}

/// What the rate of a year is for one period. By way of logarithms, because `(1 + rate)^(1/y)` lies so near
/// to 1 for a minute that the subtraction would leave half of the digits.
fn rate_of_a_period(rate: f64, periods_a_year: f64) -> f64 {
    libm::expm1(libm::log1p(rate) / periods_a_year)
}

/// The metrics that the returns alone decide.
fn of_returns(mut returns: Vec<f64>, settings: &Settings) -> EquityMetrics {
    let year = settings.periods_a_year();
    let free = rate_of_a_period(settings.risk_free_rate, year);
    let target = rate_of_a_period(settings.target_return, year);
    let Some(moments) = Moments::of(&returns) else { return EquityMetrics::default() };
    let deviation = moments.deviation();
    let least = returns.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = returns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let varies = greatest - least > ROUNDING;
    let falls_short = target - least > ROUNDING;
    let spread = deviation.filter(|_| varies);

    let excess = moments.mean - target;
    let short = returns.iter().map(|r| (target - r).max(0.0));
    let downside = mean(short.clone().map(|short| short * short)).filter(|_| falls_short);
    let gained = sum(returns.iter().map(|r| (r - target).max(0.0)));
    let omega = falls_short.then(|| ratio(gained, sum(short))).flatten();
    // Last, because it takes the returns out of their order.
    let (value_at_risk, expected_shortfall) = tail(&mut returns, 1.0 - settings.tail_level);
    EquityMetrics {
        volatility: deviation.and_then(|deviation| finite(deviation * year.sqrt())),
        sharpe: spread.and_then(|spread| finite((moments.mean - free) / spread * year.sqrt())),
        sortino: downside.and_then(|below| finite(excess / below.sqrt() * year.sqrt())),
        omega,
        value_at_risk,
        expected_shortfall,
        skew: moments.skew().filter(|_| varies),
        excess_kurtosis: moments.excess_kurtosis().filter(|_| varies),
        ..EquityMetrics::default()
    }
}

/// Value at risk and expected shortfall of the worst `share` of the returns, which are left in any order.
fn tail(returns: &mut [f64], share: f64) -> (Option<f64>, Option<f64>) {
    let count = returns.len() as f64;
    // The neighbours of the quantile, and the return that the worst share ends in, are among them.
    let looked_at = ((count * share) as usize + 2).min(returns.len());
    if looked_at < returns.len() {
        returns.select_nth_unstable_by(looked_at, f64::total_cmp);
    }
    // In order, so that they are added in one order on every machine.
    let worst = &mut returns[..looked_at];
    worst.sort_unstable_by(f64::total_cmp);
    let value_at_risk = at_place(worst, (count - 1.0) * share).map(|r| -r);

    let whole = (count * share) as usize;
    let part = count * share - whole as f64;
    let rest = worst.get(whole).map_or(0.0, |r| part * r);
    let lost = sum(worst[..whole.min(looked_at)].iter().copied().chain([rest]));
    (value_at_risk, ratio(-lost, count * share))
}
