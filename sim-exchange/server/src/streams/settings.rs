//! What a stream connection may do. All times are the wall's: they are about sockets, not about the market.

use std::time::Duration;

/// The limits of a connection; the defaults are Binance's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// From one ping of the server to the next.
    pub ping_every: Duration,
    /// Without a pong for so long the connection is dropped.
    pub pong_within: Duration,
    /// A connection ends after so long.
    pub lifetime: Duration,
    /// Messages that may come in within a second.
    pub messages_per_second: u32,
    /// Streams of one connection.
    pub streams_max: usize,
    /// Events that may wait for one connection before it is cut off as too slow.
    pub queue_max: usize,
    /// A stream that is not carried by its path is refused with a message. Binance accepts it and sends
    /// nothing, and that is what happens otherwise.
    pub refuse_wrong_streams: bool,
}

impl Default for StreamSettings {
    fn default() -> StreamSettings {
        StreamSettings {
            ping_every: Duration::from_secs(3 * 60),
            pong_within: Duration::from_secs(10 * 60),
            lifetime: Duration::from_secs(24 * 60 * 60),
            messages_per_second: 10,
            streams_max: 1_024,
            queue_max: crate::hub::QUEUE_MAX,
            refuse_wrong_streams: false,
        }
    }
}
