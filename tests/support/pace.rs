//! How fast the clocks of a live test run, and what happens when the machine is too slow for that.
//!
//! A live test's market runs many times as fast as the wall: a machine that stands still for a second, because its host
//! gives the cores to others, or because its disk takes no more, loses a minute of it. Such a test says nothing of the code.
//! So each runs in [`steadily`]: it is repeated, with slower clocks, if it has failed and the machine stood still meanwhile,
//! and never otherwise. `QSIM_TEST_SLOWER` makes all clocks so many times slower from the start.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "it looks at the wall to see whether it stood still")]

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A nap of ten milliseconds that lasts for so long shows a machine that stood still.
const STOOD_STILL: Duration = Duration::from_millis(150);
const ATTEMPTS: u32 = 5;
/// How much slower the clocks run, at the most. Tests wait by the wall for what comes by the market's clock.
const SLOWEST: u32 = 12;

/// How often the disk is looked at, in naps.
const NAPS_A_WRITE: u32 = 20;

/// How many times slower than usual the clocks of this process run; it only grows.
fn slower() -> &'static AtomicU32 {
    static SLOWER: OnceLock<AtomicU32> = OnceLock::new();
    SLOWER.get_or_init(|| {
        let asked = std::env::var("QSIM_TEST_SLOWER").ok().and_then(|n| n.parse().ok());
        AtomicU32::new(asked.unwrap_or(1).clamp(1, SLOWEST))
    })
}

/// The speed to run a clock at that usually runs `usual` times as fast as the wall.
pub fn speed(usual: u32) -> u32 {
    (usual / slower().load(Ordering::Relaxed)).max(1)
}

/// How long before the market's first instant a clock begins, to leave the session so long to start, by the wall.
pub fn lead(wall_s: u32, speed: u32) -> String {
    format!("{}s", wall_s * speed)
}

/// A condition that does not come in this time will not come.
pub fn patience() -> Duration {
    Duration::from_secs(60) * slower().load(Ordering::Relaxed)
}

/// The longest time for which a nap, or a small write to the disk, has lasted since it began to look.
struct Watch {
    longest_ms: AtomicU64,
    over: AtomicBool,
}

impl Watch {
    fn look(&self) {
        let file = tempfile::tempfile().ok();
        for nap in 0_u32.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let before = Instant::now();
            std::thread::sleep(Duration::from_millis(10));
            if let Some(mut file) = file.as_ref().filter(|_| nap % NAPS_A_WRITE == 0) {
                let _ = file.write_all(b"looks").and_then(|()| file.sync_data());
            }
            let lasted = before.elapsed().as_millis() as u64;
            self.longest_ms.fetch_max(lasted, Ordering::Relaxed);
        }
    }
}

/// Runs a test. One that fails while the machine stood still is run again with slower clocks; why is printed.
pub fn steadily(test: impl Fn()) {
    for attempt in 1.. {
        let watch = Watch { longest_ms: AtomicU64::new(0), over: AtomicBool::new(false) };
        let result = std::thread::scope(|scope| {
            scope.spawn(|| watch.look());
            let result = catch_unwind(AssertUnwindSafe(&test));
            watch.over.store(true, Ordering::Relaxed);
            result
        });
        let Err(failure) = result else { return };
        let still = Duration::from_millis(watch.longest_ms.load(Ordering::Relaxed));
        if attempt >= ATTEMPTS || still < STOOD_STILL {
            eprintln!(
                "attempt {attempt} failed; the machine stood still for {still:?} at the most"
            );
            resume_unwind(failure);
        }
        let now = slower().load(Ordering::Relaxed);
        let next = (now * 3).min(SLOWEST);
        slower().fetch_max(next, Ordering::Relaxed);
        // Past the harness, which keeps what is printed in the end of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "REPEATED: attempt {attempt} of {:?} failed, and the machine stood still for {still:?}; again, {next} times slower than usual",
            std::thread::current().name().unwrap_or_default()
        );
    }
}
