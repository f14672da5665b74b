//! Positions and their margin.

use std::collections::BTreeMap;

use engine::{Answer, PositionRisk, PositionSide, Request, SymbolIndex};
use sim_exchange::wire::{
    AdlQuantileRow, AdlQuantiles, JsonNumber, Num, PositionMarginAnswer, PositionMarginRow,
    PositionRiskV2, PositionRiskV3, VenueError,
};

use super::{Caller, Plan, Span, odd, page, sym, symbol, symbol_if_sent};
use crate::http::{Failure, Params};
use crate::shapes::accounts::Row;
use crate::shapes::{Sym, USDT, json, word};
use crate::venue::Venue;
use crate::venue::books::MarginMove;

fn is_asked(symbol: Option<SymbolIndex>) -> impl Fn(&&PositionRisk) -> bool {
    move |risk| symbol.is_none_or(|symbol| risk.symbol == symbol)
}

/// GET v2/positionRisk, and account.position: all symbols.
pub(crate) fn v2(venue: &mut Venue, caller: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let symbol = symbol_if_sent(venue, params)?;
    Ok(Plan::ask(Request::PositionRisk, move |venue, reply| {
        let Answer::PositionRisk(risks) = reply else { return Err(odd()) };
        let exchange = venue.exchange();
        let rows = risks.iter().filter(is_asked(symbol));
        let rows = rows.filter_map(|risk| Row::of(exchange, caller.account, risk));
        Ok(json(&rows.map(|row| row.risk_v2()).collect::<Vec<PositionRiskV2>>()))
    }))
}

/// GET v3/positionRisk, and v2/account.position: what is held or has open orders.
pub(crate) fn v3(venue: &mut Venue, caller: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let symbol = symbol_if_sent(venue, params)?;
    Ok(Plan::ask(Request::PositionRisk, move |venue, reply| {
        let Answer::PositionRisk(risks) = reply else { return Err(odd()) };
        let exchange = venue.exchange();
        let adl = exchange.adl_quantiles_of(caller.account);
        let rows = risks.iter().filter(is_asked(symbol));
        let rows = rows.filter_map(|risk| Row::of(exchange, caller.account, risk));
        let rows = rows.filter(Row::is_shown_by_v3).map(|row| row.risk_v3(&adl));
        Ok(json(&rows.collect::<Vec<PositionRiskV3>>()))
    }))
}

/// GET adlQuantile.
pub(crate) fn adl(venue: &mut Venue, caller: Caller, params: &Params<'_>) -> Result<Plan, Failure> {
    let asked = symbol_if_sent(venue, params)?;
    Ok(Plan::ask(Request::AdlQuantile, move |venue, reply| {
        let Answer::AdlQuantile(found) = reply else { return Err(odd()) };
        let hedge = venue.exchange().choice_of(caller.account).is_some_and(|choice| choice.hedge);
        let mut rows: BTreeMap<SymbolIndex, AdlQuantiles> = BTreeMap::new();
        for own in found.iter().filter(|own| asked.is_none_or(|asked| own.symbol == asked)) {
            let row = rows.entry(own.symbol).or_default();
            match own.position_side {
                PositionSide::Long => row.long = own.quantile,
                PositionSide::Short => row.short = own.quantile,
                PositionSide::Both => row.both = Some(own.quantile),
            }
            let choice = venue.exchange().symbol_choice_of(caller.account, own.symbol);
            let crossed =
                choice.is_some_and(|choice| choice.margin_type == engine::MarginType::Crossed);
            // A sign only.
            if hedge && crossed {
                row.hedge = Some(0);
            } else if hedge {
                row.both = Some(0);
            }
        }
        let shown = rows.into_iter().filter_map(|(symbol, adl_quantile)| {
            let symbol = Sym::of(venue.exchange(), symbol)?.name().into();
            Some(AdlQuantileRow { symbol, adl_quantile })
        });
        Ok(json(&shown.collect::<Vec<_>>()))
    }))
}

/// POST positionMargin.
pub(crate) fn set_margin(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let side = params.get("positionSide").map_or(Some(PositionSide::Both), PositionSide::parse);
    let position_side = side.ok_or_else(|| Failure::of(VenueError::InvalidPositionSide))?;
    let amount = params.decimal("amount")?.ok_or_else(|| Failure::missing("amount"))?;
    let direction = params.need_int("type")?;
    let add = match direction {
        1 => true,
        2 => false,
        _ => return Err(VenueError::InvalidParameter.naming(&[&"type"]).into()),
    };
    let request = Request::ModifyPositionMargin { symbol, position_side, amount, add };
    Ok(Plan::ask(request, move |venue, _| {
        let time = venue.now();
        if let Some(book) = venue.books.get_mut(usize::from(caller.account.0)) {
            book.margin_moves.push(MarginMove { symbol, side: position_side, add, amount, time });
        }
        Ok(json(&PositionMarginAnswer {
            amount: JsonNumber(amount),
            code: 200,
            msg: "Successfully modify position margin.".into(),
            direction: if add { 1 } else { 2 },
        }))
    }))
}

/// GET positionMargin/history: what the owner has moved.
pub(crate) fn margin_history(
    venue: &mut Venue,
    caller: Caller,
    params: &Params<'_>,
) -> Result<Plan, Failure> {
    let symbol = symbol(venue, params)?;
    let direction = params.int("type")?;
    let (span, limit) = (Span::read(params, 30)?, params.limit(500, 1_000)?);
    let sym = sym(venue, symbol)?;
    let book = venue.books.get(usize::from(caller.account.0));
    let own = book.into_iter().flat_map(|book| book.margin_moves.iter()).filter(|own| {
        let kind = if own.add { 1 } else { 2 };
        own.symbol == symbol && direction.is_none_or(|asked| asked == kind) && span.holds(own.time)
    });
    let rows = own.map(|own| PositionMarginRow {
        symbol: sym.name().into(),
        direction: if own.add { 1 } else { 2 },
        delta_type: "USER_ADJUST".into(),
        amount: Num(own.amount),
        asset: USDT.into(),
        time: own.time.millis(),
        position_side: word!(PositionSide, own.side),
    });
    let rows: Vec<PositionMarginRow> = rows.collect();
    Ok(Plan::Reply(json(&page(rows, limit, span.from.is_some()))))
}
