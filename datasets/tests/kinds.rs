//! Every kind of the archive, on lines as the archive publishes them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test")]

mod common;

use common::{Raw, drain, zip};
use datasets::catalogue::Catalogue;
use datasets::import::{ImportReport, import};
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::{BarMode, Interval, Kind, SeriesId};
use engine::{BestQuotes, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Symbol};

fn imported(place: &str, text: &str) -> (Raw, ImportReport) {
    let raw = Raw::new();
    let csv = place.rsplit('/').next().unwrap();
    raw.file(&format!("{place}.zip"), &zip(&format!("{csv}.csv"), text.as_bytes()));
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("an import");
    assert_eq!(report.refused, [], "{place}");
    assert_eq!(report.files, 1, "{:?}", report.skipped);
    (raw, report)
}

fn notes(report: &ImportReport) -> Vec<&str> {
    let all = report.notes.iter().map(|note| note.text.as_str());
    all.filter(|text| !text.contains(".CHECKSUM")).collect()
}

fn series(kind: Kind, interval: Option<&str>) -> SeriesId {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    SeriesId { kind, symbol, interval: interval.map(|name| Interval::named(name).unwrap()) }
}

fn replayed(raw: &Raw, id: SeriesId) -> Vec<MarketEvent> {
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    let instrument = Instrument { symbol: id.symbol, price_decimals: 2, qty_decimals: 3 };
    let request = Request { series: id, bars: BarMode::Points };
    let mut feed =
        ReplayFeed::open(&catalogue, &[instrument], &[request], Range::ALL).expect("a feed");
    drain(&mut feed)
}

#[test]
fn trades() {
    let text = "id,price,qty,quote_qty,time,is_buyer_maker\n\
                4489358311,42314.00,0.012,507.76800,1704067200005,true\n\
                4489358312,42314.10,0.002,84.62820,1704067200005,false\n";
    let (raw, report) = imported("daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-01", text);
    assert_eq!((report.rows, notes(&report)), (2, vec![]));
    let events = replayed(&raw, series(Kind::Trades, None));
    let MarketData::Trade(second) = events[1].data else { panic!("{:?}", events[1]) };
    assert_eq!((second.price, second.qty), (PriceTicks(4_231_410), QtyLots(2)));
    assert!(!second.buyer_is_maker);
    assert_eq!(events[1].time, Nanos::from_millis(1_704_067_200_005));
    assert_eq!(events[1].delay.span(), None, "nobody recorded it");
    // Older files have no header.
    let (bare, _) = imported(
        "daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-01",
        text.split_once('\n').unwrap().1,
    );
    assert_eq!(replayed(&bare, series(Kind::Trades, None)), events);
}

#[test]
fn best_quotes_that_interleave() {
    let text = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n\
                3761512880131,42313.90,5.204,42314.00,1.530,1704067200010,1704067200014\n\
                3761512880119,42313.90,5.201,42314.00,1.530,1704067200007,1704067200012\n\
                3761512880140,42313.90,5.204,42314.00,1.529,1704067200011,1704067200015\n";
    let (raw, report) = imported("daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-01-01", text);
    assert_eq!(notes(&report), ["1 row was out of order and sorted by time"]);
    let events = replayed(&raw, series(Kind::BookTicker, None));
    let times: Vec<i64> = events.iter().map(|e| e.time.millis() - 1_704_067_200_000).collect();
    assert_eq!(times, [7, 10, 11]);
    let first = BestQuotes {
        bid: PriceTicks(4_231_390),
        bid_qty: QtyLots(5_201),
        ask: PriceTicks(4_231_400),
        ask_qty: QtyLots(1_530),
    };
    assert_eq!(events[0].data, MarketData::BestQuotes(first));
}

#[test]
fn bands_of_depth() {
    let text = "timestamp,percentage,depth,notional\n\
                2025-06-05 00:00:08,-5,6083.79000000,632127436.91350000\n\
                2025-06-05 00:00:08,-4,5203.11200000,541983212.10000000\n\
                2025-06-05 00:00:08,5.00,4993.20000000,538811201.00000000\n\
                2025-06-05 00:00:38,-5,6084.00000000,632150000.00000000\n";
    let (raw, report) = imported("daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2025-06-05", text);
    assert_eq!((report.rows, notes(&report)), (4, vec![]));
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    assert_eq!(catalogue.list()[0].first, "2025-06-05T00:00:08Z");
    // It is no book.
    let id = series(Kind::BookDepth, None);
    let instrument = Instrument { symbol: id.symbol, price_decimals: 2, qty_decimals: 3 };
    let request = Request { series: id, bars: BarMode::Points };
    let refused = ReplayFeed::open(&catalogue, &[instrument], &[request], Range::ALL);
    let refused = refused.err().expect("no feed").to_string();
    assert!(refused.contains("bookDepth/BTCUSDT cannot be replayed"), "{refused}");
}

#[test]
fn metrics_unsorted_with_blanks() {
    let text = "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,\
                sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n\
                2025-06-05 00:10:00,BTCUSDT,79482.9640000000000000,8322660122.9764800000000000,1.8412000000000000,1.5,,0.98765432109876\n\
                2025-06-05 00:05:00,BTCUSDT,79400.0000000000000000,8314000000.0000000000000000,,,1.7,1.01\n";
    let (_, report) = imported("daily/metrics/BTCUSDT/BTCUSDT-metrics-2025-06-05", text);
    assert_eq!(
        notes(&report),
        [
            "1 row was out of order and sorted by time",
            "1 values had more than 8 decimals and were rounded half to even"
        ]
    );
}

#[test]
fn bars_of_index_and_premium() {
    let header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,\
                  taker_buy_volume,taker_buy_quote_volume,ignore\n";
    let index =
        format!("{header}1704067200000,42300.12,42310,42290.5,42305,0,1704067259999,0,60,0,0,0\n");
    let (raw, _) = imported("daily/indexPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01-01", &index);
    let events = replayed(&raw, series(Kind::IndexPriceKlines, Some("1m")));
    assert_eq!(events.len(), 4);
    assert_eq!(events[0].data, MarketData::IndexPrice(PriceTicks(4_230_012)));

    let premium = format!(
        "{header}1704067200000,-0.00012,0.0003,-0.0004,0.0001,0,1704067259999,0,12,0,0,0\n"
    );
    let (raw, _) = imported("daily/premiumIndexKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01-01", &premium);
    let checks = Catalogue::open(&raw.path("set")).expect("a data set").check().expect("a check");
    assert!(checks[0].is_clean(), "{checks:?}");
}

#[test]
fn open_interest() {
    let text = "timestamp,symbol,sum_open_interest,sum_open_interest_value\n\
                1771560000000,BTCUSDT,80123.456,5432109876.12345678\n\
                1771574400000,BTCUSDT,80200.1,5440000000\n";
    let (_, report) = imported(
        "range/openInterestHist/BTCUSDT/4h/BTCUSDT-openInterest-4h-2026-02-20_2026-03-20",
        text,
    );
    assert_eq!((report.rows, notes(&report)), (2, vec![]));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_said() {
    let text = "\u{feff}id,price,qty,quote_qty,time,is_buyer_maker\r\n\
                1,42314.00,0.012,507.768,1704067200005,true\r\n";
    let (raw, report) = imported("trades/BTCUSDT/BTCUSDT-trades-2024-01-01", text);
    assert_eq!(
        notes(&report),
        [
            "begins with a byte-order mark, which was passed over",
            "has Windows line ends, which were read as line ends"
        ]
    );
    assert_eq!(replayed(&raw, series(Kind::Trades, None)).len(), 1);
}

#[test]
fn what_is_wrong_is_named() {
    for (text, parts) in [
        ("1,42314,0.1,1,1704067200,true\n", &["line 1", "'time'", "seconds"][..]),
        ("1,42314,0.1,1,1704067200005000000,true\n", &["line 1", "'time'", "nanoseconds"]),
        ("1,-42314,0.1,1,1704067200005,true\n", &["line 1", "'price'", "not above zero"]),
        (
            "1,42314,0.1,1,1704067200005,true\n1,42314,0.1,1,1704067200005,true\n",
            &["line 2", "duplicate"],
        ),
    ] {
        let raw = Raw::new();
        raw.file("trades/BTCUSDT/BTCUSDT-trades-2024-01-01.csv", text.as_bytes());
        let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("an import");
        let [refusal] = &report.refused[..] else { panic!("{text}: {report:?}") };
        for part in parts {
            assert!(refusal.reason.contains(part), "{text}: {}", refusal.reason);
        }
    }
    let raw = Raw::new();
    let text = "timestamp,symbol,sum_open_interest,sum_open_interest_value\n\
                1771560000000,MATICUSDT,1,1\n1771574400000,POLUSDT,1,1\n";
    raw.file("openInterestHist/MATICUSDT/4h/MATICUSDT-openInterest-4h-x.csv", text.as_bytes());
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("an import");
    let reason = &report.refused[0].reason;
    assert!(reason.contains("line 3") && reason.contains("renamed"), "{reason}");
}

/// One form of the archive's files does not tell the hours: nothing is told, not zero.
#[test]
fn hours_that_no_source_tells_are_blank() {
    use datasets::query::{Cell, Listing};
    let text = "timestamp,symbol,funding_rate\n1768233600000,BTCUSDT,0.0001\n";
    let (raw, _) = imported("fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-01", text);
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    let id = series(Kind::FundingRate, None);
    let mut rows = Listing::open(&catalogue, &id, Range::ALL, None).expect("rows");
    let hours = rows.names().iter().position(|name| *name == "funding_interval_hours");
    let row = rows.next_row().expect("readable").expect("a row");
    assert_eq!(row[hours.expect("a column")], Cell::Blank);
}
