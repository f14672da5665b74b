//! Real small model files behind the trait: an ONNX graph and trees, and those that are refused.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use models::{Kind, LearnSettings, ModelFile, Sample, learn};
use strategies::{Action, Features, Outside, Predictor, PredictorFault, Unrecorded};
use support::{onnx, rsi_weights};

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().expect("a folder"))
    }
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

fn open(kind: Kind, path: &std::path::Path) -> Result<ModelFile, String> {
    ModelFile::open("m", kind, path, 0.3, 18).map_err(|error| error.to_string())
}

fn at_rsi(rsi_14: f64) -> Features {
    Features { rsi_14, ..Features::default() }
}

#[test]
fn an_onnx_graph_votes() {
    let files = Files::new();
    // e^(-0.02 rsi) : 1 : e^(0.02 rsi) for SELL, HOLD, BUY.
    let bytes = onnx(&rsi_weights(&[-0.02, 0.0, 0.02]), "Softmax");
    assert!(bytes.len() < 500, "{} bytes", bytes.len());
    let model = open(Kind::Onnx, &files.write("three.onnx", &bytes)).expect("a model");
    assert_eq!((model.name(), model.weight()), ("m", 0.3));
    let opinion = model.predict(&at_rsi(100.0), 60, &mut Unrecorded).expect("an opinion");
    let e2 = libm_exp(2.0);
    let want = e2 / (e2 + 1.0 + 1.0 / e2);
    assert_eq!(opinion.action, Action::Buy);
    assert!((opinion.confidence - want).abs() < 1e-5, "{} {want}", opinion.confidence);
    let opinion = model.predict(&at_rsi(-100.0), 60, &mut Unrecorded).expect("an opinion");
    assert_eq!(opinion.action, Action::Sell);

    let one = open(Kind::Onnx, &files.write("one.onnx", &onnx(&rsi_weights(&[0.02]), "Sigmoid")));
    let one = one.expect("a model");
    let opinion = one.predict(&at_rsi(50.0), 60, &mut Unrecorded).expect("an opinion");
    assert!((opinion.confidence - 1.0 / (1.0 + libm_exp(-1.0))).abs() < 1e-5);
}

/// e^x by its series: enough for a comparison.
fn libm_exp(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..40 {
        term *= x / f64::from(n);
        sum += term;
    }
    sum
}

#[test]
fn a_model_that_goes_wrong_does_not_vote() {
    let files = Files::new();
    let nan = onnx(&rsi_weights(&[-0.02]), "Sqrt");
    let nan = open(Kind::Onnx, &files.write("nan.onnx", &nan)).expect("it runs");
    let said = nan.predict(&at_rsi(50.0), 60, &mut Unrecorded);
    assert_eq!(said, Err(PredictorFault::NoProbability));
    // What a recording says is what counts, whatever the model would say here.
    struct Recording;
    impl Outside for Recording {
        fn numbers(&mut self, out: &mut [f64], _: &mut dyn FnMut(&mut [f64])) {
            out.fill(0.875);
        }
    }
    let said = nan.predict(&at_rsi(50.0), 60, &mut Recording).expect("an opinion");
    assert_eq!((said.action, said.confidence), (Action::Buy, 0.875));
}

#[test]
fn files_that_cannot_be_used_are_named_with_a_remedy() {
    let files = Files::new();
    let two = files.write("two.onnx", &onnx(&rsi_weights(&[0.1, 0.2]), "Softmax"));
    let narrow = files.write("narrow.onnx", &onnx(&[vec![0.1], vec![0.1]], "Sigmoid"));
    let text = files.write("text.onnx", b"no model");
    let missing = files.0.path().join("missing.json");
    for (kind, path, remedy) in [
        (Kind::Onnx, &two, "the model gives 2 numbers"),
        (Kind::Onnx, &narrow, "export it with one float input"),
        (Kind::Onnx, &text, "no usable ONNX model"),
        (Kind::Tree, &text, "no usable tree model"),
        (Kind::Tree, &two, "give a file that"),
        (Kind::Tree, &missing, "give the path of a model file"),
    ] {
        let problem = open(kind, path).expect_err("refused");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(problem.contains(remedy) && problem.contains(&name), "{problem}");
    }
}

/// The price rises where the RSI was low, with some noise; the second half of it is held out.
fn samples(count: u64, told: bool) -> Vec<Sample> {
    let mut state = 1u64;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let sample = |n: u64| {
        let mut features = [0.0; 18];
        features.iter_mut().for_each(|f| *f = draw());
        features[7] = 100.0 * draw();
        let noise = draw();
        let rose = if told && noise < 0.9 { features[7] < 40.0 } else { draw() < 0.5 };
        Sample { time: n as i64, features, rose }
    };
    (0..count).map(sample).collect()
}

#[test]
fn trees_learn_what_is_there_and_their_file_votes() {
    let files = Files::new();
    let learned = learn(&samples(600, true), &LearnSettings::default()).expect("learned");
    assert_eq!((learned.samples, learned.held_out), (420, 180));
    assert!(learned.beats_the_constant(), "{:?} {:?}", learned.trees, learned.constant);
    assert!(learned.trees.accuracy > 0.85, "{:?}", learned.trees);
    let file = learned.file().expect("a file");
    // One data set, one file: trees are grown alike on every machine and any number of threads.
    let again = learn(&samples(600, true), &LearnSettings::default()).expect("learned");
    assert_eq!(again.file().expect("a file"), file);
    let model = open(Kind::Tree, &files.write("trees.json", &file)).expect("a model");
    let side = |rsi| model.predict(&at_rsi(rsi), 60, &mut Unrecorded).expect("one").action;
    assert_eq!((side(20.0), side(80.0)), (Action::Buy, Action::Sell));
    let wrong = files.write("cut.json", &file[..file.len() / 2]);
    assert!(open(Kind::Tree, &wrong).expect_err("refused").contains("cut.json"));
}

#[test]
fn noise_is_told_as_it_is() {
    let learned = learn(&samples(600, false), &LearnSettings::default()).expect("learned");
    assert!(!learned.beats_the_constant(), "{:?} {:?}", learned.trees, learned.constant);
    let few = learn(&samples(30, true), &LearnSettings::default()).expect_err("too few");
    assert!(few.to_string().contains("journals of longer runs"), "{few}");
    let none = LearnSettings { held_out: 1.0, ..LearnSettings::default() };
    assert!(learn(&samples(100, true), &none).is_err());
}
