//! The book that the messages of a recorded depth make, as far as they tell it.

use std::collections::BTreeMap;
use std::mem;

use super::{Findings, shown};
use crate::rows::{Decimals, Row, SELL, SNAPSHOT};

/// Levels by price: bids, then asks.
type Halves = [BTreeMap<i128, i128>; 2];

/// A message: its last id and that of the one before, as its rows tell them, and its time.
#[derive(Clone, Copy)]
struct Message {
    ids: (i64, i64),
    at_us: i64,
    is_snapshot: bool,
}

/// The book as it was before a snapshot came. The next change makes one and the same book of both, whatever
/// happened between the last change and the snapshot: it tells all since then.
struct Shadow {
    halves: Halves,
    /// The message that it goes up to.
    last: Message,
    /// The lowest bid and the highest ask of the snapshot, behind which it tells nothing.
    deepest: Option<(i128, i128)>,
    /// The two books are now of one instant.
    is_due: bool,
}

impl Shadow {
    /// Whether a change goes on where this book ends.
    fn goes_on(&self, id: i64, previous_id: i64) -> bool {
        let (last, _) = self.last.ids;
        previous_id == last || (self.last.is_snapshot && previous_id <= last && id >= last)
    }
}

/// Follows a book message by message. Its memory is that of the book; around a snapshot, of two.
#[derive(Default)]
pub(super) struct BookWalk {
    halves: Halves,
    /// The message whose rows come in.
    message: Option<Message>,
    shadow: Option<Shadow>,
}

fn set(halves: &mut Halves, side: i64, price: i128, qty: i128) {
    let half = &mut halves[usize::from(side == SELL)];
    match qty {
        0 => half.remove(&price),
        qty => half.insert(price, qty),
    };
}

impl BookWalk {
    /// Takes the next row; `factors` scale its price and its quantity to `decimals`.
    pub fn row(
        &mut self,
        row: &Row,
        factors: [i128; 2],
        decimals: Decimals,
        findings: &mut Findings,
    ) {
        let [at_us, id, previous_id, side, price, qty, ..] = *row;
        let ids = (id, previous_id);
        let is_snapshot = side == SNAPSHOT;
        if is_snapshot || self.message.is_none_or(|message| message.ids != ids) {
            self.end_message(decimals, findings);
            let before = self.message.replace(Message { ids, at_us, is_snapshot });
            if is_snapshot {
                let halves = mem::take(&mut self.halves);
                self.shadow = before.map(|last| Shadow {
                    halves,
                    last,
                    deepest: None,
                    is_due: last.ids.0 == id,
                });
            }
        }
        if is_snapshot {
            return;
        }
        let (price, qty) = (i128::from(price) * factors[0], i128::from(qty) * factors[1]);
        set(&mut self.halves, side, price, qty);
        if self.message.is_some_and(|message| message.is_snapshot) {
            return;
        }
        self.shadow = self.shadow.take().filter(|shadow| shadow.goes_on(id, previous_id));
        if let Some(shadow) = &mut self.shadow {
            set(&mut shadow.halves, side, price, qty);
            shadow.is_due = true;
        }
    }

    /// Forgets the levels: after a hole nobody knows which of them still are.
    pub fn forget(&mut self, decimals: Decimals, findings: &mut Findings) {
        self.end_message(decimals, findings);
        *self = BookWalk::default();
    }

    /// Looks at the book after the last row of a message: within one it may cross.
    pub fn end_message(&mut self, decimals: Decimals, findings: &mut Findings) {
        let Some(Message { ids: (id, _), at_us, is_snapshot }) = self.message else {
            return;
        };
        if is_snapshot && let Some(shadow) = &mut self.shadow {
            let [bids, asks] = &self.halves;
            let deepest = bids.first_key_value().zip(asks.last_key_value());
            shadow.deepest = deepest.map(|((bid, _), (ask, _))| (*bid, *ask));
        }
        if let Some(Shadow { halves, deepest: Some(deepest), .. }) =
            self.shadow.take_if(|shadow| shadow.is_due)
            && let Some((side, price)) = contradicted(&halves, &self.halves, deepest)
        {
            findings.add("snapshot", 1, at_us, true, || {
                let [before, now] = [&halves, &self.halves].map(|halves| {
                    let qty = halves[side].get(&price).copied().unwrap_or(0);
                    shown(qty, decimals.qty)
                });
                let price = shown(price, decimals.price);
                format!(
                    "up to message {id} the changes alone make {before} at {price}, with the snapshot it is \
                     {now}"
                )
            });
        }
        let [bids, asks] = &self.halves;
        let best = bids.last_key_value().zip(asks.first_key_value());
        if let Some(((bid, _), (ask, _))) = best.filter(|((bid, _), (ask, _))| bid >= ask) {
            findings.add("crossed", 1, at_us, false, || {
                let [bid, ask] = [bid, ask].map(|price| shown(*price, decimals.price));
                format!("after message {id} the best bid {bid} is not below the best ask {ask}")
            });
        }
    }
}

/// The first level that was known and of which the snapshot tells otherwise. Levels that it adds may have been
/// there all the time.
fn contradicted(
    known: &Halves,
    snapshot: &Halves,
    (deepest_bid, deepest_ask): (i128, i128),
) -> Option<(usize, i128)> {
    let unlike =
        |side: usize| move |(price, qty): &(&i128, &i128)| snapshot[side].get(price) != Some(*qty);
    let bid = known[0].range(deepest_bid..).rev().find(unlike(0)).map(|(price, _)| (0, *price));
    bid.or_else(|| known[1].range(..=deepest_ask).find(unlike(1)).map(|(price, _)| (1, *price)))
}
