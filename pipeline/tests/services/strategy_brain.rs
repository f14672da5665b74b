//! Strategy brain: MSE 5.2. How the router and the orchestrator take its silence stands with them.

use engine::{Body, Symbol};
use pipeline::PipelineSettings;
use pipeline::records::{SignalAction, StrategyReply, StrategyRequest};

use crate::questions::{ask, ask_anything, asked};

const BRAIN: &str = "strategy_brain";

fn question(confidence: f64) -> StrategyRequest {
    StrategyRequest {
        symbol: Symbol::new("BTCUSDT").expect("a symbol"),
        direction: SignalAction::Buy,
        confidence,
        entry_price: None,
        regime: None,
    }
}

/// The reference's stub approves whatever it is asked, with a confidence of 0.8.
#[test]
fn it_approves_everything_by_default() {
    let mut bench = asked(BRAIN, &PipelineSettings::default());
    for confidence in [0.0, 0.5, 1.0] {
        let reply: StrategyReply = ask(&mut bench, question(confidence)).expect("a reply");
        assert_eq!((reply.approved, reply.confidence), (true, 0.8));
        assert_eq!(reply.reason, "approved");
    }
    assert_eq!(bench.counter(BRAIN, "approved"), 3);
}

#[test]
fn below_its_confidence_it_refuses() {
    let mut settings = PipelineSettings::default();
    settings.strategy_brain.min_confidence = 0.7;
    let mut bench = asked(BRAIN, &settings);
    for (confidence, approved) in [(0.69, false), (0.7, true)] {
        let reply: StrategyReply = ask(&mut bench, question(confidence)).expect("a reply");
        assert_eq!(reply.approved, approved, "{confidence}");
        assert_eq!(reply.reason, if approved { "approved" } else { "confidence" });
    }
    assert_eq!((bench.counter(BRAIN, "refused"), bench.counter(BRAIN, "approved")), (1, 1));
}

/// Silence is an outage to its callers, and they know what to do in one.
#[test]
fn a_malformed_question_has_no_reply() {
    let mut bench = asked(BRAIN, &PipelineSettings::default());
    let whole = [("symbol", "BTCUSDT"), ("direction", "BUY"), ("confidence", "0.8")];
    let with = |at: usize, value: &'static str| {
        let mut fields = whole;
        fields[at].1 = value;
        Body::fields(&fields)
    };
    let bad = [Body::fields(&whole[..2]), with(1, "UP"), with(2, "NaN"), with(2, "a lot")];
    for (at, question) in bad.into_iter().enumerate() {
        let reply: Option<StrategyReply> = ask_anything(&mut bench, question);
        assert!(reply.is_none(), "question {at}");
    }
    assert_eq!(bench.counter(BRAIN, "requests_malformed"), 4);
    assert!(ask_anything::<StrategyReply>(&mut bench, Body::fields(&whole)).is_some());
}
