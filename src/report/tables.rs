//! Trades and trials as tables. CSV is for spreadsheets and scripts: amounts to their last digit, times in ISO-8601. Parquet is
//! for statistics: amounts are doubles, times are timestamps in UTC.

use std::fmt::Display;
use std::str::FromStr;

use csv::Writer;
use engine::Nanos;
use scenarios::{Cells, ClosedTrade, OpenTrade, RunRecord, write_parquet};
use serde_json::Value as Json;

use super::source::Swept;
use super::trades::{excursions, net};

/// What a column holds.
#[derive(Clone, Copy)]
enum Of {
    Count,
    EntryTime,
    ExitTime,
    Number,
    Word,
    Flag,
}

/// Columns of a trade.
const TRADE: [(&str, Of); 24] = [
    ("id", Of::Count),
    ("symbol", Of::Word),
    ("side", Of::Word),
    ("entry_time", Of::EntryTime),
    ("exit_time", Of::ExitTime),
    ("entry_price", Of::Number),
    ("exit_price", Of::Number),
    ("qty", Of::Number),
    ("pnl", Of::Number),
    ("realized", Of::Number),
    ("fees", Of::Number),
    ("funding", Of::Number),
    ("slippage", Of::Number),
    ("mae", Of::Number),
    ("mfe", Of::Number),
    ("stop_price", Of::Number),
    ("lowest_price", Of::Number),
    ("highest_price", Of::Number),
    ("leverage", Of::Number),
    ("exit_reason", Of::Word),
    ("source", Of::Word),
    ("liquidated", Of::Flag),
    ("entry_order", Of::Word),
    ("exit_order", Of::Word),
];

/// A row of [`TRADE`]; what a trade does not have yet is empty.
type Row = [String; TRADE.len()];

/// Trades that ended, by their ends, then those that are open.
fn rows<'r>(record: &'r RunRecord, symbols: &'r [String]) -> impl Iterator<Item = Row> + 'r {
    let symbol = |place: usize| symbols.get(place).cloned().unwrap_or_default();
    let closed = record.trades.iter().zip(1..);
    let open_from = record.trades.len() + 1;
    closed.map(move |(trade, id)| ended(id, symbol(trade.symbol), trade)).chain(
        record
            .open
            .iter()
            .zip(open_from..)
            .map(move |(trade, id)| open(id, symbol(trade.symbol), trade)),
    )
}

/// The trades of a run as CSV.
pub fn trades(record: &RunRecord, symbols: &[String]) -> Result<String, String> {
    let mut table = Writer::from_writer(Vec::new());
    table.write_record(TRADE.map(|(name, _)| name)).map_err(fault)?;
    for row in rows(record, symbols) {
        table.write_record(row).map_err(fault)?;
    }
    text(table)
}

fn side(long: bool) -> String {
    if long { "long" } else { "short" }.to_owned()
}

fn some(value: Option<impl Display>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn ended(id: usize, symbol: String, trade: &ClosedTrade) -> Row {
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
        trade.exit_reason.to_string(),
        trade.source.to_string(),
        trade.liquidated.to_string(),
        trade.entry_order.to_string(),
        trade.exit_order.to_string(),
    ]
}

fn open(id: usize, symbol: String, trade: &OpenTrade) -> Row {
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
        (21, false.to_string()),
    ];
    for (place, value) in filled {
        row[place] = value;
    }
    row
}

/// The same rows as a Parquet file.
pub fn trades_parquet(record: &RunRecord, symbols: &[String]) -> Result<Vec<u8>, String> {
    let rows: Vec<Row> = rows(record, symbols).collect();
    let mut columns = Vec::new();
    for (place, (name, of)) in TRADE.into_iter().enumerate() {
        let texts = || rows.iter().map(move |row| row[place].as_str());
        let cells = match of {
            Of::Count => Cells::Ints(texts().map(read).collect::<Result<_, _>>()?),
            Of::Flag => Cells::Bools(texts().map(read).collect::<Result<_, _>>()?),
            Of::EntryTime => {
                let ended = record.trades.iter().map(|trade| trade.entry_time);
                let all = ended.chain(record.open.iter().map(|trade| trade.entry_time));
                Cells::Times(all.map(|time| Some(time.0)).collect())
            }
            Of::ExitTime => {
                let ended = record.trades.iter().map(|trade| Some(trade.exit_time.0));
                Cells::Times(ended.chain(record.open.iter().map(|_| None)).collect())
            }
            Of::Number => {
                let number = |text: &str| (!text.is_empty()).then(|| read(text)).transpose();
                Cells::Floats(texts().map(number).collect::<Result<_, _>>()?)
            }
            Of::Word => {
                let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                Cells::Texts(texts().map(word).collect())
            }
        };
        columns.push((name.to_owned(), cells));
    }
    write_parquet(Vec::new(), "trades", &columns).map_err(fault)
}

fn read<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(fault)
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
