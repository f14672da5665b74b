//! `cargo xtask test` installs what the tests need and runs every check that CI runs.

mod clients;
mod research;
mod tests;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// One step: what it is called, and the command.
struct Step {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
}

const BEFORE: &[Step] = &[
    Step { name: "formatting", program: "cargo", arguments: &["fmt", "--all", "--check"] },
    Step {
        name: "lints",
        program: "cargo",
        arguments: &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    },
];

/// The same journal from our code as a release has it. The crates of others are there already.
const OPTIMISED: Step = Step {
    name: "the golden digest, optimised",
    program: "cargo",
    arguments: &[
        "test",
        "--workspace",
        "--all-features",
        "--locked",
        "--config",
        "xtask/optimised.toml",
        "--test",
        "golden",
    ],
};

/// CI ends a run after 90 minutes; the step takes some ten on a slow machine.
const OPTIMISED_UNTIL_S: u64 = 65 * 60;

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("test") => all_checks(),
        Some("clients") => clients::install() && clients::run(),
        Some("research") => research::install() && research::run(),
        Some("optimised") => run(&OPTIMISED),
        Some("install") => install_redis() && clients::install() && research::install(),
        _ => {
            eprintln!(
                "usage: cargo xtask test     install what the tests need, then run every check"
            );
            eprintln!(
                "       cargo xtask clients  only the tests with clients that others wrote (clients/)"
            );
            eprintln!(
                "       cargo xtask research only the metrics' check, the Python package and the report in a browser"
            );
            eprintln!("       cargo xtask optimised only the golden digest from optimised code");
            eprintln!("       cargo xtask install  only install what the tests need");
            return ExitCode::from(2);
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Everything. What other languages' tests need is installed while the compiler works: the one waits for the network, the
/// other for the cores.
fn all_checks() -> bool {
    let started = watch();
    // First and alone: two of Debian's installers would wait for each other's lock, or give up.
    if !install_redis() {
        return false;
    }
    let done = std::thread::scope(|scope| {
        let installed = scope.spawn(|| clients::install() && research::install());
        BEFORE.iter().all(run)
            && tests::run()
            && installed.join().unwrap_or(false)
            && clients::run()
            && research::run()
            && licences()
    });
    let done = done && optimised(started);
    eprintln!("==> all of it took {} s", seconds(started));
    done
}

/// It compiles our code once more. A machine that has been so slow that CI would be ended over it leaves it out, and says so.
fn optimised(started: Instant) -> bool {
    if seconds(started) > OPTIMISED_UNTIL_S {
        eprintln!(
            "==> LEFT OUT: {}: {} s have passed. Run it by itself: cargo xtask optimised",
            OPTIMISED.name,
            seconds(started)
        );
        return true;
    }
    run(&OPTIMISED)
}

/// Where the tests are built.
fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    if target.is_absolute() { target } else { root.join(target) }
}

fn run(step: &Step) -> bool {
    eprintln!("==> {}: {} {}", step.name, step.program, step.arguments.join(" "));
    let started = watch();
    // Nobody builds twice in the folder of a CI run: what incremental builds keep would only be written.
    let worked = clean(&mut Command::new(step.program))
        .args(step.arguments)
        .env("CARGO_INCREMENTAL", std::env::var_os("CARGO_INCREMENTAL").unwrap_or("0".into()))
        .status()
        .is_ok_and(|s| s.success());
    let end = if worked { "took" } else { "FAILED after" };
    eprintln!("==> {} {end} {} s", step.name, seconds(started));
    worked
}

/// Takes away what `cargo run` has told this program of itself: build scripts that look at it would run again, and all
/// that depends on them, when a developer builds without xtask.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

#[allow(clippy::disallowed_methods, reason = "it prints how long a step takes")]
fn watch() -> Instant {
    Instant::now()
}

fn seconds(since: Instant) -> u64 {
    since.elapsed().as_secs()
}

fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

/// A command as root, which asks nothing.
fn as_root(words: &[&str]) -> Command {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    let mut words = words.to_vec();
    if !root {
        words.insert(0, "sudo");
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Runs a step, and prints how long it took.
fn step(what: &str, command: &mut Command) -> bool {
    eprintln!("==> {what}");
    let started = watch();
    let worked = command.status().is_ok_and(|status| status.success());
    let end = if worked { "took" } else { "FAILED after" };
    eprintln!("==> {what} {end} {} s", seconds(started));
    worked
}

/// The bus is compared with a real Redis server; without one the tests cannot say anything.
fn install_redis() -> bool {
    if answers("redis-server") {
        return true;
    }
    eprintln!("==> redis-server is missing: installing it");
    let installed = if answers("apt-get") {
        let worked = |words: &[&str]| as_root(words).status().is_ok_and(|s| s.success());
        worked(&["apt-get", "update", "-qq"])
            && worked(&["apt-get", "install", "-y", "-qq", "redis-server"])
    } else if answers("brew") {
        Command::new("brew").args(["install", "redis"]).status().is_ok_and(|s| s.success())
    } else {
        false
    };
    if !installed || !answers("redis-server") {
        eprintln!(
            "redis-server could not be installed; install Redis 7 by hand and run this again"
        );
        return false;
    }
    true
}

/// The licence and advisory check needs a tool that takes minutes to build: it runs where it is there.
fn licences() -> bool {
    if !answers("cargo-deny") {
        eprintln!("==> licences: skipped, cargo-deny is not installed (cargo install cargo-deny)");
        return true;
    }
    run(&Step {
        name: "licences",
        program: "cargo",
        arguments: &["deny", "check", "licenses", "bans", "sources"],
    })
}
