//! Deliveries over faulty links.

use crate::faults::{Active, HeldBack, OnLink};
use crate::schedule::{Class, Due, Item};
use crate::{Delivery, Exchange, Feed, Nanos, ServiceId};

use super::Kernel;

/// What becomes of one delivery.
#[derive(Default)]
struct Fate {
    dropped: bool,
    twice: bool,
    overtaken_within: Option<Nanos>,
}

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// As `deliver`, where a link is faulty or has left something under way.
    #[cold]
    pub(super) fn deliver_over_link(
        &mut self,
        number: u32,
        service: ServiceId,
        mut delivery: Delivery,
    ) {
        let overtaken = self.core.faults.take_overtaken(number);
        let fate = self.fate(number, service, &mut delivery);
        if fate.dropped {
            let in_group = self.core.readers[number as usize].group.is_some();
            let what = if in_group { "deliveries_dropped" } else { "deliveries_lost" };
            self.core.faults.count(service, what, 1);
        } else if let Some(span) = fate.overtaken_within
            && overtaken.is_none()
        {
            self.core.faults.count(service, "deliveries_reordered", 1);
            self.hold(number, delivery, span, true);
        } else {
            let copy = fate.twice.then(|| delivery.clone());
            self.deliver(number, service, delivery);
            if let Some(copy) = copy {
                self.core.faults.count(service, "deliveries_duplicated", 1);
                self.hold(number, copy, Nanos::ZERO, false);
            }
        }
        // Dead by now, it has lost what it had read.
        if let Some((life, delivery)) = overtaken
            && self.core.lives[service.0 as usize] == life
        {
            self.hold(number, delivery, Nanos::ZERO, false);
        }
    }

    /// Asks each fault of the link; the delivery is damaged here.
    fn fate(&mut self, number: u32, service: ServiceId, delivery: &mut Delivery) -> Fate {
        let (now, mut fate) = (self.core.now, Fate::default());
        let stream = &self.core.readers[number as usize].stream;
        let (faults, journal) = (&mut self.core.faults, &mut self.core.journal);
        let (id, name) = (delivery.entry.id, &self.core.names[service.0 as usize]);
        let mut damaged = 0;
        for Active { fault, .. } in &mut faults.links {
            let at_sending = matches!(fault.what, OnLink::Delay(_));
            if at_sending || !fault.concerns(stream, service) || !fault.chance.hits() {
                continue;
            }
            let what = match fault.what {
                OnLink::Delay(_) => continue,
                OnLink::Drop => {
                    fate.dropped = true;
                    "dropped"
                }
                OnLink::Duplicate => {
                    fate.twice = true;
                    "duplicated"
                }
                OnLink::Reorder(span) => {
                    fate.overtaken_within = Some(span);
                    "held back"
                }
                OnLink::Corrupt(how) => {
                    let Some(body) = &mut delivery.entry.body else { continue };
                    *body = how.damage(body, &mut fault.chance.rng);
                    damaged += 1;
                    "damaged"
                }
            };
            journal.action(now, &format!("{what} on its way to {name}: {stream} {id}"));
        }
        if damaged > 0 {
            faults.count(service, "deliveries_corrupted", damaged);
        }
        fate
    }

    fn hold(&mut self, reader: u32, delivery: Delivery, span: Nanos, until_next: bool) {
        let service = self.core.readers[reader as usize].service;
        let life = self.core.lives[service.0 as usize];
        let held = HeldBack { reader, life, delivery, until_next };
        let number = self.core.faults.hold(held);
        self.core.schedule.push(self.core.now + span, Class::Delivery, Due::Held(number));
    }

    /// What was held back arrives. Who has died or lost the bus meanwhile does not get it.
    pub(super) fn arrive(&mut self, number: u64, item: &Item) {
        let Some(held) = self.core.faults.held.get(&number) else { return };
        let (reader, life) = (held.reader, held.life);
        let service = self.core.readers[reader as usize].service;
        let gone = self.core.lives[service.0 as usize] != life || self.core.faults.is_cut(service);
        if !gone && !self.ready(service, item, |t| t.message) {
            return;
        }
        if let Some(held) = self.core.faults.held.remove(&number)
            && !gone
        {
            self.deliver(reader, service, held.delivery);
        }
    }
}
