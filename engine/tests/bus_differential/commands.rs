//! Random commands over few keys, so that they meet each other.

use engine::{NamedRng, Resp};

use super::pair::Pair;

/// Groups of every stream.
pub const GROUPS: [&str; 3] = ["execution", "bridge", "p33"];
const CONSUMERS: [&str; 4] = ["host_1", "host_2", "exec_a", "b"];
const STREAMS: [&str; 4] = ["intent", "plan", "explicit", "ahead"];
const DATA: [(&str, u64); 5] = [("text", 4), ("hash", 3), ("list", 2), ("set", 2), ("sorted", 2)];
const WORDS: [&str; 6] = ["a", "b", "BTCUSDT", "ETHUSDT", "7", ""];

/// Every key that a command may name.
pub fn all_keys() -> Vec<String> {
    let data =
        DATA.iter().flat_map(|(name, count)| (0..*count).map(move |n| format!("{name}:{n}")));
    STREAMS.iter().map(|key| (*key).to_owned()).chain(data).collect()
}

/// A maker of commands.
pub struct Maker {
    pub rng: NamedRng,
    /// Ids that XADD answered.
    ids: Vec<(String, String)>,
    /// For explicit ids that grow.
    clock: u64,
}

impl Maker {
    pub fn new(seed: u64) -> Maker {
        Maker { rng: NamedRng::new(seed, "differential"), ids: Vec::new(), clock: 1 }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn word(&mut self) -> String {
        self.pick(&WORDS).to_owned()
    }

    pub fn number(&mut self, low: i64, high: i64) -> String {
        (low + self.below((high - low + 1) as u64) as i64).to_string()
    }

    /// A key of this kind; now and then one of another kind.
    pub fn key(&mut self, kind: &str) -> String {
        if self.chance(2) {
            let keys = all_keys();
            return keys[self.below(keys.len() as u64) as usize].clone();
        }
        let (name, count) = DATA.into_iter().find(|(name, _)| *name == kind).expect("a kind");
        format!("{name}:{}", self.below(count))
    }

    pub fn stream(&mut self) -> String {
        if self.chance(1) {
            return self.key("hash");
        }
        self.pick(&STREAMS).to_owned()
    }

    fn group(&mut self) -> String {
        if self.chance(1) { "nobody".into() } else { self.pick(&GROUPS).to_owned() }
    }

    fn consumer(&mut self) -> String {
        self.pick(&CONSUMERS).to_owned()
    }

    /// Mostly an id that exists, and mostly a recent one.
    fn id(&mut self, key: &str) -> String {
        let known: Vec<String> =
            self.ids.iter().filter(|(k, _)| k == key).map(|(_, id)| id.clone()).collect();
        if known.is_empty() || self.chance(5) {
            return self.pick(&["0-1", "5-5", "0", "1769718915183-0", "bad", "7"]).to_owned();
        }
        let reach = if self.chance(70) { 20 } else { 400 };
        let back = self.below(known.len().min(reach) as u64) as usize;
        known[known.len() - 1 - back].clone()
    }

    /// Mostly an id that is pending in the group.
    fn pending_id(&mut self, pair: &mut Pair, key: &str, group: &str) -> String {
        let rows = pair.peek(&["XPENDING", key, group, "-", "+", "1000"]);
        let Resp::Array(rows) = rows else { return self.id(key) };
        if rows.is_empty() || self.chance(15) {
            return self.id(key);
        }
        let row = rows[self.below(rows.len() as u64) as usize].clone();
        match row {
            Resp::Array(cells) => match &cells[0] {
                Resp::Bulk(id) => String::from_utf8_lossy(id).into_owned(),
                other => panic!("a row of XPENDING has {other:?}"),
            },
            other => panic!("a row of XPENDING is {other:?}"),
        }
    }

    /// One step: a command, or a burst of XADD.
    pub fn step(&mut self, pair: &mut Pair) {
        match self.below(100) {
            0..=24 => self.write_stream(pair),
            25..=57 => self.use_group(pair),
            58..=63 => self.look_at_stream(pair),
            _ => super::data::step(self, pair),
        }
    }

    fn trim(&mut self, key: &str) -> Vec<String> {
        // Only one stream stays long enough for several nodes.
        let keep = match key {
            "plan" => self.pick(&["0", "90", "100", "130", "250", "301"]),
            _ => self.pick(&["0", "1", "20", "60", "99", "1000", "-1", "x"]),
        };
        let how = self.pick(&["~", "~", "=", ""]);
        let mut words = vec!["MAXLEN".to_owned()];
        if !how.is_empty() {
            words.push(how.to_owned());
        }
        words.push(keep.to_owned());
        if self.chance(15) {
            words.extend(["LIMIT".to_owned(), self.pick(&["0", "100", "150", "300"]).to_owned()]);
        }
        words
    }

    fn xadd(&mut self, pair: &mut Pair, key: &str) {
        let mut words = vec!["XADD".to_owned(), key.to_owned()];
        if self.chance(3) {
            words.push("NOMKSTREAM".into());
        }
        if self.chance(if key == "plan" { 4 } else { 10 }) {
            words.extend(self.trim(key));
        }
        words.push(match (key, self.below(12)) {
            ("explicit", 0) => self.pick(&["0-0", "5-1", "abc", "1-2-3", "0-1"]).to_owned(),
            ("explicit", 1..=3) => format!("{}-*", self.clock),
            ("explicit", n) => {
                self.clock += n % 3;
                format!("{}-{}", self.clock, pair.ops)
            }
            ("ahead", 0) => format!("{}-3", pair.now.millis() + 2_000),
            _ => "*".to_owned(),
        });
        for _ in 0..=self.below(2) {
            words.extend([self.word(), self.word()]);
        }
        if let Resp::Bulk(id) = pair.run("XADD", &words) {
            self.ids.push((key.to_owned(), String::from_utf8_lossy(&id).into_owned()));
            if self.ids.len() > 3000 {
                self.ids.drain(..1000);
            }
        }
    }

    fn write_stream(&mut self, pair: &mut Pair) {
        let key = self.stream();
        match self.below(120) {
            0..=74 => self.xadd(pair, &key),
            75 => {
                for _ in 0..50 + self.below(120) {
                    self.xadd(pair, "plan");
                }
            }
            76..=90 => {
                let mut words = vec!["XDEL".to_owned(), key.clone()];
                for _ in 0..=self.below(2) {
                    words.push(self.id(&key));
                }
                pair.run("XDEL", &words);
            }
            91..=116 => {
                let mut words = vec!["XTRIM".to_owned(), key.clone()];
                words.extend(self.trim(&key));
                pair.run("XTRIM", &words);
            }
            _ => {
                if self.chance(30) {
                    pair.run("DEL", &["DEL".into(), key]);
                }
            }
        }
    }

    fn bound(&mut self, key: &str, end: &str) -> String {
        match self.below(8) {
            0..=4 => end.to_owned(),
            5 => format!("({}", self.id(key)),
            _ => self.id(key),
        }
    }

    fn look_at_stream(&mut self, pair: &mut Pair) {
        let key = self.stream();
        let count = self.number(-1, 12);
        let (low, high) = (self.bound(&key, "-"), self.bound(&key, "+"));
        let (kind, mut words): (&str, Vec<String>) = match self.below(7) {
            0 => ("XLEN", vec!["XLEN".into(), key]),
            1 => ("XRANGE", vec!["XRANGE".into(), key, low, high]),
            2 => ("XREVRANGE", vec!["XREVRANGE".into(), key, high, low]),
            3 | 4 => {
                let other = self.stream();
                let (after, other_after) = (self.id(&key), self.id(&other));
                let after = if self.chance(10) { "$".into() } else { after };
                let mut words = vec!["XREAD".to_owned(), "COUNT".into(), count.clone()];
                words.extend(["STREAMS".into(), key, other, after, other_after]);
                ("XREAD", words)
            }
            _ => ("XINFO STREAM", vec!["XINFO".into(), "STREAM".into(), key]),
        };
        if kind.ends_with("RANGE") && self.chance(70) {
            words.extend(["COUNT".into(), count]);
        }
        pair.run(kind, &words);
    }

    fn use_group(&mut self, pair: &mut Pair) {
        let (key, group, consumer) = (self.stream(), self.group(), self.consumer());
        let of = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        match self.below(100) {
            0..=14 => self.manage_group(pair, key, group, consumer),
            15..=34 => {
                let (other, count) = (self.stream(), self.number(0, 12));
                let mut words = of(&["XREADGROUP", "GROUP", &group, &consumer, "COUNT", &count]);
                if self.chance(5) {
                    words.push("NOACK".into());
                }
                words.extend(of(&["STREAMS", &key]));
                if self.chance(10) {
                    words.extend([other, ">".into(), ">".into()]);
                } else {
                    words.push(">".into());
                }
                pair.run("XREADGROUP new", &words);
            }
            35..=43 => {
                let after = if self.chance(80) { "0".into() } else { self.id(&key) };
                let count = self.number(1, 6);
                let mut words = of(&["XREADGROUP", "GROUP", &group, &consumer, "COUNT", &count]);
                words.extend(of(&["STREAMS", &key, &after]));
                pair.run("XREADGROUP history", &words);
            }
            44..=59 => {
                let mut words = of(&["XACK", &key, &group]);
                for _ in 0..=self.below(3) {
                    words.push(self.pending_id(pair, &key, &group));
                }
                pair.run("XACK", &words);
            }
            60..=63 => {
                pair.run("XPENDING summary", &of(&["XPENDING", &key, &group]));
            }
            64..=71 => {
                let mut words = of(&["XPENDING", &key, &group]);
                if self.chance(50) {
                    words.extend(["IDLE".into(), self.idle()]);
                }
                words.extend([self.bound(&key, "-"), self.bound(&key, "+"), self.number(-1, 20)]);
                if self.chance(40) {
                    words.push(consumer);
                }
                pair.run("XPENDING rows", &words);
            }
            72..=81 => self.xclaim(pair, &key, &group, &consumer),
            82..=89 => {
                let start = if self.chance(60) { "0-0".into() } else { self.bound(&key, "-") };
                let mut words = of(&["XAUTOCLAIM", &key, &group, &consumer, &self.idle(), &start]);
                if self.chance(80) {
                    words.extend(["COUNT".into(), self.number(0, 8)]);
                }
                if self.chance(20) {
                    words.push("JUSTID".into());
                }
                pair.run("XAUTOCLAIM", &words);
            }
            90..=95 => {
                pair.run("XINFO GROUPS", &of(&["XINFO", "GROUPS", &key]));
            }
            _ => {
                pair.run("XINFO CONSUMERS", &of(&["XINFO", "CONSUMERS", &key, &group]));
            }
        }
    }

    fn idle(&mut self) -> String {
        self.pick(&["0", "0", "0", "0", "1", "5", "1000", "59000", "60000", "3000000", "-5"])
            .to_owned()
    }

    fn xclaim(&mut self, pair: &mut Pair, key: &str, group: &str, consumer: &str) {
        let mut words: Vec<String> =
            ["XCLAIM", key, group, consumer].iter().map(|word| (*word).to_owned()).collect();
        words.push(self.idle());
        for _ in 0..=self.below(3) {
            words.push(self.pending_id(pair, key, group));
        }
        match self.below(5) {
            0..=1 => words.extend(["IDLE".into(), self.idle()]),
            2 => {
                let back: i64 = self.number(-2_000, 90_000).parse().expect("a number");
                words.extend(["TIME".into(), (pair.now.millis() - back).to_string()]);
            }
            _ => {}
        }
        if self.chance(20) {
            words.extend(["RETRYCOUNT".into(), self.number(-1, 9)]);
        }
        if self.chance(25) {
            words.push("FORCE".into());
        }
        if self.chance(5) {
            words.extend(["LASTID".into(), self.id(key)]);
        }
        let just_id = self.chance(33);
        if just_id {
            words.push("JUSTID".into());
        }
        pair.run(if just_id { "XCLAIM JUSTID" } else { "XCLAIM" }, &words);
    }

    fn manage_group(&mut self, pair: &mut Pair, key: String, group: String, consumer: String) {
        let start = match self.below(4) {
            0 => "0".to_owned(),
            1 => "$".to_owned(),
            _ => self.id(&key),
        };
        let (name, mut words): (&str, Vec<String>) = match self.below(20) {
            0..=9 => ("CREATE", vec![key, group, start]),
            10 => ("DESTROY", vec![key, group]),
            11..=14 => ("CREATECONSUMER", vec![key, group, consumer]),
            15..=17 => ("DELCONSUMER", vec![key, group, consumer]),
            _ => ("SETID", vec![key, group, start]),
        };
        if name == "CREATE" && self.chance(80) {
            words.push("MKSTREAM".into());
        }
        if matches!(name, "CREATE" | "SETID") && self.chance(20) {
            words.extend(["ENTRIESREAD".into(), self.number(-2, 30)]);
        }
        let mut all = vec!["XGROUP".to_owned(), name.to_owned()];
        all.extend(words);
        pair.run(&format!("XGROUP {name}"), &all);
    }
}
