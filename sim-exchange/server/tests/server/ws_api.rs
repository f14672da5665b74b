//! The WebSocket API.

use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::{AccountId, Nanos};
use exchange_server::{ApiKey, KeySecret};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};
use sim_exchange::Latency;
use tungstenite::{Message, WebSocket};

use crate::harness::{KEYS, Venue, ids, sign, start, start_with};

struct Client(WebSocket<TcpStream>);

impl Client {
    fn connect(venue: &Venue, query: &str) -> Client {
        let stream = TcpStream::connect(venue.addr()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let url = format!("ws://{}/ws-fapi/v1{query}", venue.addr());
        Client(tungstenite::client(url, stream).unwrap().0)
    }

    fn send(&mut self, text: &str) -> Value {
        self.0.send(Message::text(text)).unwrap();
        self.read().expect("an answer")
    }

    fn read(&mut self) -> Option<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({"id": 1, "method": method, "params": params}).to_string())
    }
}

/// Sorted by name, as they are signed.
fn payload(params: &Map<String, Value>) -> String {
    let mut pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            value => format!("{name}={value}"),
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

/// The parameters with key, time and signature.
fn signed(venue: &Venue, account: usize, params: Value) -> Value {
    let Value::Object(mut params) = params else { panic!("an object") };
    params.insert("apiKey".to_owned(), KEYS[account].0.into());
    params.insert("timestamp".to_owned(), venue.ms().into());
    let signature = sign(KEYS[account].1, &payload(&params));
    params.insert("signature".to_owned(), signature.into());
    Value::Object(params)
}

fn limit(id: &str) -> Value {
    json!({"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
           "quantity": 0.01, "price": "49000", "newClientOrderId": id})
}

#[test]
fn ids_are_given_back_as_they_came() {
    let venue = start();
    let mut client = Client::connect(&venue, "");
    for id in [
        "7",
        "\"0x1f\"",
        "\"605a6d20-6588-4cb9-afa0-b0ab087507ba\"",
        "null",
        "98765432109876543210",
    ] {
        client.0.send(Message::text(format!(r#"{{"id":{id},"method":"time"}}"#))).unwrap();
        let Message::Text(text) = client.0.read().unwrap() else { panic!("a text") };
        assert!(
            text.starts_with(&format!(r#"{{"id":{id},"status":200,"result":{{"serverTime":"#)),
            "{text}"
        );
    }
    let answer = client.send(r#"{"method":"ping"}"#);
    assert_eq!((&answer["id"], &answer["result"]), (&Value::Null, &json!({})));
    let answer = client.send("{nonsense");
    assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!(400), &json!(-1135)));
    // What is no request has its id all the same, and weighs.
    let weight = |answer: &Value| answer["rateLimits"][0]["count"].as_i64().unwrap();
    let before = weight(&answer);
    for (n, (text, id)) in [
        (r#"{"id":7}"#, json!(7)),
        (r#"{"id":"x","method":"time","params":[]}"#, json!("x")),
        (r#"{"id":null,"method":5}"#, Value::Null),
        ("[]", Value::Null),
        (r#"[7,"time"]"#, Value::Null),
        ("5", Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = client.send(text);
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(-1135)), "{text}");
        assert_eq!(weight(&answer), before + 1 + n as i64, "{text}");
    }
    // In a binary message, too.
    client.0.send(Message::binary(br#"{"id":8,"method":"ping"}"#.to_vec())).unwrap();
    assert_eq!(client.read().unwrap()["id"], 8);
    client.0.send(Message::binary(vec![0xff, 0xfe])).unwrap();
    assert_eq!(client.read().unwrap()["error"]["code"], -1135);
    let answer = client.call("order.eat", json!({}));
    assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!(400), &json!(-1000)));
}

#[test]
fn an_order_lives_its_life() {
    let venue = start();
    let mut client = Client::connect(&venue, "");
    let answer = client.call("order.place", signed(&venue, 0, limit("a")));
    assert_eq!(answer["status"], 200, "{answer}");
    let result = &answer["result"];
    assert_eq!((&result["status"], &result["origQty"]), (&json!("NEW"), &json!("0.010")));
    let limits: Vec<_> = answer["rateLimits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["rateLimitType"].as_str().unwrap(),
                row["intervalNum"].as_i64().unwrap(),
                row["count"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        limits,
        [("ORDERS", 10, 1), ("ORDERS", 1, 1), ("REQUEST_WEIGHT", 1, 5)],
        "the handshake weighs 5"
    );
    let which = json!({"symbol": "BTCUSDT", "origClientOrderId": "a"});
    let answer = client.call("order.status", signed(&venue, 0, which.clone()));
    assert_eq!(answer["result"]["orderId"], result["orderId"]);
    let change = json!({"symbol": "BTCUSDT", "origClientOrderId": "a", "side": "BUY", "quantity": "0.02", "price": "49100"});
    let answer = client.call("order.modify", signed(&venue, 0, change));
    assert_eq!(answer["result"]["price"], "49100.00");
    assert_eq!(venue.books(0)["openOrders"][0]["origQty"], "0.020");
    let answer = client.call("order.cancel", signed(&venue, 0, which.clone()));
    assert_eq!(answer["result"]["status"], "CANCELED");
    let answer = client.call("order.cancel", signed(&venue, 0, which));
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!(400), &json!({"code": -2011, "msg": "Unknown order sent."}))
    );
    let stop = json!({"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET",
                      "quantity": "0.01", "triggerPrice": "50500", "clientAlgoId": "s"});
    let answer = client.call("algoOrder.place", signed(&venue, 0, stop));
    assert_eq!(answer["result"]["algoStatus"], "NEW", "{answer}");
    assert_eq!(venue.books(0)["openAlgoOrders"][0]["clientAlgoId"], "s");
    let answer = client.call("algoOrder.cancel", signed(&venue, 0, json!({"clientAlgoId": "s"})));
    assert_eq!(answer["result"]["code"], "200");
    assert_eq!(venue.books(0)["openAlgoOrders"], json!([]));
}

#[test]
fn accounts_and_positions() {
    let venue = start();
    venue.market("BUY", "0.100");
    let mut client = Client::connect(&venue, "?returnRateLimits=false");
    let mut ask = |method: &str| {
        let answer = client.call(method, signed(&venue, 0, json!({})));
        assert_eq!(answer["status"], 200, "{method}: {answer}");
        assert!(answer.get("rateLimits").is_none(), "they were not wanted");
        answer["result"].clone()
    };
    let v1 = ask("account.status");
    assert!(v1.get("feeBurn").is_none() && v1["canTrade"] == true);
    assert!(v1["positions"][0]["breakEvenPrice"].is_string(), "here the field is there");
    assert_eq!(ask("v2/account.status")["positions"].as_array().unwrap().len(), 1);
    assert_eq!(ask("account.balance"), ask("v2/account.balance"));
    assert_eq!(ask("account.position").as_array().unwrap().len(), 2);
    assert_eq!(ask("v2/account.position")[0]["positionAmt"], "0.100");
}

#[test]
fn market_data_needs_no_key() {
    let venue = start();
    let mut client = Client::connect(&venue, "");
    let mut ask = |method: &str, params: Value| {
        let answer = client.call(method, params);
        assert_eq!(answer["status"], 200, "{method}: {answer}");
        answer["result"].clone()
    };
    let btc = json!({"symbol": "BTCUSDT"});
    assert_eq!(ask("ticker.price", btc.clone())["price"], "50000.00");
    assert_eq!(ask("ticker.price", json!({})).as_array().unwrap().len(), 2);
    assert_eq!(ask("ticker.book", btc.clone())["symbol"], "BTCUSDT");
    assert!(ask("depth", json!({"symbol": "BTCUSDT", "limit": 5}))["lastUpdateId"].is_u64());
    let answer = client.call("depth", json!({"symbol": "NOPE"}));
    assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!(400), &json!(-1121)));
}

#[test]
fn errors_have_their_status() {
    let venue = start();
    let mut client = Client::connect(&venue, "");
    let refusal = |answer: Value| {
        (answer["status"].as_i64().unwrap(), answer["error"]["code"].as_i64().unwrap())
    };
    assert_eq!(refusal(client.call("order.place", limit("a"))), (401, -2014));
    let mut nobody = signed(&venue, 0, limit("a"));
    nobody["apiKey"] = "nobody".into();
    assert_eq!(refusal(client.call("order.place", nobody)), (401, -2015));
    let mut other = signed(&venue, 0, limit("a"));
    other["price"] = "48000".into();
    assert_eq!(refusal(client.call("order.place", other)), (400, -1022));
    let mut bare = signed(&venue, 0, limit("a"));
    bare.as_object_mut().unwrap().remove("signature");
    assert_eq!(refusal(client.call("order.place", bare)), (400, -1102));
    let late = signed(&venue, 0, json!({}));
    venue.step(6_000);
    assert_eq!(refusal(client.call("account.balance", late)), (400, -1021));
    assert!(venue.books(0)["orders"].as_array().unwrap().is_empty());
    venue.admin("POST", "/limits", r#"{"enforce":true,"request_weight_1m":40}"#).ok();
    for _ in 0..40 {
        client.call("ping", json!({}));
    }
    let answer = client.call("ping", json!({}));
    assert!(matches!(refusal(answer.clone()), (429 | 418, -1003)), "{answer}");
    let data = &answer["error"]["data"];
    assert!(data["retryAfter"].as_i64().unwrap() > data["serverTime"].as_i64().unwrap());
}

#[test]
fn listen_keys_come_here_too() {
    let venue = start();
    let mut client = Client::connect(&venue, "");
    let key = json!({"apiKey": KEYS[0].0});
    let started = client.call("userDataStream.start", key.clone());
    let listen_key = started["result"]["listenKey"].as_str().unwrap().to_owned();
    let rest = venue.raw("POST", "/fapi/v1/listenKey", Some(KEYS[0].0), "").ok();
    assert_eq!(rest["listenKey"], listen_key.as_str(), "there is one key for both");
    let pinged = client.call("userDataStream.ping", key.clone());
    assert_eq!(pinged["result"]["listenKey"], listen_key.as_str());
    assert_eq!(client.call("userDataStream.stop", key.clone())["result"], json!({}));
    assert_eq!(client.call("userDataStream.ping", key)["error"]["code"], -1125);
}

#[test]
fn a_session_signs_once() {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend(pair.public_key().as_ref());
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der));
    let venue = start_with(|setup| {
        let secret = KeySecret::PublicKeyPem(pem);
        setup.server.keys.push(ApiKey { key: "edkey".to_owned(), account: AccountId(1), secret });
        // SEQUENCE { SEQUENCE { OID rsaEncryption }, BIT STRING }: nothing is signed with it.
        let der = STANDARD
            .encode(b"\x30\x10\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x03\x01\x00");
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----");
        let secret = KeySecret::PublicKeyPem(pem);
        setup.server.keys.push(ApiKey { key: "rsakey".to_owned(), account: AccountId(1), secret });
    });
    let mut client = Client::connect(&venue, "");
    let status = client.call("session.status", json!({}));
    assert_eq!((&status["status"], &status["result"]["apiKey"]), (&json!(200), &Value::Null));
    let hmac = client.call("session.logon", signed(&venue, 0, json!({})));
    assert_eq!(hmac["error"]["code"], -4056, "only Ed25519 keys log on");
    assert_eq!(hmac["error"]["msg"], "HMAC_SHA256 API key is not supported.");
    let rsa = json!({"apiKey": "rsakey", "timestamp": venue.ms(), "signature": "AA=="});
    let rsa = client.call("session.logon", rsa);
    assert_eq!(rsa["error"]["msg"], "RSA API key is not supported.");
    let Value::Object(mut params) = json!({"apiKey": "edkey", "timestamp": venue.ms()}) else {
        panic!()
    };
    let signature = STANDARD.encode(pair.sign(payload(&params).as_bytes()));
    params.insert("signature".to_owned(), signature.into());
    let logon = client.call("session.logon", Value::Object(params));
    assert_eq!(logon["result"]["apiKey"], "edkey", "{logon}");
    assert_eq!(logon["result"]["authorizedSince"], venue.ms());
    // Neither key nor signature from now on; only the time.
    let mut order = limit("s");
    order["timestamp"] = venue.ms().into();
    assert_eq!(client.call("order.place", order.clone())["status"], 200);
    assert_eq!(ids(&venue.books(1)["openOrders"]), ["s"]);
    // Another key still has to sign.
    let mut params = limit("t");
    params["timestamp"] = venue.ms().into();
    params["apiKey"] = KEYS[0].0.into();
    assert_eq!(client.call("order.place", params)["error"]["code"], -1102);
    assert_eq!(client.call("session.logout", json!({}))["result"]["apiKey"], Value::Null);
    assert_eq!(client.call("order.place", order)["error"]["code"], -2014);
}

#[test]
fn faults_strike_here_too() {
    let venue = start();
    let fault =
        r#"{"kind":"timeout408","executed":true,"method":"WS","path":"order.place","times":1}"#;
    venue.admin("POST", "/faults", fault).ok();
    let mut client = Client::connect(&venue, "");
    let answer = client.call("order.place", signed(&venue, 0, limit("a")));
    assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!(408), &json!(-1007)));
    venue.admin("POST", "/faults", r#"{"kind":"drop_after","method":"WS","times":1}"#).ok();
    let text = json!({"id": 1, "method": "order.place", "params": signed(&venue, 0, limit("b"))});
    client.0.send(Message::text(text.to_string())).unwrap();
    assert!(client.read().is_none(), "the connection is gone");
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["a", "b"]);
}

#[test]
fn what_waits_lets_others_pass() {
    let venue = start_with(|setup| {
        // An order takes a second to the exchange; other things need not go there.
        let second = Nanos::from_secs(1);
        setup.exchange.latency = Latency::Constant { request: second, response: Nanos::ZERO };
    });
    let mut client = Client::connect(&venue, "");
    for id in ["a", "b", "c"] {
        let params = signed(&venue, 0, limit(id));
        let text = json!({"id": id, "method": "order.place", "params": params}).to_string();
        client.0.send(Message::text(text)).unwrap();
    }
    assert_eq!(client.send(r#"{"id":1,"method":"time"}"#)["id"], 1, "before the orders");
    venue.step(1_000);
    let mut answered: Vec<String> = (0..3)
        .map(|_| {
            let answer = client.read().unwrap();
            assert_eq!(answer["status"], 200, "{answer}");
            assert_eq!(answer["result"]["clientOrderId"], answer["id"]);
            answer["id"].as_str().unwrap().to_owned()
        })
        .collect();
    answered.sort();
    assert_eq!(answered, ["a", "b", "c"]);
    assert_eq!(ids(&venue.books(0)["openOrders"]), ["a", "b", "c"], "as they came");
}

#[test]
fn a_request_that_a_fault_delays_is_done_although_its_client_has_gone() {
    let venue = start();
    let fault = r#"{"kind":"delay_before","ms":300,"method":"WS","times":1}"#;
    venue.admin("POST", "/faults", fault).ok();
    let mut client = Client::connect(&venue, "");
    let text = json!({"id": 1, "method": "order.place", "params": signed(&venue, 0, limit("a"))});
    client.0.send(Message::text(text.to_string())).unwrap();
    // Its request has begun.
    while venue.admin("GET", "/faults", "").ok() != json!([]) {
        std::thread::yield_now();
    }
    drop(client);
    while venue.books(0)["openOrders"] == json!([]) {
        std::thread::yield_now();
    }
}
