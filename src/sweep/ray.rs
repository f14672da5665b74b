//! The cluster: trials are run by an existing Ray, through the driver of the Python package.
//!
//! The sampler, the results and the order of things stay here; the driver gets trials as lines and gives results back as
//! lines, in whatever order.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::sweep::{Engine, Sweep, TrialResult, TrialSpec};

/// A Ray cluster.
pub struct Ray {
    /// Its address, such as `auto` or `ray://host:10001`; none begins one on this machine.
    pub address: Option<String>,
    /// The Python that has the package `qsim` and Ray.
    pub python: PathBuf,
    /// The program as the workers find it.
    pub program: PathBuf,
    /// Folder or URL of market data as the workers find it.
    pub data: Option<PathBuf>,
}

impl Engine for Ray {
    #[allow(
        clippy::disallowed_methods,
        reason = "a thread that feeds a pipe; it reaches no result"
    )]
    fn run(
        &self,
        sweep: &Sweep,
        specs: &[TrialSpec],
        stop: &AtomicBool,
        done: &(dyn Fn(TrialResult) + Sync),
    ) -> Result<(), String> {
        if specs.is_empty() {
            return Ok(());
        }
        let mut command = Command::new(&self.python);
        command.args(["-m", "qsim.ray_driver", "--program"]).arg(&self.program);
        if let Some(address) = &self.address {
            command.args(["--address", address]);
        }
        let python = self.python.display();
        let mut driver = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{python}: {error}; name a Python with --python"))?;
        let (Some(mut asked), Some(told)) = (driver.stdin.take(), driver.stdout.take()) else {
            return Err("the driver has no pipes".to_owned());
        };
        let mut text = line(&sweep.order(self.data.clone()))?;
        for spec in specs {
            text.push_str(&line(spec)?);
        }
        // Written beside the reading: neither waits for a pipe that is full.
        let writer = std::thread::spawn(move || asked.write_all(text.as_bytes()));
        let mut answered = 0;
        for told in BufReader::new(told).lines() {
            let told = told.map_err(|error| format!("the driver: {error}"))?;
            let result: TrialResult = serde_json::from_str(&told).map_err(|error| {
                format!("the driver says {told:?}, which is no result: {error}")
            })?;
            answered += 1;
            done(result);
            if stop.load(Ordering::Relaxed) {
                let _ = driver.kill();
                break;
            }
        }
        let ended = driver.wait().map_err(|error| format!("the driver: {error}"))?;
        // A driver that ended early has left the pipe, which its end tells better.
        let _ = writer.join();
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !ended.success() {
            return Err(format!(
                "the driver of Ray ended with {ended} behind {answered} of {} trials; what it said stands above",
                specs.len()
            ));
        }
        match answered == specs.len() {
            true => Ok(()),
            false => Err(format!("the driver gave {answered} of {} results", specs.len())),
        }
    }
}

fn line(value: &impl serde::Serialize) -> Result<String, String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}
