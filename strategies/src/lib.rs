//! Pure decisions of the pipeline: features, signal rules, ensemble, sizing, stops, exit rules, market
//! state. No I/O, no clock, no random source of its own: what comes in decides what goes out.
//!
//! MSE and EHR in the comments are the two behavioural specifications (market, signal, entry; exit,
//! harvest, risk).

mod ensemble;
mod exit_rules;
mod features;
mod market_state;
mod predictors;
mod sizing;
#[cfg(test)]
mod test_support;
mod theil_sen;

// Exits, harvest, risk and permits (EHR), and leverage: one folder a subject.
pub mod apply;
pub mod close_action;
pub mod exit_brain;
mod float_text;
pub mod governor;
pub mod harvest;
pub mod heat;
pub mod hex;
pub mod leverage;
pub mod numbers;
pub mod performance;
pub mod portfolio;
pub mod position;
pub mod position_state;
pub mod reconcile;
pub mod risk;

// Market, signal, entry, execution, learning (MSE): one folder a subject; portfolio is shared.
pub mod calibration;
pub mod entry;
pub mod learning;
pub mod market;
pub mod operations;
pub mod regime;
pub mod rounding;
pub mod signal;
pub mod universe;

pub use ensemble::{
    Action, Consensus, ConsensusWeights, Prediction, Vote, Voting, updated_weight, vote,
};
pub use exit_rules::{ExitReason, ExitWatch, FIXED_STOP, FIXED_TARGET, TRAILING_GAP, sound_levels};
pub use features::{Features, HISTORY, NotATick, PriceHistory, features};
pub use market_state::{
    MARKET_STATE_PRICES, MarketState, MarketStateEvaluator, MarketStateScratch, market_state,
};
pub use predictors::{
    Outside, PREDICTORS, Predictor, PredictorFault, Unrecorded, opinion_of, predictor,
};
pub use sizing::{Outcomes, Sizing, SizingInput, size};
