//! `exchangeInfo`, from the rules that hold now.

use binance_wire::{
    AssetInfo, ContractType, ExchangeInfo, Fixed, Num, OrderType, RateLimit, RateLimitInterval,
    RateLimitType, SymbolFilter, SymbolRow, TimeInForce,
};
use engine::Nanos;
use rust_decimal::Decimal;
use sim_exchange::{LimitsConfig, SymbolRules};

use super::{Asked, reply};
use crate::http::{Failure, Reply};
use crate::market::assets::base_and_quote;
use crate::market::events::{self, NEVER_DELIVERED, ONBOARD_DATE};
use crate::market::symbol::SymbolView;

/// MAX_NUM_ALGO_ORDERS left the filters on 2025-12-29.
const ALGO_FILTER_UNTIL: Nanos = Nanos::from_secs(1_766_966_400);
/// How often an order can be amended.
const MAX_MOVES: u32 = 10_000;

/// `symbol` is ignored, as Binance ignores it.
pub(super) fn exchange_info(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let algo_filter = Nanos::from_millis(asked.now) < ALGO_FILTER_UNTIL;
    reply(&ExchangeInfo {
        timezone: "UTC".into(),
        server_time: asked.now,
        futures_type: "U_MARGINED".into(),
        rate_limits: rate_limits(asked.exchange.limits()),
        exchange_filters: Vec::new(),
        assets: asked.view.asset_names().map(asset).collect(),
        symbols: asked.view.symbols().map(|view| row(view, algo_filter)).collect(),
    })
}

fn rate_limits(limits: &LimitsConfig) -> Vec<RateLimit> {
    let [mut weight, mut minute, mut seconds] = RateLimit::PRODUCTION;
    debug_assert_eq!(weight.rate_limit_type, RateLimitType::RequestWeight);
    debug_assert_eq!(seconds.interval, RateLimitInterval::Second);
    weight.limit = limits.request_weight_1m;
    minute.limit = limits.orders_1m;
    seconds.limit = limits.orders_10s;
    vec![weight, minute, seconds]
}

/// The thresholds are those of regular accounts: -5,000 of a dollar's coin, -0.1 of another.
fn asset(name: &str) -> AssetInfo {
    let is_dollar = matches!(name, "USDT" | "USDC");
    let threshold = if is_dollar { Decimal::from(-5_000) } else { Decimal::new(-1, 1) };
    AssetInfo {
        asset: name.into(),
        margin_available: true,
        auto_asset_exchange: Some(Num(threshold)),
    }
}

fn row(view: &SymbolView, algo_filter: bool) -> SymbolRow {
    let rules = &view.rules;
    let (base, quote) = base_and_quote(&view.name);
    SymbolRow {
        symbol: view.name.clone(),
        pair: view.name.clone(),
        contract_type: ContractType::Perpetual,
        delivery_date: NEVER_DELIVERED,
        onboard_date: ONBOARD_DATE,
        status: events::status(view.trading),
        maint_margin_percent: Fixed::new(Decimal::new(25, 1)),
        required_margin_percent: Fixed::new(Decimal::from(5)),
        base_asset: base.into(),
        quote_asset: quote.into(),
        margin_asset: quote.into(),
        price_precision: rules.price_precision,
        quantity_precision: rules.quantity_precision,
        base_asset_precision: 8,
        quote_precision: 8,
        underlying_type: "COIN".into(),
        underlying_sub_type: Vec::new(),
        settle_plan: None,
        trigger_protect: Num::cut(rules.trigger_protect, 4),
        liquidation_fee: Fixed::new(rules.liquidation_fee),
        market_take_bound: Fixed::new(rules.market_take_bound),
        max_move_order_limit: Some(MAX_MOVES),
        filters: filters(rules, algo_filter),
        order_types: ORDER_TYPES.to_vec(),
        time_in_force: TIMES_IN_FORCE.to_vec(),
        permission_sets: Some(vec!["GRID".into(), "COPY".into()]),
    }
}

const ORDER_TYPES: [OrderType; 7] = [
    OrderType::Limit,
    OrderType::Market,
    OrderType::Stop,
    OrderType::StopMarket,
    OrderType::TakeProfit,
    OrderType::TakeProfitMarket,
    OrderType::TrailingStopMarket,
];

/// RPI is not simulated.
const TIMES_IN_FORCE: [TimeInForce; 5] =
    [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok, TimeInForce::Gtx, TimeInForce::Gtd];

/// In the order of Binance's rows.
fn filters(rules: &SymbolRules, algo_filter: bool) -> Vec<SymbolFilter> {
    let limit = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    // Padded to the precision, as live rows are: nothing is cut.
    let price = |value: Decimal| {
        let mut padded = value.normalize();
        padded.rescale(padded.scale().max(rules.price_precision));
        Num(padded)
    };
    let qty = Num::shortest;
    let mut filters = vec![
        SymbolFilter::PriceFilter {
            min_price: price(rules.min_price),
            max_price: Num::shortest(rules.max_price),
            tick_size: price(rules.tick_size),
        },
        SymbolFilter::LotSize {
            min_qty: qty(rules.min_qty),
            max_qty: qty(rules.max_qty),
            step_size: qty(rules.step_size),
        },
        SymbolFilter::MarketLotSize {
            min_qty: qty(rules.min_qty),
            max_qty: qty(rules.market_max_qty),
            step_size: qty(rules.step_size),
        },
        SymbolFilter::MaxNumOrders { limit: limit(rules.max_num_orders) },
    ];
    if algo_filter {
        let limit = limit(rules.max_num_algo_orders);
        filters.push(SymbolFilter::MaxNumAlgoOrders { limit });
    }
    filters.extend([
        SymbolFilter::MinNotional { notional: Num::shortest(rules.min_notional) },
        SymbolFilter::PercentPrice {
            multiplier_up: Fixed::new(rules.multiplier_up),
            multiplier_down: Fixed::new(rules.multiplier_down),
            multiplier_decimal: Num(Decimal::from(4)),
        },
        SymbolFilter::PositionRiskControl { position_control_side: Some("NONE".into()) },
    ]);
    filters
}
