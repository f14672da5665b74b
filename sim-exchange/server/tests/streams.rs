//! Stream connections on real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use engine::{
    Feed, FeedError, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex,
    Trade, TradeOrigin,
};
use exchange_server::streams::StreamSettings;
use exchange_server::{ClockMode, Server, ServerConfig};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocket};
use tungstenite::{Error, Message};

/// 2026-09-20T00:00:00Z.
const START: i64 = 1_789_862_400_000;
/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

struct Script(Vec<MarketEvent>);

impl Feed for Script {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        batch.append(&mut self.0);
        Ok(())
    }
}

/// A server whose market trades once a second, and whose time stands until it is stepped.
fn server(change: impl FnOnce(&mut ServerConfig)) -> Server {
    server_of(599, change)
}

/// The same with so many trades.
fn server_of(trades: i64, change: impl FnOnce(&mut ServerConfig)) -> Server {
    let instrument =
        Instrument { symbol: "BTCUSDT".parse().unwrap(), price_decimals: 2, qty_decimals: 3 };
    let latency = Latency::Constant { request: Nanos::ZERO, response: Nanos::ZERO };
    let start = Nanos::from_millis(START);
    let wallet = Decimal::from(10_000);
    let config = ExchangeConfig::new(vec![instrument], start, wallet, latency, Funding::None);
    let events = (1..=trades).map(|second| {
        let trade = Trade {
            price: PriceTicks(10_000_000 + 10 * (second % 7)),
            qty: QtyLots(10),
            buyer_is_maker: second % 2 == 0,
            origin: TradeOrigin::Tape,
        };
        let time = Nanos::from_millis(START + 1_000 * second);
        MarketEvent::new(time, SymbolIndex(0), MarketData::Trade(trade))
    });
    let mut server = ServerConfig { clock: ClockMode::Stepped, ..ServerConfig::default() };
    change(&mut server);
    let feed = Script(events.collect());
    Server::start(server, SimExchange::new(config).unwrap(), Box::new(feed)).unwrap()
}

struct Client(WebSocket<TcpStream>);

impl Client {
    fn open(server: &Server, path: &str) -> Client {
        let stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}{path}", server.addr());
        Client(tungstenite::client(url, stream).unwrap().0)
    }

    fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// The next event or answer.
    fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.read().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    fn ask(&mut self, text: &str) -> Value {
        self.send(text);
        self.next()
    }

    /// Reads until the connection ends; answers the texts before, and the code of the close.
    fn until_end(&mut self) -> (Vec<String>, Option<u16>) {
        let mut texts = Vec::new();
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => texts.push(text.to_string()),
                Ok(Message::Close(frame)) => return (texts, frame.map(|frame| frame.code.into())),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("still open after {PATIENCE:?}")
                }
                Err(_) => return (texts, None),
            }
        }
    }
}

/// Moves the venue's time.
fn step(server: &Server, ms: i64) {
    let url = format!("http://{}/step", server.admin_addr());
    ureq::post(url).send(json!({ "ms": ms }).to_string()).unwrap();
}

#[test]
fn every_path_form_gets_its_events() {
    let server = server(|_| ());
    let raw = [
        ("/public/ws/btcusdt@trade", "trade"),
        ("/market/ws/btcusdt@aggTrade/btcusdt@foo", "aggTrade"),
        ("/market/ws/btcusdt%40markPrice@1s", "markPriceUpdate"),
        ("/ws/btcusdt@bookTicker", "bookTicker"),
    ];
    let wrapped = [
        ("/public/stream?streams=btcusdt@depth@100ms", "btcusdt@depth@100ms", "depthUpdate"),
        ("/market/stream?streams=btcusdt@kline_1m/x@y", "btcusdt@kline_1m", "kline"),
        ("/market/stream?streams=btcusdt%40miniTicker", "btcusdt@miniTicker", "24hrMiniTicker"),
        ("/stream?streams=!bookTicker", "!bookTicker", "bookTicker"),
    ];
    let mut raw = raw.map(|(path, event)| (Client::open(&server, path), path, event));
    let mut wrapped =
        wrapped.map(|(path, stream, event)| (Client::open(&server, path), stream, event));
    // Whoever is connected has his streams.
    step(&server, 10_000);
    for (client, path, event) in &mut raw {
        let got = client.next();
        assert_eq!((&got["e"], &got["s"]), (&json!(event), &json!("BTCUSDT")), "{path}");
    }
    for (client, stream, event) in &mut wrapped {
        let got = client.next();
        assert_eq!((&got["stream"], &got["data"]["e"]), (&json!(stream), &json!(event)));
    }
}

#[test]
fn commands_are_answered_with_the_id_as_it_came() {
    let server = server(|_| ());
    for path in ["/public/ws/0", "/public/ws", "/public/stream", "/public/stream?streams="] {
        let mut client = Client::open(&server, path);
        let subscribe =
            r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@depth"],"id":1}"#;
        assert_eq!(client.ask(subscribe), json!({"result": null, "id": 1}), "{path}");
        let list = client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":"0a1f"}"#);
        assert_eq!(list, json!({"result": ["btcusdt@depth", "btcusdt@trade"], "id": "0a1f"}));
        let uuid = "9d32157c-a556-4d27-9866-66760a174b57";
        let unsubscribe =
            json!({"method": "UNSUBSCRIBE", "params": ["btcusdt@depth"], "id": uuid}).to_string();
        assert_eq!(client.ask(&unsubscribe), json!({"result": null, "id": uuid}));
        let get = r#"{"method":"GET_PROPERTY","params":["combined"],"id":null}"#;
        let wrapped = path.contains("stream");
        assert_eq!(client.ask(get), json!({"result": wrapped, "id": null}));
        client.ask(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":2}"#);
        step(&server, 1_000);
        let event = client.next();
        assert_eq!(
            (&event["stream"], &event["data"]["e"]),
            (&json!("btcusdt@trade"), &json!("trade"))
        );
        let wrong = client.ask(r#"{"method":"FOO","id":3}"#);
        assert_eq!((&wrong["code"], &wrong["id"]), (&json!(2), &json!(3)));
        let (_, code) = {
            client.send("{nonsense");
            client.until_end()
        };
        assert_eq!(code, Some(1008));
    }
}

#[test]
fn json_that_is_no_command_is_refused_and_the_connection_goes_on() {
    let server = server(|_| ());
    let mut client = Client::open(&server, "/market/ws");
    for text in ["[]", "5", r#""x""#, "null", "{}", "[{\"id\":1}]"] {
        let refused = client.ask(text);
        assert_eq!((&refused["code"], &refused["id"]), (&json!(2), &Value::Null), "{text}");
        assert!(refused["msg"].as_str().unwrap().starts_with("Invalid request: "), "{refused}");
    }
    assert_eq!(client.ask(r#"{"id":7}"#)["id"], 7);
    assert_eq!(client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":8}"#)["result"], json!([]));
}

#[test]
fn whoever_subscribes_is_told_what_there_is_in_a_market_that_stands_still() {
    let server = server_of(1, |_| ());
    step(&server, 5_000);
    let sent = || server.app().hub.counts().sent;
    let paths = [
        (
            "/public/ws/btcusdt@bookTicker/btcusdt@depth5@100ms/btcusdt@depth@100ms/!bookTicker",
            ["bookTicker", "bookTicker", "depthUpdate"],
        ),
        (
            "/market/ws/btcusdt@kline_1m/btcusdt@miniTicker/!ticker@arr",
            ["24hrMiniTicker", "24hrTicker", "kline"],
        ),
    ];
    let mut open = Vec::new();
    for round in 1..4 {
        for (path, kinds) in paths {
            let mut client = Client::open(&server, path);
            step(&server, 5_000);
            let mut told: Vec<String> = Vec::new();
            for _ in 0..kinds.len() {
                let event = client.next();
                let event = if event.is_array() { &event[0] } else { &event };
                assert_eq!(event["s"], "BTCUSDT");
                told.push(event["e"].as_str().unwrap().to_owned());
            }
            told.sort();
            assert_eq!(told, kinds, "connection {round} to {path}");
            open.push(client);
        }
        // And nothing to those who have heard of it.
        assert_eq!(sent(), 6 * round);
    }
    step(&server, 5_000);
    assert_eq!(sent(), 18, "once");
    // A stream that somebody has subscribed to anew.
    let client = &mut open[1];
    client.ask(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@kline_1m"],"id":1}"#);
    client.ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":2}"#);
    step(&server, 1_000);
    assert_eq!((&client.next()["e"], sent()), (&json!("kline"), 19));
}

#[test]
fn a_path_carries_its_own_streams_only() {
    let server = server(|_| ());
    let mut client = Client::open(&server, "/market/ws/btcusdt@trade");
    let subscribe =
        r#"{"method":"SUBSCRIBE","params":["btcusdt@depth","btcusdt@aggTrade"],"id":1}"#;
    assert_eq!(client.ask(subscribe), json!({"result": null, "id": 1}), "as Binance answers");
    step(&server, 5_000);
    assert_eq!(client.next()["e"], "aggTrade", "and nothing before it");

    let strict = self::server(|config| config.streams.refuse_wrong_streams = true);
    let mut client = Client::open(&strict, "/market/ws");
    let refused = client.ask(subscribe);
    assert_eq!(refused["msg"], "Invalid request: this path does not carry 'btcusdt@depth'");
    let legacy = self::server(|config| config.legacy_streams = true);
    let mut client = Client::open(&legacy, "/ws/btcusdt@aggTrade");
    step(&legacy, 5_000);
    assert_eq!(client.next()["e"], "aggTrade");
}

#[test]
fn the_close_of_a_client_is_answered() {
    let server = server(|_| ());
    for path in ["/public/ws/btcusdt@trade", "/market/stream", "/private/ws/theKey", "/ws-fapi/v1"]
    {
        let mut client = Client::open(&server, path);
        let frame = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        client.0.close(Some(frame)).unwrap();
        assert_eq!(client.until_end().1, Some(1000), "{path}");
        let end = client.0.read();
        assert!(matches!(end, Err(Error::ConnectionClosed)), "{path}: {end:?}");
    }
}

#[test]
fn depth_without_a_period_tells_each_change_when_it_happens() {
    let server = server(|_| ());
    let mut changes = Client::open(&server, "/public/ws/btcusdt@depth@0ms");
    let mut levels = Client::open(&server, "/public/ws/btcusdt@depth5@0ms");
    let mut slow = Client::open(&server, "/public/ws/btcusdt@depth5@500ms");
    step(&server, 3_700);
    let times = |client: &mut Client, count| -> Vec<i64> {
        (0..count).map(|_| client.next()["E"].as_i64().unwrap() - START).collect()
    };
    // The market trades at each second, and its quotes move with it.
    assert_eq!(times(&mut changes, 3), [1_000, 2_000, 3_000]);
    // Levels begin with what there is: nothing yet.
    assert_eq!(times(&mut levels, 4), [0, 1_000, 2_000, 3_000]);
    assert_eq!(times(&mut slow, 4), [500, 1_000, 2_000, 3_000]);
    // Nothing more was told, and who comes later hears of the next change only.
    let mut later = Client::open(&server, "/public/ws/btcusdt@depth@0ms");
    step(&server, 1_000);
    assert_eq!(times(&mut later, 1), [4_000]);
    assert_eq!(times(&mut changes, 1), [4_000]);
}

#[test]
fn the_events_of_each_depth_stream_are_a_chain() {
    let server = server(|_| ());
    let names = ["depth@0ms", "depth@100ms", "depth5@100ms", "depth20@0ms"];
    let mut clients =
        names.map(|name| Client::open(&server, &format!("/public/ws/btcusdt@{name}")));
    step(&server, 5_200);
    for (client, name) in clients.iter_mut().zip(names) {
        let mut last = client.next();
        for _ in 0..4 {
            let next = client.next();
            assert_eq!(next["pu"], last["u"], "{name}");
            let id = |event: &Value, field: &str| event[field].as_u64().unwrap();
            assert_eq!(id(&next, "U"), id(&last, "u") + 1, "{name}");
            assert!(id(&next, "U") <= id(&next, "u"), "{name}: {next}");
            last = next;
        }
    }
}

#[test]
fn a_user_stream_is_a_topic() {
    let server = server(|config| config.legacy_streams = true);
    let hub = &server.app().hub;
    let paths = ["/private/ws/theKey", "/private/ws?listenKey=theKey", "/ws/theKey"];
    let mut raw = paths.map(|path| Client::open(&server, path));
    let mut some = Client::open(&server, "/private/ws?listenKey=theKey&events=ACCOUNT_UPDATE/X");
    let mut wrapped = Client::open(&server, "/private/stream?listenKey=theKey");
    // The same name on another path is no user stream.
    let mut public = Client::open(&server, "/public/ws/theKey");
    hub.publish("theKey", r#"{"e":"TRADE_LITE","E":1}"#);
    hub.publish("theKey", r#"{"e":"ACCOUNT_UPDATE","E":2}"#);
    for client in &mut raw {
        assert_eq!((client.next()["E"].take(), client.next()["E"].take()), (json!(1), json!(2)));
    }
    assert_eq!(some.next()["E"], 2);
    assert_eq!(wrapped.next(), json!({"stream": "theKey", "data": {"e": "TRADE_LITE", "E": 1}}));
    assert_eq!(
        public.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":9}"#)["id"],
        9,
        "nothing before it"
    );
}

#[test]
fn who_is_too_slow_is_cut_off_and_counted() {
    let server = server(|config| config.streams.queue_max = 20);
    let hub = &server.app().hub;
    let mut client = Client::open(&server, "/private/ws/theKey");
    let padding = "x".repeat(100_000);
    let mut sent = 0;
    // Until what the sockets between us hold is full, and then the queue.
    while hub.counts().too_slow == 0 {
        assert!(sent < 10_000, "a gigabyte is enough for every buffer");
        hub.publish("theKey", &format!(r#"{{"e":"X","n":{sent},"p":"{padding}"}}"#));
        sent += 1;
    }
    let (texts, _) = client.until_end();
    assert!(texts.len() < sent, "he is short of some");
    for (n, text) in texts.iter().enumerate() {
        assert!(text.starts_with(&format!(r#"{{"e":"X","n":{n},"#)), "but of none before the end");
    }
    assert_eq!((hub.counts().too_slow, hub.has_listeners("theKey")), (1, false));
}

#[test]
fn who_answers_no_ping_talks_too_much_or_stays_too_long_is_dropped() {
    let within = Duration::from_millis(200);
    let silent = server(|config| {
        let ping_every = Duration::from_millis(50);
        config.streams =
            StreamSettings { ping_every, pong_within: within, ..StreamSettings::default() };
    });
    let mut client = Client::open(&silent, "/public/ws");
    // Read below the protocol, pings are not answered.
    let mut bytes = Vec::new();
    client.0.get_mut().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes[0], 0x89, "a ping");
    let end = bytes.windows(2).any(|two| two == [0x03, 0xF0]);
    assert!(end, "and in the end a close with 1008");

    let busy = server(|_| ());
    let mut client = Client::open(&busy, "/public/ws");
    (0..11).for_each(|_| client.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#));
    let (answers, code) = client.until_end();
    assert_eq!((answers.len(), code), (10, Some(1008)));

    let short = server(|config| config.streams.lifetime = within);
    let mut client = Client::open(&short, "/market/stream");
    assert_eq!(client.until_end().1, Some(1001), "whatever it does");
}

#[test]
fn what_is_no_connection_is_refused_in_json() {
    let server = server(|config| config.streams.streams_max = 2);
    let get = |path: &str| {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent = ureq::Agent::new_with_config(agent);
        let mut response = agent.get(format!("http://{}{path}", server.addr())).call().unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str::<Value>(&body).unwrap())
    };
    for (path, code) in [
        ("/public/ws/btcusdt@trade", -1013),
        ("/public/foo", -5000),
        ("/ws/a@trade/b@trade/c@trade", 2),
    ] {
        let (status, body) = get(path);
        assert!(
            status >= 400 && body["code"] == code && body["msg"].is_string(),
            "{path}: {status} {body}"
        );
    }
    let mut client = Client::open(&server, "/public/ws/a@trade/b@trade");
    let refused = client.ask(r#"{"method":"SUBSCRIBE","params":["c@trade"],"id":5}"#);
    assert_eq!((&refused["code"], &refused["id"]), (&json!(2), &json!(5)));
}
