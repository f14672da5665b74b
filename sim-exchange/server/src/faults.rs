//! Faults of the wire: what a client of a real venue meets now and then, asked for by an admin route.
//!
//! Invariant: a fault changes what a client hears, never the books: what it executes is executed once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::{AccountId, ExchangeError, Nanos};
use serde::{Deserialize, Serialize};
use sim_exchange::ForcedLimit;
use sim_exchange::wire::{ErrorBody, VenueError};

use crate::app::App;
use crate::conn::ConnInfo;
use crate::http::{Answered, Failure};
use crate::shapes::json;

/// What a fault does to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The connection is cut before the request is looked at.
    DropBefore,
    /// The request is executed, and the connection is cut without an answer.
    DropAfter,
    /// The request is executed, and the connection is cut in the middle of the answer.
    DropMiddle,
    /// The request waits before it is looked at, in milliseconds of the wall.
    DelayBefore {
        /// So long.
        ms: u64,
    },
    /// The answer waits after the request has been executed, in milliseconds of the wall.
    DelayAfter {
        /// So long.
        ms: u64,
    },
    /// 503 "Unknown error, please check your request or try again later.": nobody knows.
    Unknown503 {
        /// Whether it has been executed.
        executed: bool,
    },
    /// 503 "Service Unavailable.": it has failed.
    Unavailable503,
    /// 503 with -1008: it has failed.
    Throttled503,
    /// 408 with -1007: nobody knows.
    Timeout408 {
        /// Whether it has been executed.
        executed: bool,
    },
    /// It is refused with any code.
    Refuse {
        /// The status of HTTP.
        http: u16,
        /// Binance's code.
        code: i32,
        /// Its text.
        msg: Box<str>,
    },
    /// 429, as if a limit were passed; who goes on is banned.
    RateLimit {
        /// Which limit.
        #[serde(default)]
        limit: ForcedLimit,
    },
    /// 418: the IP is banned from now on.
    Ban {
        /// For so long, in milliseconds of the venue; else for the length of its next ban.
        #[serde(default)]
        ms: Option<i64>,
    },
}

/// A fault, and whom it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireFault {
    /// What it does.
    #[serde(flatten)]
    pub what: FaultKind,
    /// How many requests it strikes; else all of them until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only requests with this method of HTTP; `WS` for those of the WebSocket API.
    #[serde(default)]
    pub method: Option<Box<str>>,
    /// Only requests whose path begins so; for the WebSocket API its method, such as `order.place`.
    #[serde(default)]
    pub path: Option<Box<str>>,
    /// Only requests with a key of this account.
    #[serde(default)]
    pub account: Option<AccountId>,
}

impl WireFault {
    fn concerns(&self, method: &str, path: &str, account: Option<AccountId>) -> bool {
        self.method.as_deref().is_none_or(|own| own == method)
            && self.path.as_deref().is_none_or(|own| path.starts_with(own))
            && self.account.is_none_or(|own| account == Some(own))
    }
}

/// The faults that are in force.
#[derive(Debug, Default)]
pub(crate) struct WireFaults {
    /// Requests look at this alone while there are none.
    any: AtomicBool,
    faults: Mutex<Vec<WireFault>>,
}

impl WireFaults {
    pub(crate) fn add(&self, fault: WireFault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn clear(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.any.store(false, Ordering::Release);
    }

    pub(crate) fn list(&self) -> Vec<WireFault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self, method: &str, path: &str, account: Option<AccountId>) -> Option<FaultKind> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let place = faults.iter().position(|fault| fault.concerns(method, path, account))?;
        let fault = faults.get_mut(place)?;
        let what = fault.what.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                faults.remove(place);
            }
        }
        self.any.store(!faults.is_empty(), Ordering::Release);
        Some(what)
    }
}

/// What strikes a request.
#[derive(Clone, Debug)]
pub(crate) struct Strike(FaultKind);

/// The first fault that concerns a request.
pub(crate) fn strike(app: &App, method: &str, path: &str, key: Option<&str>) -> Option<Strike> {
    if !app.faults.any.load(Ordering::Acquire) {
        return None;
    }
    let account = key.and_then(|key| app.keys.get(key)).map(|key| key.account);
    app.faults.take(method, path, account).map(Strike)
}

/// An answer of the front of the house, whose texts are in no table.
fn front(http: u16, code: i32, msg: &str) -> Failure {
    Failure { http, error: ExchangeError { code, msg: msg.into() } }
}

const UNKNOWN: &str = "Unknown error, please check your request or try again later.";
const UNAVAILABLE: &str = "Service Unavailable.";

impl Strike {
    /// What comes before the request is looked at; an answer in place of its own, if that is its fate.
    /// `empty` is an answer that says nothing yet.
    pub(crate) async fn before(
        &self,
        app: &App,
        ip: IpAddr,
        empty: impl Fn() -> Answered,
    ) -> Result<(), Answered> {
        let instead = match &self.0 {
            FaultKind::DropBefore => return Err(Answered { lost: true, ..empty() }),
            FaultKind::DelayBefore { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                return Ok(());
            }
            FaultKind::Unknown503 { executed: false } => front(503, -1000, UNKNOWN),
            FaultKind::Unavailable503 => front(503, -1001, UNAVAILABLE),
            FaultKind::Throttled503 => VenueError::Throttled.into(),
            FaultKind::Timeout408 { executed: false } => VenueError::Timeout.into(),
            FaultKind::Refuse { http, code, msg } => front(*http, *code, msg),
            FaultKind::RateLimit { limit } => {
                let mut venue = app.venue();
                let now = venue.now();
                venue.gate.force(ip, *limit, now)
            }
            FaultKind::Ban { ms } => {
                let mut venue = app.venue();
                let now = venue.now();
                let until = ms.map(|ms| now.saturating_add(Nanos::from_millis(ms)));
                venue.gate.ban(ip, until, now);
                // The ban itself refuses it.
                return Ok(());
            }
            FaultKind::DropAfter
            | FaultKind::DropMiddle
            | FaultKind::DelayAfter { .. }
            | FaultKind::Unknown503 { executed: true }
            | FaultKind::Timeout408 { executed: true } => return Ok(()),
        };
        Err(replaced(empty(), instead))
    }

    /// What becomes of the answer to a request that was executed.
    pub(crate) async fn after(&self, answered: Answered, info: Option<&ConnInfo>) -> Answered {
        match &self.0 {
            FaultKind::DropAfter => Answered { lost: true, ..answered },
            FaultKind::DropMiddle => {
                if let Some(info) = info {
                    // The headers alone are longer than 60 bytes, so that something is always missing.
                    info.cut_after(60 + answered.body.len() / 2);
                }
                answered
            }
            FaultKind::DelayAfter { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                answered
            }
            FaultKind::Unknown503 { .. } => replaced(answered, front(503, -1000, UNKNOWN)),
            FaultKind::Timeout408 { .. } => replaced(answered, VenueError::Timeout.into()),
            _ => answered,
        }
    }
}

fn replaced(answered: Answered, failure: Failure) -> Answered {
    Answered {
        status: failure.http,
        body: json(&ErrorBody::from(failure.error)),
        is_order: false,
        ..answered
    }
}
