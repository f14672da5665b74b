//! Start and death of services, and another one in their place.

use std::collections::VecDeque;

use crate::context::{Core, ReaderMode, ReaderState};
use crate::schedule::{Class, Due};
use crate::{
    BusError, EntryId, Exchange, Feed, GroupStart, Input, MarketWants, Member, NamedRng, Nanos,
    ReadMode, Reader, RunError, ServiceId,
};

use super::{HOUSEKEEPING, Kernel, Subscriber};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn start(&mut self, service: ServiceId) -> Result<(), RunError> {
        let now = self.core.now;
        let seat = &mut self.seats[service.0 as usize];
        if let Some(other) = seat.next.take() {
            self.replace(service, *other);
        }
        let seat = &mut self.seats[service.0 as usize];
        seat.alive = true;
        seat.busy_until = now;
        seat.hung_until = Nanos::ZERO;
        seat.started_at = now;
        seat.starts += 1;
        self.core.lives[service.0 as usize] += 1;
        for number in 0..self.core.readers.len() {
            let reader = &self.core.readers[number];
            if reader.service == service && !reader.retired {
                self.open_reader(number as u32)?;
            }
        }
        if !self.crash_loops.is_empty() {
            self.await_death(service);
        }
        self.core.journal.start(now, service);
        self.handle(service, Input::Start);
        Ok(())
    }

    /// Makes a reader's group, or finds its first position, and lets it read.
    pub(super) fn open_reader(&mut self, number: u32) -> Result<(), RunError> {
        let now = self.core.now;
        let Core { readers, bus, pending, faults, schedule, names, .. } = &mut self.core;
        let reader = &mut readers[number as usize];
        let service = reader.service;
        if !reader.looked_after {
            reader.looked_after = true;
            schedule.push(now + HOUSEKEEPING, Class::Timer, Due::Housekeeping(number));
        }
        reader.mode = match pending[usize::from(service.0)].never_recovered {
            true => ReaderMode::CatchUp,
            false => ReaderMode::OwnPending(EntryId::ZERO),
        };
        reader.unopened = faults.is_cut(service);
        if reader.unopened {
            return Ok(());
        }
        match &reader.group {
            Some(group) => match bus.xgroup_create(now, &reader.stream, group, reader.start) {
                Ok(()) | Err(BusError::BusyGroup) => {}
                Err(error) => {
                    let service = names[usize::from(service.0)].clone();
                    return Err(RunError::Wiring { service, error });
                }
            },
            None => {
                reader.position = match reader.start {
                    GroupStart::Beginning => EntryId::ZERO,
                    GroupStart::After(id) => id,
                    GroupStart::End => {
                        let (mut newest, low) = (Vec::new(), EntryId::ZERO);
                        let _ =
                            bus.xrevrange(now, &reader.stream, EntryId::MAX, low, 1, &mut newest);
                        newest.pop().map_or(EntryId::ZERO, |entry| entry.id)
                    }
                };
            }
        }
        self.settle_reader(number);
        self.schedule_reader(number);
        Ok(())
    }

    /// The service dies, if it is alive; a supervisor hears of it.
    pub(super) fn crash(&mut self, service: ServiceId) {
        let seat = &mut self.seats[service.0 as usize];
        if !seat.alive {
            return;
        }
        seat.alive = false;
        seat.crashes += 1;
        seat.service = seat.first_state.clone_service();
        // Its timers and the replies that it waits for belong to a life that is over.
        self.core.lives[service.0 as usize] += 1;
        for reader in self.core.readers.iter_mut().filter(|r| r.service == service) {
            reader.mode = ReaderMode::Down;
            reader.scheduled = false;
            reader.redeliveries.clear();
        }
        self.died(service);
    }

    /// Puts another service into the place of one that is down.
    fn replace(&mut self, service: ServiceId, other: Member) {
        let place = usize::from(service.0);
        let wiring = other.wiring();
        let seat = &mut self.seats[place];
        seat.service = other.service.clone_service();
        seat.first_state = other.service;
        seat.own_thinking = other.thinking;
        seat.user_stream = wiring.user_stream;
        self.core.streams[place] = other.streams;
        self.core.pending[place] = other.pending;
        self.core.accounts[place] = other.account;
        self.set_thinking(service);
        self.subscribers.retain(|subscriber| subscriber.service != service);
        if wiring.market != MarketWants::NONE {
            self.subscribers.push(Subscriber { service, wants: wiring.market });
            // Events reach the services in the order in which those stand.
            self.subscribers.sort_by_key(|subscriber| subscriber.service);
            if let Some(late) = &mut self.late {
                late.want(wiring.market);
            }
        }
        let same = {
            let own = |r: &&ReaderState| r.service == service && !r.retired;
            let before = self.core.readers.iter().filter(own).map(ReaderState::reads);
            before.eq(wiring.readers.iter().cloned())
        };
        if !same {
            self.rewire(service, wiring.readers);
        }
    }

    /// Other readers for a service that is down; the old ones read no more.
    fn rewire(&mut self, service: ServiceId, readers: Vec<Reader>) {
        for (number, reader) in self.core.readers.iter_mut().enumerate() {
            if reader.service == service && !reader.retired {
                reader.retired = true;
                reader.mode = ReaderMode::Down;
                if let Some(numbers) = self.core.readers_of.get_mut(reader.stream.as_str()) {
                    numbers.retain(|other| *other != number as u32);
                }
            }
        }
        for (index, reader) in readers.into_iter().enumerate() {
            self.core.add_reader(service, index, reader, &self.links);
        }
    }
}

impl Core {
    /// Connects a service with a stream.
    pub(super) fn add_reader(
        &mut self,
        service: ServiceId,
        index: usize,
        reader: Reader,
        links: &super::Links,
    ) {
        let (group, start) = match reader.mode {
            ReadMode::Group { group, start } => (Some(group), start),
            ReadMode::Tail { start } => (None, start),
        };
        let name = &self.names[usize::from(service.0)];
        let rng = NamedRng::new(links.seed, &format!("link:{}:{name}", reader.stream));
        let number = self.readers.len() as u32;
        match self.readers_of.get_mut(reader.stream.as_str()) {
            Some(readers) => readers.push(number),
            None => {
                self.readers_of.insert(reader.stream.clone(), vec![number]);
            }
        }
        self.readers.push(ReaderState {
            service,
            index,
            link: links.by_stream.get(&reader.stream).copied().unwrap_or(links.usual),
            stream: reader.stream,
            group,
            start,
            position: EntryId::ZERO,
            arrivals: VecDeque::new(),
            last_arrival: Nanos::ZERO,
            scheduled: false,
            mode: ReaderMode::Down,
            redeliveries: VecDeque::new(),
            rng,
            looked_after: false,
            unopened: false,
            retired: false,
            unacknowledged: Vec::new(),
        });
    }
}

impl ReaderState {
    /// What it reads, and how.
    fn reads(&self) -> Reader {
        let (stream, start) = (self.stream.clone(), self.start);
        let mode = match self.group.clone() {
            Some(group) => ReadMode::Group { group, start },
            None => ReadMode::Tail { start },
        };
        Reader { stream, mode }
    }
}
