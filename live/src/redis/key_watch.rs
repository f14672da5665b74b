//! Looks whether a key is there, for the kill switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use redis::Commands as _;

use super::{RedisConfig, RedisError};
use crate::link::{Notice, Weight};
use crate::session::OperatorHandle;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);

/// A thread with a connection of its own that looks whether a key is there, and tells a session when that changes.
///
/// It looks once before it is there, so that a session does not begin before it knows. A server that is away says
/// nothing: what held goes on to hold, and the operator is told.
pub struct KeyWatch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl KeyWatch {
    /// Begins to look.
    #[allow(clippy::disallowed_methods, reason = "the edge: the thread waits, it computes nothing")]
    pub fn start(
        config: RedisConfig,
        key: &str,
        operator: OperatorHandle,
    ) -> Result<KeyWatch, RedisError> {
        let (key, place) = (key.to_owned(), config.place().to_owned());
        let open = move || {
            let connection = config.client.get_connection_with_timeout(config.patience.connect)?;
            connection.set_read_timeout(Some(config.patience.answer))?;
            connection.set_write_timeout(Some(config.patience.answer))?;
            Ok::<_, redis::RedisError>(connection)
        };
        let away = |error: redis::RedisError| RedisError::Away {
            place: place.clone(),
            problem: error.to_string(),
        };
        let mut connection = open().map_err(away)?;
        let mut there: bool = connection.exists(&key).map_err(away)?;
        operator.kill_key(there);
        let mut connection = Some(connection);
        let stop = Arc::new(AtomicBool::new(false));
        let asked_to_stop = Arc::clone(&stop);
        let shown = place.clone();
        let thread =
            std::thread::Builder::new().name("redis-kill-key".to_owned()).spawn(move || {
                let mut away = false;
                while !asked_to_stop.load(Ordering::Relaxed) {
                    if connection.is_none() {
                        connection = open().ok();
                    }
                    let found = connection.as_mut().map(|connection| connection.exists(&key));
                    let now_away = !matches!(found, Some(Ok(_)));
                    if now_away != away {
                        away = now_away;
                        operator.notice(looked(&shown, away));
                    }
                    match found {
                        Some(Ok(now)) if now != there => {
                            there = now;
                            operator.kill_key(there);
                        }
                        Some(Err(_)) => connection = None,
                        Some(Ok(_)) | None => {}
                    }
                    std::thread::sleep(EVERY);
                }
            });
        let thread =
            thread.map_err(|error| RedisError::Thread { place, problem: error.to_string() })?;
        Ok(KeyWatch { stop, thread: Some(thread) })
    }
}

fn looked(place: &str, away: bool) -> Notice {
    let (weight, text) = match away {
        true => (
            Weight::Error,
            format!(
                "redis at {place} does not answer: the kill key is not seen, what held goes on to hold"
            ),
        ),
        false => (Weight::Info, format!("redis at {place} answers again: the kill key is seen")),
    };
    Notice { weight, what: "kill_key", text }
}

impl Drop for KeyWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
