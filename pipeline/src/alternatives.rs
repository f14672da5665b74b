//! Services of which one runs instead of another: a decision has one writer, one path and one executor, and
//! two of them would make two orders of it. That was incident I-02, which comes back by name and in no other way.

use serde::{Deserialize, Serialize};

use crate::PipelineSettings;
use crate::audited::Audited;

/// What executes intents (MSE 13).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionPath {
    /// Intent bridge, permits and intent executor.
    #[default]
    Bridge,
    /// The execution service.
    ExecutionService,
    /// Both, for maps and contracts of all that there is. No file can ask for it.
    #[serde(skip)]
    Every,
}

/// Who turns decisions into opening intents (MSE 5.1, 6).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IntentWriter {
    /// The trading bot, which asks the AI engine every minute.
    #[default]
    TradingBot,
    /// The strategy router, which reads the engine's decisions.
    StrategyRouter,
    /// Each that is enabled: for maps and tests of single services. No file can ask for it.
    #[serde(skip)]
    Each,
}

/// Whether a service runs that is enabled, or not, by its own table.
pub(crate) fn runs(settings: &PipelineSettings, service: &str, enabled: bool) -> bool {
    let (two_writers, two_paths) = (two_writers(settings), two_paths(settings));
    match (settings.execution_path, service) {
        (_, "execution_service") if two_paths => return true,
        (_, "intent_bridge" | "intent_executor") if two_paths => return enabled,
        (ExecutionPath::Bridge, "execution_service")
        | (ExecutionPath::ExecutionService, "intent_bridge" | "intent_executor") => return false,
        // The path asks for it.
        (ExecutionPath::ExecutionService, "execution_service") => return true,
        _ => {}
    }
    match (settings.intent_writer, service) {
        (_, "strategy_router") if two_writers => true,
        (_, "trading_bot") if two_writers => enabled,
        (IntentWriter::TradingBot, "strategy_router")
        | (IntentWriter::StrategyRouter, "trading_bot") => false,
        (IntentWriter::StrategyRouter, "strategy_router") => true,
        _ => enabled,
    }
}

fn two_writers(settings: &PipelineSettings) -> bool {
    settings.audited.has(Audited::TwoWritersOfIntents)
}

fn two_paths(settings: &PipelineSettings) -> bool {
    settings.audited.has(Audited::TwoExecutionPaths)
}

/// What is asked for twice.
pub(crate) fn problem(settings: &PipelineSettings) -> Option<String> {
    let by_bridge = settings.execution_path == ExecutionPath::Bridge && !two_paths(settings);
    if by_bridge && settings.execution_service.enabled {
        return Some(
            "execution_path is \"bridge\" and execution_service is enabled: intent_bridge with \
             intent_executor and execution_service would each execute every intent; give \
             execution_path = \"execution_service\", or take execution_service.enabled away"
                .to_owned(),
        );
    }
    let by_bot = settings.intent_writer == IntentWriter::TradingBot && !two_writers(settings);
    if by_bot && settings.strategy_router.enabled {
        return Some(
            "intent_writer is \"trading_bot\" and strategy_router is enabled: both would write an \
             intent of every decision; give intent_writer = \"strategy_router\", or take \
             strategy_router.enabled away"
                .to_owned(),
        );
    }
    None
}
