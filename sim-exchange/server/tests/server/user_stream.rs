//! The user stream on a real socket.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::harness::{KEYS, Venue, start, start_with, trade};

struct Stream(WebSocket<TcpStream>);

impl Stream {
    /// Of an account's listen key.
    fn open(venue: &Venue, account: usize) -> Stream {
        let answer = venue.raw("POST", "/fapi/v1/listenKey", Some(KEYS[account].0), "").ok();
        let key = answer["listenKey"].as_str().unwrap().to_owned();
        let stream = TcpStream::connect(venue.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let url = format!("ws://{}/private/ws/{key}", venue.addr());
        let mut stream = Stream(tungstenite::client(url, stream).unwrap().0);
        // Once a command is answered, the stream listens.
        stream.0.send(Message::text(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)).unwrap();
        assert_eq!(stream.next()["id"], 1);
        stream
    }

    fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(_) => panic!("closed"),
                _ => {}
            }
        }
    }

    /// The kinds of the next events, as `e` or `e/x/X`.
    fn kinds(&mut self, count: usize) -> Vec<String> {
        let kind = |event: Value| {
            let name = event["e"].as_str().unwrap().to_owned();
            match name.as_str() {
                "ORDER_TRADE_UPDATE" => {
                    let word = |key: &str| event["o"][key].as_str().unwrap().to_owned();
                    format!("{name}/{}/{}", word("x"), word("X"))
                }
                "ALGO_UPDATE" => format!("{name}/{}", event["o"]["X"].as_str().unwrap()),
                _ => name,
            }
        };
        (0..count).map(|_| kind(self.next())).collect()
    }
}

#[test]
fn a_fill_is_told_three_times_in_order() {
    let venue = start();
    let mut stream = Stream::open(&venue, 0);
    let mut other = Stream::open(&venue, 1);
    let order = venue.market("BUY", "0.100");
    let new = stream.next();
    let own = &new["o"];
    assert_eq!(
        (&own["x"], &own["X"], &own["i"], &own["z"], &own["er"], &own["o"]),
        (
            &json!("NEW"),
            &json!("NEW"),
            &order["orderId"],
            &json!("0"),
            &json!("0"),
            &json!("MARKET")
        )
    );
    let lite = stream.next();
    assert_eq!(
        (&lite["e"], &lite["L"], &lite["l"], &lite["m"]),
        (&json!("TRADE_LITE"), &json!("50000.10"), &json!("0.100"), &json!(false))
    );
    let account = stream.next();
    assert_eq!((&account["e"], &account["a"]["m"]), (&json!("ACCOUNT_UPDATE"), &json!("ORDER")));
    assert_eq!(
        account["a"]["B"],
        json!([{"a": "USDT", "wb": "99997.49999500", "cw": "99997.49999500", "bc": "0"}])
    );
    let position = &account["a"]["P"][0];
    assert_eq!(
        (&position["s"], &position["pa"], &position["ep"], &position["mt"], &position["ps"]),
        (&json!("BTCUSDT"), &json!("0.100"), &json!("50000.1"), &json!("cross"), &json!("BOTH"))
    );
    let trade = stream.next();
    let own = &trade["o"];
    assert_eq!(
        (&own["x"], &own["X"], &own["l"], &own["z"], &own["n"], &own["N"]),
        (
            &json!("TRADE"),
            &json!("FILLED"),
            &json!("0.100"),
            &json!("0.100"),
            &json!("2.50000500"),
            &json!("USDT")
        )
    );
    assert_eq!(account["T"], trade["T"], "one instant");
    assert_eq!(trade["E"], venue.ms());
    // The other account has heard nothing of it: its first event is its own.
    venue.of(1, "POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=7").ok();
    let first = other.next();
    assert_eq!(
        (&first["e"], &first["ac"]),
        (&json!("ACCOUNT_CONFIG_UPDATE"), &json!({"s": "BTCUSDT", "l": 7}))
    );
}

#[test]
fn orders_and_conditional_orders_tell_their_lives() {
    let venue = start_with(|setup| {
        setup.tape.push(trade(60_000, 0, 50_600));
        setup.tape.push(trade(120_000, 0, 48_000));
    });
    let mut stream = Stream::open(&venue, 0);
    venue.resting("a");
    let change = "symbol=BTCUSDT&origClientOrderId=a&side=BUY&quantity=0.02&price=49100";
    venue.put("/fapi/v1/order", change).ok();
    venue.resting("b");
    venue.delete("/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=b").ok();
    assert_eq!(
        stream.kinds(4),
        [
            "ORDER_TRADE_UPDATE/NEW/NEW",
            "ORDER_TRADE_UPDATE/AMENDMENT/NEW",
            "ORDER_TRADE_UPDATE/NEW/NEW",
            "ORDER_TRADE_UPDATE/CANCELED/CANCELED"
        ]
    );
    let algo = "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type=STOP_MARKET&quantity=0.01&triggerPrice=50500";
    venue.post("/fapi/v1/algoOrder", algo).ok();
    venue.step(60_000);
    let kinds = stream.kinds(8);
    assert_eq!(kinds[..2], ["ALGO_UPDATE/NEW", "ALGO_UPDATE/TRIGGERING"]);
    // The order is there before the algo service names it.
    assert_eq!(kinds[2..4], ["ORDER_TRADE_UPDATE/NEW/NEW", "ALGO_UPDATE/TRIGGERED"]);
    assert_eq!(kinds[4..7], ["TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE/TRADE/FILLED"]);
    assert_eq!(kinds[7], "ALGO_UPDATE/FINISHED");
    // The resting order fills when the market comes to it: as maker, at its own price.
    venue.step(60_000);
    let lite = stream.next();
    assert_eq!((&lite["m"], &lite["L"]), (&json!(true), &json!("49100.00")));
    assert_eq!(stream.kinds(2), ["ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE/TRADE/FILLED"]);
}

#[test]
fn in_hedge_mode_closing_orders_count_among_the_notionals() {
    let venue = start();
    venue.post("/fapi/v1/positionSide/dual", "dualSidePosition=true").ok();
    let order = |params: &str| {
        let params = format!("symbol=BTCUSDT&positionSide=LONG&{params}");
        venue.post("/fapi/v1/order", &params).ok();
    };
    order("side=BUY&type=MARKET&quantity=0.020");
    let mut stream = Stream::open(&venue, 0);
    order("side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.010&price=51000");
    let closing = stream.next();
    assert_eq!((&closing["o"]["R"], &closing["o"]["b"]), (&json!(true), &json!("0")));
    assert_eq!(closing["o"]["a"], "510");
    order("side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=49000");
    let opening = stream.next();
    assert_eq!((&opening["o"]["b"], &opening["o"]["a"]), (&json!("490"), &json!("510")));
}

#[test]
fn the_stream_hears_that_its_key_has_expired() {
    let venue = start();
    let mut stream = Stream::open(&venue, 0);
    venue.step(60 * 60_000);
    let last = stream.next();
    assert_eq!((&last["e"], &last["E"]), (&json!("listenKeyExpired"), &json!(venue.ms())));
    let mut stream = Stream::open(&venue, 0);
    venue.admin("POST", "/listen-key/expire", r#"{"account":0}"#).ok();
    assert_eq!(stream.next()["e"], "listenKeyExpired");
    venue.admin("POST", "/cut", "").ok();
    assert!(stream.0.read().is_err(), "all sockets are cut, streams too");
}
