//! The book of a symbol as its clients see it: levels, update ids and the changes that streams tell.
//!
//! Where the market tells no book there is one level each side, a tick from the last price, of a stated
//! size: clients that need a bid and an ask find them. From the first row or quote of the market on, only
//! what the market tells is in the book.
//! Orders of the accounts are not in it: the recorded market does not react to them.
//!
//! Invariant: whoever takes a snapshot and applies every later change has the book.
//! Invariant: an event of changes begins at or before the snapshot's last update, also in a market that
//! has not moved since: each event leaves one number to the next one.

use std::collections::BTreeSet;

use engine::{BestQuotes, DepthRow, PriceTicks, QtyLots, Side};
use sim_exchange::depth::Ladder;

/// The levels, and what has changed for whom.
pub(crate) struct Book {
    ladder: Ladder,
    told: bool,
    update_id: u64,
    /// Counts changes only.
    revision: u64,
    /// When it changed last, in ms.
    changed_at: i64,
    /// The best of both sides changed since it was asked.
    best_moved: bool,
    collecting: Vec<Changes>,
}

/// Levels that changed since the last event of one stream.
struct Changes {
    /// Which stream it is for.
    stream: u32,
    bids: BTreeSet<i64>,
    asks: BTreeSet<i64>,
    previous: u64,
}

/// An event of changes: levels with what they hold now, zero where they are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diff {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) previous: u64,
    pub(crate) bids: Vec<(i64, i64)>,
    pub(crate) asks: Vec<(i64, i64)>,
}

impl Book {
    /// An empty book of a symbol whose order tick is `tick` grid units.
    pub(crate) fn new(tick: i64) -> Book {
        Book {
            ladder: Ladder::new(tick.max(1)),
            told: false,
            update_id: 1,
            revision: 0,
            changed_at: 0,
            best_moved: false,
            collecting: Vec::new(),
        }
    }

    pub(crate) fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Another number whenever a level has changed.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn changed_at(&self) -> i64 {
        self.changed_at
    }

    /// Whether the market tells its book.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// Price and quantity of the best level of a side.
    pub(crate) fn best(&self, side: Side) -> Option<(i64, i64)> {
        self.ladder.levels(side).next()
    }

    /// Levels of a side, best first.
    pub(crate) fn levels(&self, side: Side, most: usize) -> Vec<(i64, i64)> {
        self.ladder.levels(side).take(most).collect()
    }

    /// A row of the market.
    pub(crate) fn row(&mut self, ms: i64, row: &DepthRow) {
        self.first_told(ms);
        let best = self.ladder.best(row.side);
        self.set(ms, row.side, row.price.0, row.qty.0);
        self.best_moved |= best == Some(row.price.0) || best != self.ladder.best(row.side);
    }

    /// A snapshot of the market begins.
    pub(crate) fn clear(&mut self, ms: i64) {
        self.told = true;
        self.empty(ms);
    }

    /// The market's best levels: better ones are gone.
    pub(crate) fn quotes(&mut self, ms: i64, quotes: &BestQuotes) {
        self.first_told(ms);
        self.best_is(ms, Side::Buy, quotes.bid, quotes.bid_qty);
        self.best_is(ms, Side::Sell, quotes.ask, quotes.ask_qty);
    }

    /// What stands in for a book around the last price.
    pub(crate) fn stand_in(&mut self, ms: i64, bid: (i64, i64), ask: (i64, i64)) {
        assert!(!self.told, "the market's own book stands alone");
        for (side, (price, qty)) in [(Side::Buy, bid), (Side::Sell, ask)] {
            if let Some((old, _)) = self.best(side).filter(|(old, _)| *old != price) {
                self.set(ms, side, old, 0);
                self.best_moved = true;
            }
            if self.ladder.qty(side, price) != qty {
                self.set(ms, side, price, qty);
                self.best_moved = true;
            }
        }
    }

    /// Whether a best level has changed since the last call.
    pub(crate) fn take_best_moved(&mut self) -> bool {
        std::mem::take(&mut self.best_moved)
    }

    fn first_told(&mut self, ms: i64) {
        if !self.told {
            self.told = true;
            self.empty(ms);
        }
    }

    fn empty(&mut self, ms: i64) {
        for changes in &mut self.collecting {
            changes.bids.extend(self.ladder.levels(Side::Buy).map(|(price, _)| price));
            changes.asks.extend(self.ladder.levels(Side::Sell).map(|(price, _)| price));
        }
        self.ladder.clear();
        self.update_id += 1;
        self.revision += 1;
        self.changed_at = ms;
        self.best_moved = true;
    }

    fn best_is(&mut self, ms: i64, side: Side, price: PriceTicks, qty: QtyLots) {
        let better = |best: i64| match side {
            _ if qty.0 <= 0 => true,
            Side::Buy => best > price.0,
            Side::Sell => best < price.0,
        };
        while let Some(gone) = self.ladder.best(side).filter(|best| better(*best)) {
            self.set(ms, side, gone, 0);
            self.best_moved = true;
        }
        if qty.0 > 0 && self.ladder.qty(side, price.0) != qty.0 {
            self.set(ms, side, price.0, qty.0);
            self.best_moved = true;
        }
    }

    fn set(&mut self, ms: i64, side: Side, price: i64, qty: i64) {
        // What cannot be true is refused there and counted by the exchange, too.
        let Some(old) = self.ladder.set(side, price, qty) else { return };
        if old == qty {
            return;
        }
        self.update_id += 1;
        self.revision += 1;
        self.changed_at = ms;
        for changes in &mut self.collecting {
            match side {
                Side::Buy => changes.bids.insert(price),
                Side::Sell => changes.asks.insert(price),
            };
        }
    }

    /// Collects changes for a stream from now on; nothing changes if it does already.
    pub(crate) fn collect(&mut self, stream: u32) {
        if self.collecting.iter().any(|changes| changes.stream == stream) {
            return;
        }
        let previous = self.update_id;
        self.update_id += 1;
        let (bids, asks) = (BTreeSet::new(), BTreeSet::new());
        self.collecting.push(Changes { stream, bids, asks, previous });
    }

    /// Collects for these streams only.
    pub(crate) fn collect_only(&mut self, streams: impl Fn(u32) -> bool) {
        self.collecting.retain(|changes| streams(changes.stream));
    }

    /// What has changed for a stream since its last event; none if nothing has.
    pub(crate) fn diff(&mut self, stream: u32) -> Option<Diff> {
        let changes = self.collecting.iter_mut().find(|changes| changes.stream == stream)?;
        if changes.bids.is_empty() && changes.asks.is_empty() {
            return None;
        }
        let (previous, last) = (changes.previous, self.update_id);
        // The number after this event belongs to the next one: a snapshot of now lies within it.
        self.update_id += 1;
        changes.previous = last;
        let (bids, asks) = (std::mem::take(&mut changes.bids), std::mem::take(&mut changes.asks));
        let held = |side, prices: BTreeSet<i64>| -> Vec<(i64, i64)> {
            prices.into_iter().map(|price| (price, self.ladder.qty(side, price))).collect()
        };
        let (bids, asks) = (held(Side::Buy, bids), held(Side::Sell, asks));
        Some(Diff { first: previous + 1, last, previous, bids, asks })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What a client makes of a snapshot and the changes after it.
    #[derive(Default)]
    struct Local {
        bids: BTreeMap<i64, i64>,
        asks: BTreeMap<i64, i64>,
        last: u64,
        synced: bool,
    }

    impl Local {
        fn snapshot(book: &Book) -> Local {
            let side = |side| book.levels(side, usize::MAX).into_iter().collect();
            let (bids, asks) = (side(Side::Buy), side(Side::Sell));
            Local { bids, asks, last: book.update_id(), synced: false }
        }

        fn apply(&mut self, diff: &Diff) {
            if !self.synced {
                if diff.last < self.last {
                    return;
                }
                assert!(
                    diff.first <= self.last && self.last <= diff.last,
                    "the first one stitches"
                );
                self.synced = true;
            } else {
                assert_eq!(diff.previous, self.last, "none is missing");
            }
            self.last = diff.last;
            for (levels, rows) in [(&mut self.bids, &diff.bids), (&mut self.asks, &diff.asks)] {
                for (price, qty) in rows {
                    if *qty == 0 {
                        levels.remove(price)
                    } else {
                        levels.insert(*price, *qty)
                    };
                }
            }
        }

        fn check(&self, book: &Book) {
            let told = Local::snapshot(book);
            assert_eq!((&self.bids, &self.asks), (&told.bids, &told.asks));
        }
    }

    struct Dice(u64);

    impl Dice {
        fn below(&mut self, most: u64) -> i64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) % most) as i64
        }
    }

    #[test]
    fn a_snapshot_and_its_changes_are_the_book_at_every_step() {
        let mut dice = Dice(5);
        let mut book = Book::new(10);
        let mut locals: [Vec<Local>; 2] = [Vec::new(), Vec::new()];
        [0, 1].into_iter().for_each(|stream| book.collect(stream));
        for step in 0..20_000i64 {
            let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
            let sign = if side == Side::Buy { -1 } else { 1 };
            match dice.below(200) {
                0 => book.clear(step),
                1..=8 => {
                    let mid = 5_000 + dice.below(40) * 10;
                    let (bid, ask) = (PriceTicks(mid - 10), PriceTicks(mid + 10));
                    let (bid_qty, ask_qty) = (QtyLots(dice.below(3)), QtyLots(dice.below(3)));
                    book.quotes(step, &BestQuotes { bid, bid_qty, ask, ask_qty });
                }
                _ => {
                    // Some off the tick, and some far away.
                    let price = PriceTicks(5_000 + sign * dice.below(60_000).min(4_000));
                    let qty = QtyLots(dice.below(4));
                    book.row(step, &DepthRow { side, price, qty });
                }
            }
            for (stream, locals) in locals.iter_mut().enumerate() {
                if dice.below(7 + 20 * stream as u64) == 0 {
                    let diff = book.diff(stream as u32);
                    locals.iter_mut().for_each(|l| diff.iter().for_each(|d| l.apply(d)));
                    locals.iter().filter(|l| l.synced).for_each(|l| l.check(&book));
                }
                if dice.below(500) == 0 && locals.len() < 20 {
                    locals.push(Local::snapshot(&book));
                }
            }
        }
        assert!(
            locals.iter().flatten().filter(|l| l.synced).count() > 20,
            "snapshots were stitched"
        );
    }

    #[test]
    fn a_snapshot_between_two_events_stitches_in_a_market_that_stands_still() {
        let mut book = Book::new(1);
        book.collect(0);
        book.stand_in(1, (99, 5), (101, 5));
        let first = book.diff(0).unwrap();
        let mut local = Local::snapshot(&book);
        assert_eq!(book.diff(0), None, "nothing has changed");
        book.stand_in(2, (100, 5), (102, 5));
        let second = book.diff(0).unwrap();
        assert_eq!(second.previous, first.last);
        local.apply(&second);
        local.check(&book);
        assert_eq!(second.bids, [(99, 0), (100, 5)]);
    }

    #[test]
    fn the_stand_in_goes_when_the_market_tells_its_book() {
        let mut book = Book::new(1);
        book.stand_in(1, (99, 5), (101, 5));
        assert!(book.take_best_moved() && !book.take_best_moved());
        book.row(2, &DepthRow { side: Side::Buy, price: PriceTicks(90), qty: QtyLots(1) });
        assert_eq!((book.best(Side::Buy), book.best(Side::Sell)), (Some((90, 1)), None));
        assert!(book.is_told() && book.take_best_moved());
        book.row(3, &DepthRow { side: Side::Buy, price: PriceTicks(80), qty: QtyLots(1) });
        assert!(!book.take_best_moved(), "not the best");
    }
}
