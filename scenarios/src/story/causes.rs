//! Finds causes: inputs and outputs follow one another in a journal, and what came in names what it answers.

use engine::{
    Answer, EntryId, ExchangeEvent, JournalEntry, KeyValue, Lookup, Nanos, Outcome, Request,
    UserEvent,
};

use super::naming;
use super::recording::{Kind, NOBODY, NONE, Recording, Row};
use super::wires::Wires;

/// The input that is being handled.
#[derive(Default)]
struct Current {
    entry: u32,
    time: Nanos,
    /// Who may be handling it, in their order.
    services: Vec<u16>,
    /// Whose output came last.
    last: u16,
    /// The timeline does it: what follows is no service's.
    by_hand: bool,
}

/// A walk over a journal, from its beginning.
pub(super) struct Causes {
    entry: u32,
    current: Option<Current>,
    /// Published entries by the stream's number: ids and entries, ascending.
    published: Vec<Vec<(EntryId, u32)>>,
    submits: Lookup<u64, u32>,
    orders: Lookup<String, u32>,
    calls: Lookup<u64, (u32, u16)>,
    replies: Lookup<u64, u32>,
    /// The newest user event that names an order, and the newest one of all.
    user: (Nanos, u32),
    market: u32,
    /// What the exchange last told each service.
    told: Vec<u32>,
    /// Who writes a place, by its number.
    writers: Vec<Option<Vec<u16>>>,
    listeners: Vec<u16>,
    market_services: Vec<u16>,
    late_feed: bool,
}

impl Causes {
    pub(super) fn new(wires: &Wires) -> Causes {
        Causes {
            entry: 0,
            current: None,
            published: Vec::new(),
            submits: Lookup::default(),
            orders: Lookup::default(),
            calls: Lookup::default(),
            replies: Lookup::default(),
            user: (Nanos::ZERO, NONE),
            market: NONE,
            told: vec![NONE; wires.services.len()],
            writers: Vec::new(),
            listeners: wires.listeners(),
            market_services: wires.market(),
            late_feed: wires.late_feed,
        }
    }

    /// The row of the next entry.
    pub(super) fn row(
        &mut self,
        time: Nanos,
        entry: &JournalEntry,
        recording: &mut Recording,
    ) -> Row {
        let row = self.input(time, entry, recording).unwrap_or_else(|| {
            let row = self.output(time, entry, recording);
            self.name_ids(entry, recording);
            row
        });
        self.entry += 1;
        row
    }

    /// An input begins a handling.
    fn input(
        &mut self,
        time: Nanos,
        entry: &JournalEntry,
        recording: &mut Recording,
    ) -> Option<Row> {
        use JournalEntry as J;
        let row = match entry {
            J::Market(_) => {
                self.market = self.entry;
                of(recording, time, Kind::Market, NOBODY, NONE, "market")
            }
            J::LateMarket(service) => {
                of(recording, time, Kind::LateMarket, service.0, self.market, "market")
            }
            J::Start(service) => of(recording, time, Kind::Start, service.0, NONE, "start"),
            J::Stop(service) => of(recording, time, Kind::Stop, service.0, NONE, "stop"),
            J::Timer(service, key) => {
                of(recording, time, Kind::Timer, service.0, NONE, &format!("timer {}", key.0))
            }
            J::Delivery { service, reader, id } => {
                let stream = recording.wires.stream(service.0, *reader).map(str::to_owned);
                let stream = stream.unwrap_or_else(|| format!("reader {reader}"));
                let place = recording.names.number(&stream);
                let cause = self.publish_of(place, *id);
                Row { service: service.0, cause, place, ..Row::new(time, Kind::Delivery) }
            }
            J::Exchange(ExchangeEvent::Response { to, request, outcome }) => {
                let cause = self.submits.get(&request.0).copied().unwrap_or(NONE);
                self.tell(to.0);
                let name = naming::outcome_name(outcome);
                let row = of(recording, time, Kind::Response, to.0, cause, name);
                if let Outcome::Done(Answer::Order(order)) = outcome {
                    self.names(recording, &order.client_order_id.0);
                }
                row
            }
            J::PositionRisk { to, request, .. } => {
                let cause = self.submits.get(&request.0).copied().unwrap_or(NONE);
                self.tell(to.0);
                of(recording, time, Kind::Response, to.0, cause, "positions")
            }
            J::Exchange(ExchangeEvent::User { event, time: at, .. }) => {
                let cause = self.order_of(event, *at);
                for listener in self.listeners.clone() {
                    self.tell(listener);
                }
                let row =
                    of(recording, time, Kind::User, NOBODY, cause, naming::user_event_name(event));
                if let Some(id) = naming::client_id(event) {
                    self.names(recording, id);
                }
                row
            }
            J::Call(service, id) => {
                let (cause, _) = self.calls.get(&id.0).copied().unwrap_or((NONE, NOBODY));
                of(recording, time, Kind::Call, service.0, cause, "call")
            }
            J::Reply { service, id, answered } => {
                let called = self.calls.get(&id.0).map_or(NONE, |(call, _)| *call);
                let reply = self.replies.get(&id.0).copied().filter(|_| *answered);
                of(recording, time, Kind::Reply, service.0, reply.unwrap_or(called), "reply")
            }
            J::Action(text) => of(recording, time, Kind::Action, NOBODY, NONE, text),
            _ => return None,
        };
        let services = match row.kind {
            Kind::Market => self.market_services.clone(),
            Kind::User => self.listeners.clone(),
            _ if row.service == NOBODY => Vec::new(),
            _ => vec![row.service],
        };
        let by_hand = row.kind == Kind::Action;
        self.current = Some(Current { entry: self.entry, time, services, last: NOBODY, by_hand });
        Some(row)
    }

    /// The services of an exchange message that they may handle later, when they have thought.
    fn tell(&mut self, service: u16) {
        if let Some(told) = self.told.get_mut(usize::from(service)) {
            *told = self.entry;
        }
    }

    fn publish_of(&self, stream: u32, id: EntryId) -> u32 {
        let Some(entries) = self.published.get(stream as usize) else { return NONE };
        let found = entries.binary_search_by_key(&id, |(id, _)| *id);
        found.map_or(NONE, |place| entries[place].1)
    }

    /// The submit of the order that a user event names; what names none belongs to the order of its instant.
    fn order_of(&mut self, event: &UserEvent, at: Nanos) -> u32 {
        let named = naming::client_id(event).and_then(|id| self.orders.get(id).copied());
        match named {
            Some(submit) => {
                self.user = (at, submit);
                submit
            }
            None if self.user.0 == at => self.user.1,
            None => NONE,
        }
    }

    fn output(&mut self, time: Nanos, entry: &JournalEntry, recording: &mut Recording) -> Row {
        use JournalEntry as J;
        let (kind, place) = match entry {
            J::Publish { stream, .. } => (Kind::Publish, stream.clone()),
            J::Set { key, .. } | J::Member { key, .. } => (Kind::Key, key.clone()),
            J::Delete(key) | J::Expire(key, _) => (Kind::Key, key.clone()),
            J::Submit { request, .. } => (Kind::Submit, naming::request_name(request).to_owned()),
            J::CallOut { to, .. } => {
                (Kind::CallOut, recording.wires.name(to.0).unwrap_or_default().to_owned())
            }
            J::ReplyOut { .. } => (Kind::ReplyOut, "reply".to_owned()),
            _ => (Kind::Outside, "numbers".to_owned()),
        };
        let number = recording.names.number(&place);
        let mut row = Row { place: number, ..Row::new(time, kind) };
        (row.service, row.cause) = match entry {
            J::Submit { service, .. } | J::Outside(service, _) => self.known(service.0, time),
            _ => self.whose(kind, number, &place, time, recording),
        };
        match entry {
            J::Publish { id, body, .. } => {
                if let Some(service) = body.get("dlq_service") {
                    let found = recording.services.iter().position(|name| *name == service);
                    row.service = found.map_or(row.service, |place| place as u16);
                }
                at(&mut self.published, number).push((*id, self.entry));
            }
            J::Submit { id, request, .. } => {
                self.submits.insert(id.0, self.entry);
                for id in naming::client_ids(request) {
                    self.orders.insert(id.to_owned(), self.entry);
                    self.names(recording, id);
                }
            }
            J::CallOut { id, .. } => {
                self.calls.insert(id.0, (self.entry, row.service));
            }
            J::ReplyOut { id, .. } => {
                self.replies.insert(id.0, self.entry);
            }
            _ if kind == Kind::Key => at(&mut recording.writes, number).push(self.entry),
            _ => {}
        }
        row
    }

    /// The handling of a service that the entry names.
    fn known(&self, service: u16, time: Nanos) -> (u16, u32) {
        let current = self.current.as_ref();
        let fits = current.filter(|now| now.time == time && now.services.contains(&service));
        (service, fits.map_or_else(|| self.hidden(service), |current| current.entry))
    }

    /// Whose output it is, and what it was handling.
    fn whose(
        &mut self,
        kind: Kind,
        number: u32,
        place: &str,
        time: Nanos,
        recording: &Recording,
    ) -> (u16, u32) {
        let wires = &recording.wires;
        let known = at(&mut self.writers, number);
        let writers = known
            .get_or_insert_with(|| match kind {
                Kind::Publish => wires.writers_of_stream(place),
                Kind::Key => wires.writers_of_key(place),
                _ => Vec::new(),
            })
            .clone();
        let Some(current) = self.current.as_mut().filter(|current| current.time == time) else {
            let service = writers.first().copied().unwrap_or(NOBODY);
            return (service, self.hidden(service));
        };
        let entry = current.entry;
        if current.by_hand {
            return (NOBODY, entry);
        }
        if let [service] = current.services[..] {
            // What it never writes, another one wrote: it had been busy when its input was journaled.
            let other = writers.iter().copied().find(|_| !writers.contains(&service));
            let other = other.map(|other| (other, self.hidden(other)));
            return other.filter(|(_, cause)| *cause != NONE).unwrap_or((service, entry));
        }
        // They handle it in their order, so who comes next is not before who came last.
        let mut may = current.services.iter().copied().filter(|one| writers.contains(one));
        let first = may.clone().next();
        let last = current.last;
        let next = may.find(|one| last == NOBODY || *one >= last).or(first);
        match next {
            Some(service) => {
                current.last = service;
                (service, entry)
            }
            // Nobody who may says that it writes this: the one before goes on, or nobody knows.
            None if writers.is_empty() => (last, entry),
            None => (writers[0], entry),
        }
    }

    /// What a service handles without an entry of its own: what the exchange told it while it was busy, or a
    /// market event that was on its way.
    fn hidden(&self, service: u16) -> u32 {
        let told = self.told.get(usize::from(service)).copied().unwrap_or(NONE);
        if told != NONE {
            return told;
        }
        if self.late_feed && self.market_services.contains(&service) { self.market } else { NONE }
    }

    /// Notes what ids the entry names.
    fn name_ids(&self, entry: &JournalEntry, recording: &mut Recording) {
        ids_of(entry).iter().for_each(|id| self.names(recording, id));
    }

    fn names(&self, recording: &mut Recording, id: &str) {
        if id.is_empty() {
            return;
        }
        match recording.naming.get_mut(id) {
            Some(entries) if entries.last() == Some(&self.entry) => {}
            Some(entries) => entries.push(self.entry),
            None => {
                recording.naming.insert(id.to_owned(), vec![self.entry]);
            }
        }
    }
}

/// A row about the place of that name.
fn of(
    recording: &mut Recording,
    time: Nanos,
    kind: Kind,
    service: u16,
    cause: u32,
    place: &str,
) -> Row {
    let place = recording.names.number(place);
    Row { service, cause, place, ..Row::new(time, kind) }
}

/// The ids of plans, decisions and orders that an entry names, in its fields or its key.
pub(super) fn ids_of(entry: &JournalEntry) -> Vec<String> {
    use JournalEntry as J;
    const IDS: [&str; 4] = ["plan_id", "correlation_id", "trace_id", "client_order_id"];
    let mut ids = Vec::new();
    let parts = |key: &str| -> Vec<String> {
        key.split(':').filter(|part| is_plan(part)).map(str::to_owned).collect()
    };
    match entry {
        J::Publish { body, .. } | J::CallOut { body, .. } | J::ReplyOut { body, .. } => {
            ids.extend(IDS.iter().filter_map(|name| body.get(name)));
        }
        J::Set { key, value, .. } => {
            match value {
                KeyValue::Hash(record) | KeyValue::Json(record) => {
                    let named = IDS.iter().filter_map(|name| record.get(name));
                    ids.extend(named.map(ToString::to_string));
                }
                KeyValue::Text(text) if is_plan(text) => ids.push(text.clone()),
                KeyValue::Text(_) => {}
            }
            ids.extend(parts(key));
        }
        J::Delete(key) | J::Expire(key, _) => ids.extend(parts(key)),
        J::Submit { request, .. } => {
            ids.extend(naming::client_ids(request).into_iter().map(str::to_owned));
        }
        J::Exchange(ExchangeEvent::User { event, .. }) => {
            ids.extend(naming::client_id(event).map(str::to_owned));
        }
        J::Exchange(ExchangeEvent::Response {
            outcome: Outcome::Done(Answer::Order(order)),
            ..
        }) => ids.push(order.client_order_id.0.to_string()),
        _ => {}
    }
    ids.retain(|id| !id.is_empty());
    ids
}

/// The ids of plans are sixteen hexadecimal digits.
pub(super) fn is_plan(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The element at `number`, with those before it.
fn at<T: Default + Clone>(all: &mut Vec<T>, number: u32) -> &mut T {
    let place = number as usize;
    if place >= all.len() {
        all.resize(place + 1, T::default());
    }
    &mut all[place]
}

/// Whether a request places orders.
pub(super) fn places_orders(request: &Request) -> bool {
    matches!(request, Request::NewOrder(_) | Request::BatchOrders(_) | Request::NewAlgoOrder(_))
}
