//! Services that hang, and services that are slow.

use crate::faults::Active;
use crate::{Exchange, Feed, Nanos, ServiceId, ThinkingTime};

use super::Kernel;

/// A service that thinks longer than it does of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slowness {
    pub(super) service: ServiceId,
    pub(super) factor: f64,
    pub(super) more: Nanos,
}

impl Slowness {
    fn of(self, thinking: ThinkingTime) -> ThinkingTime {
        let longer = |span: Nanos| {
            let times = (span.0 as f64 * self.factor).max(0.0);
            Nanos(times as i64).saturating_add(self.more)
        };
        ThinkingTime {
            message: longer(thinking.message),
            timer: longer(thinking.timer),
            market: longer(thinking.market),
        }
    }
}

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// What comes while a service hangs waits as for one that is busy; what it was thinking about waits
    /// too, and that is what `hung_until` is for.
    pub(super) fn hang(&mut self, service: ServiceId, until: Nanos) {
        let seat = &mut self.seats[service.0 as usize];
        seat.hung_until = seat.hung_until.max(until);
        seat.busy_until = seat.busy_until.max(until);
    }

    /// Whether the service hangs now.
    #[inline]
    pub(super) fn hangs(&self, service: ServiceId) -> bool {
        self.seats[service.0 as usize].hung_until > self.core.now
    }

    /// The service's own thinking time, and what slows it down now.
    pub(super) fn set_thinking(&mut self, service: ServiceId) {
        let seat = &mut self.seats[service.0 as usize];
        let own = self.slow.iter().filter(|active| active.fault.service == service);
        let slowed = |thinking, active: &Active<Slowness>| active.fault.of(thinking);
        seat.thinking = own.fold(seat.own_thinking, slowed);
    }
}
