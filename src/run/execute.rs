//! Runs one case in this process, within its limits.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use engine::Nanos;
use scenarios::{Progress, RunOptions, Scenario, ScenarioError};

use super::board::Row;
use super::clock;
use super::outcome::{Ended, Outcome};

const MEBIBYTE: u64 = 1 << 20;

/// Watches a run: tells the board how far it is, and the run what it takes.
struct Guard<'a> {
    row: Option<&'a Row<'a>>,
    started: Instant,
}

impl Progress for Guard<'_> {
    fn advanced(&self, virtual_seconds: u64, events: u64, now: Nanos) {
        if let Some(row) = self.row {
            row.advanced(virtual_seconds, events, &now);
        }
    }

    fn wall_seconds(&self) -> Option<f64> {
        Some(self.started.elapsed().as_secs_f64())
    }

    fn memory_mb(&self) -> Option<u64> {
        // Of the whole process: whoever wants the case's own runs it in one of its own. Where the system does
        // not tell, there is nothing to hold a limit against.
        memory_stats::memory_stats().map(|used| used.physical_mem as u64 / MEBIBYTE)
    }
}

/// Runs it. A panic is a bug of the program: it ends this case, and the others lose nothing by it.
pub fn here(scenario: &Scenario, options: &RunOptions, row: Option<&Row<'_>>) -> Outcome {
    let started = clock::now();
    let guard = Guard { row, started };
    let run = AssertUnwindSafe(|| scenarios::run(scenario, options, &guard));
    let ended = match std::panic::catch_unwind(run) {
        Ok(Ok(report)) => Ended::Report(Box::new(report)),
        Ok(Err(ScenarioError::Limit { origin, problem })) => {
            Ended::Limit(format!("{origin}: {problem}"))
        }
        Ok(Err(error)) => Ended::Error(error.to_string()),
        Err(panic) => Ended::Bug(format!(
            "{}: a bug in qsim ended the run: {}; please report it with this file",
            scenario.origin,
            words(panic.as_ref())
        )),
    };
    Outcome { wall_s: started.elapsed().as_secs_f64(), ended }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
