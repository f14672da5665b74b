//! Whether what opens may leave, and until when: looked at right before a request is signed, on whatever thread.

use std::sync::atomic::{AtomicU64, Ordering};

use binance_wire::VenueError;
use engine::{ExchangeError, Nanos, OWN_REFUSAL};

/// A gate that is shut and opened again. Even numbers stand for open; each change is the next number.
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU64);

/// What a request that opens is given when the link gets it.
///
/// Invariant: nothing gets through a gate that was shut since then, even if it is open again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    number: u64,
    /// By the session's clock.
    leaves_by: Nanos,
}

/// Why something must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barred {
    /// The gate was shut.
    Shut,
    /// It waited for longer than its window.
    Stale,
}

impl Gate {
    /// Opens or shuts it; `true` if that is a change.
    pub(super) fn set(&self, open: bool) -> bool {
        let number = self.0.load(Ordering::SeqCst);
        let changes = open != number.is_multiple_of(2);
        if changes {
            self.0.store(number + 1, Ordering::SeqCst);
        }
        changes
    }

    /// A pass from now on. Whoever gives something out while the gate is shut knows that it opens nothing.
    pub(super) fn pass(&self, leaves_by: Nanos) -> Pass {
        Pass { number: self.0.load(Ordering::SeqCst), leaves_by }
    }

    /// Whether a pass is good at this time of the session.
    pub(super) fn bars(&self, pass: Pass, now: Nanos) -> Option<Barred> {
        match self.0.load(Ordering::SeqCst) == pass.number {
            false => Some(Barred::Shut),
            true => (now > pass.leaves_by).then_some(Barred::Stale),
        }
    }
}

impl Barred {
    /// The refusal, in the venue's words and with the reason: our own, so it counts for nothing.
    pub(super) fn error(self) -> ExchangeError {
        let (row, why) = match self {
            Barred::Shut => (
                VenueError::ReduceOnlyPermission,
                "nothing may be opened any more, and it had not left",
            ),
            Barred::Stale => (
                VenueError::OutsideRecvWindow,
                "it waited for longer than its window, and had not left",
            ),
        };
        let ExchangeError { code, msg } = row.error();
        ExchangeError { code, msg: format!("{msg} {OWN_REFUSAL}{why})").into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_before_the_gate_was_shut_does_not_leave_when_it_is_open_again() {
        let (gate, now) = (Gate::default(), Nanos(5));
        let pass = gate.pass(Nanos(9));
        assert_eq!(gate.bars(pass, now), None);
        assert!(!gate.set(true), "it is open");
        assert_eq!(gate.bars(pass, Nanos(9)), None);
        assert_eq!(gate.bars(pass, Nanos(10)), Some(Barred::Stale));
        assert!(gate.set(false) && !gate.set(false));
        assert_eq!(gate.bars(pass, now), Some(Barred::Shut));
        let knowing = gate.pass(Nanos(9));
        assert_eq!(gate.bars(knowing, now), None, "it was given out although the gate is shut");
        assert!(gate.set(true));
        assert_eq!(gate.bars(pass, now), Some(Barred::Shut));
        let error = Barred::Shut.error();
        assert_eq!(error.code, -4087);
        assert!(error.msg.contains(OWN_REFUSAL), "{error}");
        assert_eq!(Barred::Stale.error().code, -1021);
    }
}
