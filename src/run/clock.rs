//! Wall time, for people and for limits.

use std::time::Instant;

/// Now.
#[allow(clippy::disallowed_methods)] // Of the runner, not of a run: it reaches no journal and no digest.
pub fn now() -> Instant {
    Instant::now()
}
