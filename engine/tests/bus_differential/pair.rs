//! Both worlds side by side: each command goes to the server and to the memory, and the replies must
//! be equal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::{MemoryBus, Nanos, Resp};

use super::server::{Server, Timed};

/// Calls of one kind of command, and how many of them answered something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub calls: u64,
    pub telling: u64,
}

/// The server and the memory.
pub struct Pair {
    pub server: Server,
    /// One, except while a command is settled during which the server's clock ticked.
    worlds: Vec<MemoryBus>,
    pub now: Nanos,
    pub counts: BTreeMap<String, Count>,
    pub ops: u64,
    /// How often the clock ticked during a command.
    pub ticks: u64,
    /// How often keys were deleted because of that.
    pub dropped: u64,
    seed: u64,
    recent: VecDeque<String>,
}

impl Pair {
    pub fn new(server: Server) -> Pair {
        Pair {
            server,
            worlds: vec![MemoryBus::new()],
            now: Nanos::ZERO,
            counts: BTreeMap::new(),
            ops: 0,
            ticks: 0,
            dropped: 0,
            seed: 0,
            recent: VecDeque::new(),
        }
    }

    pub fn begin(&mut self, seed: u64) {
        self.seed = seed;
        self.recent.clear();
        self.run("FLUSHALL", &["FLUSHALL".into()]);
    }

    /// Asks the memory alone. For commands that change nothing.
    pub fn peek(&mut self, words: &[&str]) -> Resp {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.worlds[0].execute(self.now, &words)
    }

    /// Executes a command in both worlds; answers what both said.
    pub fn run(&mut self, kind: &str, words: &[String]) -> Resp {
        let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let Timed { reply, earliest_ms, latest_ms } = self.server.timed(&bytes);
        let expected = normal(words, reply);
        if earliest_ms > 0 {
            self.now = Nanos::from_millis(latest_ms);
        }
        let times: Vec<Nanos> = match earliest_ms {
            // Not even queued, so the time does not matter.
            0 => vec![self.now],
            _ => (earliest_ms..=latest_ms).map(Nanos::from_millis).collect(),
        };
        self.note(format!("{} {} -> {}", self.now.millis(), words.join(" "), show(&expected)));
        let mut got = Vec::new();
        if let ([only], [time]) = (&mut self.worlds[..], &times[..]) {
            let reply = normal(words, only.execute(*time, &bytes));
            if reply != expected {
                got.push(reply);
            }
        } else {
            self.ticks += 1;
            let mut possible = Vec::new();
            for world in &self.worlds {
                for time in &times {
                    let mut next = world.clone();
                    let reply = normal(words, next.execute(*time, &bytes));
                    if reply == expected {
                        possible.push(next);
                    } else {
                        got.push(reply);
                    }
                }
            }
            if !possible.is_empty() {
                got.clear();
                self.worlds = possible;
                self.settle(words);
            }
        }
        if !got.is_empty() {
            self.fail(words, &expected, &got);
        }
        self.ops += 1;
        let count = self.counts.entry(kind.to_owned()).or_default();
        count.calls += 1;
        count.telling += u64::from(tells_something(kind, &expected));
        expected
    }

    /// Makes one world of several. They are alike when the command wrote no time. Otherwise nobody can
    /// say what the server wrote: it reads its clock more than once in a command, so the tick may lie
    /// in the middle. Then the command's keys are deleted on both sides.
    fn settle(&mut self, words: &[String]) {
        let shape = format!("{:?}", self.worlds[0]);
        if self.worlds[1..].iter().any(|world| format!("{world:?}") != shape) {
            self.dropped += 1;
            let keys: Vec<String> = words.iter().filter(|word| self.knows(word)).cloned().collect();
            let delete: Vec<&[u8]> =
                [b"DEL".as_slice()].into_iter().chain(keys.iter().map(|k| k.as_bytes())).collect();
            let deleted = self.server.timed(&delete).reply;
            let now = self.now;
            self.worlds.retain_mut(|world| world.execute(now, &delete) == deleted);
            self.note(format!("{} DEL {} after a tick", now.millis(), keys.join(" ")));
            let shapes: BTreeSet<String> =
                self.worlds.iter().map(|world| format!("{world:?}")).collect();
            assert_eq!(shapes.len(), 1, "a command changes only the keys that it names: {words:?}");
        }
        self.worlds.truncate(1);
    }

    fn knows(&self, word: &str) -> bool {
        super::commands::all_keys().iter().any(|key| key == word)
    }

    fn note(&mut self, line: String) {
        if self.recent.len() == 60 {
            self.recent.pop_front();
        }
        self.recent.push_back(line);
    }

    fn fail(&self, words: &[String], expected: &Resp, got: &[Resp]) -> ! {
        let before: Vec<&str> = self.recent.iter().map(String::as_str).collect();
        panic!(
            "seed {}, operation {}: {words:?}\n redis:  {}\n memory: {}\n before:\n  {}\n again: QSIM_SEED={} cargo test -p engine --test bus_differential",
            self.seed,
            self.ops,
            show(expected),
            got.iter().map(show).collect::<Vec<_>>().join("\n    or: "),
            before.join("\n  "),
            self.seed
        );
    }
}

/// A reply without what is accidental: the order of sets, the shape of Redis' radix tree.
fn normal(words: &[String], mut reply: Resp) -> Resp {
    let is = |name: &str| words[0].eq_ignore_ascii_case(name);
    match &mut reply {
        Resp::Array(members) if is("SMEMBERS") => members.sort_by_key(show),
        Resp::Array(parts) if is("SCAN") => {
            if let Some(Resp::Array(keys)) = parts.get_mut(1) {
                keys.sort_by_key(show);
            }
        }
        Resp::Array(rows) if is("XINFO") && words[1].eq_ignore_ascii_case("STREAM") => {
            if let Some(nodes) = rows.get_mut(5) {
                *nodes = Resp::Nil;
            }
        }
        _ => {}
    }
    reply
}

/// As a person reads it.
pub fn show(reply: &Resp) -> String {
    match reply {
        Resp::Nil => "nil".into(),
        Resp::Int(number) => number.to_string(),
        Resp::Bulk(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Resp::Status(word) => (*word).into(),
        Resp::Error(text) => format!("({text})"),
        Resp::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Whether a reply shows that the command did or found something.
fn tells_something(kind: &str, reply: &Resp) -> bool {
    match reply {
        Resp::Nil | Resp::Error(_) | Resp::Status("none") => false,
        Resp::Int(number) => *number != 0 && !(kind.ends_with("TTL") && *number < 0),
        Resp::Bulk(_) | Resp::Status(_) => true,
        Resp::Array(items) => match kind {
            "XAUTOCLAIM" => items[1..].iter().any(|part| *part != Resp::Array(Vec::new())),
            "XPENDING summary" => items[0] != Resp::Int(0),
            "SCAN" => items[1] != Resp::Array(Vec::new()),
            "XREADGROUP history" => !show(&items[0]).ends_with("[]]"),
            "MGET" | "HMGET" => items.iter().any(|item| *item != Resp::Nil),
            _ => !items.is_empty(),
        },
    }
}
