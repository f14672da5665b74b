//! What a process has used: time, processor time of all its threads, memory.

use std::time::Instant;

/// Linux counts processor time in hundredths of a second for all programs.
const TICK_S: f64 = 0.01;

/// A file of `/proc/self`; nothing on other systems.
fn proc_file(name: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/self/{name}")).ok()
}

/// Peak of resident memory.
pub fn peak_kb() -> Option<u64> {
    let status = proc_file("status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Of all threads; zero where the system does not tell.
fn cpu_s() -> f64 {
    let ticks = || {
        let stat = proc_file("stat")?;
        // The program's name, in brackets, may hold blanks. Of what follows, the 12th and the 13th.
        let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        Some(next()? + next()?)
    };
    ticks().unwrap_or(0) as f64 * TICK_S
}

/// A moment from which time is measured.
pub struct Spent {
    wall: Instant,
    cpu_s: f64,
}

impl Spent {
    #[allow(clippy::disallowed_methods)] // It measures, it does not simulate.
    pub fn now() -> Spent {
        Spent { wall: Instant::now(), cpu_s: cpu_s() }
    }

    /// Seconds since then, on the clock and of the processor.
    pub fn until_now(&self) -> (f64, f64) {
        (self.wall.elapsed().as_secs_f64(), cpu_s() - self.cpu_s)
    }
}
