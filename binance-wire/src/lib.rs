//! What goes over the wire: the shape of every REST answer and stream event of the simulated venue, with
//! Binance's names, order and JSON types.
//!
//! Invariant: these are shapes without behaviour. They know nothing of the books, so that the simulated
//! venue writes what the live adapter reads.
//! Invariant: no number is a float on our side. Where Binance sends a string, [`Num`], [`Fixed`],
//! [`ZeroOr`] or [`OrEmpty`] says how many decimals it has.
//!
//! Reading is tolerant: a field that we do not know is passed over, because Binance adds some now and
//! then. Writing is not: every field is there unless its comment says when it is absent. All times are in
//! milliseconds since the Unix epoch.

mod account;
mod algo_orders;
mod amendments;
mod error_table;
mod errors;
mod exchange_info;
mod market;
mod market_stream;
mod market_stream_bars;
mod names;
mod number;
mod order_events;
mod orders;
mod positions;
mod settings;
mod statistics;
mod user_stream;
mod ws_api;

pub use account::*;
pub use algo_orders::*;
pub use amendments::*;
pub use error_table::*;
pub use errors::*;
pub use exchange_info::*;
pub use market::*;
pub use market_stream::*;
pub use market_stream_bars::*;
pub use names::*;
pub use number::*;
pub use order_events::*;
pub use orders::*;
pub use positions::*;
pub use settings::*;
pub use statistics::*;
pub use user_stream::*;
pub use ws_api::*;
