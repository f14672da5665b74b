//! Commands that somebody sends to the bus from outside: an operator, a tool, an accident.

use crate::journal::kind;
use crate::{EntryId, Exchange, Feed, Resp, Ttl};

use super::Kernel;

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// Executes the command; the journal gets it with its reply, then what it changed, as if a service had
    /// done it.
    pub(super) fn command(&mut self, text: &str, words: &[Vec<u8>]) {
        let now = self.core.now;
        let name = words.first().map_or_else(String::new, |name| lossy(name).to_ascii_uppercase());
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let keys: Vec<String> = match name.as_str() {
            "FLUSHALL" => self.core.bus.scan(now, "*"),
            "DEL" => words.iter().skip(1).map(|key| lossy(key)).collect(),
            "XGROUP" => words.get(2).map(|key| lossy(key)).into_iter().collect(),
            _ => words.get(1).map(|key| lossy(key)).into_iter().collect(),
        };
        let there = |kernel: &mut Self| -> Vec<bool> {
            keys.iter().map(|key| kernel.core.bus.exists(now, key)).collect()
        };
        let before = there(self);
        let reply = self.core.bus.execute(now, &words);
        self.core.journal.action(now, &format!("{text}: {}", reply_text(&reply)));
        if matches!(reply, Resp::Error(_)) {
            return;
        }
        let after = there(self);
        for (key, (was, is)) in keys.iter().zip(before.into_iter().zip(after)) {
            if was && !is {
                self.core.journal.del(now, key);
            }
        }
        match (name.as_str(), keys.first(), &reply) {
            ("XADD", Some(stream), Resp::Bulk(id)) => self.added(stream, &lossy(id)),
            ("XADD" | "XTRIM" | "XDEL" | "XACK" | "XLEN", ..) => {}
            (_, Some(key), _) => {
                self.tell_change(&name, key, &words);
                // A group that is new or gone, or a stream that is: its readers notice at once.
                for number in 0..self.core.readers.len() {
                    let reader = &self.core.readers[number];
                    if !reader.retired && keys.contains(&reader.stream) {
                        self.look_again(number as u32);
                    }
                }
            }
            _ => {}
        }
        if name == "FLUSHALL" {
            (0..self.core.readers.len()).for_each(|number| self.look_again(number as u32));
        }
    }

    /// An entry that a command added: the journal gets it, and its readers hear of it.
    fn added(&mut self, stream: &str, id: &str) {
        let Ok(id) = id.parse::<EntryId>() else { return };
        let mut entries = Vec::new();
        let _ = self.core.bus.xrange(self.core.now, stream, id, id, 1, &mut entries);
        if let Some(body) = entries.pop().and_then(|entry| entry.body) {
            self.core.journal.publish(self.core.now, stream, id, &body);
        }
        self.core.published += 1;
        self.core.announce(stream);
    }

    /// What a command made of a key, in the words in which the journal tells it of services.
    fn tell_change(&mut self, name: &str, key: &str, words: &[&[u8]]) {
        let now = self.core.now;
        let (bus, journal) = (&mut self.core.bus, &mut self.core.journal);
        let life = match bus.ttl(now, key) {
            Ttl::Left(left) => Some(left),
            Ttl::Absent | Ttl::Persistent => None,
        };
        match name {
            "SET" | "SETEX" | "SETNX" | "INCR" | "INCRBY" => {
                if let Ok(Some(value)) = bus.get(now, key) {
                    journal.set(now, key, &value, life);
                }
            }
            "HSET" | "HSETNX" | "HINCRBY" => {
                let fields: Vec<String> = match name {
                    "HSET" => words[2..].chunks(2).map(|pair| lossy(pair[0])).collect(),
                    _ => words.get(2).map(|field| lossy(field)).into_iter().collect(),
                };
                for field in fields {
                    if let Ok(Some(value)) = bus.hget(now, key, &field) {
                        journal.member(now, kind::HASH_SET, key, &field, &value);
                    }
                }
            }
            "LPUSH" | "RPUSH" => {
                for value in words.iter().skip(2) {
                    journal.member(now, kind::LIST_PUSH, key, "", value);
                }
            }
            "SADD" => {
                for value in words.iter().skip(2) {
                    journal.member(now, kind::SET_ADD, key, "", value);
                }
            }
            "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => {
                if let Some(life) = life {
                    journal.expire(now, key, life);
                }
            }
            _ => {}
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A reply in a few words.
fn reply_text(reply: &Resp) -> String {
    match reply {
        Resp::Nil => "nil".to_owned(),
        Resp::Int(number) => number.to_string(),
        Resp::Bulk(bytes) => lossy(bytes),
        Resp::Status(word) => (*word).to_owned(),
        Resp::Array(replies) => format!("{} replies", replies.len()),
        Resp::Error(error) => format!("error: {error}"),
    }
}
