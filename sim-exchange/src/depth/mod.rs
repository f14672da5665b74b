//! Level-2 depth: the market's book of a symbol, and how our orders fill in it.
//!
//! - A crossing order takes the visible levels, best first, at their prices. What it took is missing
//!   from a level until the market shows that level again.
//! - A resting order stands behind what its level showed when it came. Trades at its price move it
//!   forward and, when they reach it, fill it, in parts if need be; trades through its price fill it
//!   at once. What leaves its level without a trade was cancelled ahead of it or behind it, as its
//!   [`QueueModel`] says.
//! - What the market adds at or beyond the price of a resting order of the other side fills that.
//! - The recorded market does not react to us: our orders slow no queue and move no price.
//! - GTX and FOK are decided on the book as it is shown at the instant of arrival.

mod book;
mod grid;
mod half;
mod ladder;
mod own;
mod placing;
mod queue;

pub use book::{DepthBook, DepthOrder, Placed, Takeable};
pub use ladder::Ladder;
pub use own::DepthFill;
pub use queue::{QueueKind, QueueModel};
