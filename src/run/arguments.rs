//! The options of `qsim run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use scenarios::Limits;

use super::case::Case;
use super::select::{Only, Shard};
use crate::Format;

/// Run scenario files.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct RunArguments {
    /// Scenario files, or folders with files in and below them [default: scenarios]
    pub paths: Vec<PathBuf>,
    /// Folder with imported market data, or its URL in an object store [default: the environment's QSIM_DATA]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Seed, instead of the file's
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write a journal of each run into this folder, for `qsim replay`
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Write the metrics of each run into this folder, as Prometheus reads them
    #[arg(long, value_name = "DIR")]
    pub metrics: Option<PathBuf>,
    /// How results are printed; json: a line a case, as it ends
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Also print the market's digests, assumptions and all figures; json gets market and figures
    #[arg(short, long)]
    pub verbose: bool,

    /// Only cases whose name FILE/VARIANT contains this text; with * ? [] or {}, a pattern for the whole name
    #[arg(long, value_name = "TEXT", help_heading = "Which cases")]
    pub filter: Option<String>,
    /// Only relapses, or only the files as they are
    #[arg(long, value_enum, help_heading = "Which cases")]
    pub only: Option<Only>,
    /// A share of the cases, such as 2/8; each is in exactly one, by its name alone
    #[arg(long, value_name = "K/N", help_heading = "Which cases")]
    pub shard: Option<Shard>,
    /// Print the names of the cases and run none
    #[arg(long, help_heading = "Which cases")]
    pub list: bool,

    /// Runs at once [default: one a processor]; changes no result
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "How they run")]
    pub threads: Option<usize>,
    /// Begin no other case once one is not as it should be
    #[arg(long, help_heading = "How they run")]
    pub fail_fast: bool,
    /// Wall time that a case may take, such as 60s or 500ms; looked at between slices, 200 of them a run
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "How they run")]
    pub time_limit: Option<Duration>,
    /// Resident memory that a case may hold, such as 512M; it then runs in a process of its own, all of which is
    /// measured, between slices
    #[arg(long, value_name = "SIZE", value_parser = mebibytes, help_heading = "How they run")]
    pub memory_limit: Option<u64>,
    /// Run each case in a process of its own
    #[arg(long, help_heading = "How they run")]
    pub isolate: bool,
    /// Run each case in two processes with unlike numbers of threads, and compare
    #[arg(long, help_heading = "How they run")]
    pub twice: bool,

    /// Golden digests, which the runs are held against [default: scenarios/goldens.toml, if it is there]
    #[arg(long, value_name = "FILE", help_heading = "Golden digests")]
    pub goldens: Option<PathBuf>,
    /// Write the golden digests of the cases that ran
    #[arg(long, help_heading = "Golden digests")]
    pub accept: bool,

    /// Write JUnit XML
    #[arg(long, value_name = "FILE", help_heading = "Results for machines")]
    pub junit: Option<PathBuf>,
    /// Write SARIF 2.1.0, for code scanning
    #[arg(long, value_name = "FILE", help_heading = "Results for machines")]
    pub sarif: Option<PathBuf>,
    /// Write the lines of `--format json`, in the order of the suite
    #[arg(long, value_name = "FILE", help_heading = "Results for machines")]
    pub jsonl: Option<PathBuf>,
    /// Print annotations for GitHub's actions, and add to the job's summary
    #[arg(long, help_heading = "Results for machines")]
    pub github: bool,
}

/// What scripts may rely on.
const EXIT_CODES: &str = "\
A relapse is a variant that brings an incident back: it has to fail, at the expectation it names.
Nothing is tried a second time: a case that ends otherwise the second time is a fault, and --twice finds it.

Exit codes:
  0  every case is as it should be (also if none is in the shard)
  1  a check failed: an expectation, a relapse, a limit, a golden digest, --twice
  2  misuse, bad input or a bug of qsim; a file that cannot be read, or a result that cannot be
     written, keeps the other cases from nothing, and gives 2 whatever else failed";

impl RunArguments {
    /// The limits of the command line.
    pub fn limits(&self) -> Limits {
        Limits { wall_s: self.time_limit.map(|t| t.as_secs_f64()), memory_mb: self.memory_limit }
    }

    /// The command that runs a case alone, again.
    pub fn again(&self, case: &Case) -> String {
        let mut words = vec!["qsim".to_owned(), "run".to_owned()];
        if case.path.is_some() {
            words.extend([case.shown_path(), "--filter".to_owned(), case.label()]);
        }
        if let Some(seed) = self.seed {
            words.extend(["--seed".to_owned(), seed.to_string()]);
        }
        if let Some(data) = &self.data {
            words.extend(["--data".to_owned(), data.display().to_string()]);
        }
        // A word with a NUL has no quoted form, and no path has one.
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}

fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "give a number from 1 to 1024".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "give a time above 0, such as 60s, 500ms or 5m".to_owned();
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(wrong()),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| wrong())? * factor;
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if time.is_zero() { Err(wrong()) } else { Ok(time) }
}

fn mebibytes(text: &str) -> Result<u64, String> {
    let wrong = || "give a size above 0, such as 512M or 2G".to_owned();
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "M" | "MB" | "MiB" => 1,
        "G" | "GB" | "GiB" => 1024,
        _ => return Err(wrong()),
    };
    let number = number.trim().parse::<u64>().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|size| *size > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(time("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["60", "0s", "-1s", "s", "NaNs", "1d", "1e30h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(mebibytes("512M"), Ok(512));
        assert_eq!(mebibytes("2G"), Ok(2048));
        for wrong in ["512", "0M", "1.5G", "99999999999999999999G"] {
            assert!(mebibytes(wrong).is_err(), "{wrong}");
        }
    }
}
