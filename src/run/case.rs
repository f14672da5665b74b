//! Cases: what a suite consists of. A file gives the default one and one for each of its variants.

use std::path::{Path, PathBuf};

use scenarios::{Expected, Limits, Place, Scenario, ScenarioError};

/// Name of the case that a file is without any variant.
pub const DEFAULT: &str = "default";

/// One case of the suite.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file's part of its name: the path without `scenarios/` in front and `.toml` behind.
    pub file: String,
    /// The variant's part of its name.
    pub variant: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Where it was read from; nothing for the embedded scenario.
    pub path: Option<PathBuf>,
    /// Whether it brings an incident back, and therefore has to fail.
    pub relapse: bool,
    /// The expectation at which a relapse has to fail.
    pub fails: Option<String>,
    /// What its verdict should be.
    pub expected: Expected,
    /// Seed of the run.
    pub seed: u64,
    /// What it may cost.
    pub limits: Limits,
    /// What is run, or why nothing can be.
    pub content: Content,
}

/// What a case has to run.
#[derive(Clone, Debug)]
pub enum Content {
    /// A scenario.
    Ready(Box<Scenario>),
    /// The file is none: the message, with the line if it is known.
    Unreadable(String, Option<usize>),
    /// It needs what this machine has not.
    Skipped(String),
}

impl Case {
    /// Its name in the suite.
    pub fn label(&self) -> String {
        format!("{}/{}", self.file, self.variant)
    }

    /// What messages of its run begin with, and what its journal is named after.
    pub fn title(&self) -> String {
        match self.variant.as_str() {
            DEFAULT => self.scenario.clone(),
            variant => format!("{}/{variant}", self.scenario),
        }
    }

    /// The file as results name it: with slashes on every system, below the folder that the command ran in.
    pub fn shown_path(&self) -> String {
        self.path.as_deref().map_or_else(|| "flash_crash.toml".to_owned(), below_here)
    }

    /// File and line of an expectation; without one known the beginning of the case's own file.
    pub fn place_of(&self, expectation: &str) -> (String, usize) {
        match &self.content {
            Content::Ready(scenario) => {
                let named = scenario.expect.iter().find(|one| one.name == expectation);
                self.place(named.map(|one| &one.place))
            }
            Content::Unreadable(_, line) => (self.shown_path(), line.unwrap_or(1)),
            Content::Skipped(_) => self.place(None),
        }
    }

    /// As results name a place.
    pub fn place(&self, place: Option<&Place>) -> (String, usize) {
        match place.filter(|place| place.line > 0) {
            Some(place) => (below_here(Path::new(&place.file)), place.line),
            None => (self.shown_path(), 1),
        }
    }

    /// Length of the run, as far as it is known.
    pub fn virtual_seconds(&self) -> u64 {
        match &self.content {
            Content::Ready(scenario) => scenario.virtual_seconds().unwrap_or(0),
            _ => 0,
        }
    }
}

/// The path without the current folder, if it lies below.
fn below_here(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let short = path.strip_prefix(&here).unwrap_or(path);
    let short = short.to_string_lossy().replace('\\', "/");
    short.strip_prefix("./").map(str::to_owned).unwrap_or(short)
}

/// The file's part of a name: the same however the file was named on the command line.
fn file_label(path: &Path) -> String {
    let path = below_here(path);
    let path = path.strip_prefix("scenarios/").unwrap_or(&path);
    path.strip_suffix(".toml").unwrap_or(path).to_owned()
}

/// The cases of a file. A file that is no scenario is one case, so that it appears in the results.
pub fn of_file(path: &Path) -> Vec<Case> {
    let file = file_label(path);
    let unreadable = |error: ScenarioError| {
        let line = match &error {
            ScenarioError::Text { line, .. } => Some(*line),
            _ => None,
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        vec![Case {
            file: file.clone(),
            variant: DEFAULT.to_owned(),
            scenario: stem,
            path: Some(path.to_owned()),
            relapse: false,
            fails: None,
            expected: Expected::Pass,
            seed: 0,
            limits: Limits::default(),
            content: Content::Unreadable(error.to_string(), line),
        }]
    };
    let read = match Scenario::read_cases(path) {
        Ok(read) => read,
        Err(error) => return unreadable(error),
    };
    let case = |scenario| of_scenario(scenario, file.clone(), Some(path.to_owned()));
    read.into_iter().map(case).collect()
}

fn of_scenario(scenario: Scenario, file: String, path: Option<PathBuf>) -> Case {
    let variant = Some(scenario.variant.clone()).filter(|variant| !variant.is_empty());
    Case {
        file,
        variant: variant.unwrap_or_else(|| DEFAULT.to_owned()),
        scenario: scenario.name.clone(),
        path,
        relapse: scenario.relapse,
        fails: Some(scenario.fails.clone()).filter(|fails| !fails.is_empty()),
        expected: if scenario.relapse { Expected::Fail } else { scenario.expected },
        seed: scenario.seed,
        limits: scenario.limits,
        content: Content::Ready(Box::new(scenario)),
    }
}

/// The scenario that comes with the program.
pub fn embedded() -> Result<Case, ScenarioError> {
    let scenario = scenarios::embedded()?;
    let name = scenario.name.clone();
    Ok(of_scenario(scenario, name, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name_however_it_is_called() {
        let here = std::env::current_dir().expect("a folder");
        for path in ["scenarios/stress/a.toml", "./scenarios/stress/a.toml"] {
            assert_eq!(file_label(Path::new(path)), "stress/a");
        }
        assert_eq!(file_label(&here.join("scenarios/stress/a.toml")), "stress/a");
        assert_eq!(file_label(Path::new("mine/a.toml")), "mine/a");
    }
}
