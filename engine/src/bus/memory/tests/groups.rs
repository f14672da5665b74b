use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::delivery::Claim;
use super::super::group::Group;
use super::super::stream::{Cut, NewId, Stream};
use super::{run, show};
use crate::{Body, Bus, Entry, EntryId, GroupStart, MemoryBus, Nanos, ReadFrom, Trim};

/// Where a consumer dies while it works on an entry.
const CRASHES: [&str; 3] = ["before the handler", "before the ack", "after the ack"];
const CONSUMERS: [&str; 2] = ["a", "b"];
const MINUTE: Nanos = Nanos::from_secs(60);

fn read(bus: &mut MemoryBus, now: Nanos, consumer: &str, from: ReadFrom) -> Vec<Entry> {
    let mut entries = Vec::new();
    bus.xreadgroup(now, "intent", "execution", consumer, from, 1, &mut entries).unwrap();
    entries
}

/// One of three entries: who reads it, where that consumer dies, and whether another one claims it.
#[derive(Clone, Copy, Debug)]
struct Fate {
    reader: usize,
    crash: usize,
    claimed: bool,
}

/// Handler runs per entry, after everything was recovered.
fn handled_after(fates: [Fate; 3]) -> BTreeMap<EntryId, u32> {
    let mut bus = MemoryBus::new();
    let start = Nanos::from_secs(1_000);
    bus.xgroup_create(start, "intent", "execution", GroupStart::Beginning).unwrap();
    let mut handled = BTreeMap::new();
    for _ in fates {
        let body = Body::fields(&[("symbol", "BTCUSDT")]);
        handled.insert(bus.xadd(start, "intent", body, Trim::Keep).unwrap(), 0);
    }
    for fate in fates {
        let entries = read(&mut bus, start, CONSUMERS[fate.reader], ReadFrom::New);
        let [entry] = &entries[..] else { panic!("one new entry each") };
        if fate.crash >= 1 {
            *handled.get_mut(&entry.id).unwrap() += 1;
        }
        if fate.crash == 2 {
            assert!(bus.xack(start, "intent", "execution", entry.id).unwrap());
        }
    }
    let lost: Vec<(EntryId, Fate)> =
        handled.keys().copied().zip(fates).filter(|(_, fate)| fate.crash < 2).collect();
    let rows = bus.xpending(start, "intent", "execution", Nanos::ZERO, 10).unwrap();
    assert_eq!(
        rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        lost.iter().map(|(id, _)| *id).collect::<Vec<_>>()
    );

    // Too early for a claim.
    let soon = start + MINUTE - Nanos(1);
    let mut early = Vec::new();
    bus.xautoclaim(soon, "intent", "execution", "b", MINUTE, EntryId::ZERO, 10, &mut early)
        .unwrap();
    assert!(early.is_empty());

    let late = start + MINUTE;
    for (id, fate) in lost {
        let mut again = Vec::new();
        if fate.claimed {
            let other = CONSUMERS[1 - fate.reader];
            bus.xautoclaim(late, "intent", "execution", other, MINUTE, id, 1, &mut again).unwrap();
        } else {
            let before = super::super::stream::before(id).unwrap();
            again = read(&mut bus, late, CONSUMERS[fate.reader], ReadFrom::Pending(before));
        }
        let [entry] = &again[..] else { panic!("{fate:?}: delivered again") };
        assert_eq!(entry.id, id);
        let rows = bus.xpending(late, "intent", "execution", Nanos::ZERO, 10).unwrap();
        let row = rows.iter().find(|row| row.id == id).unwrap();
        assert_eq!((row.deliveries, row.idle), (2, Nanos::ZERO));
        assert_eq!(row.consumer == CONSUMERS[fate.reader], !fate.claimed);
        *handled.get_mut(&id).unwrap() += 1;
        assert!(bus.xack(late, "intent", "execution", id).unwrap());
        assert!(!bus.xack(late, "intent", "execution", id).unwrap(), "an ack works once");
    }
    assert!(bus.xpending(late, "intent", "execution", Nanos::ZERO, 10).unwrap().is_empty());
    for consumer in CONSUMERS {
        assert!(read(&mut bus, late, consumer, ReadFrom::New).is_empty());
        assert!(read(&mut bus, late, consumer, ReadFrom::Pending(EntryId::ZERO)).is_empty());
    }
    handled
}

/// All 1,728 ways in which two consumers can die over three entries.
#[test]
fn every_entry_is_handled_whatever_dies() {
    let mut fates = Vec::new();
    for reader in 0..2 {
        for crash in 0..CRASHES.len() {
            fates.extend([false, true].map(|claimed| Fate { reader, crash, claimed }));
        }
    }
    for first in &fates {
        for second in &fates {
            for third in &fates {
                let all = [*first, *second, *third];
                let handled = handled_after(all);
                for (fate, times) in all.iter().zip(handled.values()) {
                    // Only a death between handler and ack repeats the work.
                    let expected = if CRASHES[fate.crash] == "before the ack" { 2 } else { 1 };
                    assert_eq!(*times, expected, "{all:?}");
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add,
    Read { consumer: usize, count: usize },
    ReadOwn { consumer: usize, count: usize },
    Ack { pick: usize },
    Delete { pick: usize },
    Trim { keep: u64, whole_nodes: bool },
    Claim { consumer: usize, pick: usize, force: bool },
    AutoClaim { consumer: usize, count: usize },
    RemoveConsumer { consumer: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (consumer, count, pick) = (0usize..3, 1usize..40, any::<usize>());
    prop_oneof![
        8 => Just(Step::Add),
        4 => (consumer.clone(), count.clone())
            .prop_map(|(consumer, count)| Step::Read { consumer, count }),
        2 => (consumer.clone(), count.clone())
            .prop_map(|(consumer, count)| Step::ReadOwn { consumer, count }),
        4 => pick.prop_map(|pick| Step::Ack { pick }),
        2 => pick.prop_map(|pick| Step::Delete { pick }),
        1 => (0u64..150, any::<bool>())
            .prop_map(|(keep, whole_nodes)| Step::Trim { keep, whole_nodes }),
        2 => (consumer.clone(), pick, any::<bool>())
            .prop_map(|(consumer, pick, force)| Step::Claim { consumer, pick, force }),
        1 => (consumer.clone(), count).prop_map(|(consumer, count)| Step::AutoClaim { consumer, count }),
        1 => consumer.prop_map(|consumer| Step::RemoveConsumer { consumer }),
    ]
}

proptest! {
    /// Every entry is undelivered, pending with exactly one consumer, or done; whatever happens.
    #[test]
    fn each_entry_has_one_standing(steps in prop::collection::vec(step(), 1..400)) {
        let names: [&[u8]; 3] = [b"a", b"b", b"c"];
        let mut stream = Stream::default();
        stream.groups.push(Group::new(b"execution", EntryId::ZERO, None));
        let (mut all, mut owed) = (Vec::new(), BTreeSet::new());
        for (tick, step) in steps.into_iter().enumerate() {
            let now = Nanos::from_millis(tick as i64 / 3);
            let chosen = |pick: usize| all.get(pick % all.len().max(1)).copied();
            let mut out = Vec::new();
            match step {
                Step::Add => {
                    let body = Body::fields(&[("n", "1")]);
                    all.push(stream.append(now, NewId::Auto, body).unwrap());
                }
                Step::Read { consumer, count } => {
                    stream.read_new(now, 0, names[consumer], count, true, &mut out);
                    for entry in &out {
                        prop_assert!(entry.body.is_some());
                        owed.insert(entry.id);
                    }
                }
                Step::ReadOwn { consumer, count } => {
                    stream.read_pending(now, 0, names[consumer], EntryId::ZERO, count, &mut out);
                    prop_assert!(out.iter().all(|entry| owed.contains(&entry.id)));
                }
                Step::Ack { pick } => {
                    if let Some(id) = chosen(pick) {
                        prop_assert_eq!(stream.groups[0].acknowledge(id), owed.remove(&id));
                    }
                }
                Step::Delete { pick } => {
                    if let Some(id) = chosen(pick) {
                        stream.delete(id);
                        prop_assert!(stream.find(id).is_none());
                    }
                }
                Step::Trim { keep, whole_nodes } => {
                    let before = stream.len();
                    let removed = stream.trim(Cut { keep, whole_nodes, limit: 0 });
                    prop_assert_eq!(before - removed, stream.len());
                    prop_assert!(whole_nodes || stream.len() <= keep);
                    prop_assert!(stream.len() >= keep.min(before));
                }
                Step::Claim { consumer, pick, force } => {
                    let Some(id) = chosen(pick) else { continue };
                    let claim = Claim {
                        min_idle: Nanos::ZERO, delivered: now, deliveries: None, just_id: false, force,
                    };
                    stream.claim(now, 0, names[consumer], &[id], claim, &mut out);
                    if stream.find(id).is_none() {
                        owed.remove(&id);
                    } else if force {
                        owed.insert(id);
                    }
                    prop_assert_eq!(out.len() == 1, owed.contains(&id));
                }
                Step::AutoClaim { consumer, count } => {
                    let claim = Claim {
                        min_idle: Nanos::ZERO, delivered: now, deliveries: None, just_id: true, force: false,
                    };
                    let (start, mut gone) = (EntryId::ZERO, Vec::new());
                    stream.auto_claim(now, 0, names[consumer], start, count, claim, &mut out, &mut gone);
                    prop_assert!(out.iter().all(|entry| owed.contains(&entry.id)));
                    prop_assert!(gone.iter().all(|id| owed.remove(id)));
                }
                Step::RemoveConsumer { consumer } => {
                    let index = stream.groups[0].consumer(names[consumer]);
                    let rows = stream.groups[0].pending.iter();
                    let had: Vec<EntryId> =
                        rows.filter(|row| Some(row.consumer) == index).map(|row| row.id).collect();
                    prop_assert_eq!(stream.groups[0].remove_consumer(names[consumer]), had.len() as u64);
                    had.iter().for_each(|id| { owed.remove(id); });
                }
            }
            stream.assert_sound();
            let pending: BTreeSet<EntryId> = stream.groups[0].pending.iter().map(|row| row.id).collect();
            prop_assert_eq!(&pending, &owed);
        }
    }
}

/// The reference system reported a lag of 1.5 million with nothing pending: most of it was trimmed away.
#[test]
fn lag_counts_what_trimming_removed() {
    let mut bus = MemoryBus::new();
    let now = Nanos::from_secs(1);
    run(&mut bus, now, "XGROUP CREATE intent execution 0 MKSTREAM");
    for _ in 0..250 {
        run(&mut bus, now, "XADD intent MAXLEN ~ 100 * a b");
    }
    // Two whole nodes would leave 50, so one of them stays.
    assert_eq!(show(&run(&mut bus, now, "XLEN intent")), "150");
    let groups = bus.xinfo_groups(now, "intent").unwrap();
    assert_eq!((groups[0].lag, groups[0].pending), (Some(150), 0));
    run(&mut bus, now, "XREADGROUP GROUP execution a COUNT 1 STREAMS intent >");
    let groups = bus.xinfo_groups(now, "intent").unwrap();
    assert_eq!((groups[0].entries_read, groups[0].lag), (Some(101), Some(149)));
}
