//! Heat, calibration, gate, clusters, budgets, allocation, attribution.

use proptest::prelude::*;
use strategies::close_action::CloseAction;
use strategies::heat::{
    CalibrationMatrix, HeatBucket, HeatBuckets, HeatEntry, HeatSigma, ModeratorSettings,
    ModeratorState, calibrate, heat_score, portfolio_heat,
};
use strategies::portfolio::{
    AllocationInput, AllocationRegime, BudgetInput, BudgetSettings, ClusterInput, ClusterSettings,
    Efficiency, GateInput, GatePermit, GatePosition, GateRules, GateSigma, PerformanceMapping,
    allocation, attribution, budget, cap_clusters, clusters, gate, gate_metrics,
    performance_multiplier, target_multiplier,
};

use crate::support::{any_number, cases, finite};

fn bucket() -> impl Strategy<Value = HeatBucket> {
    prop::sample::select(HeatBucket::ALL.to_vec())
}

fn word() -> impl Strategy<Value = &'static str> {
    let words = ["FULL_CLOSE_PROPOSED", "FULL_CLOSE", "PARTIAL_75", "PARTIAL_50", "PARTIAL_25"];
    let others = ["HOLD", "NOOP", "NONE", "UPDATE_SL", "BUY", "PARTIAL_33", ""];
    prop::sample::select([&words[..], &others[..]].concat())
}

proptest! {
    #![proptest_config(cases())]

    /// More notional, more sigma or less equity never cools a book; hotter books are in hotter buckets.
    #[test]
    fn heat_follows_its_inputs(book in prop::collection::vec((finite(), 0.0..0.1), 0..8), equity in 1.0..1e6, more in 0.0..1e5) {
        let names = ["A", "B", "C", "D", "E", "F", "G", "H"];
        let heat = |equity: f64, grown: f64| {
            let entries = names.iter().zip(&book).map(|(symbol, (notional, sigma))| HeatEntry {
                symbol,
                notional_usd: notional.abs() + grown,
                sigma_per_minute: *sigma,
            });
            let entries: Vec<_> = entries.collect();
            portfolio_heat(Some(equity), &entries, HeatSigma::Daily).expect("finite").value
        };
        let now = heat(equity, 0.0);
        prop_assert!(now >= 0.0 && heat(equity, more) >= now && heat(equity + more, 0.0) <= now);
        let buckets = HeatBuckets::default();
        prop_assert!(buckets.of(heat(equity, more), None) >= buckets.of(now, None));
    }

    /// The newest entry of a symbol counts, in whatever order others stand.
    #[test]
    fn the_newest_entry_counts(old in finite(), new in finite(), sigma in 1e-6..0.1) {
        let entry = |symbol, notional_usd| HeatEntry { symbol, notional_usd, sigma_per_minute: sigma };
        let heat = |entries: &[HeatEntry<'_>]| portfolio_heat(Some(1_000.0), entries, HeatSigma::Daily);
        prop_assert_eq!(heat(&[entry("A", old), entry("A", new)]), heat(&[entry("A", new)]));
    }

    /// Neither table ever closes more than was proposed, and other words pass.
    #[test]
    fn calibration_only_reduces(word in word(), bucket in bucket(), hot_hold in any::<bool>()) {
        let matrix = if hot_hold { CalibrationMatrix::hot_hold() } else { CalibrationMatrix::calm_first() };
        let out = calibrate(word, bucket, &matrix, false);
        match CloseAction::parse(word) {
            Some(close) => prop_assert!(CloseAction::parse(&out.action).is_none_or(|o| o <= close)),
            None => prop_assert_eq!(out.action, word),
        }
    }

    #[test]
    fn scores_are_fractions(of in prop::array::uniform5(any_number()), age in any_number()) {
        let [a, b, c, d, e] = of.map(Some);
        let state = ModeratorState {
            gross_exposure_usd: a,
            dd_ewma_usd: b,
            lossburst_ewma_usd: c,
            fee_burden_ewma_usd: d,
            churn_ewma: e,
        };
        match heat_score(&state, Some(age), &ModeratorSettings::default()) {
            Ok(score) => prop_assert!((0.0..=1.0).contains(&score.score)),
            Err(_) => prop_assert!(!(0.0..=600.0).contains(&age) || of.iter().any(|x| !x.is_finite())),
        }
    }

    #[test]
    fn gate_metrics_are_fractions(book in prop::collection::vec((finite(), 0.0..1.0), 0..8), stress in prop::option::of(any_number())) {
        let book: Vec<_> = book.into_iter()
            .map(|(notional_usd, sigma_per_minute)| GatePosition { notional_usd, sigma_per_minute })
            .collect();
        if let Ok(m) = gate_metrics(&book, stress, GateSigma::Daily) {
            for share in [m.heat, m.concentration, m.corr_proxy, m.stress] {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        } else {
            prop_assert!(stress.is_some_and(|s| !s.is_finite()));
        }
    }

    /// By default the gate only reduces, permits closes only, and permits what it says.
    #[test]
    fn the_gate_only_reduces(word in word(), heat in bucket(), k in 0.0..1.0, stress in 0.0..1.0, flags in 0u8..8, stress_rule in any::<bool>()) {
        let input = GateInput {
            action: word,
            kill_score: k,
            allowed: flags & 1 > 0,
            snapshots_fresh: flags & 2 > 0,
            cooldown_active: flags & 4 > 0,
            stress,
            heat,
        };
        let rules = GateRules { stress_rule, ..GateRules::default() };
        let verdict = gate(&input, &rules).expect("finite");
        match verdict.permit {
            GatePermit::Close(close) => {
                prop_assert!(CloseAction::parse(word).is_some_and(|proposed| close <= proposed));
                prop_assert_eq!(CloseAction::parse(&verdict.final_action), Some(close));
                prop_assert!(input.allowed && input.snapshots_fresh);
                prop_assert_eq!(verdict.max_fraction(), close.fraction());
            }
            _ => prop_assert_eq!(verdict.max_fraction(), 0.0),
        }
    }

    /// Each symbol is in one cluster; weights sum to 1; the order of the input changes nothing.
    #[test]
    fn clusters_partition_the_book(seed in prop::collection::vec(prop::collection::vec(0.5..2.0, 12..40), 2..6), held in prop::collection::vec(-1e4..1e4, 6)) {
        let names = ["A", "B", "C", "D", "E", "F"];
        let book: Vec<_> = seed.iter().enumerate()
            .map(|(i, prices)| ClusterInput { symbol: names[i], prices, notional_usd: held[i] })
            .collect();
        let settings = ClusterSettings { correlation_min: 0.3, ..ClusterSettings::default() };
        let out = clusters(&book, &settings).expect("ready");
        let mut symbols: Vec<_> = out.clusters.iter().flat_map(|c| c.symbols.clone()).collect();
        symbols.sort_unstable();
        prop_assert_eq!(&symbols, &names[..book.len()]);
        prop_assert!((out.clusters.iter().map(|c| c.weight).sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&out.stress));
        prop_assert!(out.correlations.iter().all(|(_, _, c)| (-1.0..=1.0).contains(c)));
        let turned: Vec<_> = book.iter().rev().copied().collect();
        let other = clusters(&turned, &settings).expect("ready");
        let sets = |of: &[strategies::portfolio::Cluster<'_>]| {
            let mut sets: Vec<Vec<String>> = of.iter().map(|c| {
                let mut names: Vec<_> = c.symbols.iter().map(|s| (*s).to_owned()).collect();
                names.sort();
                names
            }).collect();
            sets.sort();
            sets
        };
        prop_assert_eq!(sets(&out.clusters), sets(&other.clusters));
    }

    /// More stress never raises a budget, and it keeps its bounds.
    #[test]
    fn budgets_are_bounded(equity in finite(), of in prop::array::uniform3(-1.0..2.0), more in 0.0..1.0) {
        let at = |more: f64| {
            let [heat, cluster, vol] = of;
            let input = BudgetInput {
                equity_usd: equity.abs(),
                portfolio_heat: heat + more,
                cluster_stress: cluster,
                vol_regime: vol,
            };
            budget(&input, &BudgetSettings::default()).expect("finite")
        };
        let (calm, wild) = (at(0.0), at(more));
        prop_assert!((500.0..=10_000.0).contains(&calm.budget_usd));
        prop_assert!((0.0..=1.0).contains(&calm.stress_factor));
        prop_assert!(wild.budget_usd <= calm.budget_usd);
    }

    /// A target is never above 40 % of the equity, nor below zero; a cluster never above 60 %.
    #[test]
    fn targets_are_capped(budget_usd in 0.0..1e6, equity_usd in 1.0..1e6, drawdown in 0.0..1.0, pf in any_number(), stress in prop::option::of(any_number())) {
        let Ok(multiplier) = performance_multiplier(pf, PerformanceMapping::Bounded) else { return Ok(()) };
        prop_assert!((0.5..=1.5).contains(&multiplier));
        let input = AllocationInput {
            budget_usd,
            budget_stale: false,
            equity_usd,
            drawdown,
            regime: Some(AllocationRegime { name: "TREND", confidence: 0.8 }),
            performance_multiplier: Some(multiplier),
            cluster_stress: stress,
        };
        let Ok(out) = allocation(&input) else { return Ok(()) };
        prop_assert!((0.0..=0.4 * equity_usd).contains(&out.target_usd));
        prop_assert!((0.0..=1.0).contains(&out.confidence));
        let mut targets = [out.target_usd; 3];
        cap_clusters(&mut targets, &[Some(7); 3], equity_usd).expect("finite");
        prop_assert!(targets.iter().sum::<f64>() <= 0.6 * equity_usd * (1.0 + 1e-9));
    }

    /// Alpha stays within -1 and 1, follows its trades, and smoothing stays between old and new.
    #[test]
    fn attribution_is_bounded(pnl in prop::collection::vec(finite(), 1..25), before in -1.0..1.0) {
        let out = attribution(&pnl, Some(before)).expect("finite").expect("trades");
        prop_assert!((-1.0..=1.0).contains(&out.alpha_score));
        prop_assert!((0.0..=1.0).contains(&out.confidence));
        let (low, high) = (before.min(out.alpha_score), before.max(out.alpha_score));
        prop_assert!((low - 1e-12..=high + 1e-12).contains(&out.performance_factor));
        let mut better = pnl.clone();
        better[0] += 100.0;
        let better = attribution(&better, None).expect("finite").expect("trades");
        prop_assert!(better.alpha_score >= out.alpha_score);
    }

    #[test]
    fn multipliers_are_bounded(score in any_number(), confidence in any_number(), age_sec in any_number()) {
        let of = Efficiency { score, confidence, age_sec };
        if let Ok(out) = target_multiplier(Some(of)) {
            prop_assert!((0.5..=1.5).contains(&out.multiplier));
        }
    }
}
