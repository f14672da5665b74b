//! Confidences stay confidences.

use proptest::prelude::*;
use strategies::calibration::{WinRateRecord, calibrate_by_accuracy, calibrate_by_win_rate};
use strategies::entry::fallback_signal;
use strategies::learning::{MultiplierState, size_multiplier};
use strategies::signal::{kelly_fraction, managed_confidence, risk_mode_score};
use strategies::{Action, ConsensusWeights, Prediction, Voting, updated_weight, vote};

use crate::support::{all_finite, any_number, cases, share};

fn prediction() -> impl Strategy<Value = (f64, Prediction)> {
    let action = prop_oneof![Just(Action::Buy), Just(Action::Sell), Just(Action::Hold)];
    let voting = prop_oneof![3 => Just(Voting::Active), 1 => Just(Voting::ShadowMode)];
    (share(), action, share(), voting).prop_map(|(weight, action, confidence, voting)| {
        (weight, Prediction { action, confidence, voting })
    })
}

proptest! {
    #![proptest_config(cases())]

    /// Votes add up to the voters' weights; the winner has the most; the confidence is at most 0.95.
    #[test]
    fn votes_add_up(models in prop::collection::vec(prediction(), 0..6)) {
        let result = vote(&models, &ConsensusWeights::default());
        let voting: f64 = models.iter().filter(|(_, p)| p.voting == Voting::Active).map(|(w, _)| w).sum();
        prop_assert!((result.votes.iter().sum::<f64>() - voting).abs() < 1e-9);
        prop_assert!((0.0..=0.95).contains(&result.confidence));
        let place = match result.action { Action::Buy => 0, Action::Sell => 1, Action::Hold => 2 };
        prop_assert!(result.votes.iter().all(|votes| *votes <= result.votes[place]));
        prop_assert!(result.consensus_count <= models.len());
    }

    /// A learned weight stays within its bounds, whatever the profit.
    #[test]
    fn consensus_weights_are_bounded(pnl in -10.0..10.0, weight in 0.5..1.5) {
        let learned = updated_weight(weight, pnl);
        prop_assert!((0.5..=1.5).contains(&learned));
        prop_assert!(pnl <= 0.0 || learned >= weight);
        prop_assert!(pnl > 0.0 || learned <= weight);
    }

    /// Calibrated: within bounds, or the raw one; a better past never lowers it.
    #[test]
    fn calibration_is_bounded_and_follows_the_past(
        raw in share(), accuracy in share(), more in 0.0..0.5, samples in 0u64..60,
    ) {
        let one = calibrate_by_accuracy(raw, accuracy, samples).expect("finite");
        let two = calibrate_by_accuracy(raw, accuracy + more, samples).expect("finite");
        prop_assert!(one.calibrated == raw || (0.1..=0.95).contains(&one.calibrated));
        prop_assert!((0.5..=1.5).contains(&one.factor) && two.calibrated >= one.calibrated);
        let record = |ema_winrate: f64| WinRateRecord {
            trades: samples, ema_winrate: ema_winrate.min(1.0), ..WinRateRecord::default()
        };
        let of = |ema| calibrate_by_win_rate(raw, Some(&record(ema))).expect("finite").calibrated;
        prop_assert!(of(accuracy) == raw || (0.35..=0.90).contains(&of(accuracy)));
        prop_assert!(of(accuracy + more) >= of(accuracy));
    }

    /// A record stays a record: wins and losses are the trades, the rate a share.
    #[test]
    fn win_rates_are_shares(trades in prop::collection::vec(any_number(), 0..200)) {
        let record = trades.iter().fold(WinRateRecord::default(), |record, pnl| record.after(*pnl));
        prop_assert!((0.0..=1.0).contains(&record.ema_winrate));
        prop_assert_eq!(record.wins + record.losses, record.trades);
    }

    /// Whatever comes in: refused, or within bounds.
    #[test]
    fn scores_are_bounded(of in prop::array::uniform4(any_number())) {
        let [a, b, c, d] = of;
        let within = |result: Result<f64, _>, low: f64, high: f64, inputs: &[f64]| match result {
            Ok(value) => (low..=high).contains(&value),
            Err::<_, strategies::numbers::RefusedNumber>(_) => {
                !all_finite(inputs) || inputs.iter().any(|x| x.abs() > 1e100)
            }
        };
        prop_assert!(within(kelly_fraction(a), 0.0, 0.10, &[a]));
        prop_assert!(within(risk_mode_score(a, b, c), 0.0, 1.0, &[a, b, c]));
        prop_assert!(within(managed_confidence(a, &[b, c]), 0.30, 0.95, &[a, b, c]));
        let state = MultiplierState {
            confidence: a, volatility: b, pnl_trend: c, exch_divergence: d, ..MultiplierState::default()
        };
        prop_assert!(within(size_multiplier(&state), 0.5, 1.5, &of));
    }

    /// Momentum mirrors: the opposite change is the opposite trade of the same confidence.
    #[test]
    fn momentum_mirrors(change in -60.0..60.0, price in 0.01..1e5) {
        let (one, two) = (fallback_signal(change, price), fallback_signal(-change, price));
        let (one, two) = (one.expect("finite"), two.expect("finite"));
        prop_assert_eq!(one.confidence, two.confidence);
        prop_assert!(one.confidence <= 0.80 && one.volatility_factor >= 1.0);
        prop_assert_eq!(one.side == Action::Hold, two.side == Action::Hold);
        prop_assert!(one.side == Action::Hold || one.side != two.side);
    }
}
