//! The space of a sweep: its axes together.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Domain;
use crate::draws::Draws;
use crate::{Axis, AxisError};

/// One value an axis, by path, in the order of the axes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point(pub IndexMap<String, Value>);

impl Point {
    /// The value at `path`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path)
    }
}

/// Axes that fit together.
#[derive(Clone, Debug)]
pub struct Space {
    axes: Vec<(String, Domain)>,
}

/// Why axes make no space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// One axis is wrong in itself.
    #[error(transparent)]
    Axis(#[from] AxisError),
    /// Nothing is varied.
    #[error("the sweep has no axis; give at least one: path = \"seed\", values = [1, 2, 3]")]
    NoAxis,
    /// Two axes vary the same.
    #[error("axis `{0}` stands there twice; put all its values into one")]
    Twice(String),
}

/// Where a value lies on its axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coordinate {
    /// Between 0 and 1, on an axis whose neighbours are alike.
    Ordered(f64),
    /// The place among unlike kinds, of which any two are equally far apart.
    Kind(usize),
}

impl Space {
    /// The space of these axes.
    ///
    /// # Errors
    /// If there is none, one is wrong, or two have the same path.
    pub fn new(axes: &[Axis]) -> Result<Space, SpaceError> {
        if axes.is_empty() {
            return Err(SpaceError::NoAxis);
        }
        let mut built: Vec<(String, Domain)> = Vec::with_capacity(axes.len());
        for axis in axes {
            if built.iter().any(|(path, _)| *path == axis.path) {
                return Err(SpaceError::Twice(axis.path.clone()));
            }
            built.push((axis.path.clone(), Domain::of(axis)?));
        }
        Ok(Space { axes: built })
    }

    /// The paths, in the order of the axes.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|(path, _)| path.as_str())
    }

    /// The number of axes.
    pub fn dimensions(&self) -> usize {
        self.axes.len()
    }

    /// Where a point lies, one coordinate an axis; nothing if it lacks an axis or has a value that the
    /// axis has not. Further values of the point do not matter.
    pub fn coordinates(&self, point: &Point) -> Option<Vec<Coordinate>> {
        let coordinate = |(path, domain): &(String, Domain)| {
            let value = point.get(path)?;
            if domain.ordered() {
                domain.unit_of(value).map(Coordinate::Ordered)
            } else {
                domain.kind_of(value).map(Coordinate::Kind)
            }
        };
        self.axes.iter().map(coordinate).collect()
    }

    /// The point at a place of the unit cube.
    pub(crate) fn at(&self, unit: impl Fn(usize, &str) -> f64) -> Point {
        let value = |(place, (path, domain)): (usize, &(String, Domain))| {
            (path.clone(), domain.at(unit(place, path)))
        };
        Point(self.axes.iter().enumerate().map(value).collect())
    }

    /// A point that is drawn, with one stream of random numbers an axis.
    pub(crate) fn at_drawn(&self, draws: &mut [Draws]) -> Point {
        let units: Vec<f64> = draws.iter_mut().map(Draws::unit).collect();
        self.at(|axis, _| units[axis])
    }

    pub(crate) fn axes(&self) -> &[(String, Domain)] {
        &self.axes
    }
}
