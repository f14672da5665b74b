//! Runs the cases of a suite on the threads of the pool.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use scenarios::RunOptions;

use super::board::Board;
use super::case::{Case, Content};
use super::goldens::Goldens;
use super::outcome::{Ended, Fault, Judged, Kind, Outcome, judge, without_run};
use super::{RunArguments, child, execute, json, stories, table, twice};
use crate::{Format, print};

/// What all threads share.
struct Suite<'a> {
    arguments: &'a RunArguments,
    options: RunOptions,
    goldens: Option<&'a Goldens>,
    board: Board,
    /// Something is wrong with a case, and no other one is to be begun.
    stopped: AtomicBool,
}

/// Runs them and judges how they ended, in the order of `cases`.
pub fn run(
    arguments: &RunArguments,
    data: Option<PathBuf>,
    cases: Vec<Case>,
    goldens: Option<&Goldens>,
) -> Vec<Judged> {
    let total = cases.iter().map(Case::virtual_seconds).sum();
    let ready = cases.iter().filter(|case| matches!(case.content, Content::Ready(_))).count();
    let suite = Suite {
        arguments,
        options: RunOptions { data, journals: arguments.journal.clone(), ..RunOptions::default() },
        // A digest that is about to be accepted is not held against the one before.
        goldens: goldens.filter(|_| !arguments.accept),
        board: Board::new(ready, total),
        stopped: AtomicBool::new(false),
    };
    // What is known without a run comes first, so that `--fail-fast` knows of it.
    let mut outcomes: Vec<Option<Judged>> = Vec::new();
    for case in &cases {
        let outcome = without_run(&case.content);
        outcomes.push(outcome.map(|outcome| suite.judged(case.clone(), outcome, Vec::new())));
    }
    // The longest first: the last thread to end is not left alone with one of them.
    let mut order: Vec<usize> = (0..cases.len()).filter(|n| outcomes[*n].is_none()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(cases[*n].virtual_seconds()));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(&mut outcomes);
    rayon::broadcast(|_| {
        while let Some(place) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let judged = suite.run_one(&cases[place]);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = done.get_mut(place) {
                *slot = Some(judged);
            }
        }
    });
    suite.board.clear();
    outcomes.into_iter().flatten().collect()
}

impl Suite<'_> {
    fn run_one(&self, case: &Case) -> Judged {
        if self.stopped.load(Ordering::Relaxed) {
            return self.judged(case.clone(), Outcome::without_run(Ended::NotRun), Vec::new());
        }
        let row = self.board.begin(case.label());
        let mut more = Vec::new();
        let options = RunOptions { limits: case.limits, ..self.options.clone() };
        let apart = self.arguments.isolate || case.limits.memory_mb.is_some();
        let outcome = if self.arguments.twice {
            let (outcome, difference) = twice::run(case, &options);
            more.extend(difference.map(|text| Fault::of_case(case, Kind::Twice, text)));
            outcome
        } else if apart {
            child::run(case, &options, 1)
        } else {
            match &case.content {
                Content::Ready(scenario) => execute::here(scenario, &options, Some(&row)),
                Content::Unreadable(text, _) | Content::Skipped(text) => {
                    Outcome::without_run(Ended::Error(text.clone()))
                }
            }
        };
        if let (true, Some(report)) = (self.arguments.twice || apart, outcome.report()) {
            row.advanced(case.virtual_seconds(), report.events, &"");
        }
        let judged = self.judged(case.clone(), outcome, more);
        row.end(&table::verdict_text(&judged), judged.outcome.wall_s);
        judged
    }

    /// Judges a case, and tells of it at once where results are lines: an interrupted suite loses nothing.
    fn judged(&self, case: Case, outcome: Outcome, more: Vec<Fault>) -> Judged {
        let mut faults = judge(&case, &outcome);
        faults.extend(more);
        if let Some((goldens, report)) = self.goldens.zip(outcome.report()) {
            faults.extend(goldens.check(&case, &report.digest));
        }
        if let (Content::Ready(scenario), Some(report)) = (&case.content, outcome.report()) {
            stories::tell(&mut faults, scenario, &self.options, report.events);
        }
        let again = self.arguments.again(&case);
        let judged = Judged { case, outcome, faults, again };
        if !judged.faults.is_empty() && self.arguments.fail_fast {
            self.stopped.store(true, Ordering::Relaxed);
        }
        let skipped = matches!(judged.outcome.ended, Ended::Skipped(_));
        if self.arguments.format == Format::Json && !skipped {
            self.board.suspend(|| match json::line(&judged, self.arguments.verbose) {
                Ok(line) => print(&line),
                Err(error) => eprintln!("qsim: {error}"),
            });
        }
        judged
    }
}
