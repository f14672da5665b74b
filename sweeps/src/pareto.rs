//! Several objectives: which trials are better than which.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way an objective is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is better.
    Minimize,
    /// More is better.
    Maximize,
}

impl Direction {
    /// The value, turned so that less is better.
    pub fn cost(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }
}

/// Whether `a` is no worse than `b` in any objective and better in one; both as costs.
fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut better = false;
    for (a, b) in a.iter().zip(b) {
        if a > b {
            return false;
        }
        better |= a < b;
    }
    better
}

/// Objectives as costs; nothing for a trial that failed, has a NaN, or has another number of objectives.
fn costs(objectives: &[Option<Vec<f64>>], directions: &[Direction]) -> Vec<Option<Vec<f64>>> {
    let cost = |values: &Vec<f64>| {
        let fits = values.len() == directions.len() && !values.iter().any(|x| x.is_nan());
        fits.then(|| values.iter().zip(directions).map(|(x, way)| way.cost(*x) + 0.0).collect())
    };
    objectives.iter().map(|values| values.as_ref().and_then(cost)).collect()
}

fn lexicographic(a: &[f64], b: &[f64]) -> Ordering {
    let unlike = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
    unlike.unwrap_or(Ordering::Equal)
}

/// The fronts: first the trials that none dominates, then those that only the first dominate, and so on;
/// each front in the order of the trials.
///
/// Source: Zhang, Tian, Cheng, Jin (2015), "An Efficient Approach to Nondominated Sorting for Evolutionary
/// Multiobjective Optimization", IEEE TEC 19 (ENS with binary search).
fn fronts(costs: &[Option<Vec<f64>>]) -> Vec<Vec<usize>> {
    let mut sorted: Vec<(usize, &Vec<f64>)> = costs
        .iter()
        .enumerate()
        .filter_map(|(place, of)| of.as_ref().map(|of| (place, of)))
        .collect();
    sorted.sort_by(|a, b| lexicographic(a.1, b.1).then(a.0.cmp(&b.0)));
    let mut fronts: Vec<Vec<(usize, &Vec<f64>)>> = Vec::new();
    for (place, of) in sorted {
        // No later trial dominates an earlier one, and who is dominated by a front is so by those before.
        let front = fronts
            .partition_point(|front| front.iter().rev().any(|(_, other)| dominates(other, of)));
        if front == fronts.len() {
            fronts.push(Vec::new());
        }
        fronts[front].push((place, of));
    }
    let places = |front: Vec<(usize, &Vec<f64>)>| {
        let mut places: Vec<usize> = front.into_iter().map(|(place, _)| place).collect();
        places.sort_unstable();
        places
    };
    fronts.into_iter().map(places).collect()
}

/// The trials that no other dominates, in their order. A trial is none if it failed (`None`), has a NaN,
/// or has not one value a direction.
pub fn front(objectives: &[Option<Vec<f64>>], directions: &[Direction]) -> Vec<usize> {
    fronts(&costs(objectives, directions)).into_iter().next().unwrap_or_default()
}

/// The number of the front of each trial, from zero; nothing for failed ones.
pub fn ranks(objectives: &[Option<Vec<f64>>], directions: &[Direction]) -> Vec<Option<usize>> {
    let mut ranks = vec![None; objectives.len()];
    for (rank, front) in fronts(&costs(objectives, directions)).into_iter().enumerate() {
        for place in front {
            ranks[place] = Some(rank);
        }
    }
    ranks
}

/// All trials that did not fail, best first: by front, inside a front by crowding distance (lonely ones
/// first; Deb et al. 2002, section III.B), then by number. With one objective: by its value.
pub fn order(objectives: &[Option<Vec<f64>>], directions: &[Direction]) -> Vec<usize> {
    let costs = costs(objectives, directions);
    let mut order = Vec::new();
    for front in fronts(&costs) {
        let of: Vec<&Vec<f64>> = front.iter().filter_map(|place| costs[*place].as_ref()).collect();
        let distances = crowding(&of);
        let mut places: Vec<usize> = (0..front.len()).collect();
        places.sort_by(|a, b| distances[*b].total_cmp(&distances[*a]).then(a.cmp(b)));
        order.extend(places.into_iter().map(|place| front[place]));
    }
    order
}

/// How far each trial of a front is from its neighbours; infinite at the ends.
fn crowding(front: &[&Vec<f64>]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let objectives = front.first().map_or(0, |of| of.len());
    for objective in 0..objectives {
        let value = |place: usize| front[place][objective];
        let mut sorted: Vec<usize> = (0..front.len()).collect();
        sorted.sort_by(|a, b| value(*a).total_cmp(&value(*b)).then(a.cmp(b)));
        let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
        let width = value(last) - value(first);
        if !(width.is_finite() && width > 0.0) {
            continue; // All alike, or an infinity: nothing to tell them apart by.
        }
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
        for three in sorted.windows(3) {
            distances[three[1]] += (value(three[2]) - value(three[0])) / width;
        }
    }
    distances
}
