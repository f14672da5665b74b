//! Asking for an order's fate after sending it (MSE 12).

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The order is asked for at once, then after each of these.
pub const FILL_POLL_DELAYS: [Nanos; 2] = [Nanos::from_millis(500), Nanos::from_millis(1_000)];

/// The exchange's word for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderWord {
    /// Live.
    New,
    /// Live, in part done.
    PartiallyFilled,
    /// Done.
    Filled,
    /// Ended.
    Canceled,
    /// Ended.
    Rejected,
    /// Ended.
    Expired,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollOutcome {
    /// A fill is known.
    Filled,
    /// It ended without one.
    Ended,
    /// Ask again after this.
    AskAgain(Nanos),
    /// Nobody knows: it is asked for by its client order id before anything is sent again.
    Unknown,
}

/// What an answer means; `asked` counts the questions so far, with this one. `word` is `None` where there
/// was no answer.
#[must_use]
pub fn poll_outcome(word: Option<OrderWord>, filled_qty: Decimal, asked: usize) -> PollOutcome {
    match word {
        Some(OrderWord::Filled | OrderWord::PartiallyFilled) if filled_qty > Decimal::ZERO => {
            PollOutcome::Filled
        }
        Some(OrderWord::Canceled | OrderWord::Rejected | OrderWord::Expired) => PollOutcome::Ended,
        _ => match FILL_POLL_DELAYS.get(asked.saturating_sub(1)) {
            Some(delay) => PollOutcome::AskAgain(*delay),
            None => PollOutcome::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_questions_and_then_nobody_knows() {
        let of = |word, qty: i64, asked| poll_outcome(word, qty.into(), asked);
        let filled = Some(OrderWord::Filled);
        assert_eq!(of(filled, 1, 1), PollOutcome::Filled);
        assert_eq!(of(filled, 0, 1), PollOutcome::AskAgain(Nanos::from_millis(500)));
        assert_eq!(of(None, 0, 2), PollOutcome::AskAgain(Nanos::from_millis(1_000)));
        assert_eq!(of(Some(OrderWord::New), 0, 3), PollOutcome::Unknown);
        assert_eq!(of(Some(OrderWord::Expired), 0, 1), PollOutcome::Ended);
    }
}
