//! A run for its page: it is run once more, with its record kept and its journal read.

use std::path::Path;

use reports::metrics::{
    EquityMetrics, ExposureMetrics, FillMetrics, Metric, RunMetrics, Settings, TradeMetrics,
};
use reports::page::{
    Breakdown, BreakdownColumn, Column, Equity, Figure, Lazy, LazyChains, Note, Run, definition,
    unit,
};
use scenarios::{
    NoProgress, Recording, RunOptions, RunRecord, Scenario, ScenarioReport, Verdict, market_lines,
};

use super::source::Asked;
use super::trades;

/// A longer journal is not read for a picture: it is read whole into memory.
const JOURNAL_BYTES_MAX: u64 = 1 << 30;
/// Of more trades no causes are looked for: each takes milliseconds.
const CHAINS_MAX: usize = 2_000;
/// The figures that stand large at the top.
const HEADLINE: [&str; 6] =
    ["total_return", "sharpe", "max_drawdown", "trades", "hit_rate", "fees"];

/// A run with all that was kept of it.
pub struct Told {
    /// For its page.
    pub run: Run,
    /// Equity, fills and trades.
    pub record: RunRecord,
    /// Its journal, unless it is too long.
    pub recording: Option<Recording>,
}

/// Runs it and tells of it.
pub fn tell(asked: &Asked, data: Option<&Path>) -> Result<Told, String> {
    let Asked { scenario, recorded } = asked;
    let folder = tempfile::tempdir()
        .map_err(|error| format!("a temporary folder: {error}; {}", engine::io_remedy(&error)))?;
    let options = RunOptions {
        data: data.map(Path::to_owned),
        journals: Some(folder.path().to_owned()),
        record: true,
        ..RunOptions::default()
    };
    let report =
        scenarios::run(scenario, &options, &NoProgress).map_err(|error| error.to_string())?;
    let ScenarioReport { record, journal, .. } = &report;
    let record = record.clone().unwrap_or_default();
    let mut run = facts(scenario, &report);
    run.symbols = scenario.symbols().iter().map(|one| one.as_str().to_owned()).collect();
    if let Some(recorded) = recorded.as_ref().filter(|recorded| **recorded != report.digest) {
        let text = format!(
            "the journal was recorded with the digest {recorded}, and this run has another: `qsim replay {}` says where they part",
            scenario.origin
        );
        run.warnings.insert(0, text.into());
    }
    measure(&mut run, &record)?;
    run.equity = Some(Lazy::Here(equity(&record)));
    match scenarios::bars(scenario, data) {
        Ok(bars) if bars.is_empty() => {
            run.missing.insert("bars", "The market tells no prices of trades.".to_owned());
        }
        Ok(bars) => run.bars = bars,
        Err(error) => {
            run.missing.insert("bars", format!("The market cannot be read again: {error}"));
        }
    }
    let recording = match journal {
        Some(path) if bytes(path) <= JOURNAL_BYTES_MAX => {
            Some(Recording::open(path).map_err(|error| error.to_string())?)
        }
        _ => None,
    };
    connect(&mut run, recording.as_ref());
    let mut columns = trades::columns(&record);
    match recording.as_ref().filter(|_| record.trades.len() <= CHAINS_MAX) {
        Some(recording) => {
            let orders: Vec<[&str; 2]> = record
                .trades
                .iter()
                .map(|trade| [&*trade.entry_order, &*trade.exit_order])
                .chain(record.open.iter().map(|_| ["", ""]))
                .collect();
            columns.chains = Some(LazyChains::Here(scenarios::chains(recording, &orders)));
        }
        None => run.facts.push((
            "Causes of a trade".to_owned(),
            "too many for this report: `qsim run --journal DIR` writes the journal, and `qsim explain JOURNAL --order ID` tells them".to_owned(),
        )),
    }
    run.trades = Some(Lazy::Here(columns));
    Ok(Told { run, record, recording })
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len())
}

/// What the journal knows.
fn connect(run: &mut Run, recording: Option<&Recording>) {
    let Some(recording) = recording else {
        let why = "The journal of the run is longer than 1 GiB and was not read.".to_owned();
        run.missing.insert("topology", why.clone());
        run.missing.insert("gates", why);
        return;
    };
    run.topology = Some(Lazy::Here(scenarios::topology(recording)));
    let gates = scenarios::gates(recording, &run.symbols);
    if gates.time_ms.is_empty() {
        run.missing.insert("gates", "No gate decided anything in this run.".to_owned());
    } else {
        run.gates = Some(Lazy::Here(gates));
    }
}

fn facts(scenario: &Scenario, report: &ScenarioReport) -> Run {
    let range = scenario.range().ok();
    let verdict = match report.verdict {
        Verdict::Pass => "its expectations hold",
        Verdict::Fail => "not all of its expectations hold",
        Verdict::Error => "it could not be run",
    };
    let fact = |name: &str, text: String| (name.to_owned(), text);
    let mut facts = vec![
        fact("Verdict", verdict.to_owned()),
        fact("Events", report.events.to_string()),
        fact("Wallet at the start", format!("{} USDT", scenario.account.wallet)),
        fact("Periods of the returns", "1 day".to_owned()),
    ];
    facts.extend(market_lines(&report.market).into_iter().map(|line| fact("Market", line)));
    if !scenario.description.is_empty() {
        facts.push(fact("Description", scenario.description.clone()));
    }
    let failed = report.failed.iter().map(|failure| Note {
        text: format!("{} does not hold", failure.name),
        detail: Some(failure.found.clone()),
    });
    let notes = |all: &[String]| all.iter().cloned().map(Note::from).collect::<Vec<Note>>();
    Run {
        name: scenario.case_name(),
        scenario: Some(scenario.origin.clone()),
        seed: Some(scenario.seed.to_string()),
        digest: Some(report.digest.clone()),
        version: Some(format!("qsim {}", env!("CARGO_PKG_VERSION"))),
        from_ms: range.map(|(from, _)| from.millis()),
        to_ms: range.map(|(_, to)| to.millis()),
        facts,
        assumptions: notes(&report.assumptions),
        warnings: failed.chain(notes(&report.warnings)).collect(),
        ..Run::default()
    }
}

/// Metrics of the whole, by symbol and by reason.
fn measure(run: &mut Run, record: &RunRecord) -> Result<(), String> {
    let metrics = scenarios::run_measures(record, &run.symbols, &Settings::default())
        .map_err(|error| format!("the metrics of the run: {error}"))?;
    run.metrics = figures(&metrics);
    run.by_symbol = breakdown(metrics.by_symbol.iter());
    run.by_reason = breakdown(metrics.by_exit_reason.iter());
    for (name, there) in
        [("by_symbol", run.by_symbol.is_some()), ("by_reason", run.by_reason.is_some())]
    {
        if !there {
            run.missing.insert(name, "No trade ended in this run.".to_owned());
        }
    }
    Ok(())
}

fn figures(metrics: &RunMetrics) -> Vec<Figure> {
    let groups: [(&str, &[Metric]); 4] = [
        ("Equity", EquityMetrics::CATALOGUE),
        ("Exposure", ExposureMetrics::CATALOGUE),
        ("Fills", FillMetrics::CATALOGUE),
        ("Trades", TradeMetrics::CATALOGUE),
    ];
    let of = |(metric, value): (&'static Metric, Option<f64>)| {
        let group = groups.iter().find(|(_, all)| all.iter().any(|one| one.name == metric.name));
        Figure {
            headline: HEADLINE.contains(&metric.name),
            group: group.map(|(name, _)| *name),
            ..Figure::of(metric, value)
        }
    };
    metrics.values().map(of).collect()
}

/// A line a key, a column a metric; nothing without a key.
fn breakdown<'m>(
    groups: impl Iterator<Item = (&'m String, &'m TradeMetrics)>,
) -> Option<Breakdown> {
    let mut keys = Vec::new();
    let mut metrics: Vec<BreakdownColumn> = TradeMetrics::CATALOGUE
        .iter()
        .map(|metric| BreakdownColumn {
            name: metric.name.to_owned(),
            unit: Some(unit(metric.unit)),
            definition: Some(definition(metric)),
            values: Vec::new(),
        })
        .collect();
    for (key, group) in groups {
        keys.push(key.clone());
        for (column, (_, value)) in metrics.iter_mut().zip(group.values()) {
            column.values.push(value);
        }
    }
    (!keys.is_empty()).then_some(Breakdown { keys, metrics })
}

fn equity(record: &RunRecord) -> Equity {
    let time_ms: Vec<i64> = record.sampled_at.iter().map(|time| time.millis()).collect();
    Equity {
        time_ms: Column::times(&time_ms),
        equity: Column::Floats(record.equity.clone()),
        drawdown: None,
    }
}
