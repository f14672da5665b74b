//! Runs one case in this process, within its limits.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use engine::Nanos;
use scenarios::{Limits, Progress, RunOptions, Scenario, ScenarioError};

use super::board::Row;
use super::clock;
use super::outcome::{Ended, Outcome};

const MEBIBYTE: u64 = 1 << 20;

/// Watches a run: tells the board, and stops it at its limits.
struct Guard<'a> {
    row: Option<&'a Row<'a>>,
    limits: Limits,
    started: Instant,
    at: AtomicU64,
}

impl Progress for Guard<'_> {
    fn advanced(&self, virtual_seconds: u64, events: u64, now: Nanos) {
        self.at.store(now.0.unsigned_abs(), Ordering::Relaxed);
        if let Some(row) = self.row {
            row.advanced(virtual_seconds, events, &now);
        }
    }

    fn stop(&self) -> Option<String> {
        let at = Nanos(self.at.load(Ordering::Relaxed) as i64);
        let wall_s = self.started.elapsed().as_secs_f64();
        if let Some(limit) = self.limits.wall_s.filter(|limit| wall_s > *limit) {
            return Some(format!(
                "time limit: {limit} s of wall time are over, and the run has come to {at}; give it more with --time-limit or [limits] wall_s, or shorten the scenario"
            ));
        }
        let limit = self.limits.memory_mb?;
        // Where the system does not tell, there is nothing to hold the limit against.
        let used = memory_stats::memory_stats()?.physical_mem as u64 / MEBIBYTE;
        (used > limit).then(|| {
            format!(
                "memory limit: its process holds more than {limit} MiB at {at}; give it more with --memory-limit or [limits] memory_mb, or shorten the scenario"
            )
        })
    }
}

/// Runs it. A panic is a bug of the program: it ends this case, and the others lose nothing by it.
pub fn here(
    scenario: &Scenario,
    options: &RunOptions,
    limits: Limits,
    row: Option<&Row<'_>>,
) -> Outcome {
    let started = clock::now();
    let guard = Guard { row, limits, started, at: AtomicU64::new(0) };
    let run = AssertUnwindSafe(|| scenarios::run(scenario, options, &guard));
    let ended = match std::panic::catch_unwind(run) {
        Ok(Ok(report)) => Ended::Report(Box::new(report)),
        Ok(Err(ScenarioError::Stopped { origin, problem })) => {
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
