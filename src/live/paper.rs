//! A paper session: what its exchange is built from, and what is said of it.

use std::sync::Arc;

use engine::{Entries, JournalEntry, JournalError, JournalFile, MarketData, Nanos, Symbol};
use live::binance::{Finding, SymbolTerms, VenueFacts};
use live::clock::LiveClock;
use live::link::{Notice, Weight};
use scenarios::{PaperTerms, Scenario, SessionHeader, SessionParts, session_of};
use sim_exchange::{SimExchange, StatedFilters};

use super::place::Place;

/// What the venue says of its symbols, as our exchange takes it.
pub fn terms(facts: &VenueFacts) -> Result<PaperTerms, String> {
    let symbols = facts.instruments.iter().map(|one| one.symbol);
    let filters = symbols.zip(&facts.rules).map(|(symbol, told)| filters(symbol, told));
    Ok(PaperTerms { filters: filters.collect::<Result<_, _>>()? })
}

fn filters(symbol: Symbol, told: &SymbolTerms) -> Result<StatedFilters, String> {
    let needed = |name: &str, value: Option<_>| {
        value.ok_or_else(|| {
            format!("the venue tells no {name} of {symbol}: take it out of the session's symbols")
        })
    };
    let count = |limit: Option<u32>| limit.map(|limit| limit as usize);
    Ok(StatedFilters {
        symbol,
        valid_from: None,
        price_precision: Some(told.price_precision),
        quantity_precision: Some(told.quantity_precision),
        tick_size: needed("tick size", told.tick_size)?,
        step_size: needed("step size", told.step_size)?,
        min_price: told.min_price,
        max_price: told.max_price,
        min_qty: told.min_qty,
        max_qty: told.max_qty,
        market_max_qty: told.market_max_qty,
        min_notional: needed("smallest notional", told.min_notional)?,
        multiplier_up: told.multiplier_up,
        multiplier_down: told.multiplier_down,
        liquidation_fee: told.liquidation_fee,
        market_take_bound: told.market_take_bound,
        max_num_orders: count(told.max_num_orders),
        max_num_algo_orders: count(told.max_num_algo_orders),
        trigger_protect: told.trigger_protect,
    })
}

/// The header of a session's parts, which says from what its exchange is built.
pub fn header(parts: &SessionParts) -> Result<SessionHeader, String> {
    session_of(&parts.header).ok_or_else(|| "the session's header cannot be read".to_owned())
}

/// The exchange of a session that begins now.
fn exchange(scenario: &Scenario, facts: &VenueFacts, now: Nanos) -> Result<SimExchange, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let parts = scenario.session(facts.instruments.clone(), now).map_err(|error| said(&error))?;
    let parts = parts.on_paper(&terms(facts)?).map_err(|error| said(&error))?;
    scenario.paper_exchange(&header(&parts)?).map_err(|error| said(&error))
}

/// What is found of our own exchange before a session begins.
pub fn findings(scenario: &Scenario, place: &Place, clock: &Arc<LiveClock>) -> Vec<Finding> {
    let finding = |subject: &str, is: String, should_be: &str, change: &str, stops| Finding {
        subject: subject.to_owned(),
        is,
        should_be: should_be.to_owned(),
        change: change.to_owned(),
        stops,
    };
    let mut found = Vec::new();
    let facts = place.facts(scenario, clock);
    match facts.and_then(|facts| exchange(scenario, &facts, clock.now())) {
        Ok(exchange) => {
            let wallet = scenario.account.wallet;
            found.push(finding(
                "paper account",
                format!("{wallet} USDT, in this process alone"),
                "as the file says",
                "",
                false,
            ));
            for warning in exchange.warnings() {
                let change = "state the rules of today in [exchange]";
                found.push(finding("paper exchange", warning, "rules of today", change, false));
            }
        }
        Err(problem) => {
            let change = "change the symbols, [account] or [exchange] of the file";
            let should_be = "an exchange for every symbol";
            found.push(finding("paper exchange", problem, should_be, change, true));
        }
    }
    if let Some(rate) = scenario.exchange.funding_rate {
        found.push(finding(
            "funding",
            format!("{rate} every 8 h, as exchange.funding_rate says"),
            "the rates that the venue settles",
            "remove exchange.funding_rate, unless it is meant",
            false,
        ));
    }
    found
}

/// What a session's exchange assumes, for the log.
pub fn assumptions(scenario: &Scenario, exchange: &SimExchange) -> Vec<Notice> {
    let orders = "Orders: filled in this process, on the venue's market as it comes in here; the venue hears of none.";
    let funding = "Funding: paid when the venue tells the rate, some seconds after its time, on the position of then.";
    let told = scenario.exchange.funding_rate.is_none();
    let own = [orders].into_iter().chain(told.then_some(funding)).map(str::to_owned);
    let said = |text| Notice { weight: Weight::Info, what: "assumed", text };
    own.chain(exchange.assumptions()).map(said).collect()
}

/// The market that a session did not see while its process was dead.
pub struct Missed {
    /// Its last entry of before.
    pub from: Nanos,
    /// Of each symbol the last funding that it knows, by the venue's clock; none where the file states the rate.
    pub funding_since: Option<Vec<Nanos>>,
}

impl Missed {
    /// Behind what a journal has.
    pub fn behind(
        mut file: JournalFile,
        header: &SessionHeader,
        scenario: &Scenario,
    ) -> Result<Missed, JournalError> {
        let from = file.last_time()?;
        if scenario.exchange.funding_rate.is_some() {
            return Ok(Missed { from, funding_since: None });
        }
        let mut since = vec![header.start; header.instruments.len()];
        let pick = |entry| match entry {
            JournalEntry::MarketEvent(event) => match event.data {
                MarketData::FundingRate(_) => Some((event.symbol, event.delay)),
                _ => None,
            },
            _ => None,
        };
        let mut rates = Entries::new(file, pick)?;
        while let Some((time, (symbol, delay))) = rates.take()? {
            if let Some(last) = since.get_mut(usize::from(symbol.0)) {
                *last = (time - delay.span().unwrap_or(Nanos::ZERO)).max(*last);
            }
        }
        Ok(Missed { from, funding_since: Some(since) })
    }

    /// What the operator should know of it at `now`; so many positions are held.
    pub fn notice(&self, now: Nanos, positions: usize) -> Notice {
        let Missed { from, funding_since } = self;
        let funding = match funding_since {
            Some(_) => "the funding that was settled then is paid at the last known mark",
            None => "the stated funding of then is paid at the last known mark",
        };
        let text = format!(
            "nobody saw the market from {from} to {now}, {} s, with {positions} positions held: orders that it would have filled stand still, stops that it passed are triggered by the first new price, and {funding}",
            (now - *from).secs()
        );
        Notice { weight: Weight::Warning, what: "market_missed", text }
    }
}
