use super::{run, show};
use crate::{
    Body, Bus, BusError, CorrelationId, EntryId, Envelope, MemoryBus, Nanos, SetOptions, Symbol,
    Trim, Ttl,
};

crate::record! {
    /// A permit, as services keep it.
    pub struct Permit {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// How much.
        pub qty: f64 = "qty",
        /// Absent when nobody says.
        pub reason: Option<String> = "reason",
        /// A field that owns memory.
        pub source: String = "source",
    }
    /// Another type with other fields.
    pub struct Beat {
        /// How many so far.
        pub count: i64 = "count",
    }
}

fn permit(source: &str) -> Permit {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    Permit { symbol, qty: 0.5, reason: None, source: source.into() }
}

const NOW: Nanos = Nanos::from_secs(10);

#[test]
fn a_record_is_the_hash_of_its_fields() {
    let mut bus = MemoryBus::new();
    let life = Some(Nanos::from_secs(60));
    bus.set_record(NOW, "permit", &permit("governor"), life).unwrap();
    assert_eq!(show(&run(&mut bus, NOW, "TYPE permit")), "hash");
    assert_eq!(show(&run(&mut bus, NOW, "TTL permit")), "60");
    let fields = "[symbol BTCUSDT qty 0.5 source governor]";
    assert_eq!(show(&run(&mut bus, NOW, "HGETALL permit")), fields);
    assert_eq!(show(&run(&mut bus, NOW, "HMGET permit qty reason")), "[0.5 nil]");
    assert_eq!(show(&run(&mut bus, NOW, "HLEN permit")), "3");
    assert_eq!(bus.hget(NOW, "permit", "source").unwrap().unwrap(), b"governor");

    // Looking at it did not change it.
    let there = bus.record(NOW, "permit").unwrap().record().unwrap();
    assert_eq!(there.as_any().downcast_ref::<Permit>(), Some(&permit("governor")));

    // A raw write makes it a plain hash, with its fields and its life.
    assert!(bus.hset(NOW, "permit", "reason", b"manual").unwrap());
    assert!(bus.record(NOW, "permit").unwrap().record().is_none());
    let fields = "[symbol BTCUSDT qty 0.5 source governor reason manual]";
    assert_eq!(show(&run(&mut bus, NOW, "HGETALL permit")), fields);
    assert_eq!(bus.ttl(NOW, "permit"), Ttl::Left(Nanos::from_secs(60)));

    // A record over a plain hash leaves none of the old fields, and no old life.
    bus.set_record(NOW, "permit", &Beat { count: 3 }, None).unwrap();
    assert_eq!(show(&run(&mut bus, NOW, "HGETALL permit")), "[count 3]");
    assert_eq!(bus.ttl(NOW, "permit"), Ttl::Persistent);
    assert_eq!(bus.hincr_by(NOW, "permit", "count", 4).unwrap(), 7);
    assert_eq!(show(&run(&mut bus, NOW, "HDEL permit count")), "1");
    assert!(!bus.exists(NOW, "permit"));
}

#[test]
fn the_same_record_type_is_overwritten_in_place() {
    let mut bus = MemoryBus::new();
    let place = |bus: &mut MemoryBus| {
        let record = bus.record(NOW, "permit").unwrap().record().unwrap();
        let record = record.as_any().downcast_ref::<Permit>().unwrap();
        (std::ptr::from_ref(record).addr(), record.source.as_ptr().addr())
    };
    bus.set_record(NOW, "permit", &permit("governor"), None).unwrap();
    let snapshot = bus.clone();
    let before = place(&mut bus);
    bus.set_record(NOW, "permit", &permit("p33"), None).unwrap();
    assert_eq!(place(&mut bus), before);
    assert_eq!(bus.hget(NOW, "permit", "source").unwrap().unwrap(), b"p33");
    // A clone is a snapshot: it does not see later writes.
    let mut snapshot = snapshot;
    assert_eq!(snapshot.hget(NOW, "permit", "source").unwrap().unwrap(), b"governor");
}

#[test]
fn json_is_a_string() {
    let mut bus = MemoryBus::new();
    let options = SetOptions { expire: Some(Nanos::from_secs(60)), ..SetOptions::default() };
    assert!(bus.set_json(NOW, "permit:p33", &permit("p33"), options).unwrap());
    let text = r#"{"qty":0.5,"source":"p33","symbol":"BTCUSDT"}"#;
    let got: serde_json::Value =
        serde_json::from_slice(&bus.get(NOW, "permit:p33").unwrap().unwrap()).unwrap();
    assert_eq!(got, serde_json::from_str::<serde_json::Value>(text).unwrap());
    assert_eq!(show(&run(&mut bus, NOW, "TYPE permit:p33")), "string");
    assert_eq!(show(&run(&mut bus, NOW, "PTTL permit:p33")), "60000");
    assert!(
        bus.json_record(NOW, "permit:p33").unwrap().record().is_some(),
        "GET did not change it"
    );

    let if_absent = SetOptions { if_absent: true, ..SetOptions::default() };
    assert!(!bus.set_json(NOW, "permit:p33", &permit("other"), if_absent).unwrap());
    let late = NOW + Nanos::from_secs(60);
    assert!(bus.json_record(late - Nanos(1), "permit:p33").unwrap().record().is_some());
    assert!(bus.json_record(late, "permit:p33").unwrap().record().is_none());
    assert!(bus.set_json(late, "permit:p33", &permit("other"), if_absent).unwrap());

    bus.set(late, "permit:p33", b"7", SetOptions::default()).unwrap();
    assert!(bus.json_record(late, "permit:p33").unwrap().record().is_none());
    assert_eq!(bus.incr_by(late, "permit:p33", 1).unwrap(), 8);
}

#[test]
fn a_record_does_not_replace_another_type() {
    let mut bus = MemoryBus::new();
    bus.set(NOW, "permit", b"1", SetOptions::default()).unwrap();
    let wrong = BusError::WrongType { key: "permit".into() };
    assert_eq!(bus.set_record(NOW, "permit", &permit("a"), None), Err(wrong.clone()));
    assert_eq!(bus.record(NOW, "permit").err(), Some(wrong));
    assert_eq!(bus.get(NOW, "permit").unwrap().unwrap(), b"1");
}

#[test]
fn a_typed_entry_reads_as_its_fields() {
    let mut bus = MemoryBus::new();
    let correlation_id = CorrelationId::from_random(7);
    let (event_type, source) = ("permit", "governor");
    for envelope in [
        Envelope::Flat,
        Envelope::Contract { event_type, source, time: NOW },
        Envelope::Bus { event_type, source, correlation_id, time: NOW },
    ] {
        bus.xadd(NOW, "permits", Body::message(envelope, permit("a")), Trim::Keep).unwrap();
    }
    let shown = show(&run(&mut bus, NOW, "XRANGE permits - +"));
    assert!(shown.contains("[10000-0 [symbol BTCUSDT qty 0.5 source a]]"), "{shown}");
    assert!(shown.contains("[10000-1 [event_type permit payload {"), "{shown}");
    assert!(shown.contains(&format!("correlation_id {correlation_id}")), "{shown}");

    // Every envelope reads as the record, from memory and from a snapshot that went over disk.
    let text = serde_json::to_string(&bus).unwrap();
    let mut restored: MemoryBus = serde_json::from_str(&text).unwrap();
    for bus in [&mut bus, &mut restored] {
        let mut entries = Vec::new();
        bus.xrange(NOW, "permits", EntryId::ZERO, EntryId::MAX, 10, &mut entries).unwrap();
        assert_eq!(entries.len(), 3);
        for entry in entries {
            assert_eq!(*entry.body.unwrap().read::<Permit>().unwrap(), permit("a"));
        }
    }
}

#[test]
fn a_snapshot_on_disk_is_what_a_client_sees() {
    let mut bus = MemoryBus::new();
    bus.set_record(NOW, "hash", &permit("a"), Some(Nanos::from_secs(5))).unwrap();
    bus.set_json(NOW, "text", &permit("a"), SetOptions::default()).unwrap();
    for line in [
        "XADD intent * a b",
        "XADD intent * c d",
        "XGROUP CREATE intent execution 0",
        "XREADGROUP GROUP execution a COUNT 1 STREAMS intent >",
        "RPUSH list a b",
        "SADD set b a",
        "ZADD sorted 2.5 a -inf b",
    ] {
        run(&mut bus, NOW, line);
    }
    let mut restored: MemoryBus =
        serde_json::from_str(&serde_json::to_string(&bus).unwrap()).unwrap();
    for line in [
        "SCAN 0",
        "HGETALL hash",
        "PTTL hash",
        "GET text",
        "XINFO STREAM intent",
        "XINFO GROUPS intent",
        "XPENDING intent execution - + 5",
        "LRANGE list 0 -1",
        "SMEMBERS set",
        "ZRANGE sorted 0 -1 WITHSCORES",
        "XREADGROUP GROUP execution b STREAMS intent >",
    ] {
        assert_eq!(show(&run(&mut restored, NOW, line)), show(&run(&mut bus, NOW, line)), "{line}");
    }
}

/// Each plan leaves a permit that nobody reads again; they must not stay for ever.
#[test]
fn expired_keys_are_swept() {
    let mut bus = MemoryBus::new();
    let options = SetOptions { expire: Some(Nanos::from_secs(60)), ..SetOptions::default() };
    for plan in 0..10_000 {
        let now = Nanos::from_secs(plan);
        bus.set(now, &format!("permit:{plan}"), b"1", options).unwrap();
        assert!(bus.keys.held() <= 200, "{} keys after {plan} s", bus.keys.held());
    }
    assert_eq!(bus.scan(Nanos::from_secs(9_999), "permit:*").len(), 60);
}
