//! `manual_trade`: the operator trades the pipeline's account in the Binance app.

use engine::{
    AccountId, Action, ClientOrderId, NewOrder, PositionSide, PriceTicks, QtyLots, Request, Side,
    Symbol, SymbolIndex, TimeInForce,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::venue_faults::{is_default, place_of};
use super::{Lasts, Plan, Setting, Step, When};

/// Somebody trades the pipeline's account by hand. The exchange answers to nobody of ours, and what the user
/// stream tells of the order reaches all services of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualTrade {
    /// Of which symbol.
    pub symbol: Symbol,
    /// BUY or SELL.
    pub side: Side,
    /// How much, in units of the base asset.
    pub quantity: Decimal,
    /// The limit of a LIMIT order (GTC); without it the order is a MARKET order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
    /// The order may only make the position smaller.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reduce_only: bool,
    /// LONG or SHORT, in hedge mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_side: Option<PositionSide>,
    /// Its client order id; `web_manual_` and the step's number if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
}

/// A number on a grid of so many decimals.
fn on_grid(key: &str, number: Decimal, decimals: u32) -> Result<i64, String> {
    let units = number.checked_mul(Decimal::from(10i64.pow(decimals)));
    let whole = units.filter(|units| units.fract().is_zero() && *units > Decimal::ZERO);
    whole.and_then(|units| units.to_i64()).ok_or_else(|| {
        format!("{key} = {number}: it has to be above 0, with at most {decimals} decimals")
    })
}

impl Step for ManualTrade {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let place = place_of(self.symbol, setting)?;
        let Some(grid) = setting.instruments.iter().find(|grid| grid.symbol == self.symbol) else {
            return Err(format!("symbol: {} is not in the market", self.symbol));
        };
        let quantity = QtyLots(on_grid("quantity", self.quantity, grid.qty_decimals)?);
        let id = match &self.client_order_id {
            Some(id) => id.clone(),
            None => format!("web_manual_{}", setting.place + 1),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || ".:/_-".contains(c);
        if id.is_empty() || id.len() > 36 || !id.chars().all(plain) {
            return Err(format!(
                "client_order_id = {id:?}: Binance takes 1 to 36 of letters, digits and .:/_-"
            ));
        }
        let symbol = SymbolIndex(place as u16);
        let market = NewOrder::market(symbol, self.side, quantity, "");
        let mut order = match self.price {
            None => market,
            Some(price) => {
                let price = PriceTicks(on_grid("price", price, grid.price_decimals)?);
                NewOrder::limit(symbol, self.side, quantity, price, TimeInForce::Gtc, "")
            }
        };
        order.client_order_id = ClientOrderId(id.into());
        order.reduce_only = self.reduce_only.then_some(true);
        order.position_side = self.position_side;
        let (account, request) = (AccountId::default(), Request::NewOrder(order));
        plan.actions.push((when.from, Action::Submit { account, request }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let ManualTrade { symbol, side, quantity, .. } = self;
        let order = match self.price {
            Some(price) => format!("at {price}"),
            None => "at the market".to_owned(),
        };
        let reduces = if self.reduce_only { ", reduce-only" } else { "" };
        format!("somebody trades by hand: {} {quantity} {symbol} {order}{reduces}", side.as_str())
    }
}
