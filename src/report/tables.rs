//! Trades and trials as tables. CSV is for spreadsheets and scripts: amounts to their last digit, times in ISO-8601. Parquet is
//! for statistics: amounts are doubles, times are timestamps in UTC.

use std::fmt::Display;

use csv::Writer;
use engine::Nanos;
use reports::metrics::to_f64;
use rust_decimal::Decimal;
use scenarios::{Cells, ClosedTrade, OpenTrade, RunRecord, write_parquet};
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

/// The trades of [`trades`] as a Parquet file.
pub fn trades_parquet(record: &RunRecord, symbols: &[String]) -> Result<Vec<u8>, String> {
    let RunRecord { trades: ended, open, .. } = record;
    type Of<'a, T> = (&'a dyn Fn(&ClosedTrade) -> T, &'a dyn Fn(&OpenTrade) -> T);
    fn all<T>(record: &RunRecord, (closed, open): Of<'_, T>) -> Vec<T> {
        record.trades.iter().map(closed).chain(record.open.iter().map(open)).collect()
    }
    let amounts = |closed: fn(&ClosedTrade) -> Decimal, open: fn(&OpenTrade) -> Decimal| {
        let of: Of<'_, _> = (&|t| Some(to_f64(closed(t))), &|t| Some(to_f64(open(t))));
        Cells::Floats(all(record, of))
    };
    let ended_only =
        |of: &dyn Fn(&ClosedTrade) -> Option<f64>| Cells::Floats(all(record, (of, &|_| None)));
    let words = |of: &dyn Fn(&ClosedTrade) -> String| {
        Cells::Texts(all(record, (&|trade| Some(of(trade)), &|_| None)))
    };
    let symbol = |place: usize| symbols.get(place).cloned();
    let columns: [Cells; TRADE.len()] = [
        Cells::Ints((1..=(ended.len() + open.len()) as i64).collect()),
        Cells::Texts(all(record, (&|t| symbol(t.symbol), &|t| symbol(t.symbol)))),
        Cells::Texts(all(record, (&|t| Some(side(t.long)), &|t| Some(side(t.long))))),
        Cells::Times(all(record, (&|t| Some(t.entry_time.0), &|t| Some(t.entry_time.0)))),
        Cells::Times(all(record, (&|t| Some(t.exit_time.0), &|_| None))),
        amounts(|t| t.entry_price, |t| t.entry_price),
        ended_only(&|t| Some(to_f64(t.exit_price))),
        amounts(|t| t.qty, |t| t.qty),
        ended_only(&|t| Some(net(t))),
        amounts(|t| t.realized, |t| t.realized),
        amounts(|t| t.fees, |t| t.fees),
        amounts(|t| t.funding, |t| t.funding),
        ended_only(&|t| Some(to_f64(t.slippage))),
        ended_only(&|t| Some(excursions(t).0)),
        ended_only(&|t| Some(excursions(t).1)),
        ended_only(&|t| t.stop_loss.map(to_f64)),
        ended_only(&|t| t.lowest.map(to_f64)),
        ended_only(&|t| t.highest.map(to_f64)),
        ended_only(&|t| Some(f64::from(t.leverage))),
        words(&|t| t.exit_reason.clone()),
        words(&|t| t.source.clone()),
        Cells::Bools(all(record, (&|t| t.liquidated, &|_| false))),
        words(&|t| t.entry_order.clone()),
        words(&|t| t.exit_order.clone()),
    ];
    let columns: Vec<(String, Cells)> = TRADE.map(str::to_owned).into_iter().zip(columns).collect();
    write_parquet(Vec::new(), "trades", &columns).map_err(fault)
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
