use engine::NamedRng;

use super::*;
use crate::test_support::close;

/// The evaluation with plain sorting and nothing else.
fn sorted_reference(closes: &[f64]) -> MarketState {
    let closes = &closes[closes.len() - MARKET_STATE_PRICES..];
    let logs: Vec<f64> = closes.iter().map(|p| libm::log(p + 1e-12)).collect();
    let returns: Vec<f64> = logs.windows(2).map(|w| w[1] - w[0]).collect();
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let middle = |values: &[f64]| {
        let values = sorted(values);
        let n = values.len();
        (values[(n - 1) / 2] + values[n / 2]) / 2.0
    };
    let order = sorted(&returns);
    let at = |q: f64| {
        let place = q * 255.0;
        let (low, high) = (order[place as usize], order[place as usize + 1]);
        low + (high - low) * (place - place.floor())
    };
    let clipped: Vec<f64> = returns.iter().map(|r| r.clamp(at(0.01), at(0.99))).collect();
    let mut v = variance(&clipped[..10]);
    for r in &clipped {
        v = 0.94 * v + 0.06 * (r * r);
    }
    let ewma = v.sqrt();
    let centre = middle(&clipped);
    let away: Vec<f64> = clipped.iter().map(|r| (r - centre).abs()).collect();
    let robust = 1.4826 * middle(&away);
    let spike = (robust / (ewma + 1e-12)).clamp(0.0, 5.0);
    let w = 1.0 / (1.0 + libm::exp(-((spike - 1.2) / 0.3).clamp(-50.0, 50.0)));
    let sigma = ((1.0 - w) * ewma + w * robust).max(1e-6);
    let mut mu = 0.0;
    for (points, weight) in [(64, 0.5), (128, 0.3), (256, 0.2)] {
        mu += weight * middle(&all_slopes(&logs[logs.len() - points..]));
    }
    regime(sigma, mu, spike, &returns, &mut Vec::new())
}

fn all_slopes(points: &[f64]) -> Vec<f64> {
    let pairs = (0..points.len()).flat_map(|i| (i + 1..points.len()).map(move |j| (i, j)));
    pairs.map(|(i, j)| (points[j] - points[i]) / (j - i) as f64).collect()
}

fn bits(state: &MarketState) -> [u64; 9] {
    let MarketState { sigma, mu, ts, p_trend, p_mr, p_chop, dp, vr, spike_proxy } = *state;
    [sigma, mu, ts, p_trend, p_mr, p_chop, dp, vr, spike_proxy].map(f64::to_bits)
}

fn series(n: usize, mut f: impl FnMut(f64) -> f64) -> Vec<f64> {
    (0..n).map(|i| f(i as f64)).collect()
}

fn walk(seed: u64, n: usize, step: f64) -> Vec<f64> {
    let mut rng = NamedRng::new(seed, "theil-sen");
    let mut log = 4.0;
    series(n, |_| {
        log += step * rng.normal();
        libm::exp(log)
    })
}

fn check(name: &str, closes: &[f64], want: [f64; 9]) {
    let s = market_state(closes).expect("enough closes");
    let got = [s.sigma, s.mu, s.ts, s.p_trend, s.p_mr, s.p_chop, s.dp, s.vr, s.spike_proxy];
    let fields = ["sigma", "mu", "ts", "p_trend", "p_mr", "p_chop", "dp", "vr", "spike"];
    for ((field, got), want) in fields.iter().zip(got).zip(want) {
        close(&format!("{name} {field}"), got, want, 1e-9);
    }
}

#[test]
fn mse_62() {
    let closes = series(300, |x| {
        let wave = 0.004 * libm::sin(x / 7.0) + 0.001 * libm::cos(3.1 * x);
        100.0 * libm::exp(0.0005 * x + wave)
    });
    let want = [
        0.0017959637374149358,
        0.0004906030544956553,
        0.2731697995910803,
        0.1903111666629205,
        0.20526138898178703,
        0.6044274443552924,
        0.14901960784313725,
        0.5399987009188144,
        1.2282613905415907,
    ];
    check("MSE 62", &closes, want);
}

#[test]
fn ehr_13_and_14() {
    let closes = series(300, |x| 100.0 * libm::exp(0.0005 * x + 0.01 * libm::sin(0.3 * x)));
    let want = [
        0.002914873106902754,
        0.0005015879114188137,
        0.1720788153895678,
        0.01446218491238079,
        0.9731635988873624,
        0.012374216200256886,
        0.9058823529411765,
        4.182468618793396,
        1.428549940564814,
    ];
    check("EHR 13", &closes, want);
    let closes = series(300, |x| 50.0 + 2.0 * libm::sin(1.7 * x) + 0.5 * libm::cos(0.05 * x));
    let want = [
        0.05652075659363977,
        -9.532586415334293e-05,
        0.0016865638377244105,
        0.17831145851076663,
        0.29715383217619146,
        0.5245347093130419,
        0.4588235294117647,
        0.2841308217412521,
        1.4838409018540863,
    ];
    check("EHR 14", &closes, want);
}

#[test]
fn too_few_or_impossible_closes_give_nothing() {
    let mut closes = walk(1, 257, 0.001);
    assert!(market_state(&closes).is_some());
    assert_eq!(market_state(&closes[1..]), None);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        closes[100] = bad;
        assert_eq!(market_state(&closes), None);
    }
}

#[test]
fn every_series_with_every_memory_equals_the_sorted_reference() {
    let mut cases = vec![
        series(257, |_| 4.5),
        series(257, |_| 1.0),
        series(257, |x| 1.0 + x % 7.0),
        series(257, |x| 100.0 + 0.01 * x),
        series(257, |x| 100.0 * libm::exp(0.0005 * x)),
        series(257, |x| 3.0 + libm::sin(0.1 * x)),
        series(257, |x| if x < 200.0 { 10.0 } else { 1e-9 }),
        series(257, |x| if x % 2.0 == 0.0 { 1e300 } else { 1e-300 }),
    ];
    for seed in 0..12 {
        cases.push(walk(seed, 257, 0.001));
        // Ticks: many slopes are equal.
        cases.push(walk(seed, 257, 0.001).iter().map(|p| libm::rint(p * 10.0) / 10.0).collect());
    }
    let wanted: Vec<_> = cases.iter().map(|closes| bits(&sorted_reference(closes))).collect();
    let mut scratch = MarketStateScratch::default();
    for first in &cases {
        for (closes, wanted) in cases.iter().zip(&wanted) {
            let mut evaluator = MarketStateEvaluator::default();
            assert!(evaluator.evaluate(first, &mut scratch).is_some());
            for _ in 0..3 {
                let got = evaluator.evaluate(closes, &mut scratch).expect("enough closes");
                assert_eq!(bits(&got), *wanted);
            }
        }
    }
}

#[test]
fn a_sliding_run_equals_the_sorted_reference() {
    let smooth = walk(7, 757, 0.0008);
    let ticks: Vec<f64> = smooth.iter().map(|p| libm::rint(p * 100.0) / 100.0).collect();
    for closes in [smooth, ticks] {
        let mut evaluator = MarketStateEvaluator::default();
        let mut scratch = MarketStateScratch::default();
        for at in 0..500 {
            let closes = &closes[..at + MARKET_STATE_PRICES];
            let got = evaluator.evaluate(closes, &mut scratch).expect("enough closes");
            assert_eq!(bits(&got), bits(&sorted_reference(closes)), "step {at}");
        }
    }
}
