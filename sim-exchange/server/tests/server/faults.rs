//! Faults of the wire: what the client hears, and what the books say.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{KEYS, Venue, exchange_raw, ids, read_answer, request, start};

fn fault(venue: &Venue, body: &str) {
    venue.admin("POST", "/faults", body).ok();
}

fn order(venue: &Venue, id: &str) -> String {
    let params = format!(
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000&newClientOrderId={id}"
    );
    let target = format!("/fapi/v1/order?{}", venue.signed_query(0, &params));
    request("POST", &target, Some(KEYS[0].0), "")
}

fn open(venue: &Venue) -> Vec<String> {
    ids(&venue.books(0)["openOrders"]).into_iter().map(str::to_owned).collect()
}

#[test]
fn connections_are_cut_in_every_phase() {
    let venue = start();
    for (kind, executed) in [("drop_before", false), ("drop_after", true), ("drop_middle", true)] {
        fault(
            &venue,
            &format!(r#"{{"kind":"{kind}","times":1,"method":"POST","path":"/fapi/v1/order"}}"#),
        );
        // Another method is not concerned.
        venue.raw("GET", "/fapi/v1/time", None, "").ok();
        assert!(
            exchange_raw(venue.addr(), &order(&venue, kind)).is_none(),
            "{kind}: no whole answer"
        );
        assert_eq!(open(&venue).iter().any(|id| id == kind), executed, "{kind}");
    }
    // The faults are used up.
    assert_eq!(exchange_raw(venue.addr(), &order(&venue, "good")).unwrap().status, 200);
    assert_eq!(open(&venue), ["drop_after", "drop_middle", "good"]);
}

#[test]
fn outcomes_stay_unknown() {
    let venue = start();
    for (kind, executed, status, code) in [
        ("unknown503", true, 503, -1000),
        ("unknown503", false, 503, -1000),
        ("timeout408", true, 408, -1007),
        ("timeout408", false, 408, -1007),
    ] {
        let id = format!("{kind}-{executed}");
        fault(&venue, &format!(r#"{{"kind":"{kind}","executed":{executed},"times":1}}"#));
        let answer = exchange_raw(venue.addr(), &order(&venue, &id)).unwrap();
        assert_eq!((answer.status, answer.refusal().1), (status, code), "{id}");
        assert_eq!(open(&venue).contains(&id), executed, "{id}");
    }
    for (kind, code) in [("unavailable503", -1001), ("throttled503", -1008)] {
        fault(&venue, &format!(r#"{{"kind":"{kind}","times":1}}"#));
        let answer = exchange_raw(venue.addr(), &order(&venue, kind)).unwrap();
        assert_eq!((answer.status, answer.refusal().1), (503, code));
        assert!(!open(&venue).contains(&kind.to_owned()));
    }
}

#[test]
fn answers_are_delayed_and_refused() {
    let venue = start();
    fault(
        &venue,
        r#"[{"kind":"delay_after","ms":300,"times":1},{"kind":"delay_before","ms":300,"times":1}]"#,
    );
    for (id, executed) in [("after", true), ("before", false)] {
        let mut stream = TcpStream::connect(venue.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(order(&venue, id).as_bytes()).unwrap();
        if executed {
            // It is in the books before its answer comes.
            while !open(&venue).contains(&id.to_owned()) {
                std::thread::yield_now();
            }
        }
        assert_eq!(read_answer(&mut stream).unwrap().status, 200, "{id}");
    }
    fault(
        &venue,
        r#"{"kind":"refuse","http":400,"code":-2019,"msg":"Margin is insufficient.","account":1}"#,
    );
    venue.resting("mine");
    for _ in 0..2 {
        let answer = venue.of(1, "GET", "/fapi/v2/balance", "");
        assert_eq!(answer.refusal(), (400, -2019, "Margin is insufficient.".to_owned()));
    }
    let list = venue.admin("GET", "/faults", "").ok();
    assert_eq!(list[0]["kind"], "refuse");
    venue.admin("DELETE", "/faults", "").ok();
    venue.of(1, "GET", "/fapi/v2/balance", "").ok();
    let odd = r#"[{"kind":"drop_after","times":1},{"kind":"flood"}]"#;
    for (path, kinds) in [("/faults", "`drop_before`"), ("/stream-faults", "`duplicate`")] {
        let refused = venue.admin("POST", path, odd);
        let error = refused.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(refused.status, 400);
        assert!(error.contains("unknown variant") && error.contains(kinds), "{error}");
    }
    assert_eq!(venue.admin("GET", "/faults", "").ok(), serde_json::json!([]), "none is added");
}

#[test]
fn limits_are_forced() {
    let venue = start();
    fault(&venue, r#"{"kind":"rate_limit","times":1}"#);
    let over = venue.raw("GET", "/fapi/v1/time", None, "");
    assert_eq!((over.status, over.refusal().1), (429, -1003));
    fault(&venue, r#"{"kind":"rate_limit","limit":"orders_10s","times":1}"#);
    assert_eq!(venue.raw("GET", "/fapi/v1/time", None, "").refusal().1, -1015);
    fault(&venue, r#"{"kind":"ban","ms":5000,"times":1}"#);
    for _ in 0..2 {
        let banned = venue.raw("GET", "/fapi/v1/time", None, "");
        assert_eq!((banned.status, banned.header("retry-after")), (418, Some("5")));
    }
    venue.step(5_000);
    venue.raw("GET", "/fapi/v1/time", None, "").ok();
}

#[test]
fn the_clock_is_wrong_for_timestamps() {
    let venue = start();
    venue.admin("POST", "/skew", r#"{"ms":2000}"#).ok();
    venue.get("/fapi/v2/balance", "").ok();
    let short = venue.get("/fapi/v2/balance", "recvWindow=1000").refusal();
    assert_eq!(short.1, -1021);
    venue.admin("POST", "/skew", r#"{"ms":-2000}"#).ok();
    let ahead = venue.get("/fapi/v2/balance", "").refusal();
    assert_eq!(ahead.2, "Timestamp for this request was 1000ms ahead of the server's time.");
    let time = venue.raw("GET", "/fapi/v1/time", None, "").ok();
    assert_eq!(time["serverTime"], venue.ms() - 2_000);
}

#[test]
fn all_sockets_are_cut_and_a_restart_refuses_new_ones() {
    let venue = start();
    let mut kept = TcpStream::connect(venue.addr()).unwrap();
    kept.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let text = request("GET", "/fapi/v1/time", None, "");
    kept.write_all(text.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut kept).unwrap().status, 200);
    assert!(venue.admin("POST", "/cut", "").ok()["count"].as_u64().unwrap() >= 1);
    assert!(read_answer(&mut kept).is_none(), "the connection is gone");
    venue.resting("a");
    venue.raw("POST", "/fapi/v1/listenKey", Some(KEYS[0].0), "").ok();
    venue.admin("POST", "/restart", r#"{"down_ms":300,"forget_listen_keys":true}"#).ok();
    assert!(exchange_raw(venue.addr(), &text).is_none(), "it is down");
    while exchange_raw(venue.addr(), &text).is_none() {
        std::thread::yield_now();
    }
    assert_eq!(open(&venue), ["a"], "the books are kept");
    assert_eq!(venue.admin("GET", "/accounts", "").ok()[0]["listen_key"], false);
}
