//! `qsim sweep` as a researcher runs it: what it prints, what it leaves, and that neither depends on how it was run.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/running.rs"]
mod running;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use scenarios::sweep::{Results, TrialResult};
use scenarios::{NoProgress, RunOptions};
use support::{Folder, Output};

const SCENARIO: &str = "seed = 3\n[market.synthetic]\nminutes = 240\n";

const GRID: &str = r#"
scenario = "base.toml"
figures = ["trading_bot.entries"]
[sampler]
method = "grid"
[[axis]]
path = "account.wallet"
values = ["2000", "10000", "50000"]
[[axis]]
path = "pipeline.trading_bot.enabled"
values = [true, false]
[[objective]]
name = "end"
value = "figures['margin_balance'] - 2.0 * metrics['max_drawdown']"
goal = "maximize"
[metrics]
period = "10m"
"#;

fn folder(sweep: &str) -> Folder {
    let folder = Folder::new();
    folder.file("base.toml", SCENARIO);
    folder.file("sweep.toml", sweep);
    folder
}

fn results(folder: &Folder, into: &str) -> BTreeMap<u64, TrialResult> {
    let (_, all) = Results::read(&folder.path(into)).expect("results");
    all.into_iter().map(|result| (result.number, result.without_worker())).collect()
}

fn fine(output: Output) -> Output {
    let output = output.expect_code(0);
    assert!(output.stdout.contains("results in "), "{output:#?}");
    output
}

#[test]
fn a_trial_is_the_run_of_its_scenario() {
    let folder = folder(GRID);
    let output = fine(folder.qsim(&["sweep", "sweep.toml"]));
    let all = results(&folder, "sweep.sweep");
    assert_eq!(all.len(), 6);
    assert!(output.stdout.contains("probability of backtest overfitting: "), "{output:#?}");
    for (number, result) in &all {
        let of = |path: &str| result.point[path].to_string();
        let (wallet, bot) = (of("account.wallet"), of("pipeline.trading_bot.enabled"));
        let own = format!(
            "{SCENARIO}[account]\nwallet = {wallet}\n[pipeline.trading_bot]\nenabled = {bot}\n"
        );
        folder.file("one.toml", own);
        let run = folder.run_json("one.toml");
        assert_eq!(run["digest"], result.digest.as_str(), "trial {number}");
        assert_eq!(result.error, None);
        assert_eq!((result.seed, result.passed), (3, true));
    }
    // In the order of the grid: the last axis changes fastest.
    assert_eq!(all[&1].point["pipeline.trading_bot.enabled"], false);
    assert_eq!(all[&1].metrics["trades"], Some(0.0), "nobody trades without the bot");
    assert_eq!(all[&1].objectives, [Some(2_000.0)]);
    // To run it again runs nothing again.
    let again = fine(folder.qsim(&["sweep", "sweep.toml"]));
    assert!(again.stderr.contains("6 of 6 trials are in sweep.sweep already"), "{again:#?}");
    assert_eq!(again.stdout, output.stdout);
}

/// The sweep of another sampler, whose first axis has no end of values.
fn latencies(method: &str) -> String {
    GRID.replace("method = \"grid\"", method).replace(
        "path = \"account.wallet\"\nvalues = [\"2000\", \"10000\", \"50000\"]",
        "path = \"exchange.request_latency_us\"\nrange = { from = 1000, to = 900000 }",
    )
}

#[test]
fn workers_and_samplers_change_nothing() {
    for method in [
        "method = \"random\"\ntrials = 10",
        "method = \"latin_hypercube\"\ntrials = 10",
        "method = \"sobol\"\ntrials = 10",
        "method = \"tpe\"\ntrials = 14\nbatch = 4\nstartup = 6",
    ] {
        let sweep = latencies(method);
        let folder = folder(&sweep);
        // Forty-four trials, twice: an hour each is enough to differ.
        folder.file("base.toml", SCENARIO.replace("240", "60"));
        fine(folder.qsim(&["sweep", "sweep.toml", "--into", "one", "--jobs", "1"]));
        fine(folder.qsim(&["sweep", "sweep.toml", "--into", "two", "--jobs", "2"]));
        let (one, two) = (results(&folder, "one"), results(&folder, "two"));
        assert_eq!(one, two, "{method}");
        let points: std::collections::BTreeSet<String> =
            one.values().map(|result| format!("{:?}", result.point)).collect();
        assert!(points.len() > 8, "{method}: {points:?}");
    }
}

/// Kill it at any moment: what was written is not run again, and the rest comes out the same.
#[test]
fn an_interrupted_sweep_goes_on() {
    let sweep = latencies("method = \"tpe\"\ntrials = 24\nbatch = 4\nstartup = 6");
    let folder = folder(&sweep);
    fine(folder.qsim(&["sweep", "sweep.toml", "--into", "whole"]));
    let whole = results(&folder, "whole");
    let words = ["sweep", "sweep.toml", "--into", "parts", "--jobs", "1"];
    let parts = |folder: &Folder| {
        let path = folder.path("parts");
        let all = std::fs::read_dir(path).map(|dir| dir.flatten().count()).unwrap_or(0);
        all.saturating_sub(1)
    };
    let mut lives = 0;
    for signal in ["INT", "KILL", "TERM"] {
        let before = parts(&folder);
        let session = running::Running::start(folder.root(), &words);
        running::until("a part", || (parts(&folder) > before).then_some(()));
        session.signal(signal);
        let ended = session.end();
        assert!(signal == "KILL" || ended.code == 1 || ended.code == 0, "{ended:#?}");
        lives += usize::from(ended.code == 1);
    }
    assert!(lives >= 1, "it was interrupted at least once");
    fine(folder.qsim(&words));
    assert_eq!(results(&folder, "parts"), whole);
    let left: Vec<_> =
        std::fs::read_dir(folder.path("parts")).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 2, "one table and what the sweep is: {left:?}");
}

#[test]
fn what_shares_its_beginning_is_forked_and_comes_out_the_same() {
    let sweep = r#"
scenario = "base.toml"
[sampler]
method = "grid"
[[axis]]
path = "timeline.0.at"
values = ["200m", "210m", "220m"]
[[axis]]
path = "timeline.0.slow.factor"
values = [2.0, 50.0]
[[objective]]
name = "end"
value = "figures['margin_balance']"
goal = "maximize"
[metrics]
period = "10m"
"#;
    let folder = folder(sweep);
    folder.file(
        "base.toml",
        format!("{SCENARIO}[[timeline]]\nat = \"200m\"\nuntil = \"239m\"\nslow = {{ service = \"intent_executor\", factor = 2.0 }}\n"),
    );
    fine(folder.qsim(&["sweep", "sweep.toml", "--into", "forked"]));
    fine(folder.qsim(&["sweep", "sweep.toml", "--into", "whole", "--no-forks"]));
    assert_eq!(results(&folder, "forked"), results(&folder, "whole"));
}

#[test]
fn repetitions_are_judged_together() {
    let sweep = format!(
        "{GRID}[robust]\nseeds = [3, 4, 5]\naggregate = \"worst\"\n[[robust.mixes]]\nname = \"slow venue\"\nset = {{ exchange = {{ request_latency_us = 400000 }} }}\n[[robust.mixes]]\nname = \"as it is\"\nset = {{}}\n"
    );
    let folder = folder(&sweep);
    fine(folder.qsim(&["sweep", "sweep.toml"]));
    for result in results(&folder, "sweep.sweep").values() {
        assert_eq!(result.repetitions.len(), 6, "three seeds, two mixes");
        let worst = result.repetitions.iter().filter_map(|of| of[0]).fold(f64::INFINITY, f64::min);
        assert_eq!(result.objectives, [Some(worst)]);
    }
}

#[test]
fn a_trial_that_fails_says_why_and_the_others_go_on() {
    let folder = folder(&GRID.replace("\"50000\"]", "\"-5\"]"));
    let output = fine(folder.qsim(&["sweep", "sweep.toml"]));
    assert!(output.stderr.contains("trial 4 has no result: "), "{output:#?}");
    assert!(output.stdout.contains("6 trials, 2 without a result"), "{output:#?}");
    let all = results(&folder, "sweep.sweep");
    let error = all[&4].error.as_deref().expect("a reason");
    assert!(error.contains("account.wallet is -5"), "{error}");
}

fn refused(sweep: &str, words: &[&str]) {
    let folder = folder(sweep);
    let output = folder.qsim(&["sweep", "sweep.toml"]).expect_code(2);
    for word in words {
        assert!(output.stderr.contains(word), "{word} in {}", output.stderr);
    }
    assert!(!Path::new(&folder.path("sweep.sweep/trials.parquet")).exists());
}

#[test]
fn what_cannot_be_swept_is_told_with_its_place() {
    refused(&GRID.replace("account.wallet", "account.walet"), &["base.toml", "walet", "wallet"]);
    refused(
        &GRID.replace("max_drawdown", "max_drawdow"),
        &["max_drawdow", "did you mean \"max_drawdown\""],
    );
    refused(&GRID.replace("\"grid\"", "\"grit\""), &["sweep.toml:", "grit"]);
    refused(
        &GRID.replace("goal = \"maximize\"", "goal = \"maximise\""),
        &["sweep.toml:", "maximise"],
    );
    refused(&GRID.replace("figures['margin_balance']", "figures['margin_balance'"), &["no CEL"]);
    refused(&GRID.replace("base.toml", "bass.toml"), &["bass.toml"]);
    refused(&format!("constraints = [\"point['account.wallet'] == '1'\"]\n{GRID}"), &["no point"]);
}

#[test]
fn results_of_another_sweep_are_left_alone() {
    let folder = folder(GRID);
    fine(folder.qsim(&["sweep", "sweep.toml"]));
    folder.file("base.toml", SCENARIO.replace("240", "120"));
    let output = folder.qsim(&["sweep", "sweep.toml"]).expect_code(2);
    assert!(output.stderr.contains("the results of another sweep"), "{output:#?}");
}

/// What `market.window` cuts out by hand is what a fold runs; the choice is that of the training.
#[test]
fn folds_choose_on_one_stretch_and_judge_on_another() {
    let folds = "[folds]\nmethod = \"walk_forward\"\ntrain = \"2h\"\ntest = \"1h\"\n[metrics]";
    let sweep = GRID.replace("[metrics]", folds);
    let folder = folder(&sweep);
    let output = fine(folder.qsim(&["sweep", "sweep.toml"]));
    assert!(output.stdout.contains("out of sample"), "{output:#?}");
    let (file, all) = Results::read(&folder.path("sweep.sweep")).expect("results");
    let came_to = scenarios::sweep::summary(&file, &all);
    let validation = came_to.validation.expect("folds").expect("a validation");
    assert_eq!(validation.folds.len(), 2);
    for (number, fold) in validation.folds.iter().enumerate() {
        let hour = |at: i64| at / 3_600_000_000_000 % 24;
        let (train, test) = (fold.train[0], fold.test[0]);
        assert_eq!((hour(train.from), hour(train.to)), (number as i64, number as i64 + 2));
        assert_eq!((hour(test.from), hour(test.to)), (number as i64 + 2, number as i64 + 3));
        // Each trial's objective there, from runs by hand.
        let mut by_hand: Vec<(u64, [f64; 2])> = Vec::new();
        for result in &all {
            let end = |span: scenarios::sweep::Span| {
                let of = |path: &str| result.point[path].to_string();
                let (wallet, bot) = (of("account.wallet"), of("pipeline.trading_bot.enabled"));
                let (from, to) = (engine::Nanos(span.from), engine::Nanos(span.to));
                let own = format!(
                    "{SCENARIO}[market.window]\nfrom = \"{from}\"\nto = \"{to}\"\n[account]\nwallet = {wallet}\n[pipeline.trading_bot]\nenabled = {bot}\n"
                );
                let own = scenarios::Scenario::parse("one.toml", &own).expect("it reads");
                let run = scenarios::run(&own, &RunOptions::default(), &NoProgress);
                let end = run.expect("it runs").figures["margin_balance"];
                f64::try_from(end).expect("a number")
            };
            by_hand.push((result.number, [end(train), end(test)]));
        }
        let best = by_hand
            .iter()
            .fold(by_hand[0], |best, one| if one.1[0] > best.1[0] { *one } else { best });
        assert_eq!(fold.chosen, Some(best.0));
        // The drawdown, twice, is what the objective takes away from the balance.
        let judged = fold.out_of_sample.expect("a value");
        assert!(judged <= best.1[1] && judged > best.1[1] - 2.0, "{judged} {:?}", best.1);
        assert_eq!((fold.trials, fold.rank), (6, Some(1)), "more money has more at the end");
    }
    let [way] = &validation.ways[..] else { panic!("one way: {:?}", validation.ways) };
    assert_eq!((way.returns.len(), way.sat_out), (12, 0));
    let product: f64 = way.returns.iter().map(|one| 1.0 + one).product();
    assert!((product - 1.0 - way.total_return).abs() < 1e-12);

    // Each stretch is a column by its times.
    let columns = scenarios::sweep::columns(&all, &["end".to_owned()], &[]);
    let first = "window.2026-01-01T00:00:00Z/2026-01-01T02:00:00Z.objective.end";
    let cells = columns.iter().find(|(name, _)| name == first).map(|(_, cells)| cells);
    let Some(scenarios::Cells::Floats(cells)) = cells else { panic!("no {first}") };
    assert_eq!(cells[0], all[0].windows[0].objectives[0]);
    assert_eq!(columns.iter().filter(|(name, _)| name.starts_with("window.")).count(), 4);

    // The workers change nothing, and TPE would know the tests.
    fine(folder.qsim(&["sweep", "sweep.toml", "--into", "one", "--jobs", "1"]));
    assert_eq!(results(&folder, "one"), results(&folder, "sweep.sweep"));
    folder.file("tpe.toml", sweep.replace("method = \"grid\"", "method = \"tpe\"\ntrials = 4"));
    let refused = folder.qsim(&["sweep", "tpe.toml"]).expect_code(2);
    assert!(refused.stderr.contains("would know the tests"), "{refused:#?}");
}

/// Markets, windows and bootstraps of them are axes like any other.
#[test]
fn markets_and_windows_are_axes() {
    let sweep = r#"
scenario = "base.toml"
[sampler]
method = "grid"
[[axis]]
path = "market"
values = [{ synthetic = { minutes = 240 } }, { synthetic = { minutes = 240, model = "garch" } }]
[[axis]]
path = "market.window"
values = [
    { from = "2026-01-01T00:00:00Z", to = "2026-01-01T02:00:00Z" },
    { from = "2026-01-01T02:00:00Z", to = "2026-01-01T04:00:00Z" },
]
[robust]
seeds = [1, 2]
aggregate = "worst"
[[robust.mixes]]
name = "as it was"
set = {}
[[robust.mixes]]
name = "bootstrapped"
set = { market = { perturbation = { bootstrap_minutes = 30 } } }
[[objective]]
name = "end"
value = "figures['margin_balance']"
goal = "maximize"
"#;
    let folder = folder(sweep);
    fine(folder.qsim(&["sweep", "sweep.toml"]));
    let all = results(&folder, "sweep.sweep");
    assert_eq!(all.len(), 4);
    let digests: std::collections::BTreeSet<&str> =
        all.values().map(|result| result.digest.as_str()).collect();
    assert_eq!(digests.len(), 4, "each is another market: {digests:?}");
    assert!(all.values().all(|result| result.error.is_none() && result.repetitions.len() == 4));
}
