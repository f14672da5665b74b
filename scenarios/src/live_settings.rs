//! What a file says of going live: at which venue, with which key, within which limits. A simulation reads none of
//! it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Where the pipeline trades.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum TradingVenue {
    /// The simulated exchange on virtual time: `qsim run`.
    #[default]
    Sim,
    /// The market of Binance, or of the venue at `live.addresses`; an exchange of our own in the same process fills the
    /// orders, with the file's `[account]` and `[exchange]`. No key is needed.
    Paper,
    /// Binance's testnet, or the venue at `live.addresses`.
    Testnet,
    /// Binance, with real money.
    Production,
}

impl TradingVenue {
    /// Its word in a file.
    pub fn word(self) -> &'static str {
        match self {
            TradingVenue::Sim => "sim",
            TradingVenue::Paper => "paper",
            TradingVenue::Testnet => "testnet",
            TradingVenue::Production => "production",
        }
    }
}

/// The addresses of a venue that is not Binance's own, such as `qsim serve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VenueAddresses {
    /// Of REST, such as http://127.0.0.1:8080.
    pub rest: String,
    /// Of the streams, such as ws://127.0.0.1:8080.
    pub streams: String,
    /// Of the WebSocket API, such as ws://127.0.0.1:8080/ws-fapi/v1.
    pub ws_api: String,
}

/// What the session does at most; closes always pass. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LiveLimits {
    /// Of one order, in USDT.
    pub order_notional: Option<Decimal>,
    /// Of the position in one symbol, in USDT, with all that may still fill.
    pub position_notional: Option<Decimal>,
    /// Of all positions, in USDT, with all that may still fill.
    pub total_notional: Option<Decimal>,
    /// Opening orders in any 60 s.
    pub orders_per_minute: Option<u32>,
    /// Opening orders in any 24 h.
    pub orders_per_day: Option<u32>,
    /// Of the session in USDT, realised and not: from then on nothing is opened any more.
    pub loss: Option<Decimal>,
}

/// An address that may hold a password: Debug does not show it, and what is serialized has none of it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PrivateAddress(String);

impl std::ops::Deref for PrivateAddress {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PrivateAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<address>")
    }
}

/// `[live]` of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LiveSettings {
    /// Of a venue that is not Binance's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<VenueAddresses>,
    /// The venue has the stream paths of before 2026-04, without `/public`, `/market` and `/private`.
    pub legacy_streams: bool,
    /// The venue's clock runs so many times as fast as the wall; 1 for every real one.
    pub speed: u32,
    /// The environment variable with the API key.
    pub key_env: String,
    /// The environment variable with the secret, or with the private key.
    pub secret_env: String,
    /// In place of it: a file with the API key, of mode 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// In place of it: a file with the secret, or with the private key in PEM (RSA or Ed25519, PKCS#8), of mode 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Folder for the sessions' journals.
    pub journals: PathBuf,
    /// The bus is on this Redis server; embedded without it. No journal knows it: it may hold a password.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<String>")]
    pub redis: Option<PrivateAddress>,
    /// The embedded bus is copied to this Redis server, for dashboards. No journal knows it, either.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<String>")]
    pub mirror: Option<PrivateAddress>,
    /// Which of several processes this is, where they run the same services: a name that stays over restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Only these services run in this process; the others run elsewhere, on the same Redis server. State and timeline
    /// of the file are done by the process with the first service of the pipeline.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<String>,
    /// While this file is there, nothing is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_file: Option<PathBuf>,
    /// While this key of the Redis server is there, nothing is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_key: Option<String>,
    /// Where Prometheus finds the figures, such as 127.0.0.1:9100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// USDT that have to be available at the start.
    pub available_min: Decimal,
    /// The session takes over orders and positions that it finds at its first start.
    pub may_hold: bool,
    /// Production only: the words "I trade real money".
    pub confirm: String,
    /// What the session does at most.
    pub limits: LiveLimits,
}

impl Default for LiveSettings {
    fn default() -> LiveSettings {
        LiveSettings {
            addresses: None,
            legacy_streams: false,
            speed: 1,
            key_env: "QSIM_API_KEY".to_owned(),
            secret_env: "QSIM_API_SECRET".to_owned(),
            key_file: None,
            secret_file: None,
            journals: PathBuf::from("sessions"),
            redis: None,
            mirror: None,
            instance: None,
            services: BTreeSet::new(),
            kill_file: None,
            kill_key: None,
            metrics: None,
            available_min: Decimal::ZERO,
            may_hold: false,
            confirm: String::new(),
            limits: LiveLimits::default(),
        }
    }
}

/// What `live.confirm` has to say.
pub const CONFIRMATION: &str = "I trade real money";

impl LiveSettings {
    /// What cannot be, in words for the file's author.
    pub fn problem(&self, venue: TradingVenue) -> Option<String> {
        if venue == TradingVenue::Production {
            if !self.confirm.is_empty() && self.confirm != CONFIRMATION {
                return Some(format!(
                    "live.confirm is {:?}: for production it has to be \"{CONFIRMATION}\", word by word",
                    self.confirm
                ));
            }
            if self.confirm.is_empty() {
                return Some(format!(
                    "live.confirm: production trades with real money: say confirm = \"{CONFIRMATION}\" in [live], and --production on the command line"
                ));
            }
            if self.addresses.is_some() {
                return Some(
                    "live.addresses: production is Binance itself: remove them, or say venue = \"testnet\""
                        .into(),
                );
            }
        }
        if venue == TradingVenue::Paper && !self.services.is_empty() {
            return Some(
                "live.services: a paper session's exchange lives in one process, with all services: remove them, or say venue = \"testnet\""
                    .into(),
            );
        }
        if !self.services.is_empty() && self.redis.is_none() {
            return Some(
                "live.services: services of several processes meet on a Redis server: give live.redis"
                    .into(),
            );
        }
        if self.mirror.is_some() && self.redis.is_some() {
            return Some("live.mirror and live.redis: say one of them".into());
        }
        if self.kill_key.is_some() && self.redis.is_none() && self.mirror.is_none() {
            return Some(
                "live.kill_key: it lies on a Redis server: give live.redis or live.mirror".into(),
            );
        }
        if !(1..=1_000).contains(&self.speed) {
            return Some(format!("live.speed is {}: it has to be 1 to 1000", self.speed));
        }
        let positive = [
            ("order_notional", self.limits.order_notional),
            ("position_notional", self.limits.position_notional),
            ("total_notional", self.limits.total_notional),
            ("loss", self.limits.loss),
        ];
        let (name, value) =
            positive.iter().find(|(_, value)| value.is_some_and(|v| v <= Decimal::ZERO))?;
        Some(format!(
            "live.limits.{name} is {}: it has to be above zero",
            value.unwrap_or_default()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_redis_is_neither_shown_nor_written() {
        let text = "redis = \"redis://:hush@host:1\"\nmirror = \"redis://u:hush@host:2\"";
        let live: LiveSettings = toml::from_str(text).expect("settings");
        assert_eq!(live.redis.as_deref(), Some("redis://:hush@host:1"));
        let shown = format!("{live:?} {}", serde_json::to_string(&live).expect("JSON"));
        assert!(!shown.contains("hush") && !shown.contains("host"), "{shown}");
        let problem = live.problem(TradingVenue::Testnet).expect("both");
        assert!(!problem.contains("hush"), "{problem}");
    }

    #[test]
    fn production_wants_the_words_themselves() {
        let problem = |confirm: &str| {
            let live = LiveSettings { confirm: confirm.to_owned(), ..LiveSettings::default() };
            live.problem(TradingVenue::Production)
        };
        let none = problem("").expect("nothing is said");
        assert!(none.contains("say confirm = \"I trade real money\""), "{none}");
        let other = problem("i trade real money").expect("other words");
        assert!(other.contains("is \"i trade real money\"") && other != none, "{other}");
        assert_eq!(problem(CONFIRMATION), None);
    }
}
