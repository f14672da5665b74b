//! What every bus must do, whatever it is made of. The tests of `engine` run it on the bus in memory and on
//! tapes, those of `live` on a real server.

// Helpers of tests outside of test functions, where a failed assumption may end it. Not every test that
// includes this uses all of it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, dead_code)]

pub mod cases;
pub mod ops;
pub mod show;

use engine::{Bus, Nanos};

engine::record! {
    /// A permit, as services keep it.
    pub struct Permit {
        /// Whose.
        pub symbol: engine::Symbol = "symbol",
        /// How much.
        pub qty: f64 = "qty",
        /// Absent when nobody says.
        pub reason: Option<String> = "reason",
    }
    /// Another type with other fields.
    pub struct Beat {
        /// How many so far.
        pub count: i64 = "count",
    }
}

/// Whose time a bus goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// What it is told.
    Virtual,
    /// Its server's.
    Real,
}

/// A bus with a clock.
pub struct Stage<B> {
    pub bus: B,
    pub now: Nanos,
    time: Time,
}

impl<B: Bus> Stage<B> {
    pub fn new(bus: B, time: Time) -> Stage<B> {
        Stage { bus, now: Nanos::from_secs(1_000), time }
    }

    /// Lets time pass until something holds; after ten seconds it fails.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut B, Nanos) -> bool) {
        let step = Nanos::from_millis(10);
        for _ in 0..1_000 {
            if holds(&mut self.bus, self.now) {
                return;
            }
            self.now += step;
            if self.time == Time::Real {
                #[allow(clippy::disallowed_methods)] // A real server needs real time.
                std::thread::sleep(std::time::Duration::from_nanos(step.0 as u64));
            }
        }
        panic!("{what}: not after 10 s");
    }
}
