//! One suite, two worlds: what the bus in memory does, the bus on a real Redis server does.

// Helpers of tests outside of test functions, where a failed assumption may end it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../../engine/tests/bus_suite/mod.rs"]
mod bus_suite;
mod redis_support;

use bus_suite::ops::{Op, World, ops};
use bus_suite::{Stage, Time, cases};
use engine::{Bus, MemoryBus, Nanos, TapeBus, TapeRecorder};
use live::redis::RedisBus;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use redis_support::Server;

#[test]
fn a_real_server_does_what_every_bus_must() {
    let server = Server::without_file();
    cases::all(|| {
        server.run("FLUSHALL");
        Stage::new(RedisBus::connect(server.config()).unwrap(), Time::Real)
    });
}

#[test]
fn the_bus_in_memory_does_what_every_bus_must() {
    cases::all(|| Stage::new(MemoryBus::new(), Time::Virtual));
}

/// The same random operations on both, every answer compared; a tape of the server's answers gives them once
/// more without a server.
#[test]
fn both_answer_the_same() {
    let server = Server::without_file();
    let config = ProptestConfig {
        cases: 250,
        failure_persistence: None,
        max_shrink_iters: 3_000,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&ops(150), |ops: Vec<Op>| {
        let mut own = RedisBus::connect(server.config()).unwrap();
        own.execute(Nanos::ZERO, &[b"FLUSHALL"]);
        let mut real = World::new(TapeRecorder::new(own));
        let mut memory = World::new(MemoryBus::new());
        let mut answers = Vec::new();
        for op in &ops {
            let answer = real.apply(op);
            prop_assert_eq!(&answer, &memory.apply(op), "server and memory: {:?}", op);
            answers.push(answer);
        }
        let mut tape = Vec::new();
        real.bus.take_tape(&mut tape);
        let mut replay = World::new(TapeBus::of(tape));
        for (op, answer) in ops.iter().zip(&answers) {
            prop_assert_eq!(&replay.apply(op), answer, "tape: {:?}", op);
        }
        prop_assert_eq!(replay.bus.tape_left(), 0);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
