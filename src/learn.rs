//! `qsim pipeline learn`: trains trees on journaled outcomes, offline, and says how they compare with a constant
//! on the part of the time that they have not seen, whichever way it falls.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use engine::{Decoder, JournalError, JournalFile};
use models::{LearnSettings, Learned, Sample, learn};
use pipeline::streams::RL_EXPERIENCE;
use serde::Serialize;

use crate::{Format, misuse, print};

/// Arguments of `qsim pipeline learn`.
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Journals that `qsim run --journals` wrote
    #[arg(required = true, value_name = "JOURNAL")]
    journals: Vec<PathBuf>,
    /// Write the model into this file, for `models` of `[pipeline.ai_engine]`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Share of the outcomes, the latest ones, that are held out
    #[arg(long, default_value_t = 0.3)]
    held_out: f64,
    /// Outcomes of either part at least
    #[arg(long, default_value_t = 20)]
    least: usize,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// The comparison, as JSON tells it.
#[derive(Serialize)]
struct Line {
    outcomes: usize,
    held_out: usize,
    base_rate: f64,
    trees: Told,
    constant: Told,
    better: &'static str,
    model: Option<String>,
}

#[derive(Serialize)]
struct Told {
    log_loss: f64,
    brier: f64,
    accuracy: f64,
}

/// Outcomes of journals, each decision once, and how many of them could not be used.
#[derive(Default)]
struct Outcomes {
    samples: Vec<Sample>,
    /// Decisions and the journals that they are of: seeds repeat ids from run to run.
    seen: BTreeSet<(usize, String)>,
    unusable: usize,
}

impl Outcomes {
    fn read(&mut self, number: usize, path: &Path) -> Result<(), JournalError> {
        let mut file = JournalFile::open(path)?;
        while let Some((_, block)) = file.next_block()? {
            let mut decoder = Decoder::new(&block, &[]);
            loop {
                match decoder.next_publication() {
                    Ok(Some((time, entry))) if entry.stream == RL_EXPERIENCE.name => {
                        self.take(number, time.0, &|name| entry.get(name));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        return Err(JournalError::Format {
                            path: path.to_owned(),
                            problem: format!(
                                "{error}; learn from it with the qsim that recorded it"
                            ),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    fn take<'a>(&mut self, journal: usize, time: i64, get: &dyn Fn(&str) -> Option<&'a str>) {
        let number = |name: &str| get(name).and_then(|text| text.parse::<f64>().ok());
        let features =
            get("features").and_then(|text| serde_json::from_str::<[f64; 18]>(text).ok());
        let (Some(features), Some(pnl), Some(action), Some(id)) =
            (features, number("pnl"), get("action"), get("correlation_id"))
        else {
            self.unusable += 1;
            return;
        };
        if self.seen.insert((journal, id.to_owned())) {
            let rose = (pnl > 0.0) == action.eq_ignore_ascii_case("buy");
            self.samples.push(Sample { time, features, rose });
        }
    }
}

/// Learns, prints the comparison and writes the file.
pub fn run(arguments: &LearnArgs) -> ExitCode {
    let mut outcomes = Outcomes::default();
    for (number, path) in arguments.journals.iter().enumerate() {
        if let Err(error) = outcomes.read(number, path) {
            return misuse(error);
        }
    }
    let settings = LearnSettings {
        held_out: arguments.held_out,
        samples_min: arguments.least,
        ..LearnSettings::default()
    };
    let learned = match learn(&outcomes.samples, &settings) {
        Ok(learned) => learned,
        Err(error) => return misuse(error),
    };
    if let Some(path) = &arguments.out
        && let Err(problem) = write(&learned, path)
    {
        return misuse(problem);
    }
    tell(arguments, &learned, outcomes.unusable);
    ExitCode::SUCCESS
}

/// The file appears whole or not at all.
fn write(learned: &Learned, path: &Path) -> Result<(), String> {
    let bytes = learned.file().map_err(|error| error.to_string())?;
    let io = |error: std::io::Error| {
        format!("{}: {error}; give the path of a file that can be written", path.display())
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(io)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    file.persist(path).map(drop).map_err(|error| io(error.error))
}

fn tell(arguments: &LearnArgs, learned: &Learned, unusable: usize) {
    let better = if learned.beats_the_constant() { "trees" } else { "constant" };
    let model = arguments.out.as_ref().map(|path| path.display().to_string());
    if arguments.format == Format::Json {
        let told = |judged: models::Judgement| Told {
            log_loss: judged.log_loss,
            brier: judged.brier,
            accuracy: judged.accuracy,
        };
        let line = Line {
            outcomes: learned.samples,
            held_out: learned.held_out,
            base_rate: learned.base_rate,
            trees: told(learned.trees),
            constant: told(learned.constant),
            better,
            model,
        };
        if let Ok(text) = serde_json::to_string(&line) {
            print(&text);
        }
        return;
    }
    print(&format!(
        "learned from {} outcomes, judged by the {} after them; rises before: {:.1} %",
        learned.samples,
        learned.held_out,
        100.0 * learned.base_rate
    ));
    if unusable > 0 {
        print(&format!("{unusable} outcomes were left out: they tell no features"));
    }
    print("held out    log loss   Brier    right");
    for (name, judged) in [("trees", learned.trees), ("constant", learned.constant)] {
        print(&format!(
            "{name:<10} {:>9.4} {:>7.4} {:>6.1} %",
            judged.log_loss,
            judged.brier,
            100.0 * judged.accuracy
        ));
    }
    print(match better {
        "trees" => "the trees told the held-out part better than the constant",
        _ => {
            "the constant told the held-out part better than the trees: they have learned nothing that lasts"
        }
    });
    if let Some(model) = model {
        print(&format!(
            "written: {model}; use it by models = [{{ name = \"learned\", kind = \"tree\", file = \"{model}\" }}] in [pipeline.ai_engine]"
        ));
    }
}
