//! Supervisors, which start again what has died, and services that die again and again.

use crate::schedule::{Class, Due};
use crate::{Delivery, Dies, Exchange, Feed, Nanos, RunError, ServiceId, Supervision};

use super::{Kernel, Seat};

/// What a supervisor knows of its service. The limit counts as systemd's does: an interval begins with a
/// start, and the first start after its end begins the next one.
#[derive(Clone)]
pub(super) struct Supervisor {
    rules: Supervision,
    began: Nanos,
    starts: u32,
}

impl Supervisor {
    /// Whether the service may start now; if so, it counts.
    fn admits(&mut self, now: Nanos) -> bool {
        if self.starts == 0 || self.began + self.rules.interval < now {
            (self.began, self.starts) = (now, 1);
            return true;
        }
        let admitted = self.starts < self.rules.starts_max;
        self.starts += u32::from(admitted);
        admitted
    }
}

impl Seat {
    /// A start by hand: what the supervisor has counted is forgotten.
    pub(super) fn forgive(&mut self) {
        self.failed = false;
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.starts = 0;
        }
    }
}

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn supervise(&mut self, service: ServiceId, rules: Supervision) {
        let seat = &mut self.seats[service.0 as usize];
        let (began, alive) = (seat.started_at, seat.alive);
        // The start that was is the first.
        seat.supervisor = Some(Supervisor { rules, began, starts: u32::from(alive) });
        if !alive {
            self.died(service);
        }
    }

    /// Tells the supervisor, if there is one.
    pub(super) fn died(&mut self, service: ServiceId) {
        if let Some(supervisor) = &self.seats[service.0 as usize].supervisor {
            let at = self.core.now + supervisor.rules.restart_after;
            let life = self.core.lives[service.0 as usize];
            self.core.schedule.push(at, Class::Action, Due::Supervised { service, life });
        }
    }

    /// The supervisor starts a service, unless somebody else has, or it has died too often.
    pub(super) fn supervised_start(
        &mut self,
        service: ServiceId,
        life: u32,
    ) -> Result<(), RunError> {
        let now = self.core.now;
        let seat = &mut self.seats[service.0 as usize];
        if self.core.lives[service.0 as usize] != life || seat.failed {
            return Ok(());
        }
        let Some(supervisor) = &mut seat.supervisor else { return Ok(()) };
        let name = &self.core.names[service.0 as usize];
        if supervisor.admits(now) {
            self.core.journal.action(now, &format!("the supervisor starts {name} again"));
            self.core.faults.count(service, "supervised_starts", 1);
            return self.start(service);
        }
        seat.failed = true;
        let Supervision { starts_max, interval, .. } = supervisor.rules;
        self.core.faults.count(service, "failed_for_good", 1);
        let text = format!(
            "{name} has failed: {starts_max} starts within {} s, and the supervisor leaves it down",
            interval.as_secs_f64()
        );
        self.core.journal.action(now, &text);
        Ok(())
    }

    /// For a service of a crash-loop: when it dies, if that is known.
    pub(super) fn await_death(&mut self, service: ServiceId) {
        if !self.seats[service.0 as usize].alive {
            return;
        }
        let life = self.core.lives[service.0 as usize];
        for active in self.crash_loops.iter().filter(|active| active.fault.0 == service) {
            if let Dies::After(span) = active.fault.1 {
                let at = self.core.now + span;
                self.core.schedule.push(at, Class::Action, Due::Dies { service, life });
            }
        }
    }

    /// The end of a life in a crash-loop, if that still goes on.
    pub(super) fn dies(&mut self, service: ServiceId, life: u32) {
        let loops = |(looping, dies): &(ServiceId, Dies)| {
            *looping == service && matches!(dies, Dies::After(_))
        };
        let goes_on = self.crash_loops.iter().any(|active| loops(&active.fault));
        if goes_on && self.core.lives[service.0 as usize] == life {
            let text = format!("{} dies in its crash-loop", self.core.names[service.0 as usize]);
            self.core.journal.action(self.core.now, &text);
            self.crash(service);
        }
    }

    /// Whether the service dies at this delivery.
    pub(super) fn dies_at(&mut self, number: u32, service: ServiceId, delivery: &Delivery) -> bool {
        let stream = &self.core.readers[number as usize].stream;
        let is_deadly = |(looping, dies): &(ServiceId, Dies)| {
            *looping == service && matches!(dies, Dies::AtMessage(deadly) if deadly == stream)
        };
        if !self.crash_loops.iter().any(|active| is_deadly(&active.fault)) {
            return false;
        }
        let name = &self.core.names[service.0 as usize];
        let text = format!("{name} dies at {stream} {}", delivery.entry.id);
        self.core.journal.action(self.core.now, &text);
        self.crash(service);
        true
    }
}
