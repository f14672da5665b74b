//! The command front: words in, a reply out. It reads arguments and writes replies; what a command
//! does is decided elsewhere.

mod claims;
mod groups;
mod hashes;
mod info;
mod keys;
mod lists;
mod parse;
mod sets;
mod sorted;
mod streams;
mod strings;

use super::keyspace::Keyspace;
use super::resp::Resp;
use crate::{BusError, Nanos};

type Outcome = Result<Resp, BusError>;
type Words<'a> = &'a [&'a [u8]];
type Command = fn(&mut Keyspace, Nanos, Words<'_>) -> Outcome;

/// Name, number of words (at least, when negative; the name counts) and function, as in Redis' table.
const COMMANDS: &[(&str, i32, Command)] = &[
    ("xadd", -5, streams::xadd),
    ("xlen", 2, streams::xlen),
    ("xrange", -4, streams::xrange),
    ("xrevrange", -4, streams::xrevrange),
    ("xread", -4, streams::xread),
    ("xdel", -3, streams::xdel),
    ("xtrim", -4, streams::xtrim),
    ("xgroup", -2, groups::xgroup),
    ("xreadgroup", -7, groups::xreadgroup),
    ("xack", -4, groups::xack),
    ("xpending", -3, claims::xpending),
    ("xclaim", -6, claims::xclaim),
    ("xautoclaim", -6, claims::xautoclaim),
    ("xinfo", -2, info::xinfo),
    ("get", 2, strings::get),
    ("mget", -2, strings::mget),
    ("set", -3, strings::set),
    ("setex", 4, strings::setex),
    ("setnx", 3, strings::setnx),
    ("incr", 2, strings::incr),
    ("incrby", 3, strings::incrby),
    ("hset", -4, hashes::hset),
    ("hsetnx", 4, hashes::hsetnx),
    ("hget", 3, hashes::hget),
    ("hmget", -3, hashes::hmget),
    ("hgetall", 2, hashes::hgetall),
    ("hdel", -3, hashes::hdel),
    ("hexists", 3, hashes::hexists),
    ("hlen", 2, hashes::hlen),
    ("hincrby", 4, hashes::hincrby),
    ("lpush", -3, lists::lpush),
    ("rpush", -3, lists::rpush),
    ("lrange", 4, lists::lrange),
    ("ltrim", 4, lists::ltrim),
    ("llen", 2, lists::llen),
    ("lpop", -2, lists::lpop),
    ("rpop", -2, lists::rpop),
    ("sadd", -3, sets::sadd),
    ("srem", -3, sets::srem),
    ("sismember", 3, sets::sismember),
    ("smembers", 2, sets::smembers),
    ("scard", 2, sets::scard),
    ("zadd", -4, sorted::zadd),
    ("zrem", -3, sorted::zrem),
    ("zscore", 3, sorted::zscore),
    ("zrange", -4, sorted::zrange),
    ("zrangebyscore", -4, sorted::zrangebyscore),
    ("zremrangebyrank", 4, sorted::zremrangebyrank),
    ("zremrangebyscore", 4, sorted::zremrangebyscore),
    ("zcard", 2, sorted::zcard),
    ("expire", 3, keys::expire),
    ("pexpire", 3, keys::pexpire),
    ("expireat", 3, keys::expireat),
    ("pexpireat", 3, keys::pexpireat),
    ("ttl", 2, keys::ttl),
    ("pttl", 2, keys::pttl),
    ("persist", 2, keys::persist),
    ("del", -2, keys::del),
    ("exists", -2, keys::exists),
    ("type", 2, keys::type_of),
    ("scan", -2, keys::scan),
    ("flushall", -1, keys::flushall),
];

pub(super) fn execute(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Resp {
    match dispatch(keys, now, words) {
        Ok(reply) => reply,
        // Redis does not say which key it was.
        Err(BusError::WrongType { .. }) => {
            Resp::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into())
        }
        Err(error) => Resp::Error(error.to_string()),
    }
}

fn dispatch(keys: &mut Keyspace, now: Nanos, words: Words<'_>) -> Outcome {
    let Some((name, args)) = words.split_first() else { return Err(error("empty command")) };
    let known = COMMANDS.iter().find(|(known, _, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    let Some((name, arity, run)) = known else {
        let name = String::from_utf8_lossy(name);
        let args: String =
            args.iter().map(|arg| format!("'{}' ", String::from_utf8_lossy(arg))).collect();
        return Err(error(&format!("unknown command '{name}', with args beginning with: {args}")));
    };
    let fits = match usize::try_from(*arity) {
        Ok(exactly) => words.len() == exactly,
        Err(_) => words.len() >= arity.unsigned_abs() as usize,
    };
    if !fits {
        return Err(wrong_arity(name));
    }
    run(keys, now, args)
}

/// An error with Redis' usual code.
fn error(text: &str) -> BusError {
    BusError::Other(format!("ERR {text}"))
}

fn wrong_arity(command: &str) -> BusError {
    error(&format!("wrong number of arguments for '{command}' command"))
}

fn syntax_error() -> BusError {
    error("syntax error")
}

pub(super) fn no_such_key() -> BusError {
    error("no such key")
}

fn no_such_group(key: &[u8], group: &[u8]) -> BusError {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    BusError::Other(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}
