//! How often a request is tried, and how long is waited between: never at the cost of a result, since
//! nothing that is fetched depends on when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// After so many files in a row that were given up, the rest is not tried: the archive is out of reach.
const GIVEN_UP_MAX: u32 = 3;

/// How much is borne of a network.
#[derive(Clone)]
pub struct Patience {
    /// Tries of one request, of which none brought more than those before.
    pub tries_max: u32,
    /// The wait before the second try; each further one is twice as long.
    pub wait_first: Duration,
    /// The longest wait that is chosen here.
    pub wait_max: Duration,
    /// The longest wait that a server may ask for; the file is refused if it asks for more.
    pub asked_wait_max: Duration,
    /// The longest time until a connection stands.
    pub connect_max: Duration,
    /// The longest time without a byte from the server.
    pub silence_max: Duration,
    /// Lets the time pass; a test may let none pass and write down what was asked for.
    pub pause: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            tries_max: 6,
            wait_first: Duration::from_secs(1),
            wait_max: Duration::from_secs(60),
            asked_wait_max: Duration::from_secs(600),
            connect_max: Duration::from_secs(20),
            silence_max: Duration::from_secs(60),
            pause: Arc::new(sleep),
        }
    }
}

// The edge to a real server, which a timer of virtual time cannot make recover. No run replays it.
#[allow(clippy::disallowed_methods)]
fn sleep(span: Duration) {
    std::thread::sleep(span);
}

/// Why a try failed.
pub(super) enum Fault {
    /// It may work another time.
    Passing {
        what: String,
        /// How long the server asks to wait.
        asked: Option<Duration>,
        /// Whether the try brought bytes that none before had brought.
        went_on: bool,
    },
    /// It will not.
    Lasting(String),
}

impl Fault {
    pub(super) fn passing(what: impl Into<String>) -> Fault {
        Fault::Passing { what: what.into(), asked: None, went_on: false }
    }
}

/// Tries until it works, until it cannot, or until patience is at its end.
pub(super) struct Persistence {
    patience: Patience,
    given_up_in_a_row: AtomicU32,
}

impl Persistence {
    pub(super) fn new(patience: Patience) -> Persistence {
        Persistence { patience, given_up_in_a_row: AtomicU32::new(0) }
    }

    /// Calls `attempt` again after passing faults. `wait` is told of each wait and its reason.
    pub(super) fn persist<T>(
        &self,
        wait: &dyn Fn(Duration, &str),
        attempt: &mut dyn FnMut() -> Result<T, Fault>,
    ) -> Result<T, String> {
        if self.given_up_in_a_row.load(Ordering::Relaxed) >= GIVEN_UP_MAX {
            return Err(format!(
                "not asked for, since {GIVEN_UP_MAX} files in a row could not be fetched; see to \
                 these and run the same command again"
            ));
        }
        let result = self.attempts(wait, attempt);
        match result {
            Ok(_) => self.given_up_in_a_row.store(0, Ordering::Relaxed),
            Err(_) => _ = self.given_up_in_a_row.fetch_add(1, Ordering::Relaxed),
        }
        result
    }

    fn attempts<T>(
        &self,
        wait: &dyn Fn(Duration, &str),
        attempt: &mut dyn FnMut() -> Result<T, Fault>,
    ) -> Result<T, String> {
        let Patience { tries_max, asked_wait_max, .. } = self.patience;
        let mut failed: u32 = 0;
        loop {
            let (what, asked) = match attempt() {
                Ok(value) => return Ok(value),
                Err(Fault::Lasting(reason)) => return Err(reason),
                Err(Fault::Passing { what, asked, went_on }) => {
                    failed = if went_on { 1 } else { failed + 1 };
                    (what, asked)
                }
            };
            if failed >= tries_max {
                return Err(format!(
                    "{what}, {failed} times; run the same command again later, it goes on where \
                     this one ended"
                ));
            }
            let asked = asked.unwrap_or_default();
            if asked > asked_wait_max {
                return Err(format!(
                    "{what}, and the server asks to wait {} s; run the same command again after that",
                    asked.as_secs()
                ));
            }
            let span = self.before_next(failed).max(asked);
            wait(span, &what);
            (self.patience.pause)(span);
        }
    }

    /// The wait after so many failed tries: twice as long each time.
    fn before_next(&self, failed: u32) -> Duration {
        let factor = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.patience.wait_first.saturating_mul(factor).min(self.patience.wait_max)
    }
}
