//! Market data of the venue (placeholder of the market-data side).

use engine::{ExchangeEvent, MarketEvent, Nanos};
use sim_exchange::SimExchange;
use sim_exchange::wire::VenueError;

use crate::http::{Failure, Params, Reply};
use crate::hub::Hub;
use crate::venue::Venue;

/// Folds market events into what streams and queries show.
#[derive(Debug, Default)]
pub struct MarketView {}

impl MarketView {
    /// Of an exchange that has seen nothing yet.
    pub fn new(exchange: &SimExchange) -> MarketView {
        let _ = exchange;
        MarketView {}
    }

    /// Takes an event that the exchange has just seen, too.
    pub fn observe(&mut self, event: &MarketEvent, exchange: &SimExchange, hub: &Hub) {
        let _ = (event, exchange, hub);
    }

    /// Takes an event of the exchange: its liquidations are public.
    pub fn observe_exchange(&mut self, event: &ExchangeEvent, hub: &Hub) {
        let _ = (event, hub);
    }

    /// When it has something to publish that no event brings; `NEVER` if nothing.
    pub fn next_due(&self) -> Nanos {
        Nanos::NEVER
    }

    /// Publishes what is due up to and including `now`.
    pub fn advance(&mut self, now: Nanos, exchange: &SimExchange, hub: &Hub) {
        let _ = (now, exchange, hub);
    }
}

/// The answer to a market-data request of REST or of the WebSocket API; `path` is that of REST.
pub fn answer(venue: &Venue, path: &str, params: &Params<'_>) -> Result<Reply, Failure> {
    let _ = (venue, params);
    Err(VenueError::UnknownPath.naming(&[&path, &"GET"]).into())
}

/// The weight of a market-data request; none where `path` is not one of them.
pub fn weight(path: &str, params: &Params<'_>) -> Option<u32> {
    let _ = (path, params);
    None
}

/// Whether a market-data request needs a key.
pub fn needs_key(path: &str) -> bool {
    path == "/fapi/v1/historicalTrades"
}
