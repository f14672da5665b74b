//! Trades and trials as CSV, for spreadsheets and scripts: amounts to their last digit, times in ISO-8601.

use std::fmt::Display;

use csv::Writer;
use engine::Nanos;
use scenarios::{ClosedTrade, OpenTrade, RunRecord};
use serde_json::Value as Json;

use super::source::Swept;
use super::trades::{excursions, net};

/// Their columns.
const TRADE: [&str; 24] = [
    "id",
    "symbol",
    "side",
    "entry_time",
    "exit_time",
    "entry_price",
    "exit_price",
    "qty",
    "pnl",
    "realized",
    "fees",
    "funding",
    "slippage",
    "mae",
    "mfe",
    "stop_price",
    "lowest_price",
    "highest_price",
    "leverage",
    "exit_reason",
    "source",
    "liquidated",
    "entry_order",
    "exit_order",
];

/// Trades that ended, by their ends, then those that are open.
pub fn trades(record: &RunRecord, symbols: &[String]) -> Result<String, String> {
    let symbol = |place: usize| symbols.get(place).cloned().unwrap_or_default();
    let mut table = Writer::from_writer(Vec::new());
    table.write_record(TRADE).map_err(fault)?;
    for (place, trade) in record.trades.iter().enumerate() {
        table.write_record(ended(place + 1, symbol(trade.symbol), trade)).map_err(fault)?;
    }
    for (place, trade) in record.open.iter().enumerate() {
        let id = record.trades.len() + place + 1;
        table.write_record(open(id, symbol(trade.symbol), trade)).map_err(fault)?;
    }
    text(table)
}

fn side(long: bool) -> String {
    if long { "long" } else { "short" }.to_owned()
}

fn some(value: Option<impl Display>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn ended(id: usize, symbol: String, trade: &ClosedTrade) -> [String; 24] {
    let (mae, mfe) = excursions(trade);
    let time = |time: Nanos| time.to_string();
    [
        id.to_string(),
        symbol,
        side(trade.long),
        time(trade.entry_time),
        time(trade.exit_time),
        trade.entry_price.to_string(),
        trade.exit_price.to_string(),
        trade.qty.to_string(),
        net(trade).to_string(),
        trade.realized.to_string(),
        trade.fees.to_string(),
        trade.funding.to_string(),
        trade.slippage.to_string(),
        mae.to_string(),
        mfe.to_string(),
        some(trade.stop_loss),
        some(trade.lowest),
        some(trade.highest),
        trade.leverage.to_string(),
        trade.exit_reason.clone(),
        trade.source.clone(),
        trade.liquidated.to_string(),
        trade.entry_order.clone(),
        trade.exit_order.clone(),
    ]
}

fn open(id: usize, symbol: String, trade: &OpenTrade) -> [String; 24] {
    let mut row = [const { String::new() }; 24];
    let filled = [
        (0, id.to_string()),
        (1, symbol),
        (2, side(trade.long)),
        (3, trade.entry_time.to_string()),
        (5, trade.entry_price.to_string()),
        (7, trade.qty.to_string()),
        (9, trade.realized.to_string()),
        (10, trade.fees.to_string()),
        (11, trade.funding.to_string()),
    ];
    for (place, value) in filled {
        row[place] = value;
    }
    row
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
