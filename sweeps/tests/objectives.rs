//! Pareto fronts, replicates, neighbours.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use serde_json::json;
use sweeps::neighbours::neighbourhoods;
use sweeps::pareto::{Direction, front, order, ranks};
use sweeps::robust::{Aggregate, AggregateError};
use sweeps::{Axis, Point, Space};

use Direction::{Maximize, Minimize};

fn some(values: &[&[f64]]) -> Vec<Option<Vec<f64>>> {
    values.iter().map(|values| Some(values.to_vec())).collect()
}

#[test]
fn fronts_by_hand() {
    let mut trials =
        some(&[&[1.0, 1.0], &[2.0, 3.0], &[3.0, 2.0], &[2.0, 2.0], &[1.0, 1.0], &[0.0, 9.0]]);
    trials.extend([None, Some(vec![9.0, f64::NAN]), Some(vec![9.0])]);
    let both = [Maximize, Maximize];
    assert_eq!(front(&trials, &both), [1, 2, 5]);
    let expected = [Some(2), Some(0), Some(0), Some(1), Some(2), Some(0), None, None, None];
    assert_eq!(ranks(&trials, &both), expected);
    assert_eq!(front(&trials, &[Minimize, Maximize]), [5]);
    assert_eq!(front(&[], &both), [0_usize; 0]);
    // The ends of a front come before its middle; failed trials not at all.
    assert_eq!(order(&trials, &both), [2, 5, 1, 3, 0, 4]);
    let one = some(&[&[1.0], &[3.0], &[f64::INFINITY], &[3.0]]);
    assert_eq!(order(&one, &[Maximize]), [2, 1, 3, 0]);
    assert_eq!(order(&one, &[Minimize]), [0, 1, 3, 2]);
    // Zero is zero, whatever its sign.
    assert_eq!(ranks(&some(&[&[0.0, 1.0], &[-0.0, 1.0]]), &both), [Some(0), Some(0)]);
}

proptest! {
    /// The rank of a trial is one more than the greatest of those that dominate it.
    #[test]
    fn ranks_are_those_of_the_definition(
        trials in prop::collection::vec(prop::option::weighted(0.9, prop::collection::vec(0..6i32, 3)), 0..40),
    ) {
        let trials: Vec<Option<Vec<f64>>> = trials
            .into_iter()
            .map(|values| values.map(|of| of.into_iter().map(f64::from).collect()))
            .collect();
        let ways = [Maximize, Minimize, Maximize];
        let cost = |of: &[f64]| [-of[0], of[1], -of[2]];
        let dominates = |a: &[f64], b: &[f64]| {
            let (a, b) = (cost(a), cost(b));
            a.iter().zip(b).all(|(a, b)| *a <= b) && a != b
        };
        let ranks = ranks(&trials, &ways);
        for (mine, rank) in trials.iter().zip(&ranks) {
            let over = trials.iter().zip(&ranks).filter_map(|(other, rank)| {
                let (mine, other) = (mine.as_ref()?, other.as_ref()?);
                dominates(other, mine).then_some(rank.unwrap() + 1)
            });
            prop_assert_eq!(*rank, mine.as_ref().map(|_| over.max().unwrap_or(0)));
        }
        let order = order(&trials, &ways);
        prop_assert_eq!(order.len(), ranks.iter().flatten().count());
        prop_assert!(order.windows(2).all(|pair| ranks[pair[0]] <= ranks[pair[1]]));
    }
}

#[test]
fn replicates_become_one_number() {
    let of = [4.0, 1.0, 2.0, 3.0, 10.0];
    let both = |aggregate: Aggregate| {
        (aggregate.of(&of, Maximize).unwrap(), aggregate.of(&of, Minimize).unwrap())
    };
    assert_eq!(both(Aggregate::Mean), (4.0, 4.0));
    assert_eq!(both(Aggregate::Median), (3.0, 3.0));
    assert_eq!(both(Aggregate::Worst), (1.0, 10.0));
    assert_eq!(both(Aggregate::Quantile(0.25)), (2.0, 4.0));
    assert_eq!(both(Aggregate::Quantile(0.125)), (1.5, 7.0));
    // The squares of the deviations are 0, 9, 4, 1 and 36; 50 / 4 = 12.5.
    let sd = 12.5_f64.sqrt();
    assert_eq!(both(Aggregate::MeanMinusSd(2.0)), (4.0 - 2.0 * sd, 4.0 + 2.0 * sd));
    assert_eq!(Aggregate::MeanMinusSd(2.0).of(&[5.0], Maximize), Some(5.0));
    assert_eq!(Aggregate::Mean.of(&[], Maximize), None);
    assert_eq!(Aggregate::Worst.of(&[1.0, f64::NAN], Maximize), None);
    assert_eq!(Aggregate::Quantile(1.5).of(&of, Maximize), None);
    assert_eq!(Aggregate::Quantile(1.5).check(), Err(AggregateError::Quantile(1.5)));
    assert_eq!(Aggregate::MeanMinusSd(-1.0).check(), Err(AggregateError::Deviations(-1.0)));
    #[derive(serde::Deserialize)]
    struct File {
        robust: Aggregate,
    }
    let read = |text| toml::from_str::<File>(text).unwrap().robust;
    assert_eq!(read("robust = \"worst\""), Aggregate::Worst);
    assert_eq!(read("robust = { quantile = 0.1 }"), Aggregate::Quantile(0.1));
    assert_eq!(read("robust = { mean_minus_sd = 1 }"), Aggregate::MeanMinusSd(1.0));
}

#[test]
fn a_lonely_peak_stands_out_from_a_plateau() {
    let axis = |path: &str| Axis::of_values(path, (0..20).map(|x| json!(x)).collect());
    let space = Space::new(&[axis("x"), axis("y")]).unwrap();
    // A plateau around (5, 5), a peak at (15, 15), and a gentle slope elsewhere.
    let value = |x: i32, y: i32| {
        let plateau = if (x - 5).abs().max((y - 5).abs()) <= 2 { 10.0 } else { 0.0 };
        let peak = if (x, y) == (15, 15) { 12.0 } else { 0.0 };
        plateau + peak + f64::from(x + y) / 20.0
    };
    let point = |x: i32, y: i32| {
        Point([("x".to_owned(), json!(x)), ("y".to_owned(), json!(y))].into_iter().collect())
    };
    let mut trials: Vec<(Point, Option<f64>)> =
        (0..400).map(|k| (point(k / 20, k % 20), Some(value(k / 20, k % 20)))).collect();
    // A failed trial next to the peak is nobody's neighbour.
    trials[15 * 20 + 16].1 = None;
    for (way, sign) in [(Maximize, 1.0), (Minimize, -1.0)] {
        let turned: Vec<(Point, Option<f64>)> =
            trials.iter().map(|(p, v)| (p.clone(), v.map(|v| v * sign))).collect();
        let all = neighbourhoods(&space, &turned, way, 4);
        let plateau = all[5 * 20 + 5].as_ref().unwrap();
        assert_eq!(plateau.nearest, [4 * 20 + 5, 5 * 20 + 4, 5 * 20 + 6, 6 * 20 + 5]);
        assert!(plateau.contrast.abs() < 0.1 && plateau.standing > 0.9, "{plateau:?}");
        let peak = all[15 * 20 + 15].as_ref().unwrap();
        assert!(peak.contrast > 5.0 && peak.standing < 0.9, "{peak:?}");
        assert!(!peak.nearest.contains(&(15 * 20 + 16)));
        assert!(all[15 * 20 + 16].is_none());
        let edge = all[5 * 20 + 7].as_ref().unwrap();
        assert!((edge.worst * sign - 0.65).abs() < 1e-9, "{edge:?}");
        // One step on one of two axes of 20 values.
        assert!((plateau.radius - (1.0 / 20.0) / 2.0_f64.sqrt()).abs() < 1e-12);
    }
    assert!(neighbourhoods(&space, &trials[..1], Maximize, 4)[0].is_none());
    let flat: Vec<(Point, Option<f64>)> = (0..9).map(|x| (point(x, 0), Some(1.0))).collect();
    assert!(
        neighbourhoods(&space, &flat, Maximize, 99)
            .iter()
            .flatten()
            .all(|n| n.contrast == 0.0 && n.nearest.len() == 8)
    );
}
