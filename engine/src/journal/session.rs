//! The inputs of a recorded live session: a replay gets its market, its exchange and what its operator did from the
//! journal, with the times at which they came in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Decoder, JournalEntry, JournalError, JournalFile};
use crate::{
    Answer, Exchange, ExchangeEvent, Feed, FeedError, MarketEvent, Nanos, Outcome, Request,
    RequestId, Sender, ServiceId,
};

/// How many market events a batch has.
const BATCH: usize = 1024;

/// Some entries of a journal, read block by block: those of which `pick` makes something.
pub struct Entries<T> {
    /// None behind its last block.
    file: Option<JournalFile>,
    waiting: VecDeque<(Nanos, T)>,
    pick: fn(JournalEntry) -> Option<T>,
}

impl<T> Entries<T> {
    /// Of this journal, from its beginning.
    pub fn new(
        mut file: JournalFile,
        pick: fn(JournalEntry) -> Option<T>,
    ) -> Result<Entries<T>, JournalError> {
        file.rewind()?;
        Ok(Entries { file: Some(file), waiting: VecDeque::new(), pick })
    }

    /// The next one, which stays.
    pub fn peek(&mut self) -> Result<Option<&(Nanos, T)>, JournalError> {
        while self.waiting.is_empty() {
            let Some(file) = &mut self.file else { return Ok(None) };
            let Some((_, block)) = file.next_block()? else {
                self.file = None;
                return Ok(None);
            };
            let path = file.path().to_owned();
            let mut decoder = Decoder::new(&block, &[]);
            loop {
                match decoder.next_value() {
                    Ok(Some((time, entry))) => {
                        self.waiting.extend((self.pick)(entry).map(|picked| (time, picked)));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        let problem = error.to_string();
                        return Err(JournalError::Format { path, problem });
                    }
                }
            }
        }
        Ok(self.waiting.front())
    }

    /// The next one.
    pub fn take(&mut self) -> Result<Option<(Nanos, T)>, JournalError> {
        self.peek()?;
        Ok(self.waiting.pop_front())
    }
}

/// The market of a recorded session.
pub struct RecordedFeed(Entries<MarketEvent>);

impl RecordedFeed {
    /// Of this journal.
    pub fn new(file: JournalFile) -> Result<RecordedFeed, JournalError> {
        let pick = |entry| match entry {
            JournalEntry::MarketEvent(event) => Some(event),
            _ => None,
        };
        Ok(RecordedFeed(Entries::new(file, pick)?))
    }
}

impl Feed for RecordedFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        while batch.len() < BATCH {
            let next = self.0.take().map_err(|error| FeedError(error.to_string()))?;
            let Some((_, event)) = next else { break };
            batch.push(event);
        }
        Ok(())
    }
}

/// A request that got no answer before the recording ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Who sent it.
    pub from: Sender,
    /// Its number.
    pub id: RequestId,
    /// What was asked.
    pub request: Request,
    /// It stands in the recording, and so may have been sent; or the replay added it behind the recording's last
    /// entry, and nobody has sent it.
    pub recorded: bool,
}

/// The exchange of a recorded session: it answers what it answered then.
pub struct RecordedExchange {
    told: Entries<ExchangeEvent>,
    next: Nanos,
    open: BTreeMap<RequestId, (Sender, Request)>,
    /// The last request that stands in the recording.
    last_recorded: RequestId,
    failure: Option<JournalError>,
}

impl RecordedExchange {
    /// Of the journal that `open` opens; it is asked twice.
    pub fn new(
        open: impl Fn() -> Result<JournalFile, JournalError>,
    ) -> Result<RecordedExchange, JournalError> {
        let submitted = |entry| match entry {
            JournalEntry::Submit { id, .. } => Some(id),
            _ => None,
        };
        let mut submits = Entries::new(open()?, submitted)?;
        let mut last_recorded = RequestId::default();
        while let Some((_, id)) = submits.take()? {
            last_recorded = last_recorded.max(id);
        }
        let told = |entry| match entry {
            JournalEntry::Exchange(event) => Some(event),
            JournalEntry::PositionRisk { to, request, rows } => Some(ExchangeEvent::Response {
                to,
                request,
                outcome: Outcome::Done(Answer::PositionRisk(Arc::from(rows))),
            }),
            _ => None,
        };
        let told = Entries::new(open()?, told)?;
        let open = BTreeMap::new();
        let mut exchange =
            RecordedExchange { told, next: Nanos::NEVER, open, last_recorded, failure: None };
        exchange.look();
        Ok(exchange)
    }

    /// The requests that have got no answer so far, in their order.
    pub fn unanswered(&self) -> Vec<Unanswered> {
        let row = |(id, (from, request)): (&RequestId, &(Sender, Request))| Unanswered {
            from: *from,
            id: *id,
            request: request.clone(),
            recorded: *id <= self.last_recorded,
        };
        self.open.iter().map(row).collect()
    }

    /// Why the recording could not be read on.
    pub fn take_failure(&mut self) -> Option<JournalError> {
        self.failure.take()
    }

    fn look(&mut self) {
        self.next = match self.told.peek() {
            Ok(next) => next.map_or(Nanos::NEVER, |(time, _)| *time),
            Err(failure) => {
                self.failure = Some(failure);
                Nanos::NEVER
            }
        };
    }
}

impl Exchange for RecordedExchange {
    fn submit(&mut self, _now: Nanos, from: Sender, id: RequestId, request: Request) {
        self.open.insert(id, (from, request));
    }

    fn observe(&mut self, _event: &MarketEvent) {}

    fn next_due(&self) -> Nanos {
        self.next
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        while self.next <= now {
            let Ok(Some((_, event))) = self.told.take() else { break };
            if let ExchangeEvent::Response { request, .. } = &event {
                self.open.remove(request);
            }
            out.push(event);
            self.look();
        }
    }
}

/// One thing that was done to a recorded session beside market and exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedAction {
    /// An action, in the journal's words.
    Text(String),
    /// The request of an action by hand; it stands behind the action.
    ByHand(Request),
}

/// What was done to a recorded session beside market and exchange.
pub struct RecordedActions(Entries<RecordedAction>);

impl RecordedActions {
    /// Of this journal.
    pub fn new(file: JournalFile) -> Result<RecordedActions, JournalError> {
        let pick = |entry| match entry {
            JournalEntry::Action(text) => Some(RecordedAction::Text(text)),
            JournalEntry::Submit { service: ServiceId::NOBODY, request, .. } => {
                Some(RecordedAction::ByHand(request))
            }
            _ => None,
        };
        Ok(RecordedActions(Entries::new(file, pick)?))
    }

    /// The next one and its time.
    pub fn take(&mut self) -> Result<Option<(Nanos, RecordedAction)>, JournalError> {
        self.0.take()
    }
}
