//! The schedule: what is due when, in one total order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::{CallId, Nanos, RequestId, ServiceId, TimerKey};

/// Rank among things of the same nanosecond: actions and faults, market, exchange, deliveries, timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Timeline actions and faults.
    Action,
    /// Market events.
    Market,
    /// Events of the exchange.
    Exchange,
    /// Deliveries, calls and replies.
    Delivery,
    /// Timers and time-outs.
    Timer,
}

impl Class {
    const ALL: [Class; 5] =
        [Class::Action, Class::Market, Class::Exchange, Class::Delivery, Class::Timer];
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The action with this place in the timeline.
    Action(u32),
    /// The action with this place ends.
    Ended(u32),
    /// A supervisor starts a service that has died; of the time after its life number `life`.
    Supervised { service: ServiceId, life: u32 },
    /// A service in a crash-loop dies, in its life number `life`.
    Dies { service: ServiceId, life: u32 },
    /// A delivery that was held back on its way arrives.
    Held(u64),
    /// A client that is cut from the exchange gives a request up.
    Unanswered { service: ServiceId, request: RequestId },
    /// A reader has something to read, or its pending entries to look after, in life number `life` of its
    /// service.
    Reader { reader: u32, life: u32 },
    /// The minute's look at entries that were left pending.
    Housekeeping(u32),
    /// A timer of a service, of its life number `life`.
    Timer { service: ServiceId, key: TimerKey, life: u32 },
    /// A call reaches its service.
    Call(CallId),
    /// A reply reaches its caller.
    Reply(CallId),
    /// Nobody waits for this reply any longer.
    TimeOut(CallId),
    /// An input that found its service busy; its place in the waiting room.
    Waiting(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) time: Nanos,
    /// Class above, sequence number below: one comparison instead of two.
    rank: u64,
    /// The service has already thought about it.
    pub(crate) thought: bool,
    pub(crate) due: Due,
}

/// Sequence numbers stay below this; a run of 10 million a second reaches it after 228 years.
const CLASS_SHIFT: u32 = 56;
/// What is known before the run has lower sequence numbers than what comes up in it.
const IN_THE_RUN: u64 = 1 << 32;

impl Item {
    pub(crate) fn class(&self) -> Class {
        Class::ALL[(self.rank >> CLASS_SHIFT) as usize]
    }
}

impl Ord for Item {
    /// Reversed, because the heap gives the greatest first.
    fn cmp(&self, other: &Item) -> Ordering {
        (other.time, other.rank).cmp(&(self.time, self.rank))
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Item) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Time and class of the earliest item, beyond which nothing else may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Horizon {
    pub(crate) time: Nanos,
    pub(crate) class: Class,
}

/// The schedule.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    heap: BinaryHeap<Item>,
    sequence: u64,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { heap: BinaryHeap::new(), sequence: IN_THE_RUN }
    }
}

impl Schedule {
    pub(crate) fn push(&mut self, time: Nanos, class: Class, due: Due) {
        self.push_item(time, class, false, due);
    }

    pub(crate) fn push_item(&mut self, time: Nanos, class: Class, thought: bool, due: Due) {
        self.sequence += 1;
        let rank = (class as u64) << CLASS_SHIFT | self.sequence;
        self.heap.push(Item { time, rank, thought, due });
    }

    /// An action that was known before the run, as number `number` of them: of one instant they happen in the order of their
    /// numbers, before whatever came up in the run.
    pub(crate) fn push_known(&mut self, time: Nanos, number: u32, due: Due) {
        let rank = (Class::Action as u64) << CLASS_SHIFT | u64::from(number);
        self.heap.push(Item { time, rank, thought: false, due });
    }

    /// Forgets the actions that have not begun. What has begun ends in its time.
    pub(crate) fn forget_actions(&mut self) {
        self.heap.retain(|item| !matches!(item.due, Due::Action(_)));
    }

    #[inline]
    pub(crate) fn horizon(&self) -> Horizon {
        match self.heap.peek() {
            Some(item) => Horizon { time: item.time, class: item.class() },
            None => Horizon { time: Nanos::NEVER, class: Class::Timer },
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Item> {
        self.heap.pop()
    }
}
