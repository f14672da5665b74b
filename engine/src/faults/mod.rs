//! What goes wrong on purpose: which faults are active, and what they did.
//!
//! Invariant: where no fault is active, each hot path asks one flag or one empty list.

mod corrupt;
mod link;
mod market;

use std::collections::BTreeMap;

pub use corrupt::Corruption;
pub use link::{CallFault, Leg, LinkFault, OnCall, OnLink};
pub use market::{MarketFault, OnMarket};

pub(crate) use link::HeldBack;

use crate::{BusError, Delivery, NamedRng, Nanos, ServiceId};

/// How many of the things that could be hit are hit, drawn from a random stream of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Chance {
    /// From 0 to 1.
    pub share: f64,
    /// The stream that bears the fault's name.
    pub rng: NamedRng,
}

impl Chance {
    /// A share of all, drawn from the stream `name` of the run with `seed`.
    pub fn of(share: f64, seed: u64, name: &str) -> Chance {
        Chance { share, rng: NamedRng::new(seed, name) }
    }

    pub(crate) fn hits(&mut self) -> bool {
        // Drawn in any case, so that a share of 1 and one of 0.999 take the same numbers.
        self.rng.unit_f64() < self.share
    }
}

/// A fault while it lasts, with the place of its action in the timeline.
#[derive(Clone, Debug)]
pub(crate) struct Active<T> {
    pub(crate) place: u32,
    pub(crate) fault: T,
}

/// Services that are cut off together; what is on their side they still reach.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    /// Empty: the bus itself is lost, for all.
    pub(crate) services: Vec<ServiceId>,
    /// Also from the exchange.
    pub(crate) exchange: bool,
}

impl Partition {
    fn cuts(&self, service: ServiceId) -> bool {
        self.services.is_empty() || self.services.contains(&service)
    }
}

/// The active faults of a run, and what they and those before them did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Any service is cut from the bus.
    any_cut: bool,
    /// Any service is cut from the exchange.
    pub(crate) any_off_exchange: bool,
    cut: Vec<bool>,
    off_exchange: Vec<bool>,
    partitions: Vec<Active<Partition>>,
    /// How far the clock of each service is ahead.
    pub(crate) skews: Vec<Nanos>,
    pub(crate) skewed: Vec<Active<(ServiceId, Nanos)>>,
    pub(crate) links: Vec<Active<LinkFault>>,
    pub(crate) calls: Vec<Active<CallFault>>,
    pub(crate) market: Vec<Active<MarketFault>>,
    /// Deliveries that were read and have not reached their service.
    pub(crate) held: BTreeMap<u64, HeldBack>,
    next_held: u64,
    counts: Vec<BTreeMap<&'static str, u64>>,
}

impl Faults {
    pub(crate) fn new(services: usize) -> Faults {
        Faults {
            cut: vec![false; services],
            off_exchange: vec![false; services],
            skews: vec![Nanos::ZERO; services],
            counts: vec![BTreeMap::new(); services],
            ..Faults::default()
        }
    }

    /// Whether the service has no connection to the bus.
    #[inline]
    pub(crate) fn is_cut(&self, service: ServiceId) -> bool {
        self.any_cut && self.cut[usize::from(service.0)]
    }

    /// Whether the service has no connection to the exchange.
    #[inline]
    pub(crate) fn is_off_exchange(&self, service: ServiceId) -> bool {
        self.any_off_exchange && self.off_exchange[usize::from(service.0)]
    }

    /// What a client of the bus sees when its connection is gone.
    #[inline]
    pub(crate) fn connected(&mut self, service: ServiceId) -> Result<(), BusError> {
        if !self.is_cut(service) {
            return Ok(());
        }
        self.count(service, "bus_operations_failed", 1);
        Err(BusError::Other("connection lost".into()))
    }

    pub(crate) fn count(&mut self, service: ServiceId, what: &'static str, by: u64) {
        if let Some(counts) = self.counts.get_mut(usize::from(service.0)) {
            *counts.entry(what).or_default() += by;
        }
    }

    pub(crate) fn counts(&self, service: ServiceId) -> Option<&BTreeMap<&'static str, u64>> {
        self.counts.get(usize::from(service.0))
    }

    pub(crate) fn part(&mut self, place: u32, partition: Partition) {
        self.partitions.push(Active { place, fault: partition });
        self.recut();
    }

    /// Ends a partition; who can reach the bus again.
    pub(crate) fn join(&mut self, place: u32) -> Vec<ServiceId> {
        let before = self.cut.clone();
        self.partitions.retain(|active| active.place != place);
        self.recut();
        let again =
            before.iter().zip(&self.cut).enumerate().filter(|(_, (was, is))| **was && !**is);
        again.map(|(place, _)| ServiceId(place as u16)).collect()
    }

    fn recut(&mut self) {
        for place in 0..self.cut.len() {
            let service = ServiceId(place as u16);
            let mut all = self.partitions.iter().filter(|active| active.fault.cuts(service));
            self.off_exchange[place] = all.clone().any(|active| active.fault.exchange);
            self.cut[place] = all.next().is_some();
        }
        self.any_cut = self.cut.contains(&true);
        self.any_off_exchange = self.off_exchange.contains(&true);
    }

    /// Sets the clocks anew after a skew has begun or ended.
    pub(crate) fn reset_clocks(&mut self) {
        self.skews.fill(Nanos::ZERO);
        for Active { fault: (service, ahead), .. } in &self.skewed {
            let skew = &mut self.skews[usize::from(service.0)];
            *skew += *ahead;
        }
    }

    /// Whether calls go their usual way.
    #[inline]
    pub(crate) fn calls_are_quiet(&self) -> bool {
        self.calls.is_empty() && self.partitions.is_empty()
    }

    /// How much longer a leg of a call takes; `None` when it never arrives.
    pub(crate) fn call_delay(
        &mut self,
        caller: ServiceId,
        asked: ServiceId,
        leg: Leg,
    ) -> Option<Nanos> {
        // The loss of the bus alone concerns no calls.
        let parted = |partition: &Partition| {
            let side = |service| partition.services.contains(&service);
            side(caller) != side(asked)
        };
        if self.partitions.iter().any(|active| parted(&active.fault)) {
            return None;
        }
        let mut delay = Nanos::ZERO;
        for Active { fault, .. } in &mut self.calls {
            if fault.concerns(caller, asked, leg) && fault.chance.hits() {
                match fault.what {
                    OnCall::Drop => return None,
                    OnCall::Delay(span) => delay += span,
                }
            }
        }
        Some(delay)
    }

    /// How much longer an entry is on its way to a reader.
    pub(crate) fn link_delay(&mut self, stream: &str, reader: ServiceId) -> Nanos {
        let mut delay = Nanos::ZERO;
        for Active { fault, .. } in &mut self.links {
            if let OnLink::Delay(span) = fault.what
                && fault.concerns(stream, reader)
                && fault.chance.hits()
            {
                delay += span;
                self.counts[usize::from(reader.0)]
                    .entry("deliveries_delayed")
                    .and_modify(|count| *count += 1)
                    .or_insert(1);
            }
        }
        delay
    }

    /// Keeps a delivery back; its number.
    pub(crate) fn hold(&mut self, held: HeldBack) -> u64 {
        self.next_held += 1;
        self.held.insert(self.next_held, held);
        self.next_held
    }

    /// Takes out what waits for the next entry of this reader.
    pub(crate) fn take_overtaken(&mut self, reader: u32) -> Option<(u32, Delivery)> {
        let waits = |held: &HeldBack| held.reader == reader && held.until_next;
        let (&number, _) = self.held.iter().find(|(_, held)| waits(held))?;
        self.held.remove(&number).map(|held| (held.life, held.delivery))
    }
}
