//! How fast the clocks of a live test run, and what happens when the machine is too slow for that.
//!
//! A live test's market runs many times as fast as the wall: a machine that stands still for a second, because its host
//! gives the cores to others, loses a minute of it. Such a test says nothing of the code. So each runs in [`steadily`]:
//! it is repeated, with slower clocks, if it has failed and the machine stood still meanwhile, and never otherwise.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "it looks at the wall to see whether it stood still")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A nap of ten milliseconds that lasts for so long shows a machine that stood still.
const STOOD_STILL: Duration = Duration::from_millis(150);
const ATTEMPTS: u32 = 5;
/// How much slower the clocks run, at the most. Tests wait by the wall for what comes by the market's clock.
const SLOWEST: u32 = 12;

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

/// Runs a test. One that fails while the machine stood still is run again with slower clocks; why is printed.
pub fn steadily(test: impl Fn()) {
    for attempt in 1.. {
        let longest = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let before = Instant::now();
                    std::thread::sleep(Duration::from_millis(10));
                    let nap = before.elapsed().as_millis() as u64;
                    longest.fetch_max(nap, Ordering::Relaxed);
                }
            });
            let result = catch_unwind(AssertUnwindSafe(&test));
            over.store(true, Ordering::Relaxed);
            result
        });
        let Err(failure) = result else { return };
        let still = Duration::from_millis(longest.load(Ordering::Relaxed));
        if still < STOOD_STILL || attempt >= ATTEMPTS {
            eprintln!(
                "attempt {attempt} failed; the machine stood still for {still:?} at the most"
            );
            resume_unwind(failure);
        }
        let now = slower().load(Ordering::Relaxed);
        let next = (now * 3).min(SLOWEST);
        slower().fetch_max(next, Ordering::Relaxed);
        eprintln!(
            "attempt {attempt} failed while the machine stood still for {still:?}: again, {next} times slower"
        );
    }
}
