//! A server on loopback, and a client that writes raw requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use engine::{
    AccountId, Feed, FeedError, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots,
    Symbol, SymbolIndex, Trade, TradeOrigin,
};
use exchange_server::{ApiKey, ClockMode, Server, ServerConfig};
use ring::hmac;
use rust_decimal::Decimal;
use serde_json::Value;
use sim_exchange::{AccountConfig, ExchangeConfig, Funding, Latency, SimExchange};

/// 2026-02-05T00:00:00Z.
pub const START: Nanos = Nanos::from_secs(1_770_249_600);
pub const KEYS: [(&str, &str); 2] =
    [("keyofthefirst", "secretofthefirst"), ("keyofthesecond", "secret2")];
const PATIENCE: Duration = Duration::from_secs(20);

/// Market events in a list.
struct Tape(Vec<MarketEvent>);

impl Feed for Tape {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        batch.append(&mut self.0);
        Ok(())
    }
}

/// A trade of BTCUSDT (0) or ETHUSDT (1), `ms` after the start.
pub fn trade(ms: i64, symbol: u16, price: i64) -> MarketEvent {
    let trade = Trade {
        price: PriceTicks(price * 100),
        qty: QtyLots(1_000),
        buyer_is_maker: false,
        origin: TradeOrigin::Tape,
    };
    let time = START + Nanos::from_millis(ms);
    MarketEvent::new(time, SymbolIndex(symbol), MarketData::Trade(trade))
}

/// What a test changes before its server starts.
pub struct Setup {
    pub server: ServerConfig,
    pub exchange: ExchangeConfig,
    pub tape: Vec<MarketEvent>,
}

pub struct Venue {
    pub server: Server,
}

/// BTCUSDT at 50,000 and ETHUSDT at 2,000; two accounts with 100,000 and 10,000 USDT; a stepped clock.
pub fn start() -> Venue {
    start_with(|_| {})
}

pub fn start_with(change: impl FnOnce(&mut Setup)) -> Venue {
    let grid = |name: &str| Instrument {
        symbol: Symbol::new(name).unwrap(),
        price_decimals: 2,
        qty_decimals: 3,
    };
    let instruments = vec![grid("BTCUSDT"), grid("ETHUSDT")];
    let latency = Latency::Constant { request: Nanos::ZERO, response: Nanos::ZERO };
    let wallet = Decimal::from(100_000);
    let mut exchange = ExchangeConfig::new(instruments, START, wallet, latency, Funding::None);
    let second: AccountConfig = serde_json::from_str(r#"{"wallet":"10000"}"#).unwrap();
    exchange.further_accounts.push(second);
    let keys =
        KEYS.iter().zip(0..).map(|((key, secret), n)| ApiKey::hmac(key, secret, AccountId(n)));
    let server =
        ServerConfig { keys: keys.collect(), clock: ClockMode::Stepped, ..ServerConfig::default() };
    let tape = vec![trade(1, 0, 50_000), trade(1, 1, 2_000)];
    let mut setup = Setup { server, exchange, tape };
    change(&mut setup);
    let exchange = SimExchange::new(setup.exchange).unwrap();
    let server = Server::start(setup.server, exchange, Box::new(Tape(setup.tape))).unwrap();
    let venue = Venue { server };
    if venue.admin("GET", "/now", "").json()["clock"] == "stepped" {
        venue.step(10);
    }
    venue
}

/// An answer of HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The JSON of a good answer.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Code and text of a refusal.
    pub fn refusal(&self) -> (u16, i64, String) {
        let json = self.json();
        let msg = json["msg"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned();
        (self.status, json["code"].as_i64().unwrap(), msg)
    }
}

/// Sends raw text on a new connection and reads one answer; none where the connection ends before it is whole.
pub fn exchange_raw(addr: SocketAddr, text: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).ok()?;
    read_answer(&mut stream)
}

/// Reads one answer; none where the connection ends before it is whole.
pub fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < head + 4 + length {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    // Another answer may follow.
    let body = String::from_utf8(bytes[head + 4..head + 4 + length].to_vec()).unwrap();
    Some(Answer { status, headers, body })
}

/// The text of a request.
pub fn request(method: &str, target: &str, key: Option<&str>, body: &str) -> String {
    let key = key.map_or_else(String::new, |key| format!("X-MBX-APIKEY: {key}\r\n"));
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: venue\r\n{key}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

pub fn sign(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Venue {
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The venue's time in milliseconds.
    pub fn ms(&self) -> i64 {
        self.server.app().now().millis()
    }

    /// Sends a request as it is.
    pub fn raw(&self, method: &str, target: &str, key: Option<&str>, body: &str) -> Answer {
        exchange_raw(self.addr(), &request(method, target, key, body)).expect("an answer")
    }

    /// The query of a signed request of an account.
    pub fn signed_query(&self, account: usize, params: &str) -> String {
        let now = self.ms();
        let params = match params {
            "" => format!("timestamp={now}"),
            params => format!("{params}&timestamp={now}"),
        };
        let signature = sign(KEYS[account].1, &params);
        format!("{params}&signature={signature}")
    }

    /// A signed request of an account, all in the query.
    pub fn of(&self, account: usize, method: &str, path: &str, params: &str) -> Answer {
        let target = format!("{path}?{}", self.signed_query(account, params));
        self.raw(method, &target, Some(KEYS[account].0), "")
    }

    pub fn get(&self, path: &str, params: &str) -> Answer {
        self.of(0, "GET", path, params)
    }

    pub fn post(&self, path: &str, params: &str) -> Answer {
        self.of(0, "POST", path, params)
    }

    pub fn put(&self, path: &str, params: &str) -> Answer {
        self.of(0, "PUT", path, params)
    }

    pub fn delete(&self, path: &str, params: &str) -> Answer {
        self.of(0, "DELETE", path, params)
    }

    pub fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        let text = request(method, path, None, body);
        exchange_raw(self.server.admin_addr(), &text).expect("an answer")
    }

    /// Moves the clock.
    pub fn step(&self, ms: i64) {
        self.admin("POST", "/step", &format!("{{\"ms\":{ms}}}")).ok();
    }

    /// The books of an account.
    pub fn books(&self, account: usize) -> Value {
        self.admin("GET", &format!("/accounts/{account}"), "").ok()
    }

    /// A resting order to buy BTC far below the market.
    pub fn resting(&self, id: &str) -> Value {
        let params = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=49000&newClientOrderId={id}"
        );
        self.post("/fapi/v1/order", &params).ok()
    }

    /// A market order for BTC that fills at once.
    pub fn market(&self, side: &str, quantity: &str) -> Value {
        let params = format!(
            "symbol=BTCUSDT&side={side}&type=MARKET&quantity={quantity}&newOrderRespType=RESULT"
        );
        self.post("/fapi/v1/order", &params).ok()
    }
}

/// The client order ids of a list of orders.
pub fn ids(orders: &Value) -> Vec<&str> {
    let orders = orders.as_array().unwrap();
    orders.iter().map(|order| order["clientOrderId"].as_str().unwrap()).collect()
}
