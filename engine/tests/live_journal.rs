//! The journal of a live session: what was acknowledged is found again after the process was killed at any entry, a
//! session goes on behind it, and all of it replays to the same digest.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod support;

use std::collections::VecDeque;
use std::path::Path;

use engine::*;
use serde::{Deserialize, Serialize};
use support::*;

const STREAM: &str = "quantum:stream:numbers";

/// Publishes each trade's price, asks the exchange at every third, and ticks every 70 ms.
#[derive(Clone, Serialize, Deserialize)]
struct Trader {
    seen: u64,
}

impl Service for Trader {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(STREAM, "traders", GroupStart::Beginning)],
            market: MarketWants { trades: true, ..MarketWants::NONE },
            user_stream: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start | Input::Timer(_) => {
                let _ = ctx.lpush_keep("ticks", ctx.now().millis().to_string(), 1000);
                ctx.timer_after(Nanos::from_millis(70), TimerKey(0));
            }
            Input::Market(event) => {
                let MarketData::Trade(trade) = event.data else { return };
                let _ = ctx.publish(STREAM, Trim::Keep, number(trade.price.0 as u64));
                self.seen += 1;
                if self.seen.is_multiple_of(3) {
                    ctx.submit(Request::Account);
                }
            }
            Input::Delivery(delivery) => {
                let Some(read) = ctx.read::<Number>(STREAM, delivery) else { return };
                let value = read.value.to_string();
                let _ = ctx.lpush_keep("read", value, 1000);
            }
            Input::Exchange(event) => {
                let _ = ctx.lpush_keep("told", format!("{event:?}"), 1000);
            }
            _ => {}
        }
    }
}

/// What comes in live.
#[derive(Default)]
struct Waits(Option<RecordedFeed>, VecDeque<MarketEvent>);

impl Feed for Waits {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if let Some(recorded) = &mut self.0 {
            recorded.next_batch(batch)?;
            if !batch.is_empty() {
                return Ok(());
            }
        }
        batch.extend(self.1.drain(..));
        Ok(())
    }
    fn waits(&self) -> bool {
        true
    }
}

/// Answers each request a while after it, or what was recorded.
#[derive(Default)]
struct Answers(Option<RecordedExchange>, VecDeque<(Nanos, ExchangeEvent)>);

impl Exchange for Answers {
    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        match &mut self.0 {
            Some(recorded) => recorded.submit(now, from, id, request),
            None => {
                let event = ExchangeEvent::Response {
                    to: from.service,
                    request: id,
                    outcome: Outcome::Unknown,
                };
                self.1.push_back((now + Nanos::from_millis(35), event));
            }
        }
    }
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        match &self.0 {
            Some(recorded) => recorded.next_due(),
            None => self.1.front().map_or(Nanos::NEVER, |(time, _)| *time),
        }
    }
    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        if let Some(recorded) = &mut self.0 {
            return recorded.advance(now, out);
        }
        while self.1.front().is_some_and(|(time, _)| *time <= now) {
            out.extend(self.1.pop_front().map(|(_, event)| event));
        }
    }
}

fn session(feed: Waits, exchange: Answers, sink: Box<dyn JournalSink>) -> Kernel<Answers, Waits> {
    let bus = Box::new(MemoryBus::new());
    let members = vec![member("trader", Trader { seen: 0 })];
    let mut kernel = Kernel::new(config(1, Link::default()), bus, exchange, feed, members, sink);
    kernel.keep_market();
    kernel
}

fn names() -> Vec<String> {
    vec!["trader".to_owned()]
}

/// One turn of a session: a trade comes in, or just time passes.
fn turn(kernel: &mut Kernel<Answers, Waits>, ms: i64) {
    if ms % 3 != 0 {
        kernel.feed_mut().1.push_back(trade(ms, 100 + ms));
    }
    kernel.run_until(Nanos::from_millis(ms)).expect("it runs");
    kernel.sync().expect("written");
}

fn recorded(path: &Path) -> (Waits, Answers) {
    let open = || JournalFile::open(path);
    let feed = RecordedFeed::new(open().unwrap()).unwrap();
    (
        Waits(Some(feed), VecDeque::new()),
        Answers(Some(RecordedExchange::new(open).unwrap()), VecDeque::new()),
    )
}

/// The session of `path` once more; gives the digest.
fn replay(path: &Path) -> String {
    let (feed, exchange) = recorded(path);
    let mut file = JournalFile::open(path).unwrap();
    let end = file.last_time().unwrap();
    let compare = Compare::new(JournalFile::open(path).unwrap(), names()).unwrap();
    let mut kernel = session(feed, exchange, Box::new(compare));
    kernel.run_through(RecordedActions::new(file).unwrap(), end, |_, _| {}).unwrap();
    kernel.finish().unwrap_or_else(|error| panic!("{error}")).digest_hex()
}

/// The session of `path`, whose process has died, as far as its recording goes; its services die there, and start again
/// at `ms`.
fn resume(path: &Path, ms: i64) -> (Kernel<Answers, Waits>, Vec<Unanswered>) {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let (feed, exchange) = recorded(Path::new(&partial));
    let (sink, mut file) = LiveSink::resume(path, names()).expect("it is there");
    let end = file.last_time().unwrap();
    let mut kernel = session(feed, exchange, Box::new(sink));
    kernel.run_through(RecordedActions::new(file).unwrap(), end, |_, _| {}).unwrap();
    let left = kernel.exchange().0.as_ref().map(RecordedExchange::unanswered).unwrap_or_default();
    kernel.exchange_mut().0 = None;
    let died = Nanos(kernel.now().0 + 1);
    kernel.at(died, Action::Crash(ServiceId(0)));
    kernel.run_until(died).unwrap();
    kernel.at(Nanos::from_millis(ms), Action::Restart(ServiceId(0)));
    kernel.run_until(Nanos::from_millis(ms)).unwrap();
    kernel.sync().unwrap();
    (kernel, left)
}

#[test]
fn a_session_replays_to_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let sink = LiveSink::create(&path, &serde_json::json!({})).unwrap();
    let mut kernel = session(Waits::default(), Answers::default(), Box::new(sink));
    (1..400).for_each(|n| turn(&mut kernel, n * 17));
    let footer = kernel.finish().unwrap();
    assert!(footer.entries > 1000 && footer.market_events > 200);
    assert_eq!(replay(&path), footer.digest_hex());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the journal is left");
}

#[test]
fn a_session_that_is_killed_goes_on_wherever_it_was() {
    for killed_at in 1..60 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let sink = LiveSink::create(&path, &serde_json::json!({})).unwrap();
        let mut kernel = session(Waits::default(), Answers::default(), Box::new(sink));
        (1..=killed_at).for_each(|n| turn(&mut kernel, n * 17));
        let acknowledged = kernel.entries();
        // The process is gone, with all that it had in memory.
        drop(kernel);
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let file = JournalFile::open(Path::new(&partial)).unwrap();
        assert_eq!(file.footer().entries, acknowledged, "nothing acknowledged is lost");
        assert!(LiveSink::create(&path, &serde_json::json!({})).is_err(), "it is not overwritten");

        let (mut kernel, left) = resume(&path, 5_000);
        assert!(left.iter().all(|one| one.recorded), "{left:?}");
        assert!(left.len() <= 1, "an answer takes 35 ms: {left:?}");
        (1..40).for_each(|n| turn(&mut kernel, 5_000 + n * 17));
        drop(kernel);
        let (mut kernel, _) = resume(&path, 9_000);
        (1..40).for_each(|n| turn(&mut kernel, 9_000 + n * 17));
        let footer = kernel.finish().unwrap();
        assert_eq!(replay(&path), footer.digest_hex(), "killed at turn {killed_at}");
    }
}

#[test]
fn what_is_cut_off_was_never_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let sink = LiveSink::create(&path, &serde_json::json!({})).unwrap();
    let mut kernel = session(Waits::default(), Answers::default(), Box::new(sink));
    let mut entries = Vec::new();
    for n in 1..20 {
        turn(&mut kernel, n * 17);
        entries.push(kernel.entries());
    }
    drop(kernel);
    let tail = folder.path().join("a.journal.tail");
    let whole = std::fs::read(&tail).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&tail, &whole[..length]).unwrap();
        let file = JournalFile::open(&folder.path().join("a.journal.partial")).unwrap();
        let found = file.footer().entries;
        assert!(found == 0 || entries.contains(&found), "{found} entries of {length} bytes");
    }
}

/// Where nothing can be written, nothing that was acknowledged is lost: going on takes nothing away before it writes.
#[test]
fn what_was_acknowledged_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let sink = LiveSink::create(&path, &serde_json::json!({})).unwrap();
    let mut kernel = session(Waits::default(), Answers::default(), Box::new(sink));
    (1..20).for_each(|n| turn(&mut kernel, n * 17));
    drop(kernel);
    let tail = folder.path().join("a.journal.tail");
    let acknowledged = std::fs::read(&tail).unwrap();
    // A frame that was cut off is taken away, and nothing else.
    std::fs::write(&tail, [&acknowledged[..], &[7, 0, 0, 0, 1]].concat()).unwrap();
    let (kernel, _) = resume(&path, 5_000);
    let now = std::fs::read(&tail).unwrap();
    assert!(now.len() > acknowledged.len() && now.starts_with(&acknowledged), "only more is there");
    drop(kernel);
    let (mut kernel, _) = resume(&path, 9_000);
    let footer = kernel.finish().unwrap();
    assert_eq!(replay(&path), footer.digest_hex());
}

#[test]
fn damage_in_the_tail_is_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let sink = LiveSink::create(&path, &serde_json::json!({})).unwrap();
    let mut kernel = session(Waits::default(), Answers::default(), Box::new(sink));
    (1..20).for_each(|n| turn(&mut kernel, n * 17));
    drop(kernel);
    let tail = folder.path().join("a.journal.tail");
    let mut bytes = std::fs::read(&tail).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(&tail, &bytes).unwrap();
    let refused = LiveSink::resume(&path, names()).err().expect("it is damaged").to_string();
    assert!(refused.contains("a.journal.tail: byte ") && refused.contains("damaged"), "{refused}");
    std::fs::remove_file(&tail).unwrap();
    let refused = LiveSink::resume(&path, names()).err().expect("it is gone").to_string();
    assert!(refused.contains("put the file back"), "{refused}");
}

#[test]
fn a_session_of_another_program_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.journal");
    let sink = LiveSink::create(&path, &serde_json::json!({})).unwrap();
    let mut kernel = session(Waits::default(), Answers::default(), Box::new(sink));
    (1..20).for_each(|n| turn(&mut kernel, n * 17));
    drop(kernel);
    let partial = folder.path().join("a.journal.partial");
    let (feed, exchange) = recorded(&partial);
    let (sink, mut file) = LiveSink::resume(&path, names()).unwrap();
    let end = file.last_time().unwrap();
    let bus = Box::new(MemoryBus::new());
    // This one has seen two trades before it begins.
    let members = vec![member("trader", Trader { seen: 2 })];
    let mut kernel =
        Kernel::new(config(1, Link::default()), bus, exchange, feed, members, Box::new(sink));
    kernel.keep_market();
    kernel.run_through(RecordedActions::new(file).unwrap(), end, |_, _| {}).unwrap();
    let error = kernel.sync().expect_err("it goes another way");
    assert!(error.to_string().contains("first difference"), "{error}");
}
