//! Venues, regimes, drift.

use proptest::prelude::*;
use strategies::market::{MergeRule, VenueCloses, merge, venue_spread};
use strategies::regime::{
    Health, ModeInputs, ModeThresholds, OperatingMode, classify_regime, detect_regime,
    recommended_mode,
};
use strategies::signal::{kolmogorov_smirnov, population_stability};

use crate::support::{all_finite, any_number, cases, price};

fn mode() -> impl Strategy<Value = OperatingMode> {
    prop_oneof![
        Just(OperatingMode::Growth),
        Just(OperatingMode::Expansion),
        Just(OperatingMode::Defensive),
        Just(OperatingMode::CapitalPreservation),
        Just(OperatingMode::BlackSwan),
    ]
}

proptest! {
    #![proptest_config(cases())]

    /// The common price lies among the venues', and nothing comes of what is no price.
    #[test]
    fn a_merged_price_lies_among_its_venues(closes in prop::array::uniform3(prop::option::of(any_number()))) {
        let [binance, bybit, coinbase] = closes;
        let given: Vec<f64> = closes.into_iter().flatten().collect();
        match merge(&VenueCloses { binance, bybit, coinbase }, MergeRule::default()) {
            Ok(None) => prop_assert!(given.is_empty()),
            Ok(Some(merged)) => {
                prop_assert!(given.iter().all(|close| *close > 0.0 && close.is_finite()));
                let low = given.iter().copied().fold(f64::INFINITY, f64::min);
                let high = given.iter().copied().fold(0.0, f64::max);
                let slack = high * 1e-12;
                prop_assert!(merged.avg_price >= low - slack && merged.avg_price <= high + slack);
                prop_assert!(merged.price_divergence >= 0.0);
                prop_assert!(all_finite(&[merged.volatility_factor, merged.lead_lag]));
            }
            Err(_) => {
                let huge = given.iter().any(|close| *close > 1e100);
                prop_assert!(huge || given.iter().any(|close| !close.is_finite() || *close <= 0.0));
            }
        }
    }

    /// A spread knows no order of the venues and is not negative.
    #[test]
    fn a_spread_is_symmetric(a in price(), b in price()) {
        let there = venue_spread(&[a, b]).expect("prices").expect("two");
        let back = venue_spread(&[b, a]).expect("prices").expect("two");
        prop_assert_eq!(there, back);
        prop_assert!(there.spread_pct >= 0.0);
    }

    /// Every volatility and trend has one regime, with a confidence.
    #[test]
    fn every_market_has_a_regime(volatility in any_number(), trend in any_number()) {
        match classify_regime(volatility, trend) {
            Ok(verdict) => prop_assert!((0.0..=0.95).contains(&verdict.confidence)),
            Err(_) => prop_assert!(!all_finite(&[volatility, trend])),
        }
    }

    /// The unit of the price does not matter.
    #[test]
    fn a_regime_knows_no_unit(
        closes in prop::collection::vec(90.0..110.0, 50..80),
        power in -3i8..4,
    ) {
        // A power of two scales doubles exactly.
        let unit = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0][(power + 3) as usize];
        let scaled: Vec<f64> = closes.iter().map(|close| close * unit).collect();
        let (one, two) = (detect_regime(&closes).expect("prices"), detect_regime(&scaled).expect("prices"));
        prop_assert_eq!(one.regime, two.regime);
        prop_assert_eq!(one.volatility.to_bits(), two.volatility.to_bits());
    }

    /// More drawdown never makes the fund bolder.
    #[test]
    fn drawdown_never_makes_bolder(
        current in mode(), drawdown in 0.0..0.2, more in 0.0..0.2,
        risk_score in 0.0..100.0, win_rate in 0.0..1.0,
    ) {
        let of = |drawdown| {
            let health = Health::Healthy;
            let inputs = ModeInputs { current, drawdown, risk_score, win_rate, health };
            recommended_mode(&inputs, &ModeThresholds::default()).expect("finite")
        };
        let (calm, hurt) = (of(drawdown).limits(), of(drawdown + more).limits());
        // A mode that is only kept (nothing calls for another) may be more careful than what is called for.
        if of(drawdown) != current {
            prop_assert!(hurt.leverage_max <= calm.leverage_max);
        }
    }

    /// Stability and distance are not negative, and nothing drifts against itself.
    #[test]
    fn nothing_drifts_against_itself(
        one in prop::collection::vec(any_number(), 0..80),
        two in prop::collection::vec(any_number(), 0..80),
    ) {
        let usable = all_finite(&one) && all_finite(&two);
        match (population_stability(&one, &two), kolmogorov_smirnov(&one, &two)) {
            (Ok(psi), Ok(test)) => {
                prop_assert!(usable);
                prop_assert!(psi.is_none_or(|psi| psi >= 0.0 && psi.is_finite()));
                if let Some(test) = test {
                    prop_assert!((0.0..=1.0).contains(&test.distance));
                    prop_assert!((0.0..=1.0).contains(&test.p_value));
                }
                let same = population_stability(&one, &one).expect("finite");
                prop_assert!(same.is_none_or(|psi| psi == 0.0));
            }
            (Err(_), Err(_)) => prop_assert!(!usable),
            _ => prop_assert!(false, "both refuse, or none"),
        }
    }
}
