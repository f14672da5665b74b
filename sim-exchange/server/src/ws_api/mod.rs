//! The WebSocket API: the endpoints of REST in an envelope, on one connection.

mod methods;
mod session;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::Response;
use axum::response::IntoResponse;
use engine::{AccountId, ExchangeError};
use serde::Deserialize;
use serde_json::value::RawValue;
use sim_exchange::UsedLimits;
use sim_exchange::wire::{ErrorBody, RateLimit, RateLimitCount, VenueError};

use crate::app::App;
use crate::closing;
use crate::conn::ConnInfo;
use crate::faults;
use crate::http::{Answered, Failure, Params, Reply, begin, check_timestamp, finish, text_of};
use crate::http::{Begun, Key};
use crate::market;
use crate::rest::{Caller, Plan, account};
use crate::shapes::json;
use crate::venue::Venue;
use methods::{Method, What};
use session::Session;

/// Where it is.
pub(crate) const PATH: &str = "/ws-fapi/v1";
/// What a connection weighs.
const HANDSHAKE: u32 = 5;
const PING_EVERY: Duration = Duration::from_secs(180);
/// No request is longer.
const MESSAGE_MAX: usize = 1 << 16;

/// Takes a connection.
pub(crate) async fn handle(app: Arc<App>, request: Request) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    let info = parts.extensions.get::<ConnectInfo<ConnInfo>>().map(|info| info.0.clone());
    let ip = info.as_ref().map_or(IpAddr::from([0, 0, 0, 0]), ConnInfo::peer);
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.max_message_size(MESSAGE_MAX),
        Err(rejection) => return rejection.into_response(),
    };
    let weighed = {
        let mut venue = app.venue();
        let now = venue.now();
        venue.gate.weigh(ip, HANDSHAKE, now)
    };
    if let Err(failure) = weighed {
        let status = axum::http::StatusCode::from_u16(failure.http);
        let body = json(&ErrorBody::from(failure.error));
        return (status.unwrap_or_default(), body).into_response();
    }
    let hides = parts.uri.query().is_some_and(|query| query.contains("returnRateLimits=false"));
    upgrade.on_upgrade(move |socket| serve(app, socket, ip, info, !hides))
}

/// Answers one request after the other until the connection ends.
async fn serve(
    app: Arc<App>,
    mut socket: WebSocket,
    ip: IpAddr,
    info: Option<ConnInfo>,
    shows_limits: bool,
) {
    let mut session = Session::new(app.now(), shows_limits);
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.tick().await;
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            _ = ping.tick() => {
                if socket.send(Message::Ping(Default::default())).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_))) => return closing::finish(&mut socket).await,
            Some(Err(_)) | None => return,
        };
        let Some(answer) = answer(&app, &mut session, ip, info.as_ref(), &text).await else {
            // A fault: nobody answers any more.
            if let Some(info) = &info {
                info.cut();
            }
            return;
        };
        if socket.send(Message::Text(answer.into())).await.is_err() {
            return;
        }
    }
}

/// A request as it came.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    method: String,
    #[serde(borrow, default)]
    params: Option<std::collections::BTreeMap<std::borrow::Cow<'a, str>, &'a RawValue>>,
}

/// The answer to a message; none where the connection is lost instead.
async fn answer(
    app: &App,
    session: &mut Session,
    ip: IpAddr,
    info: Option<&ConnInfo>,
    text: &str,
) -> Option<String> {
    let frame: Frame<'_> = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(_) => {
            let failure = own(400, -1135, "Invalid JSON Request");
            let venue = app.venue();
            let (now, limits) = (venue.now(), account::rate_limits(&venue));
            let answered = refused(failure, venue.gate.used(ip, None, now));
            return Some(envelope("null", &answered, &limits, session.shows_limits, now.millis()));
        }
    };
    let fields = frame.params.unwrap_or_default();
    let pairs = fields.into_iter().filter_map(|(name, value)| Some((name, text_of(value)?)));
    // Sorted by name, as they are signed.
    let params = Params::of(pairs.collect());
    let id = frame.id.map_or("null", RawValue::get);
    let shows = params.get("returnRateLimits").map_or(session.shows_limits, |text| text != "false");
    let key = params.get("apiKey").or(session.key());
    let answered = match faults::strike(app, "WS", &frame.method, key) {
        None => run(app, session, ip, &frame.method, &params).await,
        Some(strike) => {
            let empty = || {
                let venue = app.venue();
                let (now, account) = (venue.now(), key.and_then(|key| app.keys.get(key)));
                let account = account.map(|key| key.account);
                Answered {
                    status: 400,
                    body: Reply::new(),
                    used: venue.gate.used(ip, account, now),
                    is_order: false,
                    retry_after_s: venue.gate.retry_after_s(ip, account, now),
                    lost: false,
                }
            };
            match strike.before(app, ip, empty).await {
                Err(instead) => instead,
                Ok(()) => {
                    let answered = run(app, session, ip, &frame.method, &params).await;
                    strike.after(answered, info).await
                }
            }
        }
    };
    if answered.lost {
        return None;
    }
    let (limits, now) = {
        let venue = app.venue_as_it_is();
        (account::rate_limits(&venue), venue.shown_ms())
    };
    Some(envelope(id, &answered, &limits, shows, now))
}

/// A refusal that is the WebSocket API's own.
fn own(http: u16, code: i32, msg: &str) -> Failure {
    Failure { http, error: ExchangeError { code, msg: msg.into() } }
}

fn refused(failure: Failure, used: UsedLimits) -> Answered {
    Answered {
        status: failure.http,
        body: json(&ErrorBody::from(failure.error)),
        used,
        is_order: false,
        retry_after_s: None,
        lost: false,
    }
}

/// `{"id":…,"status":…,"result":…,"rateLimits":[…]}`.
fn envelope(
    id: &str,
    answered: &Answered,
    limits: &[RateLimit; 3],
    shows_limits: bool,
    now_ms: i64,
) -> String {
    let body = std::str::from_utf8(&answered.body).unwrap_or("{}");
    let name = if answered.status == 200 { "result" } else { "error" };
    let mut text = String::with_capacity(body.len() + 400);
    text.push_str("{\"id\":");
    text.push_str(id);
    text.push_str(&format!(",\"status\":{},\"{name}\":", answered.status));
    match answered.retry_after_s.filter(|_| matches!(answered.status, 418 | 429)) {
        Some(seconds) => {
            let retry = now_ms.saturating_add(seconds.saturating_mul(1_000));
            text.push_str(body.strip_suffix('}').unwrap_or(body));
            text.push_str(&format!(
                ",\"data\":{{\"serverTime\":{now_ms},\"retryAfter\":{retry}}}}}"
            ));
        }
        None => text.push_str(body),
    }
    if shows_limits {
        let [weight, orders_10s, orders_1m] = limits;
        let used = answered.used;
        let count = |limit: &RateLimit, count| RateLimitCount {
            rate_limit_type: limit.rate_limit_type.clone(),
            interval: limit.interval.clone(),
            interval_num: limit.interval_num,
            limit: limit.limit,
            count,
        };
        let weight = count(weight, used.weight_1m);
        let rows = match answered.is_order {
            true => {
                vec![count(orders_10s, used.orders_10s), count(orders_1m, used.orders_1m), weight]
            }
            false => vec![weight],
        };
        text.push_str(",\"rateLimits\":");
        text.push_str(std::str::from_utf8(&json(&rows)).unwrap_or("[]"));
    }
    text.push('}');
    text
}

/// Runs a method.
async fn run(
    app: &App,
    session: &mut Session,
    ip: IpAddr,
    name: &str,
    params: &Params<'_>,
) -> Answered {
    let method = methods::find(name);
    let authorized = match &method {
        Some(method) => authorized(app, session, method, params),
        None => Ok(None),
    };
    let is_order = method.as_ref().is_some_and(|method| method.orders.0 > 0);
    let (begun, used, retry_after_s) = {
        let mut venue = app.venue();
        let begun = begin_method(app, &mut venue, session, ip, name, method, &authorized, params);
        if venue.is_sooner() {
            app.sooner.notify_one();
        }
        let (now, account) = (venue.now(), authorized.as_ref().ok().copied().flatten());
        let used = venue.gate.used(ip, account, now);
        (begun, used, venue.gate.retry_after_s(ip, account, now))
    };
    let shown = match begun {
        Ok(begun) => finish(app, begun).await,
        Err(failure) => Some(Err(failure)),
    };
    match shown {
        Some(Ok(body)) => {
            Answered { status: 200, body, used, is_order, retry_after_s, lost: false }
        }
        Some(Err(failure)) => Answered { retry_after_s, is_order, ..refused(failure, used) },
        None => Answered { lost: true, ..refused(own(200, 0, ""), used) },
    }
}

#[allow(clippy::too_many_arguments, reason = "one line of a form, not a decision")]
fn begin_method(
    app: &App,
    venue: &mut Venue,
    session: &mut Session,
    ip: IpAddr,
    name: &str,
    method: Option<Method>,
    authorized: &Result<Option<AccountId>, Failure>,
    params: &Params<'_>,
) -> Result<Begun, Failure> {
    let now = venue.now();
    let cost = method.as_ref().map(|method| method.cost(params));
    venue.gate.weigh(ip, cost.map_or(1, |cost| cost.weight), now)?;
    let (Some(method), Some(cost)) = (method, cost) else {
        return Err(own(400, -1000, &format!("Unknown method {name:?}.")));
    };
    let account = authorized.clone()?.unwrap_or_default();
    if method.signed && app.config.check_timestamps {
        check_timestamp(venue, params)?;
    }
    venue.gate.count_orders(account, cost, now)?;
    let caller = Caller { account, ws: true };
    match method.what {
        What::Endpoint(handler) => begin(venue, caller, handler, params),
        What::Market(path) => {
            let reply = market::answer(venue, path, params)?;
            Ok(Begun::of(Plan::Reply(reply), venue, account))
        }
        What::Session(change) => {
            let shown_ms = venue.shown_ms();
            let reply = session.change(change, account, params, shown_ms);
            Ok(Begun::of(Plan::Reply(reply), venue, account))
        }
    }
}

/// Whose request it is: by its own key, or by that of the session.
fn authorized(
    app: &App,
    session: &Session,
    method: &Method,
    params: &Params<'_>,
) -> Result<Option<AccountId>, Failure> {
    if !method.keyed {
        return Ok(None);
    }
    let sent = params.get("apiKey");
    let name = sent.or(session.key()).ok_or_else(|| Failure::of(VenueError::BadApiKeyFormat))?;
    let key = app.keys.get(name).ok_or_else(|| Failure::of(VenueError::RejectedApiKey))?;
    if !method.signed {
        return Ok(Some(key.account));
    }
    params.need("timestamp")?;
    let logs_on = method.logs_on();
    // A session that is logged on has signed once for all.
    let trusted = session.key().is_some_and(|own| own == name) && !logs_on;
    match params.get("signature") {
        None if trusted => {}
        None => return Err(Failure::missing("signature")),
        Some(signature) => {
            if logs_on && !key.is_ed25519() {
                return Err(own(400, -4056, "HMAC_SHA256 API key is not supported."));
            }
            check_signature(key, params, signature)?;
        }
    }
    Ok(Some(key.account))
}

/// All parameters but the signature, sorted by name.
fn check_signature(key: &Key, params: &Params<'_>, signature: &str) -> Result<(), Failure> {
    let mut pairs: Vec<_> = params.pairs().filter(|(name, _)| *name != "signature").collect();
    pairs.sort_unstable();
    let mut payload = String::new();
    for (name, value) in pairs {
        if !payload.is_empty() {
            payload.push('&');
        }
        payload.push_str(name);
        payload.push('=');
        payload.push_str(value);
    }
    if key.signs(&[&payload], signature) {
        Ok(())
    } else {
        Err(VenueError::InvalidSignature.into())
    }
}
