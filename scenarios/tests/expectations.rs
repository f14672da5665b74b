//! What expectations and invariants say of a run: each holds once and is broken once.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;

use scenarios::{Failure, NoProgress, Scenario, ScenarioReport, Verdict};

/// Five calm minutes with an open at 3 min, which is executed, and another of the same side at 4 min, which is not.
const RUN: &str = r#"
include = ["parts/quiet.toml"]

[market.synthetic]
minutes = 5

[[timeline]]
at = "3m"
publish = { stream = "trade.intent", fields = { symbol = "BTCUSDT", action = "BUY", side = "BUY", confidence = 0.9, timestamp = "$now", position_size_usd = 450, entry_price = 90000, leverage = 5, stop_loss = 88000, take_profit = 95000, source = "trading_bot", correlation_id = "00000000-0000-4000-8000-000000000001" } }

[[timeline]]
at = "4m"
publish = { stream = "trade.intent", fields = { symbol = "BTCUSDT", action = "BUY", side = "BUY", confidence = 0.9, timestamp = "$now", position_size_usd = 450, entry_price = 90000, leverage = 5, stop_loss = 88000, take_profit = 95000, source = "trading_bot", correlation_id = "00000000-0000-4000-8000-000000000002" } }
"#;

fn run(text: &str) -> ScenarioReport {
    // Beside the library, whose pieces it includes.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("of_a_test.toml");
    let scenario = Scenario::parse(&beside.display().to_string(), text).expect("it reads");
    scenarios::run(&scenario, &Default::default(), &NoProgress).expect("it runs")
}

fn failures(expectation: &str) -> Vec<Failure> {
    run(&format!("{RUN}\n[[expect]]\nname = \"x\"\n{expectation}\n")).failed
}

fn holds(expectation: &str) {
    let failed = failures(expectation);
    assert!(failed.is_empty(), "{expectation}: {failed:?}");
}

/// It fails, at this second of the run if it has a moment, and says this.
fn breaks(expectation: &str, second: Option<f64>, says: &str) {
    let failed = failures(expectation);
    let [failure] = &failed[..] else { panic!("{expectation}: {failed:?}") };
    assert_eq!(failure.name, "x");
    assert!(failure.found.contains(says), "{expectation}: {}", failure.found);
    let start = 1_767_225_600.0;
    let at = failure.at.map(|at| at.as_secs_f64() - start);
    let near = match (at, second) {
        (Some(at), Some(second)) => (at - second).abs() < 1.5,
        (at, second) => at.is_none() == second.is_none(),
    };
    assert!(near, "{expectation}: at {at:?}");
    assert!(failure.place.line > 0, "{expectation}: it says where it stands");
}

#[test]
fn of_entries() {
    let results = "on = \"apply.result\"";
    holds(&format!("always = \"entry.symbol == 'BTCUSDT'\"\n{results}\nat_least = 2"));
    breaks(
        &format!("always = \"entry.executed\"\n{results}"),
        Some(240.0),
        "does not hold: action=BUY",
    );
    breaks(
        &format!("always = \"true\"\n{results}\nat_least = 9"),
        None,
        "there were 2 entries to look at, expected at least 9",
    );
    holds(&format!("never = \"entry.symbol == 'ETHUSDT'\"\n{results}"));
    breaks(&format!("never = \"entry.executed\"\n{results}"), Some(180.0), "holds: action=BUY");
    holds(&format!("never = \"entry.executed\"\n{results}\nfrom = \"3m 30s\""));
    holds(&format!("never = \"!entry.executed\"\n{results}\nuntil = \"3m 30s\""));
    holds(&format!("count = \"entry.executed\"\n{results}\nequals = 1"));
    breaks(
        &format!("count = \"true\"\n{results}\nat_most = 1"),
        Some(240.0),
        "held 2 times, expected at most 1",
    );
    breaks(
        &format!("count = \"entry.executed\"\n{results}\nat_least = 2"),
        None,
        "held 1, expected at least 2, of 2 entries",
    );
}

#[test]
fn of_what_follows() {
    let results = "on = \"apply.result\"";
    holds(&format!("eventually = \"entry.executed\"\n{results}\nwithin = \"181s\""));
    breaks(
        &format!("eventually = \"entry.executed\"\n{results}\nwithin = \"2m\""),
        None,
        "had not held by 2026-01-01T00:02:00Z",
    );
    breaks(
        &format!("eventually = \"entry.symbol == 'ETHUSDT'\"\n{results}"),
        None,
        "never held, of 2 looks",
    );
    let after = "after = \"true\"\nafter_on = \"trade.intent\"";
    let same = "entry.correlation_id == trigger.correlation_id";
    holds(&format!("eventually = \"{same}\"\n{results}\n{after}\nwithin = \"5s\""));
    breaks(
        &format!("eventually = \"{same} && entry.executed\"\n{results}\n{after}\nwithin = \"5s\""),
        Some(240.0),
        "did not follow within 5 s: action=BUY",
    );
    breaks(
        &format!("eventually = \"{same}\"\n{results}\n{after}\nwithin = \"10ms\""),
        Some(180.0),
        "did not follow within 0.01 s",
    );
    breaks(
        &format!(
            "eventually = \"true\"\n{results}\nafter = \"entry.symbol == 'X'\"\nafter_on = \"trade.intent\""
        ),
        None,
        "never held, so that nothing was judged",
    );
    holds(
        "first = \"entry.class == 'open'\"\non = \"apply.plan\"\nbefore = \"true\"\nbefore_on = \"orders\"",
    );
    breaks(
        "first = \"true\"\non = \"fills\"\nbefore = \"true\"\nbefore_on = \"apply.plan\"",
        Some(180.0),
        "came, and \"true\" had not been before",
    );
}

#[test]
fn of_the_state() {
    holds("always = \"account.margin_balance > 9990.0\"");
    breaks(
        "always = \"account.wallet_balance == 10000.0\"",
        Some(180.0),
        "does not hold: account=",
    );
    breaks("never = \"held.exists(p, p.amt > 0.0)\"", Some(180.0), "holds: held=");
    holds("eventually = \"positions['BTCUSDT'].amt == 0.005\"\nwithin = \"3m 1s\"");
    holds("holds = \"size(held) == 0\"\nat = \"2m\"");
    breaks("holds = \"size(held) == 0\"\nat = \"3m 30s\"", Some(210.0), "does not hold");
    holds("at_end = \"size(orders) == 0 && positions['ETHUSDT'].amt == 0.0\"");
    breaks(
        "at_end = \"streams['apply.plan'].length == 0.0\"",
        Some(300.0),
        "does not hold: streams=",
    );
    holds(
        "at_end = \"keys['quantum:position:ledger:BTCUSDT'].position_amt == 0.005 && ttl['quantum:position:ledger:BTCUSDT'] == -1.0 && ttl['nothing'] == -2.0\"",
    );
    holds("at_end = \"services['apply_layer'].alive && services['apply_layer'].starts == 1.0\"");
    holds("at_end = \"figures['intent_executor.orders_opened'] == 1.0\"");
    breaks("at_end = \"keys['nothing'].x == 1.0\"", Some(300.0), "cannot be judged");
}

fn violation(text: &str, invariant: &str) -> String {
    let report = run(text);
    assert_eq!(report.verdict, Verdict::Fail, "{invariant}");
    let found = report.failed.iter().find(|failure| failure.name == invariant);
    found.unwrap_or_else(|| panic!("{invariant}: {:?}", report.failed)).found.clone()
}

#[test]
fn invariants_notice_what_they_are_for() {
    assert_eq!(run(RUN).failed, []);
    let audited = |names: &str| format!("{RUN}\n[pipeline]\naudited = [{names}]\n");
    let found = violation(&audited("\"every_executor_opens\""), "one_order_per_intent");
    assert!(found.contains("were both filled for one intent"), "{found}");
    let by_hand = |words: &str| {
        format!("{RUN}\n[[timeline]]\nat = \"3m 30s\"\ncommand = {{ words = [{words}] }}\n")
    };
    let unmended =
        "[pipeline.ledger_sync]\nenabled = false\n[pipeline.reconcile_engine]\nenabled = false\n";
    let gone = by_hand("\"DEL\", \"quantum:position:ledger:BTCUSDT\"");
    let found = violation(&format!("{gone}{unmended}"), "positions_recorded");
    assert!(found.contains("BTCUSDT holds 0.005 on the exchange"), "{found}");
    let denied = format!(
        "{}\n[state.keys]\n\"quantum:reconcile:hold:BTCUSDT\" = \"1\"\n[pipeline.reconcile_engine]\nenabled = false\n",
        audited("\"denial_uses_permits\"")
    );
    let found = violation(&denied, "permits_used_once");
    assert!(found.contains("and no order of it was sent"), "{found}");
    let cut = format!(
        "{RUN}\n[[state.streams]]\nstream = \"trade.intent\"\nentries = [{{ symbol = \"BTCUSDT\" }}]\ntimes = 50\ngroups = [{{ name = \"somebody\", read = 10 }}]\n[[timeline]]\nat = \"1m\"\ntrim = {{ stream = \"trade.intent\", to = 5 }}\n"
    );
    let found = violation(&cut, "messages_accounted");
    assert!(found.contains("were cut off before group somebody had read them"), "{found}");
}
