//! A real Redis server of our own, and its replies in our form.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::Resp;
use redis::{Connection, Value};

/// Stops with its test.
pub struct Server {
    process: Child,
    connection: Connection,
    /// The server's clock when it was last seen, in microseconds.
    clock_us: i64,
    _directory: tempfile::TempDir,
}

/// A reply, and the server's milliseconds before and after the command.
pub struct Timed {
    pub reply: Resp,
    pub earliest_ms: i64,
    pub latest_ms: i64,
}

impl Server {
    pub fn start() -> Server {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("its number").port()
        };
        let directory = tempfile::tempdir().expect("a directory for the server");
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            // Typed entries have no size in bytes, so nodes are cut by number of entries only.
            .args(["--stream-node-max-bytes", "0"])
            .args(["--dir", &directory.path().display().to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "redis-server does not start ({error}). This test compares MemoryBus with a \
                     real server; install it with: sudo apt-get install redis-server"
                )
            });
        let connection = connect(port);
        Server { process, connection, clock_us: 0, _directory: directory }
    }

    fn call(&mut self, words: &[&[u8]]) -> Resp {
        self.connection.send_packed_command(&packed(words)).expect("the server listens");
        self.receive()
    }

    fn receive(&mut self) -> Resp {
        match self.connection.recv_response() {
            Ok(value) => resp(value),
            Err(error) => {
                let code = error.code().unwrap_or_else(|| panic!("connection: {error}"));
                Resp::Error(format!("{code} {}", error.detail().unwrap_or_default()))
            }
        }
    }

    /// Version, as INFO says it.
    pub fn version(&mut self) -> String {
        let Resp::Bulk(info) = self.call(&[b"INFO", b"server"]) else { panic!("INFO fails") };
        let info = String::from_utf8_lossy(&info).into_owned();
        let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        line.expect("a version").to_owned()
    }

    /// Executes a command between two readings of the server's own clock, in one transaction: what
    /// depends on time can then be computed exactly, whatever this machine is doing meanwhile.
    pub fn timed(&mut self, words: &[&[u8]]) -> Timed {
        // Not at the end of a millisecond, so that the clock seldom ticks during the command.
        while self.clock_us % 1000 > 700 {
            let time = self.call(&[b"TIME"]);
            self.clock_us = microseconds(&time);
        }
        let mut request = Vec::new();
        for command in [&[b"MULTI".as_slice()][..], &[b"TIME"], words, &[b"TIME"], &[b"EXEC"]] {
            request.extend(packed(command));
        }
        self.connection.send_packed_command(&request).expect("the server listens");
        let queued: Vec<Resp> = (0..4).map(|_| self.receive()).collect();
        let executed = self.receive();
        if let error @ Resp::Error(_) = &queued[2] {
            // A command that is not even queued does not depend on the time.
            return Timed { reply: error.clone(), earliest_ms: 0, latest_ms: 0 };
        }
        let Resp::Array(mut replies) = executed else { panic!("EXEC answers {executed:?}") };
        self.clock_us = microseconds(&replies.pop().expect("a time"));
        let reply = replies.pop().expect("a reply");
        let earliest_us = microseconds(&replies.pop().expect("a time"));
        Timed { reply, earliest_ms: earliest_us / 1000, latest_ms: self.clock_us / 1000 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connect(port: u16) -> Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).expect("an address");
    for _ in 0..500 {
        if let Ok(connection) = client.get_connection() {
            return connection;
        }
        pause(Duration::from_millis(20));
    }
    panic!("redis-server does not listen on port {port} after 10 s");
}

#[allow(clippy::disallowed_methods)] // A real process needs real time.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn packed(words: &[&[u8]]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command.get_packed_command()
}

/// TIME answers seconds and microseconds.
fn microseconds(time: &Resp) -> i64 {
    let Resp::Array(parts) = time else { panic!("TIME answers {time:?}") };
    let number = |part: &Resp| match part {
        Resp::Bulk(digits) => String::from_utf8_lossy(digits).parse::<i64>().expect("digits"),
        other => panic!("TIME has {other:?}"),
    };
    number(&parts[0]) * 1_000_000 + number(&parts[1])
}

fn resp(value: Value) -> Resp {
    match value {
        Value::Nil => Resp::Nil,
        Value::Int(number) => Resp::Int(number),
        Value::BulkString(bytes) => Resp::Bulk(bytes),
        Value::Array(items) => Resp::Array(items.into_iter().map(resp).collect()),
        Value::Okay => Resp::Status("OK"),
        Value::SimpleString(word) => {
            let known = ["QUEUED", "none", "string", "hash", "list", "set", "zset", "stream"];
            Resp::Status(known.into_iter().find(|k| *k == word).unwrap_or_else(|| {
                panic!("an unknown status: {word}");
            }))
        }
        Value::ServerError(error) => {
            Resp::Error(format!("{} {}", error.code(), error.details().unwrap_or_default()))
        }
        other => panic!("a reply that RESP2 does not have: {other:?}"),
    }
}
