//! Recorded WebSocket streams of the shared data folder: depth at every change, trades, best quotes.

use std::io::Read;
use std::path::{Path, PathBuf};

use engine::{BestQuotes, MarketData, PriceTicks, QtyLots, Side};
use serde_json::Value;

use super::{row, trade};

/// Units of a price and of a quantity: 0.01 and 0.001.
const PRICE_DECIMALS: usize = 2;
const QTY_DECIMALS: usize = 3;

/// What one message said.
pub(crate) struct Message {
    /// The exchange's transaction time.
    pub(crate) time_ms: i64,
    /// The book's last update of a depth or quotes message.
    pub(crate) update: u64,
    /// Rows, a trade, or best quotes.
    pub(crate) data: Vec<MarketData>,
}

impl Message {
    pub(crate) fn quotes(&self) -> Option<BestQuotes> {
        match self.data[..] {
            [MarketData::BestQuotes(quotes)] => Some(quotes),
            _ => None,
        }
    }
}

/// The recordings, where the shared folder is: beside the checkout, or beside that of its worktrees.
pub(crate) fn folder() -> Option<PathBuf> {
    const PLACE: &str = "shared/data/futures/um/recorded/hftbacktest";
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(2);
    let found = above.find_map(|a| Some(a.join(PLACE)).filter(|f| f.is_dir()));
    if found.is_none() {
        println!("skipped: no ../{PLACE} beside the checkout");
    }
    found
}

/// The messages of consecutive files from the snapshot on, in the order in which they were received.
pub(crate) fn read(folder: &Path, files: &[&str]) -> Vec<Message> {
    let mut text = String::new();
    for file in files {
        let packed = std::fs::File::open(folder.join(file)).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    }
    let (mut messages, mut snapshot) = (Vec::new(), None);
    for line in text.lines() {
        let (_, json) = line.split_once(' ').unwrap();
        let json: Value = serde_json::from_str(json).unwrap();
        let body = json.get("data").unwrap_or(&json);
        let kind = body.get("e").and_then(Value::as_str).unwrap_or("snapshot");
        let number = |name: &str| body[name].as_u64().unwrap_or(0);
        let (update, data) = match kind {
            "snapshot" => {
                snapshot = Some(number("lastUpdateId"));
                let rows = [vec![MarketData::DepthClear], rows(body, "bids", "asks")].concat();
                (number("lastUpdateId"), rows)
            }
            // What is older than the snapshot is in it.
            "depthUpdate" if Some(number("u")) >= snapshot => (number("u"), rows(body, "b", "a")),
            // A payment of the insurance fund is no trade of the book.
            "trade" if body["X"] == "MARKET" => {
                let taker = if body["m"] == true { Side::Sell } else { Side::Buy };
                let price = units(&body["p"], PRICE_DECIMALS);
                (0, vec![trade(taker, price, units(&body["q"], QTY_DECIMALS))])
            }
            "bookTicker" => {
                let price = |name: &str| PriceTicks(units(&body[name], PRICE_DECIMALS));
                let qty = |name: &str| QtyLots(units(&body[name], QTY_DECIMALS));
                let (bid, bid_qty, ask, ask_qty) = (price("b"), qty("B"), price("a"), qty("A"));
                let quotes = BestQuotes { bid, bid_qty, ask, ask_qty };
                (number("u"), vec![MarketData::BestQuotes(quotes)])
            }
            _ => continue,
        };
        if snapshot.is_some() {
            messages.push(Message { time_ms: number("T") as i64, update, data });
        }
    }
    messages
}

fn rows(body: &Value, bids: &str, asks: &str) -> Vec<MarketData> {
    let of = |name: &str, side: Side| -> Vec<MarketData> {
        let levels = body[name].as_array().unwrap().iter();
        let level = |l: &Value| row(side, units(&l[0], PRICE_DECIMALS), units(&l[1], QTY_DECIMALS));
        levels.map(level).collect()
    };
    [of(bids, Side::Buy), of(asks, Side::Sell)].concat()
}

/// A decimal text as whole units; it has to fit exactly.
fn units(value: &Value, decimals: usize) -> i64 {
    let text = value.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (part, rest) = part.split_at(part.len().min(decimals));
    assert!(rest.bytes().all(|b| b == b'0'), "{text} has more than {decimals} decimals");
    format!("{whole}{part:0<decimals$}").parse().unwrap()
}
