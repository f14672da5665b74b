//! What exchangeInfo says of the symbols.

use binance_wire as wire;
use rust_decimal::Decimal;
use serde::Deserialize;

/// exchangeInfo as far as it matters. Rows of other symbols and filters that are new are passed over.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LooseInfo {
    #[serde(default)]
    pub rate_limits: Vec<wire::RateLimit>,
    pub symbols: Vec<LooseSymbol>,
}

/// A row of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LooseSymbol {
    pub symbol: Box<str>,
    pub status: wire::SymbolStatus,
    pub contract_type: wire::ContractType,
    pub price_precision: u32,
    pub quantity_precision: u32,
    #[serde(default)]
    trigger_protect: Option<wire::Num>,
    #[serde(default)]
    liquidation_fee: Option<wire::Num>,
    #[serde(default)]
    market_take_bound: Option<wire::Num>,
    filters: Vec<serde_json::Value>,
}

/// What exchangeInfo says of how a symbol is traded; what it does not say, or says as zero, is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the venue's own fields")]
pub struct SymbolTerms {
    pub price_precision: u32,
    pub quantity_precision: u32,
    pub tick_size: Option<Decimal>,
    pub step_size: Option<Decimal>,
    pub min_price: Option<Decimal>,
    pub max_price: Option<Decimal>,
    pub min_qty: Option<Decimal>,
    pub max_qty: Option<Decimal>,
    pub market_max_qty: Option<Decimal>,
    pub min_notional: Option<Decimal>,
    pub multiplier_up: Option<Decimal>,
    pub multiplier_down: Option<Decimal>,
    pub liquidation_fee: Option<Decimal>,
    pub market_take_bound: Option<Decimal>,
    pub max_num_orders: Option<u32>,
    pub max_num_algo_orders: Option<u32>,
    pub trigger_protect: Option<Decimal>,
}

/// The filters that the port shows, as decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// PRICE_FILTER tickSize.
    pub tick_size: Decimal,
    /// LOT_SIZE stepSize.
    pub step_size: Decimal,
    /// LOT_SIZE minQty.
    pub min_qty: Decimal,
    /// MARKET_LOT_SIZE maxQty.
    pub market_max_qty: Decimal,
    /// MIN_NOTIONAL, in USDT.
    pub min_notional: Decimal,
}

impl LooseSymbol {
    pub(super) fn trades(&self) -> bool {
        self.status == wire::SymbolStatus::Trading
            && self.contract_type == wire::ContractType::Perpetual
    }

    pub(super) fn terms(&self) -> SymbolTerms {
        let value = |value: Decimal| Some(value.normalize()).filter(|value| !value.is_zero());
        let of = |num: Option<wire::Num>| num.and_then(|num| value(num.0));
        let mut terms = SymbolTerms {
            price_precision: self.price_precision,
            quantity_precision: self.quantity_precision,
            liquidation_fee: of(self.liquidation_fee),
            market_take_bound: of(self.market_take_bound),
            trigger_protect: of(self.trigger_protect),
            ..SymbolTerms::default()
        };
        for filter in
            self.filters.iter().filter_map(|row| wire::SymbolFilter::deserialize(row).ok())
        {
            match filter {
                wire::SymbolFilter::PriceFilter { min_price, max_price, tick_size } => {
                    terms.min_price = value(min_price.0);
                    terms.max_price = value(max_price.0);
                    terms.tick_size = value(tick_size.0);
                }
                wire::SymbolFilter::LotSize { min_qty, max_qty, step_size } => {
                    terms.min_qty = value(min_qty.0);
                    terms.max_qty = value(max_qty.0);
                    terms.step_size = value(step_size.0);
                }
                wire::SymbolFilter::MarketLotSize { max_qty, .. } => {
                    terms.market_max_qty = value(max_qty.0);
                }
                wire::SymbolFilter::MinNotional { notional } => {
                    terms.min_notional = value(notional.0);
                }
                wire::SymbolFilter::PercentPrice { multiplier_up, multiplier_down, .. } => {
                    terms.multiplier_up = value(multiplier_up.value());
                    terms.multiplier_down = value(multiplier_down.value());
                }
                wire::SymbolFilter::MaxNumOrders { limit } => terms.max_num_orders = Some(limit),
                wire::SymbolFilter::MaxNumAlgoOrders { limit } => {
                    terms.max_num_algo_orders = Some(limit);
                }
                wire::SymbolFilter::PositionRiskControl { .. } => {}
            }
        }
        terms
    }

    pub(super) fn filters(&self) -> Filters {
        let mut filters = Filters::default();
        for value in &self.filters {
            let read = wire::SymbolFilter::deserialize(value);
            match read {
                Ok(wire::SymbolFilter::PriceFilter { tick_size, .. }) => {
                    filters.tick_size = tick_size.0.normalize();
                }
                Ok(wire::SymbolFilter::LotSize { min_qty, step_size, .. }) => {
                    filters.step_size = step_size.0.normalize();
                    filters.min_qty = min_qty.0.normalize();
                }
                Ok(wire::SymbolFilter::MarketLotSize { max_qty, .. }) => {
                    filters.market_max_qty = max_qty.0.normalize();
                }
                Ok(wire::SymbolFilter::MinNotional { notional }) => {
                    filters.min_notional = notional.0.normalize();
                }
                Ok(_) | Err(_) => {}
            }
        }
        filters
    }
}
