//! The typed door and the command front must lead to the same place.

use super::super::resp::Resp;
use super::{run, show};
use crate::{
    Body, Bus, Entry, EntryId, GroupStart, MemoryBus, NamedRng, Nanos, ReadFrom, SetOptions, Trim,
    Ttl,
};

const STREAMS: [&str; 2] = ["intent", "plan"];
const CONSUMERS: [&str; 2] = ["a", "b"];

fn entries(entries: &[Entry]) -> String {
    show(&Resp::entries(entries))
}

/// What the front says about entries of one stream, without the stream's name.
fn read(reply: &Resp) -> String {
    match reply {
        Resp::Array(streams) => match &streams[..] {
            [Resp::Array(stream)] => show(&stream[1]),
            other => panic!("{other:?}"),
        },
        Resp::Nil => "[]".into(),
        other => show(other),
    }
}

/// One random operation through both doors; answers what each said.
fn both(rng: &mut NamedRng, now: Nanos, typed: &mut MemoryBus, raw: &mut MemoryBus) -> [String; 2] {
    let stream = STREAMS[rng.below(2) as usize];
    let consumer = CONSUMERS[rng.below(2) as usize];
    let count = 1 + rng.below(9) as usize;
    let key = ["k1", "k2"][rng.below(2) as usize];
    let mut out = Vec::new();
    let text = |result: Result<String, crate::BusError>| {
        // The front adds which command it was, and never says which key.
        result.unwrap_or_else(|error| error.to_string())
    };
    let mut run = |line: String| run(raw, now, &line);
    match rng.below(18) {
        0..=3 => {
            let (trim, words) = match rng.below(3) {
                0 => (Trim::Keep, String::new()),
                1 => (Trim::Exact(20), "MAXLEN = 20 ".into()),
                _ => (Trim::Approximate(120), "MAXLEN ~ 120 ".into()),
            };
            let id = typed.xadd(now, stream, Body::fields(&[("n", "1")]), trim).unwrap();
            [id.to_string(), show(&run(format!("XADD {stream} {words}* n 1")))]
        }
        4 => {
            let (start, word) = match rng.below(3) {
                0 => (GroupStart::Beginning, "0"),
                1 => (GroupStart::End, "$"),
                _ => (GroupStart::After(EntryId { ms: 5, seq: 0 }), "5-0"),
            };
            let made = typed.xgroup_create(now, stream, "g", start).map(|()| "OK".to_owned());
            [text(made), show(&run(format!("XGROUP CREATE {stream} g {word} MKSTREAM")))]
        }
        5..=7 => {
            let got = typed.xreadgroup(now, stream, "g", consumer, ReadFrom::New, count, &mut out);
            let line = format!("XREADGROUP GROUP g {consumer} COUNT {count} STREAMS {stream} >");
            let raw = read(&run(line)).replace(" in XREADGROUP with GROUP option", "");
            [text(got.map(|()| entries(&out))), raw]
        }
        8 => {
            let from = ReadFrom::Pending(EntryId::ZERO);
            let got = typed.xreadgroup(now, stream, "g", consumer, from, count, &mut out);
            let line = format!("XREADGROUP GROUP g {consumer} COUNT {count} STREAMS {stream} 0");
            let raw = read(&run(line)).replace(" in XREADGROUP with GROUP option", "");
            [text(got.map(|()| entries(&out))), raw]
        }
        9..=10 => {
            let rows = typed.xpending(now, stream, "g", Nanos::ZERO, 5).unwrap_or_default();
            let id = rows.last().map_or(EntryId::ZERO, |row| row.id);
            let acked = typed.xack(now, stream, "g", id).unwrap();
            [u8::from(acked).to_string(), show(&run(format!("XACK {stream} g {id}")))]
        }
        11 => {
            let idle = Nanos::from_millis(5);
            let rows = typed.xpending(now, stream, "g", idle, count);
            let rows = rows.map(|rows| {
                let row = |row: &crate::PendingRow| {
                    format!(
                        "[{} {} {} {}]",
                        row.id,
                        row.consumer,
                        row.idle.millis(),
                        row.deliveries
                    )
                };
                format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(" "))
            });
            [text(rows), show(&run(format!("XPENDING {stream} g IDLE 5 - + {count}")))]
        }
        12 => {
            let (idle, start) = (Nanos::from_millis(3), EntryId::ZERO);
            let got = typed.xautoclaim(now, stream, "g", consumer, idle, start, count, &mut out);
            let got = text(got.map(|cursor| format!("{cursor} {}", entries(&out))));
            let raw = match run(format!("XAUTOCLAIM {stream} g {consumer} 3 0 COUNT {count}")) {
                Resp::Array(parts) => format!("{} {}", show(&parts[0]), show(&parts[1])),
                other => show(&other),
            };
            [got, raw]
        }
        13 => {
            let groups = typed.xinfo_groups(now, stream);
            let number = |number: Option<u64>| number.map_or("nil".into(), |n| n.to_string());
            let groups = groups.map(|groups| {
                let row = |g: &crate::GroupInfo| {
                    format!(
                        "[name {} consumers {} pending {} last-delivered-id {} entries-read {} lag {}]",
                        g.name, g.consumers, g.pending, g.last_delivered, number(g.entries_read),
                        number(g.lag)
                    )
                };
                format!("[{}]", groups.iter().map(row).collect::<Vec<_>>().join(" "))
            });
            [text(groups), show(&run(format!("XINFO GROUPS {stream}")))]
        }
        14 => {
            let (low, high) = (EntryId::ZERO, EntryId::MAX);
            if rng.below(2) == 0 {
                typed.xrange(now, stream, low, high, count, &mut out).unwrap();
                [entries(&out), show(&run(format!("XRANGE {stream} - + COUNT {count}")))]
            } else {
                typed.xrevrange(now, stream, high, low, count, &mut out).unwrap();
                [entries(&out), show(&run(format!("XREVRANGE {stream} + - COUNT {count}")))]
            }
        }
        15 => {
            let life = rng.below(30) as i64 + 1;
            let options =
                SetOptions { expire: Some(Nanos::from_millis(life)), ..SetOptions::default() };
            let done = typed.set(now, key, b"5", options).unwrap();
            [if done { "OK" } else { "nil" }.into(), show(&run(format!("SET {key} 5 PX {life}")))]
        }
        16 => {
            let after = typed.incr_by(now, key, 2).unwrap();
            [after.to_string(), show(&run(format!("INCRBY {key} 2")))]
        }
        _ => {
            let left = match typed.ttl(now, key) {
                Ttl::Absent => -2,
                Ttl::Persistent => -1,
                Ttl::Left(left) => left.millis(),
            };
            [left.to_string(), show(&run(format!("PTTL {key}")))]
        }
    }
}

#[test]
fn both_doors_lead_to_the_same_place() {
    for seed in 0..20 {
        let mut rng = NamedRng::new(seed, "doors");
        let (mut typed, mut raw) = (MemoryBus::new(), MemoryBus::new());
        for step in 0..1_500 {
            let now = Nanos::from_millis(1_000 + step / 4);
            let [one, other] = both(&mut rng, now, &mut typed, &mut raw);
            assert_eq!(one, other, "seed {seed}, step {step}");
        }
        assert_eq!(format!("{typed:?}"), format!("{raw:?}"), "seed {seed}");
    }
}

#[test]
fn keys_are_deleted_together_or_not_at_all() {
    let mut bus = MemoryBus::new();
    let second = SetOptions { expire: Some(Nanos::from_secs(1)), ..SetOptions::default() };
    bus.set(Nanos(0), "a", b"1", SetOptions::default()).unwrap();
    bus.set(Nanos(0), "b", b"1", second).unwrap();
    assert!(!bus.del_together(Nanos(0), &["a", "c"]), "one was never there");
    assert!(bus.exists(Nanos(0), "a"));
    assert!(!bus.del_together(Nanos::from_secs(2), &["a", "b"]), "one has expired");
    assert!(bus.exists(Nanos::from_secs(2), "a"));
    bus.set(Nanos::from_secs(2), "b", b"1", second).unwrap();
    assert!(bus.del_together(Nanos::from_secs(2), &["a", "b"]));
    assert!(!bus.exists(Nanos::from_secs(2), "a") && !bus.exists(Nanos::from_secs(2), "b"));
}
