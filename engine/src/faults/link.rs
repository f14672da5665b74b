//! Faults of the ways between services: streams and calls.

use crate::faults::{Chance, Corruption};
use crate::{Delivery, Nanos, ServiceId};

/// What a faulty link does to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLink {
    /// It does not arrive. In a group the entry stays pending, and the minute's look brings it back; without
    /// a group it is lost.
    Drop,
    /// It arrives later by this much, and so does what comes after it: a link keeps its order.
    Delay(Nanos),
    /// It arrives twice.
    Duplicate,
    /// The next one overtakes it. If none comes, it arrives after this time.
    Reorder(Nanos),
    /// It arrives damaged; the entry in the stream is whole.
    Corrupt(Corruption),
}

/// A fault of the link from a stream to the services that read it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkFault {
    /// Full name; every stream without it.
    pub stream: Option<String>,
    /// Every reader without it.
    pub reader: Option<ServiceId>,
    /// What happens.
    pub what: OnLink,
    /// To which share.
    pub chance: Chance,
}

impl LinkFault {
    pub(crate) fn concerns(&self, stream: &str, reader: ServiceId) -> bool {
        self.stream.as_ref().is_none_or(|own| own == stream)
            && self.reader.is_none_or(|own| own == reader)
    }
}

/// One way of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// From the caller.
    Request,
    /// Back to it: the call was carried out, and the caller does not know.
    Answer,
}

/// What a faulty way does to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCall {
    /// It does not arrive.
    Drop,
    /// It arrives later by this much.
    Delay(Nanos),
}

/// A fault of calls between services.
#[derive(Clone, Debug, PartialEq)]
pub struct CallFault {
    /// The caller; every one without it.
    pub from: Option<ServiceId>,
    /// Who is asked; every one without it.
    pub to: Option<ServiceId>,
    /// Which way.
    pub leg: Leg,
    /// What happens.
    pub what: OnCall,
    /// To which share.
    pub chance: Chance,
}

impl CallFault {
    pub(crate) fn concerns(&self, caller: ServiceId, asked: ServiceId, leg: Leg) -> bool {
        self.leg == leg
            && self.from.is_none_or(|own| own == caller)
            && self.to.is_none_or(|own| own == asked)
    }
}

/// A delivery that was read and has not reached its service.
#[derive(Clone, Debug)]
pub(crate) struct HeldBack {
    pub(crate) reader: u32,
    /// Of the service's lives, the one that read it.
    pub(crate) life: u32,
    pub(crate) delivery: Delivery,
    /// It is overtaken by the next entry, if one comes in time.
    pub(crate) until_next: bool,
}
