//! Where a resting order stands in the queue of its level.
//!
//! Depth rows tell how much a level lost, trades how much of that was traded, and nobody tells whether
//! the rest was cancelled ahead of an order or behind it. A model answers that.
//!
//! Invariant: whatever a model says, no more is cancelled ahead or behind than stands there. So every
//! model lies between the pessimistic and the optimistic one.

use serde::{Deserialize, Serialize};

/// Quantities in a queue are in 1/1024 lots: many small cancels must not all round to nothing.
pub(crate) const PER_LOT: i64 = 1024;

/// Answers what of a cancelled quantity stood ahead of an order.
pub trait QueueModel {
    /// `cancelled` of the `ahead + behind` is gone; how much of it was ahead? From zero to all of it; what
    /// cannot be, because less stands ahead or behind, is moved to the nearest that can.
    fn cancelled_ahead(&self, ahead: i64, behind: i64, cancelled: i64) -> i64;
}

/// The queue models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum QueueKind {
    /// All cancels are behind the order, as long as there is anything: it advances by trades.
    Pessimistic,
    /// All cancels are ahead of the order, as long as there is anything.
    Optimistic,
    /// Each lot is as likely to be cancelled as any other: ahead / (ahead + behind).
    Proportional,
    /// f(ahead) / (f(ahead) + f(behind)) with f(x) = x^exponent: 2 or 3 fit recorded fills better
    /// than 1, because those who wait at the end of a long queue give up first.
    Power {
        /// 1 to 8; 1 is `Proportional`.
        exponent: u8,
    },
    /// f(ahead) / (f(ahead) + f(behind)) with f(x) = ln(1 + x), x in lots.
    Log,
    /// (ahead / (ahead + behind))^exponent: the further behind, the closer to 1.
    Share {
        /// 1 to 8; 1 is `Proportional`.
        exponent: u8,
    },
}

impl QueueModel for QueueKind {
    #[inline]
    fn cancelled_ahead(&self, ahead: i64, behind: i64, cancelled: i64) -> i64 {
        let share = match *self {
            QueueKind::Pessimistic => return 0,
            QueueKind::Optimistic => return cancelled,
            QueueKind::Proportional => split(ahead as f64, behind as f64),
            QueueKind::Power { exponent } => {
                split(power(ahead as f64, exponent), power(behind as f64, exponent))
            }
            QueueKind::Log => split(log(ahead), log(behind)),
            QueueKind::Share { exponent } => power(split(ahead as f64, behind as f64), exponent),
        };
        // A share is at most 1, and the conversion rounds towards zero.
        (cancelled as f64 * share) as i64
    }
}

impl QueueKind {
    /// The model in a sentence, for the assumptions of a report.
    pub fn sentence(&self) -> String {
        let text = match self {
            QueueKind::Pessimistic => "all behind our order while anything is".to_owned(),
            QueueKind::Optimistic => "all ahead of our order while anything is".to_owned(),
            QueueKind::Proportional => "ahead of and behind our order in proportion".to_owned(),
            QueueKind::Power { exponent } => {
                format!("ahead of and behind our order as x^{exponent} of what stands there")
            }
            QueueKind::Log => {
                "ahead of and behind our order as ln(1 + x) of what stands there".to_owned()
            }
            QueueKind::Share { exponent } => {
                format!("ahead of our order by (its share of the level)^{exponent}")
            }
        };
        format!("Queue: what leaves a level without a trade was {text}.")
    }
}

/// `front / (front + back)`; a half if nothing stands on either side.
fn split(front: f64, back: f64) -> f64 {
    let all = front + back;
    if all > 0.0 { front / all } else { 0.5 }
}

/// By multiplication: the same on every machine.
fn power(x: f64, exponent: u8) -> f64 {
    let mut product = x;
    for _ in 1..exponent.clamp(1, 8) {
        product *= x;
    }
    product
}

fn log(units: i64) -> f64 {
    libm::log1p(units as f64 / PER_LOT as f64)
}

/// What stands before one of our orders at its price, in 1/1024 lots.
///
/// History is taken as it was: our own orders do not slow the recorded queue down, so that the rows
/// that follow a trade still fit what it left.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) ahead: i64,
    /// Traded at the level since its last row.
    traded: i64,
}

impl Place {
    /// Behind all of `level` lots.
    pub(crate) fn behind(level: i64) -> Place {
        Place { ahead: level * PER_LOT, traded: 0 }
    }

    /// `qty` lots trade at the level. Answers how many whole lots of it reach the order.
    pub(crate) fn trade(&mut self, qty: i64) -> i64 {
        let qty = qty * PER_LOT;
        let reached = (qty - self.ahead).max(0) / PER_LOT;
        self.ahead = (self.ahead - qty).max(0);
        self.traded = self.traded.saturating_add(qty);
        reached
    }

    /// Whole and begun lots that stand before the order.
    pub(crate) fn lots_ahead(&self) -> i64 {
        (self.ahead + PER_LOT - 1) / PER_LOT
    }

    /// Nothing stands before the order any more.
    pub(crate) fn first(&mut self) {
        *self = Place::default();
    }

    /// The level goes from `old` to `new` lots, and `before` stands ahead of our previous order.
    pub(crate) fn row(&mut self, model: &QueueKind, old: i64, new: i64, before: i64) {
        let (old, new) = (old * PER_LOT, new * PER_LOT);
        // What was traded has moved the order already: only the rest of the loss was cancelled.
        let cancelled = old - new - self.traded;
        if cancelled > 0 {
            let behind = (old - self.traded - self.ahead).max(0);
            self.ahead -= model.cancelled_ahead(self.ahead, behind, cancelled);
        }
        // Time priority among our own holds, and nobody is behind more than the level has: where more
        // is gone than stood behind, the rest stood ahead, whatever the model says.
        self.ahead = self.ahead.max(before).min(new);
        self.traded = 0;
    }
}
