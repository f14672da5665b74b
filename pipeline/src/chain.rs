//! Puts the chain together. A new service is one file and one line here.

use engine::{Instrument, Member, Service, Symbol};

use crate::PipelineSettings;
use crate::ai_engine::AiEngine;
use crate::balance_tracker::BalanceTracker;
use crate::exit_monitor::ExitMonitor;
use crate::intent_bridge::IntentBridge;
use crate::intent_executor::IntentExecutor;
use crate::market_publisher::MarketPublisher;
use crate::market_state::MarketStatePublisher;
use crate::policy_store::PolicyStore;
use crate::portfolio_state_publisher::PortfolioStatePublisher;
use crate::position_monitor::PositionMonitor;
use crate::position_state_brain::PositionStateBrain;
use crate::trading_bot::TradingBot;
use crate::universe_service::UniverseService;

/// Settings that make no pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(String);

/// All services of the chain, in a fixed order.
pub fn chain(
    settings: &PipelineSettings,
    instruments: &[Instrument],
) -> Result<Vec<Member>, BadSettings> {
    let symbols: Vec<Symbol> = instruments.iter().map(|instrument| instrument.symbol).collect();
    settings.check().map_err(BadSettings)?;
    let member = |name: &str, service: Box<dyn Service>| Member {
        thinking: settings.thinking(),
        ..Member::new(name, service)
    };
    let ai_engine = AiEngine::new(&symbols, &settings.ai_engine).map_err(BadSettings)?;
    let mut members = vec![member("market_publisher", Box::new(MarketPublisher::new(&symbols)))];
    if settings.market_state.enabled {
        let market_state = MarketStatePublisher::new(&symbols, &settings.market_state);
        members.push(member("market_state", Box::new(market_state)));
    }
    members.extend([
        member("policy_store", Box::new(PolicyStore::new(&symbols, &settings.policy_store))),
        member("universe_service", Box::<UniverseService>::default()),
        member("balance_tracker", Box::<BalanceTracker>::default()),
        member("ai_engine", Box::new(ai_engine)),
        member("trading_bot", Box::new(TradingBot::new(&symbols, &settings.trading_bot))),
        member("intent_bridge", Box::new(IntentBridge::new(&symbols, &settings.intent_bridge))),
        member(
            "position_state_brain",
            Box::new(PositionStateBrain::new(&symbols, &settings.position_state_brain)),
        ),
        member(
            "intent_executor",
            Box::new(IntentExecutor::new(&symbols, &settings.intent_executor)),
        ),
        member("portfolio_state_publisher", Box::new(PortfolioStatePublisher::new(&symbols))),
        member("position_monitor", Box::new(PositionMonitor::new(&symbols))),
        member("exit_monitor", Box::new(ExitMonitor::new(&symbols, &settings.exit_monitor))),
    ]);
    Ok(members)
}
