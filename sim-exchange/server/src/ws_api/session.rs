//! What a connection of the WebSocket API knows of its client.

use engine::{AccountId, Nanos};
use sim_exchange::wire::WsSession;

use crate::http::{Params, Reply};
use crate::shapes::json;

/// What is asked of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Logon,
    Status,
    Logout,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    /// The key that has logged on, and since when.
    logged_on: Option<(Box<str>, i64)>,
    connected_since: i64,
    pub(super) shows_limits: bool,
}

impl Session {
    pub(super) fn new(now: Nanos, shows_limits: bool) -> Session {
        Session { logged_on: None, connected_since: now.millis(), shows_limits }
    }

    /// The key that has logged on.
    pub(super) fn key(&self) -> Option<&str> {
        self.logged_on.as_ref().map(|(key, _)| &**key)
    }

    /// Does what is asked; who asks has been found to be who he says.
    pub(super) fn change(
        &mut self,
        change: Change,
        _: AccountId,
        params: &Params<'_>,
        now_ms: i64,
    ) -> Reply {
        match change {
            Change::Logon => {
                self.logged_on = params.get("apiKey").map(|key| (key.into(), now_ms));
            }
            Change::Logout => self.logged_on = None,
            Change::Status => {}
        }
        json(&WsSession {
            api_key: self.logged_on.as_ref().map(|(key, _)| key.clone()),
            authorized_since: self.logged_on.as_ref().map(|(_, since)| *since),
            connected_since: self.connected_since,
            return_rate_limits: self.shows_limits,
            server_time: now_ms,
        })
    }
}
