//! The trading bot's intent (MSE 6), and what its size means (MSE 2 rule 4).

use engine::Symbol;
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};
use crate::signal::{LevelRule, entry_levels, sized};
use crate::{Action, Outcomes, SizingInput};

/// Signals below it are skipped.
const CONFIDENCE_MIN: f64 = 0.50;
/// Distances of stop and target, fractions of the price.
const STOP: f64 = 0.02;
const TARGET: f64 = 0.02;
/// What was assumed of an account that nobody could see, in USDT.
const AUDITED_BALANCE_USD: f64 = 10_000.0;

/// What the engine predicted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BotPrediction {
    /// What to do.
    pub action: Action,
    /// 0 to 1.
    pub confidence: f64,
}

/// The 24 h ticker; prices in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayTicker {
    /// Whose.
    pub symbol: Symbol,
    /// Last.
    pub price: f64,
    /// Percent.
    pub price_change_24h_pct: f64,
    /// Highest.
    pub high_24h: f64,
    /// Lowest.
    pub low_24h: f64,
}

/// What happens without a balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BalanceRule {
    /// No open.
    #[default]
    FailClosed,
    /// 10,000 USDT are assumed.
    AuditedTenThousand,
}

impl BalanceRule {
    /// The equity that sizes an intent, in USDT; `None` where nothing may be opened.
    #[must_use]
    pub fn equity_usd(self, balance_usd: Option<f64>) -> Option<f64> {
        balance_usd.or(match self {
            BalanceRule::FailClosed => None,
            BalanceRule::AuditedTenThousand => Some(AUDITED_BALANCE_USD),
        })
    }
}

/// The bot's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BotRules {
    /// RM_MAX_LEVERAGE.
    pub max_leverage: f64,
    /// RM_RISK_PER_TRADE_PCT, a fraction.
    pub risk_per_trade: f64,
    /// Without a balance.
    pub balance: BalanceRule,
    /// Where the stop is.
    pub levels: LevelRule,
}

impl Default for BotRules {
    fn default() -> Self {
        BotRules {
            max_leverage: 25.0,
            risk_per_trade: 0.02,
            balance: BalanceRule::default(),
            levels: LevelRule::default(),
        }
    }
}

/// An intent of the bot; money in USDT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BotIntent {
    /// Whose.
    pub symbol: Symbol,
    /// BUY or SELL.
    pub side: Action,
    /// 0 to 1.
    pub confidence: f64,
    /// The price now.
    pub entry_price: f64,
    /// Where the loss is taken.
    pub stop_loss: f64,
    /// Where the profit is taken.
    pub take_profit: f64,
    /// Of the sizing.
    pub position_size_usd: f64,
    /// Leverage.
    pub leverage: f64,
    /// Which model.
    pub model: String,
    /// A fraction of the price, 0.02 to 0.10.
    pub atr_value: f64,
    /// 0.5 to 5.
    pub volatility_factor: f64,
    /// The bot sees one venue: 0.
    pub exchange_divergence: f64,
    /// Not asked for: 0.
    pub funding_rate: f64,
    /// Of the market; UNKNOWN without one.
    pub regime: String,
}

/// Why there is no intent.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BotRefusal {
    /// Nothing to do.
    #[error("the prediction is HOLD")]
    Hold,
    /// Not sure enough.
    #[error("the confidence is below 0.50")]
    LowConfidence,
    /// The account is not known.
    #[error("there is no balance: no position is opened on an account that nobody sees")]
    NoBalance,
    /// A number that cannot be used.
    #[error(transparent)]
    Number(#[from] RefusedNumber),
}

/// The intent of a prediction.
///
/// # Errors
/// [`BotRefusal`] says why there is none.
pub fn bot_trade_intent(
    prediction: &BotPrediction,
    ticker: &DayTicker,
    outcomes: &Outcomes,
    balance_usd: Option<f64>,
    regime: Option<&str>,
    rules: &BotRules,
) -> Result<BotIntent, BotRefusal> {
    let confidence = finite("confidence", prediction.confidence)?;
    if prediction.action == Action::Hold {
        return Err(BotRefusal::Hold);
    }
    if confidence < CONFIDENCE_MIN {
        return Err(BotRefusal::LowConfidence);
    }
    let equity_usd = rules.balance.equity_usd(balance_usd).ok_or(BotRefusal::NoBalance)?;
    let equity_usd = positive("balance", equity_usd)?;
    let change = finite("price_change_24h", ticker.price_change_24h_pct)?;
    let (high, low) =
        (positive("high_24h", ticker.high_24h)?, positive("low_24h", ticker.low_24h)?);
    let atr_value = (change.abs() / 100.0).clamp(0.02, 0.10);
    let volatility_factor = finite("volatility_factor", (high - low) / low * 10.0)?.clamp(0.5, 5.0);
    let long = prediction.action == Action::Buy;
    let levels = entry_levels(long, ticker.price, STOP, TARGET, rules.levels)?;
    let input = SizingInput {
        symbol: ticker.symbol,
        confidence,
        atr_pct: atr_value,
        exposure_pct: 0.0,
        equity_usd,
        max_leverage: rules.max_leverage,
        risk_per_trade: rules.risk_per_trade,
    };
    let sizing = sized(&input, outcomes)?;
    Ok(BotIntent {
        symbol: ticker.symbol,
        side: prediction.action,
        confidence,
        entry_price: ticker.price,
        stop_loss: levels.stop_loss,
        take_profit: levels.take_profit,
        position_size_usd: sizing.position_size_usd,
        leverage: sizing.leverage,
        model: "ensemble".to_owned(),
        atr_value,
        volatility_factor,
        exchange_divergence: 0.0,
        funding_rate: 0.0,
        regime: regime.unwrap_or("UNKNOWN").to_owned(),
    })
}

/// What the number of the sizing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeMeaning {
    /// The value of the position, as it was traded.
    #[default]
    Notional,
    /// The margin behind it: the value is margin times leverage.
    Margin,
}

impl SizeMeaning {
    /// Margin and notional of a sizing, in USDT: the one place where they are converted.
    ///
    /// # Errors
    /// [`RefusedNumber`] for numbers that are not finite and above zero.
    pub fn margin_and_notional(
        self,
        size_usd: f64,
        leverage: f64,
    ) -> Result<(f64, f64), RefusedNumber> {
        let size = positive("position_size_usd", size_usd)?;
        let leverage = positive("leverage", leverage)?;
        match self {
            SizeMeaning::Notional => Ok((positive("margin_usd", size / leverage)?, size)),
            SizeMeaning::Margin => Ok((size, positive("notional_usd", size * leverage)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(
        action: Action,
        confidence: f64,
        balance: Option<f64>,
    ) -> Result<BotIntent, BotRefusal> {
        let ticker = DayTicker {
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            price: 100.0,
            price_change_24h_pct: 1.0,
            high_24h: 101.0,
            low_24h: 100.0,
        };
        let prediction = BotPrediction { action, confidence };
        let rules = BotRules::default();
        bot_trade_intent(&prediction, &ticker, &Outcomes::NONE, balance, None, &rules)
    }

    #[test]
    fn no_balance_no_open_and_shorts_are_mirrored() {
        let short = intent(Action::Sell, 0.5, Some(1_000.0)).expect("an intent");
        assert_eq!((short.stop_loss, short.take_profit), (102.0, 98.0));
        assert_eq!((short.position_size_usd, short.volatility_factor), (20.0, 0.5));
        assert_eq!(intent(Action::Sell, 0.5, None), Err(BotRefusal::NoBalance));
        assert_eq!(intent(Action::Hold, 0.9, None), Err(BotRefusal::Hold));
        assert_eq!(intent(Action::Buy, 0.49, None), Err(BotRefusal::LowConfidence));
        assert!(matches!(intent(Action::Buy, f64::NAN, None), Err(BotRefusal::Number(_))));
        assert!(matches!(intent(Action::Buy, 0.5, Some(-1.0)), Err(BotRefusal::Number(_))));
    }

    #[test]
    fn margin_and_notional_are_told_apart() {
        let of = |meaning: SizeMeaning| meaning.margin_and_notional(200.0, 10.0);
        assert_eq!(of(SizeMeaning::default()), Ok((20.0, 200.0)));
        assert_eq!(of(SizeMeaning::Margin), Ok((200.0, 2_000.0)));
        assert!(SizeMeaning::Margin.margin_and_notional(200.0, 0.0).is_err());
    }
}
