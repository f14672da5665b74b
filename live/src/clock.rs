//! The wall clock, at its own pace or that of an accelerated venue.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::Nanos;

/// The time of a session. It never goes back, whatever the system's clock does: the system's time is asked
/// once, the rest is counted.
#[derive(Debug)]
pub struct LiveClock {
    began: Instant,
    base: Nanos,
    /// Nanoseconds of the session in one of the wall.
    speed: u32,
    /// By how much the venue's clock is ahead, in nanoseconds, as it was last measured.
    venue_ahead: AtomicI64,
}

/// The system's time.
#[allow(clippy::disallowed_methods, reason = "the edge: live time is the wall's")]
pub fn system_time() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos(since.as_nanos() as i64)
}

impl LiveClock {
    /// The system's time.
    pub fn system() -> LiveClock {
        LiveClock::starting_at(system_time(), 1)
    }

    /// A clock that shows `base` now and runs `speed` times as fast as the wall, for a venue that does so.
    #[allow(clippy::disallowed_methods, reason = "the edge: live time is the wall's")]
    pub fn starting_at(base: Nanos, speed: u32) -> LiveClock {
        let venue_ahead = AtomicI64::new(0);
        LiveClock { began: Instant::now(), base, speed: speed.max(1), venue_ahead }
    }

    /// The session's time.
    pub fn now(&self) -> Nanos {
        let since = self.began.elapsed().as_nanos() as i64;
        Nanos(self.base.0 + since * i64::from(self.speed))
    }

    /// How long the wall has to wait until the session's time is `until`; zero if it has passed.
    pub fn wait(&self, until: Nanos) -> Duration {
        let left = until.0.saturating_sub(self.now().0).max(0) as u64;
        Duration::from_nanos(left / u64::from(self.speed))
    }

    /// How much of the session's time passes in a span of the wall's.
    pub fn span(&self, wall: Duration) -> Nanos {
        let nanos = i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX);
        Nanos(nanos.saturating_mul(i64::from(self.speed)))
    }

    /// How long a span of the session's time takes by the wall.
    pub fn takes(&self, span: Nanos) -> Duration {
        Duration::from_nanos(span.0.max(0) as u64 / u64::from(self.speed))
    }

    /// The session's time when the wall has moved on by `span`.
    pub fn after(&self, span: Duration) -> Nanos {
        self.now().saturating_add(self.span(span))
    }

    /// What the venue's clock shows now, as far as it has been measured.
    pub fn venue_now(&self) -> Nanos {
        self.now() + self.venue_ahead()
    }

    /// Says how far the venue's clock is ahead of the session's.
    pub fn set_venue_ahead(&self, ahead: Nanos) {
        self.venue_ahead.store(ahead.0, Ordering::Relaxed);
    }

    /// How far the venue's clock is ahead of the session's, as it was last measured.
    pub fn venue_ahead(&self) -> Nanos {
        Nanos(self.venue_ahead.load(Ordering::Relaxed))
    }
}
