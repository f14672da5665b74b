//! Risk kernel, guards, exposure, exit plans, stops.

use proptest::prelude::*;
use strategies::exit_brain::{
    CrossExchange, ExitBases, ExitContext, ExitSignal, StopLevels, build_exit_plan, exit_prices,
};
use strategies::position::PositionSide;
use strategies::risk::{
    ExposureInput, ExposureLimits, GuardInput, GuardLimits, KnownEquity, RiskParams,
    assess_exposure, check_guards, risk_proposal,
};

use crate::support::{any_number, cases, market, position};

proptest! {
    #![proptest_config(cases())]

    /// A stop is never loosened; where it does not already stand beyond the price, it is left on its
    /// losing side; distances keep their least.
    #[test]
    fn a_stop_only_tightens(position in position(), market in market()) {
        let params = RiskParams::default();
        let out = risk_proposal(&position, &market, &params).expect("finite");
        let side = position.side;
        if let Some(current) = position.current_sl {
            prop_assert!(!side.tightens(out.proposed_sl, current, params.eps));
        }
        let crossed_before = position.current_sl.is_some_and(|sl| side.tightens(position.current_price, sl, 0.0));
        prop_assert!(crossed_before || !side.tightens(position.current_price, out.proposed_sl, 0.0));
        let told = out.reason_codes.contains(&strategies::risk::STOP_ALREADY_CROSSED);
        prop_assert_eq!(told, !side.tightens(out.proposed_sl, position.current_price, 0.0));
        prop_assert!(side.tightens(position.current_price, out.proposed_tp, 0.0));
        prop_assert!(out.stop_dist_pct >= 0.005 && out.trail_gap_pct >= 0.005 && out.tp_dist_pct >= 0.01);
        prop_assert!((1.0..=1.3).contains(&out.tp_extension_factor));
    }

    /// Closes always pass; an open without a sound equity never does.
    #[test]
    fn guards_let_closes_pass_and_unknown_equity_stops_opens(of in prop::array::uniform6(any_number()), losses in 0u32..6) {
        let [equity_usd, peak_usd, age_sec, daily_pnl_usd, spread, atr] = of;
        let open = GuardInput {
            reduces: false,
            active_guard: None,
            equity: Some(KnownEquity { equity_usd, peak_usd, age_sec }),
            daily_pnl_usd,
            consecutive_losses: losses,
            spread_bps: Some(spread),
            atr_pct: Some(atr),
        };
        let limits = GuardLimits::default();
        prop_assert_eq!(check_guards(&GuardInput { reduces: true, ..open }, &limits), Ok(None));
        let blind = check_guards(&GuardInput { equity: None, ..open }, &limits).expect("known");
        prop_assert!(blind.is_some());
        if check_guards(&open, &limits) == Ok(None) {
            prop_assert!(of.iter().all(|x| x.is_finite()) && losses < 3);
            prop_assert!(equity_usd > 0.0 && -daily_pnl_usd <= 0.025 * equity_usd * (1.0 + 1e-12));
        }
    }

    /// Advice comes by priority and asks for no more than what is used.
    #[test]
    fn advice_is_ordered(margins in prop::collection::vec(0.0..1e4, 0..9), total in 1.0..1e5, divergence in 0.0..0.1) {
        let names = ["A", "B", "C", "D", "E", "F", "G", "H", "I"];
        let book: Vec<_> = names.into_iter().zip(margins.iter().copied()).collect();
        let input = ExposureInput { margins_usd: &book, total_margin_usd: total, cross_divergence: divergence };
        let out = assess_exposure(&input, &ExposureLimits::default()).expect("finite");
        let used: f64 = margins.iter().sum();
        prop_assert!((out.margin_utilization - used / total).abs() < 1e-9);
        prop_assert!(out.actions.windows(2).all(|w| w[0].kind.priority() <= w[1].kind.priority()));
        prop_assert!(out.actions.iter().filter_map(|a| a.target_size_usd).all(|t| (0.0..=used * 1.000_001).contains(&t)));
    }

    /// Whatever the multipliers: the plan's distances keep their bounds and its prices their sides.
    #[test]
    fn exit_plans_are_bounded(of in prop::array::uniform8(any_number()), entry in 1e-6..1e6, long in any::<bool>(), adjusted in any::<bool>()) {
        let [confidence, atr_value, pnl_trend, margin_util, exch_divergence, funding_rate, tp_multiplier, sl_multiplier] = of;
        let adjustments = CrossExchange { tp_multiplier, sl_multiplier, use_trailing: true };
        let context = ExitContext {
            pnl_trend,
            margin_util,
            exch_divergence,
            funding_rate,
            cross_exchange_adjustments: adjusted.then_some(adjustments),
            ..ExitContext::default()
        };
        let signal = ExitSignal { confidence, atr_value };
        let Ok(plan) = build_exit_plan(&signal, &context, &ExitBases::default()) else { return Ok(()) };
        prop_assert!((0.015..=0.10).contains(&plan.take_profit_pct));
        prop_assert!((0.012..=0.05).contains(&plan.stop_loss_pct));
        prop_assert!((5.0..=80.0).contains(&plan.leverage.leverage));
        let side = if long { PositionSide::Long } else { PositionSide::Short };
        let (stop, target) = exit_prices(side, entry, &plan).expect("finite");
        prop_assert!(side.tightens(stop, entry, 0.0) && side.tightens(entry, target, 0.0));
    }

    /// However many ask: the stop comes closer or stays.
    #[test]
    fn watched_stops_only_tighten(long in any::<bool>(), asked in prop::collection::vec(any_number(), 1..50)) {
        let side = if long { PositionSide::Long } else { PositionSide::Short };
        let mut levels = StopLevels::new(side, 5.0, (None, None), "a", "p").expect("finite");
        for stop in asked {
            let before = levels.stop;
            let moved = levels.tighten(stop, "b", "q").unwrap_or(false);
            prop_assert_eq!(moved, side.tightens(before, levels.stop, 0.0));
            prop_assert!(moved || levels.stop == before);
        }
    }
}
