//! One connection that comes back, and the numbers of the operations on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::{Connection, ConnectionLike, Value};

use super::reply;
use super::scripts::Script;
use super::server;
use super::{OWN_KEYS, Patience, RedisConfig, RedisError};

/// What has happened on a connection. Shared with whoever reports it.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections made.
    pub connected: AtomicU64,
    /// Connections lost, by whatever cause.
    pub lost: AtomicU64,
    /// Operations sent again because their answer got lost.
    pub repeated: AtomicU64,
    /// Of those, the ones that the server had done already: a blind repetition would have done them twice.
    pub done_already: AtomicU64,
    /// Operations that ended with an error because the server did not come back in time.
    pub given_up: AtomicU64,
    /// Of those, the ones that the server had done nevertheless, as it turned out when it was back.
    pub given_up_done: AtomicU64,
    /// Operations without an error of their own that were answered with "nothing" while the server was away.
    pub blind: AtomicU64,
}

pub(super) fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// The server did not come back in time.
#[derive(Debug)]
pub(super) struct Away {
    /// What happened.
    pub(super) problem: String,
    /// Whether anything of it was sent.
    pub(super) sent: bool,
}

/// Codes of errors that pass: the server did nothing, and will do it later or somewhere else.
const PASSING: [&str; 5] = ["LOADING", "MASTERDOWN", "READONLY", "NOSCRIPT", "BUSY"];

/// The time of the machine, for how long something is waited for.
#[allow(clippy::disallowed_methods, reason = "the edge: a server is waited for in real time")]
pub(super) fn wall() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "the edge: a server is waited for in real time")]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Appends a command in the form in which it is sent.
pub(super) fn pack(words: &[&[u8]], out: &mut Vec<u8>) {
    let length = |out: &mut Vec<u8>, kind: u8, length: usize| {
        out.push(kind);
        out.extend_from_slice(length.to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    length(out, b'*', words.len());
    for word in words {
        length(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// The connection.
pub(super) struct Wire {
    config: RedisConfig,
    connection: Option<Connection>,
    counts: Arc<Counts>,
    /// Why it was given up.
    trouble: Option<String>,
    /// Not before this time is the next attempt made, once it was given up.
    next_try: Option<Instant>,
    pause: Duration,
    /// The key of the marker. Empty before the first connection.
    marker: String,
    /// Names of the scripts on the server.
    scripts: Vec<String>,
    /// Of the last operation that writes. They go up by two: the one between is for [`Wire::fence`].
    number: u64,
    /// The operation that is being done, once it was sent.
    sent: Option<u64>,
    /// An operation that was given up and of which nobody knows yet whether it was done.
    doubtful: Option<u64>,
}

impl Wire {
    /// Connects.
    pub(super) fn connect(config: RedisConfig) -> Result<Wire, RedisError> {
        let pause = config.patience.pause_first;
        let mut wire = Wire {
            config,
            connection: None,
            counts: Arc::default(),
            trouble: None,
            next_try: None,
            pause,
            marker: String::new(),
            scripts: Vec::new(),
            number: 0,
            sent: None,
            doubtful: None,
        };
        wire.open()?;
        Ok(wire)
    }

    pub(super) fn config(&self) -> &RedisConfig {
        &self.config
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn patience(&self) -> Patience {
        self.config.patience
    }

    /// Makes the connection, loads the scripts, and settles what the last connection left in doubt.
    fn open(&mut self) -> Result<(), RedisError> {
        let place = self.config.place.clone();
        let away = |error: redis::RedisError| match error.code() {
            None if error.kind() == redis::ErrorKind::AuthenticationFailed => {
                let problem = format!("it refuses user and password ({})", said(&error));
                RedisError::Refused { place: place.clone(), problem }
            }
            Some(code) if !PASSING.contains(&code) => {
                RedisError::Refused { place: place.clone(), problem: said(&error) }
            }
            _ => RedisError::Away { place: place.clone(), problem: said(&error) },
        };
        let patience = self.patience();
        let mut connection =
            self.config.client.get_connection_with_timeout(patience.connect).map_err(&away)?;
        connection.set_read_timeout(Some(patience.answer)).map_err(&away)?;
        connection.set_write_timeout(Some(patience.answer)).map_err(&away)?;

        let mut request = Vec::new();
        pack(&[b"INFO"], &mut request);
        // One that may not be asked shows by what it refuses.
        let info = connection.req_packed_command(&request).map_err(&away)?;
        if let Some(info) = reply::text(info)
            && let Some(problem) = server::problem(&info)
        {
            return Err(RedisError::Refused { place: place.clone(), problem });
        }
        request.clear();
        for script in Script::ALL {
            pack(&[b"SCRIPT", b"LOAD", script.text().as_bytes()], &mut request);
        }
        pack(&[b"TIME"], &mut request);
        pack(&[b"CLIENT", b"ID"], &mut request);
        let own = if self.marker.is_empty() { "-" } else { &self.marker };
        pack(&[b"GET", own.as_bytes()], &mut request);
        let mut answers =
            connection.req_packed_commands(&request, 0, Script::ALL.len() + 3).map_err(&away)?;
        let refused = |problem: String| {
            let passes = PASSING.iter().any(|code| problem.starts_with(code));
            let place = place.clone();
            if passes {
                RedisError::Away { place, problem }
            } else {
                RedisError::Refused { place, problem }
            }
        };
        if let Some(Value::ServerError(error)) =
            answers.iter().find(|answer| matches!(answer, Value::ServerError(_)))
        {
            return Err(refused(reply::error_text(error)));
        }
        let odd = || refused("its answers cannot be read; Redis 7 is wanted".to_owned());
        let marked = answers.pop().and_then(reply::bytes);
        let client = answers.pop().as_ref().and_then(reply::number).ok_or_else(odd)?;
        let time = answers.pop().and_then(reply::list).ok_or_else(odd)?;
        let time: Vec<String> = time.into_iter().filter_map(reply::text).collect();
        let scripts: Option<Vec<String>> = answers.into_iter().map(reply::text).collect();
        self.scripts = scripts.ok_or_else(odd)?;
        if self.marker.is_empty() {
            // No two clients of one life of a server have the same number, and its lives have other times.
            let instance = self.config.instance.as_deref().unwrap_or("one");
            self.marker = format!("{OWN_KEYS}once:{instance}:{}:{client}", time.join("."));
        }
        let marked = marked.as_deref().and_then(marked_number);
        if self.sent.is_some() && marked == self.sent {
            count(&self.counts.done_already);
        }
        if let Some(doubtful) = self.doubtful {
            self.fence(&mut connection, doubtful).map_err(&away)?;
        }
        count(&self.counts.connected);
        self.connection = Some(connection);
        self.trouble = None;
        self.next_try = None;
        self.pause = patience.pause_first;
        Ok(())
    }

    /// Makes sure that an operation that was given up is not done any more, and finds out whether it was.
    fn fence(
        &mut self,
        connection: &mut Connection,
        doubtful: u64,
    ) -> Result<(), redis::RedisError> {
        let number = (doubtful + 1).to_string();
        let mut request = Vec::new();
        let script = self.scripts[Script::Fence as usize].as_bytes();
        let words: [&[u8]; 6] =
            [b"EVALSHA", script, b"1", self.marker.as_bytes(), number.as_bytes(), b"0"];
        pack(&words, &mut request);
        let before = connection.req_packed_command(&request)?;
        if reply::text(before).and_then(|text| text.parse().ok()) == Some(doubtful) {
            count(&self.counts.given_up_done);
            tracing::warn!(
                place = self.config.place,
                "an operation on the bus that was reported as lost had been done"
            );
        }
        self.doubtful = None;
        Ok(())
    }

    /// Waits for the connection until `until`.
    fn reach(&mut self, until: Instant) -> Result<&mut Connection, String> {
        while self.connection.is_none() {
            if let Some(next_try) = self.next_try
                && wall() < next_try
            {
                return Err(self.trouble.clone().unwrap_or_default());
            }
            let Err(error) = self.open() else { break };
            let problem = match error {
                RedisError::Away { problem, .. } | RedisError::Refused { problem, .. } => problem,
                other => other.to_string(),
            };
            let now = wall();
            if self.trouble.is_some() || now + self.pause >= until {
                if self.trouble.is_none() {
                    tracing::error!(place = self.config.place, problem, "the bus is lost");
                }
                self.next_try = Some(now + self.pause);
                self.pause = (self.pause * 2).min(self.config.patience.pause_max);
                self.trouble = Some(problem.clone());
                return Err(problem);
            }
            pause(self.pause);
            self.pause = (self.pause * 2).min(self.config.patience.pause_max);
        }
        self.connection.as_mut().ok_or_else(String::new)
    }

    fn lose(&mut self, problem: &str) {
        if self.connection.take().is_some() {
            count(&self.counts.lost);
            tracing::warn!(place = self.config.place, problem, "the connection to the bus broke");
        }
    }

    /// Sends what `request` makes (it is told whether it is sent again) and reads `answers` answers, over as
    /// many connections as it takes. `own` is its number, if it has one.
    pub(super) fn converse(
        &mut self,
        answers: usize,
        own: Option<u64>,
        mut request: impl FnMut(&Wire, bool, &mut Vec<u8>),
    ) -> Result<Vec<Value>, Away> {
        let until = wall() + self.patience().lost;
        let mut packed = Vec::new();
        let mut sent = false;
        self.sent = None;
        loop {
            if let Err(problem) = self.reach(until) {
                return Err(Away { problem, sent });
            }
            packed.clear();
            // After the connection is there, because it knows the names of scripts and marker.
            request(self, sent, &mut packed);
            if sent {
                count(&self.counts.repeated);
            }
            let Some(connection) = self.connection.as_mut() else { continue };
            let problem = match connection.req_packed_commands(&packed, 0, answers) {
                Ok(values) => match values.iter().find_map(passing) {
                    None => return Ok(values),
                    Some(problem) => {
                        pause(self.patience().pause_first);
                        problem
                    }
                },
                Err(error) => {
                    sent = true;
                    self.sent = own;
                    said(&error)
                }
            };
            self.lose(&problem);
            if wall() >= until {
                self.trouble = Some(problem.clone());
                return Err(Away { problem, sent });
            }
        }
    }

    /// Sends a command of which nobody knows what a second copy would do: it is not sent again once it may
    /// have arrived.
    pub(super) fn converse_once(&mut self, words: &[&[u8]]) -> Result<Vec<Value>, Away> {
        let until = wall() + self.patience().lost;
        let mut packed = Vec::new();
        pack(words, &mut packed);
        let connection = self.reach(until).map_err(|problem| Away { problem, sent: false })?;
        connection.req_packed_commands(&packed, 0, 1).map_err(|error| {
            let problem = said(&error);
            self.lose(&problem);
            Away { problem, sent: true }
        })
    }

    /// Does a script with a number of its own: once, however often it has to be sent.
    pub(super) fn once(&mut self, script: Script, words: &[&[u8]]) -> Result<Value, Away> {
        self.number += 2;
        let own = self.number;
        let number = own.to_string();
        let answered = self.converse(1, Some(own), |wire, again, out| {
            let again: &[u8] = if again { b"1" } else { b"0" };
            let sha = wire.scripts[script as usize].as_bytes();
            let mut all: Vec<&[u8]> = Vec::with_capacity(words.len() + 6);
            all.extend([b"EVALSHA".as_slice(), sha, b"1", wire.marker.as_bytes()]);
            all.extend([number.as_bytes(), again]);
            all.extend_from_slice(words);
            pack(&all, out);
        });
        match answered {
            Ok(mut values) => Ok(values.pop().unwrap_or(Value::Nil)),
            Err(away) => {
                count(&self.counts.given_up);
                if away.sent {
                    self.doubtful = Some(own);
                }
                Err(away)
            }
        }
    }
}

/// The number in a marker.
fn marked_number(mark: &[u8]) -> Option<u64> {
    let digits = mark.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// An error that passes by itself.
fn passing(value: &Value) -> Option<String> {
    match value {
        Value::ServerError(error) if PASSING.contains(&error.code()) => {
            Some(reply::error_text(error))
        }
        _ => None,
    }
}

/// What the crate says, without what it may repeat of the address.
fn said(error: &redis::RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => error.to_string(),
    }
}
