//! What was: orders, trades, amendments, forced orders, income.

use engine::Nanos;
use sim_exchange::IncomeType;
use sim_exchange::wire::{
    Amendment, AmendmentRow, BeforeAfter, ForceOrder, IncomeRow, Money, UserTrade, VenueError,
};

use super::orders::order_ref;
use super::{Caller, Plan, Span, page, sym, symbol, symbol_if_sent};
use crate::http::{Failure, Params};
use crate::shapes::orders::{force_order, rows, user_trade};
use crate::shapes::{Sym, USDT, json};
use crate::venue::Venue;
use crate::venue::books::{AccountBook, Amended, Income};

const DAY: i64 = 86_400;

fn book(venue: &Venue, caller: Caller) -> Result<&AccountBook, Failure> {
    let book = venue.books.get(usize::from(caller.account.0));
    book.ok_or_else(|| VenueError::RejectedApiKey.into())
}

/// GET allOrders. Orders without a fill are forgotten three days after their end, others after 90.
pub(crate) fn orders(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let (span, limit) = (Span::read(params, 7)?, params.limit(500, 1_000)?);
    let from = params.int("orderId")?.map(|id| u64::try_from(id).unwrap_or(0));
    let now = venue.now();
    let of_symbol = venue.exchange().orders_of(caller.account).filter(|order| {
        let days = if order.executed_qty.0 == 0 { 3 } else { 90 };
        let old =
            order.status.is_terminal() && now - order.update_time > Nanos::from_secs(days * DAY);
        order.symbol == symbol
            && !old
            && from.is_none_or(|from| order.order_id.0 >= from)
            && span.holds(order.time)
    });
    let found = rows(venue.exchange(), of_symbol);
    Ok(Plan::Reply(json(&page(found, limit, from.is_some() || span.from.is_some()))))
}

/// GET userTrades.
pub(crate) fn trades(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let (span, limit) = (Span::read(params, 7)?, params.limit(500, 1_000)?);
    let number = |id: i64| u64::try_from(id).unwrap_or(0);
    let from = params.int("fromId")?.map(number);
    let order = params.int("orderId")?.map(number);
    if from.is_some() && !span.is_open() {
        return Err(VenueError::BadCombination.into());
    }
    let sym = sym(venue, symbol)?;
    let found = book(venue, caller)?.trades.iter().filter(|kept| {
        kept.symbol == symbol
            && from.is_none_or(|from| kept.fill.trade_id >= from)
            && order.is_none_or(|order| kept.order_id == order)
            && span.holds(kept.fill.time)
    });
    let found: Vec<UserTrade> = found.map(|kept| user_trade(sym, kept)).collect();
    Ok(Plan::Reply(json(&page(found, limit, from.is_some() || span.from.is_some()))))
}

/// GET orderAmendment: the newest first.
pub(crate) fn amendments(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let (order, span) = (order_ref(params)?, Span::read(params, 90)?);
    let limit = params.limit(50, 100)?;
    let sym = sym(venue, symbol)?;
    let is_its = |row: &&Amended| match &order {
        engine::OrderRef::Id(id) => row.order_id == id.0,
        engine::OrderRef::Client(id) => row.client_order_id == *id,
    };
    let own = book(venue, caller)?.amendments.iter().rev().filter(is_its);
    let own = own.filter(|row| row.symbol == symbol && span.holds(row.time)).take(limit);
    let found: Vec<AmendmentRow> = own.map(|row| amendment(sym, row)).collect();
    Ok(Plan::Reply(json(&found)))
}

fn amendment(sym: Sym<'_>, row: &Amended) -> AmendmentRow {
    let price = |price| sym.precision.price(sym.price_or_none(price));
    let qty = |qty| sym.precision.quantity(sym.qty(qty));
    AmendmentRow {
        amendment_id: row.id,
        symbol: sym.name().into(),
        pair: sym.name().into(),
        order_id: row.order_id,
        client_order_id: (*row.client_order_id.0).into(),
        time: row.time.millis(),
        amendment: Amendment {
            price: BeforeAfter { before: price(row.price.0), after: price(row.price.1) },
            orig_qty: BeforeAfter { before: qty(row.qty.0), after: qty(row.qty.1) },
            count: row.count,
        },
    }
}

/// GET forceOrders: those of the last 90 days.
pub(crate) fn forced(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol_if_sent(venue, params)?;
    let prefix = match params.get("autoCloseType") {
        None => "",
        Some("LIQUIDATION") => "autoclose-",
        Some("ADL") => "adl_autoclose",
        Some(_) => {
            return Err(VenueError::InvalidParameter.naming(&[&"autoCloseType"]).into());
        }
    };
    let (span, limit) = (Span::unbounded(params)?, params.limit(50, 100)?);
    let now = venue.now();
    let own = book(venue, caller)?.force_orders.iter().filter(|order| {
        let is_old = now - order.time > Nanos::from_secs(90 * DAY);
        !is_old
            && symbol.is_none_or(|symbol| order.symbol == symbol)
            && order.client_order_id.0.starts_with(prefix)
            && span.holds(order.time)
    });
    let shown = |order: &engine::OrderState| {
        Some(force_order(Sym::of(venue.exchange(), order.symbol)?, order))
    };
    let found: Vec<ForceOrder> = own.filter_map(shown).collect();
    Ok(Plan::Reply(json(&page(found, limit, span.from.is_some()))))
}

/// The name of an income type as the wire has it.
fn income_name(income: IncomeType) -> &'static str {
    match income {
        IncomeType::Transfer => "TRANSFER",
        IncomeType::RealizedPnl => "REALIZED_PNL",
        IncomeType::Commission => "COMMISSION",
        IncomeType::FundingFee => "FUNDING_FEE",
        IncomeType::InsuranceClear => "INSURANCE_CLEAR",
        IncomeType::AutoExchange => "AUTO_EXCHANGE",
    }
}

/// GET income: the last seven days where no time is said. Without `startTime` and `page` the newest rows; all
/// pages count from the oldest row, so that none shows what another one does.
pub(crate) fn income(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let (symbol, wanted) = (symbol_if_sent(venue, params)?, params.get("incomeType"));
    let (mut span, limit) = (Span::read(params, 90)?, params.limit(100, 1_000)?);
    let asked = params.int("page")?;
    let at_page = usize::try_from(asked.unwrap_or(1).max(1)).unwrap_or(1);
    let from_start = span.from.is_some() || asked.is_some();
    if span.is_open() {
        span.from = Some(venue.now().millis() - 7 * DAY * 1_000);
    }
    let own = book(venue, caller)?.income.iter().filter(|row| {
        wanted.is_none_or(|wanted| income_name(row.income_type) == wanted)
            && symbol.is_none_or(|symbol| row.symbol == Some(symbol))
            && span.holds(row.time)
    });
    let found = own.skip((at_page - 1).saturating_mul(limit));
    let found: Vec<IncomeRow> = found.map(|row| income_row(venue, row)).collect();
    Ok(Plan::Reply(json(&page(found, limit, from_start))))
}

pub(crate) fn income_row(venue: &Venue, row: &Income) -> IncomeRow {
    let name = income_name(row.income_type);
    let symbol = row.symbol.and_then(|symbol| Sym::of(venue.exchange(), symbol));
    IncomeRow {
        symbol: symbol.map_or_else(Box::default, |sym| sym.name().into()),
        income_type: name.into(),
        income: Money::new(row.amount),
        asset: USDT.into(),
        info: name.into(),
        time: row.time.millis(),
        tran_id: row.serial + 1,
        trade_id: row.trade_id.map_or_else(Box::default, |id| id.to_string().into()),
    }
}
