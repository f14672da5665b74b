//! The WebSocket API: the endpoints of REST in an envelope, on one connection.

mod auth;
mod envelope;
mod methods;
mod session;

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::Response;
use engine::{AccountId, ExchangeError};
use sim_exchange::wire::{ErrorBody, VenueError};
use tokio::task::JoinSet;

use crate::app::App;
use crate::closing;
use crate::conn::ConnInfo;
use crate::faults;
use crate::http::{Answered, Begun, Failure, NO_REQUEST, Params, Reply};
use crate::http::{begin, check_timestamp, finish, peer, unlooked};
use crate::market;
use crate::rest::{Caller, Plan, account};
use crate::shapes::json;
use crate::venue::Venue;
use auth::authorized;
use envelope::{Frame, envelope};
use methods::{Method, What};
use session::Session;

/// Where it is.
pub(crate) const PATH: &str = "/ws-fapi/v1";
/// What a connection weighs.
const HANDSHAKE: u32 = 5;
const PING_EVERY: Duration = Duration::from_secs(180);
/// No request is longer.
const MESSAGE_MAX: usize = 1 << 16;
/// Requests of one connection that wait for their answers; with so many of them nothing more is read.
const WAITING_MAX: usize = 1_000;

/// Takes a connection.
pub(crate) async fn handle(app: Arc<App>, request: Request) -> Response<Body> {
    let (info, ip) = peer(request.extensions());
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.max_message_size(MESSAGE_MAX),
        Err(rejection) => {
            let code = VenueError::InvalidMessage.row().code;
            let failure = own(rejection.status().as_u16(), code, &rejection.body_text());
            return Answered::no_request(&app, ip, failure).response(info.as_ref());
        }
    };
    let refused = {
        let mut venue = app.venue();
        let now = venue.now();
        let weighed = venue.gate.weigh(ip, HANDSHAKE, now);
        weighed.err().map(|failure| Answered::refusal(&venue, ip, failure))
    };
    if let Some(refused) = refused {
        return refused.response(info.as_ref());
    }
    let hides = parts.uri.query().is_some_and(|query| query.contains("returnRateLimits=false"));
    let session = Session::new(app.now(), !hides);
    let client = Client { app, ip, info, session: Arc::new(Mutex::new(session)) };
    upgrade.on_upgrade(move |socket| serve(client, socket))
}

/// Who has connected.
#[derive(Clone)]
struct Client {
    app: Arc<App>,
    ip: IpAddr,
    info: Option<ConnInfo>,
    session: Arc<Mutex<Session>>,
}

impl Client {
    fn session(&self) -> MutexGuard<'_, Session> {
        // A session is whole between any two of its changes.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers requests until the connection ends. They begin in the order in which they came; one that has to wait
/// (for a fault, or for an exchange with a latency) lets the next ones pass.
async fn serve(client: Client, mut socket: WebSocket) {
    let mut waiting = JoinSet::new();
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.tick().await;
    loop {
        let message = tokio::select! {
            message = socket.recv(), if waiting.len() < WAITING_MAX => message,
            Some(answer) = waiting.join_next() => {
                // An answer that panics is none.
                if send(&client, &mut socket, answer.unwrap_or_default()).await.is_err() {
                    break;
                }
                continue;
            }
            _ = ping.tick() => {
                if socket.send(Message::Ping(Default::default())).await.is_err() {
                    break;
                }
                continue;
            }
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            // JSON all the same; what is no text is no JSON either.
            Some(Ok(Message::Binary(bytes))) => String::from_utf8(bytes.into()).unwrap_or_default(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_))) => {
                closing::finish(&mut socket).await;
                break;
            }
            Some(Err(_)) | None => break,
        };
        let mut answer = Box::pin(answer(client.clone(), text));
        match poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
            Poll::Ready(answer) => {
                if send(&client, &mut socket, answer).await.is_err() {
                    break;
                }
            }
            Poll::Pending => {
                waiting.spawn(answer);
            }
        }
    }
    // What was asked is done, whoever hears of it.
    waiting.detach_all();
}

/// The connection has ended.
struct Ended;

/// Sends an answer, or cuts the connection where there is none.
async fn send(
    client: &Client,
    socket: &mut WebSocket,
    answer: Option<String>,
) -> Result<(), Ended> {
    let Some(answer) = answer else {
        // A fault: nobody answers any more.
        if let Some(info) = &client.info {
            info.cut();
        }
        return Err(Ended);
    };
    socket.send(Message::Text(answer.into())).await.map_err(|_| Ended)
}

/// The answer to a message; none where the connection is lost instead.
async fn answer(client: Client, text: String) -> Option<String> {
    let app = &*client.app;
    let shows_limits = client.session().shows_limits;
    let Frame { id, method, params } = match Frame::read(&text) {
        Ok(frame) => frame,
        Err(id) => {
            let failure = own(400, -1135, "Invalid JSON Request");
            let refused = Answered::no_request(app, client.ip, failure);
            return Some(told(app, id, &refused, shows_limits));
        }
    };
    let shows = params.get("returnRateLimits").map_or(shows_limits, |text| text != "false");
    let own_key = client.session().key().map(Box::<str>::from);
    let key = params.get("apiKey").or(own_key.as_deref());
    let answered = match faults::strike(app, "WS", &method, key) {
        None => run(&client, &method, &params).await,
        Some(strike) => match strike.before(app, client.ip, || unlooked(app, client.ip, key)).await
        {
            Err(instead) => instead,
            Ok(()) => {
                let answered = run(&client, &method, &params).await;
                strike.after(answered, client.info.as_ref()).await
            }
        },
    };
    (!answered.lost).then(|| told(app, id, &answered, shows))
}

/// The envelope of an answer, now.
fn told(app: &App, id: &str, answered: &Answered, shows_limits: bool) -> String {
    let venue = app.venue_as_it_is();
    envelope(id, answered, &account::rate_limits(&venue), shows_limits, venue.shown_ms())
}

/// A refusal that is the WebSocket API's own.
fn own(http: u16, code: i32, msg: &str) -> Failure {
    Failure { http, error: ExchangeError { code, msg: msg.into() } }
}

/// Runs a method.
async fn run(client: &Client, name: &str, params: &Params<'_>) -> Answered {
    let app = &*client.app;
    let method = methods::find(name);
    let authorized = match &method {
        Some(method) => authorized(app, &client.session(), method, params),
        None => Ok(None),
    };
    // Nobody's orders are counted of a request that nobody has signed.
    let is_order = method.as_ref().is_some_and(|method| method.orders.0 > 0) && authorized.is_ok();
    let (begun, used, retry_after_s) = {
        let mut venue = app.venue();
        let begun = begin_method(client, &mut venue, name, method, &authorized, params);
        if venue.is_sooner() {
            app.sooner.notify_one();
        }
        let (now, account) = (venue.now(), authorized.as_ref().ok().copied().flatten());
        let used = venue.gate.used(client.ip, account, now);
        (begun, used, venue.gate.retry_after_s(client.ip, now))
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

/// Runs a method as far as it goes at once.
fn begin_method(
    client: &Client,
    venue: &mut Venue,
    name: &str,
    method: Option<Method>,
    authorized: &Result<Option<AccountId>, Failure>,
    params: &Params<'_>,
) -> Result<Begun, Failure> {
    let now = venue.now();
    let cost = method.as_ref().map(|method| method.cost(params));
    venue.gate.weigh(client.ip, cost.map_or(NO_REQUEST, |cost| cost.weight), now)?;
    let (Some(method), Some(cost)) = (method, cost) else {
        return Err(own(400, -1000, &format!("Unknown method {name:?}.")));
    };
    let account = authorized.clone()?.unwrap_or_default();
    if method.signed && client.app.config.check_timestamps {
        check_timestamp(venue, params)?;
    }
    venue.gate.count_orders(client.ip, account, cost, now)?;
    let caller = Caller { account, ws: true };
    match method.what {
        What::Endpoint(handler) => begin(venue, caller, handler, params),
        What::Market(path) => {
            let reply = market::answer(venue, path, params)?;
            Ok(Begun::of(Plan::Reply(reply), venue, account))
        }
        What::Session(change) => {
            let shown_ms = venue.shown_ms();
            let reply = client.session().change(change, account, params, shown_ms);
            Ok(Begun::of(Plan::Reply(reply), venue, account))
        }
    }
}
