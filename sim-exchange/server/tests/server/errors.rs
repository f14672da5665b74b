//! What is refused, with which status and text.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{KEYS, exchange_raw, read_answer, request, sign, start, start_with};

#[test]
fn keys() {
    let venue = start();
    let query = venue.signed_query(0, "");
    let with = |key| venue.raw("GET", &format!("/fapi/v2/account?{query}"), key, "").refusal();
    assert_eq!(with(None), (401, -2014, "API-key format invalid.".to_owned()));
    let rejected = (401, -2015, "Invalid API-key, IP, or permissions for action.".to_owned());
    assert_eq!(with(Some("nobody")), rejected);
    assert_eq!(with(Some(KEYS[1].0)).1, -1022, "another's key");
    let listen = venue.raw("POST", "/fapi/v1/listenKey", None, "").refusal();
    assert_eq!((listen.0, listen.1), (401, -2014));
}

#[test]
fn signed_requests_need_time_and_signature() {
    let venue = start();
    let get = |query: &str| {
        venue.raw("GET", &format!("/fapi/v2/balance?{query}"), Some(KEYS[0].0), "").refusal()
    };
    assert_eq!(
        get("recvWindow=5000").2,
        "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
    );
    assert_eq!(
        get("timestamp=1").2,
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."
    );
    let at = |ms: i64, window: &str| {
        let params = format!("timestamp={}{window}", venue.ms() + ms);
        let query = format!("{params}&signature={}", sign(KEYS[0].1, &params));
        venue.raw("GET", &format!("/fapi/v2/balance?{query}"), Some(KEYS[0].0), "")
    };
    let ahead = (
        400,
        -1021,
        "Timestamp for this request was 1000ms ahead of the server's time.".to_owned(),
    );
    let late = (400, -1021, "Timestamp for this request is outside of the recvWindow.".to_owned());
    at(999, "").ok();
    assert_eq!(at(1_000, "").refusal(), ahead);
    at(-5_000, "").ok();
    assert_eq!(at(-5_001, "").refusal(), late);
    assert_eq!(at(-11, "&recvWindow=10").refusal(), late);
    at(-20_000, "&recvWindow=20000").ok();
    assert_eq!(at(0, "&recvWindow=60001").refusal().1, -1130);
    assert_eq!(at(0, "&recvWindow=x").refusal().1, -1102);
}

#[test]
fn timestamps_may_be_ignored() {
    let venue = start_with(|setup| setup.server.check_timestamps = false);
    let params = "timestamp=1";
    let query = format!("{params}&signature={}", sign(KEYS[0].1, params));
    venue.raw("GET", &format!("/fapi/v2/balance?{query}"), Some(KEYS[0].0), "").ok();
}

#[test]
fn unknown_paths_and_methods() {
    let venue = start();
    for (method, path) in [
        ("GET", "/fapi/v1/nothing"),
        ("PATCH", "/fapi/v1/order"),
        ("GET", "/"),
        ("GET", "/fapi/v1/stock/contract"),
    ] {
        let refusal = venue.raw(method, path, None, "").refusal();
        assert_eq!(refusal, (404, -5000, format!("Path {path}, Method {method} is invalid")));
    }
}

#[test]
fn odd_requests_get_an_answer_in_json() {
    let venue = start();
    // No UTF-8 after decoding, a body that is no form, a parameter without a value.
    venue.raw("GET", "/fapi/v1/time?x=%FF%FE&y", None, "").ok();
    let refusal =
        venue.raw("POST", "/fapi/v1/order?symbol", Some(KEYS[0].0), "{\"a\":1}").refusal();
    assert_eq!(refusal.1, -1102);
    let text = "POST /fapi/v1/order HTTP/1.1\r\nHost: v\r\nContent-Length: 2\r\n\r\n\u{00ff}";
    assert_eq!(exchange_raw(venue.addr(), text).unwrap().status, 401);
}

/// Whatever is wrong with a request, its refusal is JSON and tells the weight.
#[test]
fn every_refusal_tells_code_text_and_weight() {
    let venue = start();
    let fields = "Host: v\r\nContent-Length: 2\r\n\r\n";
    let long = format!("GET /fapi/v1/time?{} HTTP/1.1\r\n{fields}a=", "x".repeat(200_000));
    let longish = format!("GET /fapi/v1/time?{} HTTP/1.1\r\n{fields}a=", "x".repeat(60_000));
    let huge = request("POST", "/fapi/v1/order", None, &"x".repeat((1 << 20) + 1));
    let mut no_text = format!("POST /fapi/v1/order HTTP/1.1\r\n{fields}").into_bytes();
    no_text.extend([0xff, 0xfe]);
    let no_upgrade = request("GET", "/ws-fapi/v1", None, "");
    for (what, text, status, code) in [
        ("a long address", long.as_bytes(), 414, -1101),
        ("a rather long address", longish.as_bytes(), 414, -1101),
        ("a long body", huge.as_bytes(), 400, -1101),
        ("no text", no_text.as_slice(), 400, -1013),
        ("no upgrade", no_upgrade.as_bytes(), 400, -1013),
    ] {
        let mut stream = TcpStream::connect(venue.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(text).unwrap();
        let answer = read_answer(&mut stream).unwrap_or_else(|| panic!("no answer to {what}"));
        assert_eq!((answer.status, answer.refusal().1), (status, code), "{what}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
        assert!(answer.header("x-mbx-used-weight-1m").is_some(), "{what}");
    }
    venue.admin("POST", "/limits", r#"{"enforce":true,"request_weight_1m":0}"#).ok();
    let upgrade = no_upgrade.replace(
        "Host: venue",
        "Host: venue\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    let over = exchange_raw(venue.addr(), &upgrade).unwrap();
    assert_eq!((over.status, over.refusal().1), (429, -1003));
    assert_eq!(over.header("content-type"), Some("application/json"));
    assert_eq!(over.header("retry-after"), Some("60"));
    assert!(over.header("x-mbx-used-weight-1m").is_some());
}

#[test]
fn words_that_no_order_knows() {
    let venue = start();
    let base = [
        ("symbol", "BTCUSDT"),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "0.01"),
        ("price", "49000"),
    ];
    let with = |name: &str, value: Option<&str>| {
        let mut params: Vec<(&str, &str)> =
            base.iter().copied().filter(|(n, _)| *n != name).collect();
        params.extend(value.map(|value| (name, value)));
        let params: Vec<String> = params.iter().map(|(n, v)| format!("{n}={v}")).collect();
        venue.post("/fapi/v1/order", &params.join("&")).refusal()
    };
    for (name, value, code) in [
        ("symbol", None, -1102),
        ("symbol", Some("NOPE"), -1121),
        ("side", None, -1102),
        ("side", Some("HOLD"), -1117),
        ("type", None, -1102),
        ("type", Some("ICEBERG"), -1116),
        ("timeInForce", Some("DAY"), -1115),
        ("timeInForce", None, -1102),
        ("quantity", None, -1102),
        ("price", None, -1102),
        ("positionSide", Some("UP"), -4060),
        ("positionSide", Some("LONG"), -4061),
        ("reduceOnly", Some("maybe"), -1102),
        ("reduceOnly", Some("true"), -2022),
        ("workingType", Some("MOON"), -1130),
        ("priceMatch", Some("BEST"), -5037),
        ("selfTradePreventionMode", Some("MAYBE"), -5039),
        ("newClientOrderId", Some("a%20b"), -4015),
        ("price", Some("60000"), -4016),
        ("quantity", Some("0.0001"), -1111),
    ] {
        assert_eq!(with(name, value).1, code, "{name}={value:?}");
    }
    assert!(venue.books(0)["orders"].as_array().unwrap().is_empty());
}

#[test]
fn duplicate_ids_and_post_only() {
    let venue = start();
    venue.resting("a");
    let again = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000&newClientOrderId=a";
    assert_eq!(venue.post("/fapi/v1/order", again).refusal().1, -4116);
    let takes = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.01&price=51000";
    assert_eq!(venue.post("/fapi/v1/order", takes).refusal().1, -5022);
    let nothing = venue.get("/fapi/v1/order", "symbol=BTCUSDT").refusal();
    assert_eq!(nothing.1, -1102);
    let text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
    assert_eq!(nothing.2, text);
}
