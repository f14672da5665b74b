//! `qsim compare`: the hours of a live session at the simulated exchange, and why the two earned differently.
//!
//! The session's own requests are the script: they are sent again, unchanged, to a simulated exchange that sees the
//! journal's market by the venue's clock, or, of a paper session, as its exchange saw it. A chain of runs, each of
//! which changes one thing, takes the causes out one by one; what is left is split order by order.
//!
//! Invariant: the parts sum to the difference, to the last decimal. A comparison whose parts do not is an error.

mod calibration;
mod counterfactual;
mod fit_latency;
mod fit_queue;
mod own;
mod parts;
mod report;
mod script;
mod venue_feed;

use std::path::Path;

use engine::Nanos;
use rayon::prelude::*;
use rust_decimal::Decimal;
use sim_exchange::MarketDepth;

pub use fit_latency::{FittedLatency, FittedLeg, FittedQuantile};
pub use fit_queue::{FittedQueue, QueueMisfit};
pub use report::{
    Cause, CausePart, CommissionRate, Comparison, Earned, OrderDifference, Unattributed,
};

use crate::{Scenario, ScenarioError};
use counterfactual::{Change, Simulated, Ways, simulate};
use fit_latency::measure;
use parts::{Fees, PaidRate, Told, Worth, fees_as_paid, funding_as_settled, rest};
use script::{Fate, LiveSession};

/// Compares the session of the journal at `path` with a simulation of it: as its own file says, or as `scenario` does.
pub fn compare(path: &Path, scenario: Option<&Scenario>) -> Result<Comparison, ScenarioError> {
    let mut session = LiveSession::read(path)?;
    if let Some(scenario) = scenario {
        session.scenario = scenario.clone();
    }
    let scenario = session.scenario.clone();
    let live = Told::of(&session.own);
    let worth = Worth::new(&session, &live);
    let measured = measure(&session);
    let mut notes = notes(&session, &scenario, measured.guessed);

    // As the file says; then with the ways that were measured; then with the queues that fit best.
    let as_file = Change { ways: Ways::File, queue: None };
    let first = simulate(&session, &scenario, measured.ahead, &as_file)?;
    let ways = match measured.arrivals.as_deref() {
        _ if session.is_paper() && session.has_ways_of(&scenario) => Ways::File,
        _ if session.is_paper() => Ways::OwnFile,
        Some(arrivals) => Ways::Measured(arrivals),
        None => Ways::File,
    };
    let timed = match ways {
        Ways::File => first.clone(),
        _ => simulate(&session, &scenario, measured.ahead, &Change { ways, queue: None })?,
    };
    let (queue, queued) = fit_queue(&session, &scenario, &live, (measured.ahead, ways), &timed)?;
    run_notes(&queued, &mut notes);

    let told = [&first, &timed, &queued].map(|run| Told::of(&run.own));
    let simulated = earned(&worth, &told[0], &told[0].fees(), told[0].funding());
    let result = |told: &Told, fees: &Fees, funding| earned(&worth, told, fees, funding).result;
    let with_latency = result(&told[1], &told[1].fees(), told[1].funding());
    let with_queue = result(&told[2], &told[2].fees(), told[2].funding());
    let fees = fees_as_paid(&worth, &live, &told[2]);
    let with_fees = result(&told[2], &fees, told[2].funding());
    let funding = funding_as_settled(&session, &worth, &live, &told[2], &mut notes);
    let with_funding = result(&told[2], &fees, funding);
    let earned_live = earned(&worth, &live, &live.fees(), live.funding());
    let rest = rest(&session, &worth, &live, &told[2], &fees);
    let unattributed: Decimal = rest.unattributed.iter().map(|one| one.amount).sum();
    let amounts = [
        with_latency - simulated.result,
        with_queue - with_latency,
        with_fees - with_queue,
        with_funding - with_fees,
        // Funding of a position that only one of the two has goes with the fills that made it.
        rest.fills + (live.funding() - funding),
        rest.slippage,
        unattributed,
    ];
    let difference = earned_live.result - simulated.result;
    let sum: Decimal = amounts.iter().sum();
    if sum != difference {
        return Err(ScenarioError::Build {
            origin: path.display().to_string(),
            problem: format!(
                "the parts sum to {sum}, and the difference is {difference}: this is a fault of `qsim compare`, please report it with the journal"
            ),
        });
    }
    let (from, to) = report::span(session.header.start, session.end);
    let rates = [false, true].map(|maker| {
        let paid = PaidRate::of(&worth, &live, maker);
        let (maker_fee, taker_fee) = queued.rates;
        CommissionRate {
            maker,
            fills: paid.fills,
            paid: paid.rate().map(|rate| rate.round_dp(8)),
            bounds: paid.bounds.map(|(low, high)| (low.round_dp(8), high.round_dp(8))),
            exact: paid.exact.is_some(),
            file: if maker { maker_fee } else { taker_fee },
        }
    });
    let parts = Cause::ALL.into_iter().zip(amounts);
    Ok(Comparison {
        scenario: scenario.name.clone(),
        venue: session.header.venue.clone(),
        from,
        to,
        requests: session.sent.iter().filter(|sent| sent.fate != Fate::Held).count() as u64,
        live: earned_live,
        simulated,
        difference,
        parts: parts.map(|(cause, amount)| CausePart { cause, amount }).collect(),
        orders: rest.orders,
        unattributed: rest.unattributed,
        latency: measured.fitted,
        queue,
        commissions: rates.to_vec(),
        notes,
    })
}

/// Runs the session with each model of queues, where there are queues, and chooses.
fn fit_queue(
    session: &LiveSession,
    scenario: &Scenario,
    live: &Told,
    (ahead, ways): (Nanos, Ways<'_>),
    timed: &Simulated,
) -> Result<(FittedQueue, Simulated), ScenarioError> {
    let depth = session.market.depth;
    if depth == MarketDepth::Trades {
        let lacks = Some(no_book(session).to_owned());
        return Ok((FittedQueue { lacks, ..FittedQueue::default() }, timed.clone()));
    }
    let own = scenario.exchange.queue.unwrap_or(scenario.exchange.profile.fills(depth).queue);
    let kinds = fit_queue::candidates(own);
    // Runs share nothing, and come back in the order of the models.
    let others: Result<Vec<Simulated>, ScenarioError> = kinds[1..]
        .par_iter()
        .map(|kind| simulate(session, scenario, ahead, &Change { ways, queue: Some(*kind) }))
        .collect();
    let mut runs = vec![timed.clone()];
    runs.extend(others?);
    let fitted = fit_queue::fit(session, live, &kinds, &runs);
    let chosen = fitted.model.and_then(|model| kinds.iter().position(|kind| *kind == model));
    let run = runs.swap_remove(chosen.unwrap_or(0));
    Ok((fitted, run))
}

/// Why there are no queues, and what to record.
fn no_book(session: &LiveSession) -> &'static str {
    match session.is_paper() {
        true => {
            "the paper exchange had no book, so there are no queues; it takes one if the file's market has one (model = \"order_flow\", or depth or quotes of recorded data)"
        }
        false => {
            "the journal's market has no book, so there are no queues, and takers fill at the last price; record one with quotes = true in [pipeline.price_feed]"
        }
    }
}

fn earned(worth: &Worth, told: &Told, fees: &Fees, funding: Decimal) -> Earned {
    let (gross, commission) = (worth.gross(told), -fees.values().sum::<Decimal>());
    Earned {
        orders: told.fills.len() as u64,
        fills: told.fills.values().map(|fills| fills.len() as u64).sum(),
        gross,
        commission,
        funding,
        result: gross + commission + funding,
    }
}

/// What of the session a reader should know.
fn notes(session: &LiveSession, scenario: &Scenario, guessed: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let counts = |sent: &&script::Sent| !script::only_asks(&sent.request);
    let count =
        |fate: Fate| session.sent.iter().filter(counts).filter(|sent| sent.fate == fate).count();
    let mut say = |count: usize, text: &str| {
        if count > 0 {
            notes.push(format!("{count} {text}"));
        }
    };
    say(
        count(Fate::Held),
        "requests were refused by the session's own limits and never left; they are not simulated",
    );
    say(
        count(Fate::Unknown),
        "requests ended with nobody knowing their outcome; they are simulated as sent",
    );
    say(
        count(Fate::Unanswered),
        "requests have no answer in the journal; they are simulated as sent",
    );
    // The ways of a paper session are known.
    let guessed = if session.is_paper() { 0 } else { guessed };
    say(
        guessed,
        "requests have no time stamp of the venue; their way there is taken as the median",
    );
    let untold = session.own.untold();
    say(
        untold.len(),
        "orders filled more than the journal's fills tell; what is missing is not compared",
    );
    for (what, (count, amount)) in &session.own.others {
        notes.push(format!(
            "{count} changes of the balance by {what}, {} USDT in all, are neither trading nor funding and not compared",
            amount.normalize()
        ));
    }
    let facts = &session.market;
    if scenario.exchange.funding_rate.is_none() && !facts.funding && !facts.index {
        notes.push(
            "neither the file nor the journal tells funding rates: the simulation pays none"
                .to_owned(),
        );
    }
    if facts.events == 0 {
        notes.push("the journal has no market: the simulation fills nothing".to_owned());
    }
    notes
}

fn run_notes(run: &Simulated, notes: &mut Vec<String>) {
    if run.otherwise > 0 {
        notes.push(format!(
            "{} requests were done by the one and refused by the other; their orders stand under fills",
            run.otherwise
        ));
    }
    if run.nameless > 0 {
        notes.push(format!(
            "{} requests name orders of which the journal does not know the client order id; they are not simulated",
            run.nameless
        ));
    }
}
