//! The tests with clients that others wrote: ccxt and the official SDK from PyPI, the official crate.
//!
//! They run against the `qsim` binary that the other tests have built. The crate's tree compiles while the
//! Python clients are tested, which wait more than they compute.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{seconds, step, target, watch};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn venv() -> PathBuf {
    target().join("clients-venv")
}

/// Installs the Python clients.
pub fn install() -> bool {
    let (requirements, venv) = (root().join("clients/python/requirements.txt"), venv());
    step("clients: a venv", Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && step(
            "clients: installing the Python clients",
            Command::new(venv.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(requirements),
        )
}

/// Builds and runs; prints how long each took.
pub fn run() -> bool {
    let all = watch();
    let (root, target) = (root(), target());
    let python = root.join("clients/python");
    let qsim = target.join("debug/qsim");
    let rust = |more: &[&str]| {
        let mut command = Command::new("cargo");
        super::clean(&mut command).args(["test", "--locked"]).args(more);
        command.current_dir(root.join("clients/rust")).env("QSIM", &qsim);
        // A folder of its own: its dependencies have other features than ours.
        command.env("CARGO_TARGET_DIR", target.join("clients-rust"));
        command
    };

    // The tests before have built it; to build it here would compile its dependencies again, with other features.
    if !qsim.exists() {
        eprintln!("==> clients: {} is missing: run `cargo test --workspace` first", qsim.display());
        return false;
    }
    let compiling = rust(&["--no-run", "--quiet"]).spawn();
    let python_worked = step(
        "clients: tests with the Python clients",
        Command::new(venv().join("bin/python"))
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
            .current_dir(&python)
            .env("QSIM", &qsim)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    );
    let started = watch();
    let compiled = compiling.and_then(|mut child| child.wait()).is_ok_and(|s| s.success());
    eprintln!("==> clients: waited {} s more for the Rust client to compile", seconds(started));
    let worked =
        compiled && step("clients: tests with the Rust client", &mut rust(&[])) && python_worked;
    eprintln!("==> clients: all of it took {} s", seconds(all));
    worked
}
