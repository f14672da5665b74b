//! Our own tests: built once, then those of live sessions beside all others, because a session waits more than it computes.

use std::fs::File;
use std::process::{Command, Stdio};

use super::{clean, seconds, target, watch};

/// With all features, and always this selection: another one would compile most of the tree again. What the features leave
/// out when they are off is seen by the lints.
const SELECTION: [&str; 5] =
    ["test", "--workspace", "--all-features", "--locked", "--no-fail-fast"];
/// Every test program but the live ones. Cargo knows no "all but": names that do not begin with an l, li, liv.
const OTHERS: [&str; 9] =
    ["--lib", "--bins", "--examples", "--test", "[!l]*", "--test", "l[!i]*", "--test", "li[!v]*"];
/// The clocks of live sessions run slower than by default, so that they keep pace beside the other tests.
const SLOWER: &str = "4";
/// How many live tests run at once: sessions that wait leave the cores to each other.
const LIVE_AT_ONCE: &str = "6";

/// Builds and runs all; prints how long each part took. The live tests' output comes behind that of the others.
pub fn run() -> bool {
    super::step("tests: building them", cargo().arg("--no-run").arg("--quiet"))
        && side_by_side()
        && super::step("tests: examples in the documentation", cargo().arg("--doc").arg("--quiet"))
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    clean(&mut command).args(SELECTION);
    command.env("CARGO_INCREMENTAL", std::env::var_os("CARGO_INCREMENTAL").unwrap_or("0".into()));
    command
}

fn side_by_side() -> bool {
    let started = watch();
    let written = target().join("live-tests.txt");
    let Ok((out, err)) = File::create(&written).and_then(|file| Ok((file.try_clone()?, file)))
    else {
        eprintln!("==> tests: {} cannot be written", written.display());
        return false;
    };
    let mut live = cargo();
    live.args(["--test", "live*", "--", "--test-threads", LIVE_AT_ONCE])
        .env("QSIM_TEST_SLOWER", SLOWER)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    let live = live.spawn();
    let others = super::step("tests: all but the live sessions", cargo().args(OTHERS));
    let live = live.and_then(|mut child| child.wait()).is_ok_and(|status| status.success());
    let said = std::fs::read_to_string(&written).unwrap_or_default();
    eprintln!("==> tests: live sessions, beside the others\n{said}");
    let end = if live { "took" } else { "FAILED after" };
    eprintln!("==> tests: live sessions {end} {} s", seconds(started));
    live && others
}
