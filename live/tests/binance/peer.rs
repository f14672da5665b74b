//! A peer for streams on a real socket: it says what a test tells it to say, and cuts when told to.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Message, WebSocket};

use crate::support::PATIENCE;

struct Connection {
    path: String,
    say: Sender<Option<String>>,
}

#[derive(Default)]
struct Shared {
    connections: Mutex<Vec<Connection>>,
    changed: Condvar,
    /// Connections whose path begins with one of these are closed as soon as they are made.
    closed: Mutex<Vec<&'static str>>,
}

pub struct StreamPeer {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

impl StreamPeer {
    pub fn start() -> StreamPeer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        thread::Builder::new()
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = Arc::clone(&own);
                    let _ = thread::Builder::new().spawn(move || serve(stream, &shared));
                }
            })
            .unwrap();
        StreamPeer { addr, shared }
    }

    /// Waits for so many connections in all whose path begins so, and gives their number.
    pub fn wait_for(&self, path: &str, count: usize) {
        let connections = self.shared.connections.lock().unwrap();
        let few = |connections: &mut Vec<Connection>| {
            connections.iter().filter(|one| one.path.starts_with(path)).count() < count
        };
        let (connections, waited) =
            self.shared.changed.wait_timeout_while(connections, PATIENCE, few).unwrap();
        drop(connections);
        assert!(!waited.timed_out(), "no connection to {path}");
    }

    /// Says a frame on the newest connection whose path begins so.
    pub fn say(&self, path: &str, frame: &str) {
        let connections = self.shared.connections.lock().unwrap();
        let found = connections.iter().rev().find(|one| one.path.starts_with(path)).unwrap();
        found.say.send(Some(frame.to_owned())).unwrap();
    }

    /// Cuts the connections whose path begins so.
    pub fn cut(&self, path: &str) {
        for one in self.shared.connections.lock().unwrap().iter() {
            if one.path.starts_with(path) {
                let _ = one.say.send(None);
            }
        }
    }

    /// Closes connections whose path begins so as soon as they are made, from now on.
    pub fn close(&self, path: &'static str) {
        self.shared.closed.lock().unwrap().push(path);
        self.cut(path);
    }

    /// How many connections there were whose path begins so.
    pub fn count(&self, path: &str) -> usize {
        self.paths().iter().filter(|one| one.starts_with(path)).count()
    }

    pub fn paths(&self) -> Vec<String> {
        self.shared.connections.lock().unwrap().iter().map(|one| one.path.clone()).collect()
    }
}

#[allow(clippy::result_large_err, reason = "the handshake's own type")]
fn serve(stream: TcpStream, shared: &Shared) {
    let mut path = String::new();
    let note = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let Ok(mut socket) = tungstenite::accept_hdr(stream, note) else { return };
    socket.get_mut().set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let (say, told) = channel();
    let closed = shared.closed.lock().unwrap().iter().any(|begin| path.starts_with(begin));
    if closed {
        say.send(None).unwrap();
    }
    shared.connections.lock().unwrap().push(Connection { path, say });
    shared.changed.notify_all();
    talk(&mut socket, &told);
}

fn talk(socket: &mut WebSocket<TcpStream>, told: &Receiver<Option<String>>) {
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            Err(_) => return,
        }
        while let Ok(told) = told.try_recv() {
            let Some(frame) = told else { return };
            if socket.send(Message::Text(frame.into())).is_err() {
                return;
            }
        }
    }
}
