//! What each service of a recorded run is connected to: by it the journal's outputs find their service, and
//! deliveries their stream.

use engine::{Instrument, MarketWants, Nanos, Wiring};
use serde_json::Value as Json;
use sim_exchange::RuleBook;

use crate::Scenario;

/// A service of the run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    pub(crate) name: String,
    pub(crate) wiring: Wiring,
}

/// All services of a run, in their order, and its symbols.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wires {
    pub(crate) services: Vec<Wire>,
    pub(crate) instruments: Vec<Instrument>,
    /// The run as the header has it, if this program can read it.
    pub(crate) scenario: Option<Scenario>,
    /// Whether market events travel, so that they reach services without an entry of their own.
    pub(crate) late_feed: bool,
}

impl Wires {
    /// From a journal's header. A header that this program cannot read leaves names alone: the story is then
    /// told without what the wiring knows.
    pub(crate) fn of(header: &Json) -> Wires {
        let names = crate::services_of(header);
        let scenario = header.get("scenario").cloned().unwrap_or_default();
        let scenario = serde_json::from_value::<Scenario>(scenario).ok();
        let instruments = header
            .get("instruments")
            .and_then(|told| serde_json::from_value(told.clone()).ok())
            .or_else(|| scenario.as_ref().map(instruments))
            .unwrap_or_default();
        let members = scenario
            .as_ref()
            .and_then(|scenario| scenario.members(&instruments).ok())
            .unwrap_or_default();
        let wiring = |name: &String| {
            let found = members.iter().find(|member| member.name == *name);
            found.map(engine::Member::wiring).unwrap_or_default()
        };
        let services = names.into_iter().map(|name| Wire { wiring: wiring(&name), name }).collect();
        let late_feed = scenario.as_ref().is_some_and(|scenario| {
            !matches!(scenario.links.feed(), engine::FeedLatency::Constant(Nanos::ZERO))
        });
        Wires { services, instruments, scenario, late_feed }
    }

    pub(crate) fn name(&self, service: u16) -> Option<&str> {
        self.services.get(usize::from(service)).map(|wire| wire.name.as_str())
    }

    /// The stream of a reader.
    pub(crate) fn stream(&self, service: u16, reader: u64) -> Option<&str> {
        let wire = self.services.get(usize::from(service))?;
        wire.wiring.readers.get(reader as usize).map(|reader| reader.stream.as_str())
    }

    fn where_wiring(&self, is: impl Fn(&Wiring) -> bool) -> Vec<u16> {
        let places = self.services.iter().enumerate();
        places.filter(|(_, wire)| is(&wire.wiring)).map(|(place, _)| place as u16).collect()
    }

    pub(crate) fn writers_of_stream(&self, stream: &str) -> Vec<u16> {
        self.where_wiring(|wiring| wiring.writes.contains(&stream))
    }

    pub(crate) fn writers_of_key(&self, key: &str) -> Vec<u16> {
        self.where_wiring(|wiring| wiring.keys_written.iter().any(|pattern| fits(pattern, key)))
    }

    /// Those that hear the user stream.
    pub(crate) fn listeners(&self) -> Vec<u16> {
        self.where_wiring(|wiring| wiring.user_stream)
    }

    /// Those that ask for market events.
    pub(crate) fn market(&self) -> Vec<u16> {
        self.where_wiring(|wiring| wiring.market != MarketWants::NONE)
    }
}

/// The grids of a scenario's symbols; those of recorded data may be finer than this.
fn instruments(scenario: &Scenario) -> Vec<Instrument> {
    if let Some(synthetic) = &scenario.market.synthetic {
        return synthetic.instruments();
    }
    let Ok((from, _)) = scenario.range() else { return Vec::new() };
    let Ok(rules) = RuleBook::embedded() else { return Vec::new() };
    let grid = |symbol| {
        let own = rules.for_symbol(symbol, from).ok();
        Instrument {
            symbol,
            price_decimals: own.as_ref().map_or(2, |own| own.price_precision),
            qty_decimals: own.as_ref().map_or(3, |own| own.quantity_precision),
        }
    };
    scenario.symbols().into_iter().map(grid).collect()
}

/// The part of `key` that varies, where it is one of `pattern`; empty where nothing does.
pub(crate) fn part<'k>(pattern: &str, key: &'k str) -> Option<&'k str> {
    let (Some(open), Some(close)) = (pattern.find('{'), pattern.rfind('}')) else {
        return (pattern == key).then_some("");
    };
    let rest = key.strip_prefix(&pattern[..open])?.strip_suffix(&pattern[close + 1..])?;
    (!rest.is_empty()).then_some(rest)
}

pub(crate) fn fits(pattern: &str, key: &str) -> bool {
    part(pattern, key).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_varies_is_found() {
        assert_eq!(part("candles:{S}:1m", "candles:BTCUSDT:1m"), Some("BTCUSDT"));
        assert_eq!(part("candles:{S}:1m", "candles:BTCUSDT:5m"), None);
        assert_eq!(part("quantum:kill", "quantum:kill"), Some(""));
        assert_eq!(part("quantum:permit:{plan_id}", "quantum:permit:"), None);
    }
}
