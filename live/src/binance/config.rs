//! What a session is told about the venue.

use serde::{Deserialize, Serialize};

use super::secret::KeySources;

/// Where the venue is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Venue {
    /// Binance's test network.
    Testnet,
    /// Real money.
    Production,
    /// Another server that speaks Binance's language, such as `qsim serve`.
    Own(Addresses),
}

/// The addresses of a venue, without a slash at their ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Such as `http://127.0.0.1:8080`.
    pub rest: String,
    /// Such as `ws://127.0.0.1:8080`.
    pub streams: String,
    /// Such as `ws://127.0.0.1:8080/ws-fapi/v1`.
    pub ws_api: String,
}

impl Venue {
    /// Its addresses.
    pub fn addresses(&self) -> Addresses {
        let [rest, streams, ws_api] = match self {
            Venue::Testnet => [
                "https://demo-fapi.binance.com",
                "wss://fstream.binancefuture.com",
                "wss://testnet.binancefuture.com/ws-fapi/v1",
            ],
            Venue::Production => [
                "https://fapi.binance.com",
                "wss://fstream.binance.com",
                "wss://ws-fapi.binance.com/ws-fapi/v1",
            ],
            Venue::Own(addresses) => return addresses.clone(),
        };
        let owned = |text: &str| text.to_owned();
        Addresses { rest: owned(rest), streams: owned(streams), ws_api: owned(ws_api) }
    }
}

/// Where the streams are under their base address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamPaths {
    /// `/public`, `/market` and `/private`, since 2026-03.
    #[default]
    Routed,
    /// All under `/ws`.
    Legacy,
}

/// The whole of it. All spans are of the wall, but for `recv_window_ms` and those of the venue's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BinanceConfig {
    /// Which venue.
    pub venue: Venue,
    /// Where the key comes from.
    pub keys: KeySources,
    /// How old a request may be when it arrives, in milliseconds: 1 to 60,000.
    #[serde(default = "recv_window_ms")]
    pub recv_window_ms: u32,
    /// Where the streams are.
    #[serde(default)]
    pub stream_paths: StreamPaths,
    /// After so many milliseconds without an answer a request's outcome is asked for.
    #[serde(default = "request_timeout_ms")]
    pub request_timeout_ms: u32,
    /// For so many milliseconds it is asked for, until it is given up as unknown.
    #[serde(default = "resolve_for_ms")]
    pub resolve_for_ms: u32,
    /// The longest pause between two attempts to connect, in milliseconds. Behind a connection that was up for less than
    /// 30 s it is one of the session's time.
    #[serde(default = "reconnect_max_ms")]
    pub reconnect_max_ms: u32,
    /// Threads for REST.
    #[serde(default = "rest_threads")]
    pub rest_threads: u8,
}

const fn recv_window_ms() -> u32 {
    5_000
}

const fn request_timeout_ms() -> u32 {
    5_000
}

const fn resolve_for_ms() -> u32 {
    60_000
}

const fn reconnect_max_ms() -> u32 {
    30_000
}

const fn rest_threads() -> u8 {
    4
}

impl BinanceConfig {
    /// Everything at its default.
    pub fn new(venue: Venue, keys: KeySources) -> BinanceConfig {
        BinanceConfig {
            venue,
            keys,
            recv_window_ms: recv_window_ms(),
            stream_paths: StreamPaths::default(),
            request_timeout_ms: request_timeout_ms(),
            resolve_for_ms: resolve_for_ms(),
            reconnect_max_ms: reconnect_max_ms(),
            rest_threads: rest_threads(),
        }
    }

    /// What is wrong with it, in a sentence.
    pub fn problem(&self) -> Option<String> {
        let addresses = self.venue.addresses();
        let begins = |text: &str, words: [&str; 2]| words.iter().any(|word| text.starts_with(word));
        if !begins(&addresses.rest, ["http://", "https://"]) {
            return Some("venue.own.rest must begin with http:// or https://".to_owned());
        }
        for (name, text) in [("streams", &addresses.streams), ("ws_api", &addresses.ws_api)] {
            if !begins(text, ["ws://", "wss://"]) {
                return Some(format!("venue.own.{name} must begin with ws:// or wss://"));
            }
        }
        let all = [&addresses.rest, &addresses.streams, &addresses.ws_api];
        if all.iter().any(|text| text.contains(['@', '?', '#'])) {
            return Some(
                "an address has scheme, host, port and path: no user, password or parameters"
                    .to_owned(),
            );
        }
        if !(1..=60_000).contains(&self.recv_window_ms) {
            return Some("recv_window_ms must be 1 to 60000".to_owned());
        }
        if self.request_timeout_ms == 0 || self.rest_threads == 0 {
            return Some("request_timeout_ms and rest_threads must be above 0".to_owned());
        }
        None
    }
}

/// An address without parameters and without what may stand before the host: safe to show.
pub(super) fn shown(address: &str) -> &str {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    // A listen key is the last part of a path.
    for part in ["/private/ws/", "/ws/"] {
        if let Some(at) = address.find(part) {
            return &address[..at + part.len() - 1];
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_and_checked() {
        let text = r#"{"venue":"testnet","keys":{"api_key":{"env":"K"},"secret":{"env":"S"}}}"#;
        let config: BinanceConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config, BinanceConfig::new(Venue::Testnet, config.keys.clone()));
        assert_eq!(config.problem(), None);
        assert!(serde_json::from_str::<BinanceConfig>(&text.replace("venue", "venu")).is_err());
        let addresses = Addresses {
            rest: "127.0.0.1:1".into(),
            streams: "ws://a".into(),
            ws_api: "ws://a".into(),
        };
        let own = BinanceConfig { venue: Venue::Own(addresses), ..config.clone() };
        assert!(own.problem().unwrap().contains("http://"));
        let addresses = Addresses {
            rest: "http://user:hush@h".into(),
            streams: "ws://a".into(),
            ws_api: "ws://a".into(),
        };
        let with = BinanceConfig { venue: Venue::Own(addresses), ..config.clone() };
        let problem = with.problem().unwrap();
        assert!(problem.contains("password") && !problem.contains("hush"), "{problem}");
        let long = BinanceConfig { recv_window_ms: 60_001, ..config };
        assert!(long.problem().unwrap().contains("60000"));
    }

    #[test]
    fn an_address_is_shown_without_key_and_parameters() {
        assert_eq!(
            shown("http://h:1/fapi/v1/order?symbol=A&signature=x"),
            "http://h:1/fapi/v1/order"
        );
        assert_eq!(shown("ws://h/private/ws/LISTENKEY"), "ws://h/private/ws");
        assert_eq!(shown("ws://h/ws/LISTENKEY"), "ws://h/ws");
    }
}
