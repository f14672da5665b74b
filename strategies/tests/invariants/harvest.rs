//! Harvest kernel, tranches, ladder.

use engine::Nanos;
use proptest::prelude::*;
use rust_decimal::Decimal;
use strategies::close_action::CloseAction;
use strategies::harvest::{
    ClosingInput, Rung, Theta, TrancheLedger, closing_quantity, dynamic_ladder, harvest_proposal,
    kill_score, tranche_weights,
};
use strategies::position::{MarketView, Position, PositionSide};

use crate::support::{any_number, cases, finite, market, position};

proptest! {
    #![proptest_config(cases())]

    /// The range that EHR 3.3 names, and the components' own.
    #[test]
    fn kill_score_is_within_its_range(market in market(), age in 0.0..1e7) {
        let kill = kill_score(&market, age, &Theta::default()).expect("finite");
        prop_assert!((0.5..=0.92758).contains(&kill.score));
        let parts = kill.components;
        prop_assert!(parts.regime_flip == 0.0 || parts.regime_flip == 1.0);
        prop_assert!((0.0..=2.0).contains(&parts.sigma_spike));
        prop_assert!((0.0..=0.5).contains(&parts.ts_drop));
        prop_assert!((0.0..=1.0).contains(&parts.age_penalty));
    }

    /// More volatility, more age or less trend never makes leaving less urgent.
    #[test]
    fn kill_score_follows_its_inputs(market in market(), age in 0.0..2e5, more in 0.0..1.0) {
        let score = |market: &MarketView, age| kill_score(market, age, &Theta::default()).expect("finite").score;
        let now = score(&market, age);
        let wilder = MarketView { sigma: market.sigma + more, ..market };
        let weaker = MarketView { ts: market.ts - more, ..market };
        prop_assert!(score(&wilder, age) >= now);
        prop_assert!(score(&weaker, age) >= now);
        prop_assert!(score(&market, age + 1e5 * more) >= now);
    }

    /// Age alone never closes all; a regime flip alone always does.
    #[test]
    fn age_alone_never_kills_and_a_flip_always_does(age in 0.0..1e9, p in 0.0..0.29) {
        let calm = MarketView { sigma: 0.005, ts: 0.4, p_trend: 0.6, p_mr: 0.2, p_chop: 0.2 };
        let flipped = MarketView { p_trend: p, p_mr: 0.3, p_chop: 0.7 - p, ..calm };
        let theta = Theta::default();
        prop_assert!(kill_score(&calm, age, &theta).expect("finite").score < theta.kill_threshold);
        prop_assert!(kill_score(&flipped, 0.0, &theta).expect("finite").score >= theta.kill_threshold);
    }

    /// A proposed stop only tightens; a full close is proposed exactly from the threshold on; nothing
    /// that comes out is NaN.
    #[test]
    fn proposals_tighten(position in position(), market in market(), stop in finite()) {
        let theta = Theta::default();
        let Ok(out) = harvest_proposal(&position, &market, Some(stop), &theta) else { return Ok(()) };
        if let (Some(new), Some(old)) = (out.new_sl, position.current_sl) {
            prop_assert!(position.side.tightens(old, new, 0.0));
        }
        prop_assert_eq!(out.action == Some(CloseAction::FullClose), out.kill_score >= theta.kill_threshold);
        prop_assert!(out.r_net.is_finite() && out.risk_unit > 0.0);
    }

    /// More profit never proposes a smaller tranche.
    #[test]
    fn tranches_grow_with_profit(position in position(), more in 0.0..1e3) {
        let calm = MarketView { sigma: 0.005, ts: 0.4, p_trend: 0.6, p_mr: 0.2, p_chop: 0.2 };
        let at = |pnl| {
            let position = Position { unrealized_pnl_per_unit: pnl, ..position };
            harvest_proposal(&position, &calm, None, &Theta::default()).map(|p| p.action)
        };
        let pnl = position.unrealized_pnl_per_unit;
        prop_assert!(at(pnl + more)? >= at(pnl)?);
    }

    /// NaN and infinities never pass.
    #[test]
    fn numbers_that_are_none_are_refused(of in prop::array::uniform4(any_number())) {
        let [sigma, ts, entry_price, stop] = of;
        let market = MarketView { sigma, ts, p_trend: 0.4, p_mr: 0.3, p_chop: 0.3 };
        let position = Position {
            side: PositionSide::Long,
            entry_price,
            current_price: 100.0,
            peak_price: 100.0,
            trough_price: 100.0,
            age_sec: 0.0,
            unrealized_pnl_per_unit: 0.0,
            current_sl: None,
            current_tp: None,
        };
        let out = harvest_proposal(&position, &market, Some(stop), &Theta::default());
        if of.iter().any(|x| !x.is_finite()) {
            prop_assert!(out.is_err());
        }
    }

    #[test]
    fn tranche_weights_are_shares(u in prop::array::uniform3(-100.0..100.0), softmax_temp in 0.01..10.0) {
        let theta = Theta { u1: u[0], u2: u[1], u3: u[2], softmax_temp, ..Theta::default() };
        let weights = tranche_weights(&theta).expect("finite");
        prop_assert!(weights.iter().all(|w| (0.0..=1.0).contains(w)));
        prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ladder_fractions_are_bounded(entry in 1e-6..1e6, risk in finite(), fraction in 0.001..1.0) {
        let out = dynamic_ladder(entry, risk, &[Rung { r: 1.0, fraction }]).expect("finite");
        prop_assert!((0.1..=0.5).contains(&out.rungs[0].fraction));
    }

    /// What is closed is of the step or everything, above zero, and never more than there is; a larger
    /// action closes no less.
    #[test]
    fn a_close_never_exceeds_what_remains(remaining in 1u32..10_000, opening in 1u32..10_000, step in 1u32..50) {
        let milli = |n: u32| Decimal::new(i64::from(n), 3);
        let input = ClosingInput {
            remaining_qty: milli(remaining),
            opening_qty: milli(opening),
            step_qty: milli(step),
            mark_price: Decimal::from(30),
            min_notional_usd: Decimal::from(5),
        };
        let mut last = Decimal::ZERO;
        for action in CloseAction::ALL {
            let qty = closing_quantity(action, &input);
            prop_assert!(qty > Decimal::ZERO && qty <= input.remaining_qty);
            prop_assert!(qty == input.remaining_qty || (qty % input.step_qty).is_zero());
            if last != input.remaining_qty {
                prop_assert!(qty >= last);
            }
            last = qty;
        }
        prop_assert_eq!(last, input.remaining_qty);
    }

    /// However proposals come: each rung at most once a position.
    #[test]
    fn a_rung_fires_at_most_once(steps in prop::collection::vec((0usize..4, 0i64..400), 1..60)) {
        let mut ledger = TrancheLedger::new("p1");
        let (mut now, mut fired) = (Nanos::from_secs(0), [0; 4]);
        for (which, wait) in steps {
            now += Nanos::from_secs(wait);
            let action = CloseAction::ALL[which];
            if ledger.may_fire(action, CloseAction::Partial25, now).is_ok() {
                ledger.fired(action, CloseAction::Partial25, now);
                fired[which] += 1;
            }
        }
        prop_assert!(fired[..3].iter().all(|n| *n <= 1));
        prop_assert!(fired[3] <= 1 + now.millis() / 300_000);
    }
}
