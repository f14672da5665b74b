//! Every endpoint of orders once, with a look into the books afterwards.

use serde_json::json;

use crate::harness::{ids, start, start_with, trade};

#[test]
fn an_order_is_placed_asked_for_changed_and_cancelled() {
    let venue = start();
    let order = venue.resting("a");
    for (name, value) in [
        ("symbol", json!("BTCUSDT")),
        ("status", json!("NEW")),
        ("clientOrderId", json!("a")),
        ("price", json!("49000.00")),
        ("avgPrice", json!("0.00")),
        ("origQty", json!("0.010")),
        ("executedQty", json!("0.000")),
        ("cumQuote", json!("0.00000")),
        ("type", json!("LIMIT")),
        ("side", json!("BUY")),
        ("positionSide", json!("BOTH")),
        ("timeInForce", json!("GTC")),
        ("selfTradePreventionMode", json!("EXPIRE_MAKER")),
        ("updateTime", json!(venue.ms())),
    ] {
        assert_eq!(order[name], value, "{name}");
    }
    let id = order["orderId"].as_u64().unwrap();
    let row = venue.get("/fapi/v1/order", &format!("symbol=BTCUSDT&orderId={id}")).ok();
    assert_eq!((&row["time"], &row["clientOrderId"]), (&json!(venue.ms()), &json!("a")));
    // The exchange's id wins over the other.
    let both = format!("symbol=BTCUSDT&orderId={id}&origClientOrderId=nobody");
    assert_eq!(venue.get("/fapi/v1/openOrder", &both).ok()["orderId"], id);
    venue.step(1_000);
    let params = "symbol=BTCUSDT&origClientOrderId=a&side=BUY&quantity=0.02&price=49500";
    let changed = venue.put("/fapi/v1/order", params).ok();
    assert_eq!((&changed["price"], &changed["orderId"]), (&json!("49500.00"), &json!(id)));
    // Of REST's answers to amendments alone.
    assert_eq!((&changed["pair"], &changed["cumBase"]), (&json!("BTCUSDT"), &json!("0.000")));
    assert_eq!(
        (&changed["cumQuote"], &order["pair"]),
        (&json!("0.00000"), &serde_json::Value::Null)
    );
    assert_eq!(venue.put("/fapi/v1/order", params).refusal().1, -5027);
    let rows = venue.get("/fapi/v1/orderAmendment", "symbol=BTCUSDT&origClientOrderId=a").ok();
    assert_eq!(
        rows[0]["amendment"],
        json!({"price": {"before": "49000.00", "after": "49500.00"},
               "origQty": {"before": "0.010", "after": "0.020"}, "count": 1})
    );
    assert_eq!(rows[0]["time"], venue.ms());
    let cancelled = venue.delete("/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=a").ok();
    assert_eq!(cancelled["status"], "CANCELED");
    let again = venue.delete("/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=a").refusal();
    assert_eq!(again, (400, -2011, "Unknown order sent.".to_owned()));
    let closed = venue.get("/fapi/v1/openOrder", "symbol=BTCUSDT&origClientOrderId=a").refusal();
    assert_eq!(closed, (400, -2013, "Order does not exist.".to_owned()));
    let row = venue.get("/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=a").ok();
    assert_eq!(row["status"], "CANCELED");
    let books = venue.books(0);
    assert!(books["openOrders"].as_array().unwrap().is_empty());
    assert_eq!(books["orders"][0]["status"], "CANCELED");
}

#[test]
fn ack_tells_what_was_accepted_and_result_how_it_ended() {
    let venue = start();
    let params = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010";
    let ack = venue.post("/fapi/v1/order", params).ok();
    assert_eq!((&ack["status"], &ack["executedQty"]), (&json!("NEW"), &json!("0.000")));
    let result = venue.market("BUY", "0.010");
    assert_eq!((&result["status"], &result["executedQty"]), (&json!("FILLED"), &json!("0.010")));
    assert_eq!(result["avgPrice"], "50000.10", "one tick beyond the last price");
    assert_eq!(result["cumQuote"], "500.00100");
    let odd = venue.post("/fapi/v1/order", &format!("{params}&newOrderRespType=FULL"));
    assert_eq!(odd.refusal().1, -1136);
    let books = venue.books(0);
    assert_eq!(books["positions"][0]["positionAmt"], "0.020");
    assert_eq!(books["trades"].as_array().unwrap().len(), 2);
}

#[test]
fn the_order_of_a_client_without_an_id_gets_one() {
    let venue = start();
    let params = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000";
    let orders = [(); 2].map(|()| venue.post("/fapi/v1/order", params).ok());
    let names = orders.each_ref().map(|order| order["clientOrderId"].as_str().unwrap());
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| (1..=36).contains(&name.len())));
}

#[test]
fn lists_of_orders() {
    let venue = start();
    for id in ["a", "b", "c"] {
        venue.resting(id);
        venue.step(1_000);
    }
    let eth = "symbol=ETHUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=2050&newClientOrderId=e";
    venue.post("/fapi/v1/order", eth).ok();
    assert_eq!(ids(&venue.get("/fapi/v1/openOrders", "").ok()), ["a", "b", "c", "e"]);
    assert_eq!(ids(&venue.get("/fapi/v1/openOrders", "symbol=ETHUSDT").ok()), ["e"]);
    let rows = venue.get("/fapi/v1/allOrders", "symbol=BTCUSDT&limit=2").ok();
    assert_eq!(ids(&rows), ["b", "c"], "the newest");
    let second = rows[0]["orderId"].as_u64().unwrap();
    let rows = venue.get("/fapi/v1/allOrders", &format!("symbol=BTCUSDT&orderId={second}")).ok();
    assert_eq!(ids(&rows), ["b", "c"], "from an id on");
    let from = rows[0]["time"].as_i64().unwrap();
    let span = format!("symbol=BTCUSDT&startTime={from}&endTime={from}");
    assert_eq!(ids(&venue.get("/fapi/v1/allOrders", &span).ok()), ["b"], "both ends included");
    let all = venue.delete("/fapi/v1/allOpenOrders", "symbol=BTCUSDT").ok();
    assert_eq!(all, json!({"code": 200, "msg": "The operation of cancel all open order is done."}));
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["e"]);
}

#[test]
fn a_test_order_reaches_no_book() {
    let venue = start();
    let params = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=49000";
    let answer = venue.post("/fapi/v1/order/test", params).ok();
    assert_eq!((&answer["status"], &answer["origQty"]), (&json!("NEW"), &json!("0.010")));
    let short = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=400&price=49000";
    assert_eq!(venue.post("/fapi/v1/order/test", short).refusal().1, -2019);
    assert!(venue.books(0)["orders"].as_array().unwrap().is_empty());
}

#[test]
fn a_list_of_orders_is_changed() {
    let venue = start();
    venue.resting("a");
    venue.resting("b");
    let list = r#"[{"symbol":"BTCUSDT","origClientOrderId":"a","side":"BUY","quantity":"0.02","price":"49000"},{"symbol":"BTCUSDT","origClientOrderId":"x","side":"BUY","quantity":"0.02","price":"49000"},{"symbol":"BTCUSDT","origClientOrderId":"b","side":"BUY","quantity":"0.03","price":"48000"}]"#;
    let rows = venue.put("/fapi/v1/batchOrders", &format!("batchOrders={list}")).ok();
    assert_eq!(
        (&rows[0]["origQty"], &rows[1]["code"], &rows[2]["price"]),
        (&json!("0.020"), &json!(-2013), &json!("48000.00"))
    );
    assert_eq!((&rows[0]["pair"], &rows[2]["cumBase"]), (&json!("BTCUSDT"), &json!("0.000")));
    let rows = venue.get("/fapi/v1/orderAmendment", "symbol=BTCUSDT&origClientOrderId=b").ok();
    assert_eq!(rows[0]["amendment"]["origQty"], json!({"before": "0.010", "after": "0.030"}));
}

#[test]
fn the_countdown_cancels_when_nobody_renews_it() {
    let venue = start();
    venue.resting("a");
    let answer =
        venue.post("/fapi/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=2000").ok();
    assert_eq!(answer, json!({"symbol": "BTCUSDT", "countdownTime": "2000"}));
    venue.step(1_900);
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["a"]);
    venue.step(200);
    assert!(venue.books(0)["openOrders"].as_array().unwrap().is_empty());
}

#[test]
fn conditional_orders_belong_to_the_algo_service() {
    let venue = start_with(|setup| setup.tape.push(trade(60_000, 0, 50_600)));
    let stop = "symbol=BTCUSDT&side=BUY&type=STOP_MARKET&quantity=0.01";
    let wrong = venue.post("/fapi/v1/order", &format!("{stop}&stopPrice=50500")).refusal();
    assert_eq!(wrong.1, -4120);
    let algo = format!("algoType=CONDITIONAL&{stop}&triggerPrice=50500&clientAlgoId=s1");
    let answer = venue.post("/fapi/v1/algoOrder", &algo).ok();
    assert_eq!(
        (&answer["algoStatus"], &answer["triggerPrice"], &answer["orderType"]),
        (&json!("NEW"), &json!("50500.00"), &json!("STOP_MARKET"))
    );
    let other = algo.replace("s1", "s2").replace("50500", "52000");
    venue.post("/fapi/v1/algoOrder", &other).ok();
    assert_eq!(venue.post("/fapi/v1/algoOrder", stop).refusal().1, -1102, "no algoType");
    let past = algo.replace("50500", "49000").replace("s1", "s3");
    assert_eq!(venue.post("/fapi/v1/algoOrder", &past).refusal().1, -2021);
    let names = |rows: &serde_json::Value| {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["clientAlgoId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&venue.get("/fapi/v1/openAlgoOrders", "").ok()), ["s1", "s2"]);
    venue.step(60_000);
    let row = venue.get("/fapi/v1/algoOrder", "clientAlgoId=s1").ok();
    assert_eq!(
        (&row["algoStatus"], &row["actualType"], &row["actualQty"]),
        (&json!("FINISHED"), &json!("MARKET"), &json!("0.010"))
    );
    assert_eq!(venue.books(0)["positions"][0]["positionAmt"], "0.010");
    let gone = venue.delete("/fapi/v1/algoOrder", "clientAlgoId=s2").ok();
    assert_eq!((&gone["code"], &gone["msg"]), (&json!("200"), &json!("success")));
    venue.post("/fapi/v1/algoOrder", &other.replace("s2", "s4")).ok();
    venue.delete("/fapi/v1/algoOpenOrders", "symbol=BTCUSDT").ok();
    assert!(names(&venue.get("/fapi/v1/openAlgoOrders", "symbol=BTCUSDT").ok()).is_empty());
    let all = venue.get("/fapi/v1/allAlgoOrders", "symbol=BTCUSDT").ok();
    assert_eq!(names(&all), ["s1", "s2", "s4"]);
}

#[test]
fn what_is_bound_to_the_position_says_so_and_ends_with_it() {
    let venue = start();
    venue.market("BUY", "0.010");
    let algo = |params: &str| {
        let params = format!("algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&{params}");
        venue.post("/fapi/v1/algoOrder", &params)
    };
    let stop = "type=STOP_MARKET&triggerPrice=49000";
    for (params, time_in_force) in [
        (format!("{stop}&closePosition=true&quantity=0&clientAlgoId=closes"), "GTE_GTC"),
        (format!("{stop}&quantity=0.01&timeInForce=GTE_GTC&clientAlgoId=bound"), "GTE_GTC"),
        (format!("{stop}&quantity=0.01&timeInForce=GTC&clientAlgoId=free"), "GTC"),
        (
            "type=TRAILING_STOP_MARKET&quantity=0.01&callbackRate=1.23&clientAlgoId=t".to_owned(),
            "GTC",
        ),
    ] {
        let answer = algo(&params).ok();
        assert_eq!(answer["timeInForce"], time_in_force, "{params}");
        let asked = format!("clientAlgoId={}", answer["clientAlgoId"].as_str().unwrap());
        let row = venue.get("/fapi/v1/algoOrder", &asked).ok();
        assert_eq!(row["timeInForce"], time_in_force, "{params}");
    }
    let second = algo(&format!("{stop}&closePosition=true")).refusal();
    let text = "An open stop or take profit order with GTE and closePosition in the direction is existing.";
    assert_eq!(second, (400, -4130, text.to_owned()));
    algo("type=TAKE_PROFIT_MARKET&triggerPrice=51000&closePosition=true&clientAlgoId=target").ok();
    venue.market("SELL", "0.010");
    let rows = venue.get("/fapi/v1/allAlgoOrders", "symbol=BTCUSDT").ok();
    let status: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| [&row["clientAlgoId"], &row["algoStatus"]].map(|text| text.as_str().unwrap()))
        .collect();
    assert_eq!(
        status,
        [
            ["closes", "EXPIRED"],
            ["bound", "EXPIRED"],
            ["free", "NEW"],
            ["t", "NEW"],
            ["target", "EXPIRED"]
        ]
    );
    let limit = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTE_GTC&quantity=0.01&price=49000";
    assert_eq!(venue.post("/fapi/v1/order", limit).refusal().1, -1115, "nothing to be bound to");
}
