//! What the researcher's tools are held against: the metrics against an independent implementation, the Python package with its
//! notebook and a Ray cluster, the report's page in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{answers, as_root, seconds, step, target, watch};

/// The native half of the Python package, as a test build leaves it.
const NATIVE: &str = "debug/deps/libqsim_python.so";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn inside(program: &str) -> PathBuf {
    target().join("research-venv/bin").join(program)
}

fn npm(words: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(words).current_dir(root().join("reports/web"));
    command
}

fn pip(requirements: &str) -> Command {
    let mut command = Command::new(inside("pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements);
    command.current_dir(root());
    command
}

/// Installs the independent metrics, what the Python package is tested with, Chromium, and what builds the page.
pub fn install() -> bool {
    let venv = target().join("research-venv");
    step("research: a venv", Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && step(
            "research: installing the independent metrics",
            &mut pip("reports/checks/requirements.txt"),
        )
        && step(
            "research: installing what the Python package is tested with",
            &mut pip("python/tests/requirements.txt"),
        )
        && install_chromium()
        && step(
            "research: installing what builds the page",
            &mut npm(&["ci", "--no-audit", "--no-fund"]),
        )
}

/// Runs what has been installed; prints how long each took.
pub fn run() -> bool {
    let all = watch();
    let (root, target) = (root(), target());
    let pytest = |folder: &str| {
        let mut command = Command::new(inside("python"));
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder]).current_dir(root);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    // Built by the tests before: another selection of packages would compile their dependencies again.
    let metrics = target.join("debug/examples/metrics_of");
    let needed = [metrics.clone(), target.join("debug/qsim"), target.join(NATIVE)];
    if let Some(missing) = needed.iter().find(|program| !program.exists()) {
        eprintln!(
            "==> research: {} is missing: run `cargo test --workspace --all-features` first",
            missing.display()
        );
        return false;
    }
    let worked =
        step(
            "research: metrics against empyrical and pandas",
            pytest("reports/checks").env("METRICS_OF", &metrics),
        ) && step(
            "research: the Python package, its notebook, a sweep on Ray",
            pytest("python/tests")
                .env("QSIM", target.join("debug/qsim"))
                .env("QSIM_NATIVE", target.join(NATIVE)),
        ) && step("research: the page is what its sources make", &mut npm(&["run", "check"]))
            && step("research: the page in Chromium", &mut npm(&["test"]));
    eprintln!("==> research: all of it took {} s", seconds(all));
    worked
}

fn install_chromium() -> bool {
    if answers("chromium") {
        return true;
    }
    if !answers("apt-get") {
        eprintln!("chromium is missing: install it by hand and run this again");
        return false;
    }
    step("research: the list of packages", &mut as_root(&["apt-get", "update", "-qq"]))
        && step(
            "research: installing Chromium",
            &mut as_root(&[
                "apt-get",
                "install",
                "-y",
                "-qq",
                "--no-install-recommends",
                "chromium",
            ]),
        )
}
