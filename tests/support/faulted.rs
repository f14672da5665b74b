//! A session at a served exchange that a test strikes with faults, and the judgement of what it has left.
//!
//! Judged alike after every fault: each request has one answer, each order is at the exchange once, each fill was told
//! once, positions are the exchange's, and the journal replays.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "a test waits by the wall")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use engine::{
    Answer, ExchangeEvent, FieldValue as _, IsoTime, JournalEntry, JournalFile, KeyValue, Nanos,
    Outcome, Request, RequestId, SymbolIndex, UserEvent,
};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::chain::{market_state, opens};
use super::pace;
use super::pace::patience;
use super::served::{KEY, SECRET, Served, entries};
use super::{Folder, QSIM, run_program};

/// The market's first instant, in milliseconds.
pub const START_MS: i64 = 1_767_225_600_000;

/// A calm market that falls by 3 % at its third minute, and a market state that lets opens pass from the start.
pub const MARKET: &str = concat!(
    r#"
seed = 2
[market.synthetic]
minutes = 40
volatility_of_volatility = 0.0
trend_share = 0.0
[[market.synthetic.events]]
event = "gap"
at_minute = 3
share = -0.03
[account]
wallet = "10000"
"#,
    market_state!("30m")
);

/// One open whose stop is hit by the market's fall.
pub const ONE_INTENT: &str = opens!("a1" at "90500ms", "BUY" "BTCUSDT" for 450 at 90000, stop 88200, target 99000, leverage 10);

/// Where the orders go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the WebSocket API.
    Ws,
    /// Over REST: the WebSocket API is not there.
    Rest,
}

/// A served exchange, and the session at it.
pub struct World {
    pub folder: Folder,
    pub served: Served,
    session: Option<Child>,
    /// Seconds of the market in one of the wall.
    pub speed: u32,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(session) = &mut self.session {
            let _ = session.kill();
            let _ = session.wait();
        }
    }
}

impl World {
    /// Serves `market`, usually 60 times as fast as the wall. Timestamps are looked at.
    pub fn serve(market: &str) -> World {
        World::serve_at(market, "127.0.0.1:0")
    }

    /// The same at an address.
    pub fn serve_at(market: &str, addr: &str) -> World {
        let folder = Folder::new();
        std::fs::write(folder.path("served.toml"), market).expect("written");
        let speed = pace::speed(60);
        let (text, lead) = (speed.to_string(), pace::lead(4, speed));
        let more = ["--speed", &text, "--lead", &lead, "--no-limits"];
        let served = Served::start_at(folder.root(), "served.toml", addr, &more);
        World { folder, served, session: None, speed }
    }

    /// Begins a session of `scenario` that lasts for `length`.
    pub fn begin(&mut self, scenario: &str, way: Way, length: &str) {
        let (rest, speed) = (&self.served.rest, self.speed);
        let bare = rest.strip_prefix("http://").expect("an address");
        // Nobody listens at the discard port.
        let ws_api = match way {
            Way::Ws => format!("ws://{bare}/ws-fapi/v1"),
            Way::Rest => "ws://127.0.0.1:9/ws-fapi/v1".to_owned(),
        };
        let live = format!(
            "{scenario}\n[live]\nspeed = {speed}\n[live.addresses]\nrest = {rest:?}\nstreams = \"ws://{bare}\"\nws_api = {ws_api:?}\n"
        );
        std::fs::write(self.folder.path("live.toml"), live).expect("written");
        let said = |name| File::create(self.folder.path(name)).expect("a file");
        let child = Command::new(QSIM)
            .args(["live", "live.toml", "--venue", "testnet", "--for", length])
            .args(["--begin-at", "2026-01-01T00:00:00Z", "--journal", "one.journal"])
            .envs([("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)])
            .env_remove("QSIM_DATA")
            .current_dir(self.folder.root())
            .stdin(Stdio::null())
            .stdout(said("said.out"))
            .stderr(said("said.err"))
            .spawn()
            .expect("the program starts");
        self.session = Some(child);
    }

    /// Asks the venue to end, and gives the code with which it did.
    pub fn end_venue(mut self) -> Option<i32> {
        self.served.ask_to_end()
    }

    /// What the session has said so far.
    pub fn said(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.path(name)).unwrap_or_default();
        read("said.out") + &read("said.err")
    }

    pub fn fault(&self, text: &str) {
        self.served.ask("POST", "/faults", text);
    }

    pub fn stream_fault(&self, text: &str) {
        self.served.ask("POST", "/stream-faults", text);
    }

    /// Milliseconds of the venue since the market's first instant.
    pub fn now_ms(&self) -> i64 {
        self.served.admin("/now")["now"].as_i64().expect("a time") - START_MS
    }

    pub fn account(&self) -> Json {
        self.served.admin("/accounts/0")
    }

    /// Waits until `is` holds.
    pub fn until(&mut self, what: &str, mut is: impl FnMut(&World) -> bool) {
        let began = Instant::now();
        while !is(self) {
            assert!(
                began.elapsed() < patience(),
                "not {what}\n{}\n{}",
                self.account(),
                self.said()
            );
            let child = self.session.as_mut().expect("a session");
            if let Some(status) = child.try_wait().expect("a status") {
                panic!("the session is over ({status}), and not {what}\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the venue's clock shows so many seconds since the market's first instant.
    pub fn until_s(&mut self, seconds: i64) {
        self.until("so late", |world| world.now_ms() >= seconds * 1_000);
    }

    /// Waits until the session has said something.
    pub fn until_said(&mut self, word: &str) {
        self.until(word, |world| world.said().contains(word));
    }

    /// Waits until something is held.
    pub fn until_held(&mut self) {
        self.until("held", |world| !positions(&world.account()).is_empty());
    }

    /// Waits until the session is over, and judges it.
    pub fn judged(mut self) -> Story {
        let mut child = self.session.take().expect("a session");
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a status") {
                break status;
            }
            if began.elapsed() > patience() * 2 {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the session does not end\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}\n{}", self.said());
        let story = Story::of(self);
        story.judge();
        story
    }
}

fn text<'a>(row: &'a Json, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("{key} in {row}"))
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")).normalize()
}

/// Signed amounts by symbol, of what is held.
pub fn positions(account: &Json) -> BTreeMap<String, Decimal> {
    let rows = account["positions"].as_array().into_iter().flatten();
    rows.map(|row| (text(row, "symbol").to_owned(), decimal(text(row, "positionAmt"))))
        .filter(|(_, amount)| !amount.is_zero())
        .collect()
}

/// What a session has left: its journal, what it said, and the exchange's books.
pub struct Story {
    pub world: World,
    pub account: Json,
    /// What was sent, and the answers to it.
    pub requests: BTreeMap<RequestId, (Request, Vec<Outcome>)>,
    /// How often each fill was told, by symbol and id.
    pub fills: BTreeMap<(String, u64), u32>,
    /// Signed amounts by symbol as the last snapshots and the ledgers have them.
    snapshots: BTreeMap<String, Decimal>,
    ledgers: BTreeMap<String, Decimal>,
    pub said: String,
}

fn amount(value: &KeyValue) -> Option<Decimal> {
    let (KeyValue::Hash(record) | KeyValue::Json(record)) = value else { return None };
    Some(decimal(&record.get("position_amt")?.to_string()))
}

impl Story {
    fn of(world: World) -> Story {
        let path = world.folder.path("one.journal");
        let symbols = symbols(&path);
        let name = |symbol: SymbolIndex| symbols[usize::from(symbol.0)].clone();
        let mut story = Story {
            account: world.account(),
            said: world.said(),
            world,
            requests: BTreeMap::new(),
            fills: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            ledgers: BTreeMap::new(),
        };
        for (_, _, entry) in entries(&path) {
            match entry {
                JournalEntry::Submit { id, request, .. } => {
                    let before = story.requests.insert(id, (request, Vec::new()));
                    assert!(before.is_none(), "request {id:?} twice");
                }
                JournalEntry::PositionRisk { request, .. } => {
                    story.answered(request, Outcome::Done(Answer::Done));
                }
                JournalEntry::Exchange(ExchangeEvent::Response { request, outcome, .. }) => {
                    story.answered(request, outcome);
                }
                JournalEntry::Exchange(ExchangeEvent::User {
                    event: UserEvent::OrderTradeUpdate { order, fill: Some(fill), .. },
                    ..
                }) => {
                    let fill = (name(order.symbol), fill.trade_id);
                    *story.fills.entry(fill).or_default() += 1;
                }
                JournalEntry::Set { key, value, .. } => {
                    for (begin, into) in [
                        ("quantum:position:snapshot:", &mut story.snapshots),
                        ("quantum:position:ledger:", &mut story.ledgers),
                    ] {
                        if let (Some(symbol), Some(amount)) =
                            (key.strip_prefix(begin), amount(&value))
                        {
                            into.insert(symbol.to_owned(), amount);
                        }
                    }
                }
                _ => {}
            }
        }
        story
    }

    fn answered(&mut self, request: RequestId, outcome: Outcome) {
        let sent = self.requests.get_mut(&request);
        sent.unwrap_or_else(|| panic!("an answer to {request:?}, which nobody sent"))
            .1
            .push(outcome);
    }

    fn shown(&self) -> String {
        let orders = self.orders().map(|(sent, outcomes)| format!("{sent}: {outcomes:?}"));
        let orders: Vec<String> = orders.collect();
        format!("{}\n{}\n{}", orders.join("\n"), self.account["orders"], self.said)
    }

    /// The orders of the journal: client id and answers.
    pub fn orders(&self) -> impl Iterator<Item = (&str, &[Outcome])> {
        self.requests.values().filter_map(|(request, outcomes)| match request {
            Request::NewOrder(order) | Request::NewAlgoOrder(order) => {
                Some((&*order.client_order_id.0, &outcomes[..]))
            }
            _ => None,
        })
    }

    /// How many orders the exchange has taken. Closes that waited while the outcome of one was open are sent behind it, and
    /// the exchange refuses them: there is nothing to reduce any more.
    pub fn done(&self) -> usize {
        self.orders().filter(|(_, outcomes)| matches!(outcomes, [Outcome::Done(_)])).count()
    }

    /// How many orders at the exchange have filled: those that open, and those that only reduce.
    pub fn filled(&self) -> (usize, usize) {
        let rows = self.account["orders"].as_array().into_iter().flatten();
        let filled = rows.filter(|row| !decimal(text(row, "executedQty")).is_zero());
        let reduces: Vec<bool> = filled.map(|row| row["reduceOnly"] == true).collect();
        (
            reduces.iter().filter(|reduces| !**reduces).count(),
            reduces.iter().filter(|reduces| **reduces).count(),
        )
    }

    /// How often a notice was told.
    pub fn notices(&self, word: &str) -> usize {
        self.said.matches(&format!("what=\"{word}\"")).count()
    }

    /// When it was told, by the session's clock.
    pub fn times_of(&self, word: &str) -> Vec<Nanos> {
        let what = format!("what=\"{word}\"");
        let lines = self.said.lines().filter(|line| line.contains(&what));
        let times = lines.filter_map(|line| line.split_whitespace().next());
        times.map(|time| IsoTime::read_text(Some(time)).expect("a time").0).collect()
    }

    fn judge(&self) {
        self.judge_answers();
        self.judge_orders();
        self.judge_fills();
        let held = positions(&self.account);
        let without_zero = |of: &BTreeMap<String, Decimal>| -> BTreeMap<String, Decimal> {
            of.iter().filter(|(_, n)| !n.is_zero()).map(|(s, n)| (s.clone(), *n)).collect()
        };
        assert_eq!(without_zero(&self.snapshots), held, "the last look\n{}", self.shown());
        assert_eq!(without_zero(&self.ledgers), held, "the book of fills\n{}", self.shown());
        let folder = self.world.folder.root();
        let replayed = run_program(Path::new(QSIM), folder, &[], &["replay", "one.journal"]);
        assert!(replayed.stdout.contains("same run"), "{replayed:?}\n{}", self.said);
        assert!(!self.said.contains(SECRET), "{}", self.said);
    }

    /// Each request has one answer, and each answer that the exchange knows of is known here.
    fn judge_answers(&self) {
        for (id, (request, outcomes)) in &self.requests {
            // The session does not wait for the answers to its last questions.
            let asks = live::session::only_asks(request);
            assert!(
                outcomes.len() == 1 || (asks && outcomes.is_empty()),
                "{id:?} {request:?}: {outcomes:?}\n{}",
                self.said
            );
            assert!(asks || outcomes[0] != Outcome::Unknown, "{request:?}\n{}", self.said);
        }
    }

    /// Each order is at the exchange once, and only if its answer says so.
    fn judge_orders(&self) {
        let mut there: BTreeMap<String, u32> = BTreeMap::new();
        let rows = |of: &str| self.account[of].as_array().cloned().unwrap_or_default();
        for (of, id) in [("orders", "clientOrderId"), ("algoOrders", "clientAlgoId")] {
            for row in rows(of) {
                *there.entry(text(&row, id).to_owned()).or_default() += 1;
            }
        }
        let mut sent = BTreeSet::new();
        for (id, outcomes) in self.orders() {
            assert!(sent.insert(id.to_owned()), "{id} was sent twice\n{}", self.shown());
            let count = there.get(id).copied().unwrap_or(0);
            let done = matches!(outcomes, [Outcome::Done(_)]);
            assert_eq!(count, u32::from(done), "{id}: {outcomes:?}\n{}", self.shown());
        }
        let foreign: Vec<&String> = there.keys().filter(|id| !sent.contains(*id)).collect();
        assert!(foreign.is_empty(), "nobody sent {foreign:?}\n{}", self.shown());
    }

    /// Each fill of the exchange was told once.
    fn judge_fills(&self) {
        let rows = self.account["trades"].as_array().into_iter().flatten();
        let there: BTreeMap<(String, u64), u32> = rows
            .map(|row| {
                let id = row["id"].as_u64().unwrap_or_else(|| panic!("id in {row}"));
                ((text(row, "symbol").to_owned(), id), 1)
            })
            .collect();
        assert_eq!(
            self.fills, there,
            "fills that were told, and those of the exchange\n{}",
            self.said
        );
    }
}

/// The symbols of a session, in their order.
pub fn symbols(journal: &Path) -> Vec<String> {
    let file = JournalFile::open(journal).unwrap_or_else(|error| panic!("{error}"));
    let rows = file.header()["instruments"].as_array().expect("instruments").clone();
    rows.iter().map(|row| text(row, "symbol").to_owned()).collect()
}
