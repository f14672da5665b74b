//! Records of the bus: one typed definition for writer and reader, one file for each stream family.

pub mod account;
pub mod allocation;
pub mod capital;
pub mod decision;
pub mod exchange;
pub mod governance;
pub mod intent;
pub mod learning;
pub mod market;
pub mod plan;
pub mod policy;
pub mod position;
pub mod words;

pub use account::*;
pub use allocation::*;
pub use capital::*;
pub use decision::*;
pub use exchange::*;
pub use governance::*;
pub use intent::*;
pub use learning::*;
pub use market::*;
pub use plan::*;
pub use policy::*;
pub use position::*;
pub use words::*;
