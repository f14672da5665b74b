//! A session's own requests, sent to the simulated exchange again.
//!
//! Invariant: what is sent is what the session sent. A run differs from another only in what its [`Change`] says.

use engine::{
    AccountId, Exchange as _, ExchangeEvent, FeedError, MarketData, Nanos, Outcome, Quantiles,
    Sender,
};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;
use sim_exchange::depth::QueueKind;

use super::own::Own;
use super::script::{Fate, LiveSession};
use super::venue_feed::VenueFeed;
use crate::market::OpenMarket;
use crate::served::NoFeed;
use crate::{Scenario, ScenarioError, venue};

/// What is not as the file says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    /// When each request reaches the venue, by the venue's clock.
    pub(crate) arrivals: Option<&'a [Nanos]>,
    /// How queues move.
    pub(crate) queue: Option<QueueKind>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Simulated {
    pub(crate) own: Own,
    /// Requests that the venue did and the simulation refused, or the other way round.
    pub(crate) otherwise: u64,
    /// Maker and taker fee of the file.
    pub(crate) rates: (Decimal, Decimal),
    /// Requests that name an order that nobody has told of.
    pub(crate) nameless: u64,
}

/// Sends the session's requests to the exchange of `scenario`. The clock of the venue is `ahead` of the session's.
pub(crate) fn simulate(
    session: &LiveSession,
    scenario: &Scenario,
    ahead: Nanos,
    change: &Change<'_>,
) -> Result<Simulated, ScenarioError> {
    // All of it happens by the venue's clock.
    let start = session.header.start + ahead;
    let mut exchange = exchange(session, scenario, start, change)?;
    // Requests in the order in which they are handed over.
    let mut script: Vec<(Nanos, usize)> = (0..session.sent.len())
        .filter(|place| session.sent[*place].fate != Fate::Held)
        .map(|place| {
            let sent = session.sent[place].time + ahead;
            let time = change.arrivals.map_or(sent, |arrivals| arrivals[place]);
            (time.max(start), place)
        })
        .collect();
    script.sort_by_key(|(time, _)| *time);
    let mut script = script.into_iter().peekable();
    let mut run = Run { session, result: Simulated::default(), told: Vec::new() };
    let mut feed = VenueFeed::open(&session.path, session.market.longest, start)?;
    let fault = |source: FeedError| ScenarioError::Build {
        origin: scenario.origin.clone(),
        problem: source.to_string(),
    };
    while let Some(mut event) = feed.next().map_err(fault)? {
        if let MarketData::Bar(bar) = &mut event.data
            && !session.market.trades
        {
            // Whoever hears no trades has prices from bars alone.
            bar.path_passed = false;
        }
        while let Some((time, place)) = script.next_if(|(time, _)| *time < event.time) {
            run.submit(&mut exchange, time, place);
        }
        let before = Nanos(event.time.0 - 1);
        if exchange.next_due() <= before {
            run.advance(&mut exchange, before);
        }
        if usize::from(event.symbol.0) < session.header.instruments.len() {
            exchange.observe(&event);
        }
    }
    for (time, place) in script {
        run.submit(&mut exchange, time, place);
    }
    let end = (session.end + ahead).max(exchange.now());
    run.advance(&mut exchange, end);
    exchange.check_conservation().map_err(|problem| ScenarioError::Build {
        origin: scenario.origin.clone(),
        problem: format!("the simulated exchange: {problem}"),
    })?;
    if let Some(choice) = exchange.choice_of(AccountId::default()) {
        run.result.rates = (choice.maker_rate, choice.taker_rate);
    }
    Ok(run.result)
}

/// One run.
struct Run<'a> {
    session: &'a LiveSession,
    result: Simulated,
    told: Vec<ExchangeEvent>,
}

impl Run<'_> {
    fn submit(&mut self, exchange: &mut SimExchange, time: Nanos, place: usize) {
        // What was due before this request has an order of its own.
        if exchange.next_due() < time {
            self.advance(exchange, Nanos(time.0 - 1));
        }
        let sent = &self.session.sent[place];
        let Some(request) = self.session.by_name(&sent.request) else {
            self.result.nameless += 1;
            return;
        };
        let from = Sender { service: sent.service, account: AccountId::default() };
        exchange.submit(time, from, sent.id, request);
    }

    fn advance(&mut self, exchange: &mut SimExchange, now: Nanos) {
        exchange.advance(now, &mut self.told);
        for event in self.told.drain(..) {
            if let ExchangeEvent::Response { request, outcome, .. } = &event {
                let sent = self.session.sent.binary_search_by_key(request, |sent| sent.id);
                let fate = sent.map_or(Fate::Unknown, |place| self.session.sent[place].fate);
                let unlike = matches!(
                    (outcome, fate),
                    (Outcome::Refused(_), Fate::Done) | (Outcome::Done(_), Fate::Refused)
                );
                self.result.otherwise += u64::from(unlike);
            }
            self.result.own.hear(&event);
        }
    }
}

/// The file's exchange. Ways back take no time: nothing that is compared depends on them, because the requests are
/// those of the session.
fn exchange(
    session: &LiveSession,
    scenario: &Scenario,
    start: Nanos,
    change: &Change<'_>,
) -> Result<SimExchange, ScenarioError> {
    let build = |problem: String| ScenarioError::Build { origin: scenario.origin.clone(), problem };
    let mut scenario = scenario.clone();
    let own = &mut scenario.exchange;
    own.response_latency_us = 0;
    if let Some(table) = &mut own.latency {
        // As many draws as before, so that the ways there stay the same.
        table.response = table.response.as_ref().map(|_| Quantiles(vec![(0, 0), (1_000, 0)]));
        table.rows.iter_mut().for_each(|row| row.response = Nanos::ZERO);
    }
    if change.arrivals.is_some() {
        (own.request_latency_us, own.latency) = (0, None);
    }
    if session.market.depth == sim_exchange::MarketDepth::Trades {
        own.queue = None;
    } else {
        own.queue = change.queue.or(own.queue);
    }
    let facts = &session.market;
    if own.funding_rate.is_none() && !facts.funding && !facts.index {
        own.funding_rate = Some(Decimal::ZERO);
    }
    let rules = scenario.session_rules(&session.header).map_err(build)?;
    let own = &scenario.exchange;
    let market = OpenMarket {
        feed: Box::new(NoFeed),
        instruments: session.header.instruments.clone(),
        range: (start, Nanos(session.end.0 + 1)),
        identity: serde_json::Value::Null,
        warnings: Vec::new(),
        tells_funding: facts.funding && own.funding_rate.is_none(),
        tells_index: facts.index,
        depth: facts.depth,
        halts: Vec::new(),
    };
    venue::build(&scenario, &market, &rules, Vec::new(), 0).map_err(build)
}
