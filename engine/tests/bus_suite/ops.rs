//! Random operations over few keys, so that they meet each other.

use std::collections::BTreeMap;

use engine::{
    Body, Bus, Envelope, GroupStart, Nanos, PendingRow, ReadFrom, SetOptions, Symbol, Trim,
};
use proptest::prelude::*;

use super::show::{self, Ids};
use super::{Beat, Permit};

const STREAMS: [&str; 2] = ["stream:intent", "stream:plan"];
const TEXTS: [&str; 2] = ["text:a", "text:b"];
const HASHES: [&str; 2] = ["hash:a", "hash:b"];
const OTHERS: [&str; 3] = ["list:a", "set:a", "none:a"];
const GROUPS: [&str; 2] = ["execution", "bridge"];
const CONSUMERS: [&str; 2] = ["one", "two"];
const VALUES: [&str; 5] = ["7", "x", "", "-3", "9223372036854775800"];
const HOUR: Nanos = Nanos::from_secs(3_600);

/// An operation. Ids are told by how many entries back they were added.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Op {
    Xadd(&'static str, u8, Trim),
    Xlen(&'static str),
    Create(&'static str, &'static str, u8),
    ReadNew(&'static str, &'static str, &'static str, usize),
    ReadPending(&'static str, &'static str, &'static str, usize, usize),
    Xread(&'static str, usize, usize),
    Xack(&'static str, &'static str, usize),
    Xpending(&'static str, &'static str, bool, usize),
    Autoclaim(&'static str, &'static str, &'static str, bool, usize),
    Groups(&'static str),
    Range(&'static str, usize, bool, usize),
    Xdel(&'static str, usize),
    Get(&'static str),
    Set(&'static str, &'static str, u8),
    Incr(&'static str, i64),
    Del(&'static str),
    DelTogether(&'static str, &'static str),
    Exists(&'static str),
    Expire(&'static str, bool),
    Ttl(&'static str),
    Scan(&'static str),
    Hget(&'static str, &'static str),
    Hset(&'static str, &'static str, &'static str),
    Hincr(&'static str, &'static str, i64),
    Sadd(&'static str, &'static str),
    Push(&'static str, &'static str, usize),
    Lrange(&'static str, usize),
    SetRecord(&'static str, u8, bool),
    Record(&'static str),
    Hgetall(&'static str),
    SetJson(&'static str, u8, bool),
    Json(&'static str),
    Execute(&'static str, &'static str),
}

fn any_key() -> impl Strategy<Value = &'static str> {
    let all: Vec<&str> = [&STREAMS[..], &TEXTS, &HASHES, &OTHERS].concat();
    prop::sample::select(all)
}

/// Mostly one of these.
fn key(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => prop::sample::select(of), 1 => any_key()]
}

fn word(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

const FIELDS: [&str; 4] = ["symbol", "qty", "count", "note"];
/// `@` is the key.
const COMMANDS: [&str; 20] = [
    "TYPE @",
    "HSET @ note raw",
    "HDEL @ symbol qty",
    "HLEN @",
    "LLEN @",
    "RPUSH @ v",
    "SET @ v KEEPTTL",
    "GET @",
    "INCR @",
    "INCRBY @ 2",
    "HINCRBY @ count 2",
    "PERSIST @",
    "XTRIM @ MAXLEN = 3",
    "XLEN @",
    "ZADD @ 1 a",
    "ZRANGE @ 0 -1 WITHSCORES",
    "SMEMBERS @",
    "HSET @",
    "NOSUCH @ b",
    "FLUSHALL",
];

fn stream_op() -> impl Strategy<Value = Op> {
    let stream = || key(&STREAMS);
    let group = || word(&GROUPS);
    let consumer = || word(&CONSUMERS);
    let trim = prop_oneof![
        6 => Just(Trim::Keep),
        1 => (0u64..6).prop_map(Trim::Exact),
        1 => (0u64..120).prop_map(Trim::Approximate),
    ];
    prop_oneof![
        8 => (stream(), 0u8..4, trim).prop_map(|(s, b, t)| Op::Xadd(s, b, t)),
        1 => stream().prop_map(Op::Xlen),
        2 => (stream(), group(), 0u8..3).prop_map(|(s, g, a)| Op::Create(s, g, a)),
        6 => (stream(), group(), consumer(), 0usize..4)
            .prop_map(|(s, g, c, n)| Op::ReadNew(s, g, c, n)),
        3 => (stream(), group(), consumer(), 0usize..12, 0usize..4)
            .prop_map(|(s, g, c, b, n)| Op::ReadPending(s, g, c, b, n)),
        1 => (stream(), 0usize..12, 0usize..4).prop_map(|(s, b, n)| Op::Xread(s, b, n)),
        4 => (stream(), group(), 0usize..12).prop_map(|(s, g, b)| Op::Xack(s, g, b)),
        2 => (stream(), group(), any::<bool>(), 0usize..9)
            .prop_map(|(s, g, i, n)| Op::Xpending(s, g, i, n)),
        3 => (stream(), group(), consumer(), any::<bool>(), 0usize..4)
            .prop_map(|(s, g, c, i, n)| Op::Autoclaim(s, g, c, i, n)),
        2 => stream().prop_map(Op::Groups),
        2 => (stream(), 0usize..12, any::<bool>(), 0usize..5)
            .prop_map(|(s, b, r, n)| Op::Range(s, b, r, n)),
        1 => (stream(), 0usize..12).prop_map(|(s, b)| Op::Xdel(s, b)),
    ]
}

fn key_op() -> impl Strategy<Value = Op> {
    let text = || key(&TEXTS);
    let hash = || key(&HASHES);
    let other = || key(&OTHERS);
    let value = || word(&VALUES);
    let by = || prop_oneof![4 => -5i64..9, 1 => Just(i64::MAX), 1 => Just(1i64 << 53)];
    prop_oneof![
        2 => text().prop_map(Op::Get),
        3 => (text(), value(), 0u8..8).prop_map(|(k, v, o)| Op::Set(k, v, o)),
        2 => (text(), by()).prop_map(|(k, n)| Op::Incr(k, n)),
        1 => any_key().prop_map(Op::Del),
        1 => (text(), hash()).prop_map(|(a, b)| Op::DelTogether(a, b)),
        1 => any_key().prop_map(Op::Exists),
        1 => (any_key(), prop::bool::weighted(0.3)).prop_map(|(k, d)| Op::Expire(k, d)),
        2 => any_key().prop_map(Op::Ttl),
        1 => word(&["*", "text:*", "hash:?", "[lsn]*"]).prop_map(Op::Scan),
        1 => (hash(), word(&FIELDS)).prop_map(|(k, f)| Op::Hget(k, f)),
        2 => (hash(), word(&FIELDS), value()).prop_map(|(k, f, v)| Op::Hset(k, f, v)),
        2 => (hash(), word(&FIELDS), by()).prop_map(|(k, f, n)| Op::Hincr(k, f, n)),
        1 => (other(), value()).prop_map(|(k, v)| Op::Sadd(k, v)),
        2 => (other(), value(), 0usize..4).prop_map(|(k, v, n)| Op::Push(k, v, n)),
        1 => (other(), 0usize..4).prop_map(|(k, n)| Op::Lrange(k, n)),
        2 => (hash(), 0u8..3, any::<bool>()).prop_map(|(k, r, l)| Op::SetRecord(k, r, l)),
        2 => hash().prop_map(Op::Record),
        1 => hash().prop_map(Op::Hgetall),
        2 => (text(), 0u8..3, any::<bool>()).prop_map(|(k, r, l)| Op::SetJson(k, r, l)),
        2 => text().prop_map(Op::Json),
        3 => (any_key(), word(&COMMANDS[..19])).prop_map(|(k, c)| Op::Execute(k, c)),
        // Rarely, because it ends what has come about.
        1 => (any_key(), prop_oneof![9 => Just("TYPE @"), 1 => Just("FLUSHALL")])
            .prop_map(|(k, c)| Op::Execute(k, c)),
    ]
}

/// Some operations.
pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(prop_oneof![stream_op(), key_op()], 1..most)
}

fn permit(which: u8) -> Permit {
    let symbol = Symbol::new(if which == 0 { "BTCUSDT" } else { "ETHUSDT" }).expect("a symbol");
    Permit { symbol, qty: 0.5, reason: (which == 1).then(|| "because".to_owned()) }
}

/// A bus and what was added to it.
pub struct World<B> {
    pub bus: B,
    now: Nanos,
    ids: BTreeMap<&'static str, Ids>,
}

impl<B: Bus> World<B> {
    pub fn new(bus: B) -> World<B> {
        World { bus, now: Nanos::from_secs(1_000), ids: BTreeMap::new() }
    }

    fn ids(&mut self, stream: &'static str) -> &mut Ids {
        self.ids.entry(stream).or_default()
    }

    /// A stream that comes again begins with other ids.
    fn forget(&mut self, key: &'static str) {
        let kind = self.bus.execute(self.now, &[b"TYPE", key.as_bytes()]);
        if kind != engine::Resp::Status("stream") {
            self.ids(key).clear();
        }
    }

    /// Does it and says what came out.
    pub fn apply(&mut self, op: &Op) -> String {
        let answer = self.answer(op);
        match *op {
            Op::Set(k, ..) | Op::Del(k) | Op::Expire(k, _) | Op::SetJson(k, ..) => self.forget(k),
            Op::Execute(k, _) => self.forget(k),
            Op::DelTogether(a, b) => [a, b].into_iter().for_each(|key| self.forget(key)),
            _ => {}
        }
        answer
    }

    fn answer(&mut self, op: &Op) -> String {
        self.now += Nanos::from_millis(1);
        let now = self.now;
        match *op {
            Op::Xadd(..)
            | Op::Create(..)
            | Op::ReadNew(..)
            | Op::ReadPending(..)
            | Op::Xread(..)
            | Op::Autoclaim(..)
            | Op::Range(..)
            | Op::Xpending(..)
            | Op::Groups(..) => self.stream_op(op),
            Op::Xlen(s) => show::outcome(self.bus.xlen(now, s), |n| n.to_string()),
            Op::Xack(s, g, back) => {
                let id = self.ids(s).back(back);
                show::outcome(self.bus.xack(now, s, g, id), |done| done.to_string())
            }
            Op::Xdel(s, back) => {
                let id = self.ids(s).back(back).to_string();
                let words = [b"XDEL".as_slice(), s.as_bytes(), id.as_bytes()];
                show::resp(&self.bus.execute(now, &words))
            }
            Op::Get(k) => show::outcome(self.bus.get(now, k), show::bytes),
            Op::Set(k, value, how) => {
                let options = SetOptions {
                    if_absent: how % 4 == 1,
                    if_present: how % 4 == 2,
                    expire: (how > 4).then_some(HOUR),
                };
                let done = self.bus.set(now, k, value.as_bytes(), options);
                show::outcome(done, |done| done.to_string())
            }
            Op::Incr(k, by) => show::outcome(self.bus.incr_by(now, k, by), |n| n.to_string()),
            Op::Del(k) => self.bus.del(now, k).to_string(),
            Op::DelTogether(a, b) => self.bus.del_together(now, &[a, b]).to_string(),
            Op::Exists(k) => self.bus.exists(now, k).to_string(),
            Op::Expire(k, die) => {
                self.bus.expire(now, k, if die { Nanos::ZERO } else { HOUR }).to_string()
            }
            Op::Ttl(k) => show::ttl(self.bus.ttl(now, k)),
            Op::Scan(pattern) => self.bus.scan(now, pattern).join(" "),
            Op::Hget(k, f) => show::outcome(self.bus.hget(now, k, f), show::bytes),
            Op::Hset(k, f, v) => {
                show::outcome(self.bus.hset(now, k, f, v.as_bytes()), |new| new.to_string())
            }
            Op::Hincr(k, f, by) => {
                show::outcome(self.bus.hincr_by(now, k, f, by), |n| n.to_string())
            }
            Op::Sadd(k, v) => {
                show::outcome(self.bus.sadd(now, k, v.as_bytes()), |new| new.to_string())
            }
            Op::Push(k, v, keep) => {
                show::outcome(self.bus.lpush_keep(now, k, v.as_bytes(), keep), |()| "done".into())
            }
            Op::Lrange(k, count) => show::outcome(self.bus.lrange(now, k, count), |items| {
                items.into_iter().map(|item| show::bytes(Some(item))).collect::<Vec<_>>().join(" ")
            }),
            Op::SetRecord(k, which, life) => {
                let life = life.then_some(HOUR);
                let set = match which {
                    2 => self.bus.set_record(now, k, &Beat { count: 3 }, life),
                    which => self.bus.set_record(now, k, &permit(which), life),
                };
                show::outcome(set, |()| "set".into())
            }
            Op::Record(k) => show::outcome(self.bus.record(now, k), show::held_hash),
            Op::Hgetall(k) => show::outcome(self.bus.hgetall(now, k), show::fields),
            Op::SetJson(k, which, new) => {
                let options = SetOptions { if_absent: new, ..SetOptions::default() };
                let set = match which {
                    2 => self.bus.set_json(now, k, &Beat { count: 3 }, options),
                    which => self.bus.set_json(now, k, &permit(which), options),
                };
                show::outcome(set, |done| done.to_string())
            }
            Op::Json(k) => show::outcome(self.bus.json_record(now, k), show::held_text),
            Op::Execute(k, line) => {
                if line == "FLUSHALL" {
                    self.ids.clear();
                }
                let line = line.replace('@', k);
                let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
                show::resp(&self.bus.execute(now, &words))
            }
        }
    }

    fn stream_op(&mut self, op: &Op) -> String {
        let now = self.now;
        let mut out = Vec::new();
        let idle = |long: bool| if long { HOUR } else { Nanos::ZERO };
        match *op {
            Op::Xadd(s, body, trim) => {
                let body = match body {
                    0 => Body::fields(&[("n", "1"), ("n", ""), ("", "x")]),
                    1 => Body::message(Envelope::Flat, permit(1)),
                    2 => {
                        let (event_type, source) = ("permit", "governor");
                        let envelope = Envelope::Contract { event_type, source, time: HOUR };
                        Body::message(envelope, permit(0))
                    }
                    _ => Body::fields(&[("symbol", "BTCUSDT")]),
                };
                let added = self.bus.xadd(now, s, body, trim);
                let ids = self.ids(s);
                show::outcome(added, |id| format!("#{}", ids.add(id)))
            }
            Op::Create(s, g, at) => {
                let start = match at {
                    0 => GroupStart::Beginning,
                    1 => GroupStart::End,
                    _ => GroupStart::After(self.ids(s).back(2)),
                };
                show::outcome(self.bus.xgroup_create(now, s, g, start), |()| "made".into())
            }
            Op::ReadNew(s, g, c, count) => {
                let read = self.bus.xreadgroup(now, s, g, c, ReadFrom::New, count, &mut out);
                let ids = self.ids(s);
                show::outcome(read, |()| show::entries(ids, &out))
            }
            Op::ReadPending(s, g, c, back, count) => {
                let from = ReadFrom::Pending(self.ids(s).back(back));
                let read = self.bus.xreadgroup(now, s, g, c, from, count, &mut out);
                let ids = self.ids(s);
                show::outcome(read, |()| show::entries(ids, &out))
            }
            Op::Xread(s, back, count) => {
                let after = self.ids(s).back(back);
                let read = self.bus.xread(now, s, after, count, &mut out);
                let ids = self.ids(s);
                show::outcome(read, |()| show::entries(ids, &out))
            }
            Op::Autoclaim(s, g, c, long, count) => {
                let start = self.ids(s).back(11);
                let claimed = self.bus.xautoclaim(now, s, g, c, idle(long), start, count, &mut out);
                let ids = self.ids(s);
                show::outcome(claimed, |next| {
                    format!("{} {}", ids.show(next), show::entries(ids, &out))
                })
            }
            Op::Range(s, back, reverse, count) => {
                let (low, high) = (self.ids(s).back(back), self.ids(s).back(1));
                let read = match reverse {
                    true => self.bus.xrevrange(now, s, high, low, count, &mut out),
                    false => self.bus.xrange(now, s, low, high, count, &mut out),
                };
                let ids = self.ids(s);
                show::outcome(read, |()| show::entries(ids, &out))
            }
            Op::Xpending(s, g, long, count) => {
                let rows = self.bus.xpending(now, s, g, idle(long), count);
                let ids = self.ids(s);
                let one = |row: &PendingRow| {
                    format!("{} {} {}", ids.show(row.id), row.consumer, row.deliveries)
                };
                show::outcome(rows, |rows| rows.iter().map(one).collect::<Vec<_>>().join(", "))
            }
            Op::Groups(s) => {
                let groups = self.bus.xinfo_groups(now, s);
                let ids = self.ids(s);
                show::outcome(groups, |groups| {
                    let one = |g: &engine::GroupInfo| {
                        format!(
                            "{} consumers {} pending {} last {} read {:?} lag {:?}",
                            g.name,
                            g.consumers,
                            g.pending,
                            ids.show(g.last_delivered),
                            g.entries_read,
                            g.lag
                        )
                    };
                    groups.iter().map(one).collect::<Vec<_>>().join(", ")
                })
            }
            _ => unreachable!("not of streams"),
        }
    }
}
