//! The sizing, with its numbers checked at the boundary (MSE 7.1).

use crate::numbers::{RefusedNumber, all_finite, not_negative, positive};
use crate::{Outcomes, Sizing, SizingInput, size};

/// Sizes a position, or names the number that cannot be used.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities, an equity, cap or risk that is not above zero, and negative
/// distances or exposures.
pub fn sized(input: &SizingInput, outcomes: &Outcomes) -> Result<Sizing, RefusedNumber> {
    all_finite(&[
        ("confidence", input.confidence),
        ("win_rate", outcomes.win_rate),
        ("average_win", outcomes.average_win),
        ("average_loss", outcomes.average_loss),
    ])?;
    not_negative("atr_pct", input.atr_pct)?;
    not_negative("exposure_pct", input.exposure_pct)?;
    positive("equity_usd", input.equity_usd)?;
    positive("max_leverage", input.max_leverage)?;
    positive("risk_per_trade", input.risk_per_trade)?;
    let sizing = size(input, outcomes);
    all_finite(&[
        ("position_size_usd", sizing.position_size_usd),
        ("leverage", sizing.leverage),
        ("risk_pct", sizing.risk_pct),
    ])?;
    Ok(sizing)
}

#[cfg(test)]
mod tests {
    use engine::Symbol;

    use super::*;

    const INPUT: [f64; 6] = [0.7, 0.02, 0.0, 1_000.0, 25.0, 0.02];

    fn of(input: [f64; 6]) -> Result<Sizing, RefusedNumber> {
        let [confidence, atr_pct, exposure_pct, equity_usd, max_leverage, risk_per_trade] = input;
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        let input = SizingInput {
            symbol,
            confidence,
            atr_pct,
            exposure_pct,
            equity_usd,
            max_leverage,
            risk_per_trade,
        };
        sized(&input, &Outcomes::BOOTSTRAP)
    }

    #[test]
    fn every_number_is_checked() {
        assert!(of(INPUT).is_ok());
        for at in 0..INPUT.len() {
            let mut input = INPUT;
            input[at] = f64::NAN;
            assert!(of(input).is_err(), "{at}");
        }
        let mut spent = INPUT;
        spent[2] = 3.0;
        assert_eq!(of(spent).expect("finite").position_size_usd, 0.0, "nothing is left");
    }
}
