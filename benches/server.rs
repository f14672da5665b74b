//! Orders a second of `qsim serve`: signed LIMIT orders through the full margin check over connections that are kept, rate
//! limits off, with a user stream of each account; client and server share the machine. Prints the rate, the spans from
//! request to answer, and whether the streams told every order.
//!
//! `BENCH_SECONDS` (10) and `BENCH_CONNECTIONS` (8) change how much.
#![allow(clippy::expect_used, clippy::panic)] // A benchmark that cannot go on has nothing to measure.
#![allow(clippy::disallowed_methods)] // It measures, it does not simulate.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tungstenite::stream::MaybeTlsStream;

const SCENARIO: &str = r#"
seed = 1
[market.synthetic]
model = "order_flow"
minutes = 1440
[account]
wallet = "1000000"
[exchange]
request_latency_us = 0
response_latency_us = 0
"#;
const ACCOUNTS: usize = 4;
const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
/// Of the 200 open orders that a symbol allows, each connection has so many at most before it cancels them.
const OPEN_MAX: u64 = 60;
const WARM_UP: Duration = Duration::from_secs(2);

struct Served {
    child: Child,
    host: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(folder: &Path) -> Served {
        std::fs::write(folder.join("server.toml"), SCENARIO).expect("written");
        let accounts = ACCOUNTS.to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_qsim"))
            .args(["serve", "server.toml", "--addr", "127.0.0.1:0", "--no-limits"])
            .args(["--accounts", &accounts])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let rest = line.split_whitespace().find_map(|word| word.strip_prefix("rest=http://"));
        Served { host: rest.expect("an address").to_owned(), child }
    }
}

/// A connection that is kept, and an account's key.
struct Client {
    stream: TcpStream,
    account: usize,
    text: String,
    answer: Vec<u8>,
}

impl Client {
    fn connect(host: &str, account: usize) -> Client {
        let stream = TcpStream::connect(host).expect("it answers");
        stream.set_nodelay(true).expect("a setting");
        Client { stream, account, text: String::new(), answer: Vec::new() }
    }

    /// Status and body of the answer.
    fn call(&mut self, method: &str, path: &str, query: &str, signed: bool) -> (u16, &[u8]) {
        use std::fmt::Write as _;
        self.text.clear();
        let number = self.account + 1;
        let _ = write!(self.text, "{method} {path}?{query}");
        if signed {
            let began = self.text.len() - query.len();
            let _ = write!(self.text, "&recvWindow=5000&timestamp={}", now_ms());
            let secret = format!("secret{number}");
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
            mac.update(&self.text.as_bytes()[began..]);
            let _ = self.text.write_str("&signature=");
            for byte in mac.finalize().into_bytes() {
                let _ = write!(self.text, "{byte:02x}");
            }
        }
        let _ = write!(
            self.text,
            " HTTP/1.1\r\nhost: localhost\r\nx-mbx-apikey: qsim{number}\r\ncontent-length: 0\r\n\r\n"
        );
        self.stream.write_all(self.text.as_bytes()).expect("sent");
        self.read()
    }

    fn read(&mut self) -> (u16, &[u8]) {
        self.answer.clear();
        let mut piece = [0; 8_192];
        loop {
            let bytes = self.stream.read(&mut piece).expect("an answer");
            assert!(bytes > 0, "the server closed the connection");
            self.answer.extend_from_slice(&piece[..bytes]);
            let Some(head) = self.answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.answer[..head]).expect("a head");
            let length: usize = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .and_then(|length| length.parse().ok())
                .expect("a length");
            if self.answer.len() < head + 4 + length {
                continue;
            }
            let status = text.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
            return (status, &self.answer[head + 4..]);
        }
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("later").as_millis()
}

fn json(body: &[u8]) -> serde_json::Value {
    serde_json::from_slice(body).expect("JSON")
}

/// A price 5 % below the last one on the symbol's grid, and a quantity of some 200 USDT.
fn order_of(client: &mut Client, symbol: &str) -> String {
    let (_, body) = client.call("GET", "/fapi/v1/exchangeInfo", "", false);
    let info = json(body);
    let rows = info["symbols"].as_array().expect("symbols");
    let row = rows.iter().find(|row| row["symbol"] == symbol).expect("the symbol");
    let size = |filter: &str, key: &str| -> f64 {
        let filters = row["filters"].as_array().expect("filters");
        let found = filters.iter().find(|row| row["filterType"] == filter).expect("the filter");
        found[key].as_str().and_then(|text| text.parse().ok()).expect("a size")
    };
    let (tick, step) = (size("PRICE_FILTER", "tickSize"), size("LOT_SIZE", "stepSize"));
    let (_, body) = client.call("GET", "/fapi/v1/ticker/price", &format!("symbol={symbol}"), false);
    let last: f64 = json(body)["price"].as_str().and_then(|p| p.parse().ok()).expect("a price");
    let on = |value: f64, grid: f64| {
        let decimals = (-grid.log10()).ceil().max(0.0) as usize;
        format!("{:.decimals$}", (value / grid).round() * grid)
    };
    let price = last * 0.95;
    let quantity = (200.0 / price).max(step);
    format!(
        "symbol={symbol}&side=BUY&type=LIMIT&timeInForce=GTC&quantity={}&price={}",
        on(quantity, step),
        on(price, tick)
    )
}

/// What the connections did together.
#[derive(Default)]
struct Work {
    stop: AtomicBool,
    orders: AtomicU64,
    /// Events that the user streams have to tell.
    owed: AtomicU64,
}

/// Orders until it is told to stop; the spans from request to answer of those after `measured_from`.
fn load(host: &str, n: usize, work: &Work, measured_from: Instant) -> Vec<u32> {
    let mut client = Client::connect(host, n % ACCOUNTS);
    let symbol = SYMBOLS[n / ACCOUNTS % SYMBOLS.len()];
    let order = order_of(&mut client, symbol);
    let mut spans = Vec::with_capacity(1 << 20);
    let (mut open, mut number) = (0, 0_u64);
    while !work.stop.load(Ordering::Relaxed) {
        number += 1;
        let query = format!("{order}&newClientOrderId=b{n}-{number}");
        let began = Instant::now();
        let (status, body) = client.call("POST", "/fapi/v1/order", &query, true);
        let span = began.elapsed();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
        work.owed.fetch_add(1, Ordering::Relaxed);
        if began >= measured_from {
            work.orders.fetch_add(1, Ordering::Relaxed);
            spans.push(span.as_micros() as u32);
        }
        open += 1;
        if open == OPEN_MAX {
            let query = format!("symbol={symbol}");
            let (status, _) = client.call("DELETE", "/fapi/v1/allOpenOrders", &query, true);
            assert_eq!(status, 200);
            work.owed.fetch_add(open, Ordering::Relaxed);
            open = 0;
        }
    }
    spans
}

/// Counts what an account's user stream tells of orders.
fn listen(host: &str, account: usize, heard: &AtomicU64, stop: &AtomicBool) {
    let mut client = Client::connect(host, account);
    let (_, body) = client.call("POST", "/fapi/v1/listenKey", "", false);
    let key = json(body)["listenKey"].as_str().expect("a key").to_owned();
    let address = format!("ws://{host}/private/ws/{key}");
    let (mut socket, _) = tungstenite::connect(address).expect("a stream");
    if let MaybeTlsStream::Plain(stream) = socket.get_mut() {
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a setting");
    }
    heard.fetch_add(1, Ordering::Release);
    while !stop.load(Ordering::Relaxed) {
        match socket.read() {
            Ok(frame) => {
                if frame.to_text().is_ok_and(|text| text.contains("ORDER_TRADE_UPDATE")) {
                    heard.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(tungstenite::Error::Io(_)) => {}
            Err(error) => panic!("the user stream of account {account}: {error}"),
        }
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() {
    let (seconds, connections) = (number("BENCH_SECONDS", 10), number("BENCH_CONNECTIONS", 8));
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::start(folder.path());
    let host = served.host.as_str();
    let (work, heard, end) = (Work::default(), AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for account in 0..ACCOUNTS {
            let (heard, end) = (&heard, &end);
            scope.spawn(move || listen(host, account, heard, end));
        }
        while heard.load(Ordering::Acquire) < ACCOUNTS as u64 {
            std::thread::sleep(Duration::from_millis(10));
        }
        heard.store(0, Ordering::Relaxed);
        let measured_from = Instant::now() + WARM_UP;
        let loads: Vec<_> = (0..connections as usize)
            .map(|n| {
                let work = &work;
                scope.spawn(move || load(host, n, work, measured_from))
            })
            .collect();
        std::thread::sleep(WARM_UP + Duration::from_secs(seconds));
        let span = measured_from.elapsed().as_secs_f64();
        let orders = work.orders.load(Ordering::Relaxed);
        work.stop.store(true, Ordering::Relaxed);
        let mut spans: Vec<u32> =
            loads.into_iter().flat_map(|load| load.join().expect("it went on")).collect();
        spans.sort_unstable();
        let owed = work.owed.load(Ordering::Relaxed);
        let patience = Instant::now() + Duration::from_secs(10);
        while heard.load(Ordering::Relaxed) < owed && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        end.store(true, Ordering::Relaxed);
        let at = |per_mille: usize| spans[(spans.len() * per_mille / 1_000).min(spans.len() - 1)];
        println!(
            "{orders} signed LIMIT orders in {span:.2} s over {connections} connections: {:.0} a second",
            orders as f64 / span
        );
        println!(
            "from request to answer: median {} µs, p99 {} µs, p99.9 {} µs, longest {} µs",
            at(500),
            at(990),
            at(999),
            at(1_000)
        );
        println!("user streams: {} of {owed} order events", heard.load(Ordering::Relaxed));
    });
}
