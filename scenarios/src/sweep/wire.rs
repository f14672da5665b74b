//! A sweep on its way to another process: lines of JSON. The first tells the sweep, each further one a trial; each line back is
//! a result.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::template::Template;
use super::{Sweep, SweepFile, TrialSpec};
use crate::{RunOptions, ScenarioError, SharedMarkets};

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepOrder {
    /// The sweep file.
    pub file: SweepFile,
    /// Where its scenario comes from, for messages.
    pub origin: String,
    /// The scenario with all that it includes, as TOML.
    pub scenario: String,
    /// Folder with market data, as the worker finds it.
    pub data: Option<PathBuf>,
    /// Version of the program that asks: another one would run other trials.
    pub version: String,
}

/// Why a worker stops.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// What came is no sweep, or no trial of it.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The sweep cannot be read here.
    #[error(transparent)]
    Sweep(#[from] ScenarioError),
    /// Nobody asks, or nobody listens any more.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Sweep {
    /// What another process has to know to run trials of it.
    pub fn order(&self, data: Option<PathBuf>) -> SweepOrder {
        SweepOrder {
            file: self.file.clone(),
            origin: self.template.origin().to_owned(),
            scenario: self.template.text(),
            data,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Runs trials as they are asked for, until nobody asks any more.
///
/// # Errors
/// The lines, or the sweep that they tell. What goes wrong in a trial stands in its result.
pub fn work(asked: impl BufRead, mut told: impl Write, worker: &str) -> Result<(), WorkerError> {
    let mut lines = asked.lines().enumerate();
    let Some((_, first)) = lines.next() else { return Ok(()) };
    let fault = |line: usize, problem: String| WorkerError::Line { line: line + 1, problem };
    let order: SweepOrder =
        serde_json::from_str(&first?).map_err(|error| fault(0, format!("no sweep: {error}")))?;
    let own = env!("CARGO_PKG_VERSION");
    if order.version != own {
        let problem = format!(
            "the sweep is run by version {}, and this worker is version {own}: give both the same",
            order.version
        );
        return Err(fault(0, problem));
    }
    let template = Template::of_text(&order.origin, &order.scenario)?;
    let sweep = Sweep::with(order.file, &order.origin, template)?;
    let shared = Some(SharedMarkets::default());
    let options = RunOptions { data: order.data, shared, ..RunOptions::default() };
    for (line, text) in lines {
        let text = text?;
        if text.trim().is_empty() {
            continue;
        }
        let spec: TrialSpec = serde_json::from_str(&text)
            .map_err(|error| fault(line, format!("no trial: {error}")))?;
        let mut result = sweep.trial(&spec, &options);
        worker.clone_into(&mut result.worker);
        let text = serde_json::to_string(&result).map_err(std::io::Error::other)?;
        writeln!(told, "{text}")?;
        told.flush()?;
    }
    Ok(())
}
