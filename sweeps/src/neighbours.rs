//! Whether a good trial stands on a plateau or on a lonely peak: how it compares with the trials next to
//! it.

use serde::{Deserialize, Serialize};

use crate::pareto::Direction;
use crate::robust::{mean, quantile};
use crate::{Coordinate, Point, Space};

/// A trial among its neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbourhood {
    /// The places of the nearest trials, nearest first; of equally near ones, the first.
    pub nearest: Vec<usize>,
    /// The distance of the farthest of them, in parts of the space's diagonal.
    pub radius: f64,
    /// The mean of their objectives.
    pub mean: f64,
    /// The worst of their objectives.
    pub worst: f64,
    /// How much better the trial is than that mean, in interquartile ranges of all trials of the sweep:
    /// near 0 (or below) on a plateau, well above 1 on a lonely peak.
    pub contrast: f64,
    /// The share of all trials that are worse than that mean: still near 1 for the best trial of a
    /// plateau; near 0.5 where the neighbours of a peak are like any other trial.
    pub standing: f64,
}

/// The distance of two places: on an ordered axis the difference of the two places on the unit interval, 0
/// or 1 between kinds; Euclidean, as a part of the diagonal. Rounded to 12 decimals, so that neighbours of
/// a grid are equally near.
pub fn distance(a: &[Coordinate], b: &[Coordinate]) -> f64 {
    let square = |(a, b): (&Coordinate, &Coordinate)| match (a, b) {
        (Coordinate::Ordered(a), Coordinate::Ordered(b)) => (a - b) * (a - b),
        (a, b) if a == b => 0.0,
        _ => 1.0,
    };
    let axes = a.len().max(1) as f64;
    let distance = libm::sqrt(a.iter().zip(b).map(square).sum::<f64>() / axes);
    libm::round(distance * 1e12) / 1e12
}

/// The neighbourhood of each trial, by its `k` nearest trials; nothing for trials that failed (`None` or
/// NaN) or lie outside of the space, which are nobody's neighbours either, and nothing at all if fewer
/// than two trials are left. Leave axes such as `seed` out of the space, whose neighbours mean nothing.
/// Takes time with the square of the number of trials.
pub fn neighbourhoods(
    space: &Space,
    trials: &[(Point, Option<f64>)],
    direction: Direction,
    k: usize,
) -> Vec<Option<Neighbourhood>> {
    let sound: Vec<(usize, Vec<Coordinate>, f64)> = trials
        .iter()
        .enumerate()
        .filter_map(|(place, (point, value))| {
            let value = value.filter(|value| !value.is_nan())?;
            Some((place, space.coordinates(point)?, value))
        })
        .collect();
    let mut all = vec![None; trials.len()];
    if sound.len() < 2 || k == 0 {
        return all;
    }
    let costs: Vec<f64> = sound.iter().map(|(_, _, value)| direction.cost(*value)).collect();
    let spread = quantile(&costs, 0.75) - quantile(&costs, 0.25);
    let mut sorted = costs.clone();
    sorted.sort_by(f64::total_cmp);
    for (me, (place, here, value)) in sound.iter().enumerate() {
        let mut others: Vec<(f64, usize)> = (0..sound.len())
            .filter(|other| *other != me)
            .map(|other| (distance(here, &sound[other].1), other))
            .collect();
        let near = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let k = k.min(others.len());
        others.select_nth_unstable_by(k - 1, near);
        others.truncate(k);
        others.sort_by(near);
        let values: Vec<f64> = others.iter().map(|(_, other)| sound[*other].2).collect();
        let mean = mean(&values);
        let worst = values.iter().map(|value| direction.cost(*value)).fold(f64::MIN, f64::max);
        let better = direction.cost(mean) - direction.cost(*value);
        let worse = sorted.len() - sorted.partition_point(|cost| *cost <= direction.cost(mean));
        all[*place] = Some(Neighbourhood {
            nearest: others.iter().map(|(_, other)| sound[*other].0).collect(),
            radius: others.last().map_or(0.0, |(distance, _)| *distance),
            mean,
            worst: direction.cost(worst),
            // All trials alike: nothing stands out. Half of them alike: any difference stands out.
            contrast: if better == 0.0 { 0.0 } else { better / spread },
            standing: worse as f64 / sorted.len() as f64,
        });
    }
    all
}
