//! Random commands on strings, hashes, lists, sets, sorted sets and keys.

use super::commands::{Maker, all_keys};
use super::pair::Pair;

/// Templates: `{text}` and its like are keys, `w` a word, `n` a number, `i` an index, `s` a score, `e`
/// an end of a range of scores, `k` any key, `t` seconds and `p` milliseconds that do not run out here.
const TEMPLATES: &[&str] = &[
    "GET {text}",
    "MGET {text} {text} {list}",
    "SET {text} w",
    "SET {text} n",
    "SET {text} w NX",
    "SET {text} n XX GET",
    "SET {text} w EX t",
    "SET {text} w PX p NX",
    "SET {text} n KEEPTTL",
    "SET {text} w GET",
    "SETEX {text} t n",
    "SETNX {text} n",
    "SETNX {text} n",
    "SETNX {text} n",
    "INCR {text}",
    "INCRBY {text} n",
    "HSET {hash} w n",
    "HSET {hash} w w w n",
    "HSETNX {hash} w n",
    "HGET {hash} w",
    "HGET {hash} w",
    "HGET {hash} w",
    "HMGET {hash} w w w",
    "HGETALL {hash}",
    "HDEL {hash} w",
    "HDEL {hash} w w",
    "HEXISTS {hash} w",
    "HEXISTS {hash} w",
    "HEXISTS {hash} w",
    "HLEN {hash}",
    "HINCRBY {hash} w n",
    "LPUSH {list} w n",
    "LPUSH {list} n",
    "RPUSH {list} w",
    "LRANGE {list} 0 i",
    "LRANGE {list} i i",
    "LTRIM {list} i i",
    "LLEN {list}",
    "LLEN {list}",
    "LPOP {list}",
    "RPOP {list}",
    "RPOP {list}",
    "LPOP {list} 2",
    "RPOP {list} 0",
    "SADD {set} w w n",
    "SADD {set} w w",
    "SREM {set} w n",
    "SREM {set} w n",
    "SISMEMBER {set} w",
    "SISMEMBER {set} w",
    "SMEMBERS {set}",
    "SCARD {set}",
    "ZADD {sorted} s w",
    "ZADD {sorted} s w s w",
    "ZADD {sorted} NX s w",
    "ZADD {sorted} XX CH s w s w",
    "ZREM {sorted} w w",
    "ZREM {sorted} w",
    "ZSCORE {sorted} w",
    "ZSCORE {sorted} w",
    "ZSCORE {sorted} w",
    "ZRANGE {sorted} i i WITHSCORES",
    "ZRANGE {sorted} i i REV",
    "ZRANGEBYSCORE {sorted} e e WITHSCORES",
    "ZRANGEBYSCORE {sorted} -inf +inf LIMIT 1 3",
    "ZREMRANGEBYRANK {sorted} i i",
    "ZREMRANGEBYRANK {sorted} i i",
    "ZREMRANGEBYSCORE {sorted} e e",
    "ZREMRANGEBYSCORE {sorted} e e",
    "ZREMRANGEBYSCORE {sorted} e e",
    "ZCARD {sorted}",
    "EXPIRE k t",
    "EXPIRE {text} t",
    "PEXPIRE k p",
    "PEXPIRE {hash} p",
    "TTL {text}",
    "PTTL {text}",
    "PTTL {hash}",
    "TTL k",
    "PERSIST k",
    "PERSIST {text}",
    "DEL {text} {hash}",
    "DEL {text}",
    "DEL {list}",
    "EXISTS k k {text}",
    "TYPE k",
    "SCAN 0 COUNT 1000",
    "SCAN 0 MATCH *:[01] COUNT 1000",
    "SCAN 0 MATCH ?ext:* COUNT 1000",
];

/// Commands that are wrong in themselves.
const WRONG: &[&str] = &[
    "NOSUCH a",
    "GET",
    "SET a",
    "SET text:0 v EX 0",
    "SET text:0 v EX x",
    "SET text:0 v NX XX",
    "SET text:0 v KEEPTTL EX 5",
    "SETEX text:0 -1 v",
    "INCRBY text:0 1.5",
    "INCRBY text:0 9223372036854775807",
    "HSET hash:0 a",
    "HINCRBY hash:0 a x",
    "LRANGE list:0 a b",
    "LPOP list:0 -1",
    "LPOP list:0 1 2",
    "ZADD sorted:0 x a",
    "ZADD sorted:0 1",
    "ZADD sorted:0 NX XX 1 a",
    "ZRANGEBYSCORE sorted:0 a b",
    "ZRANGE sorted:0 0 1 FOO",
    "EXPIRE text:0 soon",
    "SCAN x",
    "SCAN 0 COUNT 0",
    "XADD intent * a",
    "XADD intent MAXLEN ~",
    "XADD intent LIMIT 5 * a b",
    "XADD intent MAXLEN = 5 LIMIT 5 * a b",
    "XTRIM intent 5",
    "XTRIM intent LIMIT 5",
    "XRANGE intent - + COUNT",
    "XRANGE intent (+ +",
    "XRANGE intent - (0-0",
    "XRANGE intent (18446744073709551615-18446744073709551615 +",
    "XREAD STREAMS intent",
    "XREAD STREAMS intent >",
    "XREAD COUNT 5 intent 0",
    "XREADGROUP GROUP execution b STREAMS intent",
    "XREADGROUP GROUP execution b STREAMS intent $",
    "XREADGROUP COUNT 1 GROUP execution b STREAMS intent >",
    "XGROUP CREATE intent",
    "XGROUP CREATE nowhere execution 0",
    "XGROUP CREATE intent execution bad",
    "XGROUP CREATE intent execution 0 FOO",
    "XGROUP CREATE intent execution 0 ENTRIESREAD -2",
    "XGROUP DESTROY nowhere execution",
    "XGROUP SETID intent nobody 0",
    "XGROUP DELCONSUMER intent nobody b",
    "XINFO STREAM nowhere",
    "XINFO GROUPS nowhere",
    "XINFO CONSUMERS nowhere execution",
    "XINFO CONSUMERS intent nobody",
    "XPENDING nowhere execution",
    "XPENDING intent execution - +",
    "XPENDING intent execution IDLE 5 - +",
    "XPENDING intent execution - + x",
    "XCLAIM intent execution b x 0-1",
    "XCLAIM intent execution b 0 0-1 FOO",
    "XCLAIM intent execution b 0 0-1 IDLE x",
    "XCLAIM nowhere execution b 0 0-1",
    "XAUTOCLAIM intent execution b x 0",
    "XAUTOCLAIM intent execution b 0 0 COUNT 0",
    "XAUTOCLAIM intent execution b 0 bad",
    "XAUTOCLAIM intent execution b 0 0 FOO",
    "XACK intent execution bad",
    "XDEL intent bad",
];

pub fn step(maker: &mut Maker, pair: &mut Pair) {
    if maker.chance(4) {
        let words: Vec<String> = maker.pick(WRONG).split(' ').map(str::to_owned).collect();
        pair.run("wrong", &words);
        return;
    }
    let template = maker.pick(TEMPLATES);
    let words: Vec<String> = template
        .split(' ')
        .enumerate()
        .map(|(place, word)| if place == 0 { word.to_owned() } else { fill(maker, word) })
        .collect();
    pair.run(&words[0].clone(), &words);
}

fn fill(maker: &mut Maker, word: &str) -> String {
    match word {
        "{text}" | "{hash}" | "{list}" | "{set}" | "{sorted}" => {
            maker.key(word.trim_matches(['{', '}']))
        }
        "w" => maker.word(),
        "n" => maker.number(-20, 20),
        "i" => maker.number(-4, 6),
        "s" => maker.pick(&["1", "2", "2.5", "-1", "0.1", "1e20", "1769718915.123", "-0"]).into(),
        "e" => maker.pick(&["-inf", "+inf", "(1", "2", "2.5", "0", "(0.1"]).into(),
        "k" => {
            let keys = all_keys();
            keys[maker.below(keys.len() as u64) as usize].clone()
        }
        "t" => maker.number(3600, 90_000),
        "p" => maker.number(3_600_000, 90_000_000),
        literal => literal.to_owned(),
    }
}
