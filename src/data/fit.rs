//! `qsim data fit`: parameters of made markets from recorded bars, or from a recorded book and its trades.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datasets::DataError;
use datasets::catalogue::Catalogue;
use datasets::replay::Range;
use datasets::synthetic::fit::{BarSeries, FLOW_LEVELS, FlowSeries};
use engine::{Nanos, Symbol};

use super::instant;
use crate::{data_folder, print};

/// Arguments of `qsim data fit`.
#[derive(Debug, Args)]
pub struct FitArguments {
    /// The folder of the data set [default: the environment's QSIM_DATA]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Whose data.
    #[arg(long)]
    symbol: Symbol,
    /// Length of the bars [default: 1m]
    #[arg(long)]
    interval: Option<String>,
    /// First instant, such as 2026-02-01 or 2026-02-01T08:30:00Z [default: where the series begins]
    #[arg(long, value_parser = instant)]
    from: Option<Nanos>,
    /// First instant after the end [default: where the series ends]
    #[arg(long, value_parser = instant)]
    to: Option<Nanos>,
    /// Which model.
    #[arg(long, value_enum, default_value_t = FitModel::Garch)]
    model: FitModel,
    /// Of an order flow: orders so many ticks from the opposite best count, 1 to 1000 [default: 5]
    ///
    /// Real orders far from the touch live longer than those near it, and the model has one rate for all.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    levels: Option<u32>,
}

/// What can be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum FitModel {
    /// GARCH(1,1) with Student-t innovations, to one-minute bars.
    Garch,
    /// Geometric Brownian motion with jumps, to one-minute bars.
    JumpDiffusion,
    /// Limit orders, cancellations and market orders, to a recorded level-2 book and its trades.
    OrderFlow,
}

/// Prints the piece of a scenario file.
pub fn run(arguments: &FitArguments) -> Result<u8, DataError> {
    let FitArguments { data, symbol, interval, from, to, model, levels } = arguments;
    let Some(data) = data_folder(data.as_ref()) else {
        return Err(DataError::Misuse(
            "a fit needs imported data: give --data DIR, or set QSIM_DATA=DIR".into(),
        ));
    };
    let range = Range { from: from.unwrap_or(Range::ALL.from), to: to.unwrap_or(Range::ALL.to) };
    let is_flow = *model == FitModel::OrderFlow;
    if let Some(odd) = match (is_flow, interval, levels) {
        (true, Some(_), _) => Some("--interval: an order flow is fitted to a book and its trades"),
        (false, _, Some(_)) => Some("--levels: only an order flow has levels"),
        _ => None,
    } {
        return Err(DataError::Misuse(format!("{odd}; leave it out")));
    }
    let catalogue = Catalogue::open(&data)?;
    let fragment = if is_flow {
        FlowSeries::read(&catalogue, *symbol, range, levels.unwrap_or(FLOW_LEVELS))?.fragment()
    } else {
        let interval = interval.as_deref().unwrap_or("1m");
        let series = BarSeries::read(&catalogue, *symbol, interval, range)?;
        let fitted = match model {
            FitModel::JumpDiffusion => series.jump_diffusion()?,
            _ => series.garch()?,
        };
        series.fragment(&fitted)
    };
    print(fragment.trim_end());
    Ok(0)
}
