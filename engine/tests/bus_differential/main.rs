//! [`engine::MemoryBus`] against a real Redis server: the same random commands to both, every reply
//! compared, errors and times included.
//!
//! Invariant: no reply is compared with a tolerance. The server's clock is read inside the transaction
//! of each command, and the memory gets that time.

// Helpers of a test outside of test functions, where a failed assumption may end it.
#![allow(clippy::expect_used, clippy::panic)]

mod commands;
mod data;
mod pair;
mod server;

use std::time::Duration;

use commands::Maker;
use engine::Resp;
use pair::Pair;
use server::Server;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;
const STEPS_PER_SEED: u64 = 33_000;
const TELLING_MIN: u64 = 200;

#[test]
fn random_commands_have_the_same_replies() {
    let mut pair = Pair::new(Server::start());
    println!("redis-server {}", pair.server.version());
    #[allow(clippy::disallowed_methods)] // To repeat one seed by hand.
    let only: Option<u64> =
        std::env::var("QSIM_SEED").ok().map(|seed| seed.parse().expect("a seed"));
    let seeds: Vec<u64> = only.map_or_else(|| SEEDS.collect(), |seed| vec![seed]);
    for &seed in &seeds {
        let before = pair.ops;
        pair.begin(seed);
        let mut maker = Maker::new(seed);
        for _ in 0..STEPS_PER_SEED {
            maker.step(&mut pair);
        }
        // Short lives: what depends on an empty server is seen here, and FLUSHALL on a full one.
        for _ in 0..40 {
            pair.begin(seed);
            for _ in 0..25 {
                maker.step(&mut pair);
            }
        }
        println!("seed {seed}: {} operations", pair.ops - before);
    }
    println!(
        "{} operations, the clock ticked during {} and keys were dropped after {}",
        pair.ops, pair.ticks, pair.dropped
    );
    println!("{:<24}{:>8}{:>10}", "command", "calls", "telling");
    for (kind, count) in &pair.counts {
        println!("{kind:<24}{:>8}{:>10}", count.calls, count.telling);
    }
    if only.is_some() {
        return;
    }
    assert!(pair.ops >= 10_000);
    for (kind, count) in &pair.counts {
        if kind != "wrong" {
            assert!(count.telling >= TELLING_MIN, "{kind} told something {} times", count.telling);
        }
    }
}

#[test]
fn keys_expire_alike() {
    let mut pair = Pair::new(Server::start());
    let run = |pair: &mut Pair, line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        pair.run(&words[0].clone(), &words)
    };
    pair.begin(0);
    for line in [
        "SET text:0 a PX 400",
        "SETEX text:1 1 b",
        "SET text:2 c",
        "EXPIRE text:2 1",
        "HSET hash:0 a b",
        "PEXPIRE hash:0 400",
        "XADD intent * a b",
        "XGROUP CREATE intent execution 0",
        "PEXPIRE intent 400",
        "RPUSH list:0 a",
        "PEXPIRE list:0 400",
        "PERSIST list:0",
        "SET text:3 d PX 400",
        "SET text:3 d KEEPTTL",
        "EXISTS text:0 text:1 text:2 hash:0 intent list:0 text:3",
        "SCAN 0 COUNT 1000",
        "EXPIRE list:0 0",
        "EXISTS list:0",
        "SADD set:0 a",
        "PEXPIREAT set:0 5",
        "TYPE set:0",
        "ZADD sorted:0 1 a",
        "EXPIREAT sorted:0 9000000000",
        "PTTL sorted:0",
    ] {
        run(&mut pair, line);
    }
    server::pause(Duration::from_millis(600));
    for line in [
        "GET text:0",
        "TTL text:0",
        "SET text:0 again XX",
        "SET text:0 again NX",
        "PTTL text:0",
        "GET text:1",
        "EXISTS text:0 text:1 text:2 hash:0 intent list:0 text:3",
        "SCAN 0 COUNT 1000",
        "HGETALL hash:0",
        "HSET hash:0 c d",
        "TTL hash:0",
        "XLEN intent",
        "XREADGROUP GROUP execution b STREAMS intent >",
        "XADD intent * a b",
        "XINFO GROUPS intent",
    ] {
        run(&mut pair, line);
    }
    server::pause(Duration::from_millis(900));
    assert_eq!(run(&mut pair, "EXISTS text:1 text:2 text:3"), Resp::Int(0));
    assert_eq!(run(&mut pair, "EXISTS text:0 hash:0 intent sorted:0"), Resp::Int(4));
}
