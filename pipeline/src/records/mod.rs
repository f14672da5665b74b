//! Records of the bus: one typed definition for writer and reader, one file for each stream family.

pub mod account;
pub mod books;
pub mod decision;
pub mod exits;
pub mod intent;
pub mod market;
pub mod plan;
pub mod policy;
pub mod position;
pub mod reconcile;
pub mod safety;
pub mod telemetry;
pub mod words;

pub use account::*;
pub use books::*;
pub use decision::*;
pub use exits::*;
pub use intent::*;
pub use market::*;
pub use plan::*;
pub use policy::*;
pub use position::*;
pub use reconcile::*;
pub use safety::*;
pub use telemetry::*;
pub use words::*;
