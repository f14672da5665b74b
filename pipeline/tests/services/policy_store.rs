//! Policy store: MSE 8.1. What the universe generator proposes to it stands in `universe_generator.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Body, JsonText, Symbol};
use pipeline::records::{PolicyAnswer, PolicyAudit, PolicyProposal, PolicyUpdated, SymbolList};
use pipeline::{PipelineSettings, keys, streams};

use crate::bench::{Bench, START, instrument};
use crate::questions::{ask, ask_anything, asked};

const STORE: &str = "policy_store";

fn bench() -> Bench {
    Bench::new(&[STORE], &PipelineSettings::default(), Vec::new())
}

fn policy(bench: &mut Bench) -> BTreeMap<String, String> {
    bench.hash(keys::POLICY_CURRENT.name)
}

/// The universe generator runs, and the store waits for it.
fn proposed() -> Bench {
    let mut settings = PipelineSettings::default();
    settings.universe_generator.enabled = true;
    asked(STORE, &settings)
}

fn proposal(symbols: &[&str], leverages: &[(&str, u32)]) -> PolicyProposal {
    let symbol = |name: &str| Symbol::new(name).expect("a symbol");
    PolicyProposal {
        universe_symbols: SymbolList(Arc::new(symbols.iter().map(|name| symbol(name)).collect())),
        leverage_by_symbol: JsonText(leverages.iter().map(|(s, l)| (symbol(s), *l)).collect()),
        generator: "universe_generator".into(),
        features_window: "6h".into(),
        missing_fields: "".into(),
    }
}

#[test]
fn without_the_generator_the_scenarios_symbols_are_in_force() {
    let mut bench = bench();
    bench.run_to_ms(1_000);
    let told = policy(&mut bench);
    assert_eq!((&*told["universe_symbols"], &*told["generator"]), ("[\"BTCUSDT\"]", STORE));
    assert_eq!(told["leverage_by_symbol"], "{\"BTCUSDT\":10}");
    assert_eq!(told["policy_version"], "v1");
    assert_eq!(told["policy_hash"].len(), 64);
    assert_eq!(told["valid_until_epoch"], (START.secs() + 300).to_string());
    bench.crash(STORE, 10);
    bench.run_to_ms(2_000);
    assert_eq!(policy(&mut bench)["policy_version"], "v2", "versions count on");
}

/// At half of its validity, so that one that comes late finds it in force.
#[test]
fn a_policy_is_renewed_and_told_each_time() {
    let mut bench = bench();
    bench.run_to_ms(149_000);
    assert_eq!(policy(&mut bench)["policy_version"], "v1");
    let first = policy(&mut bench)["policy_hash"].clone();
    bench.run_to_ms(151_000);
    let told = policy(&mut bench);
    assert_eq!(told["policy_version"], "v2");
    assert_ne!(told["policy_hash"], first, "of all its items");
    let updated: Vec<PolicyUpdated> = bench.records(streams::POLICY_UPDATED);
    let versions: Vec<&str> = updated.iter().map(|entry| entry.version.as_str()).collect();
    assert_eq!(versions, ["v1", "v2"]);
    let audits: Vec<PolicyAudit> = bench.records(streams::POLICY_AUDIT);
    assert_eq!(audits.len(), 2);
    assert_eq!(audits[1].policy_hash, told["policy_hash"]);
    assert_eq!((audits[1].universe_count, audits[1].generator.as_ref()), (1, STORE));
}

/// A policy that cannot be read counts as none: the next one begins anew.
#[test]
fn a_policy_of_others_that_cannot_be_read_is_replaced() {
    let mut bench = bench();
    bench.hset(keys::POLICY_CURRENT.name, &[("policy_version", "v7")]);
    bench.run_to_ms(1_000);
    assert_eq!(bench.counter(STORE, "policy_unreadable"), 1);
    assert_eq!(policy(&mut bench)["policy_version"], "v1");
}

/// Nobody is told of a policy that is not in force.
#[test]
fn a_policy_that_is_not_saved_is_not_told() {
    let mut bench = bench();
    bench.set(keys::POLICY_CURRENT.name, "no hash");
    bench.run_to_ms(1_000);
    assert_eq!(bench.counter(STORE, "policy_not_saved"), 1);
    assert!(bench.entries(streams::POLICY_UPDATED.name).is_empty());
    assert!(bench.entries(streams::POLICY_AUDIT.name).is_empty());
}

#[test]
fn a_sound_proposal_is_the_policy() {
    let mut bench = proposed();
    bench.run_to_ms(400_000);
    assert!(policy(&mut bench).is_empty(), "nothing is in force before somebody proposes");
    let answer: Option<PolicyAnswer> = ask(&mut bench, proposal(&["BTCUSDT"], &[("BTCUSDT", 20)]));
    let answer = answer.expect("an answer");
    assert_eq!((answer.accepted, answer.reason.as_ref()), (true, ""));
    let told = policy(&mut bench);
    assert_eq!((&*told["policy_version"], &*told["metadata_ok"]), ("v1", "1"));
    assert_eq!(told["leverage_by_symbol"], "{\"BTCUSDT\":20}");
    assert_eq!(told["generator"], "universe_generator");
    // It ends where nobody proposes again: the store does not go on with it.
    bench.run_for_ms(400_000);
    assert_eq!(policy(&mut bench), told);
    bench.crash(STORE, 10);
    bench.run_for_ms(100);
    let answer: Option<PolicyAnswer> = ask(&mut bench, proposal(&["BTCUSDT"], &[("BTCUSDT", 5)]));
    assert!(answer.expect("an answer").accepted);
    assert_eq!(policy(&mut bench)["policy_version"], "v2", "a successor counts on");
}

#[test]
fn an_unsound_proposal_is_refused_with_its_reason() {
    let mut bench = proposed();
    let bad = [
        (proposal(&[], &[]), "no symbols"),
        (proposal(&["NOPEUSDT"], &[("NOPEUSDT", 5)]), "NOPEUSDT is not of this run"),
        (proposal(&["BTCUSDT"], &[]), "BTCUSDT has no leverage from 1 to 125"),
        (proposal(&["BTCUSDT"], &[("BTCUSDT", 126)]), "BTCUSDT has no leverage from 1 to 125"),
    ];
    for (proposal, reason) in bad {
        let answer: PolicyAnswer = ask(&mut bench, proposal).expect("an answer");
        assert_eq!((answer.accepted, answer.reason.as_ref()), (false, reason));
    }
    let nonsense = Body::fields(&[("universe_symbols", "BTCUSDT")]);
    let answer: PolicyAnswer = ask_anything(&mut bench, nonsense).expect("an answer");
    assert!(!answer.accepted && !answer.reason.is_empty());
    assert_eq!(bench.counter(STORE, "proposals_refused"), 5);
    assert!(policy(&mut bench).is_empty());
    // Where the scenario's list is the policy, nobody proposes another.
    let mut listed = asked(STORE, &PipelineSettings::default());
    let symbol = instrument().symbol;
    let made = proposal(&[symbol.as_str()], &[(symbol.as_str(), 20)]);
    let answer: PolicyAnswer = ask(&mut listed, made).expect("an answer");
    assert!(!answer.accepted);
    assert_eq!(answer.reason, "the scenario's symbols are in force");
}
