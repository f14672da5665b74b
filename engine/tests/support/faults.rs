//! Parts for the tests of faults: services that write, take, ask and watch, and a run of them.
#![allow(dead_code, missing_docs, clippy::expect_used)]

use engine::*;
use serde::{Deserialize, Serialize};

use super::{ListFeed, NoExchange, config, member, number, trade};

pub const NUMBERS: &str = "quantum:stream:numbers";
pub const OTHERS: &str = "quantum:stream:others";
pub const SEEN: &str = "seen";

pub const WRITER: ServiceId = ServiceId(0);
pub const TAKER: ServiceId = ServiceId(1);
pub const TAIL: ServiceId = ServiceId(2);

pub fn ms(ms: i64) -> Nanos {
    Nanos::from_millis(ms)
}

fn note(text: &str, ctx: &mut Context<'_>) {
    let text = format!("{text}@{}", ctx.now().millis());
    if ctx.lpush_keep(SEEN, &text, 10_000).is_err() {
        ctx.count("notes_lost", 1);
    }
}

/// Publishes the numbers 1 to `count`, one every 10 ms, and counts what it cannot publish.
#[derive(Clone, Serialize, Deserialize)]
pub struct Writer {
    pub count: u64,
    pub next: u64,
}

impl Service for Writer {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if matches!(input, Input::Timer(_)) {
            self.next += 1;
            if ctx.publish(NUMBERS, Trim::Keep, number(self.next)).is_err() {
                ctx.count("not_published", 1);
            }
        }
        if matches!(input, Input::Start | Input::Timer(_)) && self.next < self.count {
            ctx.timer_after(ms(10), TimerKey(0));
        }
    }
}

/// Notes what it reads, and when by its clock, in a list on the bus: with a group, or without.
#[derive(Clone, Serialize, Deserialize)]
pub struct Taker {
    pub group: bool,
    /// Put before each note.
    pub mark: String,
    pub other_stream: bool,
}

impl Taker {
    fn stream(&self) -> &'static str {
        if self.other_stream { OTHERS } else { NUMBERS }
    }
}

impl Service for Taker {
    fn wiring(&self) -> Wiring {
        let reader = match self.group {
            true => Reader::group(self.stream(), "takers", GroupStart::Beginning),
            false => Reader::tail(self.stream(), GroupStart::End),
        };
        Wiring { readers: vec![reader], ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Delivery(delivery) = input else { return };
        let Some(read) = ctx.read::<super::Number>(self.stream(), delivery) else { return };
        let text = format!("{}{}", self.mark, read.value);
        note(&text, ctx);
    }
}

/// Asks the answerer every 10 ms, and waits for 5.
#[derive(Clone, Serialize, Deserialize)]
pub struct Asker;

impl Service for Asker {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => ctx.timer_after(ms(10), TimerKey(0)),
            Input::Timer(_) => {
                let to = ctx.service("answerer").expect("it is there");
                ctx.call(to, number(1), ms(5));
                ctx.timer_after(ms(10), TimerKey(0));
            }
            Input::Reply(reply) => {
                note(if reply.body.is_some() { "answer" } else { "time-out" }, ctx);
            }
            _ => {}
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Answerer;

impl Service for Answerer {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Call(call) = input {
            ctx.count("answered", 1);
            ctx.reply(call.id, number(2));
        }
    }
}

/// Notes the trades that it sees.
#[derive(Clone, Serialize, Deserialize)]
pub struct Watcher;

impl Service for Watcher {
    fn wiring(&self) -> Wiring {
        Wiring { market: MarketWants { trades: true, ..MarketWants::NONE }, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Market(event) = input else { return };
        if let MarketData::Trade(trade) = event.data {
            note(&trade.price.0.to_string(), ctx);
        }
    }
}

/// Asks the exchange for the account every 10 ms and notes how that ends.
#[derive(Clone, Serialize, Deserialize)]
pub struct Trader;

impl Service for Trader {
    fn wiring(&self) -> Wiring {
        Wiring { exchange: true, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => ctx.timer_after(ms(10), TimerKey(0)),
            Input::Timer(_) => {
                ctx.submit(Request::Account);
                ctx.timer_after(ms(10), TimerKey(0));
            }
            Input::Exchange(ExchangeEvent::Response { outcome, .. }) => {
                note(if *outcome == Outcome::Unknown { "unknown" } else { "done" }, ctx);
            }
            _ => {}
        }
    }
}

/// Answers each request after 2 ms, and counts what it sees of the market.
#[derive(Default)]
pub struct PromptExchange {
    due: std::collections::VecDeque<(Nanos, ExchangeEvent)>,
    pub requests: usize,
    pub observed: usize,
    pub clocks: Vec<(ServiceId, Nanos)>,
}

impl Exchange for PromptExchange {
    fn submit(&mut self, now: Nanos, from: Sender, request: RequestId, _: Request) {
        self.requests += 1;
        let outcome = Outcome::Done(Answer::Done);
        let event = ExchangeEvent::Response { to: from.service, request, outcome };
        self.due.push_back((now + ms(2), event));
    }
    fn set_clock(&mut self, client: ServiceId, ahead: Nanos) {
        self.clocks.push((client, ahead));
    }
    fn observe(&mut self, _: &MarketEvent) {
        self.observed += 1;
    }
    fn next_due(&self) -> Nanos {
        self.due.front().map_or(Nanos::NEVER, |(due, _)| *due)
    }
    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        while self.due.front().is_some_and(|(due, _)| *due <= now) {
            out.extend(self.due.pop_front().map(|(_, event)| event));
        }
    }
}

pub type World = Kernel<PromptExchange, ListFeed>;

/// A writer of `count` numbers, a taker with a group and one without.
pub fn chain(count: u64) -> Vec<Member> {
    vec![
        member("writer", Writer { count, next: 0 }),
        member("taker", taker("", true)),
        member("tail", taker("tail ", false)),
    ]
}

pub fn taker(mark: &str, group: bool) -> Taker {
    Taker { group, mark: mark.to_owned(), other_stream: false }
}

/// Ten trades, one every 10 ms, at 1, 2, 3 …
pub fn trades() -> Vec<MarketEvent> {
    (1..=10).map(|n| trade(n * 10, n)).collect()
}

pub fn world(
    members: Vec<Member>,
    events: Vec<MarketEvent>,
    actions: &[(i64, Action)],
    sink: Box<dyn JournalSink>,
) -> World {
    let bus = Box::new(MemoryBus::new());
    let exchange = PromptExchange::default();
    let config = config(7, Link::INSTANT);
    let mut world = Kernel::new(config, bus, exchange, ListFeed(events), members, sink);
    for (at, action) in actions {
        world.at(ms(*at), action.clone());
    }
    world
}

/// Runs the same twice, demands one digest, and gives the end of the second run.
pub fn run(
    members: impl Fn() -> Vec<Member>,
    events: Vec<MarketEvent>,
    actions: &[(i64, Action)],
    until_ms: i64,
) -> World {
    let once = || {
        let mut world = world(members(), events.clone(), actions, Box::new(DigestOnly));
        world.run_until(ms(until_ms)).expect("a run");
        let digest = world.finish().expect("a digest").digest_hex();
        (world, digest)
    };
    let ((_, first), (world, second)) = (once(), once());
    assert_eq!(first, second, "the same run has the same digest");
    world
}

/// The notes that begin with `mark`, without it; all if it is empty, then without those of the tail.
pub fn seen(world: &mut World, mark: &str) -> String {
    let now = world.now();
    let notes = world.bus_mut().lrange(now, SEEN, 10_000).expect("a list");
    let notes = notes.into_iter().rev().map(|note| String::from_utf8(note).expect("text"));
    let own = |note: String| match mark {
        "" => (!note.starts_with("tail ")).then_some(note),
        mark => note.strip_prefix(mark).map(str::to_owned),
    };
    notes.filter_map(own).collect::<Vec<_>>().join(" ")
}

/// What faults did to a service, under this name.
pub fn hits(world: &World, service: ServiceId, what: &str) -> u64 {
    world.fault_counts(service).and_then(|counts| counts.get(what)).copied().unwrap_or(0)
}

pub fn command(line: &str) -> Action {
    Action::Command(line.split(' ').map(|word| word.as_bytes().to_vec()).collect())
}

pub fn always() -> Chance {
    Chance::of(1.0, 7, "fault:0")
}

pub fn share(share: f64) -> Chance {
    Chance::of(share, 7, "fault:0")
}

/// The link from the numbers to the taker.
pub fn link(what: OnLink, chance: Chance, until_ms: i64) -> Action {
    link_to(TAKER, what, chance, until_ms)
}

pub fn link_to(reader: ServiceId, what: OnLink, chance: Chance, until_ms: i64) -> Action {
    let fault = LinkFault { stream: Some(NUMBERS.into()), reader: Some(reader), what, chance };
    Action::Link { fault, until: ms(until_ms) }
}
