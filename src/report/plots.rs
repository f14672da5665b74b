//! A run or a sweep as plots for a terminal: plain text of its width.

use console::Term;
use engine::Nanos;
use reports::terminal::{HeatAxis, Scale, Size, curve, drawdown, heat_map, histogram, scatter};
use scenarios::sweep::TrialResult;
use scenarios::{RunRecord, run_returns};

use super::source::Swept;
use super::sweep::number;

/// Of a run's equity whose returns are counted.
const DAY: Nanos = Nanos(86_400_000_000_000);
const HOUR: Nanos = Nanos(3_600_000_000_000);
/// Lines of a plot.
const LINES: u16 = 16;
/// Columns where nobody tells how many there are.
const COLUMNS: u16 = 100;

/// As wide as the terminal.
fn size() -> Size {
    let columns = Term::stdout().size_checked().map_or(COLUMNS, |(_, columns)| columns);
    Size { width: columns.min(160), height: LINES }
}

/// Equity, drawdown and returns of a run.
pub fn of_run(name: &str, record: &RunRecord) -> String {
    let times: Vec<i64> = record.sampled_at.iter().map(|time| time.millis()).collect();
    let span = times.last().unwrap_or(&0) - times.first().unwrap_or(&0);
    let (period, word) = if span >= 20 * DAY.millis() { (DAY, "day") } else { (HOUR, "hour") };
    let mut plots = vec![
        curve(&format!("{name}: equity, USDT"), &times, &record.equity, size()),
        drawdown("drawdown", &times, &record.equity, size()),
    ];
    if let Ok(returns) = run_returns(record, period) {
        plots.push(histogram(&format!("returns of one {word}"), &returns, size()));
    }
    plots.join("\n\n") + "\n"
}

/// The first objective of a sweep over each axis of numbers, over its first two axes, and the equity of its choices.
pub fn of_sweep(swept: &Swept) -> String {
    let file = &swept.file;
    let done: Vec<&TrialResult> =
        swept.trials.iter().filter(|trial| trial.error.is_none()).collect();
    let objective = file.objectives.first().map_or("objective", |of| of.name.as_str());
    let values: Vec<f64> = done
        .iter()
        .map(|trial| trial.objectives.first().copied().flatten().unwrap_or(f64::NAN))
        .collect();
    let mut plots = Vec::new();
    let mut numeric: Vec<(&str, Vec<f64>)> = Vec::new();
    for axis in &file.axes {
        let of = |trial: &&TrialResult| trial.point.get(&axis.path).and_then(number);
        let points: Option<Vec<f64>> = done.iter().map(of).collect();
        let Some(points) = points.filter(|points| !points.is_empty()) else { continue };
        let log = axis.log_range.is_some() || axis.log_uniform.is_some();
        let scale = if log { Scale::Log } else { Scale::Linear };
        let title = format!("{objective} over {}", axis.path);
        plots.push(scatter(&title, (&axis.path, scale), objective, &points, &values, size()));
        numeric.push((&axis.path, points));
    }
    if let [(x_name, xs), (y_name, ys), ..] = &numeric[..]
        && let Some((x, y, cells)) = grid(xs, ys, &values)
    {
        let title = format!("{objective}, mean over all other axes");
        let (x, y) =
            (HeatAxis { label: x_name, values: &x }, HeatAxis { label: y_name, values: &y });
        plots.push(heat_map(&title, x, y, &cells, size()));
    }
    let came_to = scenarios::sweep::summary(file, &swept.trials);
    if let Some(Ok(validation)) = &came_to.validation
        && let Some(way) = validation.ways.first()
    {
        let mut equity = 1.0;
        let grow = |one: &f64| {
            equity *= 1.0 + one;
            equity
        };
        let values: Vec<f64> = way.returns.iter().map(grow).collect();
        let times: Vec<i64> = way.ends.iter().map(|end| end / 1_000_000).collect();
        let title = "out of sample, with what was chosen each time";
        plots.push(curve(title, &times, &values, size()));
    }
    if plots.is_empty() {
        return "no trial has a result that can be drawn\n".to_owned();
    }
    plots.join("\n\n") + "\n"
}

/// The values of both axes, rising, and the mean of each cell; nothing if the points lie on no grid.
#[allow(clippy::type_complexity, reason = "it has one caller")]
fn grid(xs: &[f64], ys: &[f64], values: &[f64]) -> Option<(Vec<f64>, Vec<f64>, Vec<Option<f64>>)> {
    let distinct = |all: &[f64]| {
        let mut all = all.to_vec();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    };
    let (x, y) = (distinct(xs), distinct(ys));
    // Points that were drawn have values of their own each.
    if x.len() < 2 || y.len() < 2 || x.len() * y.len() > xs.len() {
        return None;
    }
    let mut sums = vec![(0.0, 0.0); x.len() * y.len()];
    for ((one, other), value) in xs.iter().zip(ys).zip(values).filter(|(_, v)| v.is_finite()) {
        let column = x.binary_search_by(|there| there.total_cmp(one)).ok()?;
        let row = y.binary_search_by(|there| there.total_cmp(other)).ok()?;
        let cell = &mut sums[row * x.len() + column];
        *cell = (cell.0 + value, cell.1 + 1.0);
    }
    let cells = sums.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect();
    Some((x, y, cells))
}
