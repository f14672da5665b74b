//! Sizes, leverage, levels.

use proptest::prelude::*;
use strategies::entry::{
    GovernedRequest, RiskGovernorLimits, SizeMeaning, govern, required_margin_usd,
};
use strategies::portfolio::{Policy, governed_size_usd};
use strategies::signal::{LevelRule, ai_sizing, entry_levels, sized};
use strategies::{Outcomes, SizingInput};

use crate::support::{all_finite, any_number, cases, price, share, symbol};

fn outcomes() -> impl Strategy<Value = Outcomes> {
    (0u64..200, share(), 0.0..0.1, 0.0..0.1).prop_map(
        |(count, win_rate, average_win, average_loss)| Outcomes {
            count,
            win_rate,
            average_win,
            average_loss,
        },
    )
}

proptest! {
    #![proptest_config(cases())]

    /// Margin between nothing and twice the risk, leverage within the cap, stop and target in theirs.
    #[test]
    fn math_sizing_is_bounded(
        symbol in symbol(), outcomes in outcomes(), confidence in share(), atr_pct in 0.0..0.5,
        exposure_pct in 0.0..2.0, equity_usd in 1.0..1e7, max_leverage in 5.0..125.0,
        risk_per_trade in 0.001..0.5,
    ) {
        let input = SizingInput {
            symbol, confidence, atr_pct, exposure_pct, equity_usd, max_leverage, risk_per_trade,
        };
        let got = sized(&input, &outcomes).expect("finite");
        let most = 2.0 * equity_usd * risk_per_trade;
        prop_assert!((0.0..=most * (1.0 + 1e-9)).contains(&got.position_size_usd));
        // A loss may halve the leverage below its usual least of five.
        prop_assert!(got.leverage > 0.0 && got.leverage <= max_leverage + 0.05);
        prop_assert!((0.025..=0.030).contains(&got.sl_percent));
        prop_assert!((0.030..=0.045).contains(&got.tp_percent));
        prop_assert!((0.0..=1.0).contains(&got.confidence) && got.risk_pct >= 0.0);
    }

    /// Whatever comes in: refused, or all numbers are some.
    #[test]
    fn math_sizing_never_hands_out_a_nan(symbol in symbol(), of in prop::array::uniform6(any_number()), outcomes in outcomes()) {
        let [confidence, atr_pct, exposure_pct, equity_usd, max_leverage, risk_per_trade] = of;
        let input = SizingInput {
            symbol, confidence, atr_pct, exposure_pct, equity_usd, max_leverage, risk_per_trade,
        };
        if let Ok(got) = sized(&input, &outcomes) {
            prop_assert!(all_finite(&of));
            prop_assert!(all_finite(&[got.position_size_usd, got.leverage, got.risk_pct, got.confidence]));
        }
    }

    /// The AI's numbers stay within theirs; more confidence never asks for less.
    #[test]
    fn ai_sizing_is_bounded(confidence in share(), more in 0.0..0.5, factor in 0.0..5.0, equity in 0.0..1e7) {
        let of = |confidence| ai_sizing(confidence, factor, equity).expect("finite");
        let (one, two) = (of(confidence), of(confidence + more));
        prop_assert!((50.0..=10_000.0).contains(&one.ai_size_usd));
        prop_assert!((5.0..=80.0).contains(&one.ai_leverage));
        prop_assert!(two.ai_size_usd >= one.ai_size_usd && two.ai_leverage >= one.ai_leverage);
    }

    /// Approved is within every limit, refused has no numbers to trade.
    #[test]
    fn governed_orders_are_within_limits(size in any_number(), leverage in any_number(), scale in 1.0..1e5, budget in prop::option::of(0.0..2e4)) {
        let request = GovernedRequest {
            size_usd: Some(size * scale), leverage: Some(leverage * 50.0), confidence: 0.5,
            risk_budget_usd: budget,
        };
        match govern(&request, &RiskGovernorLimits::default()) {
            Ok(order) if order.approved => {
                let (size, leverage) = (order.size_usd.expect("a size"), order.leverage.expect("a leverage"));
                prop_assert!((50.0..=10_000.0).contains(&size) && (5.0..=80.0).contains(&leverage));
                prop_assert!(size * leverage <= 100_000.0);
                prop_assert!(budget.is_none_or(|budget| size <= budget));
            }
            Ok(order) => prop_assert!(order.size_usd.is_none() && order.leverage.is_none()),
            Err(_) => prop_assert!(!all_finite(&[size * scale, leverage * 50.0])),
        }
    }

    /// The stop is where it loses, the target where it gains, for both sides.
    #[test]
    fn levels_are_on_their_sides(long in any::<bool>(), price in price(), stop in 0.001..0.5, target in 0.001..0.5) {
        let levels = entry_levels(long, price, stop, target, LevelRule::default()).expect("finite");
        let gains = |level: f64| if long { level > price } else { level < price };
        prop_assert!(gains(levels.take_profit) && !gains(levels.stop_loss));
    }

    /// Margin times leverage is notional, whichever of them the number was.
    #[test]
    fn margin_and_notional_agree(size in 1.0..1e6, leverage in 1.0..125.0) {
        for meaning in [SizeMeaning::Notional, SizeMeaning::Margin] {
            let (margin, notional) = meaning.margin_and_notional(size, leverage).expect("finite");
            prop_assert!((margin * leverage - notional).abs() <= 1e-9 * notional);
        }
        let required = required_margin_usd(Some(size), Some(leverage)).expect("finite");
        prop_assert!(required * leverage >= size);
    }

    /// Advice is never above the policy's share, and a bolder policy never advises less.
    #[test]
    fn advice_is_within_its_share(base in 0.0..1e6, confidence in share()) {
        let of = |policy| governed_size_usd(policy, base, confidence).expect("finite");
        let all = [Policy::Conservative, Policy::Balanced, Policy::Aggressive].map(of);
        prop_assert!(all[0] <= all[1] && all[1] <= all[2] && all[2] <= 0.35 * base + 0.005);
    }
}
