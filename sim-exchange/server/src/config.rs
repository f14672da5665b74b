//! What a server is told beside its exchange and its market.

use std::net::{Ipv4Addr, SocketAddr};

use engine::AccountId;

use crate::clock::ClockMode;
use crate::streams::StreamSettings;

/// How a key signs.
#[derive(Clone, PartialEq, Eq)]
pub enum KeySecret {
    /// HMAC-SHA256 with this secret.
    Hmac(String),
    /// The public key, as PEM (`BEGIN PUBLIC KEY`): RSA or Ed25519, as its contents say.
    PublicKeyPem(String),
}

impl std::fmt::Debug for KeySecret {
    /// Secrets are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            KeySecret::Hmac(_) => "Hmac(..)",
            KeySecret::PublicKeyPem(_) => "PublicKeyPem(..)",
        })
    }
}

/// A key of an account. An account may have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What `X-MBX-APIKEY` says.
    pub key: String,
    /// Whose it is: a number of the exchange's accounts.
    pub account: AccountId,
    /// How it signs.
    pub secret: KeySecret,
}

impl ApiKey {
    /// A key that signs with a shared secret.
    pub fn hmac(key: &str, secret: &str, account: AccountId) -> ApiKey {
        ApiKey { key: key.to_owned(), account, secret: KeySecret::Hmac(secret.to_owned()) }
    }
}

/// A server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where clients connect; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Where the admin routes are; port 0 takes a free one. They ask for no key: keep it on loopback.
    pub admin_addr: SocketAddr,
    /// The keys of the accounts.
    pub keys: Vec<ApiKey>,
    /// What the venue's time is.
    pub clock: ClockMode,
    /// Market and clock stand at their start until the admin route `go`.
    pub held: bool,
    /// Whether `timestamp` and `recvWindow` are looked at (-1021). Clients whose clock is the wall's cannot
    /// follow an accelerated or stepped venue.
    pub check_timestamps: bool,
    /// Whether the stream paths without `/public`, `/market` and `/private` work as they did before 2026-04.
    pub legacy_streams: bool,
    /// What a stream connection may do.
    pub streams: StreamSettings,
    /// So many rows of each kind (trades, income, amendments, ...) are kept for an account, the newest ones.
    pub archive_max: usize,
    /// Threads of the server's runtime.
    pub threads: usize,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        ServerConfig {
            addr: loopback,
            admin_addr: loopback,
            keys: Vec::new(),
            clock: ClockMode::Wall,
            held: false,
            check_timestamps: true,
            legacy_streams: false,
            streams: StreamSettings::default(),
            archive_max: 10_000,
            threads: 2,
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be used.
    #[error("{what} {addr}: {cause}")]
    Bind {
        /// Which listener.
        what: &'static str,
        /// Its address.
        addr: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// A key cannot be used.
    #[error("API key {number} (counted from 1): {problem}")]
    Key {
        /// Which one; the key itself is not printed.
        number: usize,
        /// What is wrong.
        problem: String,
    },
    /// The exchange and the configuration do not fit.
    #[error("{0}")]
    Config(String),
    /// The runtime cannot be built.
    #[error("runtime: {0}")]
    Runtime(std::io::Error),
}
