//! Items of the schedule, and services that are busy thinking.

use crate::context::CallId;
use crate::schedule::{Class, Due, Item};
use crate::{Body, Call, Exchange, Feed, Input, Nanos, Reply, RunError, ServiceId, ThinkingTime};

use super::{Kernel, Waiting};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    pub(super) fn scheduled(&mut self, item: Item) -> Result<(), RunError> {
        self.core.now = item.time;
        let now = item.time;
        match item.due {
            Due::Action(place) => self.act(place)?,
            Due::Ended(place) => self.end(place)?,
            Due::Supervised { service, life } => self.supervised_start(service, life)?,
            Due::Dies { service, life } => self.dies(service, life),
            Due::Held(number) => self.arrive(number, &item),
            Due::Unanswered { service, request } => self.unanswered(service, request),
            Due::Reader { reader, life } => {
                let service = self.core.readers[reader as usize].service;
                if self.core.lives[service.0 as usize] != life {
                    return Ok(());
                }
                if self.core.faults.is_cut(service) {
                    // Who has no connection gets nothing, and looks again when it is back.
                    self.core.readers[reader as usize].scheduled = false;
                } else if self.ready(service, &item, |t| t.message) {
                    self.read(reader);
                }
            }
            Due::Housekeeping(reader) => self.housekeeping(reader),
            Due::Timer { service, key, life } => {
                if self.core.lives[service.0 as usize] != life {
                    return Ok(());
                }
                if self.ready(service, &item, |t| t.timer) {
                    self.core.journal.timer(now, service, key);
                    self.handle(service, Input::Timer(key));
                }
            }
            Due::Call(id) => {
                let Some(to) = self.core.calls.get(&id).map(|open| open.to) else {
                    return Ok(());
                };
                if self.seats[to.0 as usize].alive && self.ready(to, &item, |t| t.message) {
                    let open = self.core.calls.get_mut(&id);
                    if let Some((from, body)) = open.and_then(|o| Some((o.from, o.body.take()?))) {
                        self.core.journal.call(now, to, id);
                        self.handle(to, Input::Call(&Call { id, from, body }));
                    }
                }
            }
            Due::Reply(id) => {
                let Some(from) = self.core.calls.get(&id).map(|open| open.from) else {
                    return Ok(());
                };
                if self.ready(from, &item, |t| t.message) {
                    self.answer(id);
                }
            }
            Due::TimeOut(id) => {
                let Some(from) = self.core.calls.get(&id).map(|open| open.from) else {
                    return Ok(());
                };
                if self.hangs(from) && self.seats[from.0 as usize].alive {
                    let until = self.seats[from.0 as usize].hung_until;
                    self.core.schedule.push(until, Class::Timer, item.due);
                } else {
                    self.answer_time_out(id);
                }
            }
            Due::Waiting(place) => {
                if let Some(waiting) = &self.waiting[place as usize]
                    && self.hangs(waiting.service())
                    && self.seats[waiting.service().0 as usize].alive
                {
                    let until = self.seats[waiting.service().0 as usize].hung_until;
                    self.core.schedule.push_item(until, item.class(), true, item.due);
                    return Ok(());
                }
                self.waiting_free.push(place);
                match self.waiting[place as usize].take() {
                    Some(Waiting::Market(service, event))
                        if self.seats[service.0 as usize].alive =>
                    {
                        self.core.journal.late_market(now, service);
                        self.handle(service, Input::Market(&event));
                    }
                    Some(Waiting::Exchange(service, event))
                        if self.seats[service.0 as usize].alive =>
                    {
                        self.handle(service, Input::Exchange(&event));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether the service handles the item now. If it is busy, or has to think first, the item comes
    /// back when it has: its effects happen at the end of the thinking.
    pub(super) fn ready(
        &mut self,
        service: ServiceId,
        item: &Item,
        think: impl Fn(&ThinkingTime) -> Nanos,
    ) -> bool {
        let seat = &mut self.seats[service.0 as usize];
        if item.thought || !seat.alive {
            if seat.alive && seat.hung_until > item.time {
                self.core.schedule.push_item(seat.hung_until, item.class(), true, item.due);
                return false;
            }
            return seat.alive;
        }
        let span = think(&seat.thinking);
        if span.0 == 0 && seat.busy_until <= item.time {
            return true;
        }
        let done = seat.busy_until.max(item.time) + span;
        seat.busy_until = done;
        self.core.schedule.push_item(done, item.class(), true, item.due);
        false
    }

    pub(super) fn wait(&mut self, service: ServiceId, input: Waiting, think: Nanos) {
        let seat = &mut self.seats[service.0 as usize];
        let done = seat.busy_until.max(self.core.now) + think;
        seat.busy_until = done;
        let place = match self.waiting_free.pop() {
            Some(place) => {
                self.waiting[place as usize] = Some(input);
                place
            }
            None => {
                self.waiting.push(Some(input));
                (self.waiting.len() - 1) as u32
            }
        };
        self.core.schedule.push_item(done, Class::Delivery, true, Due::Waiting(place));
    }

    pub(super) fn answer(&mut self, id: CallId) {
        let Some(open) = self.core.calls.remove(&id) else {
            return;
        };
        self.deliver_reply(id, open.from, open.from_life, open.reply);
    }

    pub(super) fn answer_time_out(&mut self, id: CallId) {
        let Some(open) = self.core.calls.remove(&id) else {
            return;
        };
        self.deliver_reply(id, open.from, open.from_life, None);
    }

    pub(super) fn deliver_reply(
        &mut self,
        id: CallId,
        to: ServiceId,
        life: u32,
        body: Option<Body>,
    ) {
        if self.core.lives[to.0 as usize] != life || !self.seats[to.0 as usize].alive {
            return;
        }
        self.core.journal.reply(self.core.now, to, id, body.is_some());
        self.handle(to, Input::Reply(&Reply { id, body }));
    }
}
