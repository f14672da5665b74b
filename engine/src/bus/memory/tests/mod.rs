//! What the differential test cannot see: the typed door, the insides, and small worlds completely.

mod doors;
mod groups;
mod typed;

use super::MemoryBus;
use super::resp::Resp;
use crate::Nanos;

/// Executes a line of words.
fn run(bus: &mut MemoryBus, now: Nanos, line: &str) -> Resp {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    bus.execute(now, &words)
}

/// A reply's arrays and words as one line.
fn show(reply: &Resp) -> String {
    match reply {
        Resp::Nil => "nil".into(),
        Resp::Int(number) => number.to_string(),
        Resp::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Resp::Status(word) => (*word).into(),
        Resp::Error(text) => text.clone(),
        Resp::Array(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
    }
}
