//! Portfolio governance: the risk policy that past trades allow (MSE 15.2).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, not_negative};
use crate::rounding::half_even;

/// Fewer trades than this have no score.
const SCORED_MIN: usize = 10;
/// Fewer trades than this change no policy.
const DECIDING_MIN: usize = 50;
/// Trades of a symbol above which its win rate counts.
const SYMBOL_SAMPLES: u64 = 10;
/// A symbol that wins less often is not traded.
const SYMBOL_WIN_RATE_MIN: f64 = 0.3;

/// How much risk is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Policy {
    /// Little.
    Conservative,
    /// The usual.
    Balanced,
    /// Much.
    Aggressive,
}

/// What a policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyLimits {
    /// Highest leverage.
    pub max_leverage: f64,
    /// Largest position, a share of the base size.
    pub max_position_pct: f64,
    /// Least confidence.
    pub min_confidence: f64,
    /// Most positions at once.
    pub max_positions: u32,
    /// Factor on the distance of stops.
    pub stop_loss_multiplier: f64,
}

impl Policy {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Policy::Conservative => "CONSERVATIVE",
            Policy::Balanced => "BALANCED",
            Policy::Aggressive => "AGGRESSIVE",
        }
    }

    /// The policy of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Policy> {
        let all = [Policy::Conservative, Policy::Balanced, Policy::Aggressive];
        all.into_iter().find(|policy| policy.as_str() == name)
    }

    /// The limits of the policy.
    #[must_use]
    pub fn limits(self) -> PolicyLimits {
        let of = |max_leverage, share, min_confidence, max_positions, stop| PolicyLimits {
            max_leverage,
            max_position_pct: share,
            min_confidence,
            max_positions,
            stop_loss_multiplier: stop,
        };
        match self {
            Policy::Conservative => of(10.0, 0.15, 0.75, 3, 1.5),
            Policy::Balanced => of(20.0, 0.25, 0.65, 5, 1.0),
            Policy::Aggressive => of(30.0, 0.35, 0.55, 7, 0.8),
        }
    }
}

/// A past trade as portfolio.memory has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryEvent {
    /// A fraction.
    pub pnl: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// A fraction.
    pub volatility: f64,
    /// Leverage.
    pub leverage: f64,
}

/// What the memory says; averages rounded to four places, the score to three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortfolioScore {
    /// `avg_pnl · avg_confidence · win_rate / max(avg_volatility, 0.01)`; 0 below ten trades.
    pub score: f64,
    /// Trades.
    pub samples: usize,
    /// Mean PnL.
    pub avg_pnl: f64,
    /// Mean confidence.
    pub avg_confidence: f64,
    /// Mean volatility.
    pub avg_volatility: f64,
    /// Mean leverage.
    pub avg_leverage: f64,
    /// Share of trades with a profit.
    pub win_rate: f64,
    /// Population standard deviation of the PnL.
    pub pnl_volatility: f64,
}

/// Scores the memory, at most 500 trades by its writer's trimming.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities, and for sums that become infinite.
pub fn portfolio_score(events: &[MemoryEvent]) -> Result<PortfolioScore, RefusedNumber> {
    let count = events.len();
    if count == 0 {
        return Ok(PortfolioScore::default());
    }
    let n = count as f64;
    let mean =
        |field, of: fn(&MemoryEvent) -> f64| finite(field, events.iter().map(of).sum::<f64>() / n);
    let exact_pnl = mean("pnl", |e| e.pnl)?;
    let squares: f64 = events.iter().map(|e| (e.pnl - exact_pnl) * (e.pnl - exact_pnl)).sum();
    let avg_pnl = half_even(exact_pnl, 4);
    let avg_confidence = half_even(mean("confidence", |e| e.confidence)?, 4);
    let avg_volatility = half_even(mean("volatility", |e| e.volatility)?, 4);
    let win_rate = half_even(events.iter().filter(|e| e.pnl > 0.0).count() as f64 / n, 4);
    let raw = avg_pnl * avg_confidence * win_rate / avg_volatility.max(0.01);
    Ok(PortfolioScore {
        score: if count < SCORED_MIN { 0.0 } else { finite("score", half_even(raw, 3))? },
        samples: count,
        avg_pnl,
        avg_confidence,
        avg_volatility,
        avg_leverage: half_even(mean("leverage", |e| e.leverage)?, 4),
        win_rate,
        pnl_volatility: finite("pnl_volatility", half_even((squares / n).sqrt(), 4))?,
    })
}

/// The policy that a score asks for; below 50 trades the current one stays.
#[must_use]
pub fn governed_policy(score: &PortfolioScore, current: Policy) -> Policy {
    if score.samples < DECIDING_MIN || !score.score.is_finite() {
        return current;
    }
    match score.score {
        s if s < 0.3 => Policy::Conservative,
        s if s < 0.7 => Policy::Balanced,
        _ if score.win_rate < 0.4 => Policy::Balanced,
        _ => Policy::Aggressive,
    }
}

/// Why the policy is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyReason {
    /// Neither the memory nor the regime has an opinion.
    Kept,
    /// The memory alone.
    Score,
    /// The regime alone.
    Regime,
    /// Both have an opinion, and the stricter one counts.
    StricterOfBoth,
}

impl PolicyReason {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PolicyReason::Kept => "kept",
            PolicyReason::Score => "score",
            PolicyReason::Regime => "regime",
            PolicyReason::StricterOfBoth => "stricter_of_score_and_regime",
        }
    }
}

/// The one policy of the memory (15.2) and the regime (15.1, `None` where it is not sure enough): where both
/// have an opinion, the stricter of the two.
#[must_use]
pub fn owned_policy(
    score: &PortfolioScore,
    regime: Option<Policy>,
    current: Policy,
) -> (Policy, PolicyReason) {
    let decides = score.samples >= DECIDING_MIN && score.score.is_finite();
    let by_score = decides.then(|| governed_policy(score, current));
    match (by_score, regime) {
        (None, None) => (current, PolicyReason::Kept),
        (Some(policy), None) => (policy, PolicyReason::Score),
        (None, Some(policy)) => (policy, PolicyReason::Regime),
        (Some(score), Some(regime)) => (score.min(regime), PolicyReason::StricterOfBoth),
    }
}

/// The size in USDT that a policy advises for a base size and a confidence, to the cent.
///
/// # Errors
/// [`RefusedNumber`] for a negative size or confidence, NaN and infinities.
pub fn governed_size_usd(
    policy: Policy,
    base_size_usd: f64,
    confidence: f64,
) -> Result<f64, RefusedNumber> {
    let base = not_negative("base_size_usd", base_size_usd)?;
    let confidence = not_negative("confidence", confidence)?;
    let by_confidence = base * (confidence / 0.7).min(1.5);
    finite("size", half_even(by_confidence.min(base * policy.limits().max_position_pct), 2))
}

/// A trade that governance is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeProposal {
    /// Leverage.
    pub leverage: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Past trades of the symbol.
    pub symbol_samples: u64,
    /// Share of wins of the symbol.
    pub symbol_win_rate: f64,
}

/// The answer of governance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TradeCheck {
    /// Go on.
    Allowed,
    /// More leverage than the policy allows.
    LeverageTooHigh,
    /// Less confidence than the policy wants.
    ConfidenceTooLow,
    /// The symbol has won too seldom.
    SymbolLosing,
}

/// Checks a trade against a policy; numbers that are none do not pass.
#[must_use]
pub fn trade_check(policy: Policy, trade: &TradeProposal) -> TradeCheck {
    let limits = policy.limits();
    let fits = |holds: bool, otherwise| if holds { TradeCheck::Allowed } else { otherwise };
    let checks = [
        fits(trade.leverage <= limits.max_leverage, TradeCheck::LeverageTooHigh),
        fits(trade.confidence >= limits.min_confidence, TradeCheck::ConfidenceTooLow),
        fits(
            trade.symbol_samples <= SYMBOL_SAMPLES || trade.symbol_win_rate >= SYMBOL_WIN_RATE_MIN,
            TradeCheck::SymbolLosing,
        ),
    ];
    checks.into_iter().find(|check| *check != TradeCheck::Allowed).unwrap_or(TradeCheck::Allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_trades_have_no_score_and_change_nothing() {
        let event = MemoryEvent { pnl: 0.02, confidence: 0.9, volatility: 0.01, leverage: 5.0 };
        let score = portfolio_score(&[event; 9]).expect("finite");
        assert_eq!((score.score, score.win_rate), (0.0, 1.0));
        let score = portfolio_score(&[event; 10]).expect("finite");
        assert_eq!(score.score, 1.8);
        assert_eq!(governed_policy(&score, Policy::Conservative), Policy::Conservative);
        let many = portfolio_score(&[event; 50]).expect("finite");
        assert_eq!(governed_policy(&many, Policy::Conservative), Policy::Aggressive);
        let seldom = PortfolioScore { win_rate: 0.39, ..many };
        assert_eq!(governed_policy(&seldom, Policy::Conservative), Policy::Balanced);
        assert!(portfolio_score(&[MemoryEvent { pnl: f64::NAN, ..event }]).is_err());
    }

    #[test]
    fn the_stricter_of_memory_and_regime_counts() {
        let good = PortfolioScore { score: 0.9, samples: 50, win_rate: 0.6, ..Default::default() };
        let few = PortfolioScore { samples: 49, ..good };
        let of = |score, regime| owned_policy(score, regime, Policy::Balanced);
        assert_eq!(of(&few, None), (Policy::Balanced, PolicyReason::Kept));
        assert_eq!(of(&good, None), (Policy::Aggressive, PolicyReason::Score));
        let bear = Some(Policy::Conservative);
        assert_eq!(of(&few, bear), (Policy::Conservative, PolicyReason::Regime));
        assert_eq!(of(&good, bear), (Policy::Conservative, PolicyReason::StricterOfBoth));
        let bull = Some(Policy::Aggressive);
        let bad = PortfolioScore { score: 0.1, ..good };
        assert_eq!(of(&bad, bull).0, Policy::Conservative);
        assert_eq!(Policy::of("BALANCED"), Some(Policy::Balanced));
    }

    #[test]
    fn a_trade_has_to_fit_the_policy() {
        let trade = TradeProposal {
            leverage: 20.0,
            confidence: 0.65,
            symbol_samples: 10,
            symbol_win_rate: 0.0,
        };
        assert_eq!(trade_check(Policy::Balanced, &trade), TradeCheck::Allowed);
        let check = |trade: TradeProposal| trade_check(Policy::Balanced, &trade);
        assert_eq!(check(TradeProposal { leverage: 20.5, ..trade }), TradeCheck::LeverageTooHigh);
        let unsure = TradeProposal { confidence: f64::NAN, ..trade };
        assert_eq!(check(unsure), TradeCheck::ConfidenceTooLow);
        assert_eq!(check(TradeProposal { symbol_samples: 11, ..trade }), TradeCheck::SymbolLosing);
    }

    #[test]
    fn the_smaller_of_confidence_and_share_is_advised() {
        assert_eq!(governed_size_usd(Policy::Aggressive, 100.0, 0.14), Ok(20.0));
        assert_eq!(governed_size_usd(Policy::Aggressive, 100.0, 0.9), Ok(35.0));
        assert!(governed_size_usd(Policy::Aggressive, -1.0, 0.9).is_err());
    }
}
