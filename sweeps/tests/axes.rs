//! Axes as they are written, and the values that come out.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::convert::Infallible;

use proptest::prelude::*;
use serde_json::{Value, json};
use sweeps::{Axis, Coordinate, Method, Point, Sampler, Space};

fn axis(text: &str) -> Axis {
    toml::from_str(&format!("path = \"a\"\n{text}")).expect("an axis")
}

fn points(axes: &[Axis], method: Method, seed: u64) -> Vec<Point> {
    let space = Space::new(axes).expect("a space");
    let mut sampler = Sampler::new(space, method, seed, &[], vec![]).expect("a sampler");
    let trials = sampler.ask(usize::MAX, |_| Ok::<_, Infallible>(true)).expect("trials");
    trials.into_iter().map(|trial| trial.point).collect()
}

fn values(text: &str, method: Method) -> Vec<Value> {
    points(&[axis(text)], method, 1).into_iter().map(|p| p.get("a").unwrap().clone()).collect()
}

fn grid(text: &str) -> String {
    Value::from(values(text, Method::Grid)).to_string()
}

#[test]
fn grids_print_as_they_are_written() {
    let cases = [
        ("values = [1, \"b\", 2.5, true]", "[1,\"b\",2.5,true]"),
        ("range = { from = 1, to = 4 }", "[1,2,3,4]"),
        ("range = { from = 1, to = 10, step = 4 }", "[1,5,9]"),
        ("range = { from = 0.1, to = 0.5, step = 0.1 }", "[0.1,0.2,0.3,0.4,0.5]"),
        ("range = { from = -0.1, to = 0.1, step = 0.1 }", "[-0.1,0.0,0.1]"),
        ("range = { from = 0, to = 1, step = 0.25 }", "[0.0,0.25,0.5,0.75,1.0]"),
        ("range = { from = 1, to = 10, points = 4 }", "[1,4,7,10]"),
        ("range = { from = 0.0, to = 1, points = 4 }", "[0.0,0.333333333333,0.666666666667,1.0]"),
        ("log_range = { from = 0.001, to = 1.0, points = 4 }", "[0.001,0.01,0.1,1.0]"),
        ("log_range = { from = 1, to = 8, points = 7, integer = true }", "[1,2,3,4,6,8]"),
        ("uniform = { from = 0, to = 1, points = 2 }", "[0.25,0.75]"),
        ("log_uniform = { from = 1, to = 10000, points = 2 }", "[10.0,1000.0]"),
        ("normal = { mean = 0, sd = 1, points = 3 }", "[-0.967421566102,0.0,0.967421566102]"),
        ("categorical = { values = [\"x\", \"y\"], weights = [1, 3] }", "[\"x\",\"y\"]"),
    ];
    for (text, printed) in cases {
        assert_eq!(grid(text), printed, "{text}");
    }
}

#[test]
fn errors_name_the_axis_the_problem_and_the_remedy() {
    let cases = [
        ("", "axis `a`: it has 0 sources of values; give exactly one of"),
        ("values = [1]\nrange = { from = 1, to = 2 }", "it has 2 sources of values"),
        ("values = []", "it has no values; give at least one"),
        ("values = [1, 2, 1.0]", "the value 1.0 stands there twice; remove one"),
        ("range = { from = 2, to = 1 }", "from = 2 is not below to = 1; swap them"),
        ("range = { from = 1, to = 2, step = 0 }", "step = 0 is not above zero"),
        ("range = { from = 1, to = 2, step = 1, points = 2 }", "it has step and points; give one"),
        ("range = { from = 1, to = 10, points = 3 }", "3 whole numbers are not evenly spaced"),
        ("range = { from = 0, to = 9000000000, step = 1 }", "it has over 1000000000 values"),
        ("range = { from = 0.0, to = 1e300, step = 1e299 }", "has no exact decimal value"),
        ("range = { from = 0.0, to = 1.0, points = 1 }", "points = 1; give between 2 and"),
        ("log_range = { from = 0, to = 1 }", "from = 0 has no logarithm; start above zero"),
        ("log_range = { from = 1.5, to = 3, integer = true }", "an end is not whole"),
        ("uniform = { from = 0, to = inf }", "to = inf; give a finite number"),
        ("normal = { mean = 0, sd = 0 }", "sd = 0 is not above zero"),
        ("normal = { mean = 0, sd = 1, min = 2, max = 1 }", "min = 2 is not below max = 1"),
        ("normal = { mean = 0, sd = 1, min = 90 }", "too far from the mean to be drawn"),
        ("categorical = { values = [1, 2], weights = [1] }", "1 weights for 2 values"),
        ("categorical = { values = [1, 2], weights = [1, 0] }", "a weight is not above zero"),
    ];
    for (text, expected) in cases {
        let error = Space::new(&[axis(text)]).expect_err(text).to_string();
        assert!(error.starts_with("axis `a`: ") && error.contains(expected), "{text}: {error}");
    }
    let twice = Space::new(&[axis("values = [1]"), axis("values = [2]")]).expect_err("twice");
    assert!(twice.to_string().contains("axis `a` stands there twice"), "{twice}");
    assert!(Space::new(&[]).expect_err("none").to_string().contains("no axis"));
    let unknown = toml::from_str::<Axis>("path = \"a\"\nrange = { from = 1, to = 2, by = 1 }");
    assert!(unknown.expect_err("unknown key").to_string().contains("by"));
    assert!(toml::from_str::<Axis>("path = \"a\"\nvalue = [1]").is_err());
}

/// scipy 1.17.1: `truncnorm.ppf([.1, .5, .9], 0.5, 2.5, 0, 2)`, and `truncnorm.ppf(.5, 10, inf, 0, 2)`.
#[test]
fn truncated_normals_are_those_of_scipy() {
    // Five points lie at 0.1, 0.3, 0.5, 0.7 and 0.9.
    let found = values("normal = { mean = 0, sd = 2, min = 1, max = 5, points = 5 }", Method::Grid);
    for (place, expected) in
        [(0, 1.175769948081094), (2, 2.010621650764281), (4, 3.587101476173547)]
    {
        let found = found[place].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-11, "{found} {expected}");
    }
    let far = values("normal = { mean = 0, sd = 2, min = 20, points = 3 }", Method::Grid);
    assert!((far[1].as_f64().unwrap() - 20.13682367216286).abs() < 1e-10, "{far:?}");
}

#[test]
fn draws_follow_their_distribution() {
    let draws = |text| values(text, Method::Random { trials: 20_000 });
    let numbers = |text| draws(text).iter().map(|v| v.as_f64().unwrap()).collect::<Vec<f64>>();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let x = draws("categorical = { values = [\"x\", \"y\"], weights = [1, 3] }");
    let share = x.iter().filter(|v| **v == json!("x")).count() as f64 / 20_000.0;
    assert!((share - 0.25).abs() < 0.01, "{share}");
    let normal = numbers("normal = { mean = 3, sd = 2 }");
    assert!((mean(&normal) - 3.0).abs() < 0.05);
    let square: Vec<f64> = normal.iter().map(|x| (x - 3.0) * (x - 3.0)).collect();
    assert!((mean(&square) - 4.0).abs() < 0.15);
    let below = numbers("log_uniform = { from = 1, to = 10000 }");
    let share = below.iter().filter(|x| **x < 100.0).count() as f64 / 20_000.0;
    assert!((share - 0.5).abs() < 0.02, "{share}");
    // Each whole number from 1 to 3 has the weight of all that rounds to it.
    let whole = numbers("log_range = { from = 1, to = 3, integer = true }");
    let ones = whole.iter().filter(|x| **x == 1.0).count() as f64 / 20_000.0;
    assert!((ones - libm::log(3.0) / libm::log(7.0)).abs() < 0.02, "{ones}");
}

proptest! {
    /// A value of an axis is found again, in the order that it was made in.
    #[test]
    fn values_are_found_again(seed: u64) {
        let axes = [
            "values = [\"b\", \"a\"]", "values = [1, 2, 5]", "range = { from = 0.1, to = 0.7, step = 0.1 }",
            "range = { from = -3, to = 9, step = 3 }", "range = { from = -1.5, to = 2.0 }",
            "log_range = { from = 0.001, to = 1.0, points = 7 }", "log_range = { from = 0.001, to = 1.0 }",
            "uniform = { from = 0, to = 1 }", "normal = { mean = 1, sd = 3 }",
            "normal = { mean = 1, sd = 3, min = 8 }",
        ];
        for text in axes {
            let axis = axis(text);
            let space = Space::new(std::slice::from_ref(&axis)).unwrap();
            let mut drawn: Vec<(Point, Coordinate)> = points(&[axis], Method::Random { trials: 9 }, seed)
                .into_iter()
                .map(|point| { let at = space.coordinates(&point).expect("inside")[0]; (point, at) })
                .collect();
            let number = |point: &Point| point.get("a").unwrap().as_f64().unwrap_or(0.0);
            drawn.sort_by(|a, b| number(&a.0).total_cmp(&number(&b.0)));
            for pair in drawn.windows(2) {
                if let (Coordinate::Ordered(a), Coordinate::Ordered(b)) = (pair[0].1, pair[1].1) {
                    prop_assert!(a <= b && (0.0..1.0).contains(&a) && b < 1.0, "{text} {pair:?}");
                    prop_assert_eq!(a == b, number(&pair[0].0) == number(&pair[1].0), "{}", text);
                }
            }
            // The same value from the file, where a float may have become whole.
            let text = serde_json::to_string(&drawn[0].0).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Point>(&text).unwrap(), &drawn[0].0);
        }
    }
}

#[test]
fn values_of_no_axis_are_not_found() {
    let space = Space::new(&[axis("range = { from = 0.1, to = 0.5, step = 0.1 }")]).unwrap();
    let at =
        |value: Value| space.coordinates(&Point([("a".to_owned(), value)].into_iter().collect()));
    assert_eq!(at(json!(0.3)), Some(vec![Coordinate::Ordered(0.5)]));
    assert_eq!(at(json!(0.35)), None);
    assert_eq!(at(json!(0.6)), None);
    assert_eq!(at(json!("x")), None);
    assert_eq!(space.coordinates(&Point::default()), None);
}
