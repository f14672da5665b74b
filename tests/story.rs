//! A journal tells how it came to an order, where it parts from another one, and becomes a scenario file.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::sync::LazyLock;

use serde_json::Value as Json;
use support::{Folder, text};

/// Six hours of a made market, in which the chain opens and closes.
const SHORT: &str = "seed = 7\n[market.synthetic]\nminutes = 320\n";

/// A folder with the journals of the short run, of it with one protection less, and with another seed.
static JOURNALS: LazyLock<Folder> = LazyLock::new(|| {
    let folder = Folder::new();
    folder.file("short.toml", SHORT);
    folder.file("other_seed.toml", SHORT.replace("seed = 7", "seed = 8"));
    let relapse = "[pipeline]\naudited = [\"safe_mode_blocks_exits\"]\n[pipeline.trading_bot]\nenabled = false\n";
    folder.file("no_bot.toml", format!("{SHORT}{relapse}"));
    for name in ["short.toml", "other_seed.toml", "no_bot.toml"] {
        // The verdict is another matter: the journal is there in any case.
        let code = folder.qsim(&["run", name, "--journal", "journals"]).code;
        assert!(code < 2, "{name} runs");
    }
    folder
});

const A: &str = "journals/short-7.journal";

/// The first order of the short run: its entry and its client order id.
static ORDER: LazyLock<(String, String)> = LazyLock::new(|| {
    let found = JOURNALS.qsim(&["journal", A, "--find", "NewOrder", "--format", "json"]);
    let lines = found.expect_code(0).lines();
    let line = lines.first().expect("the run places orders");
    let said = text(line, "text");
    let id = said.split("ClientOrderId(\"").nth(1).and_then(|rest| rest.split('"').next());
    (line["entry"].to_string(), id.expect("a client order id").to_owned())
});

fn services(story: &Json) -> Vec<&str> {
    let steps = story["steps"].as_array().expect("steps");
    steps.iter().map(|step| text(step, "service")).collect()
}

#[test]
fn an_order_is_told_from_the_market_to_its_fill() {
    let output = JOURNALS.qsim(&["explain", A, "--order", &ORDER.1, "--format", "json"]);
    let story = output.expect_code(0).json();
    let who = services(&story);
    // The way of an open: a tick, a decision, an intent, a plan, permits, an order, a fill.
    let way = ["market_publisher", "ai_engine", "trading_bot", "intent_bridge", "intent_executor"];
    let mut from = 0;
    for service in way {
        let place = who[from..].iter().position(|one| *one == service);
        from += place.unwrap_or_else(|| panic!("no {service} after step {from} of {who:?}"));
    }
    for permit in ["governor", "position_state_brain"] {
        assert!(who.contains(&permit), "the permit of {permit} belongs to it: {who:?}");
    }
    let steps = story["steps"].as_array().expect("steps");
    for step in steps {
        let cause = step["because"].as_u64().unwrap_or(0);
        assert!(cause < step["number"].as_u64().expect("a number"), "a cause is earlier: {step}");
    }
    let asked: Vec<&Json> = steps
        .iter()
        .flat_map(|step| step["went_out"].as_array().expect("outputs"))
        .filter(|out| out["asked"] == Json::Bool(true))
        .collect();
    assert_eq!(asked.len(), 1, "the order itself is marked");
    assert_eq!(asked[0]["entry"].to_string(), ORDER.0);
    let filled = steps.iter().any(|step| text(step, "came_in").contains("FILLED"));
    assert!(filled, "what came of it is told");
    let last = steps.last().expect("a step");
    assert!(text(last, "service") != "trading_bot", "later trades are other stories");
    let keys = story["keys"].as_array().expect("keys");
    let permit = keys.iter().find(|key| text(key, "key").starts_with("quantum:permit:"));
    let permit = permit.expect("the permits that the executor found");
    assert!(text(permit, "value").contains("=true"), "{permit}");
}

#[test]
fn the_story_is_text_with_the_commands_that_show_it_again() {
    let output = JOURNALS.qsim(&["explain", A, "--entry", &ORDER.0]).expect_code(0);
    for part in [
        "=> ORDER MARKET",
        "market_publisher",
        "keys that mattered",
        "qsim replay journals/short-7.journal",
    ] {
        assert!(output.stdout.contains(part), "no {part:?} in {}", output.stdout);
    }
    let by_id = JOURNALS.qsim(&["explain", A, "--find", &ORDER.1]).expect_code(0);
    let by_order = JOURNALS.qsim(&["explain", A, "--order", &ORDER.1]).expect_code(0);
    assert_eq!(by_id.stdout, by_order.stdout, "an id is an id");
}

#[test]
fn what_is_not_there_is_misuse_with_a_remedy() {
    let refused = |arguments: &[&str], part: &str| {
        let output = JOURNALS.qsim(arguments).expect_code(2);
        assert!(output.stdout.is_empty() && output.stderr.contains(part), "{output:#?}");
    };
    refused(&["explain", A, "--entry", "99999999"], "numbered from 0 to");
    refused(&["explain", A, "--order", "q0000000000000000-1"], "orders are for example");
    refused(&["explain", A, "--find", "no such words"], "qsim journal");
    refused(&["explain", A], "--entry");
    refused(&["explain", "short.toml", "--entry", "1"], "not a qsim journal");
    refused(&["diff", A, "short.toml"], "not a qsim journal");
    refused(&["new", "--from", A, "--at", "90h", "--into", "late.toml"], "is not in");
    refused(&["new", "--from", A, "--at", "1h", "--into", "short.toml"], "new file");
    refused(&["new", "--from", A, "--at", "1h", "--into", "late.txt"], ".toml");
}

#[test]
fn the_same_run_has_no_difference() {
    let output = JOURNALS.qsim(&["diff", A, A]).expect_code(0);
    assert!(output.stdout.contains("the same run"), "{}", output.stdout);
}

#[test]
fn another_configuration_is_found_where_it_first_matters() {
    let output = JOURNALS.qsim(&["diff", A, "journals/no_bot-7.journal", "--format", "json"]);
    let found = output.expect_code(1).json();
    assert_eq!(found["same_market"], Json::Bool(true));
    let settings = found["settings"].to_string();
    assert!(settings.contains("pipeline.trading_bot.enabled"), "{settings}");
    let bot = found["unlike"]["trading_bot"].as_object().expect("the bot is only in one");
    assert!(bot.values().all(|one| one["only_b"] == 0 && one["only_a"] != 0), "{bot:?}");
    assert!(found["first"]["a"]["text"].to_string().contains("trading_bot"), "{}", found["first"]);
    let order = &found["order"];
    assert_eq!(order["a"]["entry"].to_string(), ORDER.0, "the first order that is missing");
    // The market and what only reads it are alike.
    assert!(found["unlike"].get("market_publisher").is_none(), "{}", found["unlike"]);
    assert!(found["alike"].as_u64().expect("a number") > 10_000);
}

#[test]
fn another_seed_parts_at_the_market() {
    let output = JOURNALS.qsim(&["diff", A, "journals/other_seed-8.journal"]).expect_code(1);
    for part in ["the markets differ", "setting seed: 7 in A, 8 in B", "first difference"] {
        assert!(output.stdout.contains(part), "no {part:?} in {}", output.stdout);
    }
}

#[test]
fn a_window_becomes_a_scenario_that_decides_the_same() {
    let folder = &*JOURNALS;
    let arguments = ["new", "--from", A, "--around", &ORDER.0, "--into", "incident.toml"];
    folder.qsim(&arguments).expect_code(0);
    let file = std::fs::read_to_string(folder.path("incident.toml")).expect("the file");
    for part in ["# [[expect]]", "ORDER MARKET", "[market.synthetic]"] {
        assert!(file.contains(part), "no {part:?} in {file}");
    }
    assert!(folder.qsim(&["run", "incident.toml", "--journal", "again"]).code < 2, "it runs");
    let again = "again/incident-7.journal";
    let of = |journal: &str| {
        folder.qsim(&["journal", journal, "--find", "NewOrder"]).expect_code(0).stdout
    };
    let (then, now) = (of(A), of(again));
    assert!(!now.is_empty() && then.starts_with(&now), "the same orders: {now}");
    let minutes =
        |journal: &str| folder.qsim(&["journal", journal]).expect_code(0).stdout.lines().count();
    assert!(minutes(again) < minutes(A), "the window ends the run");
}
