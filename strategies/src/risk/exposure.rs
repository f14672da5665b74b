//! The exposure balancer (EHR 3.31): advice on margin and diversification; nothing trades on it.

use engine::Nanos;
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// What is advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureKind {
    /// Too much of the margin is in use.
    ReduceMargin,
    /// A symbol uses too much of it.
    Reduce,
    /// Too few symbols.
    Expand,
    /// Venues are too far apart.
    Hedge,
    /// A symbol uses much more than its equal share.
    Rebalance,
}

impl ExposureKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            ExposureKind::ReduceMargin => "reduce_margin",
            ExposureKind::Reduce => "reduce",
            ExposureKind::Expand => "expand",
            ExposureKind::Hedge => "hedge",
            ExposureKind::Rebalance => "rebalance",
        }
    }

    /// 1 is the most urgent.
    pub const fn priority(self) -> u8 {
        match self {
            ExposureKind::ReduceMargin => 1,
            ExposureKind::Reduce | ExposureKind::Expand | ExposureKind::Hedge => 2,
            ExposureKind::Rebalance => 3,
        }
    }

    /// The alert that goes with it.
    #[must_use]
    pub const fn alert(self) -> Option<&'static str> {
        match self {
            ExposureKind::ReduceMargin => Some("margin_overload"),
            ExposureKind::Hedge => Some("high_divergence"),
            _ => None,
        }
    }
}

/// Against what a symbol's margin is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// The margin in use. With six equal positions or fewer every one is then too large.
    #[default]
    UsedMargin,
    /// All margin there is.
    TotalMargin,
}

/// The limits. Shares are fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExposureLimits {
    /// Of all margin.
    pub utilization_max: f64,
    /// Of one symbol.
    pub symbol_share_max: f64,
    /// Against what.
    pub symbol_share_of: ShareOf,
    /// Fewer are too few, unless there are none.
    pub symbols_min: usize,
    /// Between the venues.
    pub divergence_max: f64,
    /// Times the equal share.
    pub rebalance_from: f64,
}

impl Default for ExposureLimits {
    fn default() -> ExposureLimits {
        ExposureLimits {
            utilization_max: 0.85,
            symbol_share_max: 0.15,
            symbol_share_of: ShareOf::UsedMargin,
            symbols_min: 5,
            divergence_max: 0.03,
            rebalance_from: 1.5,
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExposureInput<'a> {
    /// Margin in USDT by symbol, in a fixed order: advice comes in it.
    pub margins_usd: &'a [(&'a str, f64)],
    /// In USDT, above zero.
    pub total_margin_usd: f64,
    /// Between the venues, a fraction.
    pub cross_divergence: f64,
}

/// One piece of advice.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureAction<'a> {
    /// What.
    pub kind: ExposureKind,
    /// Whose; `None` is the whole book.
    pub symbol: Option<&'a str>,
    /// Margin that the symbol should have, in USDT.
    pub target_size_usd: Option<f64>,
}

/// The state of the book, and the advice, the most urgent first.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure<'a> {
    /// Used over total margin.
    pub margin_utilization: f64,
    /// By priority; equals in the order of the rules, then of the symbols.
    pub actions: Vec<ExposureAction<'a>>,
}

/// Looks at the book.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and a total that is not above zero.
pub fn assess_exposure<'a>(
    input: &ExposureInput<'a>,
    limits: &ExposureLimits,
) -> Result<Exposure<'a>, RefusedNumber> {
    let total = positive("total_margin_usd", input.total_margin_usd)?;
    finite("cross_divergence", input.cross_divergence)?;
    let mut used = 0.0;
    for (_, margin) in input.margins_usd {
        used += finite("margin_usd", *margin)?.abs();
    }
    finite("used margin", used)?;
    let held = input.margins_usd.iter().filter(|(_, margin)| *margin != 0.0);
    let held: Vec<(&str, f64)> = held.map(|(symbol, margin)| (*symbol, margin.abs())).collect();
    let measure = match limits.symbol_share_of {
        ShareOf::UsedMargin => used,
        ShareOf::TotalMargin => total,
    };
    let whole = |kind| ExposureAction { kind, symbol: None, target_size_usd: None };
    let mut actions = Vec::new();
    if used / total > limits.utilization_max {
        actions.push(whole(ExposureKind::ReduceMargin));
    }
    let allowed = limits.symbol_share_max * measure;
    actions.extend(above(&held, limits.symbol_share_max, measure, ExposureKind::Reduce, allowed));
    if !held.is_empty() && held.len() < limits.symbols_min {
        actions.push(whole(ExposureKind::Expand));
    }
    if input.cross_divergence > limits.divergence_max {
        actions.push(whole(ExposureKind::Hedge));
    }
    let equal = 1.0 / held.len().max(1) as f64;
    let most = limits.rebalance_from * equal;
    actions.extend(above(&held, most, used, ExposureKind::Rebalance, used * equal));
    Ok(Exposure { margin_utilization: used / total, actions })
}

/// Advice for every symbol whose share of `measure` is above `most`.
fn above<'a>(
    held: &[(&'a str, f64)],
    most: f64,
    measure: f64,
    kind: ExposureKind,
    target: f64,
) -> Vec<ExposureAction<'a>> {
    let large = held.iter().filter(|(_, margin)| margin / measure > most);
    let advice = large.map(|(symbol, _)| ExposureAction {
        kind,
        symbol: Some(*symbol),
        target_size_usd: Some(target),
    });
    advice.collect()
}

/// Whether advice of that urgency may be given again: urgent advice always, other advice every 10 s or
/// every 30 s.
#[must_use]
pub fn action_due(kind: ExposureKind, last: Option<Nanos>, now: Nanos) -> bool {
    let pause = match kind.priority() {
        1 => Nanos::from_secs(0),
        2 => Nanos::from_secs(10),
        _ => Nanos::from_secs(30),
    };
    last.is_none_or(|at| now - at >= pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(margins: &[f64], total: f64, limits: &ExposureLimits) -> Vec<String> {
        let names = ["A", "B", "C", "D", "E", "F"];
        let book: Vec<_> = names.into_iter().zip(margins.iter().copied()).collect();
        let input =
            ExposureInput { margins_usd: &book, total_margin_usd: total, cross_divergence: 0.03 };
        let out = assess_exposure(&input, limits).expect("finite");
        let text = |action: &ExposureAction<'_>| match (action.symbol, action.target_size_usd) {
            (Some(symbol), Some(target)) => format!("{} {symbol} {target}", action.kind.as_str()),
            _ => action.kind.as_str().to_owned(),
        };
        out.actions.iter().map(text).collect()
    }

    #[test]
    fn advice_begins_beyond_the_limits() {
        let of_total =
            ExposureLimits { symbol_share_of: ShareOf::TotalMargin, ..ExposureLimits::default() };
        assert_eq!(advice(&[15.0; 5], 100.0, &of_total), Vec::<String>::new(), "on every limit");
        assert_eq!(advice(&[15.0; 4], 100.0, &of_total), ["expand"]);
        assert_eq!(advice(&[], 100.0, &of_total), Vec::<String>::new(), "an empty book is no risk");
        let large = advice(&[16.0, 8.0, 8.0, 4.0, 4.0], 100.0, &of_total);
        assert_eq!(large, ["reduce A 15", "rebalance A 8"]);
        let full = advice(&[15.0, 15.0, 15.0, 15.0, 15.0, 10.1], 100.0, &of_total);
        assert_eq!(full, ["reduce_margin"]);
        let used = advice(&[10.0; 6], 100.0, &ExposureLimits::default());
        assert_eq!(used.len(), 6, "of six equal ones each is above 15 % of what is used");
    }

    #[test]
    fn advice_pauses_by_its_urgency() {
        let due = |kind, secs| action_due(kind, Some(Nanos::from_secs(0)), Nanos::from_secs(secs));
        assert!(due(ExposureKind::ReduceMargin, 0));
        assert!(!due(ExposureKind::Hedge, 9) && due(ExposureKind::Hedge, 10));
        assert!(!due(ExposureKind::Rebalance, 29) && due(ExposureKind::Rebalance, 30));
        assert!(action_due(ExposureKind::Rebalance, None, Nanos::from_secs(0)));
    }
}
