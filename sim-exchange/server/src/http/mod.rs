//! REST: raw requests in, JSON out.

mod answered;
mod failure;
mod keys;
mod params;
mod routes;
mod run;
mod slashes;

pub(crate) use answered::{Answered, NO_REQUEST};
pub use failure::{Failure, Reply};
pub(crate) use keys::{Key, Keys};
pub use params::Params;
pub(crate) use params::text_of;
pub(crate) use run::{Begun, begin, check_timestamp, finish};

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::uri::PathAndQuery;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Response};
use engine::AccountId;
use sim_exchange::RequestCost;
use sim_exchange::wire::{ErrorBody, VenueError};

use crate::app::App;
use crate::conn::ConnInfo;
use crate::faults::{self, Strike};
use crate::heads::TARGET_MAX;
use crate::rest::{Caller, Plan};
use crate::shapes::json;
use crate::venue::Venue;
use crate::{market, streams, ws_api};
use routes::{Route, Security};

/// No request is longer.
const BODY_MAX: usize = 1 << 20;

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
    let (info, ip) = peer(request.extensions());
    let (parts, body) = request.into_parts();
    let body = match text_body(&parts.method, &parts.headers, body).await {
        Ok(body) => body,
        Err(failure) => return Answered::no_request(&app, ip, failure).response(info.as_ref()),
    };
    let seen = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if seen.len() > TARGET_MAX {
        let failure = Failure { http: 414, ..Failure::of(VenueError::TooManyParameters) };
        return Answered::no_request(&app, ip, failure).response(info.as_ref());
    }
    let as_sent = info.as_ref().and_then(|info| info.as_sent(seen));
    let target = as_sent.as_deref().unwrap_or(seen);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let raw = Raw {
        ip,
        method: parts.method.as_str(),
        path,
        key: parts.headers.get("x-mbx-apikey").and_then(|key| key.to_str().ok()),
        query,
        body: &body,
    };
    let answered = match faults::strike(&app, raw.method, raw.path, raw.key) {
        None => answer(&app, raw).await,
        Some(strike) => struck(&app, raw, strike, info.as_ref()).await,
    };
    answered.response(info.as_ref())
}

/// The connection of a request, and where it comes from.
pub(crate) fn peer(extensions: &Extensions) -> (Option<ConnInfo>, IpAddr) {
    let info = extensions.get::<ConnectInfo<ConnInfo>>().map(|info| info.0.clone());
    let ip = info.as_ref().map_or(IpAddr::from([0, 0, 0, 0]), ConnInfo::peer);
    (info, ip)
}

/// A body with parameters: -1101 where it is too long, -1013 where it is no text. What comes with a GET and
/// says that it is JSON is the empty body of a client that always says so; it is no part of what was signed.
async fn text_body(method: &Method, headers: &HeaderMap, body: Body) -> Result<String, Failure> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if *method == Method::GET && content_type.starts_with(b"application/json") {
        return Ok(String::new());
    }
    let too_long = |_| Failure::of(VenueError::TooManyParameters);
    let body = to_bytes(body, BODY_MAX).await.map_err(too_long)?;
    String::from_utf8(body.into()).map_err(|_| VenueError::InvalidMessage.into())
}

/// The answer to a request that a fault strikes.
async fn struck(app: &App, raw: Raw<'_>, strike: Strike, info: Option<&ConnInfo>) -> Answered {
    match strike.before(app, raw.ip, || unlooked(app, raw.ip, raw.key)).await {
        Err(instead) => instead,
        Ok(()) => {
            let answered = answer(app, raw).await;
            strike.after(answered, info).await
        }
    }
}

/// The beginning of an answer that is not its request's own: what a fault says is put into it.
pub(crate) fn unlooked(app: &App, ip: IpAddr, key: Option<&str>) -> Answered {
    let venue = app.venue();
    let now = venue.now();
    let account = key.and_then(|key| app.keys.get(key)).map(|key| key.account);
    Answered {
        status: 400,
        body: Reply::new(),
        used: venue.gate.used(ip, account, now),
        is_order: false,
        retry_after_s: venue.gate.retry_after_s(ip, now),
        lost: false,
    }
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
        Target::Unknown => (Security::None, RequestCost::weight(NO_REQUEST)),
    };
    // What costs time is done before the lock is taken.
    let account = authorized(app, raw, &params, security);
    // Nobody's orders are counted of a request that nobody has signed.
    let is_order = cost.orders_10s > 0 && account.is_ok();
    let (begun, used, retry_after_s) = {
        let mut venue = app.venue();
        let begun = admit(app, &mut venue, raw, &params, security, cost, &account)
            .and_then(|account| dispatch(&mut venue, &target, raw, account, &params));
        if venue.is_sooner() {
            app.sooner.notify_one();
        }
        let (now, account) = (venue.now(), account.as_ref().ok().copied().flatten());
        let used = venue.gate.used(raw.ip, account, now);
        (begun, used, venue.gate.retry_after_s(raw.ip, now))
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
    if raw.method == "GET" && market::counts_as_funding(raw.path) {
        venue.gate.count_funding(raw.ip, now)?;
    }
    let account = account.clone()?.unwrap_or_default();
    if security == Security::Signed && app.config.check_timestamps {
        check_timestamp(venue, params)?;
    }
    venue.gate.count_orders(raw.ip, account, cost, now)?;
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
