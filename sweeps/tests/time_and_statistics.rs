//! Folds, bootstraps and overfitting.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use sweeps::bootstrap::{Block, BlockKind, Blocks, BootstrapError, error_bar};
use sweeps::folds::{
    Anchor, Fold, FoldError, Purge, Span, WalkForward, combinatorial_purged, purged_k_fold,
    walk_forward,
};
use sweeps::normal_quantile;
use sweeps::overfitting::{
    AverageCorrelation, Cscv, CscvError, Overfitting, SharpeRatio, deflated_sharpe_ratio,
    expected_maximum_sharpe, minimum_track_record_length, probabilistic_sharpe_ratio,
};

fn span(from: i64, to: i64) -> Span {
    Span { from, to }
}

fn rolling(train: i64, test: i64, step: Option<i64>, gap: i64) -> WalkForward {
    WalkForward { anchor: Anchor::Rolling, train, test, step, gap }
}

#[test]
fn walk_forward_windows() {
    let folds = walk_forward(span(100, 200), &rolling(40, 20, None, 5)).unwrap();
    let expected = |train: Span, test: Span| Fold { train: vec![train], test: vec![test] };
    assert_eq!(
        folds,
        [expected(span(100, 140), span(145, 165)), expected(span(120, 160), span(165, 185)),]
    );
    let anchored = WalkForward { anchor: Anchor::Anchored, ..rolling(40, 20, Some(30), 5) };
    assert_eq!(
        walk_forward(span(100, 200), &anchored).unwrap(),
        [expected(span(100, 140), span(145, 165)), expected(span(100, 170), span(175, 195)),]
    );
    let short = walk_forward(span(0, 64), &rolling(40, 20, None, 5)).expect_err("too short");
    assert_eq!(short, FoldError::DoesNotFit { needed: 65, range: 64 });
    assert_eq!(walk_forward(span(0, 65), &rolling(40, 20, None, 5)).unwrap().len(), 1);
    let overlap = walk_forward(span(0, 100), &rolling(40, 20, Some(10), 0));
    assert_eq!(overlap, Err(FoldError::TestsOverlap { step: 10, test: 20 }));
    let negative = walk_forward(span(0, 100), &rolling(40, 20, None, -1)).expect_err("negative");
    assert_eq!(negative.to_string(), "gap = -1 ns: give 0 ns or more");
    let many = walk_forward(span(0, i64::MAX), &rolling(1, 1, None, 0));
    assert!(matches!(many, Err(FoldError::TooMany { .. })));
    let whole = walk_forward(span(i64::MIN, i64::MAX), &rolling(i64::MAX, i64::MAX, None, 0));
    assert_eq!(whole.unwrap().len(), 1);
}

#[test]
fn purged_folds() {
    let purge = Purge { horizon: 3, embargo: 2 };
    let folds = purged_k_fold(span(0, 90), 3, purge).unwrap();
    assert_eq!(
        folds,
        [
            Fold { train: vec![span(35, 90)], test: vec![span(0, 30)] },
            Fold { train: vec![span(0, 27), span(65, 90)], test: vec![span(30, 60)] },
            Fold { train: vec![span(0, 57)], test: vec![span(60, 90)] },
        ]
    );
    let nothing = purged_k_fold(span(0, 10), 2, Purge { horizon: 5, embargo: 0 });
    assert!(matches!(nothing, Err(FoldError::NothingToTrain { fold: 0, .. })), "{nothing:?}");
    assert!(matches!(purged_k_fold(span(0, 10), 1, purge), Err(FoldError::Groups { .. })));
    assert!(matches!(purged_k_fold(span(0, 2), 3, purge), Err(FoldError::DoesNotFit { .. })));
    let many = combinatorial_purged(span(0, 1000), 40, 20, Purge { horizon: 0, embargo: 0 });
    assert!(matches!(many, Err(FoldError::TooMany { .. })));
}

/// López de Prado (2018), figure 12.1: 6 groups, 2 to test, give 15 splits and 5 paths.
#[test]
fn six_groups_by_two_have_five_paths() {
    let all = combinatorial_purged(span(0, 600), 6, 2, Purge { horizon: 1, embargo: 0 }).unwrap();
    assert_eq!((all.folds.len(), all.paths.len(), all.groups.len()), (15, 5, 6));
    // The figure's first path, counted from zero: group 1 and 2 of split 1, group 3 of split 2 and so on.
    assert_eq!(all.paths[0], [0, 0, 1, 2, 3, 4]);
    assert_eq!(all.folds[0].test, [span(0, 200)], "neighbours are one test");
}

proptest! {
    /// No label of a training reaches into its test; tests follow one another without overlap.
    #[test]
    fn walk_forward_never_leaks(
        from in -1_000..1_000i64, length in 1..2_000i64, train in 1..300i64, test in 1..300i64,
        more in 0..100i64, gap in 0..50i64, anchored: bool,
    ) {
        let anchor = if anchored { Anchor::Anchored } else { Anchor::Rolling };
        let windows = WalkForward { anchor, train, test, step: Some(test + more), gap };
        let range = span(from, from + length);
        let Ok(folds) = walk_forward(range, &windows) else {
            prop_assert!(train + gap + test > length);
            return Ok(());
        };
        for fold in &folds {
            prop_assert_eq!(fold.train[0].to + gap, fold.test[0].from);
            prop_assert!(range.from <= fold.train[0].from && fold.test[0].to <= range.to);
            prop_assert_eq!(fold.test[0].length(), test);
            prop_assert!(anchored || fold.train[0].length() == train);
            prop_assert!(!anchored || fold.train[0].from == from);
        }
        for pair in folds.windows(2) {
            prop_assert!(pair[0].test[0].to <= pair[1].test[0].from);
        }
        let last = folds[folds.len() - 1].test[0].to;
        prop_assert!(last + test + more > range.to, "a further window would fit");
    }

    /// A sample may be trained on exactly if its label overlaps that of no tested one and it is not in
    /// the embargo; every sample is tested once a path.
    #[test]
    fn purged_folds_never_leak(
        length in 12..150i64, groups in 2..6u32, tested in 1..4u32, horizon in 0..12i64, embargo in 0..9i64,
    ) {
        prop_assume!(tested < groups);
        let purge = Purge { horizon, embargo };
        let Ok(all) = combinatorial_purged(span(-5, length - 5), groups, tested, purge) else {
            return Ok(());
        };
        let within = |spans: &[Span], t: i64| spans.iter().filter(|s| s.from <= t && t < s.to).count();
        for fold in &all.folds {
            let tests: Vec<i64> = (-5..length - 5).filter(|t| within(&fold.test, *t) == 1).collect();
            for t in -5..length - 5 {
                let overlaps = tests.iter().any(|test| t <= test + horizon && *test <= t + horizon);
                // The first instant after the last label of a test span begins its embargo.
                let embargoed = fold.test.iter().any(|test| {
                    let known = test.to + horizon;
                    known <= t && t < known + embargo
                });
                let may = !overlaps && !embargoed && within(&fold.test, t) == 0;
                // Labels are half-open by one nanosecond: the last tested sample is at `to - 1`.
                prop_assert_eq!(within(&fold.train, t), usize::from(may), "{:?} {}", fold, t);
            }
        }
        for path in &all.paths {
            for (group, fold) in all.groups.iter().zip(path) {
                prop_assert_eq!(within(&all.folds[*fold].test, group.from), 1);
                prop_assert_eq!(within(&all.folds[*fold].test, group.to - 1), 1);
            }
        }
        let mut used: Vec<(usize, usize)> =
            all.paths.iter().flat_map(|path| path.iter().copied().enumerate()).collect();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), all.folds.len() * tested as usize, "each test is in one path");
    }

    /// Blocks are as long as the series together, and lie inside it.
    #[test]
    fn blocks_cover_exactly(items in 1..200usize, share in 0.0..1.0f64, seed: u64, kind in 0..3usize) {
        let kind = [BlockKind::Moving, BlockKind::Circular, BlockKind::Stationary][kind];
        let block = 1 + (share * (items - 1) as f64) as usize;
        let blocks: Vec<Block> = Blocks::new(kind, items, block, seed, 3).unwrap().collect();
        prop_assert_eq!(blocks.iter().map(|b| b.len).sum::<usize>(), items);
        prop_assert!(blocks.iter().all(|b| b.len > 0 && b.start + b.len <= items));
        if kind == BlockKind::Moving {
            prop_assert!(blocks[..blocks.len() - 1].iter().all(|b| b.len == block));
        }
        let again: Vec<Block> = Blocks::new(kind, items, block, seed, 3).unwrap().collect();
        prop_assert_eq!(blocks, again);
    }
}

#[test]
fn blocks_are_drawn_as_their_kind_says() {
    let replicates = 4_000;
    for (kind, least, most) in [
        // The ends of a moving bootstrap are in one block of all, its middle in ten.
        (BlockKind::Moving, 0.05, 0.15),
        (BlockKind::Circular, 0.9, 1.1),
        (BlockKind::Stationary, 0.9, 1.1),
    ] {
        let (mut first, mut blocks, mut joins) = (0, 0, 0);
        for replicate in 0..replicates {
            let mut end = None;
            for Block { start, len } in Blocks::new(kind, 100, 10, 5, replicate).unwrap() {
                first += u32::from(start == 0);
                blocks += 1;
                // The second part of a block that ran over the end is no new one.
                joins += u32::from(end == Some(100) && start == 0);
                end = Some(start + len);
            }
        }
        let often = f64::from(first) / replicates as f64;
        assert!((least..most).contains(&often), "{kind:?}: item 0 comes {often} times");
        let mean = 100.0 * replicates as f64 / f64::from(blocks - joins);
        assert!((9.0..10.5).contains(&mean), "{kind:?}: blocks of {mean}");
    }
    let lengths =
        |kind| Blocks::new(kind, 1000, 10, 5, 0).unwrap().map(|b| b.len).collect::<Vec<_>>();
    assert!(lengths(BlockKind::Stationary).iter().any(|len| *len > 15));
    assert!(lengths(BlockKind::Circular).iter().all(|len| *len <= 10));
}

#[test]
fn error_bars_of_a_mean() {
    // Independent numbers: the standard error of their mean is sd / sqrt(n) whatever the blocks.
    let series: Vec<f64> = (0..400).map(pseudo).collect();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let bar = error_bar(&series, mean, (BlockKind::Stationary, 3), 9, 2_000, 0.95).unwrap();
    let expected = 0.288_675 / 20.0;
    assert!((bar.standard_error / expected - 1.0).abs() < 0.15, "{bar:?} {expected}");
    assert!((bar.high - bar.low) / bar.standard_error > 3.6, "{bar:?}");
    assert!(bar.low < bar.value && bar.value < bar.high);
    // Runs of ten alike: blocks keep the dependence that single items lose.
    let runs: Vec<f64> = (0..400).map(|k| pseudo(k / 10)).collect();
    let se = |block| {
        error_bar(&runs, mean, (BlockKind::Circular, block), 9, 1_000, 0.9).unwrap().standard_error
    };
    assert!(se(40) > 2.0 * se(1), "{} {}", se(40), se(1));
    let bad = error_bar(&series, mean, (BlockKind::Circular, 401), 9, 10, 0.9);
    assert_eq!(bad, Err(BootstrapError::Block { block: 401, items: 400 }));
    let bad = error_bar(&series, mean, (BlockKind::Circular, 1), 9, 10, 1.0);
    assert_eq!(bad, Err(BootstrapError::Confidence(1.0)));
    let bad = error_bar(&series, mean, (BlockKind::Circular, 1), 9, 1, 0.5);
    assert_eq!(bad, Err(BootstrapError::Replicates(1)));
}

/// Uniform numbers in [0, 1) that are good enough for tests (SplitMix64).
fn pseudo(k: u64) -> f64 {
    let mut z = (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn noise(trial: u64, periods: u64) -> Vec<f64> {
    (0..periods).map(|k| normal_quantile(pseudo(trial * 1_000_003 + k).max(1e-12))).collect()
}

/// The published examples.
///
/// Bailey, López de Prado (2012): a track record of 24 months with a ratio of 0.458, skewness -2.448 and
/// kurtosis 10.164 has a probabilistic ratio of 0.913, and of 0.982 if returns are taken for normal. A
/// yearly ratio of 2 is above 1 with 95 % confidence after 2.73 years of days, 2.83 of weeks, 3.24 of
/// months.
///
/// Bailey, López de Prado (2014), numerical example: 100 trials whose yearly ratios have a variance of
/// 1/2, the best 2.5 over 1,250 days of which a year has 250, skewness -3, kurtosis 10: an expected
/// maximum of 0.1132 a day and a deflated ratio of 0.9004. With 46 trials it is 0.9505.
#[test]
fn published_sharpe_ratios() {
    let months = SharpeRatio { ratio: 0.458, skew: -2.448, kurtosis: 10.164, periods: 24.0 };
    assert!((probabilistic_sharpe_ratio(&months, 0.0) - 0.913).abs() < 5e-4);
    let normal = SharpeRatio { skew: 0.0, kurtosis: 3.0, ..months };
    assert!((probabilistic_sharpe_ratio(&normal, 0.0) - 0.982).abs() < 5e-4);
    for (a_year, years) in [(250.0, 2.73), (52.0, 2.83), (12.0, 3.24)] {
        let of = SharpeRatio { ratio: 2.0 / f64::sqrt(a_year), ..normal };
        let found = minimum_track_record_length(&of, 1.0 / f64::sqrt(a_year), 0.95) / a_year;
        assert!((found - years).abs() < 5e-3, "{found} {years}");
    }
    let best =
        SharpeRatio { ratio: 2.5 / f64::sqrt(250.0), skew: -3.0, kurtosis: 10.0, periods: 1_250.0 };
    let variance = 0.5 / 250.0;
    assert!((expected_maximum_sharpe(variance, 100.0) - 0.1132).abs() < 5e-5);
    assert!((deflated_sharpe_ratio(&best, variance, 100.0) - 0.9004).abs() < 5e-5);
    assert!((deflated_sharpe_ratio(&best, variance, 46.0) - 0.9505).abs() < 5e-5);
    // 200,000 times the greatest of 100 standard normal numbers, numpy 2.4.6: 2.5065 on average. The
    // formula is an approximation.
    assert!((expected_maximum_sharpe(1.0, 100.0) - 2.5065).abs() < 0.03);
    assert_eq!(minimum_track_record_length(&months, 0.5, 0.95), f64::INFINITY);
    assert_eq!(expected_maximum_sharpe(1.0, 1.0), 0.0);
    assert!(expected_maximum_sharpe(1.0, 1.1) >= 0.0);
    assert_eq!(SharpeRatio::of(&[0.1; 9]), None);
    assert_eq!(SharpeRatio::of(&[0.1, f64::NAN]), None);
    assert_eq!(SharpeRatio::of(&[0.1]), None);
}

/// Made by a formula, so that another program can make the same.
fn series(trial: u64, periods: u64) -> Vec<f64> {
    let value = |k: u64| {
        let mixed = trial * 7919 + (k + 1) * 104_729 + (k * k * (trial + 3)) % 1009;
        (mixed % 1000) as f64 / 1000.0 - 0.5 + 0.0005 * trial as f64
    };
    (0..periods).map(value).collect()
}

/// Against numpy 2.4.6 and scipy 1.17.1 on the same series: `x.mean() / x.std(ddof=1)`, `stats.skew`,
/// `stats.kurtosis(fisher=False)`, `norm.cdf` of the formula; for the cross-validation a direct one that
/// joins the rows of the blocks of each of `itertools.combinations(range(6), 3)` and takes mean by
/// `std(ddof=1)` of them, `stats.rankdata` and `stats.linregress`; for the correlation the mean of
/// `np.corrcoef` off the diagonal.
#[test]
fn numbers_are_those_of_numpy() {
    let close = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 1e-11, "{found} {expected}");
    };
    let of = SharpeRatio::of(&series(3, 60)).unwrap();
    close(of.ratio, 0.08334562266112412);
    close(of.skew, 0.003354841870717266);
    close(of.kurtosis, 2.044086997917034);
    close(probabilistic_sharpe_ratio(&of, 0.01), 0.7132644863771929);

    let mut cscv = Cscv::new(50, 6).unwrap();
    let (mut apart, mut alike) = (AverageCorrelation::new(50), AverageCorrelation::new(50));
    for trial in 0..7 {
        let returns = series(trial, 50);
        cscv.push(&returns).unwrap();
        assert!(apart.push(&returns));
        let shared: Vec<f64> = returns.iter().zip(series(50, 50)).map(|(a, b)| a + b).collect();
        assert!(alike.push(&shared));
    }
    let found = cscv.overfitting().unwrap();
    assert_eq!(found.logits.len(), 20);
    close(found.probability, 0.6);
    close(found.logits.iter().sum::<f64>() / 20.0, 0.21587440567681554);
    close(found.slope, -0.9489978792946465);
    close(found.intercept, 0.3456047255686989);
    close(found.probability_of_loss, 0.45);
    close(apart.mean().unwrap(), 0.09123693589729708);
    close(apart.independent(), 6.452578384616217);
    close(alike.mean().unwrap(), 0.5584794070292455);
    close(alike.independent(), 3.6491235578245274);
    assert!(!alike.push(&[1.0; 50]) && !alike.push(&[1.0; 3]), "they have no correlation");
    assert_eq!(alike.trials(), 7);
}

fn overfitting(trials: u64, periods: u64, blocks: usize, edge_of_first: f64) -> Overfitting {
    let mut cscv = Cscv::new(periods as usize, blocks).unwrap();
    for trial in 0..trials {
        let edge = if trial == 0 { edge_of_first } else { 0.0 };
        let returns: Vec<f64> = noise(trial, periods).iter().map(|r| r + edge).collect();
        cscv.push(&returns).unwrap();
    }
    cscv.overfitting().unwrap()
}

#[test]
fn noise_is_overfitted_and_skill_is_not() {
    // One sample of noise has one truth: its own mean. So the probability is that of many samples.
    let mean = (0..30).map(|sample| {
        let mut cscv = Cscv::new(400, 8).unwrap();
        for trial in 0..20 {
            cscv.push(&noise(1_000 * sample + trial, 400)).unwrap();
        }
        cscv.overfitting().unwrap().probability
    });
    let mean = mean.sum::<f64>() / 30.0;
    assert!((mean - 0.5).abs() < 0.1, "{mean}");
    let skill = overfitting(50, 400, 10, 0.5);
    assert!(skill.probability < 0.01, "{}", skill.probability);
    assert!(skill.probability_of_loss < 0.01);
}

#[test]
fn matrices_that_are_none() {
    assert_eq!(Cscv::new(100, 7).map(|_| ()), Err(CscvError::Blocks(7)));
    assert_eq!(Cscv::new(100, 22).map(|_| ()), Err(CscvError::Blocks(22)));
    let short = Cscv::new(31, 16).map(|_| ());
    assert_eq!(short, Err(CscvError::TooShort { periods: 31, blocks: 16 }));
    let mut cscv = Cscv::new(32, 16).unwrap();
    assert_eq!(cscv.push(&[0.0; 31]), Err(CscvError::Periods { found: 31, expected: 32 }));
    let mut holed = [0.0; 32];
    holed[7] = f64::NAN;
    assert_eq!(cscv.push(&holed), Err(CscvError::NotFinite(7)));
    cscv.push(&[0.0; 32]).unwrap();
    assert_eq!(cscv.overfitting().map(|_| ()), Err(CscvError::TooFewTrials(1)));
    // Trials that never traded: all equal, so that each is in the middle.
    cscv.push(&[0.0; 32]).unwrap();
    let idle = cscv.overfitting().unwrap();
    assert!(idle.logits.iter().all(|logit| *logit == 0.0));
    assert!(idle.slope.is_nan());
}

/// The largest matrix that a sweep is meant to have. Run by hand, optimised, to see the time that it takes.
#[test]
#[ignore = "takes seconds"]
fn five_thousand_trials() {
    let found = overfitting(5_000, 320, 16, 0.0);
    assert_eq!(found.logits.len(), 12_870);
    assert!(found.probability > 0.1);
}
