//! What clients do with parameters, beyond the documentation.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{KEYS, ids, read_answer, request, sign, start};

#[test]
fn unknown_parameters_are_tolerated_and_empty_ones_are_not_there() {
    let venue = start();
    venue.resting("mine");
    // As ccxt sends it: an empty orderId, and a name that the endpoint does not know.
    let answer = venue.put(
        "/fapi/v1/order",
        "symbol=BTCUSDT&side=BUY&orderId=&quantity=0.02&price=49100&origClientOrderId=mine&clientOrderId=mine&color=red",
    );
    let order = answer.ok();
    assert_eq!((&order["origQty"], &order["price"]), (&"0.020".into(), &"49100.00".into()));
}

#[test]
fn of_duplicates_the_query_wins() {
    let venue = start();
    let (key, secret) = KEYS[0];
    let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000";
    let body = format!("price=1&newClientOrderId=a&timestamp={}", venue.ms());
    let signature = sign(secret, &format!("{query}{body}"));
    let target = format!("/fapi/v1/order?{query}");
    venue.raw("POST", &target, Some(key), &format!("{body}&signature={signature}")).ok();
    assert_eq!(venue.books(0)["openOrders"][0]["price"], "49000.00");
}

#[test]
fn batch_lists_come_raw_or_percent_encoded() {
    let venue = start();
    let list = r#"[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.01","price":"49000","newClientOrderId":"ID"},{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.01,"price":49000.5,"newClientOrderId":"IE"},{"symbol":"NOPE","side":"BUY","type":"MARKET","quantity":"1"},{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"9000","price":"49000"}]"#;
    let raw = list.replace("ID", "raw1").replace("IE", "raw2");
    let encoded: String = list
        .replace("ID", "enc1")
        .replace("IE", "enc2")
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    for list in [raw, encoded] {
        let rows = venue.post("/fapi/v1/batchOrders", &format!("batchOrders={list}")).ok();
        let codes: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| row["code"].as_i64()).collect();
        assert_eq!(codes, [None, None, Some(-1121), Some(-4005)], "each for itself, in its place");
    }
    // In the body, and cancelled by names in lower case, as ccxt writes them.
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["raw1", "raw2", "enc1", "enc2"]);
    let list = "%5B%22raw1%22%2C%22enc2%22%2C%22gone%22%5D";
    let rows = venue
        .delete("/fapi/v1/batchOrders", &format!("symbol=BTCUSDT&origclientorderidlist={list}"))
        .ok();
    assert_eq!(
        (&rows[0]["status"], &rows[1]["status"], &rows[2]["code"]),
        (&"CANCELED".into(), &"CANCELED".into(), &(-2011).into())
    );
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["raw2", "enc1"]);
}

#[test]
fn batches_have_their_sizes() {
    let venue = start();
    let six = format!("[{}]", [r#"{"symbol":"BTCUSDT"}"#; 6].join(","));
    for list in ["[]", six.as_str()] {
        let answer = venue.post("/fapi/v1/batchOrders", &format!("batchOrders={list}"));
        assert_eq!(answer.refusal().1, -4082);
    }
    assert_eq!(venue.post("/fapi/v1/batchOrders", "batchOrders=5").refusal().1, -1102);
    let eleven = format!("[{}]", ["1"; 11].join(","));
    let answer =
        venue.delete("/fapi/v1/batchOrders", &format!("symbol=BTCUSDT&orderIdList={eleven}"));
    assert_eq!(answer.refusal().1, -4032);
    assert_eq!(venue.delete("/fapi/v1/batchOrders", "symbol=BTCUSDT").refusal().1, -1102);
}

#[test]
fn ids_of_a_list_come_with_quotes_or_without() {
    let venue = start();
    let id = |name: &str| venue.resting(name)["orderId"].as_u64().unwrap();
    let (a, b, c, d) = (id("a"), id("b"), id("c"), id("d"));
    for list in [format!("%5B%22{a}%22%2C%22{b}%22%5D"), format!("[\"{c}\",+{d},-1]")] {
        let params = format!("symbol=BTCUSDT&orderIdList={list}");
        let rows = venue.delete("/fapi/v1/batchOrders", &params).ok();
        assert_eq!(
            (&rows[0]["status"], &rows[1]["status"]),
            (&"CANCELED".into(), &"CANCELED".into())
        );
        assert!(rows[2].is_null() || rows[2]["code"] == -2011);
    }
    assert!(venue.books(0)["openOrders"].as_array().unwrap().is_empty());
}

#[test]
fn a_list_to_cancel_that_is_none_is_not_valid() {
    let venue = start();
    let refusal = |lists: &str| {
        venue.delete("/fapi/v1/batchOrders", &format!("symbol=BTCUSDT&{lists}")).refusal()
    };
    let invalid =
        |name: &str| (400, -1130, format!("Data sent for parameter '{name}' is not valid."));
    for list in ["9", "1,2", "[1.5]", "[a]", "[\"a\"]", "[null]", "[[1]]", "{}", "[1", "\"1\""] {
        assert_eq!(refusal(&format!("orderIdList={list}")), invalid("orderidlist"), "{list}");
        assert_eq!(refusal(&format!("orderidlist={list}")), invalid("orderidlist"), "{list}");
    }
    for lists in [
        "origClientOrderIdList=a&origClientOrderIdList=b",
        "origClientOrderIdList=[a]",
        "origClientOrderIdList=[1]",
        "origclientorderidlist=\"a\"",
    ] {
        assert_eq!(refusal(lists), invalid("origclientorderidlist"), "{lists}");
    }
}

#[test]
fn a_path_may_have_slashes_that_it_does_not_need() {
    let venue = start();
    for path in ["//fapi/v1/ping", "/fapi//v1///ping", "///api/v3/ping"] {
        assert_eq!(venue.raw("GET", path, None, "").ok(), serde_json::json!({}), "{path}");
    }
    for path in ["/api/v3/time", "//fapi/v1/time?a=//b"] {
        assert_eq!(venue.raw("GET", path, None, "").ok()["serverTime"], venue.ms(), "{path}");
    }
    assert!(venue.get("//fapi/v1/openOrders", "symbol=BTCUSDT").ok().is_array(), "signed");
    let unknown = venue.raw("GET", "//fapi/v1//nothing", None, "").refusal();
    assert_eq!(unknown.2, "Path /fapi/v1/nothing, Method GET is invalid");
}

#[test]
fn numbers_have_many_forms() {
    let venue = start();
    let with = |quantity: &str, price: &str| {
        let params = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"
        );
        venue.post("/fapi/v1/order", &params)
    };
    for (quantity, price) in [("0.010", "49000"), ("0.01000000", "49000.000000"), (".01", "49000.")]
    {
        let order = with(quantity, price).ok();
        assert_eq!((&order["origQty"], &order["price"]), (&"0.010".into(), &"49000.00".into()));
    }
    for (quantity, price, code) in [
        ("abc", "49000", -1102),
        ("0.01", "4e4", -1102),
        (".", "49000", -1102),
        ("", "49000", -1102),
        ("0.0105", "49000", -1111),
        ("0.01", "49000.05", -4014),
        ("0.01", "49000.001", -1111),
        ("-0.01", "49000", -4003),
        ("99999999999999999999", "49000", -4005),
        ("0", "49000", -4003),
    ] {
        assert_eq!(with(quantity, price).refusal().1, code, "{quantity} at {price}");
    }
}

#[test]
fn a_get_may_have_a_body_too() {
    let venue = start();
    let (key, secret) = KEYS[0];
    venue.resting("a");
    let get = |target: &str, key, body: &str| venue.raw("GET", target, key, body);
    let depth = get("/fapi/v1/depth", None, "symbol=BTCUSDT&limit=5").ok();
    assert!(depth["lastUpdateId"].is_u64());
    get("/fapi/v1/depth?symbol=BTCUSDT", None, "symbol=NOPE&limit=5").ok();
    let rest = format!("origClientOrderId=a&timestamp={}", venue.ms());
    let all = format!("symbol=BTCUSDT&{rest}");
    let signed = |text: &str| sign(secret, text);
    let in_body = get("/fapi/v1/order", Some(key), &format!("{all}&signature={}", signed(&all)));
    assert_eq!(in_body.ok()["clientOrderId"], "a");
    let signature = signed(&format!("symbol=BTCUSDT{rest}"));
    let split =
        get("/fapi/v1/order?symbol=BTCUSDT", Some(key), &format!("{rest}&signature={signature}"));
    assert_eq!(split.ok()["clientOrderId"], "a");
    // A client that calls everything JSON signs its query alone.
    let target = format!("/fapi/v1/order?{all}&signature={}", signed(&all));
    let text = request("GET", &target, Some(key), "{}")
        .replace("application/x-www-form-urlencoded", "application/json");
    let answer = crate::harness::exchange_raw(venue.addr(), &text).unwrap();
    assert_eq!(answer.ok()["clientOrderId"], "a");
}

/// Bytes that the parser of HTTP takes for an error: they are part of what was signed.
#[test]
fn an_address_may_hold_raw_bytes_however_it_arrives() {
    let venue = start();
    let (key, secret) = KEYS[0];
    let odd = "tag=[{\"`|<é>#^\\}]";
    let text = |id: &str| {
        let params = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000&newClientOrderId={id}&{odd}&timestamp={}",
            venue.ms()
        );
        let signature = sign(secret, &params);
        request("POST", &format!("/fapi/v1/order?{params}&signature={signature}"), Some(key), "")
    };
    let mut stream = TcpStream::connect(venue.addr()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // In one piece, in pieces that begin within the method, the address and the fields, and two at once.
    for (id, cuts) in [("a", vec![]), ("b", vec![2, 3, 40, 60, 200, 300])] {
        let text = text(id);
        let mut from = 0;
        for to in cuts.into_iter().chain([text.len()]) {
            stream.write_all(&text.as_bytes()[from..to]).unwrap();
            from = to;
        }
        assert_eq!(read_answer(&mut stream).unwrap().ok()["clientOrderId"], id);
    }
    let both = format!("{}{}", text("c"), text("d"));
    let mut stream = TcpStream::connect(venue.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(both.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().ok()["clientOrderId"], "c");
    // The second answer may have come with the first one; the books know.
    while ids(&venue.books(0)["openOrders"]).len() < 4 {
        std::thread::yield_now();
    }
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["a", "b", "c", "d"]);
    let path = venue.raw("GET", "/fapi/v1/<\"|`>", None, "").refusal();
    assert_eq!((path.0, path.2.as_str()), (404, "Path /fapi/v1/<\"|`>, Method GET is invalid"));
}
