//! A served exchange, its admin routes, and the orders of a journal.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use engine::{Decoder, JournalEntry, JournalFile, Nanos, OrderType, Request, Side, SymbolIndex};
use serde_json::Value as Json;

use super::QSIM;

/// The first key of `qsim serve`.
pub const KEY: &str = "qsim1";
/// Its secret.
pub const SECRET: &str = "secret1";

/// A served exchange; ends with the test.
pub struct Served {
    child: Child,
    pub rest: String,
    pub admin: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// `qsim serve FILE` in a folder, on free ports.
    pub fn start(folder: &Path, file: &str, more: &[&str]) -> Served {
        Served::start_at(folder, file, "127.0.0.1:0", more)
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// The same at an address.
    pub fn start_at(folder: &Path, file: &str, addr: &str, more: &[&str]) -> Served {
        let mut child = Command::new(QSIM)
            .args(["serve", file, "--addr", addr])
            .args(more)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let word = |name: &str| {
            let found = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            found.unwrap_or_else(|| panic!("{name} in {line:?}")).to_owned()
        };
        Served { rest: word("rest="), admin: word("admin="), child }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What an admin route answers to GET.
    pub fn admin(&self, path: &str) -> Json {
        self.ask("GET", path, "")
    }

    /// What an admin route answers.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Json {
        call(&self.admin, method, path, body)
    }

    /// What the venue answers to a GET without a key.
    pub fn query(&self, path: &str) -> Json {
        call(&self.rest, "GET", path, "")
    }

    /// Asks the process to end, and gives the code with which it did.
    pub fn ask_to_end(&mut self) -> Option<i32> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.is_ok_and(|status| status.success()), "a signal");
        self.child.wait().expect("it ends").code()
    }
}

fn call(address: &str, method: &str, path: &str, body: &str) -> Json {
    let host = address.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(host).expect("the venue answers");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{path} {body}: {answer}");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// An order that a service wanted: which symbol, on which side, how much, whether it closes, and its type.
pub type Decision = (SymbolIndex, Side, i64, bool, OrderType);

/// All entries of a journal with their numbers and times.
pub fn entries(path: &Path) -> Vec<(u64, Nanos, JournalEntry)> {
    let mut file = JournalFile::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut found = Vec::new();
    while let Some((first, block)) = file.next_block().expect("readable") {
        let mut decoder = Decoder::new(&block, &[]);
        let mut number = first;
        while let Some((time, entry)) = decoder.next_value().expect("readable") {
            found.push((number, time, entry));
            number += 1;
        }
    }
    found
}

/// All orders of a journal, with their times.
pub fn decisions(path: &Path) -> Vec<(Nanos, Decision)> {
    let mut found = Vec::new();
    for (_, time, entry) in entries(path) {
        if let JournalEntry::Submit { request: Request::NewOrder(order), .. } = entry {
            let lots = order.quantity.map_or(0, |lots| lots.0);
            let closes = order.reduce_only == Some(true);
            found.push((time, (order.symbol, order.side, lots, closes, order.order_type)));
        }
    }
    found
}
