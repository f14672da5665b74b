//! One WebSocket: connected on a thread of its own, read and written by the session without waiting.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{HandshakeError, Message, Utf8Bytes, WebSocket};

use super::config::shown;

/// A socket that counts what the system took.
#[derive(Debug)]
pub(super) struct Counted {
    socket: mio::net::TcpStream,
    written: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.socket.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A connection that is up.
#[derive(Debug)]
pub(super) struct Wire {
    socket: WebSocket<MaybeTlsStream<Counted>>,
}

/// How a frame went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It went out, or will as soon as the system takes more.
    Yes,
    /// The connection is gone and nothing of the frame went out.
    Nothing,
    /// The connection is gone and part of the frame may have gone out.
    Perhaps,
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Text(Utf8Bytes),
    /// A ping, a pong or a close frame: a sign of life.
    Life,
    /// Nothing more for now.
    Nothing,
    /// The connection is gone: why, without address.
    Gone(String),
}

impl Wire {
    fn counted(&mut self) -> &mut Counted {
        match self.socket.get_mut() {
            MaybeTlsStream::Plain(counted) => counted,
            MaybeTlsStream::Rustls(tls) => &mut tls.sock,
            _ => unreachable!("no other kind of TLS is compiled in"),
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.counted().socket, token, interest)
    }

    /// Writes one frame at once.
    pub(super) fn send(&mut self, text: String) -> Written {
        let before = self.counted().written;
        let sent = self.socket.send(Message::Text(text.into()));
        match sent {
            Ok(()) => Written::Yes,
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Written::Yes
            }
            Err(_) if self.counted().written == before => Written::Nothing,
            Err(_) => Written::Perhaps,
        }
    }

    pub(super) fn ping(&mut self) {
        let _ = self.socket.send(Message::Ping(Vec::new().into()));
    }

    /// Says goodbye, as far as the system takes it at once.
    pub(super) fn close(&mut self) {
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }

    /// Sends what could not go out before.
    pub(super) fn flush(&mut self) {
        let _ = self.socket.flush();
    }

    pub(super) fn read(&mut self) -> Came {
        match self.socket.read() {
            Ok(Message::Text(text)) => Came::Text(text),
            Ok(Message::Binary(_) | Message::Frame(_)) => Came::Life,
            Ok(Message::Close(_)) => Came::Gone("the venue closed it".to_owned()),
            Ok(Message::Ping(_) | Message::Pong(_)) => {
                self.flush();
                Came::Life
            }
            Err(tungstenite::Error::Io(error)) => match error.kind() {
                io::ErrorKind::WouldBlock => Came::Nothing,
                io::ErrorKind::Interrupted => Came::Life,
                kind => Came::Gone(kind.to_string()),
            },
            Err(error) => Came::Gone(problem(&error)),
        }
    }
}

/// An error without an address in it.
fn problem(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            "it was closed".to_owned()
        }
        tungstenite::Error::Io(error) => error.kind().to_string(),
        tungstenite::Error::Protocol(error) => error.to_string(),
        tungstenite::Error::Http(answer) => format!("HTTP {}", answer.status().as_u16()),
        tungstenite::Error::Tls(_) => "TLS failed".to_owned(),
        tungstenite::Error::Capacity(_) => "a frame was too long".to_owned(),
        _ => "no WebSocket".to_owned(),
    }
}

/// Connects, on the thread that calls it.
pub(super) fn connect(address: &str, timeout: Duration) -> Result<Box<Wire>, String> {
    let uri: tungstenite::http::Uri = address.parse().map_err(|_| "the address is none")?;
    let host = uri.host().ok_or("the address has no host")?;
    let tls = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let places = (bare, port).to_socket_addrs().map_err(|error| error.kind().to_string())?;
    let mut last = "the host has no address".to_owned();
    for place in places {
        match TcpStream::connect_timeout(&place, timeout) {
            Ok(socket) => return handshake(address, socket, timeout),
            Err(error) => last = error.kind().to_string(),
        }
    }
    Err(last)
}

fn handshake(address: &str, socket: TcpStream, timeout: Duration) -> Result<Box<Wire>, String> {
    let told = |error: io::Error| error.kind().to_string();
    socket.set_nodelay(true).map_err(told)?;
    socket.set_read_timeout(Some(timeout)).map_err(told)?;
    socket.set_write_timeout(Some(timeout)).map_err(told)?;
    // The same socket once more: it waits during the handshake and does not afterwards.
    let switch = socket.try_clone().map_err(told)?;
    let counted = Counted { socket: mio::net::TcpStream::from_std(socket), written: 0 };
    let config = WebSocketConfig::default().read_buffer_size(64 << 10).write_buffer_size(0);
    let made = tungstenite::client_tls_with_config(address, counted, Some(config), None);
    let (socket, _) = made.map_err(|error| match error {
        HandshakeError::Failure(error) => problem(&error),
        HandshakeError::Interrupted(_) => "no handshake in time".to_owned(),
    })?;
    switch.set_nonblocking(true).map_err(told)?;
    Ok(Box::new(Wire { socket }))
}

/// Connects on a thread of its own; `done` is called there.
#[allow(
    clippy::disallowed_methods,
    reason = "the edge: a handshake blocks, and the session does not"
)]
pub(super) fn connect_apart(
    address: String,
    timeout: Duration,
    done: impl FnOnce(Result<Box<Wire>, String>) + Send + 'static,
) -> io::Result<()> {
    let builder = thread::Builder::new().name("binance-connect".to_owned());
    builder.spawn(move || done(connect(&address, timeout)))?;
    Ok(())
}

/// The shortest pause between two attempts to connect.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Where a connection stands.
#[derive(Debug)]
pub(super) enum State {
    /// Not wanted, or not before it has an address.
    Off,
    /// The next attempt.
    Waiting(Instant),
    Connecting,
    Up(Box<Wire>),
}

/// A connection that is made again whenever it breaks.
#[derive(Debug)]
pub(super) struct Slot {
    pub what: &'static str,
    pub address: String,
    pub state: State,
    /// Results of an older attempt are not taken.
    pub attempt: u64,
    /// Attempts since it was up last.
    pub failed: u32,
    /// How many times in a row it was up for a short while only.
    pub flaps: u32,
    /// Since when it is up.
    pub since: Instant,
    pub heard: Instant,
    pub pinged: Instant,
}

impl Slot {
    pub(super) fn new(what: &'static str, address: String, now: Instant) -> Slot {
        let state = if address.is_empty() { State::Off } else { State::Waiting(now) };
        let since = now;
        let (heard, pinged) = (now, now);
        Slot { what, address, state, attempt: 0, failed: 0, flaps: 0, since, heard, pinged }
    }

    /// Its address, safe to show.
    pub(super) fn shown(&self) -> &str {
        shown(&self.address)
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// It is gone: the pause before the next attempt. Attempts that fail are 50 ms apart, doubled each time up to `most`.
    /// Behind a connection that was up there is no pause, unless it was up for less than `steady`: then `slow` of the same
    /// pauses, so that one that is closed as soon as it is made does not cost a query each time.
    pub(super) fn rest(
        &mut self,
        was_up: bool,
        now: Instant,
        most: Duration,
        steady: Duration,
        slow: impl Fn(Duration) -> Duration,
    ) -> Duration {
        let doubled = |times: u32| PAUSE_MIN.saturating_mul(1 << times.min(16)).min(most);
        if was_up {
            let held = now.saturating_duration_since(self.since) >= steady;
            self.flaps = if held { 0 } else { self.flaps.saturating_add(1) };
        }
        let unmade = if was_up { Duration::ZERO } else { doubled(self.failed) };
        let unsteady = if self.flaps == 0 { Duration::ZERO } else { slow(doubled(self.flaps)) };
        self.failed = self.failed.saturating_add(1);
        unmade.max(unsteady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_most() {
        let now = crate::binance::wall();
        let mut slot = Slot::new("market", "ws://h/ws/K".to_owned(), now);
        let (most, steady) = (Duration::from_secs(2), Duration::from_secs(30));
        let mut rest = |was_up, at| slot.rest(was_up, at, most, steady, |pause| pause).as_millis();
        let pauses: Vec<_> = (0..8).map(|_| rest(false, now)).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(slot.shown(), "ws://h/ws");
    }

    #[test]
    fn a_connection_that_does_not_last_is_made_again_ever_more_slowly() {
        let mut now = crate::binance::wall();
        let mut slot = Slot::new("market", "ws://h/ws/K".to_owned(), now);
        let (most, steady) = (Duration::from_secs(2), Duration::from_secs(30));
        let mut lasted = |was_up: bool, up: Duration| {
            (slot.since, slot.failed) = (now, if was_up { 0 } else { slot.failed });
            now += up;
            slot.rest(was_up, now, most, steady, |pause| pause / 2).as_millis()
        };
        assert_eq!(lasted(true, steady), 0, "the first loss is made good at once");
        let pauses: Vec<_> = (0..7).map(|_| lasted(true, steady / 2)).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(lasted(false, Duration::ZERO), 1_000, "an attempt that fails is no faster");
        assert_eq!(lasted(true, steady), 0);
        assert_eq!(lasted(false, Duration::ZERO), 100, "the first was the one after the loss");
    }
}
