//! The admin routes, on a port of their own: time, faults, and a look into the books. JSON in, JSON out.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use engine::{AccountId, Nanos};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sim_exchange::wire::{AlgoOrderRow, IncomeRow, OrderRow, PositionRiskV2, UserTrade};

use crate::app::App;
use crate::clock::ClockMode;
use crate::faults::WireFault;
use crate::rest::history::income_row;
use crate::shapes::accounts::Row;
use crate::shapes::orders::{rows, user_trade};
use crate::shapes::{Sym, algos, json};
use crate::stream_faults::StreamFault;
use crate::venue::Venue;

const BODY_MAX: usize = 1 << 20;

/// Takes whatever comes to the admin port.
pub(crate) async fn entry(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = match to_bytes(body, BODY_MAX).await {
        Ok(body) => answer(&app, parts.method.as_str(), parts.uri.path(), &body),
        Err(error) => Err(Problem::of(error)),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(problem) => (problem.status, json(&Refused { error: &problem.text })),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
}

/// Why an admin request is refused.
struct Problem {
    status: StatusCode,
    text: String,
}

impl Problem {
    fn of(what: impl std::fmt::Display) -> Problem {
        Problem { status: StatusCode::BAD_REQUEST, text: what.to_string() }
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(Problem::of)
}

/// What the venue's time is.
#[derive(Serialize)]
struct Now {
    /// In milliseconds.
    now: i64,
    now_ns: i64,
    clock: String,
    held: bool,
    /// Where something happens next by itself, in nanoseconds; none where nothing does.
    next_ns: Option<i64>,
    /// Why the market stopped before its end.
    feed_error: Option<String>,
}

fn now(venue: &mut Venue) -> Vec<u8> {
    let clock = match venue.clock.mode() {
        ClockMode::Wall => "wall".to_owned(),
        ClockMode::Speed(times) => times.to_string(),
        ClockMode::Stepped => "stepped".to_owned(),
    };
    let next = venue.next_event();
    json(&Now {
        now: venue.now().millis(),
        now_ns: venue.now().0,
        clock,
        held: venue.held,
        next_ns: (next != Nanos::NEVER).then_some(next.0),
        feed_error: venue.feed_error().map(str::to_owned),
    })
}

/// How a clock that stands is moved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// By so many milliseconds,
    ms: Option<i64>,
    /// or to this time in milliseconds,
    to: Option<i64>,
    /// or to this time in nanoseconds,
    to_ns: Option<i64>,
    /// or to the next instant at which something happens.
    #[serde(default)]
    next: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Speed {
    /// `wall`, `stepped`, or how many times as fast as the wall.
    speed: SpeedWord,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "speed must be \"wall\", \"stepped\" or a whole number of times")]
enum SpeedWord {
    Times(u32),
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAccount {
    account: AccountId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restart {
    /// New connections are refused for so long, in milliseconds of the wall.
    #[serde(default)]
    down_ms: u64,
    /// The listen keys are forgotten, without a word.
    #[serde(default)]
    forget_listen_keys: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skew {
    /// How far the venue's clock is ahead when it looks at timestamps and tells its time.
    ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// Requests over a limit are refused, or only counted.
    enforce: Option<bool>,
    /// Weight of an IP in a minute.
    request_weight_1m: Option<u32>,
    /// Orders of an account in ten seconds.
    orders_10s: Option<u32>,
    /// Orders of an account in a minute.
    orders_1m: Option<u32>,
    /// What was used is forgotten, and bans with it.
    #[serde(default)]
    forgive: bool,
}

/// One fault or a list of them. Each is read by itself, so that an error says what is wrong with it.
fn faults<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Problem> {
    let list = match read(body)? {
        Value::Array(list) => list,
        one => vec![one],
    };
    let fault = |(number, fault): (u32, Value)| {
        serde_json::from_value(fault).map_err(|e| Problem::of(format!("fault {number}: {e}")))
    };
    (1u32..).zip(list).map(fault).collect()
}

/// What is cut: all connections, unless one of these is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    /// Those that listen to the user stream of this account.
    account: Option<AccountId>,
    /// Those that listen to a stream with this text in its name.
    stream: Option<Box<str>>,
}

fn cut(app: &App, cut: &Cut) -> usize {
    match cut {
        Cut { account: None, stream: None } => app.connections.cut_all(),
        Cut { account, stream } => {
            let key = account.and_then(|account| {
                let venue = app.venue();
                let book = venue.books.get(usize::from(account.0));
                book.and_then(|book| Some(book.listen_key.as_ref()?.key.clone()))
            });
            let of =
                |part: &Option<Box<str>>| part.as_deref().map_or(0, |part| app.hub.cut_like(part));
            of(&key) + of(stream)
        }
    }
}

#[derive(Serialize)]
struct Count {
    count: usize,
}

fn answer(app: &App, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, Problem> {
    if let Some(number) = path.strip_prefix("/accounts/") {
        let account: u16 = number.parse().map_err(Problem::of)?;
        let venue = app.venue();
        return dump(&venue, AccountId(account)).map(|dump| json(&dump));
    }
    match (method, path) {
        ("GET", "/now") => Ok(now(&mut app.venue())),
        ("POST", "/go") => {
            app.venue_as_it_is().go();
            app.sooner.notify_one();
            Ok(now(&mut app.venue()))
        }
        ("POST", "/step") => {
            let venue = step(&mut app.venue(), &read(body)?)?;
            Ok(venue)
        }
        ("POST", "/speed") => {
            let mode = mode(read(body)?)?;
            let mut venue = app.venue();
            venue.clock.set_mode(mode);
            app.sooner.notify_one();
            Ok(now(&mut venue))
        }
        ("GET", "/faults") => Ok(json(&app.faults.list())),
        ("DELETE", "/faults") => {
            app.faults.clear();
            Ok(json(&app.faults.list()))
        }
        ("POST", "/faults") => {
            faults(body)?.into_iter().for_each(|fault: WireFault| app.faults.add(fault));
            Ok(json(&app.faults.list()))
        }
        ("POST", "/listen-key/expire") => {
            let OfAccount { account } = read(body)?;
            let expired = app.venue().expire_listen_key(account);
            Ok(json(&Count { count: usize::from(expired) }))
        }
        ("GET", "/stream-faults") => Ok(json(&app.hub.faults())),
        ("DELETE", "/stream-faults") => {
            app.hub.clear_faults();
            Ok(json(&app.hub.faults()))
        }
        ("POST", "/stream-faults") => {
            let faults: Vec<StreamFault> = faults(body)?;
            for fault in faults {
                app.hub.add_fault(fault).map_err(Problem::of)?;
            }
            Ok(json(&app.hub.faults()))
        }
        ("POST", "/cut") => Ok(json(&Count { count: cut(app, &read(body)?) })),
        ("POST", "/restart") => {
            let Restart { down_ms, forget_listen_keys } = read(body)?;
            app.connections.refuse_for(down_ms);
            if forget_listen_keys {
                let mut venue = app.venue();
                venue.books.iter_mut().for_each(|book| book.listen_key = None);
            }
            Ok(json(&Count { count: app.connections.cut_all() }))
        }
        ("POST", "/skew") => {
            let Skew { ms } = read(body)?;
            let mut venue = app.venue();
            venue.skew_ms = ms;
            Ok(now(&mut venue))
        }
        ("POST", "/limits") => {
            let mut venue = app.venue();
            change_limits(&mut venue, read(body)?);
            Ok(json(&venue.gate.limits))
        }
        ("GET", "/accounts") => Ok(json(&accounts(app))),
        ("GET", "/conservation") => {
            let checked = app.venue().exchange().check_conservation();
            checked
                .map(|()| b"{}".to_vec())
                .map_err(|text| Problem { status: StatusCode::INTERNAL_SERVER_ERROR, text })
        }
        _ => Err(Problem {
            status: StatusCode::NOT_FOUND,
            text: format!("there is no {method} {path}; see the README of the server"),
        }),
    }
}

fn mode(Speed { speed }: Speed) -> Result<ClockMode, Problem> {
    match speed {
        SpeedWord::Times(0) => Err(Problem::of("speed: 0 is no speed; use \"stepped\"")),
        SpeedWord::Times(times) => Ok(ClockMode::Speed(times)),
        SpeedWord::Word(word) if word == "wall" => Ok(ClockMode::Wall),
        SpeedWord::Word(word) if word == "stepped" => Ok(ClockMode::Stepped),
        SpeedWord::Word(word) => {
            Err(Problem::of(format!("speed: {word:?} is neither \"wall\" nor \"stepped\"")))
        }
    }
}

fn step(venue: &mut Venue, step: &Step) -> Result<Vec<u8>, Problem> {
    if venue.held {
        return Err(Problem::of("the venue is held: POST /go first"));
    }
    if venue.clock.goes() {
        return Err(Problem::of("the clock goes by itself: only a stepped one can be moved"));
    }
    let to = match step {
        Step { ms: Some(ms), .. } => venue.now().saturating_add(Nanos::from_millis(*ms)),
        Step { to: Some(ms), .. } => Nanos::from_millis(*ms),
        Step { to_ns: Some(ns), .. } => Nanos(*ns),
        Step { next: true, .. } => venue.next_event(),
        _ => return Err(Problem::of("say `ms`, `to`, `to_ns` or `next`")),
    };
    if to == Nanos::NEVER {
        return Err(Problem::of("nothing is going to happen any more"));
    }
    if to < venue.now() {
        return Err(Problem::of(format!("{to} has passed: it is {}", venue.now())));
    }
    venue.clock.step_to(to);
    venue.catch_up();
    Ok(now(venue))
}

fn change_limits(venue: &mut Venue, change: Limits) {
    let limits = &mut venue.gate.limits;
    limits.enforce = change.enforce.unwrap_or(limits.enforce);
    limits.request_weight_1m = change.request_weight_1m.unwrap_or(limits.request_weight_1m);
    limits.orders_10s = change.orders_10s.unwrap_or(limits.orders_10s);
    limits.orders_1m = change.orders_1m.unwrap_or(limits.orders_1m);
    if change.forgive {
        venue.gate.forgive();
    }
}

/// One account in the list.
#[derive(Serialize)]
struct AccountLine {
    account: AccountId,
    keys: usize,
    listen_key: bool,
}

fn accounts(app: &App) -> Vec<AccountLine> {
    let venue = app.venue();
    let books = (0u16..).zip(&venue.books);
    let line = |(number, book): (u16, &crate::venue::books::AccountBook)| AccountLine {
        account: AccountId(number),
        keys: app.config.keys.iter().filter(|key| key.account == AccountId(number)).count(),
        listen_key: book.listen_key.is_some(),
    };
    books.map(line).collect()
}

/// Everything of an account, in the shapes of REST.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dump {
    now: i64,
    balance: engine::AccountBalance,
    positions: Vec<PositionRiskV2>,
    open_orders: Vec<OrderRow>,
    orders: Vec<OrderRow>,
    open_algo_orders: Vec<AlgoOrderRow>,
    algo_orders: Vec<AlgoOrderRow>,
    trades: Vec<UserTrade>,
    income: Vec<IncomeRow>,
}

fn dump(venue: &Venue, account: AccountId) -> Result<Dump, Problem> {
    let exchange = venue.exchange();
    let none = || Problem {
        status: StatusCode::NOT_FOUND,
        text: format!("there are {} accounts, numbered from 0", exchange.accounts_total()),
    };
    let balance = exchange.balance_of(account).ok_or_else(none)?;
    let book = venue.books.get(usize::from(account.0)).ok_or_else(none)?;
    let risks = exchange.positions_of(account);
    let positions = risks.iter().filter_map(|risk| Row::of(exchange, account, risk));
    let trades = book.trades.iter();
    Ok(Dump {
        now: venue.now().millis(),
        balance,
        positions: positions.map(|row| row.risk_v2()).collect(),
        open_orders: rows(exchange, exchange.open_orders_of(account)),
        orders: rows(exchange, exchange.orders_of(account)),
        open_algo_orders: algos::rows(exchange, exchange.open_algo_orders_of(account)),
        algo_orders: algos::rows(exchange, exchange.algo_orders_of(account)),
        trades: trades
            .filter_map(|kept| Some(user_trade(Sym::of(exchange, kept.symbol)?, kept)))
            .collect(),
        income: book.income.iter().map(|row| income_row(venue, row)).collect(),
    })
}
