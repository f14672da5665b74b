//! REST: raw requests in, JSON out.

mod failure;
mod keys;
mod params;
mod routes;
mod run;
mod slashes;

pub use failure::{Failure, Reply};
pub(crate) use keys::{Key, Keys};
pub use params::Params;
pub(crate) use params::text_of;
pub(crate) use run::{Begun, begin, check_timestamp, finish};

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use engine::AccountId;
use sim_exchange::wire::{ErrorBody, VenueError};
use sim_exchange::{RequestCost, UsedLimits};

use crate::app::App;
use crate::conn::{ConnInfo, as_sent};
use crate::faults::{self, Strike};
use crate::rest::{Caller, Plan};
use crate::shapes::json;
use crate::venue::Venue;
use crate::{market, streams, ws_api};
use routes::{Route, Security};

/// No request is longer.
const BODY_MAX: usize = 1 << 20;

/// An answer, and what its headers tell.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Reply,
    pub(crate) used: UsedLimits,
    /// It counted as an order.
    pub(crate) is_order: bool,
    pub(crate) retry_after_s: Option<i64>,
    /// No answer is sent: the connection is lost.
    pub(crate) lost: bool,
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
struct Raw<'a> {
    ip: IpAddr,
    method: &'a str,
    path: &'a str,
    key: Option<&'a str>,
    query: &'a str,
    body: &'a str,
}

/// Takes whatever comes to the port of the clients.
pub(crate) async fn entry(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let request = slashes::merged(request);
    let path = request.uri().path();
    if path == ws_api::PATH {
        return ws_api::handle(app, request).await;
    }
    if streams::is_stream_path(path) {
        return streams::handle(app, request).await;
    }
    let (parts, body) = request.into_parts();
    let info = parts.extensions.get::<ConnectInfo<ConnInfo>>().map(|info| info.0.clone());
    let ip = info.as_ref().map_or(IpAddr::from([0, 0, 0, 0]), ConnInfo::peer);
    let body = match parts.method {
        Method::GET => Default::default(),
        _ => match to_bytes(body, BODY_MAX).await {
            Ok(body) => body,
            Err(_) => return refusal(&Failure::of(VenueError::TooManyParameters)),
        },
    };
    let Ok(body) = std::str::from_utf8(&body) else {
        return refusal(&Failure::of(VenueError::InvalidMessage));
    };
    let query = as_sent(parts.uri.query().unwrap_or(""));
    let raw = Raw {
        ip,
        method: parts.method.as_str(),
        path: parts.uri.path(),
        key: parts.headers.get("x-mbx-apikey").and_then(|key| key.to_str().ok()),
        query: &query,
        body,
    };
    let Some(strike) = faults::strike(&app, raw.method, raw.path, raw.key) else {
        return response(answer(&app, raw).await, info.as_ref());
    };
    response(struck(&app, raw, strike, info.as_ref()).await, info.as_ref())
}

/// The answer to a request that a fault strikes.
async fn struck(app: &App, raw: Raw<'_>, strike: Strike, info: Option<&ConnInfo>) -> Answered {
    match strike.before(app, raw.ip, || refused_now(app, raw)).await {
        Err(instead) => instead,
        Ok(()) => {
            let answered = answer(app, raw).await;
            strike.after(answered, info).await
        }
    }
}

/// An answer without its request being looked at.
fn refused_now(app: &App, raw: Raw<'_>) -> Answered {
    let venue = app.venue();
    let now = venue.now();
    let account = raw.key.and_then(|key| app.keys.get(key)).map(|key| key.account);
    Answered {
        status: 400,
        body: Reply::new(),
        used: venue.gate.used(raw.ip, account, now),
        is_order: false,
        retry_after_s: venue.gate.retry_after_s(raw.ip, account, now),
        lost: false,
    }
}

fn refusal(failure: &Failure) -> Response<Body> {
    let body = json(&ErrorBody::from(failure.error.clone()));
    let status = StatusCode::from_u16(failure.http).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
static USED_WEIGHT: HeaderName = HeaderName::from_static("x-mbx-used-weight-1m");
static ORDERS_10S: HeaderName = HeaderName::from_static("x-mbx-order-count-10s");
static ORDERS_1M: HeaderName = HeaderName::from_static("x-mbx-order-count-1m");

fn response(answered: Answered, info: Option<&ConnInfo>) -> Response<Body> {
    if answered.lost
        && let Some(info) = info
    {
        info.cut();
    }
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.reserve(6);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(USED_WEIGHT.clone(), answered.used.weight_1m.into());
    if answered.is_order {
        headers.insert(ORDERS_10S.clone(), answered.used.orders_10s.into());
        headers.insert(ORDERS_1M.clone(), answered.used.orders_1m.into());
    }
    if matches!(answered.status, 418 | 429)
        && let Some(seconds) = answered.retry_after_s
    {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Where a request goes.
enum Target {
    Route(&'static Route),
    /// A market-data query.
    Market {
        weight: u32,
        security: Security,
    },
    Unknown,
}

fn target(raw: Raw<'_>, params: &Params<'_>) -> Target {
    if let Some(route) = routes::find(raw.method, raw.path) {
        return Target::Route(route);
    }
    match market::weight(raw.path, params).filter(|_| raw.method == "GET") {
        Some(weight) => {
            let security = if market::needs_key(raw.path) { Security::Key } else { Security::None };
            Target::Market { weight, security }
        }
        None => Target::Unknown,
    }
}

/// The answer to a request.
async fn answer(app: &App, raw: Raw<'_>) -> Answered {
    let params = Params::parse(raw.query, raw.body);
    let target = target(raw, &params);
    let (security, cost) = match &target {
        Target::Route(route) => (route.security, route.cost(&params)),
        Target::Market { weight, security } => (*security, RequestCost::weight(*weight)),
        Target::Unknown => (Security::None, RequestCost::weight(1)),
    };
    // What costs time is done before the lock is taken.
    let account = authorized(app, raw, &params, security);
    let is_order = cost.orders_10s > 0;
    let (begun, used, retry_after_s) = {
        let mut venue = app.venue();
        let begun = admit(app, &mut venue, raw, &params, security, cost, &account)
            .and_then(|account| dispatch(&mut venue, &target, raw, account, &params));
        if venue.is_sooner() {
            app.sooner.notify_one();
        }
        let (now, account) = (venue.now(), account.as_ref().ok().copied().flatten());
        let used = venue.gate.used(raw.ip, account, now);
        (begun, used, venue.gate.retry_after_s(raw.ip, account, now))
    };
    let shown = match begun {
        Ok(begun) => finish(app, begun).await,
        Err(failure) => Some(Err(failure)),
    };
    let lost = shown.is_none();
    let (status, body) = match shown {
        Some(Ok(body)) => (200, body),
        Some(Err(failure)) => (failure.http, json(&ErrorBody::from(failure.error))),
        None => (200, Reply::new()),
    };
    Answered { status, body, used, is_order, retry_after_s, lost }
}

/// Whose request it is, as far as its endpoint wants to know: -2014, -2015, -1102, -1022.
fn authorized(
    app: &App,
    raw: Raw<'_>,
    params: &Params<'_>,
    security: Security,
) -> Result<Option<AccountId>, Failure> {
    if security == Security::None {
        return Ok(None);
    }
    let key = raw.key.filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Failure::of(VenueError::BadApiKeyFormat))?;
    let key = app.keys.get(key).ok_or_else(|| Failure::of(VenueError::RejectedApiKey))?;
    if security == Security::Signed {
        params.need("timestamp")?;
        let signature = params.need("signature")?;
        let ([a, b], [c, d]) = (keys::unsigned(raw.query), keys::unsigned(raw.body));
        if !key.signs(&[a, b, c, d], signature) {
            return Err(VenueError::InvalidSignature.into());
        }
    }
    Ok(Some(key.account))
}

/// What stands before every endpoint: weight, key and signature, time, orders.
fn admit(
    app: &App,
    venue: &mut Venue,
    raw: Raw<'_>,
    params: &Params<'_>,
    security: Security,
    cost: RequestCost,
    account: &Result<Option<AccountId>, Failure>,
) -> Result<AccountId, Failure> {
    let now = venue.now();
    venue.gate.weigh(raw.ip, cost.weight, now)?;
    let account = account.clone()?.unwrap_or_default();
    if security == Security::Signed && app.config.check_timestamps {
        check_timestamp(venue, params)?;
    }
    venue.gate.count_orders(account, cost, now)?;
    Ok(account)
}

fn dispatch(
    venue: &mut Venue,
    target: &Target,
    raw: Raw<'_>,
    account: AccountId,
    params: &Params<'_>,
) -> Result<Begun, Failure> {
    match target {
        Target::Route(route) => begin(venue, Caller { account, ws: false }, route.handler, params),
        Target::Market { .. } => {
            let reply = market::answer(venue, raw.path, params)?;
            Ok(Begun::of(Plan::Reply(reply), venue, account))
        }
        Target::Unknown => Err(VenueError::UnknownPath.naming(&[&raw.path, &raw.method]).into()),
    }
}
