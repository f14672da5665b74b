//! A live session as its journal has it: what it sent, what came of it, and the facts of its market.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    AlgoRef, Answer, Entries, ExchangeEvent, ExecutionType, JournalEntry, JournalError,
    JournalFile, MarketData, MarketEvent, Nanos, NewOrder, OWN_REFUSAL, OrderRef, Outcome, Request,
    RequestId, ServiceId, UserEvent,
};
use sim_exchange::MarketDepth;

use super::own::{OrderKey, Own};
use crate::{Scenario, ScenarioError, SessionHeader, session_of};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was done.
    Done,
    /// The venue refused it.
    Refused,
    /// Our own limits refused it: it never left.
    Held,
    /// The answer says that nobody knows.
    Unknown,
    /// There is no answer.
    Unanswered,
}

/// A request that the session sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// By the session's clock.
    pub(crate) time: Nanos,
    pub(crate) id: RequestId,
    pub(crate) service: ServiceId,
    pub(crate) request: Request,
    pub(crate) fate: Fate,
    /// When the venue took it, by the venue's clock, where it says so.
    pub(crate) arrived: Option<Nanos>,
}

/// What the market of a journal has.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarketFacts {
    pub(crate) events: u64,
    pub(crate) depth: MarketDepth,
    pub(crate) trades: bool,
    pub(crate) funding: bool,
    pub(crate) index: bool,
    /// The longest that an event took.
    pub(crate) longest: Nanos,
    /// Of each symbol: the last mark, or the last price where there is none.
    pub(crate) last: Vec<Option<i64>>,
    /// Rates that were settled, in units of 1e-8, and the mark of then.
    pub(crate) rates: BTreeMap<(i64, usize), i64>,
    /// Marks shortly before each full hour, by the number of the hour.
    pub(crate) marks: BTreeMap<(i64, usize), i64>,
}

/// A session that was recorded.
pub(crate) struct LiveSession {
    pub(crate) path: PathBuf,
    pub(crate) header: SessionHeader,
    /// With which it is compared.
    pub(crate) scenario: Scenario,
    /// Its own file, as the journal has it.
    pub(crate) own_file: Scenario,
    pub(crate) sent: Vec<Sent>,
    pub(crate) own: Own,
    /// Client order ids of the session's own orders; of those in the second, nobody knows what became of the request.
    pub(crate) orders: BTreeSet<OrderKey>,
    pub(crate) doubtful: BTreeSet<OrderKey>,
    pub(crate) market: MarketFacts,
    /// Ways back, as they were seen: when the venue said it, and when it was heard.
    pub(crate) heard: BTreeSet<(Nanos, Nanos)>,
    /// The last entry.
    pub(crate) end: Nanos,
}

enum Item {
    Sent(ServiceId, RequestId, Request),
    Told(ExchangeEvent),
    /// Positions were answered, which is all that matters of them here.
    Answered(RequestId),
    Market(MarketEvent),
}

/// When an event of the market happened, by the venue's clock.
pub(crate) fn venue_time(event: &MarketEvent) -> Nanos {
    event.time - event.delay.span().unwrap_or(Nanos::ZERO)
}

/// The hour whose beginning is nearest.
pub(crate) fn nearest_hour(time: Nanos) -> i64 {
    const HOUR: i64 = 3_600_000_000_000;
    time.0.saturating_add(HOUR / 2).div_euclid(HOUR)
}

impl LiveSession {
    /// Reads a session from its journal.
    pub(crate) fn read(path: &Path) -> Result<LiveSession, ScenarioError> {
        let mut file = JournalFile::open(path)?;
        let format = |problem: String| JournalError::Format { path: path.to_owned(), problem };
        let header = session_of(file.header()).ok_or_else(|| {
            format("not the journal of a live session; give one that `qsim live` wrote".into())
        })?;
        let scenario = file.header().get("scenario").cloned().unwrap_or_default();
        let mut scenario: Scenario = serde_json::from_value(scenario).map_err(|error| {
            format(format!(
                "its scenario cannot be read ({error}); compare it with the qsim that recorded it"
            ))
        })?;
        scenario.origin = path.display().to_string();
        if file.footer().entries == 0 {
            return Err(format(
                "nothing is in it: the session was over before its first entry; give a journal of one that has traded"
                    .into(),
            )
            .into());
        }
        let end = file.last_time()?;
        let symbols = header.instruments.len();
        let mut session = LiveSession {
            path: path.to_owned(),
            header,
            own_file: scenario.clone(),
            scenario,
            sent: Vec::new(),
            own: Own::default(),
            orders: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            market: MarketFacts { last: vec![None; symbols], ..MarketFacts::default() },
            heard: BTreeSet::new(),
            end,
        };
        session.read_entries(file)?;
        session.name_orders();
        if session.is_paper() {
            // Its exchange took of the market what its file says, and no more.
            session.market.depth = session.scenario.paper_depth();
            session.market.index = false;
        }
        Ok(session)
    }

    /// Whether its exchange was in its own process.
    pub(crate) fn is_paper(&self) -> bool {
        self.header.paper.is_some()
    }

    /// Whether requests and answers take as long by this file as by the session's own, to the last draw.
    pub(crate) fn has_ways_of(&self, scenario: &Scenario) -> bool {
        scenario.seed == self.own_file.seed
            && scenario.exchange.has_ways_of(&self.own_file.exchange)
    }

    fn read_entries(&mut self, file: JournalFile) -> Result<(), ScenarioError> {
        let pick = |entry| match entry {
            JournalEntry::Submit { service, id, request } => Some(Item::Sent(service, id, request)),
            JournalEntry::Exchange(event) => Some(Item::Told(event)),
            JournalEntry::PositionRisk { request, .. } => Some(Item::Answered(request)),
            JournalEntry::MarketEvent(event) => Some(Item::Market(event)),
            _ => None,
        };
        let mut entries = Entries::new(file, pick)?;
        let mut places: BTreeMap<RequestId, usize> = BTreeMap::new();
        let mut marks = MarkReader::new(self.header.instruments.len());
        while let Some((time, item)) = entries.take()? {
            match item {
                Item::Sent(service, id, request) => {
                    places.insert(id, self.sent.len());
                    let (fate, arrived) = (Fate::Unanswered, None);
                    self.sent.push(Sent { time, id, service, request, fate, arrived });
                }
                Item::Told(event) => {
                    self.own.hear(&event);
                    self.told(time, &event, &places);
                }
                Item::Answered(id) => {
                    if let Some(sent) = places.get(&id).and_then(|at| self.sent.get_mut(*at)) {
                        sent.fate = Fate::Done;
                    }
                }
                Item::Market(event) => marks.market(&event, &mut self.market),
            }
        }
        marks.close(&mut self.market);
        Ok(())
    }

    fn told(&mut self, time: Nanos, event: &ExchangeEvent, places: &BTreeMap<RequestId, usize>) {
        match event {
            ExchangeEvent::Response { request, outcome, .. } => {
                let Some(sent) = places.get(request).and_then(|at| self.sent.get_mut(*at)) else {
                    return;
                };
                sent.fate = match outcome {
                    Outcome::Done(_) => Fate::Done,
                    Outcome::Refused(error) if error.msg.contains(OWN_REFUSAL) => Fate::Held,
                    Outcome::Refused(_) => Fate::Refused,
                    Outcome::Unknown => Fate::Unknown,
                };
                let Outcome::Done(answer) = outcome else { return };
                let Some(arrived) = stamp(&sent.request, answer) else { return };
                let arrived = *sent.arrived.get_or_insert(arrived);
                self.heard.insert((arrived, time));
            }
            ExchangeEvent::User { time: told, event, .. } => {
                self.heard.insert((*told, time));
                let UserEvent::OrderTradeUpdate { execution: ExecutionType::New, order, .. } =
                    event
                else {
                    return;
                };
                // The user stream tells when an order was taken, even if its answer was lost.
                let is_it = |sent: &&mut Sent| {
                    let mut own = new_orders(&sent.request);
                    own.any(|own| {
                        own.symbol == order.symbol && own.client_order_id == order.client_order_id
                    })
                };
                if let Some(sent) = self.sent.iter_mut().rev().take(RECENT).find(is_it) {
                    sent.arrived.get_or_insert(order.time);
                }
            }
        }
    }

    fn name_orders(&mut self) {
        for sent in &self.sent {
            for order in new_orders(&sent.request) {
                let key = (usize::from(order.symbol.0), Arc::clone(&order.client_order_id.0));
                if matches!(sent.fate, Fate::Unknown | Fate::Unanswered) {
                    self.doubtful.insert(key.clone());
                }
                if sent.fate != Fate::Held {
                    self.orders.insert(key);
                }
            }
        }
    }

    /// The request as another venue has to hear it: it gives its orders numbers of its own, so ours go by the names that
    /// we gave them. `None` if a name is not known.
    pub(crate) fn by_name(&self, request: &Request) -> Option<Request> {
        let named = |symbol: engine::SymbolIndex, order: &OrderRef| match order {
            OrderRef::Client(_) => Some(order.clone()),
            OrderRef::Id(id) => {
                let name = self.own.names.get(&(usize::from(symbol.0), *id))?;
                Some(OrderRef::Client(engine::ClientOrderId(Arc::clone(name))))
            }
        };
        let algo = |order: &AlgoRef| match order {
            AlgoRef::Client(_) => Some(order.clone()),
            AlgoRef::Id(id) => {
                self.own.algos.get(id).cloned().map(|n| AlgoRef::Client(engine::ClientOrderId(n)))
            }
        };
        let mut request = request.clone();
        match &mut request {
            Request::CancelOrder { symbol, order } | Request::QueryOrder { symbol, order } => {
                *order = named(*symbol, order)?;
            }
            Request::BatchCancel { symbol, orders } => {
                for order in orders {
                    *order = named(*symbol, order)?;
                }
            }
            Request::ModifyOrder(change) => change.order = named(change.symbol, &change.order)?,
            Request::BatchModify(changes) => {
                for change in changes {
                    change.order = named(change.symbol, &change.order)?;
                }
            }
            Request::CancelAlgoOrder { order } | Request::QueryAlgoOrder { order } => {
                *order = algo(order)?;
            }
            _ => {}
        }
        Some(request)
    }
}

/// An order is told within so many requests of its own.
const RECENT: usize = 1_000;

/// The orders that a request would make.
pub(crate) fn new_orders(request: &Request) -> impl Iterator<Item = &NewOrder> {
    let (one, many) = match request {
        Request::NewOrder(order) | Request::NewAlgoOrder(order) => (Some(order), None),
        Request::BatchOrders(orders) => (None, Some(orders)),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten())
}

/// Whether a request changes nothing at the venue.
pub(crate) fn only_asks(request: &Request) -> bool {
    matches!(
        request,
        Request::TestOrder(_)
            | Request::QueryOrder { .. }
            | Request::OpenOrders { .. }
            | Request::QueryAlgoOrder { .. }
            | Request::OpenAlgoOrders { .. }
            | Request::PositionRisk
            | Request::Account
            | Request::ExchangeInfo
            | Request::AdlQuantile
    )
}

/// When the venue took a request, if its answer says so.
fn stamp(request: &Request, answer: &Answer) -> Option<Nanos> {
    let time = match (request, answer) {
        (Request::NewOrder(_), Answer::Order(order)) => order.time,
        (Request::CancelOrder { .. } | Request::ModifyOrder(_), Answer::Order(order)) => {
            order.update_time
        }
        (Request::BatchOrders(_), Answer::Orders(orders)) => orders.iter().flatten().next()?.time,
        (Request::BatchCancel { .. } | Request::BatchModify(_), Answer::Orders(orders)) => {
            orders.iter().flatten().next()?.update_time
        }
        (Request::NewAlgoOrder(_), Answer::AlgoOrder(order)) => order.create_time,
        _ => return None,
    };
    (time > Nanos::ZERO).then_some(time)
}

/// Reads marks and what else of the market matters here.
struct MarkReader {
    /// Of each symbol: time and price of the last mark, and of the last price.
    marks: Vec<[(Nanos, i64); 2]>,
    /// The hour that comes.
    hours: Vec<i64>,
}

impl MarkReader {
    fn new(symbols: usize) -> MarkReader {
        MarkReader { marks: vec![[(Nanos::ZERO, 0); 2]; symbols], hours: vec![i64::MIN; symbols] }
    }

    fn market(&mut self, event: &MarketEvent, facts: &mut MarketFacts) {
        const HOUR: i64 = 3_600_000_000_000;
        let (time, symbol) = (venue_time(event), usize::from(event.symbol.0));
        facts.events += 1;
        facts.longest = facts.longest.max(event.time - time);
        let price = match event.data {
            MarketData::Trade(trade) => {
                facts.trades = true;
                Some((1, trade.price.0))
            }
            MarketData::Bar(bar) => Some((1, bar.close.0)),
            MarketData::MarkPrice(price) => Some((0, price.0)),
            MarketData::IndexPrice(_) => {
                facts.index = true;
                None
            }
            MarketData::FundingRate(rate) => {
                facts.funding = true;
                facts.rates.insert((nearest_hour(time), symbol), rate);
                None
            }
            MarketData::Depth(_) | MarketData::DepthClear => {
                facts.depth = MarketDepth::Levels;
                None
            }
            MarketData::BestQuotes(_) => {
                if facts.depth == MarketDepth::Trades {
                    facts.depth = MarketDepth::Quotes;
                }
                None
            }
        };
        let (Some((kind, price)), Some(known)) = (price, self.marks.get_mut(symbol)) else {
            return;
        };
        // The last price before an hour is the one at which its funding settles.
        let hour = time.0.div_euclid(HOUR);
        if hour > self.hours[symbol] {
            let before = known.iter().find(|(at, _)| *at > Nanos::ZERO);
            if let Some((_, price)) = before {
                facts.marks.insert((hour, symbol), *price);
            }
            self.hours[symbol] = hour;
        }
        if time >= known[kind].0 {
            known[kind] = (time, price);
        }
    }

    fn close(self, facts: &mut MarketFacts) {
        for (last, known) in facts.last.iter_mut().zip(self.marks) {
            *last = known.iter().find(|(at, _)| *at > Nanos::ZERO).map(|(_, price)| *price);
        }
    }
}
