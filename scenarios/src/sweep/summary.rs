//! What a sweep came to: the best trials, what stands beside them, and what the best of so many is worth.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sweeps::neighbours::{Neighbourhood, neighbourhoods};
use sweeps::overfitting::{
    AverageCorrelation, Cscv, Overfitting, SharpeRatio, deflated_sharpe_ratio,
};
use sweeps::pareto::{front, order};
use sweeps::{Outcome, Point, Space};

use super::execute::outcome;
use super::validation::{Validation, middle, validation};
use super::{SweepFile, TrialResult};

/// Blocks of the cross-validation; fewer where there are few periods.
const BLOCKS: usize = 16;
/// Neighbours that a trial is compared with, at most.
const NEIGHBOURS: usize = 8;
/// Neighbours are looked for among so many trials at most: it takes time with their square.
const NEIGHBOURS_TRIALS: usize = 10_000;

/// What a sweep came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepSummary {
    /// Trials with a result, and without.
    pub done: usize,
    /// Trials without a result: they could not be run, or an objective is undefined.
    pub failed: usize,
    /// Those of them that were run, and whose objectives are undefined.
    #[serde(default)]
    pub undefined: usize,
    /// Numbers of the trials with a result, best first: by how many fronts lie before theirs, then by the first objective.
    pub best: Vec<u64>,
    /// Numbers of the trials that no other is better than.
    pub front: Vec<u64>,
    /// What the best Sharpe ratio is worth, or why nobody knows.
    pub deflated: Result<DeflatedSharpe, String>,
    /// How much the choice of the best owes to chance, or why nobody knows.
    pub overfitting: Result<Overfitting, String>,
    /// The best trial among its neighbours, by the first objective, or why nobody knows.
    pub neighbourhood: Result<Neighbourhood, String>,
    /// What the choice of the best is worth where nobody chose, or why nobody knows; nothing if the sweep has no folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Result<Validation, String>>,
}

/// The best Sharpe ratio of a sweep, for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeflatedSharpe {
    /// The trial.
    pub number: u64,
    /// Its Sharpe ratio of one period.
    pub of_period: f64,
    /// The probability that its true ratio is above that which the best of so many useless trials would show: below 0.95 it
    /// tells nothing.
    pub deflated: f64,
    /// Trials that count as independent.
    pub independent: f64,
}

/// What the results of a sweep come to.
pub fn summary(file: &SweepFile, results: &[TrialResult]) -> SweepSummary {
    let directions: Vec<_> = file.objectives.iter().map(|of| of.goal).collect();
    let values: Vec<Option<Vec<f64>>> = results
        .iter()
        .map(|result| match outcome(result) {
            Outcome::Done(values) => Some(values),
            Outcome::Failed => None,
        })
        .collect();
    let numbers = |places: Vec<usize>| -> Vec<u64> {
        places.into_iter().filter_map(|place| Some(results.get(place)?.number)).collect()
    };
    let done = values.iter().flatten().count();
    let ran = results.iter().filter(|result| result.error.is_none()).count();
    let ordered = order(&values, &directions);
    let best = ordered.first().copied();
    SweepSummary {
        done,
        failed: results.len() - done,
        undefined: ran - done,
        front: numbers(front(&values, &directions)),
        validation: validation(file, results).transpose(),
        deflated: deflated(results),
        overfitting: overfitting(results),
        neighbourhood: neighbourhood(file, results, &values, best),
        best: numbers(ordered),
    }
}

/// The returns of all trials that have some, equally long.
fn returns(results: &[TrialResult]) -> Result<Vec<(u64, Vec<f64>)>, String> {
    let of = results.iter().filter(|result| result.error.is_none() && !result.returns.is_empty());
    let all: Vec<(u64, Vec<f64>)> = of.map(|r| (r.number, r.returns.clone())).collect();
    let longest = all.iter().map(|(_, returns)| returns.len()).max().unwrap_or(0);
    let equal = |(number, mut returns): (u64, Vec<f64>)| {
        // Whose equity is gone earns nothing any more.
        let ruined = returns.last().is_some_and(|last| *last <= -1.0);
        if returns.len() < longest && !ruined {
            return Err(
                "the trials are of different lengths: their returns cannot be laid side by side"
                    .to_owned(),
            );
        }
        returns.resize(longest, 0.0);
        Ok((number, returns))
    };
    all.into_iter().map(equal).collect()
}

fn deflated(results: &[TrialResult]) -> Result<DeflatedSharpe, String> {
    let all = returns(results)?;
    let ratios: Vec<(u64, SharpeRatio)> = all
        .iter()
        .filter_map(|(number, returns)| Some((*number, SharpeRatio::of(returns)?)))
        .collect();
    let few = || "fewer than two trials have a Sharpe ratio".to_owned();
    let mut best = ratios.first().copied().ok_or_else(few)?;
    for one in &ratios {
        if one.1.ratio > best.1.ratio {
            best = *one;
        }
    }
    if ratios.len() < 2 {
        return Err(few());
    }
    let count = ratios.len() as f64;
    let mean = ratios.iter().map(|(_, of)| of.ratio).sum::<f64>() / count;
    let squares = ratios.iter().map(|(_, of)| (of.ratio - mean) * (of.ratio - mean)).sum::<f64>();
    let mut correlation = AverageCorrelation::new(all.first().map_or(0, |(_, r)| r.len()));
    all.iter().for_each(|(_, returns)| {
        correlation.push(returns);
    });
    let independent = correlation.independent();
    let deflated = deflated_sharpe_ratio(&best.1, squares / (count - 1.0), independent);
    Ok(DeflatedSharpe { number: best.0, of_period: best.1.ratio, deflated, independent })
}

fn overfitting(results: &[TrialResult]) -> Result<Overfitting, String> {
    let all = returns(results)?;
    if all.iter().filter_map(|(_, returns)| SharpeRatio::of(returns)).count() < 2 {
        return Err("fewer than two trials have a Sharpe ratio".to_owned());
    }
    let periods = all.first().map_or(0, |(_, returns)| returns.len());
    let blocks = BLOCKS.min(periods / 2 / 2 * 2);
    if blocks < 4 {
        return Err(format!(
            "{periods} periods are too few to be cross-validated: give a longer market, or shorter ones with metrics.period"
        ));
    }
    let mut cscv = Cscv::new(periods, blocks).map_err(|error| error.to_string())?;
    for (_, returns) in &all {
        cscv.push(returns).map_err(|error| error.to_string())?;
    }
    cscv.overfitting().map_err(|error| error.to_string())
}

/// For each objective and each trial the median of its nearest trials' objectives: of twice as many as there are axes. Nothing for
/// trials without a result; an error says why there are no neighbours at all.
pub fn neighbour_medians(
    file: &SweepFile,
    results: &[TrialResult],
) -> Result<Vec<Vec<Option<f64>>>, String> {
    if results.len() > NEIGHBOURS_TRIALS {
        return Err(format!("neighbours are looked for among {NEIGHBOURS_TRIALS} trials at most"));
    }
    let axes: Vec<_> = file.axes.iter().filter(|axis| axis.path != "seed").cloned().collect();
    let space = Space::new(&axes).map_err(|error| error.to_string())?;
    let of_objective = |(place, objective): (usize, &super::Objective)| {
        let trials: Vec<(Point, Option<f64>)> = results
            .iter()
            .map(|result| (point(result), result.objectives.get(place).copied().flatten()))
            .collect();
        let all = neighbourhoods(&space, &trials, objective.goal, 2 * axes.len());
        let medians = all.into_iter().map(|near| {
            let mut values: Vec<f64> =
                near?.nearest.iter().filter_map(|near| trials.get(*near)?.1).collect();
            values.sort_by(f64::total_cmp);
            middle(&values)
        });
        medians.collect()
    };
    Ok(file.objectives.iter().enumerate().map(of_objective).collect())
}

fn point(result: &TrialResult) -> Point {
    let values = result.point.iter();
    Point(values.map(|(path, value): (&String, &Json)| (path.clone(), value.clone())).collect())
}

fn neighbourhood(
    file: &SweepFile,
    results: &[TrialResult],
    values: &[Option<Vec<f64>>],
    best: Option<usize>,
) -> Result<Neighbourhood, String> {
    if results.len() > NEIGHBOURS_TRIALS {
        return Err(format!("neighbours are looked for among {NEIGHBOURS_TRIALS} trials at most"));
    }
    // Neighbouring seeds have nothing in common.
    let axes: Vec<_> = file.axes.iter().filter(|axis| axis.path != "seed").cloned().collect();
    let space = Space::new(&axes).map_err(|error| error.to_string())?;
    let trials: Vec<(Point, Option<f64>)> = results
        .iter()
        .zip(values)
        .map(|(result, values)| {
            (point(result), values.as_ref().and_then(|values| values.first().copied()))
        })
        .collect();
    let direction = file.objectives.first().map(|of| of.goal).ok_or("there is no objective")?;
    let all = neighbourhoods(&space, &trials, direction, NEIGHBOURS);
    let of_best = best.and_then(|best| all.into_iter().nth(best).flatten());
    of_best.ok_or_else(|| "fewer than two trials have results".to_owned())
}
