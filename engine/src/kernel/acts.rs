//! The timeline: actions begin, and end if they last.

use crate::faults::{Active, Partition};
use crate::schedule::{Class, Due};
use crate::{Action, Exchange, Feed, RequestId, RunError, Sender, ServiceId, Trim};

use super::{Kernel, Slowness};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn act(&mut self, place: u32) -> Result<(), RunError> {
        let now = self.core.now;
        let action = self.timeline[place as usize].clone();
        if let Action::Command(words) = &action {
            self.command(&action.text(&self.core.names), words);
            return Ok(());
        }
        self.core.journal.action(now, &action.text(&self.core.names));
        if let Some(until) = action.until() {
            self.core.schedule.push(until.max(now), Class::Action, Due::Ended(place));
        }
        match action {
            Action::Crash(service) => self.crash(service),
            Action::Restart(service) => {
                self.seats[service.0 as usize].forgive();
                // One that runs loses its memory first, as a restarted process does.
                self.crash(service);
                if !self.seats[service.0 as usize].alive {
                    self.start(service)?;
                }
            }
            Action::Publish { stream, body } => {
                // The journal's publish entry follows; a refusal leaves the action alone in it.
                let _ = self.core.publish(&stream, Trim::Keep, body);
            }
            Action::Command(_) | Action::Operator(_) => {}
            Action::Arrived(streams) => {
                for number in 0..self.core.readers.len() {
                    let reader = &self.core.readers[number];
                    if !reader.retired && streams.contains(&reader.stream) {
                        self.look_again(number as u32);
                    }
                }
            }
            Action::Submit { account, request } => {
                // The submission follows in the journal; its sender stands there as nobody.
                self.core.next_request += 1;
                let (id, service) = (RequestId(self.core.next_request), ServiceId::NOBODY);
                self.core.journal.submit(now, service, id, &request);
                self.exchange.submit(now, Sender { service, account }, id, request);
            }
            Action::LoseBus { .. } => {
                let all = Partition { services: Vec::new(), exchange: false };
                self.core.faults.part(place, all);
            }
            Action::Partition { services, exchange, .. } => {
                // A partition of nobody is not the loss of the bus.
                if !services.is_empty() {
                    self.core.faults.part(place, Partition { services, exchange });
                }
            }
            Action::Hang { service, until } => self.hang(service, until),
            Action::Slow { service, factor, more, .. } => {
                let fault = Slowness { service, factor, more };
                self.slow.push(Active { place, fault });
                self.set_thinking(service);
            }
            Action::Supervise { service, rules } => self.supervise(service, rules),
            Action::CrashLoop { service, dies, rules, .. } => {
                if self.seats[service.0 as usize].supervisor.is_none() {
                    self.supervise(service, rules);
                }
                self.crash_loops.push(Active { place, fault: (service, dies) });
                self.await_death(service);
            }
            Action::Replace { service, by } => self.seats[service.0 as usize].next = Some(by),
            Action::SkewClock { service, ahead, .. } => {
                self.core.faults.skewed.push(Active { place, fault: (service, ahead) });
                self.set_clocks();
            }
            Action::Link { fault, .. } => self.core.faults.links.push(Active { place, fault }),
            Action::Calls { fault, .. } => self.core.faults.calls.push(Active { place, fault }),
            Action::Market { fault, .. } => self.core.faults.market.push(Active { place, fault }),
        }
        Ok(())
    }

    /// The end of an action that lasted.
    pub(super) fn end(&mut self, place: u32) -> Result<(), RunError> {
        let action = &self.timeline[place as usize];
        let text = format!("end of: {}", action.text(&self.core.names));
        self.core.journal.action(self.core.now, &text);
        let faults = &mut self.core.faults;
        match action {
            Action::LoseBus { .. } | Action::Partition { .. } => {
                for service in faults.join(place) {
                    self.reconnect(service)?;
                }
            }
            Action::Slow { service, .. } => {
                let service = *service;
                self.slow.retain(|active| active.place != place);
                self.set_thinking(service);
            }
            Action::CrashLoop { .. } => self.crash_loops.retain(|active| active.place != place),
            Action::SkewClock { .. } => {
                faults.skewed.retain(|active| active.place != place);
                self.set_clocks();
            }
            Action::Link { .. } => faults.links.retain(|active| active.place != place),
            Action::Calls { .. } => faults.calls.retain(|active| active.place != place),
            Action::Market { .. } => faults.market.retain(|active| active.place != place),
            // What hangs wakes up by itself, and the others do not last.
            Action::Hang { .. }
            | Action::Crash(_)
            | Action::Restart(_)
            | Action::Submit { .. }
            | Action::Publish { .. }
            | Action::Command(_)
            | Action::Supervise { .. }
            | Action::Replace { .. }
            | Action::Arrived(_)
            | Action::Operator(_) => {}
        }
        Ok(())
    }

    fn set_clocks(&mut self) {
        self.core.faults.reset_clocks();
        for (place, ahead) in self.core.faults.skews.iter().enumerate() {
            self.exchange.set_clock(ServiceId(place as u16), *ahead);
        }
    }
}
