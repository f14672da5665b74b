//! The kernel: order, delivery, time, crash and restart, calls, and that a run repeats.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod support;

use engine::*;
use serde::{Deserialize, Serialize};
use support::*;

const NUMBERS: &str = "quantum:stream:numbers";
const SEEN: &str = "seen";

/// Publishes the numbers 1 to `count`, one every `every`.
#[derive(Clone, Serialize, Deserialize)]
struct Writer {
    count: u64,
    every: Nanos,
    next: u64,
}

impl Service for Writer {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => ctx.timer_after(self.every, TimerKey(0)),
            Input::Timer(_) => {
                self.next += 1;
                ctx.publish(NUMBERS, Trim::Keep, number(self.next)).expect("the stream takes it");
                if self.next < self.count {
                    ctx.timer_after(self.every, TimerKey(0));
                }
            }
            _ => {}
        }
    }
}

/// Notes what it reads, and when, in a list on the bus.
#[derive(Clone, Serialize, Deserialize)]
struct Taker {
    /// Leaves this number pending the first time that it comes.
    leaves: Option<u64>,
}

impl Service for Taker {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(NUMBERS, "takers", GroupStart::Beginning)],
            ..Wiring::default()
        }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Delivery(delivery) = input else { return };
        let Some(read) = ctx.read::<Number>(NUMBERS, delivery) else { return };
        let value = read.value;
        if self.leaves == Some(value) && !delivery.redelivered {
            ctx.leave_pending();
            return;
        }
        let note = format!("{value}@{}", ctx.now().millis());
        ctx.lpush_keep(SEEN, &note, 1000).expect("a list");
        ctx.count("taken", 1);
    }
}

fn numbers(count: u64, every_ms: i64) -> Writer {
    Writer { count, every: Nanos::from_millis(every_ms), next: 0 }
}

type TestKernel = Kernel<NoExchange, ListFeed>;

fn kernel(link: Link, members: Vec<Member>) -> TestKernel {
    kernel_with(link, members, Vec::new(), Box::new(DigestOnly))
}

fn kernel_with(
    link: Link,
    members: Vec<Member>,
    events: Vec<MarketEvent>,
    sink: Box<dyn JournalSink>,
) -> TestKernel {
    let bus = Box::new(MemoryBus::new());
    Kernel::new(config(7, link), bus, NoExchange, ListFeed(events), members, sink)
}

fn seen(kernel: &mut TestKernel) -> String {
    let now = kernel.now();
    let notes = kernel.bus_mut().lrange(now, SEEN, 1000).expect("a list");
    let mut notes: Vec<String> =
        notes.into_iter().map(|n| String::from_utf8(n).expect("text")).collect();
    notes.reverse();
    notes.join(" ")
}

fn ms(ms: i64) -> Nanos {
    Nanos::from_millis(ms)
}

#[test]
fn entries_arrive_after_the_latency_of_their_link() {
    let link = Link { latency: ms(3), jitter: Nanos::ZERO };
    let mut kernel = kernel(
        link,
        vec![member("writer", numbers(3, 10)), member("taker", Taker { leaves: None })],
    );
    kernel.run_until(ms(100)).expect("a run");
    assert_eq!(seen(&mut kernel), "1@13 2@23 3@33");
    assert_eq!(kernel.counts().acknowledged, 3);
}

#[test]
fn jitter_never_reorders_a_link() {
    let link = Link { latency: ms(1), jitter: ms(50) };
    let mut kernel = kernel(
        link,
        vec![member("writer", numbers(40, 2)), member("taker", Taker { leaves: None })],
    );
    kernel.run_until(ms(1000)).expect("a run");
    let order: Vec<u64> = seen(&mut kernel)
        .split(' ')
        .map(|n| n.split('@').next().expect("a value").parse().expect("a number"))
        .collect();
    assert_eq!(order, (1..=40).collect::<Vec<_>>());
}

#[test]
fn thinking_makes_a_backlog() {
    let mut taker = member("taker", Taker { leaves: None });
    taker.thinking.message = ms(20);
    let mut kernel = kernel(Link::INSTANT, vec![member("writer", numbers(3, 10)), taker]);
    kernel.run_until(ms(35)).expect("a run");
    assert_eq!(seen(&mut kernel), "1@30", "the effects come at the end of the thinking");
    let groups = kernel.bus_mut().xinfo_groups(ms(35), NUMBERS).expect("a stream");
    assert_eq!(groups[0].lag, Some(2));
    kernel.run_until(ms(200)).expect("a run");
    assert_eq!(seen(&mut kernel), "1@30 2@50 3@70");
}

#[test]
fn what_was_left_pending_comes_back_after_a_minute() {
    let taker = member("taker", Taker { leaves: Some(2) });
    let mut kernel = kernel(Link::INSTANT, vec![member("writer", numbers(3, 10)), taker]);
    kernel.run_until(Nanos::from_secs(100)).expect("a run");
    assert_eq!(seen(&mut kernel), "1@10 3@30");
    kernel.run_until(Nanos::from_secs(121)).expect("a run");
    assert_eq!(seen(&mut kernel), "1@10 3@30 2@120000");
}

/// A crash before, between or after the three entries, and a restart later: nothing is lost, nothing
/// comes twice, whatever the instant.
#[test]
fn a_crash_at_any_instant_loses_no_entry() {
    for crash_ms in 0..40 {
        for pause_ms in [1, 7, 50] {
            let members =
                vec![member("writer", numbers(3, 10)), member("taker", Taker { leaves: None })];
            let mut kernel = kernel(Link { latency: ms(2), jitter: Nanos::ZERO }, members);
            kernel.at(ms(crash_ms), Action::Crash(ServiceId(1)));
            kernel.at(ms(crash_ms + pause_ms), Action::Restart(ServiceId(1)));
            kernel.run_until(ms(1000)).expect("a run");
            let values: Vec<String> = seen(&mut kernel)
                .split(' ')
                .map(|n| n.split('@').next().expect("a value").to_owned())
                .collect();
            assert_eq!(values, ["1", "2", "3"], "crash at {crash_ms} ms for {pause_ms} ms");
        }
    }
}

#[test]
fn pending_entries_are_drained_first_after_a_restart() {
    let members =
        vec![member("writer", numbers(3, 10)), member("taker", Taker { leaves: Some(1) })];
    let mut kernel = kernel(Link::INSTANT, members);
    kernel.at(ms(15), Action::Crash(ServiceId(1)));
    kernel.at(ms(55), Action::Restart(ServiceId(1)));
    kernel.run_until(ms(100)).expect("a run");
    assert_eq!(seen(&mut kernel), "1@55 2@55 3@55");
}

#[test]
fn a_stream_may_have_another_name_for_one_service() {
    const OTHER: &str = "quantum:stream:other";
    let members = |writer: bool, taker: bool| {
        let mut all =
            vec![member("writer", numbers(3, 10)), member("taker", Taker { leaves: None })];
        for (member, is) in all.iter_mut().zip([writer, taker]) {
            member.streams.extend(is.then_some((NUMBERS, OTHER)));
        }
        all
    };
    // Both, one, the other: only who calls it alike meets.
    for (writer, taker, expected) in
        [(true, true, "1@10 2@20 3@30"), (true, false, ""), (false, true, "")]
    {
        let mut kernel = kernel(Link::INSTANT, members(writer, taker));
        kernel.run_until(ms(100)).expect("a run");
        assert_eq!(seen(&mut kernel), expected);
        let written = if writer { OTHER } else { NUMBERS };
        assert_eq!(kernel.bus_mut().xlen(ms(100), written), Ok(3));
    }
    assert_eq!(members(true, true)[1].wiring().readers[0].stream, OTHER);
}

#[test]
fn malformed_entry_goes_to_the_dead_letters_with_its_reason() {
    let mut kernel = kernel(Link::INSTANT, vec![member("taker", Taker { leaves: None })]);
    let body = Body::fields(&[("value", "seven")]);
    kernel.at(ms(5), Action::Publish { stream: NUMBERS.to_owned(), body });
    let body = Body::fields(&[("data", "{}")]);
    kernel.at(ms(6), Action::Publish { stream: NUMBERS.to_owned(), body });
    kernel.run_until(ms(10)).expect("a run");
    let mut letters = Vec::new();
    let bus = kernel.bus_mut();
    bus.xrange(ms(10), "quantum:dlq:numbers", EntryId::ZERO, EntryId::MAX, 10, &mut letters)
        .expect("a stream");
    let reasons: Vec<String> = letters
        .iter()
        .map(|l| {
            l.body
                .as_ref()
                .and_then(|b| b.to_fields().get("dlq_reason").map(str::to_owned))
                .expect("a reason")
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "Number: field \"value\": \"seven\" is not a whole number in range",
            "Number: field \"envelope\": neither a payload nor a field of the record is there"
        ]
    );
    let groups = bus.xinfo_groups(ms(10), NUMBERS).expect("a stream");
    assert_eq!((groups[0].pending, groups[0].lag), (0, Some(0)));
}

/// Asks the other service every 10 ms and notes the answers.
#[derive(Clone, Serialize, Deserialize)]
struct Asker;

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
                let what = if reply.body.is_some() { "answer" } else { "time-out" };
                let note = format!("{what}@{}", ctx.now().millis());
                ctx.lpush_keep(SEEN, &note, 1000).expect("a list");
            }
            _ => {}
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Answerer;

impl Service for Answerer {
    fn wiring(&self) -> Wiring {
        Wiring::default()
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Call(call) = input {
            ctx.reply(call.id, number(2));
        }
    }
}

#[test]
fn calls_are_answered_or_time_out() {
    let mut kernel =
        kernel(Link::INSTANT, vec![member("asker", Asker), member("answerer", Answerer)]);
    kernel.at(ms(15), Action::Crash(ServiceId(1)));
    kernel.at(ms(27), Action::Restart(ServiceId(1)));
    kernel.run_until(ms(39)).expect("a run");
    assert_eq!(seen(&mut kernel), "answer@12 time-out@25 answer@32");
}

/// Notes what market events it sees.
#[derive(Clone, Serialize, Deserialize)]
struct Watcher;

impl Service for Watcher {
    fn wiring(&self) -> Wiring {
        Wiring { market: MarketWants { trades: true, ..MarketWants::NONE }, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let Input::Market(event) = input else { return };
        let MarketData::Trade(trade) = event.data else { return };
        let note = format!("{}@{}", trade.price.0, ctx.now().millis());
        ctx.lpush_keep(SEEN, &note, 1000).expect("a list");
    }
}

#[test]
fn market_events_reach_services_directly_or_late() {
    let events = || vec![trade(10, 100), trade(20, 101), trade(20, 102)];
    let mut at_once = kernel_with(
        Link::INSTANT,
        vec![member("watcher", Watcher)],
        events(),
        Box::new(DigestOnly),
    );
    at_once.run_until(ms(100)).expect("a run");
    assert_eq!(seen(&mut at_once), "100@10 101@20 102@20");

    let mut slow = member("watcher", Watcher);
    slow.thinking.market = ms(15);
    let mut busy = kernel_with(Link::INSTANT, vec![slow], events(), Box::new(DigestOnly));
    busy.run_until(ms(100)).expect("a run");
    assert_eq!(seen(&mut busy), "100@25 101@40 102@55");

    assert_eq!(arrivals(FeedLatency::Constant(ms(4)), events()), "100@14 101@24 102@24");
}

/// What the watcher sees, and when, of a feed that is late.
fn arrivals(latency: FeedLatency, events: Vec<MarketEvent>) -> String {
    let mut config = config(7, Link::INSTANT);
    config.feed_latency = latency;
    let bus = Box::new(MemoryBus::new());
    let members = vec![member("watcher", Watcher)];
    let mut late =
        Kernel::new(config, bus, NoExchange, ListFeed(events), members, Box::new(DigestOnly));
    late.run_until(ms(10_000)).expect("a run");
    assert!(late.market_ended());
    seen(&mut late)
}

#[test]
fn market_events_arrive_as_late_as_the_data_say() {
    let delayed =
        |at, price, delay| MarketEvent { delay: FeedDelay::new(ms(delay)), ..trade(at, price) };
    // The second would overtake the first, the third does not say how late it was.
    let events =
        vec![delayed(10, 100, 30), delayed(20, 101, 1), trade(30, 102), delayed(90, 103, 0)];
    let seen = arrivals(FeedLatency::Recorded(ms(25)), events);
    assert_eq!(seen, "100@40 101@40 102@55 103@90");
}

#[test]
fn market_events_arrive_as_late_as_they_are_drawn() {
    // Batches of the list are short and the way is long: many batches are under way at a time.
    let latency = || FeedLatency::Distribution(Quantiles(vec![(0, 1_000), (1_000, 900_000)]));
    let events = || (0..500).map(|n| trade(n, 1_000 + n)).collect();
    let found = arrivals(latency(), events());
    assert_eq!(found, arrivals(latency(), events()), "the same seed draws the same");
    let parts: Vec<(i64, i64)> = found
        .split(' ')
        .map(|part| {
            let (price, time) = part.split_once('@').expect("price@time");
            (price.parse().expect("a price"), time.parse().expect("a time"))
        })
        .collect();
    assert_eq!(parts.len(), 500, "none is lost");
    assert!(parts.is_sorted_by_key(|part| part.0), "none overtakes");
    assert!(parts.iter().all(|(price, at)| *at > price - 1_000), "none is early");
    assert!(parts[499].1 > 1_200, "the way takes up to 900 ms");
}

#[test]
fn a_feed_that_goes_back_in_time_is_refused() {
    let mut kernel = kernel_with(
        Link::INSTANT,
        vec![member("watcher", Watcher)],
        vec![trade(10, 1), trade(9, 1)],
        Box::new(DigestOnly),
    );
    let error = kernel.run_until(ms(100)).expect_err("disorder");
    assert!(error.to_string().contains("went back in time"), "{error}");
}

fn storm(sink: Box<dyn JournalSink>, count: u64) -> TestKernel {
    let link = Link { latency: ms(1), jitter: ms(30) };
    let events = (1..200).map(|i| trade(i, i)).collect();
    let members = vec![
        member("writer", numbers(count, 2)),
        member("taker", Taker { leaves: Some(5) }),
        member("watcher", Watcher),
    ];
    let mut kernel = kernel_with(link, members, events, sink);
    kernel.at(ms(77), Action::Crash(ServiceId(1)));
    kernel.at(ms(99), Action::Restart(ServiceId(1)));
    kernel
}

#[test]
fn the_same_run_has_the_same_digest_however_it_is_sliced() {
    let digest = |slices: &[i64]| {
        let mut kernel = storm(Box::new(DigestOnly), 50);
        for slice in slices {
            kernel.run_until(ms(*slice)).expect("a run");
        }
        kernel.finish().expect("a digest").digest_hex()
    };
    let whole = digest(&[400]);
    assert_eq!(whole, digest(&[400]));
    assert_eq!(whole, digest(&[1, 50, 51, 77, 78, 200, 400]));
}

#[test]
fn a_journal_replays_and_names_the_first_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let header = serde_json::json!({ "services": ["writer", "taker", "watcher"] });
    let record = |count| {
        let sink = FileSink::create(&path, &header).expect("a file");
        let mut kernel = storm(Box::new(sink), count);
        kernel.run_until(ms(400)).expect("a run");
        kernel.finish().expect("a digest")
    };
    let footer = record(50);
    let replay = |count| {
        let file = JournalFile::open(&path).expect("a journal");
        let services = vec!["writer".to_owned(), "taker".to_owned(), "watcher".to_owned()];
        let compare = Compare::new(file, services).expect("a comparison");
        let mut kernel = storm(Box::new(compare), count);
        kernel.run_until(ms(400)).map_err(|e| e.to_string())?;
        kernel.finish().map_err(|e| e.to_string())
    };
    assert_eq!(replay(50).expect("the same run"), footer);
    let difference = replay(49).expect_err("another run");
    // The 50th number is the first thing that the replay lacks: its timer never fires.
    assert!(
        difference.contains("recorded at 1970-01-01T00:00:00.100Z: timer 0 of writer"),
        "{difference}"
    );
    assert!(difference.contains("first difference: entry "), "{difference}");
}

#[test]
fn a_flipped_byte_anywhere_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let sink = FileSink::create(&path, &serde_json::json!({ "services": [] })).expect("a file");
    let mut kernel = storm(Box::new(sink), 20);
    kernel.run_until(ms(400)).expect("a run");
    kernel.finish().expect("a digest");
    let good = std::fs::read(&path).expect("a file");
    assert!(JournalFile::open(&path).is_ok());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).expect("written");
        let error = JournalFile::open(&path).err().map(|e| e.to_string());
        let error = error.unwrap_or_else(|| panic!("byte {at} of {} went unnoticed", good.len()));
        assert!(error.contains("run.journal"), "{error}");
    }
    std::fs::write(&path, &good[..good.len() / 2]).expect("written");
    assert!(JournalFile::open(&path).err().is_some_and(|e| e.to_string().contains("damaged")));
}

#[test]
fn state_can_be_saved_and_taken_over() {
    let writer = numbers(9, 1);
    let saved = writer.save().expect("JSON");
    let mut other: Box<dyn Service> = Box::new(numbers(1, 1));
    other.load(saved.clone()).expect("a state");
    assert_eq!(other.save().expect("JSON"), saved);
    assert_eq!(other.clone_service().save().expect("JSON"), saved);
}
