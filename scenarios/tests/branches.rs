//! A branch is the run of its scenario: whatever is done from the fork on, and whatever was under way when it was made.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use engine::Nanos;
use scenarios::{NoProgress, RunOptions, Scenario, ScenarioReport, Trunk, parts_at};

fn read(text: &str) -> Scenario {
    Scenario::parse("branches.toml", text).expect("it reads")
}

fn whole(scenario: &Scenario) -> ScenarioReport {
    scenarios::run(scenario, &RunOptions::default(), &NoProgress).expect("it runs")
}

fn grow(scenario: &Scenario, at: Nanos) -> Trunk {
    Trunk::grow(scenario, &RunOptions::default(), at, &NoProgress).expect("it grows")
}

/// The branch of `scenario` is its whole run, to the last word.
fn is_whole(trunk: &Trunk, scenario: &Scenario) {
    let branch = trunk.branch(scenario).expect("it can be looked at").expect("it can be forked");
    let (branch, whole) = (branch.end(&NoProgress).expect("it ends"), whole(scenario));
    let json = |report: &ScenarioReport| serde_json::to_value(report).expect("plain data");
    assert_eq!(branch.digest, whole.digest, "{}", scenario.name);
    assert_eq!(json(&branch), json(&whole), "{}", scenario.name);
}

fn share_of(scenario: &Scenario, percent: i64) -> Nanos {
    let (from, to) = scenario.range().expect("a range");
    Nanos(from.0 + (to.0 - from.0) / 100 * percent)
}

/// All scenarios of the folder, relapses among them, forked at some moment of theirs without any change. What each
/// service, the exchange, the bus, the faults and the expectations remember is in the fork.
#[test]
fn every_scenario_goes_on_as_it_would_have() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .filter(|path| !["Cargo.toml", "goldens.toml"].iter().any(|name| path.ends_with(name)))
        .collect();
    files.sort();
    let mut forked = 0;
    for (number, path) in files.iter().enumerate() {
        for scenario in Scenario::read_cases(path).expect("it reads") {
            let seconds = scenario.virtual_seconds().expect("a range");
            // Recorded markets have tests of their own, and a whole day takes its time.
            if scenario.market.recorded.is_some() || seconds > 4 * 3_600 {
                continue;
            }
            let at = share_of(&scenario, 15 + (number as i64 * 17) % 80);
            is_whole(&grow(&scenario, at), &scenario);
            forked += 1;
        }
    }
    assert!(forked > 60, "{forked} scenarios were forked");
}

const MARKETS: [&str; 3] = [
    "[market.synthetic]\nmodel = \"order_flow\"\nminutes = 20\n",
    "[market.synthetic]\nminutes = 120\n",
    "[market.synthetic]\nminutes = 120\n[links]\nfeed_latency_us = 40000\n",
];

/// What begins before the fork, after `{0}` seconds, and ends behind it, after `{1}`.
const STEPS: &str = r#"
[[timeline]]
at = "{0}s"
until = "{1}s"
slow = { service = "governor", factor = 3.0 }
"#;

fn with(market: &str, steps: &str) -> Scenario {
    read(&format!("seed = 7\n{market}{steps}"))
}

#[test]
fn what_comes_behind_the_fork_may_be_anything() {
    for market in MARKETS {
        let minutes = if market.contains("order_flow") { 20 } else { 120 };
        let (half, end) = (minutes * 30, minutes * 45);
        let before = STEPS.replace("{0}", &(half / 2).to_string()).replace("{1}", &end.to_string());
        let step = |at: i64, what: &str| format!("[[timeline]]\nat = \"{at}s\"\n{what}\n");
        let crash = step(half, "crash = { service = \"intent_executor\" }");
        let restart = step(half + 30, "restart = { service = \"intent_executor\" }");
        let key = step(end, "set_key = { key = \"quantum:test\", value = \"1\" }");
        let plain = with(market, &before);
        let variants = [
            before.clone(),
            format!("{before}{crash}{restart}"),
            // At the very instant at which what had begun before ends, and in another order than that of time.
            format!("{before}{key}{restart}{crash}"),
            format!("{before}{}", step(half, "flush_redis = {}")),
        ];
        let at = share_of(&plain, 50);
        let trunk = grow(&plain, at);
        let mut digests = std::collections::BTreeSet::new();
        for steps in variants {
            let variant = with(market, &steps);
            let parts =
                parts_at(&plain, &variant).expect("a time").expect("they share a beginning");
            assert!(parts >= at, "{parts}");
            is_whole(&trunk, &variant);
            digests.insert(whole(&variant).digest);
        }
        assert_eq!(digests.len(), 4, "the variants differ");
    }
}

#[test]
fn what_is_not_the_same_run_is_not_forked() {
    let plain = with(MARKETS[1], "");
    let trunk = grow(&plain, share_of(&plain, 50));
    let refused =
        |scenario: &Scenario| trunk.branch(scenario).expect("it can be looked at").is_none();
    let early = "[[timeline]]\nat = \"3599s\"\nflush_redis = {}\n";
    assert!(refused(&with(MARKETS[1], early)), "it parts before the fork");
    let fault = "[[timeline]]\nat = \"2h\"\nuntil = \"119m 59s\"\nlose_user_stream = {}\n";
    let fault = fault.replace("2h", "7000s");
    assert!(refused(&with(MARKETS[1], &fault)), "the exchange has its faults from the beginning");
    let mut other = plain.clone();
    other.seed = 8;
    assert!(refused(&other), "another seed");
    other.seed = plain.seed;
    other.name = "another name".to_owned();
    assert!(!refused(&other), "a name changes nothing");
    let later = "[[timeline]]\nat = \"3600s\"\nflush_redis = {}\n";
    assert!(!refused(&with(MARKETS[1], later)), "it parts at the fork");
}
