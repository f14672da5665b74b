//! From an axis as it is written to its values, with all that can be wrong about it.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Number, Value};

use super::{Domain, Shape, same};
use crate::axis::{
    Axis, AxisError, Categorical, LogRange, Normal, NumberRange, Problem, UniformInterval,
};
use crate::number::{canonical, decimal, float, float_of, tidy};

/// More values of one axis than any sweep could try.
const VALUES_MAX: u64 = 1_000_000_000;
/// More values than are worth writing out one by one.
const POINTS_MAX: u32 = 100_000;

fn problem(problem: impl Into<String>, remedy: impl Into<String>) -> Problem {
    (problem.into(), remedy.into())
}

impl Domain {
    /// The values of an axis.
    ///
    /// # Errors
    /// What is wrong with the axis, and the remedy.
    pub(crate) fn of(axis: &Axis) -> Result<Domain, AxisError> {
        if axis.path.trim().is_empty() {
            return Err(
                axis.error(problem("it has no path", "say what is varied: path = \"seed\""))
            );
        }
        let mut found = Vec::new();
        found.extend(axis.values.as_ref().map(|of| list(of, None, true)));
        found.extend(axis.range.as_ref().map(range));
        found.extend(axis.log_range.as_ref().map(log_range));
        found.extend(axis.uniform.as_ref().map(uniform));
        found.extend(axis.log_uniform.as_ref().map(log_uniform));
        found.extend(axis.normal.as_ref().map(normal));
        found.extend(axis.categorical.as_ref().map(categorical));
        let count = found.len();
        let first = found.into_iter().next().filter(|_| count == 1).unwrap_or_else(|| {
            let sources =
                "one of values, range, log_range, uniform, log_uniform, normal, categorical";
            Err(problem(
                format!("it has {count} sources of values"),
                format!("give exactly {sources}"),
            ))
        });
        first.map_err(|problem| axis.error(problem))
    }
}

/// Values one by one. `by_rank`: numbers that rise or fall are ordered.
fn list(values: &[Value], weights: Option<&[f64]>, by_rank: bool) -> Result<Domain, Problem> {
    if values.is_empty() {
        return Err(problem("it has no values", "give at least one"));
    }
    if values.len() > POINTS_MAX as usize {
        let text = format!("{} values are more than {POINTS_MAX}", values.len());
        return Err(problem(text, "give a range instead"));
    }
    let values: Vec<Value> = values.iter().cloned().map(canonical).collect();
    for (place, value) in values.iter().enumerate() {
        // Quadratic only in the lists that people write by hand.
        if values.len() <= 1_000 && values[..place].iter().any(|v| same(v, value)) {
            return Err(problem(format!("the value {value} stands there twice"), "remove one"));
        }
    }
    let weights = match weights {
        Some(weights) if weights.len() != values.len() => {
            let text = format!("{} weights for {} values", weights.len(), values.len());
            return Err(problem(text, "give one weight a value"));
        }
        Some(weights) => weights.to_vec(),
        None => vec![1.0; values.len()],
    };
    let total: f64 = weights.iter().sum();
    if !weights.iter().all(|w| w.is_finite() && *w > 0.0) || !total.is_finite() {
        return Err(problem("a weight is not above zero", "leave out values that are never drawn"));
    }
    let mut sum = 0.0;
    let mut sums: Vec<f64> = weights
        .iter()
        .map(|w| {
            sum += w;
            sum / total
        })
        .collect();
    if let Some(last) = sums.last_mut() {
        *last = 1.0; // Whatever the rounding of the sum.
    }
    let ordered = by_rank && monotone(&values);
    Ok(Domain::List { values, sums, ordered })
}

/// Whether all are numbers that only rise or only fall.
fn monotone(values: &[Value]) -> bool {
    let Some(numbers) = values.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>() else {
        return false;
    };
    let rises = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    rises || numbers.windows(2).all(|pair| pair[0] > pair[1])
}

fn categorical(of: &Categorical) -> Result<Domain, Problem> {
    list(&of.values, of.weights.as_deref(), false)
}

fn exact(name: &str, number: &Number) -> Result<Decimal, Problem> {
    decimal(number).ok_or_else(|| {
        let text = format!("{name} = {number} has no exact decimal value of at most 28 digits");
        problem(text, "use `log_range` or `uniform` for very large or small numbers")
    })
}

fn range(of: &NumberRange) -> Result<Domain, Problem> {
    let (from, to) = (exact("from", &of.from)?, exact("to", &of.to)?);
    if from >= to {
        let text = format!("from = {} is not below to = {}", of.from, of.to);
        return Err(problem(text, "swap them, or use values = [...] for a single value"));
    }
    let whole = [Some(&of.from), Some(&of.to), of.step.as_ref()];
    let integer = whole.into_iter().flatten().all(|number| !number.is_f64());
    let step = match (&of.step, of.points) {
        (Some(_), Some(_)) => return Err(problem("it has step and points", "give one of them")),
        (Some(step), None) => exact("step", step)?,
        (None, Some(points)) => return linear_points(from, to, points, integer),
        (None, None) if integer => Decimal::ONE,
        (None, None) => {
            let shape = Shape::Uniform { from: float_of(from), to: float_of(to) };
            return Ok(Domain::Continuous { shape, points: None });
        }
    };
    if step <= Decimal::ZERO {
        return Err(problem(format!("step = {step} is not above zero"), "give a positive step"));
    }
    let count = to.checked_sub(from).and_then(|width| width.checked_div(step));
    let count = count.and_then(|steps| steps.floor().to_u64()).map(|steps| steps.saturating_add(1));
    let count = count.filter(|count| *count <= VALUES_MAX);
    let count = count.filter(|count| reaches(from, step, count - 1));
    let Some(count) = count else {
        return Err(problem(format!("it has over {VALUES_MAX} values"), "use a greater step"));
    };
    Ok(Domain::Steps { from, step, count, integer })
}

/// Whether the value after so many steps can be computed.
fn reaches(from: Decimal, step: Decimal, steps: u64) -> bool {
    step.checked_mul(Decimal::from(steps)).and_then(|way| from.checked_add(way)).is_some()
}

fn points_of(points: u32) -> Result<u32, Problem> {
    if (2..=POINTS_MAX).contains(&points) {
        return Ok(points);
    }
    Err(problem(format!("points = {points}"), format!("give between 2 and {POINTS_MAX} points")))
}

fn linear_points(
    from: Decimal,
    to: Decimal,
    points: u32,
    integer: bool,
) -> Result<Domain, Problem> {
    let parts = Decimal::from(points_of(points)? - 1);
    let width = to.checked_sub(from);
    let exact = width.and_then(|width| width.checked_div(parts));
    let exact = exact.filter(|step| step.checked_mul(parts) == width);
    if let Some(step) = exact.filter(|step| !integer || step.fract().is_zero()) {
        return Ok(Domain::Steps { from, step, count: u64::from(points), integer });
    }
    if integer {
        let text = format!("{points} whole numbers are not evenly spaced from {from} to {to}");
        return Err(problem(text, "use step, or write an end with a decimal point"));
    }
    // The step has no exact decimal value, as a third has none.
    let (low, high) = (float_of(from), float_of(to));
    let parts = f64::from(points - 1);
    let at = |place: u32| {
        let unit = f64::from(place) / parts;
        float(tidy(low * (1.0 - unit) + high * unit).clamp(low, high))
    };
    list(&(0..points).map(at).collect::<Vec<_>>(), None, true)
}

fn finite(pairs: &[(&str, f64)]) -> Result<(), Problem> {
    match pairs.iter().find(|(_, x)| !x.is_finite()) {
        Some((name, x)) => Err(problem(format!("{name} = {x}"), "give a finite number")),
        None => Ok(()),
    }
}

fn rising(from: f64, to: f64) -> Result<(), Problem> {
    finite(&[("from", from), ("to", to), ("to - from", to - from)])?;
    if from < to {
        return Ok(());
    }
    Err(problem(format!("from = {from} is not below to = {to}"), "swap them"))
}

fn log_shape(of: &LogRange) -> Result<Shape, Problem> {
    rising(of.from, of.to)?;
    if of.from <= 0.0 {
        let text = format!("from = {} has no logarithm", of.from);
        return Err(problem(text, "start above zero, or use `range`"));
    }
    let whole = |x: f64| libm::trunc(x) == x && x < 9e15;
    if of.integer && !(whole(of.from) && whole(of.to)) {
        return Err(problem("integer = true, but an end is not whole", "make both ends whole"));
    }
    Ok(Shape::log(of.from, of.to, of.integer))
}

fn log_range(of: &LogRange) -> Result<Domain, Problem> {
    let shape = log_shape(of)?;
    let Some(points) = of.points else { return Ok(Domain::Continuous { shape, points: None }) };
    let parts = f64::from(points_of(points)? - 1);
    let (low, high) = (libm::log(of.from), libm::log(of.to));
    let at = |place: u32| {
        let unit = f64::from(place) / parts;
        let x = libm::exp(low * (1.0 - unit) + high * unit);
        if of.integer {
            return Value::from(libm::round(x).clamp(of.from, of.to) as i64);
        }
        float(tidy(x).clamp(of.from, of.to))
    };
    let mut values: Vec<Value> = (0..points).map(at).collect();
    values.dedup(); // Small whole numbers meet when they are rounded.
    list(&values, None, true)
}

fn log_uniform(of: &LogRange) -> Result<Domain, Problem> {
    let points = of.points.map(points_of).transpose()?;
    Ok(Domain::Continuous { shape: log_shape(of)?, points })
}

fn uniform(of: &UniformInterval) -> Result<Domain, Problem> {
    rising(of.from, of.to)?;
    let points = of.points.map(points_of).transpose()?;
    Ok(Domain::Continuous { shape: Shape::Uniform { from: of.from, to: of.to }, points })
}

fn normal(of: &Normal) -> Result<Domain, Problem> {
    finite(&[("mean", of.mean), ("sd", of.sd)])?;
    if of.sd <= 0.0 {
        return Err(problem(format!("sd = {} is not above zero", of.sd), "give a positive sd"));
    }
    let (min, max) = (of.min.unwrap_or(f64::NEG_INFINITY), of.max.unwrap_or(f64::INFINITY));
    if min.is_nan() || max.is_nan() || min >= max {
        return Err(problem(format!("min = {min} is not below max = {max}"), "swap them"));
    }
    let shape = Shape::normal(of.mean, of.sd, min, max);
    if !matches!(shape, Shape::Normal { within, .. } if within > 1e-300) {
        let text = format!("{min} to {max} is too far from the mean to be drawn");
        return Err(problem(text, "use `uniform`, or move the bounds to the mean"));
    }
    let points = of.points.map(points_of).transpose()?;
    Ok(Domain::Continuous { shape, points })
}
