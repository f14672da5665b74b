//! Frames of a series against its rows, read without polars. Behind the feature `frames`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Raw, START_MS, header, kline};
use datasets::catalogue::Catalogue;
use datasets::frames::polars::prelude::{DataType, LazyFrame, TimeUnit, col, len, lit};
use datasets::import::import;
use datasets::query::{Cell, Listing};
use datasets::replay::Range;
use datasets::{Interval, Kind, SeriesId};
use engine::Nanos;

/// Two files with unlike decimals that share some minutes, and a few trades.
fn catalogue(raw: &Raw) -> Catalogue {
    let line = |minute: i64, decimals: &str| {
        let open = 100 + minute % 7;
        let values = format!(
            "{open}{decimals},{},{},{open}{decimals},{}.125",
            open + 3,
            open - 2,
            minute % 11
        );
        kline(minute, &values)
    };
    let file = |from: i64, to: i64, decimals: &str| {
        header() + &(from..to).map(|minute| line(minute, decimals)).collect::<String>()
    };
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", file(0, 600, "").as_bytes());
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-b.csv", file(600, 900, ".25").as_bytes());
    let trades = (0..50).map(|i| {
        let time = START_MS + i * 1_500;
        format!("{},{}.5,0.{:03},0,{time},{}\n", i + 1, 2_000 + i % 3, i + 1, i % 2 == 0)
    });
    let trades =
        "id,price,qty,quote_qty,time,is_buyer_maker\n".to_owned() + &trades.collect::<String>();
    raw.file("trades/ETHUSDT/ETHUSDT-trades-a.csv", trades.as_bytes());
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert!(report.refused.is_empty(), "{report:?}");
    Catalogue::open(&raw.path("set")).expect("a data set")
}

fn rows(catalogue: &Catalogue, id: &SeriesId, range: Range) -> Vec<Vec<Cell>> {
    let mut listing = Listing::open(catalogue, id, range, None).expect("rows");
    let mut all = Vec::new();
    while let Some(row) = listing.next_row().expect("a row") {
        all.push(row);
    }
    all
}

fn float(cell: &Cell) -> f64 {
    cell.to_string().parse().expect("a number")
}

/// One float of one row.
fn only(frame: LazyFrame, column: &str) -> f64 {
    let found = frame.collect().expect("collected");
    let column = found.column(column).expect("a column").cast(&DataType::Float64).expect("floats");
    column.f64().expect("floats").get(0).expect("a row")
}

#[test]
fn a_filtered_and_aggregated_frame_agrees_with_the_rows() {
    let raw = Raw::new();
    let catalogue = catalogue(&raw);
    let id = SeriesId {
        kind: Kind::Klines,
        symbol: "BTCUSDT".parse().expect("a symbol"),
        interval: Interval::named("1m"),
    };
    let at = |minute: i64| Nanos::from_millis(START_MS + minute * 60_000);
    for range in [Range::ALL, Range { from: at(590), to: at(700) }] {
        let rows = rows(&catalogue, &id, range);
        let high_ones: Vec<&Vec<Cell>> = rows.iter().filter(|row| float(&row[1]) > 103.0).collect();
        let volume: f64 = high_ones.iter().map(|row| float(&row[5])).sum();
        let highest = high_ones.iter().map(|row| float(&row[2])).fold(f64::MIN, f64::max);

        let frame = catalogue.frame(&id, range).expect("a frame");
        let all = frame.clone().collect().expect("collected");
        assert_eq!(all.height(), rows.len());
        let time = all.column("time").expect("a time");
        assert_eq!(time.dtype(), &DataType::Datetime(TimeUnit::Microseconds, None));
        let times: Vec<i64> = time
            .cast(&DataType::Int64)
            .expect("integers")
            .i64()
            .expect("integers")
            .into_no_null_iter()
            .collect();
        let told = rows.iter().map(|row| match row[0] {
            Cell::Time(time) => time.0 / 1_000,
            _ => -1,
        });
        assert!(times.into_iter().eq(told), "in order, each once");

        let filtered = frame.filter(col("open").gt(lit(103.0)));
        let figures = filtered.select([
            len().alias("rows"),
            col("volume").sum().alias("volume"),
            col("high").max().alias("highest"),
        ]);
        assert_eq!(only(figures.clone(), "rows"), high_ones.len() as f64);
        assert!((only(figures.clone(), "volume") - volume).abs() < 1e-6, "{volume}");
        assert_eq!(only(figures, "highest"), highest);
    }
}

#[test]
fn trades_keep_their_flags_and_blanks() {
    let raw = Raw::new();
    let catalogue = catalogue(&raw);
    let id = SeriesId {
        kind: Kind::Trades,
        symbol: "ETHUSDT".parse().expect("a symbol"),
        interval: None,
    };
    let rows = rows(&catalogue, &id, Range::ALL);
    let sold = rows.iter().filter(|row| row[4] == Cell::Flag(true));
    let sold: f64 = sold.map(|row| float(&row[3])).sum();
    let frame = catalogue.frame(&id, Range::ALL).expect("a frame");
    let of_makers = frame.clone().filter(col("is_buyer_maker")).select([col("qty").sum()]);
    assert!((only(of_makers, "qty") - sold).abs() < 1e-9, "{sold}");
    let untold = frame.select([col("local_time").null_count().alias("untold")]);
    assert_eq!(only(untold, "untold"), 50.0);
    let none = catalogue.frame(&id, Range { from: Nanos::ZERO, to: Nanos::from_secs(1) });
    assert!(none.err().is_some_and(|e| e.to_string().contains("nothing of it between")));
}
