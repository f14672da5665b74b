//! Start, crash and restart of services, and the other actions of the timeline.

use crate::context::{Core, ReaderMode};
use crate::schedule::{Class, Due};
use crate::{
    AccountId, Action, BusError, EntryId, Exchange, Feed, GroupStart, Input, Request, RequestId,
    RunError, Sender, ServiceId, Trim,
};

use super::{HOUSEKEEPING, Kernel};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn start(&mut self, service: ServiceId) -> Result<(), RunError> {
        let now = self.core.now;
        let seat = &mut self.seats[service.0 as usize];
        seat.alive = true;
        seat.busy_until = now;
        self.core.lives[service.0 as usize] += 1;
        let first_life = self.core.lives[service.0 as usize] == 1;
        for number in 0..self.core.readers.len() {
            let Core { readers, bus, pending, .. } = &mut self.core;
            let reader = &mut readers[number];
            if reader.service != service {
                continue;
            }
            match &reader.group {
                Some(group) => match bus.xgroup_create(now, &reader.stream, group, reader.start) {
                    Ok(()) | Err(BusError::BusyGroup) => {}
                    Err(error) => {
                        let service = self.core.names[service.0 as usize].clone();
                        return Err(RunError::Wiring { service, error });
                    }
                },
                None => {
                    reader.position = match reader.start {
                        GroupStart::Beginning => EntryId::ZERO,
                        GroupStart::After(id) => id,
                        GroupStart::End => {
                            let mut newest = Vec::new();
                            let _ = bus.xrevrange(
                                now,
                                &reader.stream,
                                EntryId::MAX,
                                EntryId::ZERO,
                                1,
                                &mut newest,
                            );
                            newest.pop().map_or(EntryId::ZERO, |entry| entry.id)
                        }
                    };
                }
            }
            reader.mode = match pending[usize::from(service.0)].never_recovered {
                true => ReaderMode::CatchUp,
                false => ReaderMode::OwnPending(EntryId::ZERO),
            };
            let number = number as u32;
            self.settle_reader(number);
            self.schedule_reader(number);
            if first_life {
                self.core.schedule.push(
                    now + HOUSEKEEPING,
                    Class::Timer,
                    Due::Housekeeping(number),
                );
            }
        }
        self.core.journal.start(now, service);
        self.handle(service, Input::Start);
        Ok(())
    }

    pub(super) fn act(&mut self, place: u32) -> Result<(), RunError> {
        let now = self.core.now;
        match self.timeline[place as usize].clone() {
            Action::Crash(service) => {
                let name = &self.core.names[service.0 as usize];
                self.core.journal.action(now, &format!("crash of {name}"));
                let seat = &mut self.seats[service.0 as usize];
                seat.alive = false;
                seat.service = seat.first_state.clone_service();
                // Its timers and the replies that it waits for belong to a life that is over.
                self.core.lives[service.0 as usize] += 1;
                for reader in self.core.readers.iter_mut().filter(|r| r.service == service) {
                    reader.mode = ReaderMode::Down;
                    reader.redeliveries.clear();
                }
            }
            Action::Restart(service) => {
                let name = &self.core.names[service.0 as usize];
                self.core.journal.action(now, &format!("restart of {name}"));
                if !self.seats[service.0 as usize].alive {
                    self.start(service)?;
                }
            }
            Action::Publish { stream, body } => {
                self.core.journal.action(now, &format!("publish to {stream}"));
                // The journal's publish entry follows; a refusal leaves the action alone in it.
                let _ = self.core.publish(&stream, Trim::Keep, body);
            }
            Action::Submit { account, request } => self.submit(account, request),
        }
        Ok(())
    }

    /// The submission follows in the journal; its sender stands there as a service that does not exist.
    fn submit(&mut self, account: AccountId, request: Request) {
        let now = self.core.now;
        self.core.journal.action(now, &format!("request of account {} by hand", account.0));
        self.core.next_request += 1;
        let (id, service) = (RequestId(self.core.next_request), ServiceId::NOBODY);
        self.core.journal.submit(now, service, id, &request);
        self.exchange.submit(now, Sender { service, account }, id, request);
    }
}
