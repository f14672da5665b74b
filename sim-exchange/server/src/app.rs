//! What all sockets share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Nanos;
use tokio::sync::Notify;

use crate::config::ServerConfig;
use crate::conn::Connections;
use crate::faults::WireFaults;
use crate::http::Keys;
use crate::hub::Hub;
use crate::venue::Venue;

/// The server's state: the venue behind its one lock, and what needs no lock.
#[derive(Debug)]
pub struct App {
    venue: Mutex<Venue>,
    /// Who is told what happens.
    pub hub: Hub,
    /// What it was started with.
    pub config: ServerConfig,
    pub(crate) keys: Keys,
    pub(crate) connections: Connections,
    pub(crate) faults: WireFaults,
    /// The venue may be due sooner than the clock task believes.
    pub(crate) sooner: Notify,
}

impl App {
    pub(crate) fn new(config: ServerConfig, keys: Keys, venue: Venue, hub: Hub) -> Arc<App> {
        Arc::new(App {
            venue: Mutex::new(venue),
            hub,
            config,
            keys,
            connections: Connections::default(),
            faults: WireFaults::default(),
            sooner: Notify::new(),
        })
    }

    /// The venue, as it is: not advanced to now.
    pub fn venue_as_it_is(&self) -> MutexGuard<'_, Venue> {
        // A panic in a handler leaves the books as they were between two requests of the exchange.
        self.venue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The venue, advanced to now.
    pub fn venue(&self) -> MutexGuard<'_, Venue> {
        let mut venue = self.venue_as_it_is();
        venue.catch_up();
        venue
    }

    /// The venue's time.
    pub fn now(&self) -> Nanos {
        self.venue_as_it_is().clock_now()
    }

    /// Advances the venue between requests, for as long as the server runs.
    pub(crate) async fn keep_time(self: Arc<App>) {
        loop {
            let wait = {
                let mut venue = self.venue_as_it_is();
                // Not all at once: requests want the lock, too.
                let behind = venue.catch_up_some();
                if behind { Some(std::time::Duration::ZERO) } else { venue.plan() }
            };
            match wait {
                Some(wait) if wait.is_zero() => tokio::task::yield_now().await,
                Some(wait) => {
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.sooner.notified() => {}
                    }
                }
                None => self.sooner.notified().await,
            }
        }
    }
}
