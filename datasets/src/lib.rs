//! Market data on disk: import of Binance archives into Parquet, the catalogue of what is there,
//! checks, replay as an [`engine::Feed`], and synthetic markets.
//!
//! Invariant: nothing here repairs data silently. A file is imported whole or refused with the place
//! of its fault; what only a look at the whole series can show is reported by [`catalogue`].
//! Invariant: no row is replayed from a file that is not, byte by byte, as it was imported.
//! Invariant: no event carries knowledge of a time later than its own.

mod bars;
mod book_lead;
pub mod catalogue;
mod check;
mod convert;
mod counted;
mod coverage;
mod decimal;
mod error;
pub mod fetch;
mod file_cursor;
mod find;
mod folder_lock;
#[cfg(feature = "frames")]
pub mod frames;
pub mod import;
mod interval;
mod kind;
mod local_times;
mod memory;
mod merge;
mod minute_bars;

mod overlap;
mod part_file;
pub mod perturbation;
mod price_gap;
pub mod query;
pub mod remote;
pub mod replay;
pub mod resample;
mod rows;
mod scale;
mod seal;
mod series_rows;
mod series_source;
pub mod splice;
mod store;
pub mod synthetic;
mod window;

pub use bars::BarMode;
pub use coverage::{MissingRows, SeriesGaps};
pub use engine::nearest;
pub use error::DataError;
pub use interval::Interval;
pub use kind::{Kind, SeriesId};
pub use local_times::LocalTimes;
pub use memory::MemoryFeed;
pub use minute_bars::MinuteBars;
pub use price_gap::{PriceGap, PriceGaps};
pub use window::Window;
