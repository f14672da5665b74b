//! Intent bridge (MSE 9): intents in, plans out. It grants nothing: permits are P3.3's.

use engine::{
    Context, Delivery, EntryId, Envelope, EpochSeconds, GroupStart, Input, Nanos, Reader, Service,
    SetOptions, Symbol, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, Executor, IntentAction, OrderSide, PlanAction, PlanClass, PortfolioState,
    PositionState, ReduceOnly, TradeIntent,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, TRADE_INTENT};
use crate::switches;

settings! {
    /// Intent bridge.
    pub struct IntentBridgeSettings {
        /// Opens are refused from this exposure on, in percent of the equity; exposure is notional, and with
        /// leverage many times the equity.
        pub max_exposure_pct: f64 = 80.0 => 0.0..=12_500.0,
        /// An intent that is older is dropped, in s.
        pub intent_max_age_s: i64 = 600 => 1..,
        /// How long a plan holds, in s.
        pub plan_validity_s: i64 = 60 => 1..,
    }
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntentBridge {
    settings: IntentBridgeSettings,
    symbols: Vec<Symbol>,
    position_keys: Vec<String>,
}

/// First 16 hex digits of SHA-256 over entry, symbol, side and quantity (MSE 9 step 5).
pub(crate) fn plan_id(entry: EntryId, symbol: Symbol, side: OrderSide, qty: &str) -> String {
    let digest = Sha256::digest(format!("{entry}|{symbol}|{side}|{qty}"));
    let mut id = hex(&digest);
    id.truncate(16);
    id
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

/// Base quantity of an intent: the first of quantity, qty, size/price, position_size_usd/entry_price.
fn quantity(intent: &TradeIntent) -> Option<Decimal> {
    let ratio = |usd: Option<Decimal>, price: Option<Decimal>| usd?.checked_div(price?);
    intent
        .quantity
        .or(intent.qty)
        .or_else(|| ratio(intent.size, intent.price))
        .or_else(|| ratio(intent.position_size_usd, intent.entry_price))
        .filter(|qty| *qty > Decimal::ZERO)
}

/// An intent that leads to no plan, with the counter of its reason.
type Dropped = &'static str;

impl IntentBridge {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &IntentBridgeSettings) -> IntentBridge {
        IntentBridge {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            position_keys: keys::STATE_POSITIONS.of_each(symbols),
        }
    }

    fn intent(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(intent) = ctx.read::<TradeIntent>(TRADE_INTENT.name, delivery) else { return };
        let seen = keys::BRIDGE_SEEN.of(delivery.entry.id);
        let options =
            SetOptions { if_absent: true, expire: keys::BRIDGE_SEEN.life, ..SetOptions::default() };
        if ctx.set(&seen, "1", options) != Ok(true) {
            ctx.count("already_seen", 1);
            return;
        }
        match self.plan(&intent, delivery, ctx) {
            Ok(plan) => {
                crate::publish(ctx, APPLY_PLAN, Envelope::Flat, plan);
                ctx.count("plans", 1);
            }
            Err(dropped) => ctx.count(dropped, 1),
        }
    }

    fn plan(
        &self,
        intent: &TradeIntent,
        delivery: &Delivery,
        ctx: &mut Context<'_>,
    ) -> Result<ApplyPlan, Dropped> {
        let now = ctx.now();
        let symbol = intent.symbol;
        let place =
            self.symbols.iter().position(|s| *s == symbol).ok_or("dropped_unknown_symbol")?;
        let held = self.held(place, ctx);
        let closes = intent.action == Some(IntentAction::Close) || intent.reduce_only == Some(true);
        let side = match (intent.action, intent.side) {
            (Some(IntentAction::Buy), _) => OrderSide::Buy,
            (Some(IntentAction::Sell), _) => OrderSide::Sell,
            // The side of a close is that which the position needs.
            (Some(IntentAction::Close), _) if held != 0 => {
                if held > 0 {
                    OrderSide::Sell
                } else {
                    OrderSide::Buy
                }
            }
            (Some(IntentAction::Close) | None, Some(side)) => side,
            (Some(IntentAction::Close) | None, None) => return Err("dropped_without_action"),
        };
        let qty = quantity(intent);
        let mut leverage =
            intent.leverage.map(|leverage| leverage.round_ties_even().clamp(1.0, 125.0) as u32);
        if !closes {
            // A close is never too old: what it closes is what the exchange holds now.
            if now - intent.timestamp.0 > Nanos::from_secs(self.settings.intent_max_age_s) {
                return Err("dropped_too_old");
            }
            self.may_open(symbol, ctx)?;
            qty.ok_or("dropped_without_quantity")?;
            leverage = leverage.or(Some(1));
        }
        // The shortest text of the nearest double, so that the id does not hang on how a quotient was rounded.
        let text = grid::float(qty.unwrap_or_default()).to_string();
        let action = match (closes, side) {
            (true, _) => PlanAction::FullClose,
            (false, OrderSide::Buy) => PlanAction::Buy,
            (false, OrderSide::Sell) => PlanAction::Sell,
        };
        Ok(ApplyPlan {
            plan_id: plan_id(delivery.entry.id, symbol, side, &text),
            correlation_id: intent.correlation_id.unwrap_or_default(),
            source: intent.source.clone().unwrap_or_default().into_owned(),
            executor: Executor::IntentExecutor,
            class: if closes { PlanClass::Close } else { PlanClass::Open },
            symbol,
            action,
            side,
            order_type: "MARKET".into(),
            qty: if closes { None } else { qty },
            fraction: closes.then_some(Decimal::ONE),
            reduce_only: ReduceOnly(closes),
            decision: Decision::Execute,
            reason_codes: intent.reason.clone().unwrap_or_default(),
            kill_score: None,
            confidence: Some(intent.confidence),
            leverage,
            stop_loss: intent.stop_loss,
            take_profit: intent.take_profit,
            new_sl_proposed: None,
            r_net: None,
            price: intent.entry_price,
            model: intent.model.clone(),
            timestamp: EpochSeconds(now),
            valid_until: EpochSeconds(now + Nanos::from_secs(self.settings.plan_validity_s)),
        })
    }

    /// Sign of the position that the canonical record shows.
    fn held(&self, place: usize, ctx: &mut Context<'_>) -> i64 {
        match ctx.record::<PositionState>(&self.position_keys[place]) {
            Ok(Some(state)) => state.side.sign(),
            Ok(None) | Err(_) => 0,
        }
    }

    /// What only opens have to pass: policy, venue, emergency stop and exposure, each closed when unknown.
    fn may_open(&self, symbol: Symbol, ctx: &mut Context<'_>) -> Result<(), Dropped> {
        if !crate::policy::policy_store::allows(ctx, symbol) {
            return Err("dropped_not_in_policy");
        }
        if !crate::policy::universe_service::tradable(ctx, symbol) {
            return Err("dropped_not_tradable");
        }
        if switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
            return Err("dropped_emergency_stop");
        }
        let exposure = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale => state
                .equity_usd
                .filter(|equity| *equity > Decimal::ZERO)
                .map(|equity| 100.0 * grid::float(state.gross_exposure_usd) / grid::float(equity)),
            Ok(_) | Err(_) => None,
        };
        match exposure {
            None => Err("dropped_exposure_unknown"),
            Some(percent) if percent >= self.settings.max_exposure_pct => {
                Err("dropped_exposure_limit")
            }
            Some(_) => Ok(()),
        }
    }
}

impl Configured for IntentBridge {
    type Settings = IntentBridgeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "already_seen",
        "dropped_emergency_stop",
        "dropped_exposure_limit",
        "dropped_exposure_unknown",
        "dropped_not_in_policy",
        "dropped_not_tradable",
        "dropped_too_old",
        "dropped_unknown_symbol",
        "dropped_without_action",
        "dropped_without_quantity",
        "plans",
    ];

    fn configured(
        settings: &IntentBridgeSettings,
        setup: Setup<'_>,
    ) -> Result<IntentBridge, String> {
        Ok(IntentBridge::new(setup.symbols, settings))
    }
}

impl Service for IntentBridge {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(
                TRADE_INTENT.name,
                "quantum:group:intent_bridge",
                GroupStart::Beginning,
            )],
            writes: vec![APPLY_PLAN.name],
            keys_read: keys::patterns(&[
                keys::STATE_POSITIONS,
                keys::EMERGENCY_STOP,
                keys::PORTFOLIO,
                keys::POLICY_CURRENT,
                keys::UNIVERSE_ACTIVE,
                keys::UNIVERSE_META,
            ]),
            keys_written: keys::patterns(&[keys::BRIDGE_SEEN]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Delivery(delivery) = input {
            self.intent(delivery, ctx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_16() {
        let symbol = Symbol::new("COMPUSDT").expect("a symbol");
        let entry = "1769718915183-0".parse().expect("an id");
        assert_eq!(
            plan_id(entry, symbol, OrderSide::Sell, "8.865248226950355"),
            "e132bc31226dd59a"
        );
    }
}
