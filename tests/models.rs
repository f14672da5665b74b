//! Model files in a whole run: they vote, a replay does not depend on them, and the learner makes one from
//! journals and says how it compares with a constant.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../models/tests/support/mod.rs"]
mod files;
mod support;

use files::{onnx, rsi_weights};
use support::{Folder, text};

fn scenario(minutes: u32, models: &str) -> String {
    format!(
        "[market.synthetic]\nminutes = {minutes}\n\n[pipeline.ai_engine]\nmodels = [{models}]\n"
    )
}

const OWN: &str = r#"{ name = "own", kind = "onnx", file = "own.onnx", weight = 0.9 }"#;

/// Settled, Floats: what a model says is an input of the run.
#[test]
fn a_replay_reads_the_models_outputs_from_the_journal() {
    let folder = Folder::new();
    let bullish = onnx(&rsi_weights(&[0.05]), "Sigmoid");
    folder.file("own.onnx", &bullish);
    folder.file("a.toml", scenario(240, OWN));
    folder.file("b.toml", scenario(240, ""));
    let run = |name: &str| {
        let arguments = ["run", name, "--seed", "7", "--journal", "journals", "--format", "json"];
        folder.qsim(&arguments).expect_code(0).json()
    };
    let (with, without) = (run("a.toml"), run("b.toml"));
    assert_ne!(with["digest"], without["digest"], "the model votes");
    // The same file name, and a model that says the opposite.
    folder.file("own.onnx", onnx(&rsi_weights(&[-0.05]), "Sigmoid"));
    let replay = folder.qsim(&["replay", "journals/a-7.journal", "--format", "json"]);
    assert_eq!(text(&replay.expect_code(0).json(), "verdict"), "pass");
    let other = run("a.toml");
    assert_ne!(other["digest"], with["digest"], "a run asks the model");
    let printed = folder.qsim(&["journal", "journals/a-7.journal"]).expect_code(0);
    assert!(printed.stdout.contains("numbers from outside for ai_engine"));
}

/// NaN is counted, and the model does not vote.
#[test]
fn a_model_that_says_nan_is_left_out() {
    let folder = Folder::new();
    folder.file("own.onnx", onnx(&rsi_weights(&[-0.02]), "Sqrt"));
    let expect = "\n[[expect]]\nname = \"counted\"\nfigure = \"ai_engine.models_without_a_probability\"\nat_least = 100\n";
    folder.file("a.toml", scenario(120, OWN) + expect);
    folder.qsim(&["run", "a.toml"]).expect_code(0);
}

#[test]
fn a_model_file_that_cannot_be_used_is_named_with_a_remedy() {
    let folder = Folder::new();
    folder.file("a.toml", scenario(60, OWN));
    let missing = folder.qsim(&["run", "a.toml"]);
    assert_ne!(missing.code, 0);
    assert!(
        missing.stderr.contains("own.onnx") && missing.stderr.contains("give the path"),
        "{}",
        missing.stderr
    );
    folder.file("own.onnx", "no graph");
    let bad = folder.qsim(&["run", "a.toml"]);
    assert!(bad.stderr.contains("no usable ONNX model"), "{}", bad.stderr);
}

/// Journals in, a comparison and a model file out, and the engine loads it.
#[test]
fn the_learner_compares_itself_with_a_constant() {
    let folder = Folder::new();
    folder.file("a.toml", scenario(2 * 1_440, ""));
    for seed in ["1", "2"] {
        let run = ["run", "a.toml", "--seed", seed, "--journal", "journals", "--format", "json"];
        folder.qsim(&run).expect_code(0);
    }
    let mut learn = vec!["pipeline", "learn", "journals/a-1.journal", "journals/a-2.journal"];
    learn.extend(["--least", "3", "--out", "learned.json"]);
    let told = folder.qsim(&learn).expect_code(0).stdout;
    for word in ["held out", "trees", "constant", "told the held-out part better", "learned.json"] {
        assert!(told.contains(word), "no {word:?} in {told}");
    }
    learn.extend(["--format", "json"]);
    let line = folder.qsim(&learn).expect_code(0).json();
    let better = text(&line, "better");
    let loss = |who: &str| line[who]["log_loss"].as_f64().expect("a number");
    assert_eq!(better == "trees", loss("trees") < loss("constant"), "{line}");
    assert!(line["outcomes"].as_u64().expect("a number") >= 3);
    let model = || std::fs::read(folder.path("learned.json")).expect("a model");
    let first = model();
    folder.qsim(&learn).expect_code(0);
    assert_eq!(model(), first, "journals make one model");

    let learned = r#"{ name = "learned", kind = "tree", file = "learned.json" }"#;
    folder.file("b.toml", scenario(180, learned));
    folder.qsim(&["run", "b.toml", "--format", "json"]).expect_code(0);
    let few = folder.qsim(&["pipeline", "learn", "journals/a-1.journal", "--least", "100000"]);
    assert!(few.expect_code(2).stderr.contains("journals of longer runs"));
}
