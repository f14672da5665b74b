//! Whoever watches a run sees what its journal sees, while it happens.

use std::any::Any;

use crate::{
    Body, CallId, EntryId, ExchangeEvent, Nanos, Record, Request, RequestId, ServiceId, TimerKey,
};

/// What a key became.
#[derive(Debug)]
pub enum KeyWrite<'a> {
    /// SET: a string.
    Text(&'a [u8]),
    /// The hash of a record's fields.
    Hash(&'a dyn Record),
    /// A string: a record as JSON.
    Json(&'a dyn Record),
    /// DEL.
    Deleted,
    /// PEXPIRE, with what is left of its life.
    Expires(Nanos),
    /// HSET, LPUSH or SADD: the field (of a hash only) and the value.
    Member(&'a str, &'a [u8]),
}

/// One entry of the journal, before it is bytes. Inputs of services come first, what they did follows until
/// the next input.
#[derive(Debug)]
pub enum Seen<'a> {
    /// Input: a service has started.
    Start(ServiceId),
    /// Input: the run ends.
    Stop(ServiceId),
    /// Input: a timer fired.
    Timer(ServiceId, TimerKey),
    /// Input: an entry of a stream has reached a reader (its place among those of the service).
    Delivery(ServiceId, usize, EntryId),
    /// Input: the exchange said something.
    Exchange(&'a ExchangeEvent),
    /// Input: a call has reached its service.
    Call(ServiceId, CallId),
    /// Input: a reply has reached its caller, or its time is up.
    Reply(ServiceId, CallId, bool),
    /// Input: a market event has reached a service that was busy.
    LateMarket(ServiceId),
    /// Input: numbers from outside.
    Outside(ServiceId, &'a [f64]),
    /// The timeline did something.
    Action(&'a str),
    /// Output: an entry on a stream.
    Publish(&'a str, EntryId, &'a Body),
    /// Output: a key, what became of it, and its life if it has one.
    Key(&'a str, KeyWrite<'a>, Option<Nanos>),
    /// Output: a request to the exchange.
    Submit(ServiceId, RequestId, &'a Request),
    /// Output: a call.
    CallOut(ServiceId, CallId, &'a Body),
    /// Output: the answer to a call.
    ReplyOut(CallId, &'a Body),
}

/// Watches a run.
pub trait Watch: Send + Any {
    /// Entry number `entry`, counted from 0, at `now`. `true` stops the run as soon as what is being handled
    /// is over, so that whoever drives it may look at it: see [`crate::Kernel::paused`].
    fn seen(&mut self, now: Nanos, entry: u64, seen: Seen<'_>) -> bool;
}
