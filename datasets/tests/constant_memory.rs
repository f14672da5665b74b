//! However long the series are, import and replay hold the same memory: the peaks of one file a series, and of
//! two that are four times as long, are alike. `benches/constant_memory.rs` shows it with gigabytes.
#![allow(clippy::expect_used, clippy::panic)] // A test fails by panicking.

use std::fmt::Write as _;
use std::ops::Range as Rows;
use std::path::Path;

use datasets::BarMode;
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::{Range, ReplayFeed, Request};
use engine::{Feed, Instrument};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Rows of a short file: more than a row group, which is held whole while a file is written.
const ROWS: i64 = 265_000;
/// Files of a long series, and how much longer each is.
const LONG: (i64, i64) = (2, 4);
/// Levels of a message of the book.
const LEVELS: i64 = 50;
const START_MS: i64 = 1_769_904_000_000;
/// One byte kept of each row would add 14 % or more. What may grow are the footers, which tell what each row
/// group holds.
const GROWTH_MAX: f64 = 1.05;

/// The place of a file, and its text.
type Series = (&'static str, fn(Rows<i64>) -> String);

const TRADES: [Series; 2] = [
    ("aggTrades/BTCUSDT/BTCUSDT-aggTrades", trades),
    ("aggTrades/ETHUSDT/ETHUSDT-aggTrades", trades),
];
const BARS: [Series; 1] = [("klines/BTCUSDT/1m/BTCUSDT-1m", bars)];
const DEPTH: [Series; 1] = [("recorded", depth)];

fn trades(rows: Rows<i64>) -> String {
    let mut text = String::new();
    for row in rows {
        let time = START_MS + row * 4_000;
        let (cents, qty) = (row * 7 % 1_000, 1 + row * 13 % 900);
        let _ = writeln!(text, "{row},64{cents:03}.25,0.{qty:03},{row},{row},{time},true");
    }
    text
}

fn bars(rows: Rows<i64>) -> String {
    let mut text = String::new();
    for row in rows {
        let (open, price) = (START_MS + row * 60_000, 64_000 + row * 7 % 1_000);
        let (high, low, close) = (price + 30, price - 30, open + 59_999);
        let _ = writeln!(text, "{open},{price},{high},{low},{price},5,{close},1,1,1,1,0");
    }
    text
}

fn depth(rows: Rows<i64>) -> String {
    let mut text = String::new();
    for message in rows.start / LEVELS..rows.end / LEVELS {
        let (ms, before) = (START_MS + message * 1_000, 1_000 + message * 10);
        let (first, last) = (before + 1, before + 10);
        let _ = write!(
            text,
            r#"{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"SOLUSDT","U":{first},"u":{last},"pu":{before},"b":["#
        );
        for level in 0..LEVELS {
            let comma = if level == 0 { "" } else { "," };
            let qty = message * 7 % 90;
            let _ = write!(text, r#"{comma}["{}.5","{qty}"]"#, 100 + 10 * level + message % 10);
        }
        text.push_str("],\"a\":[]}\n");
    }
    text
}

/// The most bytes that were allocated at one time.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let _profiler = dhat::Profiler::builder().testing().build();
    let result = work();
    (result, dhat::HeapStats::get().max_bytes)
}

/// The peak of importing some series into `set`.
fn imported(all: &[Series], (files, longer): (i64, i64), set: &Path) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    for (place, text) in all {
        for number in 0..files {
            let ending = if place.contains('/') { "csv" } else { "jsonl" };
            let path = folder.path().join(format!("{place}-{number}.{ending}"));
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            let rows = ROWS * longer;
            std::fs::write(path, text(number * rows..(number + 1) * rows)).expect("written");
        }
    }
    let raw = [folder.path().to_owned()];
    let (report, peak) = peak_of(|| import(&raw, set, &|_| {}).expect("an import"));
    let rows = ROWS * files * longer * all.len() as i64;
    assert_eq!(report.rows, rows as u64, "{:?}", report.refused);
    peak
}

/// Reads all series to their end and answers how many they are, and how many events.
fn replay(set: &Path) -> (usize, u64) {
    let catalogue = Catalogue::open(set).expect("a data set");
    let instruments = ["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(|symbol| Instrument {
        symbol: symbol.parse().expect("a symbol"),
        price_decimals: 2,
        qty_decimals: 3,
    });
    // The trades tell the path of the prices already.
    let bars = BarMode::CloseOnly;
    let requests: Vec<Request> = catalogue.ids().map(|series| Request { series, bars }).collect();
    let mut feed =
        ReplayFeed::open(&catalogue, &instruments, &requests, Range::ALL).expect("a feed");
    let (mut batch, mut events) = (Vec::new(), 0);
    loop {
        feed.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            return (requests.len(), events);
        }
        events += batch.len() as u64;
    }
}

/// The peaks of importing trades, bars and a book, and of replaying all of them.
fn peaks(length: (i64, i64)) -> [usize; 4] {
    let set = tempfile::tempdir().expect("a folder");
    let [trades, bars, depth] =
        [&TRADES[..], &BARS, &DEPTH].map(|all| imported(all, length, set.path()));
    let ((series, events), replayed) = peak_of(|| replay(set.path()));
    assert_eq!(series, 4);
    // A row is an event at least.
    assert!(events >= (4 * ROWS * length.0 * length.1) as u64, "{events} events");
    [trades, bars, depth, replayed]
}

fn main() {
    // As many files are read at once as there are threads: one, so that a peak is that of a file.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let (short, long) = pool.install(|| (peaks((1, 1)), peaks(LONG)));
    let names = ["import of trades", "import of bars", "import of a book", "replay"];
    for ((few, many), name) in short.into_iter().zip(long).zip(names) {
        println!("{name}: {few} bytes, and {many} bytes for eight times as many rows");
        let most = few as f64 * GROWTH_MAX;
        assert!(many as f64 <= most, "{name}: the peak grew from {few} to {many} bytes");
    }
}
