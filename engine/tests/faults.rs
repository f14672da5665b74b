//! Faults: each shows its effect, and a run with it repeats.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod support;

use std::sync::{Arc, Mutex};

use engine::*;
use support::faults::*;
use support::*;

const CALM: &str = "1@10 2@20 3@30 4@40 5@50";

fn calm_until(at: i64, action: Action, until_ms: i64) -> World {
    run(|| chain(5), Vec::new(), &[(at, action)], until_ms)
}

#[test]
fn a_command_is_executed_and_its_entry_reaches_the_readers() {
    let actions = [
        (5, command("SET flag 1 EX 900")),
        (12, command("XADD quantum:stream:numbers * value 77")),
        (14, command("HSET flag a b")),
        (15, command("NONSENSE")),
    ];
    let mut world = run(|| chain(2), Vec::new(), &actions, 100);
    assert_eq!(seen(&mut world, ""), "1@10 77@12 2@20");
    assert_eq!(seen(&mut world, "tail "), "1@10 77@12 2@20");
    assert_eq!(world.bus_mut().ttl(ms(100), "flag"), Ttl::Left(ms(899_905)));
    assert_eq!(world.counts().published, 3);
}

/// Keeps the texts of what the timeline did, and what became of keys and streams.
#[derive(Default)]
struct Texts(Arc<Mutex<Vec<String>>>);

impl Watch for Texts {
    fn seen(&mut self, _: Nanos, _: u64, seen: Seen<'_>) -> bool {
        let text = match seen {
            Seen::Action(text) => text.to_owned(),
            Seen::Key(key, KeyWrite::Deleted, _) => format!("deleted {key}"),
            Seen::Key(key, KeyWrite::Text(value), life) => {
                format!("{key} = {} for {life:?}", String::from_utf8_lossy(value))
            }
            Seen::Publish(stream, id, _) => format!("published {stream} {id}"),
            _ => return false,
        };
        self.0.lock().expect("one thread").push(text);
        false
    }
}

#[test]
fn the_journal_tells_what_a_command_did() {
    let actions = [
        (5, command("SET flag 1 PX 900")),
        (6, command("LPUSH flag x")),
        (7, command("XADD notes * a b")),
        (8, command("FLUSHALL")),
    ];
    let texts = Texts::default();
    let heard = Arc::clone(&texts.0);
    let mut world = world(Vec::new(), Vec::new(), &actions, Box::new(DigestOnly));
    world.watch(Box::new(texts));
    world.run_until(ms(100)).expect("a run");
    let heard = heard.lock().expect("one thread").clone();
    assert_eq!(
        heard,
        [
            "command SET flag 1 PX 900: OK",
            "flag = 1 for Some(Nanos(900000000))",
            "command LPUSH flag x: error: WRONGTYPE Operation against a key holding the wrong kind of value",
            "command XADD notes * a b: 7-0",
            "published notes 7-0",
            "command FLUSHALL: OK",
            "deleted flag",
            "deleted notes",
        ]
    );
}

#[test]
fn readers_make_their_groups_again_after_redis_lost_its_memory() {
    let mut world = calm_until(25, command("FLUSHALL"), 100);
    assert_eq!(hits(&world, TAKER, "groups_recreated"), 1);
    // The list of notes is gone too.
    assert_eq!(seen(&mut world, ""), "3@30 4@40 5@50");
    assert_eq!(seen(&mut world, "tail "), "3@30 4@40 5@50");
    let groups = world.bus_mut().xinfo_groups(ms(100), NUMBERS).expect("a stream");
    assert_eq!((groups.len(), groups[0].pending, groups[0].lag), (1, 0, Some(0)));
}

#[test]
fn a_group_made_anew_at_the_end_skips_and_one_at_the_beginning_repeats() {
    for (start, expected) in [("$", CALM), ("0", "1@10 2@20 1@25 2@25 3@30 4@40 5@50")] {
        let actions = [
            (25, command("XGROUP DESTROY quantum:stream:numbers takers")),
            (25, command(&format!("XGROUP CREATE quantum:stream:numbers takers {start}"))),
        ];
        let mut world = run(|| chain(5), Vec::new(), &actions, 100);
        assert_eq!(seen(&mut world, ""), expected, "at {start}");
        assert_eq!(hits(&world, TAKER, "groups_recreated"), 0);
    }
    let mut world = calm_until(25, command("XGROUP SETID quantum:stream:numbers takers 0"), 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 1@25 2@25 3@30 4@40 5@50");
}

#[test]
fn a_lost_bus_fails_writers_and_readers_go_on_after_it() {
    let mut world = calm_until(15, Action::LoseBus { until: ms(35) }, 100);
    assert_eq!(world.counters(WRITER).unwrap()["not_published"], 2);
    assert_eq!(hits(&world, WRITER, "bus_operations_failed"), 2);
    assert_eq!(seen(&mut world, ""), "1@10 4@40 5@50");
    // Somebody else still wrote.
    let actions = [
        (15, Action::LoseBus { until: ms(35) }),
        (25, command("XADD quantum:stream:numbers * value 77")),
    ];
    let mut world = run(|| chain(5), Vec::new(), &actions, 100);
    assert_eq!(seen(&mut world, ""), "1@10 77@35 4@40 5@50");
    assert_eq!(seen(&mut world, "tail "), "1@10 77@35 4@40 5@50");
}

#[test]
fn a_service_that_starts_while_the_bus_is_lost_connects_after_it() {
    let actions = [
        (12, Action::Crash(TAKER)),
        (12, Action::Crash(TAIL)),
        (15, Action::LoseBus { until: ms(35) }),
        (16, command("XADD quantum:stream:numbers * value 77")),
        (18, Action::Restart(TAKER)),
        (18, Action::Restart(TAIL)),
    ];
    let mut world = run(|| chain(5), Vec::new(), &actions, 100);
    assert_eq!(seen(&mut world, ""), "1@10 77@35 4@40 5@50");
    // Its end of the stream is that of the moment when it could ask.
    assert_eq!(seen(&mut world, "tail "), "1@10 4@40 5@50");
}

#[test]
fn a_partition_cuts_some_from_bus_and_calls() {
    let cut = |services: &[ServiceId]| Action::Partition {
        services: services.to_vec(),
        exchange: false,
        until: ms(35),
    };
    let mut world = calm_until(15, cut(&[TAKER]), 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@35 3@35 4@40 5@50");
    assert_eq!(seen(&mut world, "tail "), CALM);

    let pair = || vec![member("asker", Asker), member("answerer", Answerer)];
    let mut world = run(pair, Vec::new(), &[(15, cut(&[ServiceId(1)]))], 49);
    assert_eq!(seen(&mut world, ""), "answer@12 time-out@25 time-out@35 answer@42");
    assert_eq!(hits(&world, ServiceId(0), "calls_lost"), 2);
    // Both on one side: they reach each other, and only the notes of the bus are missing.
    let world = run(pair, Vec::new(), &[(15, cut(&[ServiceId(0), ServiceId(1)]))], 49);
    assert_eq!(world.counters(ServiceId(1)).unwrap()["answered"], 4);
    assert_eq!(hits(&world, ServiceId(0), "calls_lost"), 0);
}

#[test]
fn who_is_cut_from_the_exchange_learns_nothing() {
    let cut = Action::Partition { services: vec![ServiceId(0)], exchange: true, until: ms(35) };
    let members = || vec![member("trader", Trader), member("watcher", Watcher)];
    let mut world = run(members, trades(), &[(11, cut)], 10_040);
    let notes = seen(&mut world, "");
    // The first had been sent: executed, and nobody knows. The next two never left.
    for part in ["unknown@10012 ", "unknown@10020 ", "unknown@10030 "] {
        assert!(notes.contains(part), "{part}");
    }
    assert!(!notes.contains("done@12 ") && notes.contains("done@42 "), "{}", &notes[..60]);
    assert_eq!(hits(&world, ServiceId(0), "exchange_events_lost"), 1);
    assert_eq!(world.exchange().requests, 1_004 - 2);
    assert_eq!(world.exchange().observed, 10);
}

#[test]
fn a_service_that_hangs_catches_up() {
    let mut world = calm_until(15, Action::Hang { service: TAKER, until: ms(45) }, 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@45 3@45 4@45 5@50");
    assert_eq!(seen(&mut world, "tail "), CALM);
    // Also what it was thinking about, its timers, its market events and its time-outs.
    let thinking = || {
        let mut members = chain(5);
        members[1].thinking.message = ms(7);
        members.push(member("asker", Asker));
        members.push(member("answerer", Answerer));
        members.push(member("watcher", Watcher));
        members[5].thinking.market = ms(7);
        members
    };
    let hang = |service| (15, Action::Hang { service, until: ms(45) });
    let actions = [hang(TAKER), hang(ServiceId(3)), hang(ServiceId(5))];
    let mut world = run(thinking, trades(), &actions, 60);
    let notes = seen(&mut world, "");
    let of_taker: Vec<&str> = notes.split(' ').filter(|note| note.contains('@')).collect();
    let between = of_taker.iter().filter(|note| {
        let at: i64 = note.split('@').nth(1).expect("a time").parse().expect("a number");
        (15..45).contains(&at)
    });
    assert_eq!(between.count(), 0, "{notes}");
    assert!(notes.contains("answer@12") && notes.contains("answer@47"), "{notes}");
    assert!(world.life(TAKER).unwrap().alive);
}

#[test]
fn a_restart_ends_a_hang() {
    let actions = [
        (15, Action::Hang { service: TAKER, until: ms(9_000) }),
        (25, Action::Crash(TAKER)),
        (25, Action::Restart(TAKER)),
    ];
    let mut world = run(|| chain(5), Vec::new(), &actions, 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@25 3@30 4@40 5@50");
}

#[test]
fn a_slow_service_falls_behind_and_recovers() {
    let slow = Action::Slow { service: TAKER, factor: 3.0, more: ms(12), until: ms(60) };
    let members = || {
        let mut members = chain(8);
        members[1].thinking.message = ms(1);
        members
    };
    let mut world = run(members, Vec::new(), &[(15, slow)], 200);
    assert_eq!(seen(&mut world, ""), "1@11 2@35 3@50 4@65 5@66 6@67 7@71 8@81");
}

#[test]
fn a_supervisor_starts_again_until_its_limit() {
    let rules = Supervision::default();
    let supervise = (0, Action::Supervise { service: TAKER, rules });
    let mut world =
        run(|| chain(5), Vec::new(), &[supervise.clone(), (25, Action::Crash(TAKER))], 300);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 3@125 4@125 5@125");
    let life = world.life(TAKER).unwrap();
    assert_eq!((life.alive, life.failed, life.starts, life.crashes), (true, false, 2, 1));

    // Five starts within ten seconds, the first among them.
    let dies = Dies::After(ms(50));
    let crash_loop = (0, Action::CrashLoop { service: TAKER, dies, rules, until: ms(20_000) });
    let world = run(|| chain(5), Vec::new(), std::slice::from_ref(&crash_loop), 60_000);
    let life = world.life(TAKER).unwrap();
    assert_eq!((life.alive, life.failed, life.starts, life.crashes), (false, true, 5, 5));
    assert_eq!(hits(&world, TAKER, "failed_for_good"), 1);
    assert_eq!(hits(&world, TAKER, "supervised_starts"), 4);

    // By hand it starts again, once the loop is over.
    let world =
        run(|| chain(5), Vec::new(), &[crash_loop, (30_000, Action::Restart(TAKER))], 60_000);
    let life = world.life(TAKER).unwrap();
    assert_eq!((life.alive, life.failed, life.starts), (true, false, 6));

    // With starts further apart than that there is no limit.
    let rules = Supervision { restart_after: ms(3_000), ..rules };
    let dies = Dies::After(ms(50));
    let slow_loop = (0, Action::CrashLoop { service: TAKER, dies, rules, until: ms(50_000) });
    let world = run(|| chain(5), Vec::new(), &[slow_loop], 60_000);
    let life = world.life(TAKER).unwrap();
    assert!(life.alive && !life.failed && life.starts > 15, "{life:?}");
}

#[test]
fn a_poisonous_message_kills_at_each_start() {
    let dies = Dies::AtMessage(NUMBERS.to_owned());
    let rules = Supervision { restart_after: ms(10), ..Supervision::default() };
    let until = ms(45);
    let mut world = calm_until(15, Action::CrashLoop { service: TAKER, dies, rules, until }, 200);
    // Dead at 20, 30 and 40; at 50 the loop is over, and what it left pending comes first.
    assert_eq!(seen(&mut world, ""), "1@10 2@50 3@50 4@50 5@50");
    let life = world.life(TAKER).unwrap();
    assert_eq!((life.starts, life.crashes), (4, 3));
}

#[test]
fn a_service_is_replaced_at_its_next_start() {
    let other = |other_stream| {
        let taker = Taker { group: true, mark: "new ".into(), other_stream };
        Action::Replace { service: TAKER, by: Box::new(member("taker", taker)) }
    };
    let actions = |other_stream| {
        [
            (15, other(other_stream)),
            (25, Action::Crash(TAKER)),
            (25, Action::Restart(TAKER)),
            (27, command("XADD quantum:stream:others * value 77")),
            (36, Action::Crash(TAKER)),
            (37, Action::Restart(TAKER)),
        ]
    };
    let mut world = run(|| chain(5), Vec::new(), &actions(false), 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 new 3@30 new 4@40 new 5@50");
    let mut world = run(|| chain(5), Vec::new(), &actions(true), 100_000);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 new 77@27");
    assert_eq!(seen(&mut world, "tail "), CALM);
}

#[test]
fn dropped_deliveries_come_back_to_a_group_and_are_lost_without_one() {
    let mut world = calm_until(15, link(OnLink::Drop, always(), 35), 200_000);
    assert_eq!(seen(&mut world, ""), "1@10 4@40 5@50 2@120000 3@120000");
    assert_eq!(hits(&world, TAKER, "deliveries_dropped"), 2);
    let drop = link_to(TAIL, OnLink::Drop, always(), 35);
    let mut world = calm_until(15, drop, 200_000);
    assert_eq!(seen(&mut world, "tail "), "1@10 4@40 5@50");
    assert_eq!(hits(&world, TAIL, "deliveries_lost"), 2);
    // A share of them.
    let drop = link_to(TAIL, OnLink::Drop, share(0.3), 9_000);
    let world = run(|| chain(500), Vec::new(), &[(0, drop)], 9_000);
    let lost = hits(&world, TAIL, "deliveries_lost");
    assert!((100..200).contains(&lost), "{lost} of 500");
}

#[test]
fn delayed_deliveries_keep_their_order() {
    let mut world = calm_until(15, link(OnLink::Delay(ms(14)), always(), 25), 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@34 3@34 4@40 5@50");
    assert_eq!(hits(&world, TAKER, "deliveries_delayed"), 1);
}

#[test]
fn duplicated_deliveries_come_twice() {
    let mut world = calm_until(15, link(OnLink::Duplicate, always(), 35), 100);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 2@20 3@30 3@30 4@40 5@50");
    assert_eq!(world.counts().acknowledged, 5);
}

#[test]
fn a_delivery_is_overtaken_by_the_next() {
    let mut world = calm_until(15, link(OnLink::Reorder(ms(500)), always(), 45), 100);
    // 2 waits for 3; 4 waits and 5 overtakes it.
    assert_eq!(seen(&mut world, ""), "1@10 3@30 2@30 5@50 4@50");
    // Nothing comes after the last one.
    let mut world = calm_until(45, link(OnLink::Reorder(ms(500)), always(), 55), 1_000);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 3@30 4@40 5@550");
    assert_eq!(hits(&world, TAKER, "deliveries_reordered"), 1);
}

#[test]
fn what_arrives_damaged_goes_to_the_dead_letters() {
    for how in [Corruption::Truncate, Corruption::Flip, Corruption::Remove] {
        let mut world = calm_until(15, link(OnLink::Corrupt(how), always(), 35), 100);
        assert_eq!(seen(&mut world, ""), "1@10 4@40 5@50", "{how:?}");
        assert_eq!(seen(&mut world, "tail "), CALM, "the entry itself is whole");
        assert_eq!(hits(&world, TAKER, "deliveries_corrupted"), 2);
        assert_eq!(world.bus_mut().xlen(ms(100), "quantum:dlq:numbers"), Ok(2));
    }
}

#[test]
fn calls_are_lost_on_either_way_or_late() {
    let pair = || vec![member("asker", Asker), member("answerer", Answerer)];
    let calls = |leg, what| {
        let (from, to) = (Some(ServiceId(0)), None);
        let fault = CallFault { from, to, leg, what, chance: always() };
        [(15, Action::Calls { fault, until: ms(35) })]
    };
    for (leg, answered) in [(Leg::Request, 2), (Leg::Answer, 4)] {
        let mut world = run(pair, Vec::new(), &calls(leg, OnCall::Drop), 49);
        assert_eq!(seen(&mut world, ""), "answer@12 time-out@25 time-out@35 answer@42");
        assert_eq!(world.counters(ServiceId(1)).unwrap()["answered"], answered, "{leg:?}");
        assert_eq!(hits(&world, ServiceId(0), "calls_lost"), 2);
    }
    let mut world = run(pair, Vec::new(), &calls(Leg::Request, OnCall::Delay(ms(1))), 49);
    assert_eq!(seen(&mut world, ""), "answer@12 answer@23 answer@33 answer@42");
    assert_eq!(hits(&world, ServiceId(0), "calls_delayed"), 2);
}

#[test]
fn a_skewed_clock_shows_another_time_and_timers_stay_true() {
    for ahead in [1_000, -4] {
        let skew = |service| Action::SkewClock { service, ahead: ms(ahead), until: ms(35) };
        let actions = [(15, skew(TAKER)), (15, skew(WRITER))];
        let mut world = run(|| chain(5), Vec::new(), &actions, 100);
        let expected = format!("1@10 2@{} 3@{} 4@40 5@50", 20 + ahead, 30 + ahead);
        assert_eq!(seen(&mut world, ""), expected);
        assert_eq!(seen(&mut world, "tail "), CALM, "whoever is not skewed");
        let clocks = &world.exchange().clocks;
        assert!(clocks.contains(&(TAKER, ms(ahead))), "the exchange knows the clock");
        assert_eq!(clocks.last(), Some(&(TAIL, Nanos::ZERO)));
    }
}

#[test]
fn market_data_is_withheld_frozen_or_gapped_from_services_only() {
    let watcher = || vec![member("watcher", Watcher)];
    let market = |what| {
        let fault = MarketFault::new(vec![SymbolIndex(0)], what);
        [(35, Action::Market { fault, until: ms(75) })]
    };
    let mut world = run(watcher, trades(), &market(OnMarket::Stale), 200);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 3@30 8@80 9@90 10@100");
    assert_eq!(hits(&world, ServiceId(0), "market_withheld"), 4);
    assert_eq!(world.exchange().observed, 10);
    let mut world = run(watcher, trades(), &market(OnMarket::Frozen), 200);
    assert_eq!(seen(&mut world, ""), "1@10 2@20 3@30 4@40 4@50 4@60 4@70 8@80 9@90 10@100");
    let many = (1..=1_000).map(|n| trade(n, n)).collect::<Vec<_>>();
    let fault = MarketFault::new(Vec::new(), OnMarket::Gapped(Box::new(share(0.25))));
    let gapped = Action::Market { fault, until: Nanos::NEVER };
    let world = run(watcher, many.clone(), &[(0, gapped)], 2_000);
    let withheld = hits(&world, ServiceId(0), "market_withheld");
    assert!((200..300).contains(&withheld), "{withheld} of 1000");
    // Another symbol's data is untouched.
    let fault = MarketFault::new(vec![SymbolIndex(1)], OnMarket::Stale);
    let world = run(watcher, many, &[(0, Action::Market { fault, until: Nanos::NEVER })], 2_000);
    assert_eq!(hits(&world, ServiceId(0), "market_withheld"), 0);
}

/// All at once, recorded and run again from the same actions.
#[test]
fn a_journal_with_faults_replays() {
    let actions = [
        (15, link(OnLink::Duplicate, share(0.5), 300)),
        (16, link_to(TAIL, OnLink::Drop, share(0.5), 300)),
        (17, link(OnLink::Reorder(ms(15)), share(0.2), 300)),
        (18, link(OnLink::Delay(ms(3)), share(0.2), 300)),
        (60, Action::LoseBus { until: ms(95) }),
        (100, Action::Hang { service: TAKER, until: ms(140) }),
        (120, command("FLUSHALL")),
        (150, Action::SkewClock { service: TAKER, ahead: ms(-30), until: ms(200) }),
        (
            210,
            Action::CrashLoop {
                service: TAKER,
                dies: Dies::AtMessage(NUMBERS.into()),
                rules: Supervision { restart_after: ms(7), ..Supervision::default() },
                until: ms(230),
            },
        ),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.journal");
    let names = ["writer", "taker", "tail"].map(str::to_owned);
    let header = serde_json::json!({ "services": names });
    let run_with = |sink: Box<dyn JournalSink>| {
        let mut world = world(chain(60), trades(), &actions, sink);
        world.run_until(ms(1_000)).map_err(|e| e.to_string())?;
        world.finish().map_err(|e| e.to_string())
    };
    let sink = FileSink::create(&path, &header).expect("a file");
    let recorded = run_with(Box::new(sink)).expect("a run");
    let file = JournalFile::open(&path).expect("a journal");
    let compare = Compare::new(file, names.to_vec()).expect("a comparison");
    assert_eq!(run_with(Box::new(compare)).expect("the same run"), recorded);
}
