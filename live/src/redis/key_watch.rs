//! Looks whether a key is there, for the kill switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use redis::Commands as _;

use super::{RedisConfig, RedisError};
use crate::session::OperatorHandle;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);

/// A thread with a connection of its own that looks whether a key is there, and tells a session when that changes.
///
/// A server that is away says nothing: what held goes on to hold.
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
        let open = move || config.client.get_connection_with_timeout(config.patience.connect);
        let away = |error: redis::RedisError| RedisError::Away {
            place: place.clone(),
            problem: error.to_string(),
        };
        let mut connection = Some(open().map_err(away)?);
        let stop = Arc::new(AtomicBool::new(false));
        let asked_to_stop = Arc::clone(&stop);
        let thread =
            std::thread::Builder::new().name("redis-kill-key".to_owned()).spawn(move || {
                let mut there = false;
                while !asked_to_stop.load(Ordering::Relaxed) {
                    if connection.is_none() {
                        connection = open().ok();
                    }
                    let found = connection.as_mut().map(|connection| connection.exists(&key));
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

impl Drop for KeyWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
