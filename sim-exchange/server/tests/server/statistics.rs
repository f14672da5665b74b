//! Statistics by period, and histories as files.

use serde_json::{Value, json};

use crate::harness::{START, Venue, start};

const MINUTE: i64 = 60_000;

fn asked(venue: &Venue, name: &str, params: &str) -> Value {
    venue.raw("GET", &format!("/futures/data/{name}?{params}"), None, "").ok()
}

fn column(rows: &Value, name: &str) -> Vec<String> {
    let text = |row: &Value| row[name].as_str().unwrap_or_else(|| panic!("{row}")).to_owned();
    rows.as_array().unwrap().iter().map(text).collect()
}

/// The first account buys 0.1 BTC, the second sells 0.05 after six minutes, the first 0.04 after eleven.
fn traded() -> Venue {
    let venue = start();
    venue.market("BUY", "0.100");
    venue.step(6 * MINUTE);
    let sell = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.050";
    venue.of(1, "POST", "/fapi/v1/order", sell).ok();
    venue.step(5 * MINUTE);
    venue.market("SELL", "0.040");
    venue.step(5 * MINUTE);
    venue
}

#[test]
fn open_interest_and_ratios_are_those_of_the_accounts() {
    let venue = traded();
    let of = |name: &str| asked(&venue, name, "symbol=BTCUSDT&period=5m");
    let ends = [5, 10, 15].map(|minute| (START.millis() + minute * MINUTE).to_string());

    let interest = of("openInterestHist");
    assert_eq!(column(&interest, "timestamp"), ends);
    assert_eq!(column(&interest, "sumOpenInterest"), ["0.10000000", "0.10000000", "0.06000000"]);
    assert_eq!(column(&interest, "sumOpenInterestValue")[0], "5000.00000000");

    let accounts = of("globalLongShortAccountRatio");
    assert_eq!(column(&accounts, "timestamp"), ends);
    assert_eq!(column(&accounts, "longAccount"), ["1.0000", "0.5000", "0.5000"]);
    assert_eq!(column(&accounts, "longShortRatio"), ["0.0000", "1.0000", "1.0000"]);
    // The one with more money is the top trader.
    assert_eq!(column(&of("topLongShortAccountRatio"), "longAccount"), ["1.0000"; 3]);
    assert_eq!(column(&of("topLongShortPositionRatio"), "shortAccount"), ["0.0000"; 3]);

    let newest = asked(&venue, "openInterestHist", "symbol=BTCUSDT&period=5m&limit=1");
    assert_eq!(column(&newest, "timestamp"), ends[2..]);
    let first = format!("symbol=BTCUSDT&period=5m&limit=1&startTime={}", START.millis());
    assert_eq!(column(&asked(&venue, "openInterestHist", &first), "timestamp"), ends[..1]);
    // Nobody holds any of this one.
    assert_eq!(asked(&venue, "globalLongShortAccountRatio", "symbol=ETHUSDT&period=5m"), json!([]));
}

#[test]
fn taker_volume_and_basis_come_from_the_market() {
    let venue = traded();
    let volume = asked(&venue, "takerlongshortRatio", "symbol=BTCUSDT&period=5m");
    assert_eq!(column(&volume, "buyVol"), ["1.0000", "0.0000", "0.0000"]);
    assert_eq!(column(&volume, "sellVol"), ["0.0000"; 3]);
    assert_eq!(column(&volume, "timestamp")[0], START.millis().to_string());
    let basis = asked(&venue, "basis", "pair=BTCUSDT&contractType=PERPETUAL&period=15m");
    let expected = json!([{
        "indexPrice": "50000.00000000", "contractType": "PERPETUAL", "basisRate": "0.0000",
        "futuresPrice": "50000.00", "annualizedBasisRate": "", "basis": "0.00000000",
        "pair": "BTCUSDT", "timestamp": START.millis() + 15 * MINUTE,
    }]);
    assert_eq!(basis, expected);
    let quarter = asked(&venue, "basis", "pair=BTCUSDT&contractType=NEXT_QUARTER&period=15m");
    assert_eq!(quarter, json!([]));
    assert_eq!(asked(&venue, "delivery-price", "pair=BTCUSDT"), json!([]));
}

#[test]
fn wrong_questions_are_refused() {
    let venue = start();
    for (name, params, code) in [
        ("openInterestHist", "period=5m", -1102),
        ("openInterestHist", "symbol=BTCUSDT", -1102),
        ("openInterestHist", "symbol=NONEUSDT&period=5m", -1121),
        ("takerlongshortRatio", "symbol=BTCUSDT&period=1m", -1130),
        ("topLongShortPositionRatio", "symbol=BTCUSDT&period=5m&limit=501", -1130),
        ("basis", "pair=BTCUSDT&period=5m", -1102),
        ("basis", "pair=BTCUSDT&period=5m&contractType=WEEKLY", -1130),
    ] {
        let answer = venue.raw("GET", &format!("/futures/data/{name}?{params}"), None, "");
        assert_eq!(answer.refusal().1, code, "{name} {params}");
    }
}

#[test]
fn histories_can_be_downloaded() {
    let venue = traded();
    let span = format!("startTime={}&endTime={}", START.millis(), START.millis() + 7 * MINUTE);
    let file = |account: usize, name: &str, columns: &str| -> Vec<String> {
        venue.step(MINUTE);
        let path = format!("/fapi/v1/{name}/asyn");
        let asked = venue.of(account, "GET", &path, &span).ok();
        let id = asked["downloadId"].as_str().unwrap();
        let path = format!("{path}/id");
        let link = venue.of(account, "GET", &path, &format!("downloadId={id}")).ok();
        assert_eq!((&link["status"], &link["isExpired"]), (&json!("completed"), &Value::Null));
        let other = venue.of(1 - account, "GET", &path, &format!("downloadId={id}"));
        assert_eq!(other.refusal().1, -1130, "it is somebody else's");
        let url = link["url"].as_str().unwrap().to_owned();
        let place = url.strip_prefix(&format!("http://{}", venue.addr())).unwrap();
        let answer = venue.raw("GET", place, None, "");
        assert_eq!(
            (answer.status, answer.header("content-type").unwrap()),
            (200, "text/csv; charset=utf-8")
        );
        let mut lines = answer.body.lines().map(str::to_owned);
        assert!(lines.next().unwrap().starts_with(columns), "{answer:?}");
        lines.collect()
    };
    let trades = file(0, "trade", "symbol,id,orderId,time,side,");
    assert_eq!(trades.len(), 1, "the other one was later: {trades:?}");
    assert!(trades[0].starts_with("BTCUSDT,") && trades[0].contains(",BUY,BOTH,"), "{trades:?}");
    let orders = file(1, "order", "symbol,orderId,clientOrderId,time,");
    assert!(orders.len() == 1 && orders[0].contains(",SELL,BOTH,MARKET,"), "{orders:?}");
    let income = file(0, "income", "symbol,incomeType,income,asset,");
    assert!(income.iter().any(|row| row.starts_with("BTCUSDT,COMMISSION,-")), "{income:?}");

    venue.step(MINUTE);
    let refused = |params: &str| venue.get("/fapi/v1/trade/asyn", params).refusal().1;
    assert_eq!(refused("startTime=1"), -1102);
    assert_eq!(refused(&format!("startTime=1&endTime={}", 366 * 24 * 60 * MINUTE)), -4165);
    assert_eq!(venue.get("/fapi/v1/trade/asyn/id", "downloadId=7").refusal().1, -1130);
    let nothing = venue.raw("GET", "/downloads/7", None, "");
    assert_eq!(nothing.status, 404);
}
