//! The account: its money, its fees, its limits.

use engine::{AccountBalance, Answer, Request};
use sim_exchange::wire::{
    AccountConfig, AccountV2, AccountV3, BalanceRow, CommissionRate, FeeBurn, Num, RateLimit,
    RateLimitInterval, RateLimitType, VenueError,
};
use sim_exchange::{AccountChoice, SimExchange};

use super::{Caller, Plan, SUCCESS, done, odd, sym, symbol};
use crate::http::{Failure, Params, Reply};
use crate::shapes::accounts::{Asset, Row, asset, asset_v2, assets, balance_row, totals};
use crate::shapes::json;
use crate::venue::Venue;

fn choice(exchange: &SimExchange, caller: Caller) -> Result<AccountChoice, Failure> {
    exchange.choice_of(caller.account).ok_or_else(|| VenueError::RejectedApiKey.into())
}

/// The account's money, and what `show` makes of it.
fn with_balance(
    caller: Caller,
    show: fn(&Venue, Caller, &AccountBalance, &[Asset]) -> Result<Reply, Failure>,
) -> Plan {
    Plan::ask(Request::Account, move |venue, reply| {
        let Answer::Account(balance) = reply else { return Err(odd()) };
        let book = venue.books.get(usize::from(caller.account.0));
        let update_time = book.map_or(0, |book| book.balance_time.millis());
        let assets = assets(venue.exchange(), caller.account, &balance, update_time);
        show(venue, caller, &balance, &assets)
    })
}

/// GET v2/account, and account.status.
pub(crate) fn v2(_: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    Ok(with_balance(caller, |venue, caller, balance, assets| {
        let exchange = venue.exchange();
        let choice = choice(exchange, caller)?;
        let book = venue.books.get(usize::from(caller.account.0));
        let risks = exchange.position_rows_of(caller.account);
        let rows = risks.iter().filter_map(|risk| Row::of(exchange, caller.account, risk));
        Ok(json(&AccountV2 {
            fee_tier: u8::from(choice.vip).into(),
            fee_burn: (!caller.ws).then(|| book.is_some_and(|book| book.fee_burn)),
            can_trade: true,
            can_deposit: true,
            can_withdraw: true,
            update_time: 0,
            multi_assets_margin: choice.multi_assets,
            trade_group_id: -1,
            totals: totals(exchange, caller.account, balance),
            assets: assets.iter().map(asset_v2).collect(),
            positions: rows.map(|row| row.account_v2(caller.ws)).collect(),
        }))
    }))
}

/// GET v3/account, and v2/account.status.
pub(crate) fn v3(_: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    Ok(with_balance(caller, |venue, caller, balance, assets| {
        let exchange = venue.exchange();
        let risks = exchange.position_rows_of(caller.account);
        let rows = risks.iter().filter_map(|risk| Row::of(exchange, caller.account, risk));
        Ok(json(&AccountV3 {
            totals: totals(exchange, caller.account, balance),
            assets: assets.iter().map(asset).collect(),
            positions: rows.filter(Row::is_shown_by_v3).map(|row| row.account_v3()).collect(),
        }))
    }))
}

/// GET v2/balance, v3/balance, and both account.balance.
pub(crate) fn balance(_: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    Ok(with_balance(caller, |_, caller, _, assets| {
        let rows = assets.iter().map(|asset| balance_row(caller.account, asset));
        Ok(json(&rows.collect::<Vec<BalanceRow>>()))
    }))
}

/// GET accountConfig.
pub(crate) fn config(venue: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    let choice = choice(venue.exchange(), caller)?;
    Ok(Plan::Reply(json(&AccountConfig {
        fee_tier: u8::from(choice.vip).into(),
        can_trade: true,
        can_deposit: true,
        can_withdraw: true,
        dual_side_position: choice.hedge,
        update_time: 0,
        multi_assets_margin: choice.multi_assets,
        trade_group_id: -1,
    })))
}

/// GET commissionRate. RPI orders do not exist here; their rate is that of orders that rest.
pub(crate) fn commission(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let choice = choice(venue.exchange(), caller)?;
    Ok(Plan::Reply(json(&CommissionRate {
        symbol: sym(venue, symbol)?.name().into(),
        maker_commission_rate: Num::cut(choice.maker_rate, 6),
        taker_commission_rate: Num::cut(choice.taker_rate, 6),
        rpi_commission_rate: Num::cut(choice.maker_rate, 6),
    })))
}

/// GET feeBurn.
pub(crate) fn fee_burn(venue: &mut Venue, caller: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    let book = venue.books.get(usize::from(caller.account.0));
    Ok(Plan::Reply(json(&FeeBurn { fee_burn: book.is_some_and(|book| book.fee_burn) })))
}

/// POST feeBurn. Nobody holds BNB here, so that fees stay in USDT, as they do there.
pub(crate) fn set_fee_burn(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let wanted = params.bool("feeBurn")?.ok_or_else(|| Failure::missing("feeBurn"))?;
    if let Some(book) = venue.books.get_mut(usize::from(caller.account.0)) {
        book.fee_burn = wanted;
    }
    Ok(Plan::Reply(done(SUCCESS)))
}

/// The limits of orders, or all of them.
pub(crate) fn rate_limits(venue: &Venue) -> [RateLimit; 3] {
    let limits = &venue.gate.limits;
    let row = |rate_limit_type, interval, interval_num, limit| RateLimit {
        rate_limit_type,
        interval,
        interval_num,
        limit,
    };
    use RateLimitInterval::{Minute, Second};
    use RateLimitType::{Orders, RequestWeight};
    [
        row(RequestWeight, Minute, 1, limits.request_weight_1m),
        row(Orders, Second, 10, limits.orders_10s),
        row(Orders, Minute, 1, limits.orders_1m),
    ]
}

/// GET rateLimit/order.
pub(crate) fn order_limits(venue: &mut Venue, _: Caller, _: &Params<'_>) -> Result<Plan, Failure> {
    Ok(Plan::Reply(json(&&rate_limits(venue)[1..])))
}

/// GET apiTradingStatus: no rule of it is simulated, so that nobody is locked.
pub(crate) fn trading_status(
    venue: &mut Venue,
    _: Caller,
    _: &Params<'_>,
) -> Result<Plan, Failure> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct TradingStatus {
        indicators: sim_exchange::wire::Empty,
        update_time: i64,
    }
    let indicators = sim_exchange::wire::Empty {};
    Ok(Plan::Reply(json(&TradingStatus { indicators, update_time: venue.now().millis() })))
}
