//! The examples of `market-signal-entry.md`, section 21.
//!
//! Examples 1 to 4 and 8 to 15 describe audited behaviour: they run with it switched on. All others run
//! on the defaults, but for 66, which `settled.md` contradicts by itself: it lists 66 among the defaults
//! and has no close refused for a ledger that differs.

mod analytics;
mod decisions;
mod orders;
mod signals;

use serde_json::Value;

use crate::harness::{Example, Suite};

#[test]
fn market_signal_entry() {
    let suite = Suite {
        file: "market-signal-entry.md",
        parse: table_rows,
        examples_min: 67,
        tolerance: |_| 1e-12,
        elsewhere: &[],
        run,
    };
    suite.check();
}

fn run(example: &Example) -> Option<Value> {
    let (name, input) = (name(example), &example.input);
    if name == "p33_permit" {
        return Some(analytics::permit(input, example.n == 66));
    }
    orders::run(name, input)
        .or_else(|| signals::run(name, input))
        .or_else(|| decisions::run(name, input))
        .or_else(|| analytics::run(name, input))
}

/// The function without its section.
fn name(example: &Example) -> &str {
    example.function.split(" (").next().unwrap_or_default()
}

/// The rows of the table: number, function (section), input, output; a bar inside JSON is escaped.
fn table_rows(text: &str) -> Vec<Example> {
    let rows = text.lines().filter_map(|line| {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?.replace("\\|", "\u{1}");
        let cells: Vec<String> = line.split(" | ").map(|cell| cell.replace('\u{1}', "|")).collect();
        let [n, function, input, want] = cells.as_slice() else { return None };
        let input = input.strip_prefix('`')?.strip_suffix('`')?;
        let want = want.strip_prefix('`')?.strip_suffix('`')?;
        let json = |text: &str| serde_json::from_str(text).expect("a cell of the table is JSON");
        Some(Example {
            n: n.parse().ok()?,
            function: function.clone(),
            input: json(input),
            want: json(want),
        })
    });
    rows.collect()
}

/// Its JSON, as our types spell themselves.
fn json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("our types have a JSON")
}

#[test]
fn rows_are_found() {
    let text = "| # | function (section) | input | output |\n|---|---|---|---|\n\
                | 7 | f (1.2) | `{\"x\": 1}` | `{\"A\\|B\": [2.5]}` |\n| 8 | prose | a | b |\n";
    let rows = table_rows(text);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].n, name(&rows[0])), (7, "f"));
    assert_eq!(rows[0].want, serde_json::json!({"A|B": [2.5]}));
}
