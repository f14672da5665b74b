//! Leverage and the levels that follow it.

use proptest::prelude::*;
use strategies::leverage::{
    AdaptiveLevelsInput, LeverageInput, adaptive_levels, intelligent_leverage,
};

use crate::support::{any_number, cases, finite};

fn input(of: [f64; 7]) -> LeverageInput {
    let [
        confidence,
        volatility,
        pnl_trend,
        symbol_risk,
        margin_util,
        exch_divergence,
        funding_rate,
    ] = of;
    LeverageInput {
        confidence,
        volatility,
        pnl_trend,
        symbol_risk,
        margin_util,
        exch_divergence,
        funding_rate,
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Whatever comes in: refused, or between 5 and 80.
    #[test]
    fn leverage_is_bounded(of in prop::array::uniform7(any_number())) {
        match intelligent_leverage(&input(of)) {
            Ok(out) => {
                prop_assert!(of.iter().all(|x| x.is_finite()));
                prop_assert!((5.0..=80.0).contains(&out.leverage));
            }
            Err(_) => prop_assert!(of.iter().any(|x| !x.is_finite())),
        }
    }

    /// More confidence never lowers it; more of volatility, symbol risk, margin in use or divergence
    /// never raises it.
    #[test]
    fn leverage_follows_its_inputs(of in prop::array::uniform7(finite()), more in 0.0..3.0) {
        let at = |which: usize, by: f64| {
            let mut of = of;
            of[which] += by;
            intelligent_leverage(&input(of)).expect("finite").leverage
        };
        for rises in [0, 2] {
            prop_assert!(at(rises, more) >= at(rises, 0.0));
        }
        for falls in [1, 3, 4, 5] {
            prop_assert!(at(falls, more) <= at(falls, 0.0));
        }
    }

    /// Distances stay within their bounds, and what leaves sums up to all of the position.
    #[test]
    fn levels_are_bounded(of in prop::array::uniform6(any_number())) {
        let [base_tp_pct, base_sl_pct, leverage, volatility_factor, funding_delta, exchange_divergence] = of;
        let input = AdaptiveLevelsInput {
            base_tp_pct, base_sl_pct, leverage, volatility_factor, funding_delta, exchange_divergence,
        };
        if let Ok(levels) = adaptive_levels(&input) {
            prop_assert!((0.0015..=0.02).contains(&levels.sl_pct));
            prop_assert!(levels.lsf > 0.0 && levels.lsf < 0.6);
            for tp in [levels.tp1_pct, levels.tp2_pct, levels.tp3_pct] {
                prop_assert!(tp >= 0.003 && tp.is_finite());
            }
            let all: f64 = levels.harvest_scheme.iter().sum();
            prop_assert!((all - 1.0).abs() < 1e-12);
        }
    }

    /// The targets lie in their order, and higher leverage takes the first one sooner and the stop wider.
    #[test]
    fn levels_are_ordered(leverage in 1.0..125.0, more in 0.0..50.0, funding in -0.05..0.05) {
        let at = |leverage| {
            adaptive_levels(&AdaptiveLevelsInput {
                base_tp_pct: 0.025,
                base_sl_pct: 0.006,
                leverage,
                volatility_factor: 0.0,
                funding_delta: funding,
                exchange_divergence: 0.0,
            })
            .expect("finite")
        };
        let (low, high) = (at(leverage), at(leverage + more));
        prop_assert!(low.tp1_pct <= low.tp2_pct && low.tp2_pct <= low.tp3_pct);
        prop_assert!(high.tp1_pct <= low.tp1_pct && high.sl_pct >= low.sl_pct);
    }
}
