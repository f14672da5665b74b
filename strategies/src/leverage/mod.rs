//! How much leverage a position gets, and how its levels follow from it (EHR 3.22).

mod adaptive;
mod intelligent;

pub use adaptive::{AdaptiveLevels, AdaptiveLevelsInput, HarvestScheme, adaptive_levels};
pub use intelligent::{IntelligentLeverage, LeverageFactors, LeverageInput, intelligent_leverage};
