//! Commands by their words, as a person or a tool sends them.

use engine::Resp;

use super::ask::{RedisBus, lost};
use super::reply;
use super::scripts::Script;
use super::wire::{count, pack};

/// Commands that only look, so that they may be asked again.
const LOOKING: [&str; 27] = [
    "XLEN",
    "XRANGE",
    "XREVRANGE",
    "XREAD",
    "XPENDING",
    "XINFO",
    "GET",
    "MGET",
    "HGET",
    "HMGET",
    "HGETALL",
    "HEXISTS",
    "HLEN",
    "LRANGE",
    "LLEN",
    "SISMEMBER",
    "SMEMBERS",
    "SCARD",
    "ZSCORE",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZCARD",
    "TTL",
    "PTTL",
    "EXISTS",
    "TYPE",
    "SCAN",
];

/// Commands that write and that a script may do.
const WRITING: [&str; 31] = [
    "XADD",
    "XDEL",
    "XTRIM",
    "XGROUP",
    "XREADGROUP",
    "XACK",
    "XCLAIM",
    "XAUTOCLAIM",
    "SET",
    "SETEX",
    "SETNX",
    "HSET",
    "HSETNX",
    "HDEL",
    "LPUSH",
    "RPUSH",
    "LTRIM",
    "LPOP",
    "RPOP",
    "SADD",
    "SREM",
    "ZADD",
    "ZREM",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "PERSIST",
    "DEL",
];

/// What a script says where the server itself says how many words it misses.
const WRONG_NUMBER: &str = "ERR Wrong number of args";

/// Whether a command of this name changes nothing.
pub(super) fn looks_only(name: &[u8]) -> bool {
    LOOKING.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

pub(super) fn execute(bus: &mut RedisBus, words: &[&[u8]]) -> Resp {
    let Some(name) = words.first() else { return Resp::Error("ERR empty command".into()) };
    let is = |list: &[&str]| list.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    if looks_only(name) {
        return ask(bus, words, true);
    }
    let answer = match words {
        // Without the way back over text their answers would lose digits.
        [_, key] if is(&["INCR"]) => counted(bus, &[b"INCRBY", key, b"1"], &[b"GET", key]),
        [_, key, _] if is(&["INCRBY"]) => counted(bus, words, &[b"GET", key]),
        [_, key, field, _] if is(&["HINCRBY"]) => counted(bus, words, &[b"HGET", key, field]),
        _ if is(&WRITING) || is(&["FLUSHALL"]) => once(bus, Script::Plain, words),
        _ => return ask(bus, words, false),
    };
    match answer {
        // Nothing was done, so that it may be said in the server's own words.
        Resp::Error(text) if text.starts_with(WRONG_NUMBER) => ask(bus, words, false),
        answer => answer,
    }
}

fn once(bus: &mut RedisBus, script: Script, words: &[&[u8]]) -> Resp {
    match bus.wire.once(script, words) {
        Ok(value) => reply::resp(value),
        Err(away) => {
            bus.lost = true;
            Resp::Error(lost(&away).to_string())
        }
    }
}

/// INCRBY or HINCRBY, and how to look at what came out.
fn counted(bus: &mut RedisBus, words: &[&[u8]], look: &[&[u8]]) -> Resp {
    let length = words.len().to_string().into_bytes();
    let mut all: Vec<&[u8]> = vec![&length];
    all.extend_from_slice(words);
    all.extend_from_slice(look);
    match once(bus, Script::Count, &all) {
        Resp::Bulk(digits) => {
            let number = std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok());
            number.map_or(Resp::Bulk(digits), Resp::Int)
        }
        other => other,
    }
}

/// Sends a command as it is; again only if it may be.
fn ask(bus: &mut RedisBus, words: &[&[u8]], repeatable: bool) -> Resp {
    let answered = match repeatable {
        true => bus.wire.converse(1, None, |_, _, out| pack(words, out)),
        false => bus.wire.converse_once(words),
    };
    match answered {
        Ok(mut values) => values.pop().map_or(Resp::Nil, reply::resp),
        Err(away) => {
            bus.lost = true;
            count(&bus.wire.counts().given_up);
            Resp::Error(lost(&away).to_string())
        }
    }
}
