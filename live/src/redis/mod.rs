//! The bus on a real Redis server, so that a pipeline can be split over processes and hosts, and dashboards
//! read what they always read.
//!
//! - [`RedisBus`] is [`engine::Bus`] over one connection, used by one thread.
//! - [`Listener`] waits on the streams that a process reads and says which have grown.
//! - [`Mirror`] copies a bus in memory to a server, for those who only look.
//!
//! **Time.** A server has its own clock: ids of entries, lives of keys and idle times follow it, whatever
//! `now` an operation is given. Lives are whole milliseconds there; a part of one counts as one.
//!
//! **Once.** What writes is sent as a script with the number of the operation. The script keeps the number and
//! its answer in a marker of this connection (`qsim:once:…`, for a day) in the same step, and does nothing
//! when it has seen the number before. So an operation whose answer got lost is simply sent again: it is
//! neither done twice nor left out, even when the first copy arrives after the second.
//!
//! **Losses.** A connection that breaks is made again, with a growing pause between the attempts, for
//! [`Patience::lost`] at most. Then the operation is an error that says whether it may have been done, and
//! operations fail at once until the server is back. Methods that cannot say so answer "nothing there" and
//! "nothing done", count it ([`Counts::blind`]) and leave the reason in [`engine::Bus::trouble`]; after each kind
//! [`engine::Bus::take_lost`] says that there was no answer. [`Health`] tells an operator.
//!
//! Invariant: neither addresses with a password nor values get into texts or logs from here.

mod ask;
mod bus;
mod command;
mod health;
mod key_watch;
mod listener;
mod mirror;
mod reply;
mod scripts;
mod server;
mod wire;

pub use ask::RedisBus;
pub use health::Health;
pub use key_watch::KeyWatch;
pub use listener::{Grown, Listener};
pub use mirror::{Mirror, MirrorCounts};
pub use wire::Counts;

use std::fmt;
use std::time::Duration;

use redis::{Client, IntoConnectionInfo};

/// Begin of the names of keys that belong to this adapter. [`engine::Bus::scan`] leaves them out.
pub const OWN_KEYS: &str = "qsim:";

/// How long a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one connection to come about.
    pub connect: Duration,
    /// For one answer.
    pub answer: Duration,
    /// For the server to come back, within one operation. It is the longest that an operation holds its
    /// thread, but for one `answer`.
    pub lost: Duration,
    /// Between the first two attempts to connect; doubled from one to the next.
    pub pause_first: Duration,
    /// Longest time between two attempts.
    pub pause_max: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_millis(250),
            answer: Duration::from_secs(1),
            lost: Duration::from_secs(2),
            pause_first: Duration::from_millis(10),
            pause_max: Duration::from_secs(2),
        }
    }
}

/// Which server, and how it is used.
#[derive(Clone)]
pub struct RedisConfig {
    client: Client,
    place: String,
    /// Which of several processes that run the same services. Consumers of groups are called
    /// `{service}@{instance}` then. A process that is started again takes the same name, so that it gets
    /// what it had not acknowledged; what another one left is claimed after a minute.
    pub instance: Option<String>,
    /// How long it is waited for.
    pub patience: Patience,
    /// How many times as fast as the server's clock the session's runs.
    speed: u32,
}

impl RedisConfig {
    /// A server at `redis://[user:password@]host:port[/database]` or `unix:///path`.
    pub fn new(address: &str) -> Result<RedisConfig, RedisError> {
        // The crate's own error repeats no part of the address.
        let bad = |_| RedisError::Address;
        let info = address.into_connection_info().map_err(bad)?;
        let settings = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        let place = info.addr().to_string();
        let client = Client::open(info.set_tcp_settings(settings)).map_err(bad)?;
        Ok(RedisConfig { client, place, instance: None, patience: Patience::default(), speed: 1 })
    }

    /// The same with another instance.
    pub fn with_instance(mut self, instance: &str) -> RedisConfig {
        self.instance = Some(instance.to_owned());
        self
    }

    /// The same for a session whose clock runs so many times as fast as the server's: lives of keys and idle
    /// times are shorter on the server by as much. Ids of entries keep the server's time.
    pub fn with_speed(mut self, speed: u32) -> RedisConfig {
        self.speed = speed.max(1);
        self
    }

    /// The same with another patience.
    pub fn with_patience(mut self, patience: Patience) -> RedisConfig {
        self.patience = patience;
        self
    }

    /// Host and port, or the path of the socket.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl fmt::Debug for RedisConfig {
    // Without the client, because that knows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("place", &self.place)
            .field("instance", &self.instance)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// Why a server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// Not an address of a Redis server.
    #[error(
        "the address of the Redis server is not one such as redis://127.0.0.1:6379/0 or unix:///run/redis.sock"
    )]
    Address,
    /// It does not answer.
    #[error("redis at {place}: {problem}; is the server running?")]
    Away {
        /// Host and port.
        place: String,
        /// What happened.
        problem: String,
    },
    /// It answers, but not to us.
    #[error("redis at {place}: {problem}")]
    Refused {
        /// Host and port.
        place: String,
        /// In the server's words.
        problem: String,
    },
    /// A thread could not be started.
    #[error("a thread for redis at {place} cannot be started: {problem}")]
    Thread {
        /// Host and port.
        place: String,
        /// In the system's words.
        problem: String,
    },
}
