//! A sweep for its page, from the folder of its results.

use std::collections::BTreeMap;

use reports::metrics::{catalogue, metric};
use reports::page::{
    Axis, Column, Degradation, Direction, Equity, FORMAT, Failed, Figure, FoldWindow, Lazy, Note,
    Objective, Overfitting, Progress, Sweep, SweepReport, TrialMetric, Trials, WalkForward, better,
    definition, unit,
};
use scenarios::sweep::{
    SweepFile, SweepSummary, TrialResult, Validation, neighbour_medians, summary,
};
use serde_json::{Map, Value as Json};

use super::source::Swept;

/// What its page shows.
pub fn report(swept: &Swept) -> SweepReport {
    let Swept { file, trials, .. } = swept;
    let came_to = summary(file, trials);
    let done: Vec<&TrialResult> = trials.iter().filter(|trial| trial.error.is_none()).collect();
    let (axes, parameters) = axes(file, &done);
    let mut sweep = Sweep {
        name: file.name.clone(),
        scenario: Some(match file.variant.as_str() {
            "" => file.scenario.clone(),
            variant => format!("{}, variant {variant}", file.scenario),
        }),
        seed: Some(file.seed.to_string()),
        sampler: Some(sampler(file)),
        version: swept.version.as_ref().map(|version| format!("qsim {version}")),
        digest: swept.identity.clone(),
        facts: facts(file, &came_to),
        axes,
        objectives: objectives(file),
        trials: Lazy::Here(Trials {
            id: Column::Whole(done.iter().map(|trial| trial.number as i64).collect()),
            parameters,
            objectives: columns(file.objectives.len(), |place| {
                done.iter().map(|trial| trial.objectives.get(place).copied().flatten()).collect()
            }),
            metrics: metrics(&done),
            seed: done.iter().map(|trial| trial.seed.to_string()).collect(),
            digest: done.iter().map(|trial| trial.digest.clone()).collect(),
            worker: done.iter().map(|trial| trial.worker.clone()).collect(),
            neighbour_median: medians(swept),
        }),
        failed: trials.iter().filter_map(failed).collect(),
        ..Sweep::default()
    };
    if swept.whole {
        let (done, failed) = (came_to.done as u64, came_to.failed as u64);
        sweep.progress = Some(Progress { planned: done + failed, done, failed });
    } else {
        let text = format!("the sweep has not come to its end: {} trials so far", trials.len());
        sweep.warnings.push(text.into());
    }
    match walk_forward(swept, &came_to) {
        Ok(walk) => sweep.walk_forward = Some(Lazy::Here(walk)),
        Err(why) => {
            sweep.missing.insert("walk_forward", why);
        }
    }
    let validated =
        came_to.validation.iter().flatten().flat_map(validated).collect::<Vec<Figure>>();
    match overfitting(&came_to) {
        Ok(mut overfitting) => {
            overfitting.statistics.extend(validated);
            sweep.overfitting = Some(Lazy::Here(overfitting));
        }
        Err(why) if !validated.is_empty() => {
            let notes = vec![Note::from(why)];
            let told = Overfitting { statistics: validated, notes, ..Overfitting::default() };
            sweep.overfitting = Some(Lazy::Here(told));
        }
        Err(why) => {
            sweep.missing.insert("overfitting", why);
        }
    }
    let title = Some(file.name.clone());
    SweepReport { format: FORMAT, title, sweep }
}

/// What was chosen in each fold, or why there is nothing to show.
fn walk_forward(swept: &Swept, came_to: &SweepSummary) -> Result<WalkForward, String> {
    let none = "The sweep has no [folds]: all trials ran over the whole market.";
    let validation = came_to.validation.as_ref().ok_or(none)?.as_ref().map_err(String::clone)?;
    let objective = objectives(&swept.file).into_iter().next().ok_or("There is no objective.")?;
    let folds = swept.file.folds.as_ref().map(serde_json::to_value).transpose().ok().flatten();
    let settings = folds.as_ref().and_then(Json::as_object).into_iter().flatten();
    let text = |(key, value): (&String, &Json)| match key.as_str() {
        "method" => plain(value).replace('_', " "),
        key => format!("{key} {}", plain(value)),
    };
    let mut scheme: Vec<String> = settings.map(text).collect();
    scheme.sort_by_key(|part| !part.contains("walk") && !part.contains("purged"));
    let ms = |at: Option<i64>| at.unwrap_or(0) / 1_000_000;
    let windows = validation.folds.iter().map(|fold| {
        let mut parameters = Map::new();
        if let Some(chosen) = fold.chosen {
            parameters.insert("trial".to_owned(), chosen.into());
            let rank =
                fold.rank.map_or("-".to_owned(), |rank| format!("{rank} of {}", fold.trials));
            parameters.insert("rank in the test".to_owned(), rank.into());
            let trial = swept.trials.iter().find(|trial| trial.number == chosen);
            for (path, value) in trial.into_iter().flat_map(|trial| &trial.point) {
                let value = match number(value) {
                    Some(number) => number.into(),
                    None => plain(value).into(),
                };
                parameters.insert(path.rsplit('.').next().unwrap_or(path).to_owned(), value);
            }
        }
        FoldWindow {
            train_from_ms: ms(fold.train.first().map(|span| span.from)),
            train_to_ms: ms(fold.train.last().map(|span| span.to)),
            test_from_ms: ms(fold.test.first().map(|span| span.from)),
            test_to_ms: ms(fold.test.last().map(|span| span.to)),
            train: fold.in_sample,
            test: fold.out_of_sample,
            parameters,
        }
    });
    let windows = windows.collect();
    let equity = validation.ways.first().map(|way| {
        let (mut value, mut values) = (1.0, Vec::with_capacity(way.returns.len()));
        for one in &way.returns {
            value *= 1.0 + one;
            values.push(value);
        }
        let times: Vec<i64> = way.ends.iter().map(|end| end / 1_000_000).collect();
        Equity { time_ms: Column::times(&times), equity: Column::Floats(values), drawdown: None }
    });
    Ok(WalkForward { scheme: scheme.join(", "), objective, windows, equity })
}

/// Figures of the choices by folds.
fn validated(validation: &Validation) -> Vec<Figure> {
    const PARDO: &str =
        "Pardo (2008), The Evaluation and Optimization of Trading Strategies, chapter 11";
    let mut all = Vec::new();
    let mut add = |name: &str, value: Option<f64>, unit, better, definition: &str| {
        if let Some(value) = value {
            all.push(figure(name, value, unit, better, definition, PARDO));
        }
    };
    add(
        "Efficiency of the choices",
        validation.efficiency,
        "ratio",
        Some("higher"),
        "Mean objective of the tests by the mean in training: near 1 where what is found lasts.",
    );
    add(
        "Choices below the median",
        validation.below_median,
        "fraction",
        Some("lower"),
        "Share of the folds where the chosen trial was worse in the test than the median of all trials.",
    );
    let ways = &validation.ways;
    let mut returns: Vec<f64> = ways.iter().map(|way| way.total_return).collect();
    returns.sort_by(f64::total_cmp);
    match &ways[..] {
        [way] => {
            add(
                "Return out of sample",
                Some(way.total_return),
                "fraction",
                Some("higher"),
                "Of all tests, one after the other, with what was chosen for each.",
            );
            add(
                "Sharpe ratio out of sample",
                way.sharpe,
                "ratio",
                Some("higher"),
                "Of the same, annualised.",
            );
            add(
                "Maximum drawdown out of sample",
                Some(way.max_drawdown),
                "fraction",
                Some("lower"),
                "Of the same.",
            );
        }
        _ => {
            let definition = "Of the tests, one after the other, with what was chosen for each: of the ways through them";
            add(
                "Worst return out of sample",
                returns.first().copied(),
                "fraction",
                Some("higher"),
                &format!("{definition}, the worst."),
            );
            add(
                "Median return out of sample",
                returns.get(returns.len() / 2).copied(),
                "fraction",
                Some("higher"),
                &format!("{definition}, the middle one."),
            );
        }
    }
    all
}

/// One column for each place; what is absent is NaN.
fn columns(count: usize, of: impl Fn(usize) -> Vec<Option<f64>>) -> Vec<Column> {
    (0..count).map(|place| floats(of(place))).collect()
}

fn floats(values: Vec<Option<f64>>) -> Column {
    Column::Floats(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

fn sampler(file: &SweepFile) -> String {
    let told = serde_json::to_value(file.sampler).unwrap_or_default();
    let settings = told.as_object().into_iter().flatten().filter(|(key, _)| *key != "method");
    let settings = settings.map(|(key, value)| format!(", {key} {value}"));
    let method = told.get("method").and_then(Json::as_str).unwrap_or("?").replace('_', " ");
    method + &settings.collect::<String>()
}

fn facts(file: &SweepFile, came_to: &SweepSummary) -> Vec<(String, String)> {
    let fact = |name: &str, text: String| (name.to_owned(), text);
    let mut facts = Vec::new();
    if !file.description.is_empty() {
        facts.push(fact("Description", file.description.clone()));
    }
    let best = came_to.best.iter().take(5).map(u64::to_string).collect::<Vec<String>>();
    if !best.is_empty() {
        facts.push(fact("Best trials", best.join(", ")));
    }
    facts.push(fact("Periods of the returns", file.metrics.period.clone()));
    facts.extend(file.constraints.iter().map(|one| fact("Constraint", one.clone())));
    if let Some(robust) = &file.robust {
        let times = robust.seeds.len().max(1) * robust.mixes.len().max(1);
        facts.push(fact("Runs of each trial", times.to_string()));
    }
    facts
}

fn objectives(file: &SweepFile) -> Vec<Objective> {
    let of = |objective: &scenarios::sweep::Objective| {
        // What is nothing but a metric has its unit.
        let own = objective.value.strip_prefix("metrics[").and_then(|rest| rest.strip_suffix(']'));
        let own = own.and_then(|name| metric(name.trim_matches(['"', '\''])));
        Objective {
            name: objective.name.clone(),
            direction: match objective.goal {
                scenarios::sweep::Direction::Maximize => Direction::Max,
                scenarios::sweep::Direction::Minimize => Direction::Min,
            },
            unit: own.map(|metric| unit(metric.unit)),
            definition: Some(objective.value.clone()),
        }
    };
    file.objectives.iter().map(of).collect()
}

/// A value as a number: decimals are written in quotes in a scenario file.
pub(super) fn number(value: &Json) -> Option<f64> {
    match value {
        Json::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        other => other.as_f64(),
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The axes, and each one's column.
fn axes(file: &SweepFile, done: &[&TrialResult]) -> (Vec<Axis>, Vec<Column>) {
    let short = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    file.axes.iter().for_each(|axis| *named.entry(short(&axis.path)).or_default() += 1);
    let mut axes = Vec::new();
    let mut columns = Vec::new();
    for axis in &file.axes {
        let values: Vec<&Json> =
            done.iter().map(|trial| trial.point.get(&axis.path).unwrap_or(&Json::Null)).collect();
        let all_numbers = values.iter().all(|value| number(value).is_some());
        let (column, choices) = if all_numbers {
            (floats(values.iter().map(|value| number(value)).collect()), None)
        } else {
            let (column, choices) = choices(axis.values.as_deref().unwrap_or_default(), &values);
            (column, Some(choices))
        };
        let own = short(&axis.path);
        let name = if named.get(&own) == Some(&1) { own } else { axis.path.clone() };
        let log = axis.log_range.is_some() || axis.log_uniform.is_some();
        axes.push(Axis { name, path: Some(axis.path.clone()), log, choices });
        columns.push(column);
    }
    (axes, columns)
}

/// Places among the choices: in the order of the file, then in that of the trials.
fn choices(written: &[Json], values: &[&Json]) -> (Column, Vec<String>) {
    let mut choices: Vec<String> = Vec::new();
    let mut numbers: BTreeMap<String, i64> = BTreeMap::new();
    let mut place = |value: &Json| {
        let text = plain(value);
        *numbers.entry(text.clone()).or_insert_with(|| {
            choices.push(text);
            choices.len() as i64 - 1
        })
    };
    written.iter().for_each(|value| {
        place(value);
    });
    let column = Column::Whole(values.iter().map(|value| place(value)).collect());
    (column, choices)
}

/// The metrics of the catalogue in its order, then the figures that were asked for.
fn metrics(done: &[&TrialResult]) -> Vec<TrialMetric> {
    let measured = |name: &str| done.iter().any(|trial| trial.metrics.contains_key(name));
    let of_catalogue = catalogue().filter(|metric| measured(metric.name)).map(|metric| {
        let value = |trial: &&TrialResult| trial.metrics.get(metric.name).copied().flatten();
        TrialMetric {
            name: metric.name.to_owned(),
            unit: Some(unit(metric.unit)),
            definition: Some(definition(metric)),
            better: better(metric.better),
            values: floats(done.iter().map(value).collect()),
        }
    });
    let names = done.first().map(|trial| trial.figures.keys().cloned().collect::<Vec<String>>());
    let figures = names.unwrap_or_default().into_iter().map(|name| {
        let values = done.iter().map(|trial| trial.figures.get(&name).copied().flatten());
        let values = floats(values.collect());
        TrialMetric { name, unit: None, definition: None, better: None, values }
    });
    of_catalogue.chain(figures).collect()
}

/// The medians of the neighbours of the trials with a result; nothing where the page has to work them out.
fn medians(swept: &Swept) -> Vec<Column> {
    let all = neighbour_medians(&swept.file, &swept.trials).unwrap_or_default();
    let of_done = |medians: Vec<Option<f64>>| {
        let both = swept.trials.iter().zip(medians);
        floats(both.filter(|(trial, _)| trial.error.is_none()).map(|(_, median)| median).collect())
    };
    all.into_iter().map(of_done).collect()
}

fn failed(trial: &TrialResult) -> Option<Failed> {
    let reason = trial.error.clone()?;
    let parameters: Map<String, Json> = trial
        .point
        .iter()
        .map(|(path, value)| {
            let value = match value {
                Json::Number(number) => Json::Number(number.clone()),
                other => Json::String(plain(other)),
            };
            (path.clone(), value)
        })
        .collect();
    Some(Failed { id: trial.number, reason, parameters })
}

fn figure(
    name: &str,
    value: f64,
    unit: &'static str,
    better: Option<&'static str>,
    definition: &str,
    source: &str,
) -> Figure {
    Figure {
        name: name.to_owned(),
        value: Some(value),
        unit: Some(unit),
        definition: Some(definition.to_owned()),
        source: Some(source.to_owned()),
        better,
        ..Figure::default()
    }
}

const LOPEZ: &str =
    "Bailey, López de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40";
const CSCV: &str = "Bailey, Borwein, López de Prado, Zhu (2017), The Probability of Backtest Overfitting, Journal of Computational Finance 20";

/// What the best is worth, or why nobody knows.
fn overfitting(came_to: &SweepSummary) -> Result<Overfitting, String> {
    let SweepSummary { deflated, overfitting, neighbourhood, .. } = came_to;
    if let (Err(one), Err(other)) = (deflated, overfitting) {
        return Err(format!("Deflated Sharpe ratio: {one}. Overfitting: {other}."));
    }
    let mut told = Overfitting::default();
    let mut note = |what: &str, why: &str| told.notes.push(Note::from(format!("{what}: {why}")));
    match deflated {
        Ok(of) => told.statistics.extend([
            figure(
                "Deflated Sharpe ratio",
                of.deflated,
                "fraction",
                Some("higher"),
                &format!("Probability that the true Sharpe ratio of trial {} is above that which the best of so many useless trials would show. Below 95 % it tells nothing.", of.number),
                LOPEZ,
            ),
            figure("Best Sharpe ratio of a period", of.of_period, "ratio", Some("higher"), "Mean by standard deviation of the returns, not annualised.", LOPEZ),
            figure("Independent trials", of.independent, "count", None, "How many trials count, by the mean correlation of their returns.", LOPEZ),
        ]),
        Err(why) => note("deflated Sharpe ratio", why),
    }
    match overfitting {
        Ok(of) => {
            told.statistics.extend([
                figure(
                    "Probability of backtest overfitting",
                    of.probability,
                    "fraction",
                    Some("lower"),
                    "Share of the splits where the best trial of one half is in the worse half of the trials on the other.",
                    CSCV,
                ),
                figure(
                    "Probability of loss out of sample",
                    of.probability_of_loss,
                    "fraction",
                    Some("lower"),
                    "Share of the splits where the chosen trial loses money out of sample.",
                    CSCV,
                ),
            ]);
            let finite = |value: f64| value.is_finite().then_some(value);
            told.logits.clone_from(&of.logits);
            told.degradation = Some(Degradation {
                in_sample: of.ratios.iter().map(|(inside, _)| *inside).collect(),
                out_of_sample: of.ratios.iter().map(|(_, outside)| *outside).collect(),
                slope: finite(of.slope),
                intercept: finite(of.intercept),
            });
        }
        Err(why) => note("probability of backtest overfitting", why),
    }
    match neighbourhood {
        Ok(of) => told.statistics.push(figure(
            "Contrast of the best to its neighbours",
            of.contrast,
            "ratio",
            Some("lower"),
            "How much better the best trial is than the mean of its nearest trials, in interquartile ranges of all trials: near 0 on a plateau, well above 1 on a lonely peak.",
            "own definition",
        )),
        Err(why) => note("neighbours of the best", why),
    }
    Ok(told)
}
