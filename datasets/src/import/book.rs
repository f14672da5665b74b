//! The messages of one book in the order in which they make it.
//!
//! A snapshot is fetched while the changes stream in, and comes some messages late: it is put before the
//! first change that is not wholly in it (Binance's rule for a local book). A few messages wait for that.

use std::collections::VecDeque;

use super::csv_rows::Stop;
use super::tapes::{Draft, Tape};
use crate::rows::{SELL, SNAPSHOT};

/// Messages that wait: some seconds of the fastest stream, more than any fetch takes.
const WINDOW: usize = 512;
const BUY: i64 = 0;

/// A price or a quantity with its decimals.
pub(super) type Number = (i64, u32);

/// One message.
#[derive(Default)]
pub(super) struct Message {
    pub is_snapshot: bool,
    /// Exchange time in microseconds; a snapshot may lack it.
    pub time_us: Option<i64>,
    /// Of a snapshot: time of the changes in it that came after it.
    pub earliest_us: i64,
    /// Zero if nobody recorded it.
    pub local_us: i64,
    /// The last change in it.
    pub last_id: i64,
    /// The last change before it; zero for a snapshot.
    pub previous_id: i64,
    /// Bids, then asks.
    pub levels: [Vec<(Number, Number)>; 2],
    pub line: u64,
}

/// One book.
#[derive(Default)]
pub(super) struct Book {
    waiting: VecDeque<Message>,
    /// The last change that came, and of all messages handed on the last change and the time.
    last_change: i64,
    done_id: i64,
    done_us: i64,
    /// The latest snapshot: changes before it are in it.
    snapshot: i64,
    /// Messages without levels: what the next one follows, as the chain goes on.
    through: Option<(i64, i64)>,
    changes: u64,
    dropped: u64,
    stale: u64,
    untimed: u64,
    joined: u64,
}

impl Book {
    /// Takes the next change.
    pub fn change(&mut self, message: Message, tape: &mut Tape<'_>) -> Result<(), Stop> {
        self.changes += 1;
        if message.last_id <= self.last_change {
            return Err(Stop::Refused(format!(
                "line {}: depthUpdate: field 'u' is {}, after a message with {}: a duplicate, or out of \
                 order; take it out, or import the recordings of two connections as two data sets",
                message.line, message.last_id, self.last_change
            )));
        }
        self.last_change = message.last_id;
        if message.last_id < self.snapshot {
            self.dropped += 1;
            // A snapshot is not older than the changes in it.
            let holds = |other: &&mut Message| other.last_id > message.last_id;
            for snapshot in self.waiting.iter_mut().filter(holds) {
                snapshot.earliest_us = snapshot.earliest_us.max(message.time_us.unwrap_or(0));
            }
            return Ok(());
        }
        self.waiting.push_back(message);
        if self.waiting.len() > WINDOW { self.hand_on(tape) } else { Ok(()) }
    }

    /// Takes a snapshot, to where it belongs.
    pub fn snapshot(&mut self, message: Message) {
        let at = self.waiting.iter().position(|other| other.last_id >= message.last_id);
        let repeats = at
            .and_then(|at| self.waiting.get(at))
            .is_some_and(|other| other.is_snapshot && other.last_id == message.last_id);
        if repeats || (at.is_none_or(|at| at == 0) && self.done_id >= message.last_id) {
            self.stale += 1;
            return;
        }
        self.snapshot = self.snapshot.max(message.last_id);
        self.waiting.insert(at.unwrap_or(self.waiting.len()), message);
    }

    /// Whether a change was among the messages.
    pub fn has_changes(&self) -> bool {
        self.changes > 0
    }

    /// Hands on all that waits.
    pub fn finish(&mut self, tape: &mut Tape<'_>) -> Result<(), Stop> {
        while !self.waiting.is_empty() {
            self.hand_on(tape)?;
        }
        Ok(())
    }

    /// What is to be said of it.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let said = |count: u64, text: &str| (count > 0).then(|| format!("{count} {text}"));
        [
            said(
                self.dropped,
                "messages of changes came after the snapshot that holds them and were dropped",
            ),
            said(self.stale, "snapshots are older than the messages before them, or repeat one, and were dropped"),
            said(
                self.untimed,
                "snapshots tell no exchange time (T); each has its local time, not before the changes in it \
                 nor after the next one",
            ),
            said(
                self.joined,
                "messages changed no level; the message after each was joined to the one before",
            ),
        ]
        .into_iter()
        .flatten()
    }

    fn hand_on(&mut self, tape: &mut Tape<'_>) -> Result<(), Stop> {
        let Some(message) = self.waiting.pop_front() else {
            return Ok(());
        };
        let time_us = message.time_us.map_or_else(|| self.time_of(&message), Ok)?;
        let previous = match self.through {
            Some((from, to)) if to == message.previous_id => from,
            _ => message.previous_id,
        };
        self.through = None;
        self.done_id = self.done_id.max(message.last_id);
        self.done_us = self.done_us.max(time_us);
        if !message.is_snapshot && message.levels.iter().all(Vec::is_empty) {
            self.joined += 1;
            self.through = Some((previous, message.last_id));
            return Ok(());
        }
        let Message { is_snapshot, last_id, local_us, line, .. } = message;
        let previous = if is_snapshot { 0 } else { previous };
        let row = |side, (price, qty): (Number, Number)| -> Draft {
            let [time, id, previous, side, local] =
                [time_us, last_id, previous, side, local_us].map(|value| (value, 0));
            [time, id, previous, side, price, qty, local, (0, 0)]
        };
        if is_snapshot {
            tape.push(&row(SNAPSHOT, ((0, 0), (0, 0))), line)?;
        }
        for (side, levels) in [BUY, SELL].into_iter().zip(&message.levels) {
            levels.iter().try_for_each(|level| tape.push(&row(side, *level), line))?;
        }
        Ok(())
    }

    /// The time of a snapshot that tells none.
    fn time_of(&mut self, snapshot: &Message) -> Result<i64, Stop> {
        self.untimed += 1;
        let earliest = self.done_us.max(snapshot.earliest_us);
        let latest = self.waiting.iter().find_map(|next| next.time_us);
        let local = Some(snapshot.local_us).filter(|us| *us > 0);
        let time = local.or(latest).unwrap_or(earliest).max(earliest);
        let time = time.min(latest.unwrap_or(time).max(earliest));
        if time > 0 {
            return Ok(time);
        }
        Err(Stop::Refused(format!(
            "line {}: snapshot: field 'T' is missing, and nothing else tells its time; record it with its \
             times, or with the changes that follow",
            snapshot.line
        )))
    }
}
