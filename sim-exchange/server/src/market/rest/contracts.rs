//! Open interest, the insurance fund, deleveraging risk, and what indices are made of.

use binance_wire::{
    AdlRisk, AssetIndex, InsuranceAsset, InsuranceFund, Money, Num, OpenInterest, SymbolAdlRisk,
};
use serde::Serialize;
use sim_exchange::wire::VenueError;

use super::{Asked, reply};
use crate::http::{Failure, Reply};

/// What the accounts of this venue hold; who else holds positions nobody says.
pub(super) fn open_interest(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    let open_interest = view.grid.qty(asked.exchange.open_interest(view.index).0);
    reply(&OpenInterest { open_interest, symbol: view.name.clone(), time: asked.now })
}

/// One fund for all symbols.
pub(super) fn insurance(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let fund = InsuranceFund {
        symbols: asked.view.symbols().map(|view| view.name.clone()).collect(),
        assets: vec![InsuranceAsset {
            asset: "USDT".into(),
            margin_balance: Num::shortest(asked.exchange.insurance_fund()),
            update_time: asked.now,
        }],
    };
    if asked.params.get("symbol").is_some() {
        asked.symbol()?;
        return reply(&fund);
    }
    reply(&[fund])
}

/// Low while the insurance fund holds anything, for then nobody is deleveraged; high without it.
pub(super) fn adl_risk(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let safe = asked.exchange.insurance_fund() > rust_decimal::Decimal::ZERO;
    asked.one_or_all(|view| {
        Some(SymbolAdlRisk {
            symbol: view.name.clone(),
            adl_risk: if safe { AdlRisk::Low } else { AdlRisk::High },
            update_time: asked.now,
        })
    })
}

pub(super) fn asset_index(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let mut rows = asked.view.assets().map(|asset| asset.row(asked.now));
    match asked.params.get("symbol") {
        Some(symbol) => {
            let found = rows.find(|row| &*row.symbol == symbol);
            reply(&found.ok_or_else(|| Failure::of(VenueError::InvalidSymbol))?)
        }
        None => reply(&rows.collect::<Vec<AssetIndex>>()),
    }
}

#[derive(Serialize)]
struct Constituents {
    symbol: Box<str>,
    time: i64,
    constituents: Vec<Constituent>,
}

#[derive(Serialize)]
struct Constituent {
    exchange: &'static str,
    symbol: Box<str>,
    price: Money,
    weight: Money,
}

/// The market tells one index and not what it is made of: it is its own only part.
pub(super) fn constituents(asked: &Asked<'_>) -> Result<Reply, Failure> {
    let view = asked.symbol()?;
    let price = view.index_or_mark().map(|price| Constituent {
        exchange: "binance",
        symbol: view.name.clone(),
        price: Money::new(view.grid.price_value(price)),
        weight: Money::new(rust_decimal::Decimal::ONE),
    });
    reply(&Constituents {
        symbol: view.name.clone(),
        time: asked.now,
        constituents: price.into_iter().collect(),
    })
}

/// There are no composite indices here.
pub(super) fn composite_index(asked: &Asked<'_>) -> Result<Reply, Failure> {
    match asked.params.get("symbol") {
        Some(_) => Err(VenueError::InvalidSymbol.into()),
        None => Ok(b"[]".to_vec()),
    }
}

/// Nothing with trading hours is traded here.
pub(super) fn trading_schedule(asked: &Asked<'_>) -> Result<Reply, Failure> {
    Ok(format!("{{\"updateTime\":{},\"marketSchedules\":{{}}}}", asked.now).into_bytes())
}
