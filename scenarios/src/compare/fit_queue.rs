//! Which of the simulator's own models of queues tells best when the session's resting orders filled.
//!
//! Each model runs the session once. Its misfit on an order is the time by which its fills miss the session's: the area
//! between the two curves of what is filled, over the order's quantity. Orders are drawn again to see how sure the choice
//! is.

use std::collections::BTreeSet;

use engine::NamedRng;
use serde::Serialize;
use sim_exchange::depth::QueueKind;

use super::counterfactual::Simulated;
use super::own::{OrderKey, OwnFill};
use super::parts::Told;
use super::script::LiveSession;

/// Fewer orders tell nothing.
pub(crate) const ORDERS_MIN: usize = 5;
const RESAMPLES: usize = 400;

/// A model, and how well it fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueMisfit {
    /// The model.
    pub model: QueueKind,
    /// How far its fills are off, per order on average, in µs.
    pub misfit_us: i64,
    /// In so many of a thousand samples of the orders it fits best.
    pub best_in_thousand: u32,
}

/// What the session's resting orders say of queues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FittedQueue {
    /// Resting orders that filled, in the session or in a simulation of it.
    pub orders: usize,
    /// The model that fits best; none where the market tells no book, or the orders are too few.
    pub model: Option<QueueKind>,
    /// All that were tried, the one of the file first; empty where none was.
    pub tried: Vec<QueueMisfit>,
    /// Why there is no model.
    pub lacks: Option<String>,
}

/// The models that are tried: that of the file first, which wins a tie.
pub(crate) fn candidates(own: QueueKind) -> Vec<QueueKind> {
    let others = [
        QueueKind::Proportional,
        QueueKind::Power { exponent: 2 },
        QueueKind::Power { exponent: 3 },
        QueueKind::Log,
        QueueKind::Share { exponent: 2 },
        QueueKind::Share { exponent: 3 },
        QueueKind::Optimistic,
        QueueKind::Pessimistic,
    ];
    let mut all = vec![own];
    all.extend(others.into_iter().filter(|kind| *kind != own));
    all
}

/// The word for a model.
pub(crate) fn name(kind: QueueKind) -> String {
    match kind {
        QueueKind::Pessimistic => "pessimistic".into(),
        QueueKind::Optimistic => "optimistic".into(),
        QueueKind::Proportional => "proportional".into(),
        QueueKind::Power { exponent } => format!("power {exponent}"),
        QueueKind::Log => "log".into(),
        QueueKind::Share { exponent } => format!("share {exponent}"),
    }
}

/// Chooses among runs of the session, one for each model in `kinds`.
pub(crate) fn fit(
    session: &LiveSession,
    live: &Told,
    kinds: &[QueueKind],
    runs: &[Simulated],
) -> FittedQueue {
    let told: Vec<Told> = runs.iter().map(|run| Told::of(&run.own)).collect();
    let rests = |told: &Told| -> Vec<OrderKey> {
        let rested = told.fills.iter().filter(|(_, fills)| fills.iter().any(|fill| fill.maker));
        rested.map(|(key, _)| key.clone()).filter(|key| session.orders.contains(key)).collect()
    };
    let resting: BTreeSet<OrderKey> = std::iter::once(live).chain(&told).flat_map(rests).collect();
    let orders = resting.len();
    if orders < ORDERS_MIN {
        let lacks = format!("too few resting orders filled: {orders}, and {ORDERS_MIN} are needed");
        return FittedQueue { orders, lacks: Some(lacks), ..FittedQueue::default() };
    }
    let row = |key: &OrderKey| -> Vec<i64> {
        let of = |(told, run): (&Told, &Simulated)| {
            // An order that has ended in both fills no more: whoever lacks its fills lacks them until then.
            let ended = session.own.ended.get(key).zip(run.own.ended.get(key));
            let end = ended.map_or(session.end, |(ours, theirs)| (*ours).max(*theirs));
            misfit(live.fills.get(key), told.fills.get(key), end.0)
        };
        told.iter().zip(runs).map(of).collect()
    };
    let rows: Vec<Vec<i64>> = resting.iter().map(row).collect();
    let all: Vec<usize> = (0..rows.len()).collect();
    let best = best_of(&rows, kinds.len(), &all);
    let mut rng = NamedRng::new(session.scenario.seed, "compare queue");
    let mut wins = vec![0u32; kinds.len()];
    let mut drawn = all.clone();
    for _ in 0..RESAMPLES {
        drawn.iter_mut().for_each(|place| *place = rng.below(rows.len() as u64) as usize);
        wins[best_of(&rows, kinds.len(), &drawn)] += 1;
    }
    let tried = kinds.iter().enumerate().map(|(place, model)| {
        let sum: i128 = rows.iter().map(|row| i128::from(row[place])).sum();
        QueueMisfit {
            model: *model,
            misfit_us: (sum / rows.len().max(1) as i128 / 1_000) as i64,
            best_in_thousand: wins[place] * 1_000 / RESAMPLES as u32,
        }
    });
    FittedQueue { orders, model: kinds.get(best).copied(), tried: tried.collect(), lacks: None }
}

/// The first of the models with the smallest sum over these orders.
fn best_of(rows: &[Vec<i64>], models: usize, orders: &[usize]) -> usize {
    let sum =
        |model: usize| orders.iter().map(|order| i128::from(rows[*order][model])).sum::<i128>();
    (0..models).min_by_key(|model| sum(*model)).unwrap_or(0)
}

/// The area between two curves of what is filled, over the larger quantity, in nanoseconds. What one never fills, it
/// fills at the `end`.
fn misfit(live: Option<&Vec<OwnFill>>, simulated: Option<&Vec<OwnFill>>, end: i64) -> i64 {
    let steps = |fills: Option<&Vec<OwnFill>>, sign: i128| -> Vec<(i64, i128)> {
        let fills = fills.into_iter().flatten();
        fills.map(|fill| (fill.time.0, sign * i128::from(fill.qty))).collect()
    };
    let mut all = steps(live, 1);
    all.extend(steps(simulated, -1));
    all.sort_unstable();
    let total = |sign: i128| all.iter().map(|(_, qty)| (qty * sign).max(0)).sum::<i128>();
    let most = total(1).max(total(-1)).max(1);
    let (mut area, mut apart) = (0i128, 0i128);
    for (place, (time, qty)) in all.iter().enumerate() {
        apart += qty;
        let until = all.get(place + 1).map_or(end.max(*time), |(next, _)| *next);
        area += apart.abs() * i128::from(until - time);
    }
    i64::try_from(area / most).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{Nanos, Side};
    use rust_decimal::Decimal;

    use super::*;

    fn fills(of: &[(i64, i64)]) -> Vec<OwnFill> {
        let fill = |(time, qty): &(i64, i64)| OwnFill {
            order: (0, Arc::from("a")),
            side: Side::Buy,
            time: Nanos(*time),
            price: 1,
            qty: *qty,
            commission: Decimal::ZERO,
            maker: true,
        };
        of.iter().map(fill).collect()
    }

    #[test]
    fn a_misfit_is_the_time_between_fills() {
        let of = |live: &[(i64, i64)], simulated: &[(i64, i64)]| {
            misfit(Some(&fills(live)), Some(&fills(simulated)), 1_000)
        };
        assert_eq!(of(&[(100, 4)], &[(100, 4)]), 0);
        assert_eq!(of(&[(100, 4)], &[(150, 4)]), 50);
        assert_eq!(of(&[(150, 4)], &[(100, 4)]), 50);
        assert_eq!(of(&[(100, 2), (200, 2)], &[(100, 4)]), 50, "half of it is 100 late");
        assert_eq!(of(&[(100, 4)], &[]), 900, "never is at the end");
    }
}
