//! What a kernel makes of a server that does not answer: nothing is opened on it, and nothing is taken for handled.

// Helpers of tests outside of test functions, where a failed assumption may end it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod redis_support;

use std::sync::Mutex;
use std::time::Duration;

use engine::*;
use live::link::Outgoing;
use live::redis::{Patience, RedisBus};
use live::session::{FROM_NOW_ON, Guard, GuardLimits, Holds, LiveFeed, Remote, SessionVenue as _};
use redis_support::{Server, eventually};
use serde::{Deserialize, Serialize};

const STREAM: &str = "quantum:stream:trade.intent";
const START: Nanos = Nanos::from_secs(1_000);

/// The server of the test below, which its service kills.
static SERVER: Mutex<Option<Server>> = Mutex::new(None);

/// Opens and closes at each trade, unless a key is there; kills the server at its first delivery.
#[derive(Clone, Serialize, Deserialize)]
struct Trader {
    delivered: u64,
}

impl Service for Trader {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(STREAM, "traders", GroupStart::Beginning)],
            market: MarketWants { trades: true, ..MarketWants::NONE },
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Market(_) if !ctx.exists("killed") => {
                let mut order = NewOrder::market(SymbolIndex(0), Side::Buy, QtyLots(1), "open");
                ctx.submit(Request::NewOrder(order.clone()));
                order.reduce_only = Some(true);
                order.side = Side::Sell;
                ctx.submit(Request::NewOrder(order));
            }
            Input::Delivery(_) => {
                self.delivered += 1;
                if let (1, Some(server)) = (self.delivered, &mut *SERVER.lock().unwrap()) {
                    server.kill();
                }
                let _ = ctx.exists("seen");
            }
            _ => {}
        }
    }
}

type TestKernel = Kernel<Guard<Remote>, LiveFeed>;

fn kernel(server: &Server) -> TestKernel {
    let instruments = vec![Instrument {
        symbol: Symbol::new("BTCUSDT").unwrap(),
        price_decimals: 2,
        qty_decimals: 3,
    }];
    let config = KernelConfig {
        seed: 1,
        start: START,
        instruments: instruments.clone(),
        link: Link::default(),
        links: Default::default(),
        call_link: Link::default(),
        feed_latency: FeedLatency::NONE,
    };
    let patience = Patience { lost: Duration::from_millis(100), ..Patience::default() };
    // A minute of the kernel's is some milliseconds of the server's, so that what is pending is soon idle.
    let bus = server.config().with_patience(patience).with_speed(10_000);
    let bus = Box::new(TapeRecorder::new(RedisBus::connect(bus).unwrap()));
    let (limits, holds) = (GuardLimits::default(), Holds::default());
    let guard = Guard::new(Remote::default(), limits, holds, instruments, FROM_NOW_ON);
    let members = vec![Member::new("trader", Box::new(Trader { delivered: 0 }))];
    let sink = Box::new(MemorySink::default());
    let mut kernel = Kernel::new(config, bus, guard, LiveFeed::default(), members, sink);
    kernel.keep_market();
    kernel.share_bus();
    kernel.run_until(START).unwrap();
    kernel
}

/// A trade comes in; gives what goes out for it: whether each order only reduces.
fn trade(kernel: &mut TestKernel) -> Vec<bool> {
    let now = Nanos(kernel.now().0 + 1_000_000);
    let (price, qty) = (PriceTicks(9_000_000), QtyLots(1));
    let origin = TradeOrigin::Tape;
    let data = MarketData::Trade(Trade { price, qty, buyer_is_maker: false, origin });
    kernel.feed_mut().push(now, SymbolIndex(0), now, data);
    kernel.run_until(now).unwrap();
    let mut out: Vec<Outgoing> = Vec::new();
    kernel.exchange_mut().take_outgoing(&mut out);
    let reduces = |one: Outgoing| match one.request {
        Request::NewOrder(order) => order.reduce_only == Some(true),
        other => panic!("{other:?}"),
    };
    out.into_iter().map(reduces).collect()
}

/// "No such key" of a server that is away is no word on the key: what would open is refused, what closes goes out.
#[test]
fn nothing_is_opened_on_what_the_bus_did_not_answer() {
    let mut server = Server::start();
    let mut kernel = kernel(&server);
    assert_eq!(trade(&mut kernel), [false, true], "the bus answers");
    server.kill();
    assert_eq!(trade(&mut kernel), [true], "it does not");
    assert_eq!(kernel.exchange().refused().get("bus_lost"), Some(&1));
    assert_eq!(kernel.bus_losses().unsure, 2);
    server.start_again();
    eventually("it answers again", || kernel.bus_mut().get(START, "killed").is_ok());
    assert_eq!(trade(&mut kernel), [false, true], "as before");
    server.run("SET killed 1");
    assert!(trade(&mut kernel).is_empty(), "and what it says counts");
}

/// An entry that a service handled without the bus comes again, and is acknowledged then; and a stream that could
/// not be read is read on when the server is back, without anybody saying so.
#[test]
fn an_entry_that_was_handled_without_the_bus_comes_again() {
    let server = Server::start();
    let mut kernel = kernel(&server);
    let delivered = |kernel: &TestKernel| {
        let state = kernel.state(ServiceId(0)).expect("it is there").save().unwrap();
        state["delivered"].as_u64().unwrap()
    };
    server.run(&format!("XADD {STREAM} * n 1"));
    server.run(&format!("XADD {STREAM} * n 2"));
    *SERVER.lock().unwrap() = Some(server);
    let pass = |kernel: &mut TestKernel, seconds: i64| {
        let until = kernel.now() + Nanos::from_secs(seconds);
        kernel.run_until(until).unwrap();
    };
    kernel.at(kernel.now(), Action::Arrived(vec![STREAM.to_owned()]));
    pass(&mut kernel, 5);
    assert_eq!(delivered(&kernel), 1, "the server died of it");
    let losses = kernel.bus_losses();
    assert_eq!(losses.kept, 1, "{losses:?}");
    assert!(losses.reads_failed >= 3, "it tries again each second: {losses:?}");
    let server = SERVER.lock().unwrap().take().expect("it is there");
    let mut server = server;
    server.start_again();
    eventually("the other entry is read", || {
        pass(&mut kernel, 1);
        delivered(&kernel) >= 2
    });
    eventually("the first one comes again", || {
        pass(&mut kernel, 10);
        delivered(&kernel) >= 3
    });
    pass(&mut kernel, 300);
    assert_eq!(delivered(&kernel), 3, "once more, and not more often");
    let groups = kernel.bus_mut().xinfo_groups(START, STREAM).unwrap();
    assert_eq!((groups[0].pending, groups[0].lag), (0, Some(0)), "{groups:?}");
}
