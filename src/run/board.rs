//! The live picture of a suite: how far it is, and which cases run at what virtual time. All of it goes to
//! standard error; where that is no terminal, one plain line tells of each case that has ended.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::clock;
use super::numbers::short;

/// The picture.
pub struct Board {
    all: MultiProgress,
    overall: ProgressBar,
    /// No terminal, and more than one case: a line for each that has ended.
    plain: bool,
    events: AtomicU64,
    ended: AtomicUsize,
    total: usize,
    started: Instant,
}

/// The line of a running case.
pub struct Row<'a> {
    board: &'a Board,
    bar: ProgressBar,
    label: String,
}

impl Board {
    /// For so many cases of so many virtual seconds together.
    pub fn new(cases: usize, virtual_seconds: u64) -> Board {
        let all = MultiProgress::new();
        let overall = all.add(ProgressBar::new(virtual_seconds.max(1)));
        let style = "{bar:30} {percent:>3}%  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            overall.set_style(style);
        }
        let plain = !Term::stderr().is_term() && cases > 1;
        Board {
            all,
            overall,
            plain,
            events: AtomicU64::new(0),
            ended: AtomicUsize::new(0),
            total: cases,
            started: clock::now(),
        }
    }

    /// A case begins.
    pub fn begin(&self, label: String) -> Row<'_> {
        let bar = self.all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {msg}") {
            bar.set_style(style);
        }
        bar.set_message(label.clone());
        Row { board: self, bar, label }
    }

    /// Prints results while the picture stands.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// Takes the picture away.
    pub fn clear(&self) {
        self.overall.finish_and_clear();
        let _ = self.all.clear();
    }
}

impl Row<'_> {
    /// The case has advanced.
    pub fn advanced(&self, virtual_seconds: u64, events: u64, now: &dyn std::fmt::Display) {
        self.bar.set_message(format!("{now}  {}", self.label));
        let board = self.board;
        let events = board.events.fetch_add(events, Ordering::Relaxed) + events;
        let rate = events as f64 / board.started.elapsed().as_secs_f64().max(1e-3);
        let (ended, total) = (board.ended.load(Ordering::Relaxed), board.total);
        board.overall.set_message(format!("{ended} of {total}  {} events/s", short(rate)));
        board.overall.inc(virtual_seconds);
    }

    /// The case has ended so.
    pub fn end(self, verdict: &str, wall_s: f64) {
        self.bar.finish_and_clear();
        self.board.all.remove(&self.bar);
        let ended = self.board.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if self.board.plain {
            let total = self.board.total;
            eprintln!("[{ended}/{total}] {}: {verdict}, {wall_s:.2} s", self.label);
        }
    }
}
