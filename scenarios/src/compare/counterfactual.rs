//! A session's own requests, sent to the simulated exchange again.
//!
//! Invariant: what is sent is what the session sent. A run differs from another only in what its [`Change`] says.
//! Invariant: the exchange sees its market when the session's own exchange saw it: a venue elsewhere when it happened, that of
//! a paper session, which is in the session's process, when it was received.

use engine::{
    AccountId, Entries, Exchange as _, ExchangeEvent, FeedError, JournalEntry, JournalFile,
    MarketData, MarketEvent, Nanos, Outcome, Quantiles, RequestId, Sender,
};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;
use sim_exchange::depth::QueueKind;

use super::own::Own;
use super::script::{Fate, LiveSession};
use super::venue_feed::VenueFeed;
use crate::market::OpenMarket;
use crate::{Scenario, ScenarioError, venue};

/// What is not as the file says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    /// How long requests are under way.
    pub(crate) ways: Ways<'a>,
    /// How queues move.
    pub(crate) queue: Option<QueueKind>,
}

/// How long requests are under way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ways<'a> {
    /// As the file says.
    File,
    /// When each request reaches the venue, by the venue's clock, as it was measured.
    Measured(&'a [Nanos]),
    /// As the session's own file says: its exchange was in its process, and took exactly that long.
    OwnFile,
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
    let exchange = exchange(session, scenario, start, change)?;
    let mut run = Run { session, exchange, result: Simulated::default(), told: Vec::new() };
    match session.is_paper() {
        true => run.as_received()?,
        false => run.as_happened(scenario, start, ahead, change)?,
    }
    let Run { exchange, mut result, .. } = run;
    exchange.check_conservation().map_err(|problem| ScenarioError::Build {
        origin: scenario.origin.clone(),
        problem: format!("the simulated exchange: {problem}"),
    })?;
    if let Some(choice) = exchange.choice_of(AccountId::default()) {
        result.rates = (choice.maker_rate, choice.taker_rate);
    }
    Ok(result)
}

/// What a paper session's journal tells of its exchange.
enum Step {
    Market(MarketEvent),
    Sent(RequestId),
    /// The exchange said something, so all was done by then that was due.
    Told,
}

/// One run.
struct Run<'a> {
    session: &'a LiveSession,
    exchange: SimExchange,
    result: Simulated,
    told: Vec<ExchangeEvent>,
}

impl Run<'_> {
    /// A venue elsewhere: the market by the venue's clock, and each request when it gets there.
    fn as_happened(
        &mut self,
        scenario: &Scenario,
        start: Nanos,
        ahead: Nanos,
        change: &Change<'_>,
    ) -> Result<(), ScenarioError> {
        let session = self.session;
        // Requests in the order in which they are handed over.
        let mut script: Vec<(Nanos, usize)> = (0..session.sent.len())
            .filter(|place| session.sent[*place].fate != Fate::Held)
            .map(|place| {
                let time = match change.ways {
                    Ways::Measured(arrivals) => arrivals[place],
                    Ways::File | Ways::OwnFile => session.sent[place].time + ahead,
                };
                (time.max(start), place)
            })
            .collect();
        script.sort_by_key(|(time, _)| *time);
        let mut script = script.into_iter().peekable();
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
                self.submit(time, place);
            }
            self.observe(&event);
        }
        for (time, place) in script {
            self.submit(time, place);
        }
        self.end(session.end + ahead);
        Ok(())
    }

    /// An exchange in the session's process: market and requests came to it in the order of the journal.
    fn as_received(&mut self) -> Result<(), ScenarioError> {
        let pick = |entry| match entry {
            JournalEntry::MarketEvent(event) => Some(Step::Market(event)),
            JournalEntry::Submit { id, .. } => Some(Step::Sent(id)),
            JournalEntry::Exchange(_) | JournalEntry::PositionRisk { .. } => Some(Step::Told),
            _ => None,
        };
        let session = self.session;
        let mut steps = Entries::new(JournalFile::open(&session.path)?, pick)?;
        while let Some((time, step)) = steps.take()? {
            match step {
                Step::Market(event) => self.observe(&event),
                Step::Sent(id) => {
                    let place = session.sent.binary_search_by_key(&id, |sent| sent.id);
                    let held = |place: &usize| session.sent[*place].fate == Fate::Held;
                    if let Some(place) = place.ok().filter(|place| !held(place)) {
                        self.submit(time, place);
                    }
                }
                Step::Told => self.advance(time),
            }
        }
        self.end(session.end);
        Ok(())
    }

    fn observe(&mut self, event: &MarketEvent) {
        self.advance(Nanos(event.time.0 - 1));
        if usize::from(event.symbol.0) < self.session.header.instruments.len() {
            self.exchange.observe(event);
        }
    }

    fn end(&mut self, time: Nanos) {
        let end = time.max(self.exchange.now());
        self.exchange.advance(end, &mut self.told);
        self.hear();
    }

    fn submit(&mut self, time: Nanos, place: usize) {
        // What was due before this request has an order of its own.
        self.advance(Nanos(time.0 - 1));
        let sent = &self.session.sent[place];
        let Some(request) = self.session.by_name(&sent.request) else {
            self.result.nameless += 1;
            return;
        };
        let from = Sender { service: sent.service, account: AccountId::default() };
        self.exchange.submit(time, from, sent.id, request);
    }

    /// Does what is due by then, if anything is.
    fn advance(&mut self, now: Nanos) {
        if self.exchange.next_due() <= now {
            self.exchange.advance(now, &mut self.told);
            self.hear();
        }
    }

    fn hear(&mut self) {
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
    if let Ways::OwnFile = change.ways {
        scenario.seed = session.own_file.seed;
        scenario.exchange.take_ways_of(&session.own_file.exchange);
    }
    // What waits on its way back when a paper session ends, its journal does not have either.
    let as_it_was = session.is_paper() && session.has_ways_of(&scenario);
    let own = &mut scenario.exchange;
    if !as_it_was {
        own.response_latency_us = 0;
        if let Some(table) = &mut own.latency {
            // As many draws as before, so that the ways there stay the same.
            table.response = table.response.as_ref().map(|_| Quantiles(vec![(0, 0), (1_000, 0)]));
            table.rows.iter_mut().for_each(|row| row.response = Nanos::ZERO);
        }
    }
    if let Ways::Measured(_) = change.ways {
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
        feed: (),
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
