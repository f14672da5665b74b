//! What the audits found in the bot, where a run asks for it.

use serde::{Deserialize, Serialize};
use strategies::entry::{BalanceRule, FallbackRule};
use strategies::signal::LevelRule;

use super::{BotFallback, TradingBotSettings};
use crate::audited::{Audited, AuditedNames};

/// What is decided in one of two ways.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rules {
    pub(super) fallback: FallbackRule,
    pub(super) levels: LevelRule,
    pub(super) balance: BalanceRule,
    /// A refresh passes over TRADING_SYMBOLS.
    pub(super) skips_configured: bool,
    /// The day's volume goes with the question.
    pub(super) tells_volume: bool,
}

impl Rules {
    pub(super) fn of(settings: &TradingBotSettings, audited: &AuditedNames) -> Rules {
        Rules {
            fallback: match settings.fallback {
                _ if audited.has(Audited::MomentumOnRefusal) => FallbackRule::AuditedAnyRefusal,
                BotFallback::Off => FallbackRule::Off,
                BotFallback::AfterUnreachable { cycles } => {
                    FallbackRule::AfterUnreachable { cycles }
                }
            },
            levels: match audited.has(Audited::SellStopNotMirrored) {
                true => LevelRule::AuditedSameForBothSides,
                false => LevelRule::Mirrored,
            },
            balance: match audited.has(Audited::AssumedBalance) {
                true => BalanceRule::AuditedTenThousand,
                false => BalanceRule::FailClosed,
            },
            skips_configured: audited.has(Audited::TradingSymbolsIgnored),
            tells_volume: audited.has(Audited::DayVolumeInTicks),
        }
    }
}
