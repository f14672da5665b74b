//! What the researcher's tools are held against: the metrics against an independent implementation, the Python package with its
//! notebook and a Ray cluster, the report's page in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{answers, as_root, seconds, step, watch};

/// The native half of the Python package, as a test build leaves it.
const NATIVE: &str = "debug/deps/libqsim_python.so";

/// Installs and runs; prints how long each took.
pub fn run() -> bool {
    let all = watch();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let target = if target.is_absolute() { target } else { root.join(target) };
    let venv = target.join("research-venv");
    let inside = |program: &str| venv.join("bin").join(program);
    let pytest = |folder: &str| {
        let mut command = Command::new(inside("python"));
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", folder]).current_dir(root);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let web = root.join("reports/web");
    let npm = |words: &[&str]| {
        let mut command = Command::new("npm");
        command.args(words).current_dir(&web);
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
    let worked = step("research: a venv", Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && step(
            "research: installing the independent metrics",
            Command::new(inside("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(["-r", "reports/checks/requirements.txt"])
                .current_dir(root),
        )
        && step(
            "research: metrics against empyrical and pandas",
            pytest("reports/checks").env("METRICS_OF", &metrics),
        )
        && step(
            "research: installing what the Python package is tested with",
            Command::new(inside("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(["-r", "python/tests/requirements.txt"])
                .current_dir(root),
        )
        && step(
            "research: the Python package, its notebook, a sweep on Ray",
            pytest("python/tests")
                .env("QSIM", target.join("debug/qsim"))
                .env("QSIM_NATIVE", target.join(NATIVE)),
        )
        && install_chromium()
        && step(
            "research: installing what builds the page",
            &mut npm(&["ci", "--no-audit", "--no-fund"]),
        )
        && step("research: the page is what its sources make", &mut npm(&["run", "check"]))
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
