//! What the choice of the best trial is worth where nobody chose: by folds.

use serde::{Deserialize, Serialize};
use sweeps::folds::Span;
use sweeps::overfitting::SharpeRatio;
use sweeps::pareto::Direction;

use super::folds::Layout;
use super::{SweepFile, TrialResult};

/// A choice, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldOutcome {
    /// What was chosen on.
    pub train: Vec<Span>,
    /// What was judged on.
    pub test: Vec<Span>,
    /// The trial with the best first objective in training; none if it is undefined for all of them.
    pub chosen: Option<u64>,
    /// Its objective in training. Over several stretches the mean, by their lengths, of where it is defined; as the others.
    pub in_sample: Option<f64>,
    /// Its objective in the test.
    pub out_of_sample: Option<f64>,
    /// How many trials were better in the test, and one; of those with an objective there.
    pub rank: Option<usize>,
    /// Trials with an objective in the test.
    pub trials: usize,
    /// The median of their objectives.
    pub median: Option<f64>,
}

/// A way through all tests, each traded with the trial that was chosen for it, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WayOutcome {
    /// The returns of its periods, joined.
    pub returns: Vec<f64>,
    /// When each period ends, in nanoseconds.
    pub ends: Vec<i64>,
    /// All of them, compounded: 0.1 is 10 %.
    pub total_return: f64,
    /// The deepest fall from a peak, as a share of it.
    pub max_drawdown: f64,
    /// The Sharpe ratio, annualised; none for returns that are all alike.
    pub sharpe: Option<f64>,
    /// Tests for which nothing was chosen: they were sat out.
    pub sat_out: usize,
}

/// What the folds of a sweep say of its choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// In order of time.
    pub folds: Vec<FoldOutcome>,
    /// One of a walk-forward or of k folds; several of a combinatorial cross-validation.
    pub ways: Vec<WayOutcome>,
    /// Mean objective of the tests by the mean in training, of the folds that have both (Pardo 2008, walk-forward efficiency): near 1
    /// where what is found lasts. None unless the mean in training is above zero.
    pub efficiency: Option<f64>,
    /// Share of the folds where the chosen trial was worse in the test than the median of all trials.
    pub below_median: Option<f64>,
}

/// The mean of the objective over these windows, by their lengths, where it is defined.
fn objective(trial: &TrialResult, layout: &Layout, windows: &[usize]) -> Option<f64> {
    let (mut sum, mut length) = (0.0, 0.0);
    for place in windows {
        let value =
            trial.windows.get(*place).and_then(|of| of.objectives.first().copied().flatten());
        let span = layout.windows.get(*place).map_or(0.0, |span| span.length() as f64);
        if let Some(value) = value.filter(|value| value.is_finite()) {
            sum += value * span;
            length += span;
        }
    }
    (length > 0.0).then(|| sum / length)
}

/// What its folds say of a sweep.
///
/// # Errors
/// Why nothing can be said.
pub(super) fn validation(
    file: &SweepFile,
    results: &[TrialResult],
) -> Result<Option<Validation>, String> {
    let Some(folds) = &file.folds else { return Ok(None) };
    let whole = results.iter().find_map(|result| result.range);
    let layout = Layout::of(folds, whole.ok_or("no trial has a result")?)?;
    let complete = |result: &&TrialResult| {
        result.error.is_none() && result.windows.len() == layout.windows.len()
    };
    let trials: Vec<&TrialResult> = results.iter().filter(complete).collect();
    let maximize = file.objectives.first().is_none_or(|of| of.goal == Direction::Maximize);
    let better = |one: f64, other: f64| if maximize { one > other } else { one < other };
    let mut chosen = Vec::new();
    let mut outcomes = Vec::new();
    for fold in &layout.folds {
        let mut best: Option<(&TrialResult, f64)> = None;
        for trial in &trials {
            let Some(value) = objective(trial, &layout, &fold.train) else { continue };
            if best.is_none_or(|(_, there)| better(value, there)) {
                best = Some((trial, value));
            }
        }
        let mut tests: Vec<f64> =
            trials.iter().filter_map(|trial| objective(trial, &layout, &fold.test)).collect();
        tests.sort_by(f64::total_cmp);
        let out_of_sample = best.and_then(|(trial, _)| objective(trial, &layout, &fold.test));
        let spans = |places: &[usize]| places.iter().map(|place| layout.windows[*place]).collect();
        outcomes.push(FoldOutcome {
            train: spans(&fold.train),
            test: spans(&fold.test),
            chosen: best.map(|(trial, _)| trial.number),
            in_sample: best.map(|(_, value)| value),
            out_of_sample,
            rank: out_of_sample
                .map(|own| 1 + tests.iter().filter(|one| better(**one, own)).count()),
            trials: tests.len(),
            median: middle(&tests),
        });
        chosen.push(best.map(|(trial, _)| trial));
    }
    let period = file.metrics.settings()?;
    let years = period.periods_a_year();
    let ways = layout.paths.iter().map(|path| {
        let steps = path.iter().map(|(fold, window)| (chosen[*fold], *window));
        way(steps, &layout, &trials, (period.period_ns, years))
    });
    let ways = ways.collect();
    Ok(Some(Validation {
        efficiency: efficiency(&outcomes),
        below_median: below_median(&outcomes, better),
        ways,
        folds: outcomes,
    }))
}

/// The middle one of sorted values, or the mean of the two.
pub(super) fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let high = *sorted.get(half)?;
    let low = if sorted.len().is_multiple_of(2) { sorted[half - 1] } else { high };
    Some(low / 2.0 + high / 2.0)
}

fn efficiency(folds: &[FoldOutcome]) -> Option<f64> {
    let both = folds.iter().filter_map(|fold| fold.in_sample.zip(fold.out_of_sample));
    let (inside, outside) = both.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    (inside > 0.0).then(|| outside / inside)
}

fn below_median(folds: &[FoldOutcome], better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    let judged: Vec<bool> = folds
        .iter()
        .filter_map(|fold| fold.out_of_sample.zip(fold.median))
        .map(|(own, median)| better(median, own))
        .collect();
    let below = judged.iter().filter(|below| **below).count();
    (!judged.is_empty()).then(|| below as f64 / judged.len() as f64)
}

/// Joins the tests of a way.
fn way<'t>(
    steps: impl Iterator<Item = (Option<&'t TrialResult>, usize)>,
    layout: &Layout,
    trials: &[&TrialResult],
    (period_ns, periods_a_year): (i64, f64),
) -> WayOutcome {
    let (mut returns, mut ends, mut sat_out) = (Vec::new(), Vec::new(), 0);
    for (trial, window) in steps {
        let span = layout.windows[window];
        let begun = returns.len();
        match trial {
            Some(trial) => returns.extend(&trial.windows[window].returns),
            None => {
                sat_out += 1;
                let periods = trials.first().map_or(0, |any| any.windows[window].returns.len());
                returns.resize(begun + periods, 0.0);
            }
        }
        // The last period of a window may be shorter.
        let end = |number: usize| (span.from + period_ns * (number as i64 + 1)).min(span.to);
        ends.extend((0..returns.len() - begun).map(end));
    }
    let (mut equity, mut peak, mut deepest) = (1.0, 1.0, 0.0_f64);
    for one in &returns {
        equity *= 1.0 + one;
        peak = f64::max(peak, equity);
        deepest = deepest.max(1.0 - equity / peak);
    }
    WayOutcome {
        total_return: equity - 1.0,
        max_drawdown: deepest,
        sharpe: SharpeRatio::of(&returns).map(|of| of.ratio * periods_a_year.sqrt()),
        sat_out,
        returns,
        ends,
    }
}

#[cfg(test)]
mod tests {
    use super::super::WindowResult;
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    fn file(goal: &str) -> SweepFile {
        let text = format!(
            r#"
            scenario = "a.toml"
            [sampler]
            method = "grid"
            [[axis]]
            path = "seed"
            values = [1, 2, 3]
            [[objective]]
            name = "gain"
            value = "metrics['total_return']"
            goal = "{goal}"
            [folds]
            method = "walk_forward"
            train = "4d"
            test = "2d"
            [metrics]
            period = "1d"
            "#
        );
        toml::from_str(&text).expect("a sweep")
    }

    /// Eight days: trained on the first four and on the four from the third on, tested on the two days behind each. The values
    /// are in the order of the windows' times: both trainings, both tests.
    fn trial(number: u64, values: [f64; 4], returns: [[f64; 2]; 2]) -> TrialResult {
        let spans = [(0, 4), (2, 6), (4, 6), (6, 8)];
        let windows = spans.into_iter().zip(values).enumerate().map(|(place, (span, value))| {
            let tested = place.checked_sub(2).map(|place| returns[place].to_vec());
            WindowResult {
                span: Span { from: span.0 * DAY, to: span.1 * DAY },
                objectives: vec![Some(value)],
                returns: tested.unwrap_or_default(),
            }
        });
        TrialResult {
            number,
            range: Some(Span { from: 0, to: 8 * DAY }),
            windows: windows.collect(),
            ..TrialResult::default()
        }
    }

    fn trials() -> Vec<TrialResult> {
        let failed =
            TrialResult { number: 3, error: Some("it broke".into()), ..Default::default() };
        vec![
            trial(0, [3.0, 0.0, -1.0, 5.0], [[0.1, -0.5], [9.0, 9.0]]),
            trial(1, [1.0, 2.0, 4.0, -2.0], [[9.0, 9.0], [0.2, 0.0]]),
            trial(2, [2.0, 1.0, 1.0, 1.0], [[9.0, 9.0], [9.0, 9.0]]),
            failed,
        ]
    }

    #[test]
    fn what_the_past_would_have_chosen_is_judged_by_what_came() {
        let of = validation(&file("maximize"), &trials()).expect("it can be said").expect("folds");
        let [first, second] = &of.folds[..] else { panic!("two folds: {:?}", of.folds) };
        assert_eq!(
            (first.chosen, first.in_sample, first.out_of_sample),
            (Some(0), Some(3.0), Some(-1.0))
        );
        assert_eq!(
            (second.chosen, second.in_sample, second.out_of_sample),
            (Some(1), Some(2.0), Some(-2.0))
        );
        for fold in &of.folds {
            assert_eq!((fold.rank, fold.trials, fold.median), (Some(3), 3, Some(1.0)));
        }
        assert_eq!((of.efficiency, of.below_median), (Some(-3.0 / 5.0), Some(1.0)));
        let [way] = &of.ways[..] else { panic!("one way: {:?}", of.ways) };
        assert_eq!((&way.returns[..], way.sat_out), (&[0.1, -0.5, 0.2, 0.0][..], 0));
        assert_eq!(way.ends, [5 * DAY, 6 * DAY, 7 * DAY, 8 * DAY]);
        assert!((way.total_return - (1.1 * 0.5 * 1.2 - 1.0)).abs() < 1e-12, "{way:?}");
        assert!((way.max_drawdown - 0.5).abs() < 1e-12, "{way:?}");
    }

    #[test]
    fn less_is_better_where_it_says_so() {
        let of = validation(&file("minimize"), &trials()).expect("it can be said").expect("folds");
        let chosen: Vec<_> = of.folds.iter().map(|f| (f.chosen, f.out_of_sample, f.rank)).collect();
        assert_eq!(chosen, [(Some(1), Some(4.0), Some(3)), (Some(0), Some(5.0), Some(3))]);
        assert_eq!(of.below_median, Some(1.0));
    }

    #[test]
    fn a_middle_is_between_the_two_of_an_even_number() {
        assert_eq!((middle(&[]), middle(&[1.0, 3.0, 9.0])), (None, Some(3.0)));
        assert_eq!(middle(&[1.0, 3.0, 5.0, 9.0]), Some(4.0));
    }
}
