//! What a run or a sweep comes to: its metrics, and the reports that show them.

pub mod metrics;
pub mod page;
pub mod terminal;
