//! A bus in memory and its copy on a real server.

// Helpers of tests outside of test functions, where a failed assumption may end it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod redis_support;

use std::sync::atomic::Ordering;

use engine::{
    Body, Bus, CorrelationId, EntryId, Envelope, GroupStart, MemoryBus, NamedRng, Nanos, ReadFrom,
    Resp, SetOptions, Symbol, Trim,
};
use live::redis::{Mirror, RedisBus};
use redis_support::{Server, eventually};

engine::record! {
    /// A permit, as services keep it.
    pub struct Permit {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// How much.
        pub qty: f64 = "qty",
    }
}

const START: Nanos = Nanos::from_secs(1_769_718_915);
const PLAIN: SetOptions = SetOptions { if_absent: false, if_present: false, expire: None };

fn permit(qty: f64) -> Permit {
    Permit { symbol: Symbol::new("BTCUSDT").unwrap(), qty }
}

/// What a reader sees of a bus, whichever it is.
fn seen(bus: &mut dyn Bus, now: Nanos) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for key in bus.scan(now, "*") {
        let Resp::Status(kind) = bus.execute(now, &[b"TYPE", key.as_bytes()]) else { panic!() };
        let lives = matches!(bus.ttl(now, &key), engine::Ttl::Left(_));
        write!(text, "{key} {kind} {lives} ").unwrap();
        match kind {
            "string" => write!(text, "{:?}", bus.get(now, &key)),
            "hash" => {
                let mut fields = bus.hgetall(now, &key).unwrap();
                fields.sort();
                write!(text, "{fields:?}")
            }
            "list" => write!(text, "{:?}", bus.lrange(now, &key, 100_000)),
            "set" => {
                let Resp::Array(mut all) = bus.execute(now, &[b"SMEMBERS", key.as_bytes()]) else {
                    panic!()
                };
                all.sort_by_key(|member| format!("{member:?}"));
                write!(text, "{all:?}")
            }
            "stream" => {
                let mut out = Vec::new();
                bus.xrange(now, &key, EntryId::ZERO, EntryId::MAX, 100_000, &mut out).unwrap();
                let there: Vec<EntryId> = out.iter().map(|entry| entry.id).collect();
                for entry in out {
                    let body = entry.body.unwrap().to_fields().into_owned();
                    let payload = body.get("payload").unwrap_or_default();
                    write!(text, "\n{} {} {payload}", entry.id, body.0.len()).unwrap();
                }
                for group in bus.xinfo_groups(now, &key).unwrap() {
                    let (last, read, lag) = (group.last_delivered, group.entries_read, group.lag);
                    write!(text, "\n{key} {} {last} {read:?} {lag:?}", group.name).unwrap();
                    let rows = bus.xpending(now, &key, &group.name, Nanos::ZERO, 10_000).unwrap();
                    for row in rows.iter().filter(|row| there.contains(&row.id)) {
                        write!(text, "\n{} {} {}", row.id, row.consumer, row.deliveries).unwrap();
                    }
                }
                Ok(())
            }
            other => panic!("{other}"),
        }
        .unwrap();
        text.push('\n');
    }
    text
}

/// A session's work, at random.
fn work(bus: &mut dyn Bus, rng: &mut NamedRng, now: &mut Nanos, steps: usize) {
    let long = Nanos::from_secs(100_000);
    let life = Some(long);
    let (event_type, source) = ("plan", "planner");
    for _ in 0..steps {
        *now += Nanos::from_millis(1 + rng.below(3) as i64);
        let now = *now;
        let stream = ["intent", "plan"][rng.below(2) as usize];
        let key = |kind: &str, rng: &mut NamedRng| format!("{kind}:{}", rng.below(4));
        let mut out = Vec::new();
        match rng.below(16) {
            0..=3 => {
                let correlation_id = CorrelationId::from_random(7);
                let envelope = Envelope::Bus { event_type, source, correlation_id, time: now };
                let body = Body::message(envelope, permit(now.millis() as f64));
                let trim = if stream == "plan" { Trim::Exact(50) } else { Trim::Keep };
                bus.xadd(now, stream, body, trim).unwrap();
            }
            4 | 5 => {
                // The group may be there.
                let _ = bus.xgroup_create(now, stream, "execution", GroupStart::Beginning);
                let consumer = ["a", "b"][rng.below(2) as usize];
                let (group, from) = ("execution", ReadFrom::New);
                bus.xreadgroup(now, stream, group, consumer, from, 2, &mut out).unwrap();
                for entry in out.iter().skip(1) {
                    assert!(bus.xack(now, stream, "execution", entry.id).unwrap());
                }
            }
            6 => {
                let zero = Nanos::ZERO;
                let start = EntryId::ZERO;
                let _ = bus.xautoclaim(now, stream, "execution", "c", zero, start, 1, &mut out);
                let from = ReadFrom::Pending(EntryId::ZERO);
                let _ = bus.xreadgroup(now, stream, "execution", "c", from, 1, &mut out);
            }
            7 => {
                let options = SetOptions { expire: life, ..PLAIN };
                bus.set(now, &key("text", rng), b"value", options).unwrap();
            }
            8 => {
                bus.set_json(now, &key("json", rng), &permit(1.5), PLAIN).unwrap();
            }
            9 => bus.set_record(now, &key("record", rng), &permit(2.5), life).unwrap(),
            10 => {
                bus.hset(now, &key("record", rng), "note", b"raw").unwrap();
            }
            11 => {
                bus.incr_by(now, &key("count", rng), 3).unwrap();
                bus.hincr_by(now, &key("counts", rng), "field", 2).unwrap();
            }
            12 => {
                bus.sadd(now, &key("set", rng), &rng.below(30).to_string().into_bytes()).unwrap();
            }
            13 => bus.lpush_keep(now, &key("list", rng), b"item", 20).unwrap(),
            14 => {
                bus.expire(now, &key("count", rng), long);
            }
            _ => {
                bus.del(now, &key("record", rng));
                bus.del_together(now, &["text:1", "text:2"]);
            }
        }
    }
}

fn settle(mirror: &mut Mirror<MemoryBus>, now: Nanos) {
    eventually("the copy is complete", || {
        mirror.tend(now);
        mirror.is_settled()
    });
}

fn assert_same(mirror: &mut Mirror<MemoryBus>, server: &Server, now: Nanos) {
    settle(mirror, now);
    let mut copy = RedisBus::connect(server.config()).unwrap();
    let (ours, theirs) = (seen(mirror, now), seen(&mut copy, now));
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
}

#[test]
fn a_copy_is_the_same() {
    let server = Server::start();
    let mut rng = NamedRng::new(1, "mirror");
    let mut now = START;
    // What was there before the mirror is copied, too; what others have on the server stays.
    let mut bus = MemoryBus::new();
    work(&mut bus, &mut rng, &mut now, 300);
    let mut mirror = Mirror::start(bus, server.config()).unwrap();
    let counts = mirror.counts();
    assert_same(&mut mirror, &server, now);
    for _ in 0..4 {
        work(&mut mirror, &mut rng, &mut now, 1_000);
        assert_same(&mut mirror, &server, now);
    }
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 0, "{counts:?}");
    assert_eq!(counts.refused.load(Ordering::Relaxed), 0, "{counts:?}");
    assert_eq!(counts.refreshed.load(Ordering::Relaxed), 1, "{counts:?}");
}

/// A queue of eight changes is soon full: changes are dropped, and the copy is right in the end.
#[test]
fn a_full_queue_costs_no_correctness() {
    let server = Server::start();
    let mut rng = NamedRng::new(2, "mirror");
    let mut now = START;
    let mut mirror = Mirror::with_queue(MemoryBus::new(), server.config(), 8).unwrap();
    let counts = mirror.counts();
    settle(&mut mirror, now);
    for _ in 0..3 {
        work(&mut mirror, &mut rng, &mut now, 3_000);
        assert_same(&mut mirror, &server, now);
    }
    assert!(counts.dropped.load(Ordering::Relaxed) > 0, "{counts:?}");
    assert!(counts.rewritten.load(Ordering::Relaxed) > 0, "{counts:?}");
}

/// The session goes on without the server; when it is back, so is the copy. Keys of others stay.
#[test]
fn a_server_that_comes_back_gets_everything() {
    let mut server = Server::start();
    let mut rng = NamedRng::new(3, "mirror");
    let mut now = START;
    let mut mirror = Mirror::start(MemoryBus::new(), server.config()).unwrap();
    let counts = mirror.counts();
    settle(&mut mirror, now);
    work(&mut mirror, &mut rng, &mut now, 500);
    mirror.set(now, "old", b"1", PLAIN).unwrap();
    settle(&mut mirror, now);
    server.kill();
    work(&mut mirror, &mut rng, &mut now, 1_000);
    assert!(mirror.del(now, "old"));
    eventually("it notices", || {
        work(&mut mirror, &mut rng, &mut now, 10);
        counts.unsent.load(Ordering::Relaxed) > 0
    });
    server.start_again();
    // The append-only file has what was there, the deleted key included.
    eventually("it writes everything anew", || {
        mirror.tend(now);
        counts.refreshed.load(Ordering::Relaxed) == 2
    });
    assert_same(&mut mirror, &server, now);

    // A mirror that starts again on another bus takes away what the one before has left, and nothing else.
    server.run("SET others 1");
    drop(mirror);
    let mut mirror = Mirror::start(MemoryBus::new(), server.config()).unwrap();
    mirror.set(now, "new", b"1", PLAIN).unwrap();
    settle(&mut mirror, now);
    let mut copy = RedisBus::connect(server.config()).unwrap();
    assert_eq!(copy.scan(now, "*"), ["new", "others"]);
}

/// Somebody else writes a key of ours: it is put right a few times, then it is left alone.
#[test]
fn a_refused_key_is_written_anew() {
    let server = Server::start();
    let now = START;
    let mut mirror = Mirror::start(MemoryBus::new(), server.config()).unwrap();
    let counts = mirror.counts();
    settle(&mut mirror, now);
    mirror.sadd(now, "set", b"a").unwrap();
    settle(&mut mirror, now);
    server.run("SET set raw");
    mirror.sadd(now, "set", b"b").unwrap();
    eventually("it is refused", || counts.refused.load(Ordering::Relaxed) == 1);
    assert_same(&mut mirror, &server, now);
    for n in 0..5 {
        server.run("SET set raw");
        mirror.sadd(now, "set", n.to_string().as_bytes()).unwrap();
        settle(&mut mirror, now);
    }
    assert_eq!(counts.left_alone.load(Ordering::Relaxed), 1, "{counts:?}");
}

/// What was handed over before the end is sent.
#[test]
fn an_end_sends_what_is_left() {
    let server = Server::start();
    let now = START;
    let mut mirror = Mirror::start(MemoryBus::new(), server.config()).unwrap();
    settle(&mut mirror, now);
    // More than the mirror remembers without a look at what is still there.
    for n in 0..11_000 {
        let options = SetOptions { expire: (n % 2 == 0).then_some(Nanos(1)), ..PLAIN };
        mirror.set(now, &format!("key:{n}"), b"1", options).unwrap();
    }
    drop(mirror);
    let mut copy = RedisBus::connect(server.config()).unwrap();
    eventually("half of them expire", || copy.scan(now, "key:*").len() == 5_500);
    let Resp::Int(known) = copy.execute(now, &[b"SCARD", b"qsim:mirror:one"]) else { panic!() };
    assert!((5_500..8_000).contains(&known), "{known}");
}
