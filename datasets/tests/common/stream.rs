//! Messages of recorded streams, and what becomes of them.

use std::io::Write as _;

use datasets::catalogue::Catalogue;
use datasets::import::{ImportReport, import};
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::{BarMode, Kind};
use engine::{Instrument, MarketData, MarketEvent, Side};

use super::{Raw, START_MS};

/// Exchange time of the messages.
pub const BASE_MS: i64 = START_MS;

type Levels<'a> = &'a [(&'a str, &'a str)];

fn list(levels: Levels<'_>) -> String {
    let all: Vec<String> = levels.iter().map(|(p, q)| format!(r#"["{p}","{q}"]"#)).collect();
    format!("[{}]", all.join(","))
}

/// `GET /fapi/v1/depth`.
pub fn snapshot(ms: i64, id: i64, bids: Levels<'_>, asks: Levels<'_>) -> String {
    let (bids, asks) = (list(bids), list(asks));
    format!(r#"{{"lastUpdateId":{id},"E":{ms},"T":{ms},"bids":{bids},"asks":{asks}}}"#)
}

/// A combined message of `btcusdt@depth@0ms`, with its first, last and previous id.
pub fn change(ms: i64, ids: (i64, i64, i64), bids: Levels<'_>, asks: Levels<'_>) -> String {
    let ((first, last, before), e) = (ids, ms + 1);
    let (bids, asks) = (list(bids), list(asks));
    format!(
        r#"{{"e":"depthUpdate","E":{e},"T":{ms},"s":"BTCUSDT","U":{first},"u":{last},"pu":{before},"b":{bids},"a":{asks}}}"#
    )
}

pub fn quotes(ms: i64, id: i64, bid: (&str, &str), ask: (&str, &str)) -> String {
    let ((b, bid_qty), (a, ask_qty)) = (bid, ask);
    format!(
        r#"{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{id},"s":"BTCUSDT","b":"{b}","B":"{bid_qty}","a":"{a}","A":"{ask_qty}","T":{ms},"E":{ms}}}}}"#
    )
}

pub fn trade(ms: i64, id: i64, price: &str, qty: &str, from: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{ms},"T":{ms},"s":"BTCUSDT","t":{id},"p":"{price}","q":"{qty}","X":"{from}","m":true}}}}"#
    )
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

pub fn run(raw: &Raw) -> ImportReport {
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("the folder is fine")
}

/// Kind, symbol and rows of each series.
pub fn kinds(raw: &Raw) -> Vec<String> {
    let list = Catalogue::open(&raw.path("set")).expect("a data set").list();
    list.iter().map(|s| format!("{}/{} {}", s.kind, s.symbol, s.rows)).collect()
}

/// Decimals of prices and quantities of the first series of this kind.
pub fn decimals(raw: &Raw, kind: Kind) -> (u32, u32) {
    let list = Catalogue::open(&raw.path("set")).expect("a data set").list();
    let series = list.iter().find(|series| series.kind == kind).expect("the kind");
    (series.price_decimals, series.qty_decimals)
}

/// A feed of these kinds of the first symbol, on the coarsest grid that holds them.
pub fn feed(raw: &Raw, kinds: &[Kind], range: Range) -> ReplayFeed {
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    feed_of(&catalogue, kinds, range)
}

pub fn feed_of(catalogue: &Catalogue, kinds: &[Kind], range: Range) -> ReplayFeed {
    let symbol = catalogue.ids().find(|id| kinds.contains(&id.kind)).expect("a series").symbol;
    let ids = catalogue.ids().filter(|id| id.symbol == symbol && kinds.contains(&id.kind));
    let requests: Vec<Request> =
        ids.map(|series| Request { series, bars: BarMode::Whole }).collect();
    let all = requests.iter().map(|r| catalogue.decimals_in(&r.series, range).expect("rows"));
    let (mut price, mut qty) = (0, 0);
    all.for_each(|d| (price, qty) = (price.max(d.price), qty.max(d.qty)));
    let instrument = Instrument { symbol, price_decimals: price, qty_decimals: qty };
    ReplayFeed::open(catalogue, &[instrument], &requests, range).expect("opens")
}

/// The book that the events make, bids first.
pub fn levels(events: &[MarketEvent]) -> Vec<(Side, i64, i64)> {
    let mut book = std::collections::BTreeMap::new();
    for event in events {
        match event.data {
            MarketData::DepthClear => book.clear(),
            MarketData::Depth(row) if row.qty.0 == 0 => {
                book.remove(&(row.side as u8, row.price.0));
            }
            MarketData::Depth(row) => {
                book.insert((row.side as u8, row.price.0), (row.side, row.price.0, row.qty.0));
            }
            _ => {}
        }
    }
    book.into_values().collect()
}
