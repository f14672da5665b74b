//! Samplers: what each promises, and that a sweep that was interrupted goes on as if it had not been.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::convert::Infallible;

use proptest::prelude::*;
use serde_json::json;
use sweeps::pareto::Direction;
use sweeps::{
    AskError, Axis, Coordinate, Method, Outcome, Past, Point, Sampler, SamplerError, Space, Trial,
};

fn space(text: &str) -> Space {
    #[derive(serde::Deserialize)]
    struct File {
        axis: Vec<Axis>,
    }
    let file: File = toml::from_str(text).expect("axes");
    Space::new(&file.axis).expect("a space")
}

/// An axis of each sort, all of which a grid can take.
fn mixed() -> Space {
    space(
        "[[axis]]\npath = \"fast\"\nrange = { from = 1, to = 5 }\n\
         [[axis]]\npath = \"kind\"\ncategorical = { values = [\"a\", \"b\", \"c\"], weights = [1, 2, 1] }\n\
         [[axis]]\npath = \"x\"\nuniform = { from = -1, to = 1, points = 3 }\n\
         [[axis]]\npath = \"rate\"\nlog_range = { from = 0.01, to = 1, points = 3 }\n",
    )
}

fn cube(axes: usize) -> Space {
    let axis = |place| format!("[[axis]]\npath = \"x{place}\"\nuniform = {{ from = 0, to = 1 }}\n");
    space(&(0..axes).map(axis).collect::<String>())
}

fn all(_: &Point) -> Result<bool, Infallible> {
    Ok(true)
}

/// A constraint that a third of the points fail.
fn some(point: &Point) -> Result<bool, Infallible> {
    let whole = point.get("fast").unwrap().as_u64().unwrap();
    Ok(!(whole + u64::from(point.get("kind") == Some(&json!("b")))).is_multiple_of(3))
}

const METHODS: [Method; 5] = [
    Method::Grid,
    Method::Random { trials: 23 },
    Method::LatinHypercube { trials: 23 },
    Method::Sobol { trials: 23 },
    Method::Tpe { trials: 23, batch: 4, startup: 6 },
];

fn number(point: &Point, path: &str) -> f64 {
    point.get(path).unwrap().as_f64().unwrap()
}

/// What a trial gives: two objectives of the point alone; some fail, some have a NaN.
fn outcome(trial: &Trial) -> Outcome {
    let (x, rate) = (number(&trial.point, "x"), number(&trial.point, "rate"));
    match trial.number % 7 {
        3 => Outcome::Failed,
        5 => Outcome::Done(vec![f64::NAN, 0.0]),
        _ => Outcome::Done(vec![(x - 0.3) * (x - 0.3) + rate, rate - number(&trial.point, "fast")]),
    }
}

const BOTH: [Direction; 2] = [Direction::Minimize, Direction::Maximize];

fn sampler(method: Method, seed: u64, past: Vec<Past>) -> Sampler {
    Sampler::new(mixed(), method, seed, &BOTH, past).expect("a sampler")
}

/// Runs the sweep to its end, asking for so many at a time; results come backwards.
fn run(sampler: &mut Sampler, most: usize) -> Vec<Trial> {
    let mut trials = Vec::new();
    loop {
        let asked = sampler.ask(most, some).expect("points");
        if asked.is_empty() {
            assert!(!sampler.waits(), "all results were told");
            return trials;
        }
        for trial in asked.iter().rev() {
            sampler.tell(trial.number, outcome(trial));
        }
        trials.extend(asked);
    }
}

#[test]
fn sweeps_go_on_where_they_were_interrupted() {
    for method in METHODS {
        let whole = run(&mut sampler(method, 7, vec![]), usize::MAX);
        assert!(whole.len() >= 23, "{method:?}");
        assert!(whole.iter().zip(0..).all(|(trial, number)| trial.number == number));
        for most in [1, 3, 100] {
            assert_eq!(run(&mut sampler(method, 7, vec![]), most), whole, "{method:?} by {most}");
        }
        for done in 0..=whole.len() {
            let past = |trial: &Trial| Past { point: trial.point.clone(), outcome: outcome(trial) };
            let past = whole[..done].iter().map(past).collect();
            let left = run(&mut sampler(method, 7, past), 5);
            assert_eq!(left, whole[done..], "{method:?} after {done}");
        }
        let other = run(&mut sampler(method, 8, vec![]), 5);
        assert_eq!(other == whole, method == Method::Grid, "{method:?}: the seed matters");
    }
}

#[test]
fn an_axis_that_is_added_moves_no_other_values() {
    for method in [
        Method::Random { trials: 9 },
        Method::LatinHypercube { trials: 9 },
        Method::Sobol { trials: 9 },
    ] {
        let of = |axes| {
            let mut sampler = Sampler::new(cube(axes), method, 3, &[], vec![]).unwrap();
            sampler.ask(9, all).unwrap()
        };
        for (two, three) in of(2).iter().zip(of(3)) {
            assert_eq!(two.point.get("x1"), three.point.get("x1"), "{method:?}");
        }
    }
}

#[test]
fn tpe_waits_for_its_batch() {
    let mut sampler = sampler(Method::Tpe { trials: 10, batch: 4, startup: 1 }, 1, vec![]);
    let first = sampler.ask(100, all).unwrap();
    assert_eq!(first.len(), 4);
    for trial in &first[1..] {
        assert!(sampler.waits());
        assert!(sampler.ask(1, all).unwrap().is_empty());
        sampler.tell(trial.number, outcome(trial));
    }
    sampler.tell(0, outcome(&first[0]));
    assert_eq!(sampler.ask(3, all).unwrap().len(), 3);
    assert!(!sampler.waits());
    assert_eq!(sampler.ask(100, all).unwrap().len(), 1);
}

#[test]
fn grids_keep_to_the_constraint_and_number_without_gaps() {
    let mut whole = sampler(Method::Grid, 1, vec![]);
    let cells = whole.ask(usize::MAX, all).unwrap();
    assert_eq!(cells.len() as u64, 5 * 3 * 3 * 3);
    assert_eq!(number(&cells[0].point, "rate"), 0.01);
    assert_eq!(number(&cells[1].point, "rate"), 0.1, "the last axis changes fastest");
    let held: Vec<&Point> = cells.iter().map(|t| &t.point).filter(|p| some(p).unwrap()).collect();
    let found = sampler(Method::Grid, 1, vec![]).ask(usize::MAX, some).unwrap();
    assert!(held.len() < cells.len());
    assert_eq!(found.iter().map(|t| &t.point).collect::<Vec<_>>(), held);
}

#[test]
fn constraints_are_kept_or_given_up_with_a_reason() {
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("no such variable")]
    struct Unknown;
    for method in METHODS {
        let fails = sampler(method, 1, vec![]).ask(1, |_| Err(Unknown)).expect_err("fails");
        assert_eq!(fails, AskError::Constraint { number: 0, source: Unknown });
        let never = sampler(method, 1, vec![]).ask(1, |_| Ok::<_, Unknown>(false));
        match method {
            Method::Grid => assert_eq!(never, Ok(vec![])),
            Method::Sobol { .. } => assert_eq!(never, Err(AskError::SobolEnds { number: 0 })),
            _ => assert_eq!(never, Err(AskError::NothingHolds { number: 0, draws: 10_000 })),
        }
    }
}

#[test]
fn methods_that_do_not_fit_say_why() {
    let try_it = |space, method, past| Sampler::new(space, method, 1, &[], past).map(|_| ());
    let open = try_it(cube(1), Method::Grid, vec![]).expect_err("no points");
    assert!(open.to_string().contains("axis `x0` has no end of values"), "{open}");
    let most = try_it(cube(1), Method::Sobol { trials: 70_000 }, vec![]).expect_err("too many");
    assert_eq!(most.to_string(), "70000 trials are over 65536: use `random`");
    assert!(matches!(
        try_it(cube(257), Method::Sobol { trials: 1 }, vec![]),
        Err(SamplerError::TooManyAxes { axes: 257, most: 256 })
    ));
    assert_eq!(try_it(cube(256), Method::Sobol { trials: 1 }, vec![]), Ok(()));
    assert_eq!(
        try_it(cube(1), Method::Random { trials: 0 }, vec![]),
        Err(SamplerError::Zero("trials"))
    );
    let batch = Method::Tpe { trials: 1, batch: 0, startup: 0 };
    assert_eq!(try_it(cube(1), batch, vec![]), Err(SamplerError::Zero("batch")));
    let tpe = Method::Tpe { trials: 1, batch: 1, startup: 0 };
    assert_eq!(try_it(cube(1), tpe, vec![]), Err(SamplerError::NoObjective));
    let big = "[[axis]]\npath = \"a\"\nrange = { from = 0, to = 900000000 }\n";
    let big = format!("{big}{}{}", big.replace("\"a\"", "\"b\""), big.replace("\"a\"", "\"c\""));
    let error = try_it(space(&big), Method::Grid, vec![]).expect_err("too many");
    assert!(error.to_string().starts_with("more than can be counted"), "{error}");
    let past = |value| Past {
        point: Point([("x0".to_owned(), value)].into_iter().collect()),
        outcome: Outcome::Failed,
    };
    let one = Method::Random { trials: 1 };
    assert_eq!(try_it(cube(1), one, vec![past(json!("x"))]), Err(SamplerError::PastElsewhere(0)));
    let two = vec![past(json!(0.5)), past(json!(0.5))];
    assert_eq!(try_it(cube(1), one, two), Err(SamplerError::PastTooLong { past: 2, trials: 1 }));
}

fn coordinates(space: &Space, trials: &[Trial]) -> Vec<Vec<f64>> {
    let unit = |at: Coordinate| match at {
        Coordinate::Ordered(unit) => unit,
        Coordinate::Kind(kind) => kind as f64,
    };
    let of =
        |trial: &Trial| space.coordinates(&trial.point).unwrap().into_iter().map(unit).collect();
    trials.iter().map(of).collect()
}

proptest! {
    /// Every combination once.
    #[test]
    fn grids_cover_each_point_once(counts in prop::collection::vec(1..6usize, 1..4)) {
        let axis = |(place, count): (usize, &usize)| {
            let values: Vec<usize> = (0..*count).collect();
            format!("[[axis]]\npath = \"x{place}\"\nvalues = {values:?}\n")
        };
        let space = space(&counts.iter().enumerate().map(axis).collect::<String>());
        let mut sampler = Sampler::new(space, Method::Grid, 1, &[], vec![]).unwrap();
        let trials = sampler.ask(usize::MAX, all).unwrap();
        let unlike: BTreeSet<String> = trials.iter().map(|t| json!(t.point).to_string()).collect();
        prop_assert_eq!(trials.len(), counts.iter().product::<usize>());
        prop_assert_eq!(unlike.len(), trials.len());
    }

    /// One trial in each part of each axis.
    #[test]
    fn latin_hypercubes_have_one_trial_a_part(seed: u64, count in 1..60usize, axes in 1..5usize) {
        let space = cube(axes);
        let method = Method::LatinHypercube { trials: count as u64 };
        let mut sampler = Sampler::new(space.clone(), method, seed, &[], vec![]).unwrap();
        let units = coordinates(&space, &sampler.ask(count, all).unwrap());
        for axis in 0..axes {
            let parts: BTreeSet<usize> =
                units.iter().map(|unit| (unit[axis] * count as f64) as usize).collect();
            prop_assert_eq!(parts.len(), count);
        }
    }

    /// The first 2^k points of a Sobol sequence have one in each 2^k-th of each axis, and the first two
    /// axes also share their quarters evenly.
    #[test]
    fn sobol_is_balanced(seed: u64, power in 1..9u32, axes in 2..6usize) {
        let count = 1_usize << power;
        let space = cube(axes);
        let method = Method::Sobol { trials: count as u64 };
        let mut sampler = Sampler::new(space.clone(), method, seed, &[], vec![]).unwrap();
        let units = coordinates(&space, &sampler.ask(count, all).unwrap());
        for axis in 0..axes {
            let parts: BTreeSet<usize> =
                units.iter().map(|unit| (unit[axis] * count as f64) as usize).collect();
            prop_assert_eq!(parts.len(), count);
        }
        if count >= 4 {
            let low = units.iter().filter(|unit| unit[0] < 0.5 && unit[1] < 0.5).count();
            prop_assert_eq!(low, count / 4);
        }
    }
}

/// The best of a sweep of so many trials of a bowl with its bottom at (0.3, 20, "b").
fn best(method: Method, seed: u64) -> f64 {
    let space = space(
        "[[axis]]\npath = \"x\"\nuniform = { from = -2, to = 2 }\n\
         [[axis]]\npath = \"n\"\nrange = { from = 1, to = 100 }\n\
         [[axis]]\npath = \"rate\"\nlog_uniform = { from = 0.0001, to = 1 }\n\
         [[axis]]\npath = \"kind\"\nvalues = [\"a\", \"b\", \"c\", \"d\"]\n",
    );
    let mut sampler = Sampler::new(space, method, seed, &[Direction::Maximize], vec![]).unwrap();
    let mut best = f64::MIN;
    while let Some(trial) = sampler.ask(1, all).unwrap().pop() {
        let (x, n) = (number(&trial.point, "x") - 0.3, number(&trial.point, "n") / 20.0 - 1.0);
        let rate = libm::log10(number(&trial.point, "rate")) + 2.0;
        let kind = f64::from(u8::from(trial.point.get("kind") != Some(&json!("b"))));
        let value = -(x * x + n * n + rate * rate + kind);
        best = best.max(value);
        sampler.tell(trial.number, Outcome::Done(vec![value]));
    }
    best
}

#[test]
fn tpe_finds_more_than_chance() {
    let tpe = Method::Tpe { trials: 120, batch: 8, startup: 16 };
    let pair = |seed| (best(tpe, seed), best(Method::Random { trials: 120 }, seed));
    let pairs: Vec<(f64, f64)> = (0..20).map(pair).collect();
    let won = pairs.iter().filter(|(tpe, random)| tpe > random).count();
    assert!(won >= 14, "{won} of 20");
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let (tpe, random): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let (tpe, random) = (median(tpe), median(random));
    // The best possible is zero.
    assert!(-tpe < -random / 2.0, "{tpe} {random}");
}

/// A digest of all trials: a change of it changes every sweep that anyone has run.
#[test]
fn trials_stay_as_they_are() {
    let digest = |method| {
        let trials = run(&mut sampler(method, 42, vec![]), 4);
        blake3::hash(json!(trials).to_string().as_bytes()).to_hex()[..16].to_owned()
    };
    assert_eq!(
        METHODS.map(digest).join(" "),
        "893f9bb1dc01d740 c02791f5b30d705e 85626809f8ee95d9 d4c55429b66b5dd9 6eec5868bd9d827c"
    );
}
