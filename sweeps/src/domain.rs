//! The values of an axis, ready to be counted, drawn and found again: every axis is a map from the unit
//! interval, so that each sampler only has to choose points of the unit cube.

mod build;
mod shape;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;

use crate::number::{decimal, float, float_of};
use shape::Shape;

/// The greatest number below 1.
pub(crate) const LAST_UNIT: f64 = 1.0 - f64::EPSILON / 2.0;

/// The values of an axis.
#[derive(Clone, Debug)]
pub(crate) enum Domain {
    /// Values one by one, each with the sum of the probabilities up to and with it.
    List { values: Vec<Value>, sums: Vec<f64>, ordered: bool },
    /// `from + k * step` for k in `0..count`, exact in decimals.
    Steps { from: Decimal, step: Decimal, count: u64, integer: bool },
    /// Every number of a distribution; a grid takes `points` of them.
    Continuous { shape: Shape, points: Option<u32> },
}

impl Domain {
    /// The value at `unit` in [0, 1).
    pub(crate) fn at(&self, unit: f64) -> Value {
        match self {
            Domain::List { values, sums, .. } => {
                let place = sums.partition_point(|sum| *sum <= unit).min(values.len() - 1);
                values[place].clone()
            }
            Domain::Steps { count, .. } => self.level((unit * *count as f64) as u64),
            Domain::Continuous { shape, .. } => shape.at(unit),
        }
    }

    /// Where in [0, 1) the value lies (for one of several: in the middle of its part); nothing if it is
    /// no value of the axis.
    pub(crate) fn unit_of(&self, value: &Value) -> Option<f64> {
        match self {
            Domain::List { values, sums, .. } => {
                let place = values.iter().position(|v| same(v, value))?;
                let below = place.checked_sub(1).map_or(0.0, |before| sums[before]);
                Some((below + sums[place]) / 2.0)
            }
            Domain::Steps { from, step, count, .. } => {
                let Value::Number(number) = value else { return None };
                let steps = decimal(number)?.checked_sub(*from)?.checked_div(*step)?.round();
                let place = steps.to_u64().filter(|place| place < count)?;
                same(&self.level(place), value).then(|| (place as f64 + 0.5) / *count as f64)
            }
            Domain::Continuous { shape, .. } => Some(shape.unit_of(value.as_f64()?)),
        }
    }

    /// How many values a grid takes; nothing if that is not said.
    pub(crate) fn levels(&self) -> Option<u64> {
        match self {
            Domain::List { values, .. } => Some(values.len() as u64),
            Domain::Steps { count, .. } => Some(*count),
            Domain::Continuous { points, .. } => points.map(u64::from),
        }
    }

    /// The value at `place` of a grid; the last one for a place that is too great.
    pub(crate) fn level(&self, place: u64) -> Value {
        match self {
            Domain::List { values, .. } => values[(place as usize).min(values.len() - 1)].clone(),
            Domain::Steps { from, step, count, integer } => {
                // Cannot overflow: the last value was checked when the domain was built.
                let value = from + step * Decimal::from(place.min(count - 1));
                match value.to_i64() {
                    Some(whole) if *integer => Value::from(whole),
                    _ => float(float_of(value)),
                }
            }
            Domain::Continuous { shape, points } => {
                let points = f64::from(points.unwrap_or(1));
                shape.at(((place as f64 + 0.5) / points).min(LAST_UNIT))
            }
        }
    }

    /// Whether neighbouring values are alike, so that distances mean something.
    pub(crate) fn ordered(&self) -> bool {
        match self {
            Domain::List { ordered, .. } => *ordered,
            Domain::Steps { .. } | Domain::Continuous { .. } => true,
        }
    }

    /// The probabilities of unlike kinds; nothing if the values are ordered.
    pub(crate) fn kinds(&self) -> Option<Vec<f64>> {
        match self {
            Domain::List { sums, ordered: false, .. } => {
                let below = std::iter::once(0.0).chain(sums.iter().copied());
                Some(sums.iter().zip(below).map(|(sum, below)| sum - below).collect())
            }
            _ => None,
        }
    }

    /// The place of a value among unlike kinds.
    pub(crate) fn kind_of(&self, value: &Value) -> Option<usize> {
        match self {
            Domain::List { values, .. } => values.iter().position(|v| same(v, value)),
            _ => None,
        }
    }
}

/// Whether two values are the same, however a number is written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x.is_f64() != y.is_f64() => {
            x.as_f64() == y.as_f64()
        }
        _ => a == b,
    }
}
