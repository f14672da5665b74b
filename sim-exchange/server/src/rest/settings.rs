//! What an account sets: leverage, margin type, position mode, multi-assets mode; and the brackets.

use engine::{Answer, MarginType, Request};
use sim_exchange::SimExchange;
use sim_exchange::wire::{
    BracketRow, JsonNumber, LeverageAnswer, MultiAssetsMode, Num, PositionMode, SymbolBrackets,
    SymbolConfig, VenueError,
};

use super::{Caller, Plan, SUCCESS, odd, sym, symbol, symbol_if_sent};
use crate::http::{Failure, Params};
use crate::shapes::{Sym, json, word};
use crate::venue::Venue;

/// POST leverage.
pub(crate) fn leverage(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let (symbol, leverage) = (symbol(venue, params)?, params.need_int("leverage")?);
    let invalid = |_| Failure::from(VenueError::InvalidLeverage.naming(&[&leverage]));
    let leverage = u32::try_from(leverage).map_err(invalid)?;
    Ok(Plan::ask(Request::SetLeverage { symbol, leverage }, |venue, reply| {
        let Answer::Leverage { symbol, leverage, max_notional } = reply else {
            return Err(odd());
        };
        Ok(json(&LeverageAnswer {
            leverage,
            max_notional_value: Num::shortest(max_notional),
            symbol: sym(venue, symbol)?.name().into(),
        }))
    }))
}

/// POST marginType.
pub(crate) fn margin_type(
    venue: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let margin_type = MarginType::parse(params.need("marginType")?)
        .ok_or_else(|| Failure::from(VenueError::InvalidParameter.naming(&[&"marginType"])))?;
    Ok(Plan::done(Request::SetMarginType { symbol, margin_type }, SUCCESS))
}

fn flag(params: &Params<'_>, name: &'static str) -> Result<bool, Failure> {
    params.bool(name)?.ok_or_else(|| Failure::missing(name))
}

/// POST positionSide/dual.
pub(crate) fn set_position_mode(
    _: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let dual = flag(params, "dualSidePosition")?;
    Ok(Plan::done(Request::SetPositionMode { dual }, SUCCESS))
}

/// GET positionSide/dual.
pub(crate) fn position_mode(
    venue: &mut Venue,
    caller: Caller,
    _: &Params<'_>,
) -> Result<Plan, Failure> {
    let choice = venue.exchange().choice_of(caller.account);
    let dual_side_position = choice.is_some_and(|choice| choice.hedge);
    Ok(Plan::Reply(json(&PositionMode { dual_side_position })))
}

/// POST multiAssetsMargin.
pub(crate) fn set_multi_assets(
    _: &mut Venue,
    _: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let multi_assets = flag(params, "multiAssetsMargin")?;
    Ok(Plan::done(Request::SetMultiAssetsMode { multi_assets }, SUCCESS))
}

/// GET multiAssetsMargin.
pub(crate) fn multi_assets(
    venue: &mut Venue,
    caller: Caller,
    _: &Params<'_>,
) -> Result<Plan, Failure> {
    let choice = venue.exchange().choice_of(caller.account);
    let multi_assets_margin = choice.is_some_and(|choice| choice.multi_assets);
    Ok(Plan::Reply(json(&MultiAssetsMode { multi_assets_margin })))
}

/// All symbols of the venue, or the one that was sent.
fn symbols(
    exchange: &SimExchange,
    asked: Option<engine::SymbolIndex>,
) -> impl Iterator<Item = engine::SymbolIndex> {
    let all = (0..exchange.instruments().len()).filter_map(|place| u16::try_from(place).ok());
    let all = all.map(engine::SymbolIndex);
    all.filter(move |symbol| asked.is_none_or(|asked| *symbol == asked))
}

/// GET symbolConfig.
pub(crate) fn symbol_config(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let asked = symbol_if_sent(venue, params)?;
    let exchange = venue.exchange();
    let rows = symbols(exchange, asked).filter_map(|symbol| {
        let choice = exchange.symbol_choice_of(caller.account, symbol)?;
        Some(SymbolConfig {
            symbol: Sym::of(exchange, symbol)?.name().into(),
            margin_type: word!(MarginType, choice.margin_type),
            is_auto_add_margin: false,
            leverage: choice.leverage,
            max_notional_value: Num::shortest(choice.max_notional),
        })
    });
    Ok(Plan::Reply(json(&rows.collect::<Vec<_>>())))
}

/// GET leverageBracket: a list, also for one symbol.
pub(crate) fn brackets(venue: &mut Venue, _: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let asked = symbol_if_sent(venue, params)?;
    let exchange = venue.exchange();
    let rows = symbols(exchange, asked).filter_map(|symbol| {
        let tiers = exchange.rules_of(symbol)?.brackets.iter().zip(1u32..);
        let row = |(tier, bracket): (&sim_exchange::Bracket, u32)| BracketRow {
            bracket,
            initial_leverage: tier.leverage,
            notional_cap: JsonNumber(tier.cap),
            notional_floor: JsonNumber(tier.floor),
            maint_margin_ratio: JsonNumber(tier.mmr),
            cum: JsonNumber(tier.cum),
        };
        Some(SymbolBrackets {
            symbol: Sym::of(exchange, symbol)?.name().into(),
            notional_coef: None,
            brackets: tiers.map(row).collect(),
        })
    });
    Ok(Plan::Reply(json(&rows.collect::<Vec<_>>())))
}
