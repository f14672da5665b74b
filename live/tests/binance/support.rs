//! A venue on loopback, a peer for its streams, and a link to both.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{
    AccountId, Answer, ExchangeEvent, Feed, FeedError, Instrument, MarketData, MarketEvent,
    MarketWants, Nanos, NewOrder, OrderRef, OrderState, Outcome, PriceTicks, QtyLots, Request,
    RequestId, Sender, ServiceId, Side, Symbol, SymbolIndex, TimeInForce, Trade, TradeOrigin,
    UserEvent,
};
use exchange_server::{ApiKey, ClockMode, Server, ServerConfig};
use live::binance::{
    Addresses, BinanceConfig, BinanceLink, KeySources, Keys, Secret, SecretSource, Setup, Venue,
};
use live::clock::LiveClock;
use live::link::{Incoming, Outgoing, VenueLink};
use rust_decimal::Decimal;
use serde_json::Value;
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};

use crate::peer::StreamPeer;

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const KEY: &str = "keyoftheaccount";
pub const SECRET: &str = "hushhushsecret";
pub const BTC: SymbolIndex = SymbolIndex(0);

struct Tape(Vec<MarketEvent>);

impl Feed for Tape {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        batch.append(&mut self.0);
        Ok(())
    }
}

pub fn instruments() -> Vec<Instrument> {
    let grid = |name: &str| Instrument {
        symbol: Symbol::new(name).unwrap(),
        price_decimals: 2,
        qty_decimals: 3,
    };
    vec![grid("BTCUSDT"), grid("ETHUSDT")]
}

/// BTCUSDT at 50,000 and ETHUSDT at 2,000, an account with 100,000 USDT, the wall's clock.
pub fn server() -> Server {
    server_with(ApiKey::hmac(KEY, SECRET, AccountId(0)))
}

/// The same with another key.
pub fn server_with(key: ApiKey) -> Server {
    server_as(|config| config.keys = vec![key])
}

/// The same with another configuration.
pub fn server_as(change: impl FnOnce(&mut ServerConfig)) -> Server {
    // The wall's clock: the books begin just now.
    let start = LiveClock::system().now() - Nanos::from_secs(2);
    let trade = |symbol: u16, price: i64| {
        let trade = Trade {
            price: PriceTicks(price * 100),
            qty: QtyLots(1_000),
            buyer_is_maker: false,
            origin: TradeOrigin::Tape,
        };
        let time = start + Nanos::from_millis(1);
        MarketEvent::new(time, SymbolIndex(symbol), MarketData::Trade(trade))
    };
    let latency = Latency::Constant { request: Nanos::ZERO, response: Nanos::ZERO };
    let wallet = Decimal::from(100_000);
    let exchange = ExchangeConfig::new(instruments(), start, wallet, latency, Funding::None);
    let keys = vec![ApiKey::hmac(KEY, SECRET, AccountId(0))];
    let mut config = ServerConfig { keys, clock: ClockMode::Wall, ..ServerConfig::default() };
    change(&mut config);
    let exchange = SimExchange::new(exchange).unwrap();
    let tape = Tape(vec![trade(0, 50_000), trade(1, 2_000)]);
    Server::start(config, exchange, Box::new(tape)).unwrap()
}

/// One request to the admin port; its JSON.
pub fn admin(server: &Server, method: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(server.admin_addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

pub fn fault(server: &Server, text: &str) {
    admin(server, "POST", "/faults", text);
}

pub fn config(rest: SocketAddr, streams: SocketAddr) -> BinanceConfig {
    let addresses = Addresses {
        rest: format!("http://{rest}"),
        streams: format!("ws://{streams}"),
        ws_api: format!("ws://{rest}/ws-fapi/v1"),
    };
    let keys = KeySources {
        api_key: SecretSource::Env("K".into()),
        secret: SecretSource::Env("S".into()),
    };
    let config = BinanceConfig::new(Venue::Own(addresses), keys);
    // Short, so that a request that never arrived is known soon.
    BinanceConfig { recv_window_ms: 500, request_timeout_ms: 2_000, ..config }
}

pub fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(Secret::new(KEY), &Secret::new(SECRET)).unwrap())
}

pub fn setup(config: BinanceConfig, wants: MarketWants) -> Setup {
    Setup {
        config,
        keys: Some(keys()),
        clock: Arc::new(LiveClock::system()),
        instruments: instruments(),
        wants,
        account: AccountId(0),
        heard: Vec::new(),
        funding_since: None,
    }
}

/// A link, and all that it has said.
pub struct Live {
    pub link: BinanceLink,
    pub said: Vec<Incoming>,
    next: u64,
}

impl Live {
    pub fn of(link: BinanceLink) -> Live {
        Live { link, said: Vec::new(), next: 0 }
    }

    /// Polls until `found` gives something of what has been said from `since` on.
    pub fn until<T>(&mut self, what: &str, mut found: impl FnMut(&[Incoming]) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = found(&self.said) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "no {what} in {:#?}", self.said);
            self.link.poll(Duration::from_millis(20), &mut self.said).unwrap();
        }
    }

    /// Polls until a condition holds that is not about what was said.
    pub fn until_is(&mut self, what: &str, mut is: impl FnMut(&BinanceLink) -> bool) {
        let began = Instant::now();
        while !is(&self.link) {
            assert!(began.elapsed() < PATIENCE, "not {what}: {:#?}", self.said);
            self.link.poll(Duration::from_millis(20), &mut self.said).unwrap();
        }
    }

    pub fn send(&mut self, request: Request) -> RequestId {
        let outgoing = self.outgoing(request);
        let id = outgoing.id;
        self.link.send(outgoing);
        id
    }

    pub fn outgoing(&mut self, request: Request) -> Outgoing {
        self.next += 1;
        let from = Sender { service: ServiceId(3), account: AccountId(0) };
        Outgoing { from, id: RequestId(self.next), request }
    }

    pub fn outcome(&mut self, id: RequestId) -> Outcome {
        self.until("outcome", |said| outcomes(said, id).pop())
    }

    pub fn ask(&mut self, request: Request) -> Outcome {
        let id = self.send(request);
        self.outcome(id)
    }

    pub fn done(&mut self, request: Request) -> Answer {
        match self.ask(request.clone()) {
            Outcome::Done(answer) => answer,
            other => panic!("{request:?}: {other:?} {:#?}", self.notices()),
        }
    }

    pub fn order(&mut self, request: Request) -> OrderState {
        match self.done(request) {
            Answer::Order(order) => *order,
            other => panic!("{other:?}"),
        }
    }

    pub fn notices(&self) -> Vec<&'static str> {
        let notice = |incoming: &Incoming| match incoming {
            Incoming::Notice(notice) => Some(notice.what),
            Incoming::Market { .. } | Incoming::Exchange(_) => None,
        };
        self.said.iter().filter_map(notice).collect()
    }

    pub fn user_events(&self) -> Vec<UserEvent> {
        let event = |incoming: &Incoming| match incoming {
            Incoming::Exchange(ExchangeEvent::User { event, .. }) => Some(event.clone()),
            _ => None,
        };
        self.said.iter().filter_map(event).collect()
    }
}

pub fn outcomes(said: &[Incoming], id: RequestId) -> Vec<Outcome> {
    let outcome = |incoming: &Incoming| match incoming {
        Incoming::Exchange(ExchangeEvent::Response { request, outcome, to }) if *request == id => {
            assert_eq!(*to, ServiceId(3));
            Some(outcome.clone())
        }
        _ => None,
    };
    said.iter().filter_map(outcome).collect()
}

/// A server, a peer for the streams, and a link to both.
pub fn connected() -> (Server, StreamPeer, Live) {
    let (server, peer) = (server(), StreamPeer::start());
    let config = config(server.addr(), peer.addr);
    let link = BinanceLink::connect(setup(config, MarketWants::NONE)).unwrap();
    (server, peer, Live::of(link))
}

/// A server, and a link whose streams are the server's own.
pub fn connected_whole(wants: MarketWants) -> (Server, Live) {
    let server = server();
    let config = config(server.addr(), server.addr());
    let link = BinanceLink::connect(setup(config, wants)).unwrap();
    (server, Live::of(link))
}

pub fn resting(id: &str) -> NewOrder {
    NewOrder::limit(BTC, Side::Buy, QtyLots(10), PriceTicks(4_900_000), TimeInForce::Gtc, id)
}

pub fn by_client(id: &str) -> OrderRef {
    OrderRef::Client(engine::ClientOrderId(id.into()))
}

/// Orders of the account at the server with this client id.
pub fn at_the_venue(server: &Server, id: &str) -> usize {
    let dump = admin(server, "GET", "/accounts/0", "");
    let orders = dump["orders"].as_array().unwrap();
    orders.iter().filter(|order| order["clientOrderId"] == id).count()
}
