//! The suite on the bus in memory, and what a tape of it answers.

// Helpers of tests outside of test functions, where a failed assumption may end it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "bus_suite/mod.rs"]
mod bus_suite;

use bus_suite::ops::{World, ops};
use bus_suite::{Stage, Time, cases};
use engine::{Body, Bus, MemoryBus, Nanos, Resp, SetOptions, TapeBus, TapeRecorder, Trim, Ttl};
use proptest::prelude::*;

#[test]
fn the_bus_in_memory_does_what_every_bus_must() {
    cases::all(|| Stage::new(MemoryBus::new(), Time::Virtual));
    cases::all(|| Stage::new(TapeRecorder::new(MemoryBus::new()), Time::Virtual));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was asked: the tape answers the same, taken off in pieces of any size.
    #[test]
    fn a_tape_answers_as_the_bus_did(ops in ops(120), take_every in 1usize..40) {
        let mut plain = World::new(MemoryBus::new());
        let mut recorded = World::new(TapeRecorder::new(MemoryBus::new()));
        let mut pieces = Vec::new();
        let mut answers = Vec::new();
        for (n, op) in ops.iter().enumerate() {
            let answer = recorded.apply(op);
            prop_assert_eq!(&answer, &plain.apply(op), "recording changes nothing");
            answers.push(answer);
            if n % take_every == 0 {
                let mut piece = Vec::new();
                recorded.bus.take_tape(&mut piece);
                pieces.push((n + 1, piece));
            }
        }
        let mut piece = Vec::new();
        recorded.bus.take_tape(&mut piece);
        pieces.push((ops.len(), piece));
        let mut player = World::new(TapeBus::new());
        let mut at = 0;
        for (up_to, piece) in pieces {
            player.bus.feed_tape(&piece);
            for n in at..up_to {
                prop_assert_eq!(&player.apply(&ops[n]), &answers[n], "{:?}", ops[n]);
            }
            at = up_to;
            prop_assert_eq!(player.bus.tape_left(), 0);
        }
        prop_assert_eq!(player.bus.trouble(), None);
    }

    /// A damaged tape is an answer to nothing, and no panic.
    #[test]
    fn a_damaged_tape_is_an_error(ops in ops(60), at in any::<prop::sample::Index>(), with in 1u8..) {
        let mut recorded = World::new(TapeRecorder::new(MemoryBus::new()));
        ops.iter().for_each(|op| {
            recorded.apply(op);
        });
        let mut tape = Vec::new();
        recorded.bus.take_tape(&mut tape);
        let at = at.index(tape.len());
        tape[at] ^= with;
        for tape in [tape.clone(), tape[..at].to_vec()] {
            let mut player = World::new(TapeBus::of(tape));
            ops.iter().for_each(|op| {
                player.apply(op);
            });
        }
    }
}

#[test]
fn a_replay_that_asks_for_something_else_is_told_so() {
    let (now, plain) = (Nanos::from_secs(1), SetOptions::default());
    let mut bus = TapeRecorder::new(MemoryBus::new());
    bus.set(now, "permit:1", b"x", plain).unwrap();
    assert!(bus.exists(now, "permit:1"));
    bus.xadd(now, "intent", Body::fields(&[("a", "b")]), Trim::Keep).unwrap();
    let mut tape = Vec::new();
    bus.take_tape(&mut tape);

    let mut replay = TapeBus::of(tape.clone());
    assert!(replay.set(now, "permit:1", b"x", plain).unwrap());
    // Another operation on the same key.
    assert_eq!(replay.ttl(now, "permit:1"), Ttl::Absent);
    let told = "operation 2 on the bus: the replay asked for PTTL \"permit:1\", the tape has EXISTS \"permit:1\"";
    assert_eq!(replay.trouble(), Some(told));
    // It stays so, also for what would fit again.
    let after = replay.xadd(now, "intent", Body::fields(&[("a", "b")]), Trim::Keep);
    assert_eq!(after.unwrap_err().to_string(), told);
    assert_eq!(replay.execute(now, &[b"PING"]), Resp::Error(told.into()));

    // The same operation on another key, and one operation too many.
    let mut replay = TapeBus::of(tape.clone());
    let told = "operation 1 on the bus: the replay asked for SET \"permit:2\", the tape has SET \"permit:1\"";
    assert_eq!(replay.set(now, "permit:2", b"x", plain).unwrap_err().to_string(), told);
    let mut replay = TapeBus::of(tape);
    assert!(replay.set(now, "permit:1", b"x", plain).unwrap());
    assert!(replay.exists(now, "permit:1"));
    assert!(replay.tape_left() > 0);
    replay.xadd(now, "intent", Body::fields(&[("a", "b")]), Trim::Keep).unwrap();
    assert_eq!(replay.tape_left(), 0);
    let told = "operation 4 on the bus: the replay asked for XLEN \"intent\", the tape has come to its end";
    assert_eq!(replay.xlen(now, "intent").unwrap_err().to_string(), told);
}

/// More names than both sides remember.
#[test]
fn names_are_forgotten_alike() {
    let now = Nanos::from_secs(1);
    let mut bus = TapeRecorder::new(MemoryBus::new());
    let keys: Vec<String> = (0..10_000).map(|n| format!("permit:{}", n % 6_000)).collect();
    let mut tape = Vec::new();
    let before: Vec<i64> = keys.iter().map(|key| bus.incr_by(now, key, 1).unwrap()).collect();
    bus.take_tape(&mut tape);
    let mut replay = TapeBus::of(tape);
    let after: Vec<i64> = keys.iter().map(|key| replay.incr_by(now, key, 1).unwrap()).collect();
    assert_eq!(after, before);
}
