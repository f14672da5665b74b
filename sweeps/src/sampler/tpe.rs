//! TPE: trials that did well and trials that did not each give a density an axis; of 24 points drawn from
//! the first, the one is tried where the first is greatest against the second.
//!
//! The crate `tpe` splits and chooses; the densities are in `kernel`. Axes are modelled one by one, on the
//! unit interval that each of them maps to its values, so that the prior is the axis's own distribution.

use std::collections::BTreeMap;

use ::tpe::{TpeOptimizer, TpeOptimizerBuilder};

use super::Outcome;
use super::kernel::Densities;
use crate::draws::Draws;
use crate::pareto::{self, Direction};
use crate::{Coordinate, Point, Space};

/// At most so many trials count as good, whatever the length of the history: as in Watanabe (2023),
/// "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and Their Roles for Better
/// Empirical Performance", arXiv 2304.11127, section 3.1.
const GOOD_MAX: usize = 25;
/// Points drawn for each value that is chosen, as in the same source.
const CANDIDATES: usize = 24;

/// What the trials so far say of the next ones.
#[derive(Debug)]
pub(super) struct Model {
    /// One an axis; none while too few trials have succeeded.
    axes: Vec<TpeOptimizer<Densities>>,
}

impl Model {
    /// The model after these trials, by where they lie; all have an outcome.
    ///
    /// Trials are ranked by dominance, then by crowding distance (Deb, Pratap, Agarwal, Meyarivan (2002),
    /// "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE TEC 6), and told by their
    /// place: with a single objective that is its order. That a place can stand in for several objectives
    /// is from Ozaki, Tanigaki, Watanabe, Onishi (2020), "Multiobjective Tree-Structured Parzen Estimator
    /// for Computationally Expensive Optimization Problems", GECCO. Failed trials are told as worse than
    /// all others, and never count as good.
    pub(super) fn new(
        space: &Space,
        directions: &[Direction],
        trials: &[Vec<Coordinate>],
        outcomes: &BTreeMap<u64, Outcome>,
        startup: u32,
    ) -> Model {
        let objectives: Vec<Option<Vec<f64>>> = (0..)
            .zip(trials)
            .map(|(number, _)| match outcomes.get(&number) {
                Some(Outcome::Done(objectives)) => Some(objectives.clone()),
                _ => None,
            })
            .collect();
        let order = pareto::order(&objectives, directions);
        if order.len() < (startup.max(1)) as usize {
            return Model { axes: Vec::new() };
        }
        let mut told = vec![f64::INFINITY; trials.len()];
        for (place, trial) in order.iter().enumerate() {
            told[*trial] = place as f64;
        }
        let good = order.len().div_ceil(10).min(GOOD_MAX);
        // The library takes the ceiling of the share times the trials.
        let share = (good as f64 - 0.5) / trials.len() as f64;
        let axis = |place: usize| {
            let densities = Densities { kinds: space.axes()[place].1.kinds() };
            let range = ::tpe::range(0.0, densities.width()).ok()?;
            let mut builder = TpeOptimizerBuilder::new();
            let builder = builder.gamma(share).candidates(CANDIDATES);
            let mut axis = builder.build(densities, range).ok()?;
            for (coordinates, told) in trials.iter().zip(&told) {
                let value = match coordinates.get(place)? {
                    Coordinate::Ordered(unit) => *unit,
                    Coordinate::Kind(kind) => *kind as f64,
                };
                axis.tell(value, *told).ok()?;
            }
            Some(axis)
        };
        // Nothing here can fail for coordinates of the space itself; random points if it does.
        let axes = (0..space.dimensions()).map(axis).collect::<Option<Vec<_>>>();
        Model { axes: axes.unwrap_or_default() }
    }

    /// A further point to try, with one stream of random numbers an axis.
    pub(super) fn point(&mut self, space: &Space, draws: &mut [Draws]) -> Point {
        if self.axes.is_empty() {
            return space.at_drawn(draws);
        }
        let units: Vec<f64> = self
            .axes
            .iter_mut()
            .zip(draws.iter_mut())
            .zip(space.axes())
            .map(|((axis, draws), (_, domain))| {
                let chosen = axis.ask(&mut draws.0).unwrap_or_else(|never| match never {});
                match domain.kinds() {
                    Some(kinds) => middle(&kinds, chosen as usize),
                    None => chosen,
                }
            })
            .collect();
        space.at(|axis, _| units[axis])
    }
}

/// The middle of the part of the unit interval that belongs to a kind.
fn middle(kinds: &[f64], kind: usize) -> f64 {
    let below: f64 = kinds[..kind].iter().sum();
    below + kinds[kind] / 2.0
}
