//! One stream connection.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::commands::{self, Command, Refused};
use super::paths::Plan;
use super::settings::StreamSettings;
use crate::app::App;
use crate::closing;
use crate::hub::{CutOff, Listener};

/// Codes of RFC 6455.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;

/// What a connection listens to. It exists before the socket is there: a client that has its answer misses
/// nothing of what happens from then on.
pub(super) struct Seat {
    app: Arc<App>,
    listener: Listener,
    plan: Plan,
    settings: StreamSettings,
    /// What the client asked for, also what this path does not carry.
    asked: BTreeSet<Box<str>>,
}

struct Session {
    seat: Seat,
    socket: WebSocket,
    cut: watch::Receiver<Option<CutOff>>,
    /// When the present second began, and what has come in since.
    second: (Instant, u32),
    last_pong: Instant,
}

/// How a connection ends.
enum End {
    /// The other side went without a word, or the network did.
    Gone,
    /// The other side says that it goes.
    Closed,
    /// We say why.
    Close(u16, &'static str),
}

/// Serves a connection until it ends.
pub(super) async fn serve(seat: Seat, socket: WebSocket) {
    let (cut, now) = (seat.listener.cut_off(), Instant::now());
    let mut session = Session { seat, socket, cut, second: (now, 0), last_pong: now };
    let end = session.run(now).await;
    let Session { seat, mut socket, .. } = session;
    // It hears of nothing more, however long its end takes.
    drop(seat);
    match end {
        Err(End::Close(code, reason)) => {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            closing::begin(&mut socket, frame).await;
        }
        Err(End::Closed) => closing::finish(&mut socket).await,
        Err(End::Gone) | Ok(()) => {}
    }
}

impl Session {
    async fn run(&mut self, opened: Instant) -> Result<(), End> {
        let ends = opened + self.seat.settings.lifetime;
        let mut ping = opened + self.seat.settings.ping_every;
        loop {
            let pong_due = self.last_pong + self.seat.settings.pong_within;
            tokio::select! {
                event = self.seat.listener.next() => match event {
                    Some(text) => self.send(Message::Text(text)).await?,
                    None => return Err(self.was_cut()),
                },
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.received(message).await?,
                    Some(Err(_)) | None => return Err(End::Gone),
                },
                () = tokio::time::sleep_until(ping) => {
                    ping += self.seat.settings.ping_every;
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                () = tokio::time::sleep_until(pong_due) => {
                    return Err(End::Close(POLICY, "no pong"));
                }
                () = tokio::time::sleep_until(ends) => {
                    return Err(End::Close(GOING_AWAY, "the connection is too old"));
                }
            }
        }
    }

    fn was_cut(&self) -> End {
        match *self.cut.borrow() {
            Some(CutOff::TooSlow) => End::Close(POLICY, "too slow"),
            Some(CutOff::Wanted) | None => End::Gone,
        }
    }

    /// Waits for the network, but not once the connection was cut off.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            biased;
            sent = self.socket.send(message) => sent.map_err(|_| End::Gone),
            _ = self.cut.wait_for(Option::is_some) => Err(End::Gone),
        }
    }

    async fn received(&mut self, message: Message) -> Result<(), End> {
        let now = Instant::now();
        if now - self.second.0 >= Duration::from_secs(1) {
            self.second = (now, 0);
        }
        self.second.1 += 1;
        if self.second.1 > self.seat.settings.messages_per_second {
            return Err(End::Close(POLICY, "too many requests"));
        }
        let answer = match &message {
            Message::Text(text) => self.seat.command(text.as_bytes()),
            Message::Binary(bytes) => self.seat.command(bytes),
            Message::Pong(_) => {
                self.last_pong = now;
                return Ok(());
            }
            // The socket answers pings by itself.
            Message::Ping(_) => return Ok(()),
            Message::Close(_) => return Err(End::Closed),
        };
        match answer {
            Ok(answer) => self.send(Message::Text(answer.into())).await,
            Err(refused) => {
                self.send(Message::Text(refused.json().into())).await?;
                if refused.ends { Err(End::Close(POLICY, "invalid JSON")) } else { Ok(()) }
            }
        }
    }
}

impl Seat {
    /// Takes what the address names.
    pub(super) fn new(app: Arc<App>, mut plan: Plan, settings: StreamSettings) -> Seat {
        let names = std::mem::take(&mut plan.names);
        let listener = app.hub.listen(plan.wrapped);
        let mut seat = Seat { app, listener, plan, settings, asked: BTreeSet::new() };
        seat.subscribe(&names);
        seat
    }

    fn command(&mut self, text: &[u8]) -> Result<String, Refused> {
        let (command, id) = commands::read(text)?;
        let result = match command {
            Command::Subscribe(names) => {
                self.check(&names).map_err(|msg| Refused::request(msg, id.clone()))?;
                self.subscribe(&names);
                Value::Null
            }
            Command::Unsubscribe(names) => {
                for name in &names {
                    self.asked.remove(name);
                    self.listener.unsubscribe(name);
                }
                Value::Null
            }
            Command::List => self.asked.iter().map(|name| Value::from(&**name)).collect(),
            Command::SetCombined(combined) => {
                self.listener.set_wrapped(combined);
                Value::Null
            }
            Command::GetCombined => Value::Bool(self.listener.is_wrapped()),
        };
        Ok(commands::done(&result, &id))
    }

    /// Why these streams are not taken, if they are not.
    fn check(&self, names: &[Box<str>]) -> Result<(), String> {
        let new = names.iter().filter(|name| !self.asked.contains(*name)).count();
        let most = self.settings.streams_max;
        if self.asked.len() + new > most {
            return Err(format!("a connection has at most {most} streams"));
        }
        let wrong = names.iter().find(|name| !self.plan.carries.takes(name));
        match wrong {
            Some(name) if self.settings.refuse_wrong_streams => {
                Err(format!("this path does not carry '{name}'"))
            }
            _ => Ok(()),
        }
    }

    /// Takes streams; of those that this path does not carry nothing will come, as on Binance.
    fn subscribe(&mut self, names: &[Box<str>]) {
        for name in names {
            if self.asked.insert(name.clone()) && self.plan.carries.takes(name) {
                self.listener.subscribe(name, self.plan.events.clone());
            } else if !self.plan.carries.takes(name) {
                tracing::info!(%name, "a stream that its path does not carry");
            }
        }
        if names.is_empty() {
            return;
        }
        // Told from now on: a snapshot that the client asks for next must stitch with what is told.
        let mut venue = self.app.venue();
        let now = venue.now().millis();
        venue.market_mut().subscriptions(now, &self.app.hub);
        drop(venue);
        self.app.sooner.notify_one();
    }
}
