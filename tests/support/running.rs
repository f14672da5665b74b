//! A live session that runs beside its test, which is its operator: reads its log, sends signals, asks its metrics.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;

use crate::support::pace::patience;
use crate::support::served::{KEY, SECRET, Served};
use crate::support::{Output, QSIM};

/// How often to look for a condition, in steps of 20 ms.
fn looks() -> u128 {
    patience().as_millis() / 20
}

/// Waits until something is there.
#[allow(clippy::disallowed_methods, reason = "it waits for a process")]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..looks() {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} does not come")
}

/// A process with its outputs in files of its folder.
pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// `qsim WORDS` in a folder, with the keys of the first account.
    pub fn start(folder: &Path, words: &[&str]) -> Running {
        let keys = [("QSIM_API_KEY", KEY), ("QSIM_API_SECRET", SECRET)];
        Running::start_with(folder, &keys, words)
    }

    /// The same with another environment.
    pub fn start_with(folder: &Path, environment: &[(&str, &str)], words: &[&str]) -> Running {
        let name = |n: u32, end: &str| folder.join(format!("said-{n}.{end}"));
        let number = (0..).find(|n| !name(*n, "out").exists()).expect("a number");
        let (out, err) = (name(number, "out"), name(number, "err"));
        let child = Command::new(QSIM)
            .args(words)
            .current_dir(folder)
            .env_remove("RUST_LOG")
            .env_remove("QSIM_API_KEY")
            .env_remove("QSIM_API_SECRET")
            .envs(environment.iter().copied())
            .stdout(Stdio::from(File::create(&out).expect("a file")))
            .stderr(Stdio::from(File::create(&err).expect("a file")))
            .spawn()
            .expect("the program starts");
        Running { child, out, err }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far on standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.err).expect("readable")
    }

    /// Waits until it has said this so often.
    pub fn says(&mut self, text: &str, times: usize) {
        for _ in 0..looks() {
            if self.said().matches(text).count() >= times {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                panic!("{text:?} was not said before it ended with {status}\n{}", self.said());
            }
            nap();
        }
        panic!("{text:?} was not said\n{}", self.said());
    }

    /// Sends a signal, such as TERM.
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits until it has ended.
    pub fn end(mut self) -> Output {
        let status = until("its end", || self.child.try_wait().expect("it can be asked"));
        Output {
            code: status.code().unwrap_or(-1),
            stdout: std::fs::read_to_string(&self.out).expect("readable"),
            stderr: self.said(),
        }
    }

    /// Where its metrics are, as its log says.
    pub fn metrics(&mut self) -> String {
        self.says("what=\"metrics\"", 1);
        let said = self.said();
        let at = said.split("at=http://").nth(1).expect("an address");
        at.split('/').next().expect("host and port").to_owned()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }
}

#[allow(clippy::disallowed_methods, reason = "it waits for a process")]
fn nap() {
    std::thread::sleep(Duration::from_millis(20));
}

/// A Redis server; ends with its test.
pub struct Redis {
    child: Child,
    pub port: u16,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Redis {
    /// On a free port, with these lines more in its configuration.
    pub fn start(folder: &Path, more: &str) -> Redis {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let config = format!("port {port}\nbind 127.0.0.1\nsave \"\"\n{more}");
        std::fs::write(folder.join("redis.conf"), config).expect("written");
        let child = Command::new("redis-server")
            .arg(folder.join("redis.conf"))
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts: sudo apt-get install redis-server");
        let up = || TcpStream::connect(("127.0.0.1", port)).ok();
        until("redis", up);
        Redis { child, port }
    }
}

/// Sends a signal to a process of this test.
pub fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "the process is there");
}

/// One request of HTTP: the status and the body.
pub fn http(host: &str, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let host = host.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("it answers");
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    let _ = write!(text, "{headers}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(!chunked, "{head}");
    (status.expect("a status"), body.to_owned())
}

impl Served {
    /// POST to an admin route.
    pub fn post(&self, path: &str, body: &str) -> Json {
        let (status, answer) = http(&self.admin, "POST", path, "", body);
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// A signed request of the first account, by another hand than the session's.
    pub fn by_hand(&self, method: &str, path: &str, query: &str) -> Json {
        let now = self.query("/fapi/v1/time")["serverTime"].as_i64().expect("a time");
        let query = format!("{query}&timestamp={now}&recvWindow=60000");
        let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
        hmac.update(query.as_bytes());
        let mut signature = String::new();
        for byte in hmac.finalize().into_bytes() {
            let _ = write!(signature, "{byte:02x}");
        }
        let key = format!("X-MBX-APIKEY: {KEY}\r\n");
        let (status, answer) =
            http(&self.rest, method, &format!("{path}?{query}&signature={signature}"), &key, "");
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// What the first account holds of a symbol.
    pub fn held(&self, symbol: &str) -> f64 {
        let account = self.admin("/accounts/0");
        let rows = account["positions"].as_array().expect("positions");
        let of = |row: &Json| row["positionAmt"].as_str().and_then(|text| text.parse::<f64>().ok());
        rows.iter().filter(|row| row["symbol"] == symbol).filter_map(of).sum()
    }

    /// How many entries a list of the first account has, such as `orders` or `openOrders`.
    pub fn count(&self, list: &str) -> usize {
        self.admin("/accounts/0")[list].as_array().expect("a list").len()
    }
}

/// The value of a sample in the text for Prometheus, by its name with its labels; none if it is not there.
pub fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}
