//! The page and the JSON of a report, against the contract of the page.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use reports::page::{
    Axis, Bars, Breakdown, BreakdownColumn, Chains, Column, Comparison, Degradation, Direction,
    Edge, Equity, FORMAT, Failed, Figure, FirstDifference, FoldWindow, Gates, KillScore, Lazy,
    LazyChains, Node, NodeKind, Note, Objective, Overfitting, Progress, Reason, ReasonKind, Report,
    Run, RunReport, Sweep, SweepReport, SymbolBars, Topology, Trades, TrialMetric, Trials,
    WalkForward, write_html, write_json,
};
use serde_json::Value as Json;

const CONTRACT: &str = include_str!("../web/data.d.ts");
const HOSTILE: &str = "</script><!--title--><img src=x onerror=alert(1)>\"&";

fn text() -> Option<String> {
    Some(HOSTILE.to_owned())
}

fn note() -> Note {
    Note { text: HOSTILE.to_owned(), detail: text() }
}

fn numbers() -> Column {
    Column::Floats(vec![0.5, f64::NAN])
}

fn figure() -> Figure {
    Figure {
        name: "sharpe".to_owned(),
        value: Some(f64::INFINITY),
        unit: Some("ratio"),
        definition: text(),
        source: text(),
        better: Some("higher"),
        headline: true,
        group: Some("Equity"),
    }
}

fn trades() -> Trades {
    let mut chains = Chains::default();
    chains.push([(1, "a", "one"), (2, "b", HOSTILE)]);
    chains.push([(3, "a", "three")]);
    Trades {
        reasons: vec![Reason { name: HOSTILE.to_owned(), kind: Some(ReasonKind::Stop) }],
        id: Column::Even { start: 1, step: 1, count: 2 },
        symbol: Column::Whole(vec![0, 0]),
        side: Column::Whole(vec![0, 1]),
        entry_ms: Column::times(&[5, 9]),
        exit_ms: Column::Gaps(vec![Some(7), None]),
        entry_price: numbers(),
        exit_price: numbers(),
        qty: numbers(),
        pnl: numbers(),
        fees: numbers(),
        funding: numbers(),
        slippage: numbers(),
        ret: numbers(),
        mae: numbers(),
        mfe: numbers(),
        stop_price: numbers(),
        reason: Column::Gaps(vec![Some(0), None]),
        chains: Some(LazyChains::Here(chains)),
    }
}

/// A run that leaves nothing out.
fn run() -> Run {
    let column = BreakdownColumn {
        name: "trades".to_owned(),
        unit: Some("count"),
        definition: text(),
        values: vec![Some(1.0), None],
    };
    let breakdown = Breakdown { keys: vec![HOSTILE.to_owned()], metrics: vec![column] };
    let price = || Some(numbers());
    let bars =
        Bars { time_ms: numbers(), open: price(), high: price(), low: price(), close: numbers() };
    let kill_score = Some(KillScore { time_ms: numbers(), value: numbers(), threshold: Some(0.5) });
    let node = Node {
        name: HOSTILE.to_owned(),
        kind: NodeKind::Service,
        dead_letters: Some(1),
        note: text(),
    };
    let edge = Edge { from: 0, to: 0, count: 3, lag_p50_ms: Some(0.5), lag_p99_ms: Some(f64::NAN) };
    let equity =
        Equity { time_ms: Column::times(&[1, 2]), equity: numbers(), drawdown: Some(numbers()) };
    Run {
        name: HOSTILE.to_owned(),
        scenario: text(),
        seed: text(),
        digest: text(),
        version: text(),
        from_ms: Some(1),
        to_ms: Some(2),
        facts: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        assumptions: vec![note()],
        warnings: vec![note()],
        metrics: vec![figure()],
        symbols: vec![HOSTILE.to_owned()],
        equity: Some(Lazy::Here(equity)),
        bars: vec![SymbolBars { symbol: 0, bars: Lazy::Here(bars) }],
        trades: Some(Lazy::Here(trades())),
        gates: Some(Lazy::Here(Gates { kill_score, ..Gates::default() })),
        topology: Some(Lazy::Here(Topology { nodes: vec![node], edges: vec![edge] })),
        by_symbol: Some(breakdown.clone()),
        by_reason: Some(breakdown),
        missing: [("bars", HOSTILE.to_owned())].into(),
    }
}

fn of_runs() -> Report {
    let first = FirstDifference {
        index: 1,
        time_ms: Some(2),
        a: HOSTILE.to_owned(),
        b: HOSTILE.to_owned(),
        before: vec![HOSTILE.to_owned()],
    };
    let comparison = Comparison {
        first_difference: Some(Some(first)),
        trades_only: Some([vec![0], Vec::new()]),
        notes: vec![note()],
    };
    Report::Run(Box::new(RunReport {
        format: FORMAT,
        title: text(),
        runs: vec![run(), run()],
        comparison: Some(comparison),
    }))
}

fn of_sweep() -> Report {
    let metric = TrialMetric {
        name: HOSTILE.to_owned(),
        unit: Some("USDT"),
        definition: text(),
        better: Some("lower"),
        values: numbers(),
    };
    let texts = || vec![HOSTILE.to_owned()];
    let trials = Trials {
        id: numbers(),
        parameters: vec![numbers()],
        objectives: vec![numbers()],
        metrics: vec![metric],
        seed: texts(),
        digest: texts(),
        worker: texts(),
        neighbour_median: vec![numbers()],
    };
    let degradation = Degradation {
        in_sample: vec![0.5],
        out_of_sample: vec![0.25],
        slope: Some(1.0),
        intercept: Some(0.0),
    };
    let overfitting = Overfitting {
        statistics: vec![figure()],
        logits: vec![0.5],
        degradation: Some(degradation),
        notes: vec![note()],
    };
    let objective = Objective {
        name: HOSTILE.to_owned(),
        direction: Direction::Max,
        unit: Some("ratio"),
        definition: text(),
    };
    let failed =
        Failed { id: 1, reason: HOSTILE.to_owned(), parameters: serde_json::Map::default() };
    let axis = Axis { name: HOSTILE.to_owned(), path: text(), log: true, choices: Some(texts()) };
    Report::Sweep(Box::new(SweepReport {
        format: FORMAT,
        title: text(),
        sweep: Sweep {
            name: HOSTILE.to_owned(),
            scenario: text(),
            seed: text(),
            sampler: text(),
            version: text(),
            digest: text(),
            facts: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
            assumptions: vec![note()],
            warnings: vec![note()],
            axes: vec![axis],
            objectives: vec![objective],
            progress: Some(Progress { planned: 3, done: 1, failed: 1 }),
            trials: Lazy::Here(trials),
            failed: vec![failed],
            walk_forward: Some(Lazy::Here(WalkForward {
                scheme: HOSTILE.to_owned(),
                objective: Objective {
                    name: HOSTILE.to_owned(),
                    direction: Direction::Max,
                    unit: None,
                    definition: None,
                },
                windows: vec![FoldWindow {
                    train_from_ms: 1,
                    train_to_ms: 2,
                    test_from_ms: 2,
                    test_to_ms: 3,
                    train: Some(1.0),
                    test: None,
                    parameters: [("id".to_owned(), HOSTILE.into())].into_iter().collect(),
                }],
                equity: None,
            })),
            overfitting: Some(Lazy::Here(overfitting)),
            missing: [("walk_forward", HOSTILE.to_owned())].into(),
        },
    }))
}

fn page(report: Report) -> String {
    let mut out = Vec::new();
    write_html(&mut out, report).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

/// The parts of a page, which are small here: all of them are JSON.
fn parts(page: &str) -> Vec<(String, Json)> {
    let part = |element: &str| {
        let (name, rest) = element.split_once('"').expect("a name");
        let json = rest.strip_prefix(" data-encoding=\"json\">").expect("JSON");
        let json = json.split_once("</script>").expect("an end").0;
        (name.to_owned(), serde_json::from_str(json).expect("JSON"))
    };
    page.split("<script type=\"application/json\" data-part=\"").skip(1).map(part).collect()
}

#[test]
fn a_page_is_the_built_one_with_the_data_in_it() {
    for report in [of_runs(), of_sweep()] {
        let page = page(report.clone());
        assert_eq!(page, self::page(report), "the same bytes again");
        for built in [include_str!("../web/dist/report.css"), include_str!("../web/dist/report.js")]
        {
            assert!(page.contains(built), "byte for byte");
        }
        // Its own text may name a marker; it is told as text.
        assert!(!page.contains("<img") && !page.contains("<!--"), "text left its place");
        assert!(page.contains("<title>&lt;/script>&lt;!--title-->&lt;img"), "the title is text");
        assert!(page.trim_end().ends_with("</html>"));
    }
}

#[test]
fn what_is_heavy_stands_in_parts() {
    let runs = page(of_runs());
    let runs = parts(&runs);
    let names: Vec<&str> = runs.iter().map(|(name, _)| name.as_str()).collect();
    let of_run = ["equity", "chains/0", "trades", "bars/0", "gates", "topology"];
    let expected = ["run0", "run1"]
        .into_iter()
        .flat_map(|run| of_run.into_iter().map(move |part| format!("{run}/{part}")));
    let expected: Vec<String> = std::iter::once("report".to_owned()).chain(expected).collect();
    assert_eq!(names, expected);
    let report = &runs[0].1;
    assert_eq!(report["kind"], "run");
    assert_eq!(report["runs"][1]["trades"]["part"], "run1/trades");
    assert_eq!(report["runs"][0]["metrics"][0]["value"], Json::Null, "nothing is infinite");
    let trades = &runs[3].1;
    assert_eq!(trades["chains"]["part"], "run0/chains");
    assert_eq!(trades["chains"]["rows_per_part"], 200);
    let chains = &runs[2].1;
    assert_eq!(chains["offsets"], serde_json::json!([0, 2, 3]));
    assert_eq!(chains["texts"][1], HOSTILE);

    let sweep = page(of_sweep());
    let sweep = parts(&sweep);
    assert_eq!(sweep.len(), 2);
    assert_eq!(sweep[0].1["sweep"]["trials"]["part"], "sweep/trials");
    assert_eq!(sweep[1].1["worker"][0], HOSTILE);
}

#[test]
fn chains_are_cut_where_a_part_ends() {
    let mut chains = Chains::default();
    for trade in 0..450_i64 {
        let steps = (0..trade % 3).map(|step| (trade * 10 + step, "service", "text"));
        chains.push(steps);
    }
    let Report::Run(mut report) = of_runs() else { panic!("a run") };
    report.runs.truncate(1);
    let columns = Trades { chains: Some(LazyChains::Here(chains.clone())), ..trades() };
    report.runs[0].trades = Some(Lazy::Here(columns));
    let page = page(Report::Run(report));
    let parts = parts(&page);
    let mut trade = 0;
    for number in 0..3 {
        let name = format!("run0/chains/{number}");
        let piece = &parts.iter().find(|(there, _)| *there == name).expect("a part").1;
        let offsets = piece["offsets"].as_array().expect("offsets");
        let offsets: Vec<usize> =
            offsets.iter().map(|at| at.as_u64().expect("whole") as usize).collect();
        assert_eq!(offsets.len(), if number < 2 { 201 } else { 51 });
        for pair in offsets.windows(2) {
            let times = piece["time_ms"].as_array().expect("times")[pair[0]..pair[1]].iter();
            let times: Vec<i64> = times.map(|time| time.as_i64().expect("whole")).collect();
            let own: Vec<i64> = chains.chain(trade).map(|(time, _, _)| time).collect();
            assert_eq!(times, own, "trade {trade}");
            trade += 1;
        }
    }
    assert_eq!(trade, 450);
}

/// Names of the keys, at any depth.
fn keys(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Array(all) => all.iter().for_each(|one| keys(one, found)),
        Json::Object(of) => {
            for (key, value) in of {
                found.insert(key.clone());
                // Its keys are panels' names.
                if key != "missing" {
                    keys(value, found);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_is_one_of_the_contract() {
    let mut found = BTreeSet::new();
    for report in [of_runs(), of_sweep()] {
        let mut json = Vec::new();
        write_json(&mut json, &report).expect("written");
        keys(&serde_json::from_slice(&json).expect("JSON"), &mut found);
        parts(&page(report)).iter().for_each(|(_, json)| keys(json, &mut found));
    }
    let names = |line: &str| -> Vec<String> {
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || "_?:".contains(c)));
        let named = words.filter_map(|word| word.strip_suffix(':'));
        named.map(|name| name.trim_end_matches('?').to_owned()).collect()
    };
    let contract: BTreeSet<String> = CONTRACT.lines().flat_map(names).collect();
    let unknown: Vec<&String> = found.difference(&contract).collect();
    assert!(unknown.is_empty(), "not in data.d.ts: {unknown:?}");
    assert!(found.len() > 90, "only {} keys were written", found.len());
}
