//! Records of the bus: one typed definition for writer and reader, one file for each stream family.

pub mod account;
pub mod capital;
pub mod decision;
pub mod governor;
pub mod intent;
pub mod market;
pub mod permit;
pub mod plan;
pub mod policy;
pub mod position;
pub mod safety;
pub mod words;

pub use account::*;
pub use capital::*;
pub use decision::*;
pub use governor::*;
pub use intent::*;
pub use market::*;
pub use permit::*;
pub use plan::*;
pub use policy::*;
pub use position::*;
pub use safety::*;
pub use words::*;
