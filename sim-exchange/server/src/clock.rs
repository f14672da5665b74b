//! The venue's time: the wall's, faster than the wall, or standing until it is moved.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::Nanos;

/// How the venue's time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The system's time.
    Wall,
    /// It begins where the exchange begins, and goes so many times as fast as the wall's.
    Speed(u32),
    /// It begins where the exchange begins, and stands still until an admin route moves it.
    Stepped,
}

/// The clock. It never goes back.
#[derive(Debug)]
pub(crate) struct VenueClock {
    mode: ClockMode,
    /// What it showed at `since`, or shows for good while it stands.
    base: Nanos,
    /// None while it stands.
    since: Option<Instant>,
}

impl VenueClock {
    /// A clock that shows `start` (or the system's time, if that is later, on the wall's clock) and stands.
    pub(crate) fn standing(mode: ClockMode, start: Nanos) -> VenueClock {
        let base = if mode == ClockMode::Wall { start.max(system()) } else { start };
        VenueClock { mode, base, since: None }
    }

    /// It goes from now on, unless it is stepped.
    #[allow(clippy::disallowed_methods, reason = "the edge: the venue's time follows the wall's")]
    pub(crate) fn go(&mut self) {
        if self.mode == ClockMode::Stepped || self.since.is_some() {
            return;
        }
        if self.mode == ClockMode::Wall {
            self.base = self.base.max(system());
        }
        self.since = Some(Instant::now());
    }

    /// What it shows.
    pub(crate) fn now(&self) -> Nanos {
        let Some(since) = self.since else { return self.base };
        let passed = i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX);
        self.base.saturating_add(Nanos(passed.saturating_mul(self.speed())))
    }

    fn speed(&self) -> i64 {
        match self.mode {
            ClockMode::Speed(times) => i64::from(times.max(1)),
            ClockMode::Wall | ClockMode::Stepped => 1,
        }
    }

    /// It shows `now` and goes on, or stands, in `mode`.
    #[allow(clippy::disallowed_methods, reason = "the edge: the venue's time follows the wall's")]
    pub(crate) fn set_mode(&mut self, mode: ClockMode) {
        let goes = self.since.is_some() || self.mode == ClockMode::Stepped;
        self.base = self.now();
        self.mode = mode;
        self.since = (goes && mode != ClockMode::Stepped).then(Instant::now);
    }

    /// Moves a clock that stands; it never goes back.
    pub(crate) fn step_to(&mut self, time: Nanos) {
        if self.since.is_none() {
            self.base = self.base.max(time);
        }
    }

    /// Whether it goes by itself.
    pub(crate) fn goes(&self) -> bool {
        self.since.is_some()
    }

    pub(crate) fn mode(&self) -> ClockMode {
        self.mode
    }

    /// How long the wall has to wait until it shows `time`; none while it stands.
    pub(crate) fn wait(&self, time: Nanos) -> Option<Duration> {
        self.since?;
        let left = (time - self.now()).0.max(0);
        // Rounded up, so that who has waited finds the time reached.
        Some(Duration::from_nanos((left as u64).div_ceil(self.speed() as u64)))
    }
}

#[allow(clippy::disallowed_methods, reason = "the edge: live time is the wall's")]
pub(crate) fn system() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
