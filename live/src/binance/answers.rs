//! From the venue's answers to those of the port.

use binance_wire as wire;
use engine::{
    AccountBalance, AdlQuantile, AlgoId, AlgoOrderState, AlgoStatus, Answer, ClientOrderId,
    ExchangeError, ExpiryReason, MarginType, Nanos, NewOrder, OrderId, OrderState, OrderStatus,
    OrderType, PositionRisk, PositionSide, PriceMatch, Request, SelfTradePrevention, Side,
    SymbolIndex, SymbolInfo, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::grid::{Grid, WireError, on_grid};
use super::symbols::{LooseInfo, LooseSymbol};

/// The text of an answer, as one of the two ways brought it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    /// The whole body.
    Rest(&'a [u8]),
    /// The frame; the answer is its `result`.
    Ws(&'a str),
}

#[derive(Deserialize)]
struct ResultOf<T> {
    result: T,
}

impl Body<'_> {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        Ok(match self {
            Body::Rest(body) => serde_json::from_slice(body)?,
            Body::Ws(frame) => serde_json::from_str::<ResultOf<T>>(frame)?.result,
        })
    }
}

/// What is known of the venue's books beside the answer itself.
pub(super) trait Known {
    /// When an order was accepted, if we know.
    fn accepted(&self, symbol: SymbolIndex, order: OrderId) -> Option<Nanos>;
    /// A conditional order as we know it.
    fn algo(&self, algo: AlgoId) -> Option<&AlgoOrderState>;
}

/// The leverage brackets of the session's symbols, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Brackets(pub Vec<Vec<wire::BracketRow>>);

impl Brackets {
    fn of(&self, symbol: SymbolIndex) -> &[wire::BracketRow] {
        self.0.get(usize::from(symbol.0)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn max_leverage(&self, symbol: SymbolIndex) -> u32 {
        self.of(symbol).iter().map(|row| row.initial_leverage).max().unwrap_or(0)
    }

    /// notional × rate − cum in the bracket where the notional is above the floor and not above the cap.
    fn maint_margin(&self, symbol: SymbolIndex, notional: Decimal) -> Decimal {
        let rows = self.of(symbol);
        let row = rows.iter().find(|row| notional <= row.notional_cap.0).or(rows.last());
        row.map_or(Decimal::ZERO, |row| {
            notional.saturating_mul(row.maint_margin_ratio.0).saturating_sub(row.cum.0)
        })
    }
}

/// A word of the wire as the port's.
pub(super) fn word<T>(
    what: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, WireError> {
    parse(text).ok_or_else(|| WireError::Word { what, word: text.into() })
}

pub(super) fn order_type(text: &wire::OrderType) -> Result<OrderType, WireError> {
    match text {
        // REST shows the same order so.
        wire::OrderType::Liquidation => Ok(OrderType::Limit),
        other => word("order type", other.as_str(), OrderType::parse),
    }
}

pub(super) fn status(text: &wire::OrderStatus) -> Result<OrderStatus, WireError> {
    match text {
        // Statuses of older documentation for the venue's own orders.
        wire::OrderStatus::NewInsurance | wire::OrderStatus::NewAdl => Ok(OrderStatus::New),
        wire::OrderStatus::Rejected => Ok(OrderStatus::Expired),
        other => word("status", other.as_str(), OrderStatus::parse),
    }
}

pub(super) fn time_in_force(text: &wire::TimeInForce) -> Result<TimeInForce, WireError> {
    match text {
        // The port does not know it: it stands until it is cancelled, and takes nothing.
        wire::TimeInForce::Rpi => Ok(TimeInForce::Gtx),
        other => word("timeInForce", other.as_str(), TimeInForce::parse),
    }
}

pub(super) fn position_side(text: &wire::PositionSide) -> Result<PositionSide, WireError> {
    word("positionSide", text.as_str(), PositionSide::parse)
}

pub(super) fn side(text: &wire::Side) -> Result<Side, WireError> {
    word("side", text.as_str(), Side::parse)
}

pub(super) fn working_type(text: &wire::WorkingType) -> Result<WorkingType, WireError> {
    word("workingType", text.as_str(), WorkingType::parse)
}

pub(super) fn price_match(text: &wire::PriceMatch) -> Result<PriceMatch, WireError> {
    word("priceMatch", text.as_str(), PriceMatch::parse)
}

pub(super) fn self_trade(
    text: &wire::SelfTradePrevention,
) -> Result<SelfTradePrevention, WireError> {
    word("selfTradePreventionMode", text.as_str(), SelfTradePrevention::parse)
}

/// Milliseconds of the wire, where 0 stands for none.
pub(super) fn time_unless_zero(ms: i64) -> Option<Nanos> {
    (ms != 0).then(|| Nanos::from_millis(ms))
}

/// Why an order of a query ended: the queries do not tell, but its kind does.
fn expiry(status: OrderStatus, kind: OrderType, time_in_force: TimeInForce) -> ExpiryReason {
    match (status, kind, time_in_force) {
        (OrderStatus::ExpiredInMatch, _, _) => ExpiryReason::SelfTrade,
        (OrderStatus::Expired, OrderType::Market, _) => ExpiryReason::MarketRest,
        (OrderStatus::Expired, _, TimeInForce::Ioc) => ExpiryReason::IocRest,
        _ => ExpiryReason::None,
    }
}

/// The one order of an answer to placing, amending or cancelling.
pub(super) fn order_answer(
    answer: &wire::OrderAnswer,
    grid: &Grid,
    known: &dyn Known,
) -> Result<OrderState, WireError> {
    let wire::OrderAnswer {
        order_id,
        symbol,
        status,
        client_order_id,
        price,
        avg_price,
        orig_qty,
        executed_qty,
        cum_quote,
        time_in_force,
        order_type,
        reduce_only,
        close_position,
        side,
        position_side,
        stop_price,
        working_type,
        price_protect,
        orig_type,
        activate_price,
        price_rate,
        price_match,
        self_trade_prevention_mode,
        good_till_date,
        update_time,
        cum_qty: _,
    } = answer.clone();
    let accepted = known.accepted(grid.symbol(&symbol)?, OrderId(order_id));
    let accepted = accepted.unwrap_or(Nanos::from_millis(update_time));
    let row = wire::OrderRow {
        order_id,
        symbol,
        status,
        client_order_id,
        price,
        avg_price,
        orig_qty,
        executed_qty,
        cum_quote,
        time_in_force,
        order_type,
        reduce_only,
        close_position,
        side,
        position_side,
        stop_price,
        working_type,
        price_protect,
        orig_type,
        activate_price,
        price_rate,
        price_match,
        self_trade_prevention_mode,
        good_till_date,
        time: accepted.millis(),
        update_time,
    };
    order_row(&row, grid)
}

/// An order of a query.
pub(super) fn order_row(row: &wire::OrderRow, grid: &Grid) -> Result<OrderState, WireError> {
    let symbol = grid.symbol(&row.symbol)?;
    let (status, kind) = (status(&row.status)?, order_type(&row.order_type)?);
    let time_in_force = time_in_force(&row.time_in_force)?;
    Ok(OrderState {
        order_id: OrderId(row.order_id),
        client_order_id: ClientOrderId((&*row.client_order_id).into()),
        symbol,
        side: side(&row.side)?,
        position_side: position_side(&row.position_side)?,
        order_type: kind,
        orig_type: order_type(&row.orig_type)?,
        time_in_force,
        orig_qty: grid.qty(symbol, "quantity", row.orig_qty.0)?,
        executed_qty: grid.qty(symbol, "filled quantity", row.executed_qty.0)?,
        cum_quote: row.cum_quote.0.normalize(),
        price: grid.price_unless_zero(symbol, "limit price", row.price.0)?,
        trigger_price: grid.price_unless_zero(symbol, "trigger price", row.stop_price.0)?,
        reduce_only: row.reduce_only,
        close_position: row.close_position,
        working_type: working_type(&row.working_type)?,
        price_protect: row.price_protect,
        price_match: price_match(&row.price_match)?,
        self_trade_prevention: self_trade(&row.self_trade_prevention_mode)?,
        good_till_date: time_unless_zero(row.good_till_date),
        status,
        expiry_reason: expiry(status, kind, time_in_force),
        time: Nanos::from_millis(row.time),
        update_time: Nanos::from_millis(row.update_time),
    })
}

/// A conditional order of a query. What queries do not show is taken from what we know.
pub(super) fn algo_row(
    row: &wire::AlgoOrderRow,
    grid: &Grid,
    known: &dyn Known,
) -> Result<AlgoOrderState, WireError> {
    let symbol = grid.symbol(&row.symbol)?;
    let own = known.algo(AlgoId(row.algo_id));
    let actual = match row.actual_order_id.parse::<u64>() {
        Ok(order_id) if order_id != 0 => {
            let executed = row.actual_qty.map_or(Decimal::ZERO, |qty| qty.0);
            let kind = row.actual_type.as_ref().map(order_type).transpose()?;
            Some(engine::ActualOrder {
                order_id: OrderId(order_id),
                order_type: kind.unwrap_or(OrderType::Market),
                executed_qty: grid.qty(symbol, "filled quantity", executed)?,
                cum_quote: row.actual_price.0.saturating_mul(executed).normalize(),
            })
        }
        _ => None,
    };
    Ok(AlgoOrderState {
        algo_id: AlgoId(row.algo_id),
        order: NewOrder {
            symbol,
            side: side(&row.side)?,
            position_side: Some(position_side(&row.position_side)?),
            order_type: order_type(&row.order_type)?,
            time_in_force: Some(time_in_force(&row.time_in_force)?),
            quantity: match row.quantity.0.is_zero() {
                true => None,
                false => Some(grid.qty(symbol, "quantity", row.quantity.0)?),
            },
            price: grid.price_unless_zero(symbol, "limit price", row.price.0)?,
            reduce_only: Some(row.reduce_only),
            close_position: row.close_position,
            trigger_price: grid.price_unless_zero(symbol, "trigger price", row.trigger_price.0)?,
            activate_price: own.and_then(|own| own.order.activate_price),
            callback_rate: own.and_then(|own| own.order.callback_rate),
            working_type: Some(working_type(&row.working_type)?),
            price_protect: row.price_protect,
            price_match: Some(price_match(&row.price_match)?),
            self_trade_prevention: Some(self_trade(&row.self_trade_prevention_mode)?),
            good_till_date: time_unless_zero(row.good_till_date),
            client_order_id: ClientOrderId((&*row.client_algo_id).into()),
        },
        status: word("algoStatus", row.algo_status.as_str(), AlgoStatus::parse)?,
        actual,
        reason: own.map_or_else(Box::default, |own| own.reason.clone()),
        create_time: Nanos::from_millis(row.create_time),
        trigger_time: time_unless_zero(row.trigger_time),
        update_time: Nanos::from_millis(row.update_time),
    })
}

/// The conditional order that was just placed: as it was sent, with what the venue made of it.
fn algo_placed(
    answer: &wire::AlgoOrderAnswer,
    sent: &NewOrder,
) -> Result<AlgoOrderState, WireError> {
    let order = NewOrder {
        position_side: Some(position_side(&answer.position_side)?),
        time_in_force: Some(time_in_force(&answer.time_in_force)?),
        client_order_id: ClientOrderId((&*answer.client_algo_id).into()),
        ..sent.clone()
    };
    Ok(AlgoOrderState {
        algo_id: AlgoId(answer.algo_id),
        order,
        status: word("algoStatus", answer.algo_status.as_str(), AlgoStatus::parse)?,
        actual: None,
        reason: Box::default(),
        create_time: Nanos::from_millis(answer.create_time),
        trigger_time: time_unless_zero(answer.trigger_time),
        update_time: Nanos::from_millis(answer.update_time),
    })
}

/// A position of `positionRisk`. Its margins, which this version of it lacks, follow from the leverage and
/// the brackets, cut at eight decimals as the venue does.
pub(super) fn position_row(
    row: &wire::PositionRiskV2,
    grid: &Grid,
    brackets: &Brackets,
) -> Result<PositionRisk, WireError> {
    let symbol = grid.symbol(&row.symbol)?;
    let notional = row.position_amt.0.saturating_mul(row.mark_price.value()).abs();
    let leverage = row.leverage.0.to_u32().unwrap_or(1).max(1);
    let cut = |value: Decimal| wire::cut(value, 8).normalize();
    let flat = row.position_amt.0.is_zero();
    let unless_flat = |value: Decimal| if flat { Decimal::ZERO } else { value.normalize() };
    Ok(PositionRisk {
        symbol,
        position_side: position_side(&row.position_side)?,
        position_amt: grid.qty(symbol, "position", row.position_amt.0)?,
        entry_price: unless_flat(row.entry_price.0),
        break_even_price: unless_flat(row.break_even_price.0),
        mark_price: grid.nearest(symbol, "mark price", row.mark_price.value())?,
        unrealized_profit: row.un_realized_profit.value().normalize(),
        liquidation_price: row.liquidation_price.value().normalize(),
        leverage,
        margin_type: margin_type(&row.margin_type)?,
        isolated_wallet: row.isolated_wallet.value().normalize(),
        initial_margin: cut(notional / Decimal::from(leverage)),
        maint_margin: if flat {
            Decimal::ZERO
        } else {
            cut(brackets.maint_margin(symbol, notional))
        },
        update_time: Nanos::from_millis(row.update_time),
    })
}

pub(super) fn margin_type(text: &wire::MarginTypeLower) -> Result<MarginType, WireError> {
    match text {
        wire::MarginTypeLower::Cross => Ok(MarginType::Crossed),
        wire::MarginTypeLower::Isolated => Ok(MarginType::Isolated),
        wire::MarginTypeLower::Other(other) => word("marginType", other, MarginType::parse),
    }
}

/// The part of `account` that is about money: its rows of positions are not read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountMoney {
    #[serde(flatten)]
    pub totals: wire::AccountTotals,
    pub assets: Vec<wire::AccountAsset>,
    #[serde(default)]
    pub can_trade: Option<bool>,
}

/// Wallets and profits are those of USDT; what is available and the margins are the account's.
pub(super) fn account(money: &AccountMoney) -> AccountBalance {
    let usdt = money.assets.iter().find(|asset| &*asset.asset == "USDT");
    let of = |pick: fn(&wire::AccountAsset) -> wire::Money| {
        usdt.map_or(Decimal::ZERO, |asset| pick(asset).value().normalize())
    };
    let all = |money: wire::Money| money.value().normalize();
    let totals = &money.totals;
    AccountBalance {
        wallet_balance: of(|asset| asset.wallet_balance),
        cross_wallet_balance: of(|asset| asset.cross_wallet_balance),
        unrealized_profit: of(|asset| asset.unrealized_profit),
        cross_unrealized_profit: of(|asset| asset.cross_un_pnl),
        margin_balance: all(totals.total_margin_balance),
        available_balance: all(totals.available_balance),
        max_withdraw: of(|asset| asset.max_withdraw_amount),
        initial_margin: all(totals.total_initial_margin),
        position_initial_margin: all(totals.total_position_initial_margin),
        open_order_initial_margin: all(totals.total_open_order_initial_margin),
        maint_margin: all(totals.total_maint_margin),
    }
}

fn symbol_info(
    row: &LooseSymbol,
    grid: &Grid,
    brackets: &Brackets,
) -> Result<SymbolInfo, WireError> {
    let symbol = grid.symbol(&row.symbol)?;
    let instrument = grid.of(symbol);
    let filters = row.filters();
    let units = |what, value: Decimal, decimals: u32| {
        let off = WireError::OffGrid { symbol: instrument.symbol, what, value, decimals };
        on_grid(value, decimals).ok_or(off)
    };
    Ok(SymbolInfo {
        name: instrument.symbol,
        symbol,
        trading: row.trades(),
        tick_size: units("tickSize", filters.tick_size, instrument.price_decimals)?,
        step_size: units("stepSize", filters.step_size, instrument.qty_decimals)?,
        min_qty: grid.qty(symbol, "minQty", filters.min_qty)?,
        market_max_qty: grid.qty(symbol, "maxQty", filters.market_max_qty)?,
        min_notional: filters.min_notional,
        max_leverage: brackets.max_leverage(symbol),
    })
}

/// What the answer to `request` says.
pub(super) fn answer_of(
    request: &Request,
    body: Body<'_>,
    grid: &Grid,
    brackets: &Brackets,
    known: &dyn Known,
) -> Result<Answer, WireError> {
    // Rows of symbols that are none of the session's are none of its business.
    let ours = |name: &str| grid.symbol(name).is_ok();
    Ok(match request {
        Request::NewOrder(_) | Request::ModifyOrder(_) | Request::CancelOrder { .. } => {
            Answer::Order(Box::new(order_answer(&body.read()?, grid, known)?))
        }
        Request::QueryOrder { .. } => Answer::Order(Box::new(order_row(&body.read()?, grid)?)),
        Request::BatchOrders(_) | Request::BatchModify(_) | Request::BatchCancel { .. } => {
            let rows: Vec<wire::BatchRow> = body.read()?;
            let row = |row: &wire::BatchRow| match row {
                wire::BatchRow::Done(answer) => order_answer(answer, grid, known).map(Ok),
                wire::BatchRow::Refused(error) => Ok(Err(ExchangeError::from(error.clone()))),
            };
            Answer::Orders(rows.iter().map(row).collect::<Result<_, _>>()?)
        }
        Request::OpenOrders { .. } => {
            let rows: Vec<wire::OrderRow> = body.read()?;
            let rows = rows.iter().filter(|row| ours(&row.symbol));
            Answer::Orders(rows.map(|row| order_row(row, grid).map(Ok)).collect::<Result<_, _>>()?)
        }
        Request::NewAlgoOrder(sent) => {
            Answer::AlgoOrder(Box::new(algo_placed(&body.read()?, sent)?))
        }
        Request::CancelAlgoOrder { .. } => {
            let cancelled: wire::AlgoCancelAnswer = body.read()?;
            match known.algo(AlgoId(cancelled.algo_id)) {
                Some(own) => Answer::AlgoOrder(Box::new(AlgoOrderState {
                    status: AlgoStatus::Canceled,
                    ..own.clone()
                })),
                None => Answer::Done,
            }
        }
        Request::QueryAlgoOrder { .. } => {
            Answer::AlgoOrder(Box::new(algo_row(&body.read()?, grid, known)?))
        }
        Request::OpenAlgoOrders { .. } => {
            let rows: Vec<wire::AlgoOrderRow> = body.read()?;
            let rows = rows.iter().filter(|row| ours(&row.symbol));
            let mut orders =
                rows.map(|row| algo_row(row, grid, known)).collect::<Result<Vec<_>, _>>()?;
            orders.sort_by_key(|order| order.algo_id);
            Answer::AlgoOrders(orders)
        }
        Request::PositionRisk => {
            let rows: Vec<wire::PositionRiskV2> = body.read()?;
            let rows = rows.iter().filter(|row| ours(&row.symbol));
            let mut rows =
                rows.map(|row| position_row(row, grid, brackets)).collect::<Result<Vec<_>, _>>()?;
            rows.sort_by_key(|row| (row.symbol, row.position_side));
            Answer::PositionRisk(rows.into())
        }
        Request::Account => Answer::Account(Box::new(account(&body.read()?))),
        Request::ExchangeInfo => {
            let info: LooseInfo = body.read()?;
            let rows = info.symbols.iter().filter(|row| ours(&row.symbol));
            let mut rows =
                rows.map(|row| symbol_info(row, grid, brackets)).collect::<Result<Vec<_>, _>>()?;
            rows.sort_by_key(|row| row.symbol);
            Answer::ExchangeInfo(rows)
        }
        Request::SetLeverage { .. } => {
            let set: wire::LeverageAnswer = body.read()?;
            let max_notional = set.max_notional_value.0.normalize();
            let symbol = grid.symbol(&set.symbol)?;
            Answer::Leverage { symbol, leverage: set.leverage, max_notional }
        }
        Request::AdlQuantile => {
            let rows: Vec<wire::AdlQuantileRow> = body.read()?;
            let mut found = Vec::new();
            for row in &rows {
                let Ok(symbol) = grid.symbol(&row.symbol) else { continue };
                let wire::AdlQuantiles { long, short, both, .. } = row.adl_quantile;
                let sides = match both {
                    Some(both) if long == 0 && short == 0 => {
                        vec![(PositionSide::Both, both)]
                    }
                    _ => vec![(PositionSide::Long, long), (PositionSide::Short, short)],
                };
                let row =
                    |(position_side, quantile)| AdlQuantile { symbol, position_side, quantile };
                found.extend(sides.into_iter().map(row));
            }
            Answer::AdlQuantile(found)
        }
        Request::TestOrder(_)
        | Request::CancelAllOpenOrders { .. }
        | Request::CountdownCancelAll { .. }
        | Request::CancelAllAlgoOrders { .. }
        | Request::SetMarginType { .. }
        | Request::ModifyPositionMargin { .. }
        | Request::SetPositionMode { .. }
        | Request::SetMultiAssetsMode { .. } => Answer::Done,
    })
}
