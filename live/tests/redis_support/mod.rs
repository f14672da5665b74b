//! Real Redis servers for tests, each with its own port and directory.

// Helpers of tests outside of test functions, where a failed assumption may end it. Not every test that
// includes this uses all of it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, dead_code)]

pub mod proxy;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use live::redis::{Patience, RedisConfig};
use redis::Connection;

/// Stops with its test.
pub struct Server {
    process: Option<Child>,
    pub port: u16,
    directory: tempfile::TempDir,
    more: Vec<String>,
}

impl Server {
    /// One that writes everything down before it answers, as far as the system: that outlives its death, and a loaded
    /// disk does not hold its answers up.
    pub fn start() -> Server {
        Server::start_with(&["--appendonly", "yes", "--appendfsync", "no"])
    }

    /// One that writes nothing down.
    pub fn without_file() -> Server {
        Server::start_with(&[])
    }

    pub fn start_with(more: &[&str]) -> Server {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.local_addr().expect("its number").port()
        };
        let directory = tempfile::tempdir().expect("a directory for the server");
        let more = more.iter().map(|word| (*word).to_owned()).collect();
        let mut server = Server { process: None, port, directory, more };
        server.start_again();
        server
    }

    /// On the same port, with what it has written down.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", ""])
            .args(&self.more)
            // Typed entries have no size in bytes, so nodes are cut by number of entries only.
            .args(["--stream-node-max-bytes", "0"])
            .args(["--dir", &self.directory.path().display().to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "redis-server does not start ({error}). This test needs a real server; \
                     install it with: sudo apt-get install redis-server"
                )
            });
        self.process = Some(process);
        self.client();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it can be killed");
        process.wait().expect("it has ended");
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn config(&self) -> RedisConfig {
        self.config_through(self.port)
    }

    /// To something that listens on another port.
    pub fn config_through(&self, port: u16) -> RedisConfig {
        let patience = Patience {
            // Nothing here is about a slow machine.
            connect: Duration::from_secs(60),
            answer: Duration::from_secs(60),
            lost: Duration::from_secs(120),
            ..Patience::default()
        };
        let address = format!("redis://127.0.0.1:{port}/");
        RedisConfig::new(&address).expect("an address").with_patience(patience)
    }

    /// A connection of its own.
    pub fn client(&self) -> Connection {
        let client = redis::Client::open(self.address()).expect("an address");
        let mut found = None;
        eventually("redis-server listens", || {
            found = client.get_connection().ok().filter(|_| true);
            let Some(connection) = &mut found else { return false };
            redis::cmd("PING").query::<String>(connection).is_ok()
        });
        found.expect("it listens")
    }

    /// A command by its words, on a connection of its own.
    pub fn run(&self, line: &str) -> redis::Value {
        let mut words = line.split(' ');
        let mut command = redis::cmd(words.next().expect("a command"));
        for word in words {
            command.arg(word);
        }
        command.query(&mut self.client()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The process, to stop it and let it go on.
    pub fn signal(&self, signal: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill runs");
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself; then there is nothing to stop.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Waits until something holds; after a minute it fails.
#[allow(clippy::disallowed_methods)] // A real process needs real time.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(300);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not after 300 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
