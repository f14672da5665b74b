//! Topics and their subscribers (placeholder of the market-data side).

use std::sync::Arc;

/// Publishes raw JSON text under a topic: a stream name such as `btcusdt@aggTrade`, or a listen key.
#[derive(Clone, Debug, Default)]
pub struct Hub(Arc<()>);

impl Hub {
    /// Sends `text` to all subscribers of `topic`; never waits.
    pub fn publish(&self, topic: &str, text: &str) {
        let _ = (&self.0, topic, text);
    }
}
