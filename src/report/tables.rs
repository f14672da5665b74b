//! Trades and trials as tables. CSV is for spreadsheets and scripts: amounts to their last digit, times in ISO-8601. Parquet is
//! for statistics: amounts are doubles, times are timestamps in UTC.

use std::fmt::Display;

use csv::Writer;
use scenarios::{
    RunRecord, TradeRow, closed_trades, open_trades, trade_cells, trade_columns, write_parquet,
};
use serde_json::Value as Json;

use super::source::Swept;

/// The trades of a run as CSV: those that ended by their ends, then those that are open.
pub fn trades(record: &RunRecord, symbols: &[String]) -> Result<String, String> {
    let mut table = Writer::from_writer(Vec::new());
    table.write_record(trade_columns()).map_err(fault)?;
    for row in rows(record, symbols) {
        table.write_record(row.map(|value| value.to_string())).map_err(fault)?;
    }
    text(table)
}

/// The same rows as a Parquet file.
pub fn trades_parquet(record: &RunRecord, symbols: &[String]) -> Result<Vec<u8>, String> {
    let columns = trade_cells(rows(record, symbols));
    write_parquet(Vec::new(), "trades", &columns).map_err(fault)
}

fn rows<'r>(record: &'r RunRecord, symbols: &'r [String]) -> impl Iterator<Item = TradeRow<'r>> {
    closed_trades(record, symbols).chain(open_trades(record, symbols))
}

fn some(value: Option<impl Display>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// The trials of a sweep as a Parquet file, the same as the `trials.parquet` of a sweep that is over.
pub fn trials_parquet(swept: &Swept) -> Result<Vec<u8>, String> {
    let objectives: Vec<String> =
        swept.file.objectives.iter().map(|one| one.name.clone()).collect();
    let paths: Vec<String> = swept.file.axes.iter().map(|axis| axis.path.clone()).collect();
    let columns = scenarios::sweep::columns(&swept.trials, &objectives, &paths);
    write_parquet(Vec::new(), "trials", &columns).map_err(fault)
}

/// A line a trial, those without a result among them.
pub fn trials(swept: &Swept) -> Result<String, String> {
    let file = &swept.file;
    let names = |of: &dyn Fn(&scenarios::sweep::TrialResult) -> Vec<String>| -> Vec<String> {
        let all: std::collections::BTreeSet<String> = swept.trials.iter().flat_map(of).collect();
        all.into_iter().collect()
    };
    let metrics = names(&|trial| trial.metrics.keys().cloned().collect());
    let figures = names(&|trial| trial.figures.keys().cloned().collect());
    let mut table = Writer::from_writer(Vec::new());
    let mut head = vec!["trial".to_owned(), "error".to_owned()];
    head.extend(file.objectives.iter().map(|objective| format!("objective {}", objective.name)));
    head.extend(file.axes.iter().map(|axis| axis.path.clone()));
    head.extend(metrics.iter().chain(&figures).cloned());
    head.extend(["passed", "events", "seed", "digest", "worker"].map(str::to_owned));
    table.write_record(&head).map_err(fault)?;
    for trial in &swept.trials {
        let plain = |value: &Json| match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let mut row = vec![trial.number.to_string(), some(trial.error.as_ref())];
        let objective = |place: usize| some(trial.objectives.get(place).copied().flatten());
        row.extend((0..file.objectives.len()).map(objective));
        row.extend(file.axes.iter().map(|axis| some(trial.point.get(&axis.path).map(plain))));
        row.extend(metrics.iter().map(|name| some(trial.metrics.get(name).copied().flatten())));
        row.extend(figures.iter().map(|name| some(trial.figures.get(name).copied().flatten())));
        row.extend([
            trial.passed.to_string(),
            trial.events.to_string(),
            trial.seed.to_string(),
            trial.digest.clone(),
            trial.worker.clone(),
        ]);
        table.write_record(&row).map_err(fault)?;
    }
    text(table)
}

fn fault(error: impl Display) -> String {
    format!("the table: {error}")
}

fn text(table: Writer<Vec<u8>>) -> Result<String, String> {
    let bytes = table.into_inner().map_err(|error| fault(error.error()))?;
    String::from_utf8(bytes).map_err(fault)
}
