//! The venue of a session: its addresses and the key.

use std::sync::Arc;

use engine::Symbol;
use live::binance::{
    Addresses, BinanceConfig, KeySources, Keys, SecretSource, StreamPaths, Venue, VenueFacts,
    venue_facts,
};
use live::clock::LiveClock;
use scenarios::{LiveSettings, Scenario, TradingVenue, VenueAddresses};

/// The venue's own bound.
const RECV_WINDOW_MAX_MS: u32 = 60_000;

/// Where a session trades, and as whom.
pub struct Place {
    /// For the adapter.
    pub config: BinanceConfig,
    /// Never printed; a paper session has none.
    pub keys: Option<Arc<Keys>>,
    own: bool,
}

/// The addresses of a `qsim serve`, from that of its REST interface.
pub fn addresses(rest: &str) -> Result<VenueAddresses, String> {
    let rest = rest.trim_end_matches('/');
    let bare = match rest.split_once("://") {
        Some(("http", bare)) => format!("ws://{bare}"),
        Some(("https", bare)) => format!("wss://{bare}"),
        _ => return Err(format!("--address {rest}: give a URL such as http://127.0.0.1:8080")),
    };
    Ok(VenueAddresses {
        rest: rest.to_owned(),
        ws_api: format!("{bare}/ws-fapi/v1"),
        streams: bare,
    })
}

impl Place {
    /// Of a scenario.
    pub fn of(scenario: &Scenario) -> Result<Place, String> {
        let live = &scenario.live;
        let venue = match (&live.addresses, scenario.venue) {
            (Some(own), _) => Venue::Own(Addresses {
                rest: own.rest.clone(),
                streams: own.streams.clone(),
                ws_api: own.ws_api.clone(),
            }),
            (None, TradingVenue::Production | TradingVenue::Paper) => Venue::Production,
            (None, _) => Venue::Testnet,
        };
        let of_binance = [&venue.addresses().rest, &venue.addresses().streams]
            .into_iter()
            .chain([&venue.addresses().ws_api])
            .find(|address| is_real(address))
            .cloned();
        let may = matches!(scenario.venue, TradingVenue::Production | TradingVenue::Paper);
        if let Some(address) = of_binance.as_ref().filter(|_| !may) {
            return Err(format!(
                "{address} is Binance itself, with real money: say venue = \"production\" (which wants live.confirm and --production), or give the address of another exchange"
            ));
        }
        if live.speed > 1 && (live.addresses.is_none() || of_binance.is_some()) {
            return Err(format!(
                "live.speed is {}, and the venue's clock is the world's: only a `qsim serve` with the same --speed runs faster; say live.speed = 1, or give its --address",
                live.speed
            ));
        }
        let mut config = BinanceConfig::new(venue, sources(live));
        // The window is one of the venue's time: where that is faster, the way takes more of it.
        config.recv_window_ms =
            config.recv_window_ms.saturating_mul(live.speed).min(RECV_WINDOW_MAX_MS);
        if live.legacy_streams {
            config.stream_paths = StreamPaths::Legacy;
        }
        if let Some(problem) = config.problem() {
            return Err(format!("live.addresses: {problem}"));
        }
        let keys = match scenario.venue {
            TradingVenue::Paper => None,
            _ => {
                let keys = Keys::load(&config.keys, &environment);
                Some(Arc::new(keys.map_err(|error| error.to_string())?))
            }
        };
        Ok(Place { config, keys, own: live.addresses.is_some() })
    }

    /// Whether it is a venue of our own.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// The address of REST.
    pub fn rest(&self) -> String {
        self.config.venue.addresses().rest
    }

    /// What the venue says of the scenario's symbols.
    pub fn facts(&self, scenario: &Scenario, clock: &Arc<LiveClock>) -> Result<VenueFacts, String> {
        let symbols: Vec<Symbol> = scenario.symbols();
        venue_facts(&self.config, self.keys.as_ref(), clock, &symbols)
            .map_err(|error| error.to_string())
    }
}

/// Whether an address is one where real money is traded: Binance's own, but for its testnet and demo.
fn is_real(address: &str) -> bool {
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host =
        host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let is_of = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    let is_play = host.starts_with("testnet.") || host.starts_with("demo");
    (is_of("binance.com") || is_of("binance.us") || is_of("bnbstatic.com")) && !is_play
}

fn sources(live: &LiveSettings) -> KeySources {
    let source = |file: &Option<std::path::PathBuf>, name: &str| match file {
        Some(path) => SecretSource::File(path.clone()),
        None => SecretSource::Env(name.to_owned()),
    };
    KeySources {
        api_key: source(&live.key_file, &live.key_env),
        secret: source(&live.secret_file, &live.secret_env),
    }
}

/// A variable of the environment; none if nothing is in it.
#[allow(clippy::disallowed_methods)] // The edge: what it says becomes an argument here.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::is_real;

    #[test]
    fn binance_itself_is_known_by_its_hosts() {
        for real in [
            "https://fapi.binance.com",
            "https://FAPI.Binance.com.:443/fapi",
            "wss://fstream.binance.com/ws",
            "wss://user:pass@ws-fapi.binance.com/ws-fapi/v1",
            "https://fapi1.binance.com",
        ] {
            assert!(is_real(real), "{real}");
        }
        for other in [
            "http://127.0.0.1:8080",
            "https://demo-fapi.binance.com",
            "https://testnet.binancefuture.com",
            "https://binance.com.example.org",
            "http://notbinance.com",
        ] {
            assert!(!is_real(other), "{other}");
        }
    }
}
