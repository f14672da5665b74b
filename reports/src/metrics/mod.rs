//! Metrics of a run: plain numbers in, numbers out.
//!
//! Invariant: no metric is NaN or infinite. What has no value (no trades, no volatility, no loss to divide
//! by) is `None`.
//! Invariant: the same input gives the same bits on every machine. Sums have one order and are
//! compensated; powers and logarithms are those of `libm`.
//!
//! Symbols of the formulas: E is equity in USDT, T time; E_0 .. E_n is the equity at the begin and at the
//! end of each of n periods, r the n returns E_k / E_{k-1} - 1 (see [`returns`] for what ends them early),
//! y the number of periods in a year of 365 days, q a quantile, sd the standard deviation of a sample.
//!
//! Drawdowns are looked for among all samples; what is built on returns knows the ends of the periods only.

mod catalogue;
mod drawdown;
mod equity;
mod exposure;
mod fills;
mod input;
mod money;
mod periods;
mod pipeline;
mod sums;
mod trades;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use catalogue::{Better, Metric, Unit, catalogue, metric};
pub use drawdown::{Drawdown, drawdowns};
pub use equity::{EquityMetrics, equity_metrics};
pub use exposure::{ExposureMetrics, exposure_metrics};
pub use fills::{FillMetrics, fill_metrics};
pub use input::{
    DAY_NS, Equity, Exposure, Fill, InputError, Liquidity, PERIODS_MAX, RunInput, SECOND_NS,
    Settings, Side, Trade, YEAR_DAYS,
};
pub use money::to_f64;
pub use periods::{PeriodEnds, period_ends, returns};
pub use pipeline::{
    GateMetrics, LagMetrics, PipelineInput, PipelineMetrics, PipelineRates, lag_of_counts,
    pipeline_metrics,
};
pub use trades::{GroupedTrades, TradeFigures, TradeMetrics, trade_figures, trade_metrics};

/// All metrics of a run. In JSON, those of the whole run are keys of one object, beside `by_symbol` and
/// `by_exit_reason`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunMetrics {
    /// Of the equity curve.
    #[serde(flatten)]
    pub equity: EquityMetrics,
    /// Of positions over time; all `None` if they were not recorded.
    #[serde(flatten)]
    pub exposure: ExposureMetrics,
    /// Of executions; `None` if they were not recorded.
    #[serde(flatten)]
    pub fills: Option<FillMetrics>,
    /// Of closed trades.
    #[serde(flatten)]
    pub trades: TradeMetrics,
    /// Of the closed trades of each symbol, in the order of their names.
    pub by_symbol: BTreeMap<String, TradeMetrics>,
    /// Of the closed trades with each reason of exit, in the order of their names.
    pub by_exit_reason: BTreeMap<String, TradeMetrics>,
}

/// All metrics of a run.
///
/// # Errors
/// [`InputError`] for series, records and settings that mean nothing, and for sums beyond what can be
/// counted.
pub fn run_metrics(input: &RunInput<'_>, settings: &Settings) -> Result<RunMetrics, InputError> {
    let equity = &input.equity;
    let exposure = input.exposure.map(|exposure| exposure_metrics(equity, &exposure));
    let trades = trade_metrics(input.trades)?;
    Ok(RunMetrics {
        equity: equity_metrics(equity, settings)?,
        exposure: exposure.transpose()?.unwrap_or_default(),
        fills: input.fills.map(|fills| fill_metrics(equity, fills)).transpose()?,
        trades: trades.all,
        by_symbol: trades.by_symbol,
        by_exit_reason: trades.by_exit_reason,
    })
}

impl RunMetrics {
    /// Each metric of the whole run with its figure, in the order of the catalogue; `None` where it is
    /// undefined.
    pub fn values(&self) -> impl Iterator<Item = (&'static Metric, Option<f64>)> + use<> {
        let unrecorded = FillMetrics::CATALOGUE.iter().map(|metric| (metric, None));
        let fills: Vec<_> =
            self.fills.as_ref().map_or_else(|| unrecorded.collect(), |of| of.values().collect());
        self.equity.values().chain(self.exposure.values()).chain(fills).chain(self.trades.values())
    }

    /// The metric of this name, of the whole run: `None` if there is none, `Some(None)` where it is
    /// undefined.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Option<f64>> {
        self.values().find(|(metric, _)| metric.name == name).map(|(_, value)| value)
    }
}
