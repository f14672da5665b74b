//! What is learned stays finite and within bounds.

use proptest::prelude::*;
use strategies::learning::{
    LeverageFloor, OutcomeHistory, SizeLimits, SizeTable, SizeView, SizingTrade, sizing_reward,
    updated_q,
};
use strategies::portfolio::{
    AttributionReading, CapitalTarget, EfficiencyInput, MemoryEvent, PnlAverages,
    capital_efficiency, portfolio_score,
};
use strategies::universe::{CandidateStats, candidate_score, guard_churn, select_diverse};

use crate::support::{all_finite, any_number, cases, share};

proptest! {
    #![proptest_config(cases())]

    /// A value moves toward its reward and never past it.
    #[test]
    fn values_move_toward_rewards(q in -5.0..5.0, pnl_pct in -1.0..1.0, hours in 0.0..500.0, drawdown in -0.5..0.5) {
        let trade = SizingTrade { pnl_pct, hours, max_drawdown_pct: drawdown };
        let reward = sizing_reward(&trade).expect("finite");
        let next = updated_q(q, reward).expect("finite");
        prop_assert!(next >= q.min(reward) - 1e-12 && next <= q.max(reward) + 1e-12);
        prop_assert!(reward <= pnl_pct + 0.1);
    }

    /// Whatever was learned, and whatever chance says: sizes within limits; the same again repeats.
    #[test]
    fn table_sizes_are_within_limits(
        views in prop::collection::vec(prop::array::uniform6(any_number()), 1..20),
        rewards in prop::collection::vec(any_number(), 20),
        draws in prop::array::uniform2(0.0..1.0), cap in 1.0..50.0,
    ) {
        let mut table = SizeTable::default();
        let limits = SizeLimits { leverage_max: cap, leverage_floor: LeverageFloor::One };
        for (view, reward) in views.into_iter().zip(rewards) {
            let [atr_pct, adx, trend, confidence, exposure_pct, win_rate] = view;
            let view = SizeView { atr_pct, adx, trend, confidence, exposure_pct, win_rate };
            let Ok(state) = view.state() else { continue };
            let choice = table.choose(state, draws[0], draws[1]);
            prop_assert_eq!(table.choose(state, draws[0], draws[1]), choice);
            let sizing = choice.sizing(&limits);
            prop_assert!((10.0..=8_000.0).contains(&sizing.size_usd));
            prop_assert!((1.0..=cap.min(5.0)).contains(&sizing.leverage));
            if let strategies::learning::Choice::Action(action) = choice {
                prop_assert_eq!(table.learn(state, action, reward).is_ok(), table.value(state, action).is_finite() && reward.is_finite());
                prop_assert!(table.value(state, action).is_finite());
            }
        }
    }

    /// The outcomes that the sizing takes are shares and means.
    #[test]
    fn outcomes_are_usable(trades in prop::collection::vec(any_number(), 0..50)) {
        let mut history = OutcomeHistory::default();
        for pnl in &trades {
            prop_assert_eq!(history.push(*pnl).is_ok(), pnl.is_finite());
        }
        let got = history.outcomes();
        prop_assert!((0.0..=1.0).contains(&got.win_rate));
        prop_assert!(got.average_win >= 0.0 && got.average_loss >= 0.0);
        prop_assert!(all_finite(&[got.average_win, got.average_loss]));
    }

    /// Efficiency is a share, the weight within ±1, and more of loss or silence never helps.
    #[test]
    fn efficiency_is_bounded(
        factor in share(), confidences in prop::array::uniform2(share()), target in 0.0..1e4,
        averages in prop::array::uniform2(0.0..1e3), before in share(), silence in 0.0..1e4, more in 0.0..1e3,
    ) {
        let of = |dd_ewma, silence| {
            capital_efficiency(&EfficiencyInput {
                attribution: Some(AttributionReading { performance_factor: factor, confidence: confidences[0], age_s: 0.0 }),
                factor_last: None,
                target: Some(CapitalTarget { target_usd: target, confidence: confidences[1], age_s: 0.0 }),
                target_last_usd: None,
                pnl: PnlAverages { vol_ewma: averages[0], dd_ewma },
                efficiency_before: before,
                silence_s: Some(silence),
            })
            .expect("finite")
        };
        let one = of(averages[1], silence);
        prop_assert!((0.0..=1.0).contains(&one.efficiency_score) && (0.0..=1.0).contains(&one.efficiency_ewma));
        prop_assert!((-1.0..=1.0).contains(&one.reallocation_weight) && (0.0..=1.0).contains(&one.confidence));
        prop_assert!(of(averages[1] + more, silence).efficiency_score <= one.efficiency_score);
        prop_assert!(of(averages[1], silence + more).efficiency_score <= one.efficiency_score);
    }

    /// A memory has shares for rates, or is refused for a number that is none.
    #[test]
    fn memories_are_scored_or_refused(events in prop::collection::vec(prop::array::uniform4(any_number()), 0..30)) {
        let memory: Vec<MemoryEvent> = events
            .iter()
            .map(|[pnl, confidence, volatility, leverage]| MemoryEvent {
                pnl: *pnl, confidence: *confidence, volatility: *volatility, leverage: *leverage,
            })
            .collect();
        if let Ok(score) = portfolio_score(&memory) {
            prop_assert!(events.iter().all(|event| all_finite(event)));
            prop_assert!((0.0..=1.0).contains(&score.win_rate));
            prop_assert!(all_finite(&[score.score, score.avg_pnl, score.pnl_volatility]));
        }
    }

    /// A universe has no symbol twice, none that nobody scored, and changes by three at most.
    #[test]
    fn universes_change_slowly(scores in prop::collection::vec(any_number(), 1..16), count in 1usize..10) {
        let symbols: Vec<engine::Symbol> = (0..scores.len())
            .map(|i| engine::Symbol::new(&format!("S{i}USDT")).expect("a symbol"))
            .collect();
        let scored: Vec<_> = symbols.iter().copied().zip(scores.iter().copied()).collect();
        let picked = select_diverse(&scored, count, |_, _| f64::NAN);
        prop_assert_eq!(picked.len(), count.min(scores.iter().filter(|s| s.is_finite()).count()));
        let score = |s: engine::Symbol| scored.iter().find(|(symbol, _)| *symbol == s).map(|(_, score)| *score);
        let held = &symbols[..symbols.len().min(count)];
        let next = guard_churn(held, &picked, score);
        let mut unlike = next.clone();
        unlike.sort();
        unlike.dedup();
        prop_assert_eq!((unlike.len(), next.len()), (held.len(), held.len()));
        prop_assert!(next.iter().filter(|symbol| !held.contains(symbol)).count() <= 3);
    }

    /// A wider spread or fewer trades against a symbol never raise its score.
    #[test]
    fn a_wider_spread_never_helps(vol in 0.0..5.0, spread in 0.0..30.0, more in 0.0..30.0) {
        let of = |spread_bps| {
            candidate_score(&CandidateStats {
                vol15_pct: vol, trend1h_pct: 1.0, mom15_pct: 1.0, mom1h_pct: 1.0, liquidity_rank: 0.5,
                spread_bps, age_factor: 1.0, performance_factor: 1.0,
            })
            .expect("finite")
        };
        prop_assert!(of(spread + more) <= of(spread));
    }
}
