//! The developer's recorded streams, where the folder is present: figures as its README states them, and
//! two streams of one market that have to tell the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::stream::{feed_of, levels};
use common::{Raw, drain};
use datasets::Kind;
use datasets::catalogue::{Catalogue, Check};
use datasets::import::{ImportReport, import};
use datasets::replay::Range;
use engine::{MarketData, MarketEvent, Nanos, Side};
use parquet::data_type::Int64Type;
use parquet::file::reader::{FileReader, SerializedFileReader};

fn root() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root.join("../../shared/data/futures/um/recorded");
    if !root.is_dir() {
        eprintln!("skipped: {} is absent", root.display());
        return None;
    }
    Some(root)
}

fn imported(root: &Path, names: &[&str]) -> (Raw, ImportReport, Catalogue) {
    let raw = Raw::new();
    let paths: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    let report = import(&paths, &raw.path("set"), &|_| {}).expect("a folder");
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    (raw, report, catalogue)
}

/// What is wrong with each series, by its name.
fn faults(catalogue: &Catalogue) -> Vec<String> {
    let checks = catalogue.check().expect("runs");
    let fault = |check: &Check| {
        let all = check.findings.iter().filter(|finding| !finding.note);
        let all: Vec<String> = all.map(|f| format!("{} {}", f.count, f.what)).collect();
        (!all.is_empty()).then(|| format!("{}/{} {}", check.kind, check.symbol, all.join(", ")))
    };
    checks.iter().filter_map(fault).collect()
}

#[test]
fn everything_recorded_comes_in_or_is_refused_for_its_kind() {
    let Some(root) = root() else { return };
    let (_raw, report, catalogue) = imported(&root, &["."]);
    assert_eq!((report.files, report.duplicates), (7, 0), "{report:#?}");
    let refused: Vec<_> = report.refused.iter().map(|r| (&r.path, &r.reason)).collect();
    assert!(
        matches!(refused[..], [(path, reason)]
        if path.ends_with("largeAggTrades/PauliusMinialga/binance_trades.zip")
            && reason.contains("only trades above some size")),
        "{refused:#?}"
    );
    let rows = |kind| {
        let list = catalogue.list();
        let all = list.iter().filter(|series| series.kind == kind);
        all.map(|series| (series.symbol.to_string(), series.rows)).collect::<BTreeMap<_, _>>()
    };
    let of = |all: &[(&str, u64)]| {
        all.iter().map(|(symbol, rows)| ((*symbol).to_owned(), *rows)).collect::<BTreeMap<_, _>>()
    };
    // All but the one of the insurance fund.
    assert_eq!(rows(Kind::Trades), of(&[("BTCUSDT", 34_247), ("ETHUSDT", 14_076)]));
    assert_eq!(rows(Kind::BookTicker), of(&[("BTCUSDT", 110_294), ("ETHUSDT", 53_992)]));
    assert_eq!(rows(Kind::AggTrades), of(&[("BTCUSDT", 279), ("ETHUSDT", 177)]));
    assert_eq!(rows(Kind::MarkPrice), of(&[("BTCUSDT", 514)]));
    // 3,672 lines, of which 1,668 are exact repeats, and 5 repeat all but the size in USD.
    assert_eq!(rows(Kind::ForceOrder).values().sum::<u64>(), 3_672 - 1_668 - 5);
    for part in [
        "1 of \"INSURANCE_FUND\"",
        "93953 of 93953 local times run before the exchange's, by 1260 ms",
        "1673 rows repeat the one before",
        "2 of \"exchangeInfo\"",
        "the local time of 810 messages is but a copy",
    ] {
        assert!(report.notes.iter().any(|note| note.text.contains(part)), "no {part:?}");
    }
    let (_, again, _) = imported(&root, &["."]);
    assert_eq!(again.digest, report.digest, "two imports of the same are the same");
}

#[test]
fn chains_of_the_book_are_unbroken() {
    let Some(root) = root() else { return };
    let days = ["hftbacktest/btcusdt_20230404.dat.gz", "hftbacktest/btcusdt_20230405.dat.gz"];
    let (_raw, _, catalogue) = imported(&root, &days);
    // The trade of the insurance fund leaves a hole.
    assert_eq!(faults(&catalogue), ["trades/BTCUSDT 1 gap"]);
    for name in ["btcusdt_20240808.gz", "ethusdt_20240808.gz"] {
        let (_raw, _, catalogue) = imported(&root, &[&format!("hftbacktest/{name}")]);
        assert_eq!(faults(&catalogue), Vec::<String>::new(), "{name}");
    }
    // Its first snapshots are some seconds older than the first changes.
    let (_raw, _, catalogue) = imported(&root, &["lob_sim"]);
    assert_eq!(
        faults(&catalogue),
        ["depth/BTCUSDT 1 broken_chain", "depth/ETHUSDT 1 broken_chain"]
    );
}

/// The second column of the only file of a series: the ids of its rows.
fn ids(raw: &Raw, kind: &str) -> Vec<i64> {
    let folder = raw.path("set").join(kind);
    let symbol =
        std::fs::read_dir(&folder).expect("a kind").next().expect("a symbol").expect("one");
    let file =
        std::fs::read_dir(symbol.path()).expect("files").next().expect("a file").expect("one");
    let file = std::fs::File::open(file.path()).expect("a file");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let mut ids = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).expect("a group");
        let column = group.get_column_reader(1).expect("a column");
        let mut column = parquet::column::reader::get_typed_column_reader::<Int64Type>(column);
        let rows = group.metadata().num_rows() as usize;
        let read = column.read_records(rows, None, None, &mut ids).expect("rows");
        assert_eq!(read.0, rows);
    }
    ids
}

/// Best bid and ask with their quantities.
type Best = [Option<(i64, i64)>; 2];

#[derive(Default)]
struct Book([BTreeMap<i64, i64>; 2]);

impl Book {
    fn apply(&mut self, event: &MarketEvent) {
        match event.data {
            MarketData::DepthClear => self.0.iter_mut().for_each(BTreeMap::clear),
            MarketData::Depth(row) => {
                let side = &mut self.0[usize::from(row.side == Side::Sell)];
                match row.qty.0 {
                    0 => side.remove(&row.price.0),
                    qty => side.insert(row.price.0, qty),
                };
            }
            _ => {}
        }
    }

    fn best(&self) -> Best {
        let [bids, asks] = &self.0;
        let own = |(price, qty): (&i64, &i64)| (*price, *qty);
        [bids.last_key_value().map(own), asks.first_key_value().map(own)]
    }
}

/// After each message of the book, its best prices and sizes are those of the last quotes up to its id.
#[test]
fn the_replayed_book_is_what_the_quotes_tell() {
    let Some(root) = root() else { return };
    for (name, messages) in [
        ("hftbacktest/btcusdt_20230404.dat.gz", 4_323),
        ("hftbacktest/btcusdt_20240808.gz", 6_548),
        ("hftbacktest/ethusdt_20240808.gz", 6_581),
    ] {
        let (raw, _, catalogue) = imported(&root, &[name]);
        let quotes = drain(&mut feed_of(&catalogue, &[Kind::BookTicker], Range::ALL));
        let book_events = drain(&mut feed_of(&catalogue, &[Kind::Depth], Range::ALL));
        let (quote_ids, book_ids) = (ids(&raw, "bookTicker"), ids(&raw, "depth"));
        assert_eq!((quote_ids.len(), book_ids.len()), (quotes.len(), book_events.len()));
        let mut told: BTreeMap<i64, Best> = BTreeMap::new();
        for (id, event) in quote_ids.into_iter().zip(&quotes) {
            let MarketData::BestQuotes(q) = event.data else { panic!("quotes") };
            let best = [Some((q.bid.0, q.bid_qty.0)), Some((q.ask.0, q.ask_qty.0))];
            told.insert(id, best);
        }
        let (mut book, mut compared, mut unlike, mut has_snapshot) = (Book::default(), 0, 0, false);
        for (at, event) in book_events.iter().enumerate() {
            book.apply(event);
            has_snapshot |= event.data == MarketData::DepthClear;
            let is_last = book_ids.get(at + 1) != Some(&book_ids[at]);
            let latest = told.range(..=book_ids[at]).next_back();
            if let Some((_, best)) = latest.filter(|_| is_last && has_snapshot) {
                compared += 1;
                unlike += usize::from(book.best() != *best);
            }
        }
        assert_eq!(unlike, 0, "{name} of {compared}");
        assert_eq!(compared, messages, "{name}: from the snapshot on, each message");
    }
}

#[test]
fn a_range_in_the_middle_shows_the_folded_book_first() {
    let Some(root) = root() else { return };
    let days = ["hftbacktest/btcusdt_20230404.dat.gz", "hftbacktest/btcusdt_20230405.dat.gz"];
    let (_raw, _, catalogue) = imported(&root, &days);
    let all = drain(&mut feed_of(&catalogue, &[Kind::Depth], Range::ALL));
    // 2023-04-05T00:03:00Z: the snapshot is in the file of the day before.
    let from = Nanos::from_millis(1_680_652_980_000);
    let range = Range { from, to: Nanos::NEVER };
    let mut feed = feed_of(&catalogue, &[Kind::Depth], range);
    assert_eq!(feed.warnings(), Vec::<String>::new());
    let part = drain(&mut feed);
    let before = all.partition_point(|event| event.time < from);
    let book = levels(&all[..before]);
    assert!(book.len() > 1_000, "{}", book.len());
    let (folded, rest) = part.split_at(book.len() + 1);
    assert_eq!(folded[0].data, MarketData::DepthClear);
    assert!(folded.iter().all(|event| event.time == from));
    // Thousands of levels: no message should hold them.
    assert!(levels(folded) == book, "the folded book is what the changes made");
    assert!(rest == &all[before..], "and then the rest follows");
}

#[test]
fn all_kinds_replay_together_with_their_delays() {
    let Some(root) = root() else { return };
    let (_raw, _, catalogue) = imported(&root, &["hftbacktest/btcusdt_20230404.dat.gz"]);
    let kinds = [Kind::Depth, Kind::Trades, Kind::BookTicker, Kind::MarkPrice];
    let events = drain(&mut feed_of(&catalogue, &kinds, Range::ALL));
    let rows: u64 = catalogue.list().iter().map(|series| series.rows).sum();
    // A row of marks tells the index as well.
    assert_eq!(events.len() as u64, rows + 99);
    assert!(events.is_sorted_by_key(|event| event.time));
    let delays: Vec<Nanos> = events.iter().filter_map(|event| event.delay.span()).collect();
    assert_eq!(delays.len(), events.len(), "each line has its local time");
    assert!(delays.iter().any(|delay| delay.0 > 0));
    assert!(delays.iter().all(|delay| delay.0 < 60_000_000_000), "no delay is of another unit");
}
