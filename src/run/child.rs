//! Runs a case in a process of its own: this program, called with a request on its standard input.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use scenarios::{Limits, RunOptions};
use serde::{Deserialize, Serialize};

use super::case::{self, Case, Content};
use super::outcome::{Ended, Outcome, without_run};
use super::{clock, execute};

/// Name of the hidden command.
const COMMAND: &str = "run-case";

/// What the child is asked for.
#[derive(Serialize, Deserialize)]
struct Request {
    /// Nothing for the embedded scenario.
    path: Option<PathBuf>,
    variant: String,
    seed: u64,
    data: Option<PathBuf>,
    journals: Option<PathBuf>,
    limits: Limits,
}

/// Runs the case in a process with so many threads.
pub fn run(case: &Case, options: &RunOptions, threads: usize) -> Outcome {
    let request = Request {
        path: case.path.clone(),
        variant: case.variant.clone(),
        seed: case.seed,
        data: options.data.clone(),
        journals: options.journals.clone(),
        limits: options.limits,
    };
    let started = clock::now();
    let told = |problem: String| Outcome {
        wall_s: started.elapsed().as_secs_f64(),
        ended: Ended::Error(format!("{}: in a process of its own: {problem}", case.shown_path())),
    };
    match ask(&request, threads) {
        Ok(outcome) => outcome,
        Err(problem) => told(problem),
    }
}

fn ask(request: &Request, threads: usize) -> Result<Outcome, String> {
    let fault = |error: &dyn std::fmt::Display| format!("{error}");
    let request = serde_json::to_vec(request).map_err(|error| fault(&error))?;
    let program = std::env::current_exe().map_err(|error| fault(&error))?;
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| fault(&error))?;
    // The pipe closes behind the request, which is how the child knows its end.
    let written = match child.stdin.take() {
        Some(mut pipe) => pipe.write_all(&request),
        None => Ok(()),
    };
    let output = child.wait_with_output().map_err(|error| fault(&error))?;
    written.map_err(|error| fault(&error))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it said nothing");
        format!("it ended without a result ({}): {last}", output.status)
    })
}

/// The child's side: answers the request on standard output.
pub fn answer() -> ExitCode {
    let mut text = Vec::new();
    let read = std::io::stdin().read_to_end(&mut text).map_err(|error| error.to_string());
    let request = read
        .and_then(|_| serde_json::from_slice::<Request>(&text).map_err(|error| error.to_string()));
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            return crate::misuse(format!(
                "run-case is how qsim calls itself and reads its request from standard input: {error}; use `qsim run`"
            ));
        }
    };
    match serde_json::to_string(&fulfil(&request)) {
        Ok(text) => crate::print(&text),
        Err(error) => return crate::misuse(error),
    }
    ExitCode::SUCCESS
}

fn fulfil(request: &Request) -> Outcome {
    let cases = match &request.path {
        Some(path) => case::of_file(path),
        None => case::embedded().into_iter().collect(),
    };
    let error = |text: String| Outcome::without_run(Ended::Error(text));
    let found = cases.into_iter().find(|case| case.variant == request.variant);
    let Some(mut case) = found else {
        let path = request.path.as_deref().unwrap_or(Path::new("")).display();
        return error(format!("{path}: there is no variant {:?} any more", request.variant));
    };
    if let Some(outcome) = without_run(&case.content) {
        return outcome;
    }
    let options = RunOptions {
        data: request.data.clone(),
        journals: request.journals.clone(),
        limits: request.limits,
        ..RunOptions::default()
    };
    match &mut case.content {
        Content::Ready(scenario) => {
            scenario.seed = request.seed;
            execute::here(scenario, &options, None)
        }
        Content::Unreadable(text, _) | Content::Skipped(text) => error(text.clone()),
    }
}
