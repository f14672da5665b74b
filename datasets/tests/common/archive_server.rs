//! A server of the archive's layout on this machine, which can be told to fail.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, reason = "a test that cannot serve fails")]
#![allow(clippy::disallowed_methods, reason = "a real server has threads and falls silent")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// What the server does with a request, in place of answering it.
#[derive(Clone, Debug)]
pub enum Act {
    /// Says how much there is, sends so many bytes of it, and cuts the connection.
    Cut(usize),
    /// Sends so many bytes of it, and nothing more for so long.
    Stall(usize, Duration),
    /// Answers with this status and these header lines.
    Status(u16, &'static str),
    /// Says nothing for so long.
    Silence(Duration),
    /// Sends other bytes.
    Instead(Vec<u8>),
}

/// A request that came: its path, and the first byte that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub from: Option<usize>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    acts: BTreeMap<String, VecDeque<Act>>,
    asked: Vec<Asked>,
    ignores_range: bool,
    ended: bool,
}

pub struct ArchiveServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no thread of the server has panicked")
}

/// The text of the `.CHECKSUM` of a file.
pub fn checksum(path: &str, bytes: &[u8]) -> String {
    let sum: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("{sum}  {}\n", path.rsplit('/').next().unwrap_or_default())
}

impl ArchiveServer {
    pub fn new() -> ArchiveServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if lock(&shared).ended {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A request that fails has failed: the client tells.
                std::thread::spawn(move || stream.map(|stream| serve(stream, &shared)));
            }
        });
        ArchiveServer { address, state, thread: Some(thread) }
    }

    pub fn base(&self) -> String {
        format!("http://{}/mirror", self.address)
    }

    /// Serves a file below the base, and its checksum.
    pub fn file(&self, path: &str, bytes: &[u8]) {
        self.only(path, bytes);
        self.only(&format!("{path}.CHECKSUM"), checksum(path, bytes).as_bytes());
    }

    /// Serves a file alone.
    pub fn only(&self, path: &str, bytes: &[u8]) {
        lock(&self.state).files.insert(path.to_owned(), bytes.to_vec());
    }

    pub fn remove(&self, path: &str) {
        lock(&self.state).files.remove(path);
    }

    /// What happens to the next requests for a file, one after the other.
    pub fn next(&self, path: &str, acts: impl IntoIterator<Item = Act>) {
        lock(&self.state).acts.entry(path.to_owned()).or_default().extend(acts);
    }

    /// From now on, whole files are sent whatever is asked for.
    pub fn ignore_range(&self) {
        lock(&self.state).ignores_range = true;
    }

    /// The requests since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.state).asked)
    }

    /// The paths of the requests since the last call, sorted.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.asked().into_iter().map(|asked| asked.path).collect();
        paths.sort();
        paths
    }
}

impl Drop for ArchiveServer {
    fn drop(&mut self) {
        lock(&self.state).ended = true;
        // Wakes it up, so that it sees the end.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The path and the range of a request.
fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.strip_prefix("/mirror/")?.to_owned();
    let mut from = None;
    for line in lines {
        let line = line.ok()?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Asked { path, from })
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let Some(asked) = read(&stream) else {
        // No HTTP, as servers say it.
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").ok();
    };
    let (file, act, ignores_range) = {
        let mut state = lock(state);
        state.asked.push(asked.clone());
        let act = state.acts.get_mut(&asked.path).and_then(VecDeque::pop_front);
        (state.files.get(&asked.path).cloned(), act, state.ignores_range)
    };
    let mut head = |status: u16, more: &str, length: usize| {
        let text = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n"
        );
        stream.write_all(text.as_bytes()).ok()
    };
    let (file, act) = match act {
        Some(Act::Status(status, more)) => return head(status, more, 0),
        Some(Act::Silence(span)) => {
            std::thread::sleep(span);
            return None;
        }
        Some(Act::Instead(bytes)) => (Some(bytes), None),
        act => (file, act),
    };
    let Some(file) = file else { return head(404, "", 0) };
    let from = asked.from.filter(|_| !ignores_range);
    let rest = match from {
        Some(from) if from >= file.len() => {
            return head(416, &format!("Content-Range: bytes */{}\r\n", file.len()), 0);
        }
        Some(from) => {
            let range =
                format!("Content-Range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len());
            head(206, &range, file.len() - from)?;
            &file[from..]
        }
        None => {
            head(200, "", file.len())?;
            &file[..]
        }
    };
    let sent = match act {
        Some(Act::Cut(count) | Act::Stall(count, _)) => &rest[..count.min(rest.len())],
        _ => rest,
    };
    stream.write_all(sent).ok()?;
    if let Some(Act::Stall(_, span)) = act {
        std::thread::sleep(span);
    }
    stream.shutdown(Shutdown::Write).ok()
}
