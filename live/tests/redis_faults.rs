//! What can happen between a session and its Redis server, on real servers and connections.

// Helpers of tests outside of test functions, where a failed assumption may end it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod redis_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::{
    Body, Bus, BusError, Entry, EntryId, GroupStart, Nanos, ReadFrom, Resp, SetOptions, Trim, Ttl,
};
use live::link::Wake;
use live::redis::{Listener, Patience, RedisBus, RedisConfig, RedisError};
use redis_support::proxy::Proxy;
use redis_support::{Server, eventually};

const NOW: Nanos = Nanos::ZERO;
const ALL: EntryId = EntryId::MAX;

fn body(n: u64) -> Body {
    Body::fields(&[("n", &n.to_string())])
}

fn number(entry: &Entry) -> u64 {
    let fields = entry.body.as_ref().expect("a body").to_fields();
    fields.get("n").expect("a number").parse().expect("digits")
}

fn numbers(bus: &mut RedisBus, stream: &str) -> Vec<u64> {
    let mut out = Vec::new();
    bus.xrange(NOW, stream, EntryId::ZERO, ALL, 1_000_000, &mut out).unwrap();
    out.iter().map(number).collect()
}

/// Connections of clients that run commands, as CLIENT LIST shows them.
fn client_of(server: &Server, command: &str) -> Option<u64> {
    let redis::Value::BulkString(list) = server.run("CLIENT LIST") else { return None };
    let list = String::from_utf8(list).unwrap();
    let line = list.lines().find(|line| line.contains(&format!("cmd={command}")))?;
    line.split(' ').find_map(|word| word.strip_prefix("id="))?.parse().ok()
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Requests and answers get lost again and again while a session writes: everything is there once.
#[test]
fn nothing_is_done_twice_or_left_out_when_connections_break() {
    let server = Server::start();
    let proxy = Proxy::start(server.port, 29, 13);
    let mut bus = RedisBus::connect(server.config_through(proxy.port)).unwrap();
    let counts = bus.counts();
    let all = 400;
    for n in 1..=all {
        bus.xadd(NOW, "intent", body(n), Trim::Keep).unwrap();
        assert_eq!(bus.incr_by(NOW, "count", 1).unwrap(), n as i64);
        assert_eq!(bus.hincr_by(NOW, "hash", "count", 2).unwrap(), 2 * n as i64);
        bus.lpush_keep(NOW, "list", &n.to_string().into_bytes(), 1_000_000).unwrap();
        let new = SetOptions { if_absent: true, ..SetOptions::default() };
        assert!(bus.set(NOW, &format!("lock:{n}"), b"x", new).unwrap(), "it was ours");
        assert!(bus.del(NOW, &format!("lock:{n}")));
        assert!(bus.sadd(NOW, "set", &n.to_string().into_bytes()).unwrap(), "it was new");
        assert_eq!(bus.ttl(NOW, "count"), Ttl::Persistent);
    }
    let mut direct = RedisBus::connect(server.config()).unwrap();
    let wanted: Vec<u64> = (1..=all).collect();
    assert_eq!(numbers(&mut direct, "intent"), wanted);
    let list = direct.lrange(NOW, "list", 1_000_000).unwrap();
    let list = list.iter().rev().map(|item| String::from_utf8_lossy(item).parse().unwrap());
    assert_eq!(list.collect::<Vec<u64>>(), wanted);
    assert_eq!(
        direct.scan(NOW, "*"),
        ["count", "hash", "intent", "list", "set"],
        "none of our own"
    );
    assert!(load(&counts.done_already) > 30, "{counts:?}");
    assert!(load(&counts.repeated) > load(&counts.done_already), "{counts:?}");
    assert_eq!(load(&counts.given_up), 0, "{counts:?}");
}

/// SIGKILL in the middle, restart from the append-only file: what was acknowledged is there, once.
#[test]
fn a_killed_server_comes_back_with_everything() {
    let mut server = Server::start();
    let mut bus = RedisBus::connect(server.config()).unwrap();
    let counts = bus.counts();
    let added = Arc::new(AtomicU64::new(0));
    let shown = added.clone();
    let writer = std::thread::Builder::new().spawn(move || {
        for n in 1..=3_000 {
            bus.xadd(NOW, "intent", body(n), Trim::Keep).unwrap();
            shown.store(n, Ordering::Relaxed);
        }
        bus
    });
    let writer = writer.unwrap();
    for at in [200, 900, 1_600] {
        eventually("entries are added", || load(&added) >= at);
        server.kill();
        server.start_again();
    }
    let mut bus = writer.join().unwrap();
    assert_eq!(numbers(&mut bus, "intent"), (1..=3_000).collect::<Vec<u64>>());
    assert!(load(&counts.lost) >= 3, "{counts:?}");
}

/// The server does not come back: errors that say so, at once after the first, and it goes on afterwards.
#[test]
fn a_server_that_is_away_is_an_error_and_not_a_wait() {
    let mut server = Server::start();
    let patience = Patience { lost: Duration::from_millis(300), ..Patience::default() };
    let mut bus = RedisBus::connect(server.config().with_patience(patience)).unwrap();
    let counts = bus.counts();
    bus.set(NOW, "a", b"1", SetOptions::default()).unwrap();
    assert_eq!(bus.trouble(), None);
    server.kill();
    let error = bus.xadd(NOW, "intent", body(1), Trim::Keep).unwrap_err();
    assert!(
        matches!(&error, BusError::Lost(text) if text.starts_with("connection lost")),
        "{error}"
    );
    assert!(bus.trouble().is_some() && bus.take_lost());
    assert!(!bus.take_lost(), "it is told once");
    // Two hundred operations fail faster than two hundred times a patience of 300 ms would pass: the test
    // ends.
    for _ in 0..200 {
        assert!(bus.get(NOW, "a").is_err());
    }
    assert!(!bus.exists(NOW, "a"), "it cannot say");
    assert_eq!(bus.ttl(NOW, "a"), Ttl::Absent);
    assert!(bus.scan(NOW, "*").is_empty());
    assert_eq!(load(&counts.blind), 3);
    assert!(bus.take_lost(), "what cannot be an error is told as well");
    server.start_again();
    eventually("it is back", || bus.get(NOW, "a").is_ok());
    assert_eq!(bus.trouble(), None);
    assert_eq!(bus.get(NOW, "a").unwrap().unwrap(), b"1");
    assert_eq!(bus.xlen(NOW, "intent").unwrap(), 0, "what failed was not done later");
}

/// A server that takes no writes at present: it is said, nothing is taken for done, and it passes.
#[test]
fn a_server_that_is_full_is_a_loss_and_not_a_refusal() {
    let server = Server::start();
    let mut bus = RedisBus::connect(server.config()).unwrap();
    bus.set(NOW, "a", b"1", SetOptions::default()).unwrap();
    server.run("CONFIG SET maxmemory 1");
    let error = bus.xadd(NOW, "intent", body(1), Trim::Keep).unwrap_err();
    assert!(matches!(&error, BusError::Lost(text) if text.contains("OOM")), "{error}");
    assert!(bus.trouble().is_some_and(|text| text.contains("OOM")), "{:?}", bus.trouble());
    assert!(bus.take_lost());
    server.run("CONFIG SET maxmemory 0");
    bus.xadd(NOW, "intent", body(2), Trim::Keep).unwrap();
    assert_eq!(bus.trouble(), None);
    assert!(!bus.take_lost());
    assert_eq!(numbers(&mut bus, "intent"), [2]);
}

/// A server that hangs has the request but does not answer. The operation fails, and when the server goes on,
/// what it finds in its sockets is either known to have been done or is not done any more.
#[test]
fn what_was_given_up_is_not_done_behind_our_back() {
    let server = Server::start();
    let patience = Patience {
        answer: Duration::from_millis(100),
        connect: Duration::from_millis(100),
        lost: Duration::from_millis(300),
        ..Patience::default()
    };
    let mut bus = RedisBus::connect(server.config().with_patience(patience)).unwrap();
    let counts = bus.counts();
    let mut given_up = 0;
    for round in 1..=5 {
        server.signal("-STOP");
        let error = bus.incr_by(NOW, "count", 1).unwrap_err();
        assert!(error.to_string().contains("may or may not have been done"), "{error}");
        given_up += 1;
        server.signal("-CONT");
        let mut at = 0;
        eventually("it answers", || match bus.incr_by(NOW, "other", 1) {
            Ok(value) => {
                at = value;
                true
            }
            // A hanging server's backlog may outlast one patience.
            Err(_) => {
                given_up += 1;
                false
            }
        });
        assert!(at >= 1, "round {round}");
    }
    let count = bus.incr_by(NOW, "count", 0).unwrap() as u64;
    let other = bus.incr_by(NOW, "other", 0).unwrap() as u64;
    // Five that worked, and of those that were given up the ones that had been done.
    assert_eq!(load(&counts.given_up), given_up);
    assert_eq!(count + other, 5 + load(&counts.given_up_done), "{counts:?}");
}

#[test]
fn a_read_whose_answer_is_lost_delivers_the_same_entry() {
    let server = Server::start();
    let mut writer = RedisBus::connect(server.config()).unwrap();
    let all: u64 = 600;
    for n in 0..all {
        writer.xadd(NOW, "intent", body(n), Trim::Keep).unwrap();
    }
    let proxy = Proxy::start(server.port, 31, 11);
    let mut bus = RedisBus::connect(server.config_through(proxy.port)).unwrap();
    let counts = bus.counts();
    bus.xgroup_create(NOW, "intent", "g", GroupStart::Beginning).unwrap();
    let mut read = Vec::new();
    loop {
        let mut out = Vec::new();
        bus.xreadgroup(NOW, "intent", "g", "c", ReadFrom::New, 1, &mut out).unwrap();
        let Some(entry) = out.pop() else { break };
        read.push(number(&entry));
        assert!(bus.xack(NOW, "intent", "g", entry.id).unwrap(), "it was ours: {entry:?}");
    }
    assert_eq!(read, (0..all).collect::<Vec<u64>>());
    assert!(writer.xpending(NOW, "intent", "g", Nanos::ZERO, 10).unwrap().is_empty());
    assert!(load(&counts.done_already) > 20, "{counts:?}");

    // Claims, too: the other consumer gets all, each delivered twice and not more often.
    writer.xgroup_create(NOW, "intent", "h", GroupStart::Beginning).unwrap();
    let mut out = Vec::new();
    writer.xreadgroup(NOW, "intent", "h", "dead", ReadFrom::New, 1_000, &mut out).unwrap();
    out.clear();
    let mut next = EntryId::ZERO;
    loop {
        let zero = Nanos::ZERO;
        next = bus.xautoclaim(NOW, "intent", "h", "c", zero, next, 2, &mut out).unwrap();
        if next == EntryId::ZERO {
            break;
        }
    }
    assert_eq!(out.iter().map(number).collect::<Vec<u64>>(), (0..all).collect::<Vec<u64>>());
    let rows = writer.xpending(NOW, "intent", "h", Nanos::ZERO, 1_000).unwrap();
    assert!(rows.iter().all(|row| row.consumer == "c" && row.deliveries == 2));
}

/// Two processes of one service: each entry once; what a dead one has left, the other claims.
#[test]
fn two_processes_share_a_group() {
    let server = Server::start();
    let all: u64 = 2_000;
    let mut bus = RedisBus::connect(server.config()).unwrap();
    bus.xgroup_create(NOW, "intent", "execution", GroupStart::Beginning).unwrap();
    let handled = Arc::new(AtomicU64::new(0));
    let process = |instance: &'static str, dies_with: Option<usize>| {
        let config = server.config().with_instance(instance);
        let handled = handled.clone();
        move || {
            let mut bus = RedisBus::connect(config).unwrap();
            let mut own = BTreeMap::new();
            while load(&handled) < all - 3 {
                let mut out = Vec::new();
                let from = ReadFrom::New;
                bus.xreadgroup(NOW, "intent", "execution", "executor", from, 3, &mut out).unwrap();
                if dies_with.is_some_and(|entries| own.len() >= entries && out.len() == 3) {
                    // It has three entries and says nothing more.
                    return own;
                }
                for entry in out {
                    *own.entry(number(&entry)).or_insert(0) += 1;
                    assert!(bus.xack(NOW, "intent", "execution", entry.id).unwrap());
                    handled.fetch_add(1, Ordering::Relaxed);
                }
            }
            own
        }
    };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(process("a", Some(300)));
        let two = scope.spawn(process("b", None));
        for n in 0..all {
            bus.xadd(NOW, "intent", body(n), Trim::Keep).unwrap();
        }
        (one.join().unwrap(), two.join().unwrap())
    });
    assert!(one.len() >= 300);
    let rows = bus.xpending(NOW, "intent", "execution", Nanos::ZERO, 100).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.consumer == "executor@a"), "{rows:?}");
    // The kernel's look each minute: what is idle for a minute, with its own name. Time is made to pass.
    for row in &rows {
        let id = row.id.to_string();
        let words =
            ["XCLAIM", "intent", "execution", "executor@a", "0", &id, "IDLE", "61000", "JUSTID"];
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        assert!(matches!(bus.execute(NOW, &words), Resp::Array(_)));
    }
    let minute = Nanos::from_secs(60);
    let mut other = RedisBus::connect(server.config().with_instance("b")).unwrap();
    let rows = other.xpending(NOW, "intent", "execution", minute, 10).unwrap();
    let mut claimed = Vec::new();
    for row in rows {
        let mut out = Vec::new();
        other
            .xautoclaim(NOW, "intent", "execution", "executor", minute, row.id, 1, &mut out)
            .unwrap();
        claimed.extend(out);
    }
    let mut times = one;
    for (number, count) in two {
        *times.entry(number).or_insert(0) += count;
    }
    for entry in claimed {
        *times.entry(number(&entry)).or_insert(0) += 1;
        assert!(other.xack(NOW, "intent", "execution", entry.id).unwrap());
    }
    assert_eq!(times, (0..all).map(|n| (n, 1)).collect());
    assert!(other.xpending(NOW, "intent", "execution", Nanos::ZERO, 10).unwrap().is_empty());
}

struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The listener wakes, names what has grown, and survives the loss of its blocked connection and its server.
#[test]
fn a_listener_says_what_has_grown() {
    let mut server = Server::start();
    let mut bus = RedisBus::connect(server.config()).unwrap();
    bus.xadd(NOW, "intent", body(0), Trim::Keep).unwrap();
    let woken = Arc::new(Woken(AtomicU64::new(0)));
    let streams = vec!["intent".to_owned(), "plan".to_owned()];
    let listener = Listener::start(server.config(), streams, woken.clone()).unwrap();
    let (mut grown, mut notices) = (Vec::new(), Vec::new());
    let mut newest = EntryId::ZERO;
    for n in 0..20 {
        newest = bus.xadd(NOW, "plan", body(n), Trim::Keep).unwrap();
    }
    bus.xadd(NOW, "deaf", body(1), Trim::Keep).unwrap();
    eventually("it says so", || {
        listener.take(&mut grown, &mut notices);
        grown.iter().any(|grown| grown.newest == newest)
    });
    assert!(grown.iter().all(|grown| grown.stream == "plan"), "{grown:?}");
    assert!(woken.0.load(Ordering::Relaxed) > 0);

    // Its connection is cut while it waits.
    let before = listener.connections();
    let mut blocked = None;
    eventually("it waits", || {
        blocked = client_of(&server, "xread");
        blocked == Some(listener.client_id())
    });
    server.run(&format!("CLIENT KILL ID {}", blocked.unwrap()));
    grown.clear();
    eventually("it has told that nobody knows", || {
        listener.take(&mut grown, &mut notices);
        let named = |name: &str| grown.iter().any(|grown| grown.stream == name);
        named("intent") && named("plan")
    });
    assert!(listener.connections() > before);
    let what: Vec<&str> = notices.iter().map(|notice| notice.what).collect();
    assert_eq!(what, ["bus_listener_lost", "bus_listener_back"]);

    // The server dies, and comes back.
    server.kill();
    server.start_again();
    grown.clear();
    eventually("it is back", || {
        listener.take(&mut grown, &mut notices);
        grown.len() >= 2
    });
    grown.clear();
    let newest = bus.xadd(NOW, "intent", body(7), Trim::Keep).unwrap();
    eventually("it hears again", || {
        listener.take(&mut grown, &mut notices);
        grown.iter().any(|grown| grown.stream == "intent" && grown.newest == newest)
    });
}

#[test]
fn an_error_says_where_and_keeps_the_password() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let secret = "s3cr3t-of-redis";
    let address = format!("redis://user:{secret}@127.0.0.1:{free}/0");
    let config = RedisConfig::new(&address).unwrap();
    assert!(!format!("{config:?}").contains(secret));
    let Err(error) = RedisBus::connect(config) else { panic!("nobody listens") };
    assert!(matches!(error, RedisError::Away { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{free}")), "{error}");
    assert!(!format!("{error} {error:?}").contains(secret));
    let Err(error) = RedisConfig::new(&format!("redis//{secret}@")) else { panic!("no address") };
    assert!(!format!("{error} {error:?}").contains(secret));

    // A server that wants another password.
    let server = Server::start();
    let address = format!("redis://:{secret}@127.0.0.1:{}/0", server.port);
    let Err(error) = RedisBus::connect(RedisConfig::new(&address).unwrap()) else { panic!("none") };
    assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    server.run("CONFIG SET requirepass another");
    let Err(error) = RedisBus::connect(RedisConfig::new(&address).unwrap()) else {
        panic!("wrong")
    };
    assert!(matches!(error, RedisError::Refused { .. }), "{error:?}");
}
