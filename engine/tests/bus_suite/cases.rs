//! What must hold, case by case.

use engine::{
    Body, Bus, BusError, Entry, EntryId, GroupStart, Held, Nanos, ReadFrom, SetOptions, Symbol,
    Trim, Ttl,
};

use super::{Beat, Permit, Stage, show};

const HOUR: Nanos = Nanos::from_secs(3_600);
const PLAIN: SetOptions = SetOptions { if_absent: false, if_present: false, expire: None };

/// All cases, each on a bus of its own.
pub fn all<B: Bus>(mut fresh: impl FnMut() -> Stage<B>) {
    keys_have_lives(fresh());
    conditions_of_set_hold(fresh());
    streams_are_trimmed(fresh());
    groups_start_where_they_are_told(fresh());
    unacknowledged_entries_come_back(fresh());
    idle_entries_are_claimed(fresh());
    errors_are_those_of_redis(fresh());
    raw_writes_change_records(fresh());
    keys_go_together_or_not_at_all(fresh());
    numbers_keep_all_their_digits(fresh());
    lists_keep_the_newest(fresh());
    a_count_of_zero_reads_nothing(fresh());
    bytes_stay_bytes(fresh());
}

fn permit() -> Permit {
    Permit { symbol: Symbol::new("BTCUSDT").unwrap(), qty: 0.5, reason: None }
}

fn add<B: Bus>(stage: &mut Stage<B>, stream: &str, n: usize) -> Vec<EntryId> {
    let one = |n: usize| Body::fields(&[("n", &n.to_string())]);
    (0..n).map(|n| stage.bus.xadd(stage.now, stream, one(n), Trim::Keep).unwrap()).collect()
}

fn read<B: Bus>(
    stage: &mut Stage<B>,
    group: &str,
    consumer: &str,
    from: ReadFrom,
    count: usize,
) -> Vec<Entry> {
    let mut out = Vec::new();
    stage.bus.xreadgroup(stage.now, "intent", group, consumer, from, count, &mut out).unwrap();
    out
}

fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

fn keys_have_lives<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    assert_eq!(bus.ttl(now, "a"), Ttl::Absent);
    bus.set(now, "a", b"1", PLAIN).unwrap();
    assert_eq!(bus.ttl(now, "a"), Ttl::Persistent);
    assert!(bus.expire(now, "a", HOUR));
    let Ttl::Left(left) = bus.ttl(now, "a") else { panic!("no life") };
    assert!(left > HOUR - Nanos::from_secs(60) && left <= HOUR, "{left}");
    // INCR keeps it, SET ends it.
    bus.incr_by(now, "a", 1).unwrap();
    assert!(matches!(bus.ttl(now, "a"), Ttl::Left(_)));
    bus.set(now, "a", b"1", PLAIN).unwrap();
    assert_eq!(bus.ttl(now, "a"), Ttl::Persistent);
    // What has no life left is gone at once.
    assert!(bus.expire(now, "a", Nanos::ZERO));
    assert!(!bus.exists(now, "a"));
    assert!(!bus.expire(now, "a", HOUR));
    // A part of a millisecond is a life.
    bus.set(now, "b", b"1", SetOptions { expire: Some(Nanos(1)), ..PLAIN }).unwrap();
    let soon = Some(Nanos::from_millis(50));
    bus.set(now, "c", b"1", SetOptions { expire: soon, ..PLAIN }).unwrap();
    bus.set_record(now, "d", &permit(), soon).unwrap();
    bus.set_json(now, "e", &permit(), SetOptions { expire: soon, ..PLAIN }).unwrap();
    let none = |bus: &mut B, now: Nanos| ["b", "c", "d", "e"].iter().all(|k| !bus.exists(now, k));
    stage.until("the keys are gone", none);
    let (bus, now) = (&mut stage.bus, stage.now);
    assert_eq!(bus.ttl(now, "c"), Ttl::Absent);
    assert!(bus.scan(now, "*").is_empty());
    let bad = bus.set(now, "c", b"1", SetOptions { expire: Some(Nanos::ZERO), ..PLAIN });
    assert_eq!(bad, Err(BusError::Other("ERR invalid expire time in 'set' command".into())));
    bus.set_record(now, "d", &permit(), Some(Nanos::ZERO)).unwrap();
    assert!(!bus.exists(now, "d"));
}

fn conditions_of_set_hold<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    let absent = SetOptions { if_absent: true, ..PLAIN };
    let present = SetOptions { if_present: true, ..PLAIN };
    assert!(!bus.set(now, "a", b"1", present).unwrap());
    assert!(bus.set(now, "a", b"1", absent).unwrap());
    assert!(!bus.set(now, "a", b"2", absent).unwrap());
    assert!(bus.set(now, "a", b"3", present).unwrap());
    let both = SetOptions { if_present: true, ..absent };
    assert!(!bus.set(now, "a", b"4", both).unwrap());
    assert_eq!(bus.get(now, "a").unwrap().unwrap(), b"3");
    assert!(!bus.set_json(now, "a", &permit(), absent).unwrap());
}

fn streams_are_trimmed<B: Bus>(mut stage: Stage<B>) {
    let mut all = add(&mut stage, "intent", 5);
    let (bus, now) = (&mut stage.bus, stage.now);
    all.push(bus.xadd(now, "intent", Body::fields(&[("n", "5")]), Trim::Exact(3)).unwrap());
    assert!(all.is_sorted_by(|a, b| a < b), "ids ascend");
    assert_eq!(bus.xlen(now, "intent").unwrap(), 3);
    let mut out = Vec::new();
    bus.xrange(now, "intent", EntryId::ZERO, EntryId::MAX, 10, &mut out).unwrap();
    assert_eq!(ids(&out), all[3..]);
    out.clear();
    bus.xrevrange(now, "intent", EntryId::MAX, EntryId::ZERO, 2, &mut out).unwrap();
    assert_eq!(ids(&out), [all[5], all[4]]);
    out.clear();
    bus.xread(now, "intent", all[4], 10, &mut out).unwrap();
    assert_eq!(ids(&out), [all[5]]);
    out.clear();
    bus.xread(now, "intent", EntryId::MAX, 10, &mut out).unwrap();
    assert!(out.is_empty());
    bus.xadd(now, "intent", Body::fields(&[("n", "6")]), Trim::Exact(0)).unwrap();
    assert_eq!(bus.xlen(now, "intent").unwrap(), 0);
    assert!(bus.exists(now, "intent"), "an empty stream is still there");
    // Whole nodes of a hundred only.
    for n in 0..250 {
        let body = Body::fields(&[("n", &n.to_string())]);
        bus.xadd(now, "plan", body, Trim::Approximate(120)).unwrap();
    }
    assert_eq!(bus.xlen(now, "plan").unwrap(), 150);
}

fn groups_start_where_they_are_told<B: Bus>(mut stage: Stage<B>) {
    let first = add(&mut stage, "intent", 3);
    let (bus, now) = (&mut stage.bus, stage.now);
    bus.xgroup_create(now, "intent", "all", GroupStart::Beginning).unwrap();
    bus.xgroup_create(now, "intent", "new", GroupStart::End).unwrap();
    bus.xgroup_create(now, "intent", "some", GroupStart::After(first[0])).unwrap();
    // A group makes its stream.
    bus.xgroup_create(now, "plan", "all", GroupStart::End).unwrap();
    assert_eq!(bus.xlen(now, "plan").unwrap(), 0);
    let groups = bus.xinfo_groups(now, "intent").unwrap();
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["all", "new", "some"]);
    assert_eq!(groups[0].lag, Some(3));
    assert_eq!(groups[1].lag, Some(0));
    let second = add(&mut stage, "intent", 1);
    let all: Vec<EntryId> = first.iter().chain(&second).copied().collect();
    assert_eq!(ids(&read(&mut stage, "all", "a", ReadFrom::New, 10)), all);
    assert_eq!(ids(&read(&mut stage, "new", "a", ReadFrom::New, 10)), second);
    assert_eq!(ids(&read(&mut stage, "some", "a", ReadFrom::New, 10)), all[1..]);
    assert!(read(&mut stage, "all", "b", ReadFrom::New, 10).is_empty());
    let groups = stage.bus.xinfo_groups(stage.now, "intent").unwrap();
    assert_eq!((groups[0].pending, groups[0].lag), (4, Some(0)));
    assert_eq!(groups[0].last_delivered, second[0]);
}

fn unacknowledged_entries_come_back<B: Bus>(mut stage: Stage<B>) {
    let all = add(&mut stage, "intent", 4);
    let now = stage.now;
    stage.bus.xgroup_create(now, "intent", "g", GroupStart::Beginning).unwrap();
    assert_eq!(ids(&read(&mut stage, "g", "a", ReadFrom::New, 2)), all[..2]);
    assert_eq!(ids(&read(&mut stage, "g", "b", ReadFrom::New, 1)), all[2..3]);
    assert!(stage.bus.xack(now, "intent", "g", all[0]).unwrap());
    assert!(!stage.bus.xack(now, "intent", "g", all[0]).unwrap(), "only once");
    assert!(!stage.bus.xack(now, "intent", "g", all[3]).unwrap(), "never delivered");
    assert!(!stage.bus.xack(now, "intent", "nobody", all[1]).unwrap());
    assert!(!stage.bus.xack(now, "nothing", "g", all[1]).unwrap());
    // A consumer that starts again asks for what it had; the other's is not its own.
    let own = read(&mut stage, "g", "a", ReadFrom::Pending(EntryId::ZERO), 10);
    assert_eq!(ids(&own), all[1..2]);
    let rows = stage.bus.xpending(now, "intent", "g", Nanos::ZERO, 10).unwrap();
    let rows: Vec<_> = rows.iter().map(|r| (r.id, r.consumer.as_str(), r.deliveries)).collect();
    assert_eq!(rows, [(all[1], "a", 2), (all[2], "b", 1)]);
    // One that was deleted meanwhile comes without a body.
    let id = all[1].to_string();
    stage.bus.execute(now, &[b"XDEL", b"intent", id.as_bytes()]);
    let own = read(&mut stage, "g", "a", ReadFrom::Pending(EntryId::ZERO), 10);
    assert_eq!(ids(&own), all[1..2]);
    assert!(own[0].body.is_none());
}

fn idle_entries_are_claimed<B: Bus>(mut stage: Stage<B>) {
    let all = add(&mut stage, "intent", 4);
    let now = stage.now;
    stage.bus.xgroup_create(now, "intent", "g", GroupStart::Beginning).unwrap();
    read(&mut stage, "g", "dead", ReadFrom::New, 3);
    let mut out = Vec::new();
    let (bus, zero) = (&mut stage.bus, EntryId::ZERO);
    let next = bus.xautoclaim(now, "intent", "g", "b", HOUR, zero, 10, &mut out).unwrap();
    assert_eq!((next, out.len()), (EntryId::ZERO, 0), "too early");
    assert!(bus.xpending(now, "intent", "g", HOUR, 10).unwrap().is_empty());
    // Two at a time, then the rest.
    let short = Nanos::from_millis(30);
    stage.until("they are idle", |bus, now| {
        bus.xpending(now, "intent", "g", short, 10).unwrap().len() == 3
    });
    let (bus, now) = (&mut stage.bus, stage.now);
    let next = bus.xautoclaim(now, "intent", "g", "b", short, zero, 2, &mut out).unwrap();
    assert_eq!((next, ids(&out)), (all[2], all[..2].to_vec()));
    out.clear();
    let next = bus.xautoclaim(now, "intent", "g", "b", short, next, 2, &mut out).unwrap();
    assert_eq!((next, ids(&out)), (EntryId::ZERO, all[2..3].to_vec()));
    let rows = bus.xpending(now, "intent", "g", Nanos::ZERO, 10).unwrap();
    assert!(rows.iter().all(|row| row.consumer == "b" && row.deliveries == 2), "{rows:?}");
    assert!(rows.iter().all(|row| row.idle < HOUR));
    // What is no longer in the stream is claimed by nobody and leaves the list.
    let id = all[1].to_string();
    bus.execute(now, &[b"XDEL", b"intent", id.as_bytes()]);
    out.clear();
    bus.xautoclaim(now, "intent", "g", "c", Nanos::ZERO, zero, 10, &mut out).unwrap();
    assert_eq!(ids(&out), [all[0], all[2]]);
    assert_eq!(bus.xpending(now, "intent", "g", Nanos::ZERO, 10).unwrap().len(), 2);
}

fn errors_are_those_of_redis<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    let wrong = |key: &str| BusError::WrongType { key: key.into() };
    let no_group =
        |key: &str, group: &str| BusError::NoGroup { key: key.into(), group: group.into() };
    let mut out = Vec::new();
    bus.set(now, "text", b"no number", PLAIN).unwrap();
    bus.hset(now, "hash", "f", b"no number").unwrap();
    let body = || Body::fields(&[("n", "1")]);
    assert_eq!(bus.xadd(now, "text", body(), Trim::Keep), Err(wrong("text")));
    assert_eq!(bus.xlen(now, "text"), Err(wrong("text")));
    assert_eq!(bus.xgroup_create(now, "text", "g", GroupStart::End), Err(wrong("text")));
    assert_eq!(bus.xread(now, "text", EntryId::ZERO, 1, &mut out), Err(wrong("text")));
    assert_eq!(bus.get(now, "hash"), Err(wrong("hash")));
    assert_eq!(bus.incr_by(now, "hash", 1), Err(wrong("hash")));
    assert_eq!(bus.hget(now, "text", "f"), Err(wrong("text")));
    assert_eq!(bus.hset(now, "text", "f", b"1"), Err(wrong("text")));
    assert_eq!(bus.hincr_by(now, "text", "f", 1), Err(wrong("text")));
    assert_eq!(bus.sadd(now, "text", b"1"), Err(wrong("text")));
    assert_eq!(bus.lpush_keep(now, "text", b"1", 1), Err(wrong("text")));
    assert_eq!(bus.lrange(now, "text", 1), Err(wrong("text")));
    assert_eq!(bus.set_record(now, "text", &permit(), None), Err(wrong("text")));
    assert_eq!(bus.record(now, "text").map(|_| ()), Err(wrong("text")));
    assert_eq!(bus.json_record(now, "hash").map(|_| ()), Err(wrong("hash")));
    let not = |text: &str| Err(BusError::Other(format!("ERR {text}")));
    assert_eq!(bus.incr_by(now, "text", 1), not("value is not an integer or out of range"));
    assert_eq!(bus.hincr_by(now, "hash", "f", 1), not("hash value is not an integer"));
    assert_eq!(bus.xinfo_groups(now, "nothing").map(|_| 0), not("no such key"));
    bus.xgroup_create(now, "intent", "g", GroupStart::End).unwrap();
    assert_eq!(bus.xgroup_create(now, "intent", "g", GroupStart::End), Err(BusError::BusyGroup));
    for (stream, group) in [("intent", "h"), ("nothing", "g")] {
        let error = Err(no_group(stream, group));
        let read = bus.xreadgroup(now, stream, group, "c", ReadFrom::New, 1, &mut out);
        assert_eq!(read, error);
        let rows = bus.xpending(now, stream, group, Nanos::ZERO, 1).map(|_| ());
        assert_eq!(rows, error);
        let start = EntryId::ZERO;
        let claimed = bus.xautoclaim(now, stream, group, "c", Nanos::ZERO, start, 1, &mut out);
        assert_eq!(claimed.map(|_| ()), error);
    }
    assert!(out.is_empty());
    assert_eq!(bus.get(now, "text").unwrap().unwrap(), b"no number", "errors change nothing");
}

fn raw_writes_change_records<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    bus.set_record(now, "permit", &permit(), Some(HOUR)).unwrap();
    let fields = show::held_hash(bus.record(now, "permit").unwrap());
    assert_eq!(fields, r#"{qty="0.5" symbol="BTCUSDT"}"#);
    assert!(!bus.hset(now, "permit", "qty", b"2").unwrap());
    assert!(bus.hset(now, "permit", "note", b"raw").unwrap());
    assert!(matches!(bus.record(now, "permit").unwrap(), Held::Raw(_)));
    let fields = show::fields(bus.hgetall(now, "permit").unwrap());
    assert_eq!(fields, r#"{note="raw" qty="2" symbol="BTCUSDT"}"#);
    assert!(matches!(bus.ttl(now, "permit"), Ttl::Left(_)));
    // A record leaves nothing of what was there, nor its life.
    bus.set_record(now, "permit", &Beat { count: 4 }, None).unwrap();
    assert_eq!(show::fields(bus.hgetall(now, "permit").unwrap()), r#"{count="4"}"#);
    assert_eq!(bus.ttl(now, "permit"), Ttl::Persistent);
    assert_eq!(bus.hincr_by(now, "permit", "count", 3).unwrap(), 7);
    bus.execute(now, &[b"HDEL", b"permit", b"count"]);
    assert!(!bus.exists(now, "permit"), "a hash without fields is not there");
    assert!(matches!(bus.record(now, "permit").unwrap(), Held::Absent));
    bus.set_json(now, "state", &Beat { count: 4 }, PLAIN).unwrap();
    assert_eq!(bus.get(now, "state").unwrap().unwrap(), br#"{"count":4}"#);
    bus.set(now, "state", b"raw", PLAIN).unwrap();
    assert_eq!(show::held_text(bus.json_record(now, "state").unwrap()), r#""raw""#);
}

fn keys_go_together_or_not_at_all<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    bus.set(now, "a", b"1", PLAIN).unwrap();
    assert!(!bus.del_together(now, &["a", "b"]));
    assert!(bus.exists(now, "a"));
    bus.hset(now, "b", "f", b"1").unwrap();
    assert!(bus.del_together(now, &["a", "b"]));
    assert!(!bus.exists(now, "a") && !bus.exists(now, "b"));
    assert!(!bus.del(now, "a"));
}

fn numbers_keep_all_their_digits<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    let most = i64::MAX - 1;
    assert_eq!(bus.incr_by(now, "a", most).unwrap(), most);
    assert_eq!(bus.incr_by(now, "a", 1).unwrap(), i64::MAX);
    let over = Err(BusError::Other("ERR increment or decrement would overflow".into()));
    assert_eq!(bus.incr_by(now, "a", 1), over);
    assert_eq!(bus.hincr_by(now, "h", "f", i64::MIN).unwrap(), i64::MIN);
    assert_eq!(bus.hincr_by(now, "h", "f", 1).unwrap(), i64::MIN + 1);
    assert_eq!(bus.execute(now, &[b"INCRBY", b"b", b"9007199254740993"]), {
        engine::Resp::Int(9_007_199_254_740_993)
    });
}

fn lists_keep_the_newest<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    for n in 0..5 {
        bus.lpush_keep(now, "l", n.to_string().as_bytes(), 3).unwrap();
    }
    assert_eq!(bus.lrange(now, "l", 10).unwrap(), [b"4", b"3", b"2"]);
    assert_eq!(bus.lrange(now, "l", 1).unwrap(), [b"4"]);
    assert!(bus.lrange(now, "l", 0).unwrap().is_empty());
    assert!(bus.lrange(now, "nothing", 3).unwrap().is_empty());
    bus.lpush_keep(now, "l", b"5", 0).unwrap();
    assert!(!bus.exists(now, "l"), "a list that keeps nothing is not there");
    assert!(bus.sadd(now, "s", b"x").unwrap());
    assert!(!bus.sadd(now, "s", b"x").unwrap());
}

fn a_count_of_zero_reads_nothing<B: Bus>(mut stage: Stage<B>) {
    add(&mut stage, "intent", 2);
    let (bus, now, zero) = (&mut stage.bus, stage.now, EntryId::ZERO);
    bus.xgroup_create(now, "intent", "g", GroupStart::Beginning).unwrap();
    let mut out = Vec::new();
    bus.xread(now, "intent", zero, 0, &mut out).unwrap();
    bus.xrange(now, "intent", zero, EntryId::MAX, 0, &mut out).unwrap();
    bus.xrevrange(now, "intent", EntryId::MAX, zero, 0, &mut out).unwrap();
    bus.xreadgroup(now, "intent", "g", "c", ReadFrom::New, 0, &mut out).unwrap();
    bus.xreadgroup(now, "intent", "g", "c", ReadFrom::Pending(zero), 0, &mut out).unwrap();
    assert!(out.is_empty());
    assert_eq!(bus.xinfo_groups(now, "intent").unwrap()[0].consumers, 0);
    let claimed = bus.xautoclaim(now, "intent", "g", "c", Nanos::ZERO, zero, 0, &mut out);
    assert_eq!(claimed, Err(BusError::Other("ERR COUNT must be > 0".into())));
}

fn bytes_stay_bytes<B: Bus>(mut stage: Stage<B>) {
    let (bus, now) = (&mut stage.bus, stage.now);
    let odd: &[u8] = b"\0\r\n\xff $5 *3 \x80";
    bus.set(now, "a", odd, PLAIN).unwrap();
    assert_eq!(bus.get(now, "a").unwrap().unwrap(), odd);
    bus.hset(now, "h", "f", odd).unwrap();
    assert_eq!(bus.hget(now, "h", "f").unwrap().unwrap(), odd);
    bus.lpush_keep(now, "l", odd, 2).unwrap();
    assert_eq!(bus.lrange(now, "l", 2).unwrap(), [odd]);
    let fields = engine::Fields(vec![(odd.into(), odd.into())]);
    bus.xadd(now, "intent", Body::Fields(fields.into()), Trim::Keep).unwrap();
    bus.xgroup_create(now, "intent", "g", GroupStart::Beginning).unwrap();
    let read = read(&mut stage, "g", "c", ReadFrom::New, 1);
    let body = read[0].body.as_ref().unwrap().to_fields().into_owned();
    assert_eq!((&*body.0[0].0, &*body.0[0].1), (odd, odd));
}
