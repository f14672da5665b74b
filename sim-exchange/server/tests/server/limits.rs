//! Weights, order counts, 429 and 418.

use crate::harness::{KEYS, start, start_with};

#[test]
fn every_answer_tells_the_used_weight_and_orders_their_counts() {
    let venue = start();
    let time = venue.raw("GET", "/fapi/v1/time", None, "");
    assert_eq!(time.header("x-mbx-used-weight-1m"), Some("1"));
    assert_eq!(time.header("x-mbx-order-count-10s"), None);
    let refused = venue.raw("GET", "/fapi/v2/account", None, "");
    assert_eq!(refused.header("x-mbx-used-weight-1m"), Some("11"), "refusals weigh, too");
    let params = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000";
    let order = venue.post("/fapi/v1/order", params);
    assert_eq!(order.header("x-mbx-used-weight-1m"), Some("11"), "an order weighs nothing");
    assert_eq!(order.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(order.header("x-mbx-order-count-1m"), Some("1"));
    let list = r#"[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"0.01"}]"#;
    let batch = venue.post("/fapi/v1/batchOrders", &format!("batchOrders={list}"));
    assert_eq!(batch.header("x-mbx-order-count-10s"), Some("6"), "a batch counts five");
    assert_eq!(batch.header("x-mbx-order-count-1m"), Some("2"));
    assert_eq!(batch.header("x-mbx-used-weight-1m"), Some("16"));
    // Another account on the same address: its own orders, the same weight.
    let other = venue.of(1, "POST", "/fapi/v1/order", params);
    assert_eq!(other.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(other.header("x-mbx-used-weight-1m"), Some("16"));
    venue.step(10_000);
    let order = venue.post("/fapi/v1/order", params);
    assert_eq!(order.header("x-mbx-order-count-10s"), Some("1"), "another window");
    assert_eq!(order.header("x-mbx-order-count-1m"), Some("3"));
    venue.step(60_000);
    let time = venue.raw("GET", "/fapi/v1/time", None, "");
    assert_eq!(time.header("x-mbx-used-weight-1m"), Some("1"), "another minute");
}

#[test]
fn over_the_weight_comes_429_and_then_418() {
    let venue = start_with(|setup| {
        setup.exchange.limits.request_weight_1m = 40;
        setup.exchange.limits.refusals_before_ban = 2;
    });
    venue.get("/fapi/v1/openOrders", "").ok();
    let over = venue.raw("GET", "/fapi/v1/time", None, "");
    assert_eq!((over.status, over.refusal().1), (429, -1003));
    assert!(over.body.contains("current limit is 40 requests per minute"), "{}", over.body);
    let wait: i64 = over.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Orders weigh nothing, but their IP is over its limit.
    let params = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01";
    assert_eq!(venue.post("/fapi/v1/order", params).status, 429);
    let banned = venue.raw("GET", "/fapi/v1/time", None, "");
    assert_eq!((banned.status, banned.refusal().1), (418, -1003));
    assert!(banned.body.contains("banned until"), "{}", banned.body);
    assert_eq!(banned.header("retry-after"), Some("120"));
    assert!(venue.books(0)["orders"].as_array().unwrap().is_empty());
    venue.step(119_000);
    assert_eq!(venue.raw("GET", "/fapi/v1/time", None, "").status, 418);
    venue.step(1_001);
    venue.raw("GET", "/fapi/v1/time", None, "").ok();
}

#[test]
fn over_the_orders_comes_429() {
    let venue = start_with(|setup| setup.exchange.limits.orders_10s = 5);
    let params = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000";
    for _ in 0..5 {
        venue.post("/fapi/v1/order", params).ok();
    }
    let over = venue.post("/fapi/v1/order", params);
    assert_eq!(
        over.refusal(),
        (429, -1015, "Too many new orders; current limit is 5 orders per TEN_SECONDS.".to_owned())
    );
    // 10 ms of the ten seconds are over.
    assert_eq!(over.header("retry-after"), Some("10"));
    // Cancelling is no order, and another account has its own count.
    venue.delete("/fapi/v1/allOpenOrders", "symbol=BTCUSDT").ok();
    venue.of(1, "POST", "/fapi/v1/order", params).ok();
    venue.step(10_000);
    venue.post("/fapi/v1/order", params).ok();
}

#[test]
fn who_goes_on_with_refused_orders_is_banned_once_with_all_that_comes_from_his_address() {
    let venue = start_with(|setup| {
        setup.exchange.limits.orders_10s = 5;
        setup.exchange.limits.refusals_before_ban = 2;
    });
    let params = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000";
    let order = |account| venue.of(account, "POST", "/fapi/v1/order", params);
    let statuses: Vec<u16> = (0..8).map(|_| order(0).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 418]);
    // A ban is of the address, and what comes meanwhile does not prolong it.
    for account in [0, 1, 0, 1] {
        let banned = order(account);
        assert_eq!((banned.refusal().1, banned.header("retry-after")), (-1003, Some("120")));
    }
    assert_eq!(venue.raw("GET", "/fapi/v1/time", None, "").status, 418);
    // Another window of orders ends no ban.
    venue.step(11_000);
    let banned = order(0);
    assert_eq!((banned.status, banned.header("retry-after")), (418, Some("109")));
    assert_eq!(venue.books(0)["orders"].as_array().unwrap().len(), 5);
    venue.step(109_000);
    order(0).ok();
    order(1).ok();
}

#[test]
fn funding_has_a_window_of_its_own() {
    let venue = start();
    let get = |path: &str| venue.raw("GET", path, None, "");
    for _ in 0..250 {
        get("/fapi/v1/fundingInfo").ok();
        get("/fapi/v1/fundingRate?symbol=BTCUSDT").ok();
    }
    let over = get("/fapi/v1/fundingInfo");
    assert_eq!((over.status, over.refusal().1), (429, -1003));
    assert!(over.body.contains("current limit is 500 requests per 5 minutes."), "{}", over.body);
    assert_eq!(over.header("retry-after"), Some("300"));
    assert_eq!(over.header("x-mbx-used-weight-1m"), Some("0"), "they weigh nothing");
    get("/fapi/v1/time").ok();
    venue.step(300_000);
    get("/fapi/v1/fundingRate").ok();
}

#[test]
fn nobodys_orders_are_not_told() {
    let venue = start();
    venue.resting("a");
    for (key, query) in [(None, ""), (Some(KEYS[0].0), "?timestamp=1&signature=00")] {
        let refused = venue.raw("POST", &format!("/fapi/v1/order{query}"), key, "");
        assert!(matches!(refused.refusal(), (401, -2014, _) | (400, -1022, _)), "{refused:?}");
        assert_eq!(refused.header("x-mbx-order-count-10s"), None);
        assert!(refused.header("x-mbx-used-weight-1m").is_some());
    }
    let known = venue.post("/fapi/v1/order", "symbol=BTCUSDT");
    assert_eq!((known.status, known.header("x-mbx-order-count-10s")), (400, Some("2")));
}

#[test]
fn limits_can_be_switched_off() {
    let venue = start_with(|setup| {
        setup.exchange.limits.request_weight_1m = 40;
        setup.exchange.limits.enforce = false;
    });
    for _ in 0..3 {
        venue.get("/fapi/v1/openOrders", "").ok();
    }
    let time = venue.raw("GET", "/fapi/v1/time", Some(KEYS[0].0), "");
    assert_eq!(time.header("x-mbx-used-weight-1m"), Some("121"), "they are counted");
    venue.admin("POST", "/limits", r#"{"enforce":true}"#).ok();
    assert_eq!(venue.raw("GET", "/fapi/v1/time", None, "").status, 429);
    venue.admin("POST", "/limits", r#"{"forgive":true,"request_weight_1m":100}"#).ok();
    venue.raw("GET", "/fapi/v1/time", None, "").ok();
}
