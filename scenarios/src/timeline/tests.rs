//! All actions in one run, which repeats and replays; and what is said of steps that are wrong.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use crate::{ACTIONS, NoProgress, RunOptions, Scenario, replay, run};

const MARKET: &str = "seed = 7\n[market.synthetic]\nminutes = 60\n";

/// Each action but `publish`, `crash` and `restart`, at the minute of its place.
const ALL: &[(&str, &str)] = &[
    ("", "set_key = { key = \"quantum:safety:safe_mode\", value = \"1\", ttl = \"90s\" }"),
    ("", "set_key = { key = \"some:hash\", value = { a = \"1\", b = \"2\" } }"),
    ("", "set_key = { key = \"some:list\", value = [\"x\", \"y\"] }"),
    ("", "delete_key = { key = \"some:hash\" }"),
    (
        "",
        "command = { words = [\"XADD\", \"quantum:stream:apply.plan\", \"*\", \"plan_id\", \"1\"] }",
    ),
    ("", "trim = { stream = \"apply.plan\", to = 1 }"),
    (
        "",
        "create_group = { stream = \"apply.plan\", group = \"intent_executor\", at = \"$\", anew = true }",
    ),
    ("1m", "hang = { service = \"apply_layer\" }"),
    ("1m", "slow = { service = \"apply_layer\", factor = 2.0, more = \"5ms\" }"),
    ("", "supervise = { service = \"exit_monitor\", starts = 3 }"),
    ("10m", "crash_loop = { service = \"exit_monitor\", after = \"200ms\", restart = \"5s\" }"),
    ("2m", "crash_loop = { service = \"intent_bridge\", at_message = \"trade.intent\" }"),
    ("", "reconfigure = { service = \"apply_layer\", pipeline = { thinking_us = 700 } }"),
    ("1m", "skew_clock = { service = \"intent_executor\", by = \"-1500ms\" }"),
    ("1m", "partition = { services = [\"intent_executor\"], exchange = true }"),
    ("2m", "drop = { stream = \"apply.plan\", reader = \"intent_executor\", share = 0.5 }"),
    ("2m", "delay = { stream = \"apply.plan\", by = \"3s\" }"),
    ("2m", "duplicate = { share = 0.5 }"),
    ("2m", "reorder = { stream = \"market.tick\", share = 0.2, within = \"2s\" }"),
    ("2m", "corrupt = { stream = \"market.tick\", share = 0.2, how = \"flip\" }"),
    ("2m", "drop_call = { share = 0.5, answers = true }"),
    ("2m", "delay_call = { by = \"100ms\" }"),
    ("1m", "stale_market = { symbols = [\"BTCUSDT\"] }"),
    ("2m", "frozen_market = {}"),
    ("2m", "gapped_market = { share = 0.3 }"),
    ("1m", "time_out = { executed = true, answer = \"code\", next = 1 }"),
    ("1m", "refuse = { code = -2019, requests = \"opens\" }"),
    ("1m", "rate_limit = { limit = \"weight\", next = 2 }"),
    ("1m", "ban = {}"),
    ("1m", "lose_user_stream = {}"),
    ("1m", "delay_user_stream = { by = \"3s\" }"),
    ("1m", "expire_listen_key = {}"),
    ("1m", "partial_fills = { part = 0.4, rest = \"later\", parts = 3, every = \"1s\" }"),
    ("1m", "slippage = { ticks = 20 }"),
    ("1m", "skew_exchange_clock = { ahead = \"6s\" }"),
    ("", "manual_trade = { symbol = \"BTCUSDT\", side = \"BUY\", quantity = 0.01 }"),
    ("2m", "lose_redis = {}"),
    ("", "flush_redis = {}"),
    ("1m", "restart_redis = {}"),
];

/// A scenario with these steps; each begins a minute after the one before.
fn scenario(steps: &[(&str, &str)]) -> String {
    let mut text = MARKET.to_owned();
    for (place, (span, action)) in steps.iter().enumerate() {
        let minute = place + 5;
        text.push_str(&format!("[[timeline]]\nat = \"{minute}m\"\n"));
        if let Some(span) = span.strip_suffix('m') {
            let until = minute + span.parse::<usize>().expect("minutes");
            text.push_str(&format!("until = \"{until}m\"\n"));
        }
        text.push_str(action);
        text.push('\n');
    }
    text
}

fn problem(steps: &[(&str, &str)]) -> String {
    let scenario = match Scenario::parse("a.toml", &scenario(steps)) {
        Ok(scenario) => scenario,
        Err(error) => return error.to_string(),
    };
    let report = run(&scenario, &RunOptions::default(), &NoProgress);
    report.err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn every_action_runs_repeats_and_replays() {
    for action in ACTIONS.iter().filter(|name| !["publish", "crash", "restart"].contains(name)) {
        let shown = ALL.iter().any(|(_, step)| step.split(' ').next() == Some(action));
        assert!(shown, "{action} is missing in this test");
    }
    let scenario = Scenario::parse("all.toml", &scenario(ALL)).expect("a scenario");
    let folder = tempfile::tempdir().expect("a folder");
    let journals = Some(folder.path().to_owned());
    let options = RunOptions { journals, ..RunOptions::default() };
    let first = run(&scenario, &options, &NoProgress).expect("a run");
    let again = run(&scenario, &RunOptions::default(), &NoProgress).expect("a run");
    assert_eq!(first.digest, again.digest);
    let sentences = first.assumptions.iter().filter(|line| line.starts_with("Timeline at "));
    assert_eq!(sentences.count(), ALL.len());
    let replayed = replay(&first.journal.expect("a journal"), None).expect("a replay");
    assert!(replayed.difference.is_none(), "{:?}", replayed.difference);
}

#[test]
fn a_step_that_is_wrong_is_refused_with_its_remedy() {
    let cases: &[((&str, &str), &str)] = &[
        (
            ("1m", "hnag = { service = \"apply_layer\" }"),
            "unknown key `hnag`; did you mean `hang`?",
        ),
        (
            ("1m", "hang = { servce = \"apply_layer\" }"),
            "unknown key `servce`; did you mean `service`?",
        ),
        (
            ("1m", "hang = { service = \"aply_layer\" }"),
            "[[timeline]] number 1: hang: service: no service \"aply_layer\" runs; did you mean \"apply_layer\"?",
        ),
        (("", "hang = { service = \"apply_layer\" }"), "hang lasts and needs `until`: add it"),
        (
            ("", "drop = { stream = \"aply.plan\" }"),
            "drop: stream: there is no stream \"aply.plan\"; did you mean \"apply.plan\"?",
        ),
        (
            ("", "drop = { stream = \"apply.plan\", reader = \"price_feed\" }"),
            "drop: price_feed does not read apply.plan: `qsim pipeline map` shows who reads what",
        ),
        (("", "drop = { share = 1.5 }"), "share = 1.5: give more than 0 and at most 1"),
        (("", "gapped_market = { share = 0.0 }"), "share = 0: give more than 0"),
        (("", "delay = { by = \"soon\" }"), "by = \"soon\" is no span: give one such as"),
        (
            ("", "stale_market = { symbols = [\"XYZUSDT\"] }"),
            "symbols: XYZUSDT is not in this run; it has BTCUSDT",
        ),
        (("", "command = { words = [\"XAD\", \"a\"] }"), "unknown command 'XAD'"),
        (("", "command = { words = [\"SET\", \"a\"] }"), "wrong number of arguments for 'set'"),
        (("", "command = { words = [] }"), "empty command"),
        (
            (
                "",
                "create_group = { stream = \"apply.plan\", group = \"intent_executr\", at = \"0\" }",
            ),
            "did you mean \"intent_executor\"?",
        ),
        (
            ("", "create_group = { stream = \"apply.plan\", group = \"governor\", at = \"now\" }"),
            "at = \"now\": give \"$\", \"0\" or an entry's id",
        ),
        (("", "set_key = { key = \"a\", value = {} }"), "value is empty"),
        (
            ("", "crash_loop = { service = \"apply_layer\" }"),
            "it needs one of `after` and `at_message`",
        ),
        (
            ("", "crash_loop = { service = \"price_feed\", at_message = \"apply.plan\" }"),
            "at_message: price_feed does not read apply.plan",
        ),
        (
            ("", "supervise = { service = \"apply_layer\", starts = 0 }"),
            "starts = 0: give at least 1",
        ),
        (("", "slow = { service = \"apply_layer\" }"), "it changes nothing"),
        (("", "slow = { service = \"apply_layer\", factor = -1.0 }"), "factor = -1: give 0 to"),
        (("", "partition = { services = [] }"), "services is empty"),
        (("", "corrupt = { how = \"flipp\" }"), "unknown value `flipp`; did you mean `flip`?"),
        (
            ("", "reconfigure = { service = \"apply_layer\", pipeline = { thinking = 7 } }"),
            "pipeline: unknown key `thinking`; did you mean `thinking_us`?",
        ),
        (
            (
                "",
                "reconfigure = { service = \"apply_layer\", pipeline = { apply_layer = { enabled = false } } }",
            ),
            "pipeline: with it apply_layer does not run at all",
        ),
        (("1m", "flush_redis = {}"), "flush_redis is of an instant and has no `until`: remove it"),
    ];
    for (step, expected) in cases {
        let problem = problem(&[*step]);
        assert!(problem.starts_with("a.toml:"), "{problem}");
        assert!(problem.contains(expected), "{step:?}\n says {problem}\n and not {expected}");
    }
}
