//! `qsim live` with its bus on a real Redis server: alone, over several processes, through deaths and losses; and with
//! an embedded bus that is copied to one.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "live_redis/losses.rs"]
mod losses;
#[path = "live_redis/mirror.rs"]
mod mirror;
#[path = "../live/tests/redis_support/mod.rs"]
mod redis_support;
#[path = "live_redis/refusals.rs"]
mod refusals;
#[path = "live_redis/sessions.rs"]
mod sessions;
mod support;

use std::path::Path;

use engine::{JournalEntry, OrderType};
use redis_support::{Server, eventually};
use sessions::{
    LENGTH, Running, decided, filled, position, replays, scenario, sent, serve, simulated,
};
use support::Folder;
use support::pace::steadily;
use support::served::{SECRET, Served, entries};

/// The pipeline in three processes: what decides, what permits, and what executes and closes.
const SIGNAL: &str = "market_publisher,market_state,exchange_stream_bridge,cross_exchange_aggregator,price_feed,policy_store,universe_service,balance_tracker,ai_engine,orchestrator,strategy_brain,risk_brain,rl_sizing_agent,rl_shadow,reward_publisher,rl_monitor,feedback_bridge,clm,trainer,intent_bridge,meta_regime,portfolio_governance,portfolio_clusters,portfolio_risk_governor,performance_attribution,capital_allocation,allocation_target,capital_efficiency";
const PERMITS: &str = "governor,position_state_brain,portfolio_gate,heat_bridge,portfolio_state_publisher,ledger_sync,trade_logger,exit_intelligence,metric_pack,safety_telemetry,contract_check,dashboard";
const EXECUTION: &str = "apply_layer,intent_executor,reconcile_engine,position_monitor,risk_proposal,harvest_proposal,harvest_brain,exit_brain,exit_monitor,exposure_balancer,emergency_stop";
const PROCESSES: [(&str, &str); 3] =
    [("signal", SIGNAL), ("permits", PERMITS), ("execution", EXECUTION)];

fn redis(server: &Server) -> String {
    format!("redis = \"{}\"", server.address())
}

/// Starts the three processes; each has its instance in a file of its own.
fn start_all(folder: &Folder, served: &Served, server: &Server, intents: usize) -> Vec<Running> {
    PROCESSES
        .iter()
        .map(|(name, services)| {
            let file = format!("{name}.toml");
            let live = format!("{}\ninstance = \"{name}\"", redis(server));
            folder.file(&file, scenario(intents, &live));
            Running::start(folder, served, &file, name, &["--services", services, "--for", LENGTH])
        })
        .collect()
}

fn journals(processes: &[Running]) -> Vec<&Path> {
    processes.iter().map(|process| process.journal.as_path()).collect()
}

/// One process: the decisions of the simulation, and a journal that needs no server.
#[test]
fn a_session_on_redis_decides_as_its_simulation_does_and_replays_without_the_server() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        folder.file("chain.toml", scenario(3, &redis(&server)));
        let wanted = simulated(&folder, "chain.toml");
        assert!(wanted.len() >= 3, "the scenario trades too little for a comparison: {wanted:?}");
        let served = serve(&folder, "chain.toml", 8);
        let mut session =
            Running::start(&folder, &served, "chain.toml", "chain", &["--for", LENGTH]);
        session.ends_well();
        assert_eq!(decided(&[&session.journal]), wanted, "{}", session.said());
        server.kill();
        drop(served);
        replays(&folder, &session.journal);
        let journal = std::fs::read(&session.journal).expect("a journal");
        assert!(!journal.windows(SECRET.len()).any(|at| at == SECRET.as_bytes()), "in the journal");
        let address = server.address();
        assert!(
            !journal.windows(address.len()).any(|at| at == address.as_bytes()),
            "in the journal"
        );
    });
}

/// Three processes make the orders of one, none twice, and each of their journals replays by itself.
#[test]
fn a_pipeline_over_three_processes_makes_the_orders_of_one() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        folder.file("chain.toml", scenario(3, &redis(&server)));
        let wanted = simulated(&folder, "chain.toml");
        let served = serve(&folder, "chain.toml", 12);
        let mut processes = start_all(&folder, &served, &server, 3);
        for process in &mut processes {
            process.ends_well();
        }
        let all = journals(&processes);
        let said: Vec<String> = processes.iter().map(Running::said).collect();
        assert_eq!(decided(&all), wanted, "{said:#?}");
        assert!(sent(&all).values().all(|times| *times == 1), "{:?}", sent(&all));
        assert_eq!(
            filled(&served).values().sum::<u64>(),
            wanted.len() as u64,
            "{:?}",
            filled(&served)
        );
        let consumers = format!(
            "{:?}",
            server.run("XINFO CONSUMERS quantum:stream:apply.plan intent_executor")
        );
        assert!(consumers.contains("intent_executor@execution"), "{consumers}");
        server.kill();
        drop(served);
        for journal in all {
            replays(&folder, journal);
        }
    });
}

/// First and last entry of the order's life, in a session that nobody kills.
fn window() -> (u64, u64) {
    let folder = Folder::new();
    let server = Server::start();
    folder.file("one.toml", scenario(1, &redis(&server)));
    let served = serve(&folder, "one.toml", 8);
    let mut session = Running::start(&folder, &served, "one.toml", "one", &["--for", "80s"]);
    session.ends_well();
    let of = |stream: &str| {
        entries(&session.journal).into_iter().find_map(|(number, _, entry)| match entry {
            JournalEntry::Publish { stream: to, .. } if to == stream => Some(number),
            _ => None,
        })
    };
    let first = of("quantum:stream:trade.intent").expect("an intent");
    let last = of("quantum:stream:execution.result").expect("a result");
    assert!(last > first, "{first} to {last}");
    (first, last)
}

/// Nothing of the order's way lies unread or pending.
fn nothing_is_left(server: &Server, about: &str) {
    for stream in ["quantum:stream:trade.intent", "quantum:stream:apply.plan"] {
        let redis::Value::Array(groups) = server.run(&format!("XINFO GROUPS {stream}")) else {
            panic!("groups of {stream}")
        };
        for group in groups {
            let text = format!("{group:?}");
            let number = |name: &str| {
                let redis::Value::Array(words) = &group else { panic!("{group:?}") };
                let is = |word: &redis::Value| matches!(word, redis::Value::BulkString(bytes) if bytes == name.as_bytes());
                let place = words.iter().position(is).expect("the name");
                words.get(place + 1).cloned()
            };
            assert_eq!(number("pending"), Some(redis::Value::Int(0)), "{about}: {stream} {text}");
            assert_eq!(number("lag"), Some(redis::Value::Int(0)), "{about}: {stream} {text}");
        }
    }
}

/// Of the journals of all lives: what the pipeline took last for the position is what the exchange holds.
fn nothing_is_forgotten(served: &Served, journals: &[&Path], about: &str) -> bool {
    let filled = filled(served);
    assert!(filled.values().all(|count| *count == 1), "{about}: {filled:?}");
    let held = position(served, "BTCUSDT");
    assert_eq!(held.is_some(), !filled.is_empty(), "{about}: {filled:?}");
    let Some(held) = held else { return false };
    let snapshot =
        journals.iter().flat_map(|journal| entries(journal)).filter_map(|(_, _, one)| match one {
            JournalEntry::Set { key, value, .. } if key == "quantum:position:snapshot:BTCUSDT" => {
                Some(format!("{value:?}"))
            }
            _ => None,
        });
    let snapshot = snapshot.last().unwrap_or_default();
    assert!(snapshot.contains(&format!("{held}")), "{about}: {held} in {snapshot}");
    true
}

/// The only process is killed behind an entry of the order's life, and the same command goes on with the session.
fn killed_at(entry: u64) -> bool {
    let folder = Folder::new();
    let mut server = Server::start();
    folder.file("one.toml", scenario(1, &redis(&server)));
    let served = serve(&folder, "one.toml", 8);
    let about = format!("killed behind entry {entry}");
    let die_at = entry.to_string();
    let first = ["--for", "160s", "--die-at-entry", die_at.as_str()];
    let mut session = Running::start(&folder, &served, "one.toml", "one", &first);
    assert!(!session.end(), "{about}: it dies\n{}", session.said());
    let mut session = Running::start(&folder, &served, "one.toml", "one", &["--for", "40s"]);
    session.ends_well();
    let before = folder.path("one.journal.killed-1.partial");
    let opened = nothing_is_forgotten(&served, &[&before, &session.journal], &about);
    nothing_is_left(&server, &about);
    server.kill();
    replays(&folder, &before);
    replays(&folder, &session.journal);
    opened
}

#[test]
fn the_only_process_is_killed_and_goes_on() {
    steadily(|| {
        let (first, last) = window();
        let points = [0, 2, 4].map(|step| first + (last - first) * step / 4);
        let mut opened = Vec::new();
        std::thread::scope(|scope| {
            let lives: Vec<_> =
                points.iter().map(|point| scope.spawn(move || killed_at(*point))).collect();
            opened.extend(lives.into_iter().map(|life| life.join().expect("it holds")));
        });
        assert!(opened.iter().any(|opened| *opened), "no point lies behind the order");
    });
}

/// Of three processes the one that executes dies when the plan is there, and starts again: what it had claimed it
/// gets again, and the others go on meanwhile.
#[test]
fn one_of_three_processes_is_killed_and_goes_on() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        folder.file("chain.toml", scenario(1, ""));
        let served = serve(&folder, "chain.toml", 12);
        let mut processes = start_all(&folder, &served, &server, 1);
        let plans = || server.run("XLEN quantum:stream:apply.plan") != redis::Value::Int(0);
        eventually("there is a plan", plans);
        processes[2].kill();
        let more = ["--services", EXECUTION, "--for", "40s"];
        let again = Running::start(&folder, &served, "execution.toml", "execution", &more);
        let dead = std::mem::replace(&mut processes[2], again);
        drop(dead);
        for process in &mut processes {
            process.ends_well();
        }
        let before = folder.path("execution.journal.killed-1.partial");
        let mut all = vec![before.as_path()];
        all.extend(journals(&processes));
        let about = "the executing process was killed";
        nothing_is_forgotten(&served, &all, about);
        nothing_is_left(&server, about);
        server.kill();
        for journal in all {
            replays(&folder, journal);
        }
    });
}

/// Every decision of the scenarios here is one at the market.
#[test]
fn the_scenario_is_what_the_tests_take_it_for() {
    let folder = Folder::new();
    folder.file("chain.toml", scenario(3, ""));
    let wanted = simulated(&folder, "chain.toml");
    assert!(wanted.iter().all(|(.., kind)| *kind == OrderType::Market), "{wanted:?}");
}
