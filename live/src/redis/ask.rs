//! How an operation becomes a question to the server, and its answer or error comes back.

use std::sync::Arc;
use std::time::Duration;

use engine::{BusError, Nanos};
use redis::Value;

use super::reply::{Odd, error_text};
use super::scripts::Script;
use super::wire::{Away, Counts, Wire, count, pack};
use super::{RedisConfig, RedisError};

/// [`engine::Bus`] on a real server. See the head of [`super`] for times, repetitions and losses.
///
/// What differs from [`engine::MemoryBus`]:
/// - Typed records are the fields or the JSON that they are written as, and are read as raw ones.
/// - A hash answers its fields in the order of their names.
/// - A key lives until the end of the millisecond in which it expires.
/// - A command by its words ([`engine::Bus::execute`]) that the pipeline does not know is sent once and
///   never again.
pub struct RedisBus {
    pub(super) wire: Wire,
    /// An operation since the last look stayed without an answer.
    pub(super) lost: bool,
    /// Why the server answers and still takes no writes.
    pub(super) refusal: Option<String>,
}

/// Codes of a server that takes no writes at present, whatever is written.
const UNABLE: [&str; 5] = ["OOM", "MISCONF", "NOREPLICAS", "NOPERM", "NOAUTH"];

/// What an operation is about, for the errors that name it.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) key: &'a str,
    pub(super) group: &'a str,
}

impl<'a> From<&'a str> for About<'a> {
    fn from(key: &'a str) -> About<'a> {
        About { key, group: "" }
    }
}

/// The error of an operation that could not be answered. What it was about is known to the caller.
pub(super) fn lost(away: &Away) -> BusError {
    let done = match away.sent {
        true => "the operation may or may not have been done",
        false => "the operation was not done",
    };
    BusError::Lost(format!("connection lost: {}; {done}", away.problem))
}

/// The server's error in the words of the bus.
fn refused(error: &redis::ServerError, about: About<'_>) -> BusError {
    match error.code() {
        "WRONGTYPE" => BusError::WrongType { key: about.key.to_owned() },
        "BUSYGROUP" => BusError::BusyGroup,
        "NOGROUP" => BusError::NoGroup { key: about.key.to_owned(), group: about.group.to_owned() },
        _ => BusError::Other(error_text(error)),
    }
}

fn answer(value: Value, about: About<'_>) -> Result<Value, BusError> {
    match value {
        Value::ServerError(error) => Err(refused(&error, about)),
        value => Ok(value),
    }
}

/// Whole milliseconds that last at least as long.
pub(super) fn millis(life: Nanos) -> i64 {
    let (whole, rest) = (life.0.div_euclid(1_000_000), life.0.rem_euclid(1_000_000));
    whole + i64::from(rest > 0)
}

/// Bytes of a number as an argument.
pub(super) fn digits(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl RedisBus {
    /// Connects; an error if the server is not there at once.
    pub fn connect(config: RedisConfig) -> Result<RedisBus, RedisError> {
        Ok(RedisBus { wire: Wire::connect(config)?, lost: false, refusal: None })
    }

    /// What has happened on its connection; to be kept by whoever reports it.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(self.wire.counts())
    }

    /// How it was set up.
    pub fn config(&self) -> &RedisConfig {
        self.wire.config()
    }

    /// By how much the server's clock is ahead of `now`, up to the way there and back.
    pub fn clock_ahead(&mut self, now: Nanos) -> Result<Nanos, BusError> {
        let time = self.read(&[b"TIME"], About::from(""))?;
        let time = super::reply::list(time).ok_or(Odd("TIME"))?;
        let numbers: Vec<i64> = time
            .into_iter()
            .filter_map(super::reply::text)
            .filter_map(|digits| digits.parse().ok())
            .collect();
        let [seconds, micros] = numbers[..] else { return Err(Odd("TIME").into()) };
        let there = Nanos::from_secs(seconds) + Nanos(micros.saturating_mul(1_000));
        Ok(there - now)
    }

    /// How long an operation may hold its thread.
    pub fn hold_max(&self) -> Duration {
        let patience = self.wire.config().patience;
        patience.lost + patience.answer + patience.connect
    }

    /// A question that changes nothing, so that it may be asked again.
    pub(super) fn read(&mut self, words: &[&[u8]], about: About<'_>) -> Result<Value, BusError> {
        let mut values =
            self.wire.converse(1, None, |_, _, out| pack(words, out)).map_err(|away| {
                count(&self.wire.counts().given_up);
                self.lost = true;
                lost(&away)
            })?;
        answer(values.pop().unwrap_or(Value::Nil), about)
    }

    /// Whole milliseconds of the server's clock that last at least as long.
    pub(super) fn millis(&self, life: Nanos) -> i64 {
        let speed = i64::from(self.wire.config().speed);
        millis(Nanos(life.0.div_euclid(speed) + i64::from(life.0.rem_euclid(speed) > 0)))
    }

    /// A span of the server's clock as the session sees it.
    pub(super) fn span(&self, span: Nanos) -> Nanos {
        Nanos(span.0.saturating_mul(i64::from(self.wire.config().speed)))
    }

    /// Something that is done once.
    pub(super) fn once(
        &mut self,
        script: Script,
        words: &[&[u8]],
        about: About<'_>,
    ) -> Result<Value, BusError> {
        let answered = self.wire.once(script, words);
        self.lost |= answered.is_err();
        let value = answered.map_err(|away| lost(&away))?;
        self.refusal = None;
        if let Value::ServerError(error) = &value
            && UNABLE.contains(&error.code())
        {
            self.lost = true;
            self.refusal = Some(error_text(error));
            return Err(BusError::Lost(format!("refused: {}", error_text(error))));
        }
        answer(value, about)
    }

    /// A command that is done once.
    pub(super) fn write(&mut self, words: &[&[u8]], about: About<'_>) -> Result<Value, BusError> {
        self.once(Script::Plain, words, about)
    }

    /// For operations that have no error of their own: without an answer there is nothing there.
    pub(super) fn or_nothing<T: Default>(&mut self, answer: Result<T, BusError>) -> T {
        answer.unwrap_or_else(|_| {
            self.lost = true;
            count(&self.wire.counts().blind);
            T::default()
        })
    }

    /// What consumers of a service are called.
    pub(super) fn consumer(&self, service: &str) -> String {
        match &self.wire.config().instance {
            Some(instance) => format!("{service}@{instance}"),
            None => service.to_owned(),
        }
    }
}
