//! Runs the built `qsim` in a folder of its own and reads what it printed.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

pub mod chain;
pub mod faulted;
pub mod pace;
pub mod served;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// The built program.
pub const QSIM: &str = env!("CARGO_BIN_EXE_qsim");
/// The scenario that is embedded in the program.
pub const FLASH_CRASH: &str = include_str!("../../scenarios/flash_crash.toml");

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Asserts the exit code, with all that was printed if it is another one.
    pub fn expect_code(self, code: i32) -> Output {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Standard output as one JSON object a line.
    pub fn lines(&self) -> Vec<Json> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Standard output as one JSON object.
    pub fn json(&self) -> Json {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:#?}");
        lines.into_iter().next().expect("one line")
    }
}

/// Runs `program` in `folder`, without the user's `QSIM_DATA`.
pub fn run_program<S: AsRef<OsStr>>(
    program: &Path,
    folder: &Path,
    environment: &[(&str, &str)],
    arguments: &[S],
) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove("QSIM_DATA");
    command.envs(environment.iter().copied());
    let output = command.output().expect("the program starts");
    Output {
        code: output.status.code().expect("the program ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A temporary folder to run `qsim` in.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file, with the folders above it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, content).expect("written");
        path
    }

    /// Runs `qsim` here.
    pub fn qsim<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        run_program(Path::new(QSIM), self.root(), &[], arguments)
    }

    /// Runs one scenario with `--format json` and gives its line.
    pub fn run_json(&self, scenario: &str) -> Json {
        self.qsim(&["run", scenario, "--format", "json"]).expect_code(0).json()
    }

    /// All files below, with their bytes, sorted by path.
    pub fn snapshot(&self, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    let bytes = std::fs::read(&path).expect("readable");
                    found.push((path, bytes));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(name), &mut found);
        found.sort();
        found
    }
}

/// The text of a key of a JSON object.
pub fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_else(|| panic!("no text {key:?} in {json}"))
}
