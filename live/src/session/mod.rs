//! A live session: the kernel on the wall's clock.
//!
//! Each turn: wait for something to come in or to be due; stamp what came in with one time; run the kernel up to
//! it; write the journal; send. So the journal has every request before the venue has it, and a replay of the
//! journal makes the same turns.

mod exposure;
mod feed;
mod guard;
mod limits;
mod operator;
mod paper;
mod remote;
mod resume;
mod stats;
mod sweep;
mod wanted;
mod words;

pub use feed::LiveFeed;
pub use guard::{FROM_NOW_ON, Guard, only_asks};
pub use limits::{GuardLimits, Holds, Killed};
pub use operator::{
    Command, Operator, OperatorHandle, OperatorSettings, kill_file_is_there, kill_self,
    signals_to_end,
};
pub use paper::Paper;
pub use remote::{AnyVenue, Remote, SessionVenue, Traffic};
pub use resume::{run_through, start_again};
pub use stats::{Histogram, PARTS, Stats};

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{
    Action, Exchange, JournalError, Kernel, MarketData, MarketWants, Nanos, Request, RunError,
    Sender, ServiceId, SymbolIndex, Unanswered,
};

use crate::clock::LiveClock;
use crate::link::{Incoming, LinkError, Notice, Outgoing, VenueLink, Weight};

/// No turn waits longer: what the operator does is looked at in between.
const TURN_MAX: Duration = Duration::from_millis(50);
/// A session that ends waits so long for the answers to what it has sent, by the wall: a link asks for an outcome for a
/// minute, and so long the venue may be away.
const ANSWERS_MAX: Duration = Duration::from_secs(70);

/// Longer without the account's events, by the wall, and nothing is opened.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A session that ends waits for the copy of its bus, so often for so long: ten seconds.
const COPY_WAITS_MAX: u32 = 5_000;
const COPY_WAIT: Duration = Duration::from_millis(2);

/// The kernel of a session.
pub type LiveKernel<X> = Kernel<Guard<X>, LiveFeed>;

/// Why a session stopped.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The kernel or its journal.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The journal of before.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The venue.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Requests without an answer at the end.
    #[error(
        "no answer yet to so many requests: {0}; start the session again, it asks the venue what became of them"
    )]
    Doubt(usize),
}

/// Hears what a session has to say, on the session's thread: it must not block.
pub trait Listener<X: Exchange> {
    /// A notice of the link, or of the session itself, at the session's time.
    fn notice(&mut self, now: Nanos, notice: &Notice);
    /// After each turn, with what happened in it and the kernel as it is.
    fn turned(&mut self, now: Nanos, stats: &Stats, kernel: &LiveKernel<X>);
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Entries and digest of its journal.
    pub footer: engine::JournalFooter,
    /// Why: the operator's words, or the time that was set.
    pub why: String,
}

/// A session that runs.
pub struct Session<X: Exchange, L> {
    kernel: LiveKernel<X>,
    link: L,
    clock: Arc<LiveClock>,
    operator: Operator,
    incoming: Vec<Incoming>,
    outgoing: Vec<Outgoing>,
    /// Requests that change something, were sent and have no answer.
    in_doubt: std::collections::BTreeSet<engine::RequestId>,
    /// Of each symbol, whether it has been traded since the process began.
    traded: Vec<bool>,
    stats: Stats,
    notices: Vec<Notice>,
    /// The operator wants it to end.
    stop: Option<String>,
    /// It ends: nothing is opened any more, whatever else holds.
    closing: bool,
    /// The kill switch is on, and what may open something is cancelled for it.
    sweeps: bool,
    /// Since when the account has not been heard, and whether that holds openings.
    silent_since: Option<Instant>,
    unheard: bool,
    swept: Vec<Request>,
    /// For tests of restarts: the process kills itself behind this many entries.
    die_at: Option<u64>,
    die: fn(),
}

impl<X: SessionVenue, L: VenueLink> Session<X, L> {
    /// Puts a session together. `symbols` is how many the run has.
    pub fn new(
        kernel: LiveKernel<X>,
        link: L,
        clock: Arc<LiveClock>,
        operator: Operator,
        symbols: usize,
    ) -> Session<X, L> {
        Session {
            kernel,
            link,
            clock,
            operator,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            in_doubt: Default::default(),
            traded: vec![false; symbols],
            stats: Stats::default(),
            notices: Vec::new(),
            stop: None,
            closing: false,
            sweeps: false,
            silent_since: None,
            unheard: false,
            swept: Vec::new(),
            die_at: None,
            die: || {},
        }
    }

    /// For tests of restarts: `die` is called as soon as the journal has this many entries, before anything of that turn
    /// is sent.
    pub fn die_at(&mut self, entry: u64, die: fn()) {
        self.die_at = Some(entry);
        self.die = die;
    }

    /// The kernel.
    pub fn kernel(&self) -> &LiveKernel<X> {
        &self.kernel
    }

    /// The kernel, to look at its bus.
    pub fn kernel_mut(&mut self) -> &mut LiveKernel<X> {
        &mut self.kernel
    }

    /// What happened so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The session's time, later than everything before.
    fn stamp(&self) -> Nanos {
        self.clock.now().max(Nanos(self.kernel.now().0 + 1))
    }

    /// Asks the venue what became of requests that an earlier life of the session may have sent, and says of the others
    /// that they were not sent; then waits for the answers, for `patience` of the wall at most. The services hear the
    /// answers as any others.
    ///
    /// # Errors
    /// Some have no answer by then, or when the operator wants a second time that the session ends.
    pub fn settle(
        &mut self,
        unanswered: Vec<Unanswered>,
        patience: Duration,
        listener: &mut dyn Listener<X>,
    ) -> Result<(), SessionError> {
        for one in unanswered {
            let outgoing = Outgoing { from: one.from, id: one.id, request: one.request };
            if one.recorded {
                self.in_doubt.insert(outgoing.id);
                self.link.resolve(outgoing);
            } else {
                let text = format!("request {} had not been sent when the session died", one.id.0);
                let what = "not_sent";
                self.tell(listener, &Notice { weight: Weight::Info, what, text });
            }
        }
        self.stop = self.wait_for_answers(patience, listener)?;
        Ok(())
    }

    /// Asks the venue what the account holds, where limits count it: no service may ask in this process. The guard hears the
    /// answers.
    pub fn ask_account(&mut self) -> Result<(), SessionError> {
        if !self.kernel.exchange().limits_account() {
            return Ok(());
        }
        let (account, now) = (self.link.account(), self.stamp());
        let symbols = (0..self.traded.len()).map(|symbol| SymbolIndex(symbol as u16));
        let open = symbols.map(|symbol| Request::OpenOrders { symbol: Some(symbol) });
        for request in [Request::Account, Request::PositionRisk].into_iter().chain(open) {
            self.kernel.at(now, Action::Submit { account, request });
        }
        Ok(self.kernel.run_until(now)?)
    }

    /// Says something of the session's own.
    pub fn say(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// For an exchange of the session's own that goes on: waits until each symbol has been traded again, for `patience` of
    /// the wall at most. What the exchange knew of the books, if those are wanted, is forgotten first: nobody shall fill in a book of
    /// before.
    pub fn wait_for_market(
        &mut self,
        wants: MarketWants,
        patience: Duration,
        listener: &mut dyn Listener<X>,
    ) -> Result<(), SessionError> {
        let now = self.stamp();
        let books = if wants.depth { self.traded.len() } else { 0 };
        for symbol in 0..books {
            let symbol = SymbolIndex(symbol as u16);
            self.kernel.feed_mut().push(now, symbol, now, MarketData::DepthClear);
        }
        let until = self.clock.after(patience);
        while self.traded.contains(&false) && self.clock.now() < until && self.stop.is_none() {
            self.turn(listener)?;
        }
        let silent = self.traded.iter().filter(|traded| !**traded).count();
        if silent > 0 {
            let text = format!(
                "{silent} of {} symbols have not been traded yet: their last prices are those of before",
                self.traded.len()
            );
            self.tell(listener, &Notice { weight: Weight::Warning, what: "no_new_price", text });
        }
        Ok(())
    }

    /// Runs until the operator stops the session or `until` has come, and ends it: nothing is opened any more, what was
    /// sent is waited for, and the journal is closed.
    ///
    /// # Errors
    /// Where some answer does not come, or the operator asks a third time to end, the journal stays open: the session can
    /// go on with it, and ask.
    pub fn run(
        &mut self,
        until: Option<Nanos>,
        listener: &mut dyn Listener<X>,
    ) -> Result<Ended, SessionError> {
        let why = loop {
            if until.is_some_and(|until| self.clock.now() >= until) {
                break "its time is over".to_owned();
            }
            if let Some(why) = self.stop.take() {
                break why;
            }
            self.turn(listener)?;
        };
        let text = format!("the session ends: {why}");
        self.tell(listener, &Notice { weight: Weight::Info, what: "ends", text });
        self.closing = true;
        let holds = self.kernel.exchange().holds();
        self.operate(&Command::Hold(holds, "closing".to_owned()))?;
        self.send();
        self.wait_for_answers(ANSWERS_MAX, listener)?;
        let text = self.kernel.exchange().leaves();
        self.tell(listener, &Notice { weight: Weight::Info, what: "ends", text });
        let footer = self.kernel.finish()?;
        self.keep_back(listener);
        self.end_copy(listener);
        Ok(Ended { footer, why })
    }

    /// Who wants the session to end meanwhile is told what it waits for, and may want it once more: gives why it is to
    /// end, if it is.
    fn wait_for_answers(
        &mut self,
        patience: Duration,
        listener: &mut dyn Listener<X>,
    ) -> Result<Option<String>, SessionError> {
        let until = self.clock.after(patience);
        let mut asked = None;
        while self.waits_for_answers() && self.clock.now() < until {
            self.turn(listener)?;
            let Some(why) = self.stop.take() else { continue };
            // Who has been told what haste costs may have it: the journal stays open, as it does behind a kill.
            if asked.is_some() {
                break;
            }
            asked = Some(why);
            let text = format!(
                "the session ends, and waits for the answers to so many requests: {}, for {} s at most; asked once more it ends without them, in doubt",
                self.in_doubt.len() + self.kernel.exchange().under_way(),
                patience.as_secs()
            );
            self.tell(listener, &Notice { weight: Weight::Info, what: "ends", text });
        }
        match self.in_doubt.len() {
            0 => Ok(asked),
            left => Err(SessionError::Doubt(left)),
        }
    }

    fn waits_for_answers(&self) -> bool {
        !self.in_doubt.is_empty() || self.kernel.exchange().under_way() > 0
    }

    /// One turn.
    fn turn(&mut self, listener: &mut dyn Listener<X>) -> Result<(), SessionError> {
        let wait = self.clock.wait(self.kernel.next_due()).min(TURN_MAX);
        self.incoming.clear();
        self.link.poll(wait, &mut self.incoming)?;
        self.stats.came_in(self.link.woke());
        while let Some(command) = self.operator.next_command() {
            self.command(command, listener)?;
        }
        let mut notices = std::mem::take(&mut self.notices);
        self.operator.take_notices(&mut notices);
        for notice in notices.drain(..) {
            self.tell(listener, &notice);
        }
        self.watch_account(listener)?;
        let now = self.stamp();
        let mut incoming = std::mem::take(&mut self.incoming);
        for one in incoming.drain(..) {
            match one {
                Incoming::Market { symbol, venue_time, data } => {
                    if let (MarketData::Trade(_), Some(traded)) =
                        (&data, self.traded.get_mut(usize::from(symbol.0)))
                    {
                        *traded = true;
                    }
                    self.kernel.feed_mut().push(now, symbol, venue_time, data);
                    self.stats.market += 1;
                }
                Incoming::Exchange(event) => {
                    if let engine::ExchangeEvent::Response { request, .. } = &event {
                        self.in_doubt.remove(request);
                    }
                    self.kernel.exchange_mut().tell(now, event);
                    self.stats.told += 1;
                }
                Incoming::Notice(notice) => self.tell(listener, &notice),
            }
        }
        self.incoming = incoming;
        self.stats.part_ended(0);
        self.kernel.run_until(now)?;
        self.sweep()?;
        self.stats.part_ended(1);
        self.kernel.sync()?;
        self.stats.part_ended(2);
        if self.die_at.is_some_and(|entry| self.kernel.entries() >= entry) {
            (self.die)();
        }
        self.send();
        self.kernel.exchange_mut().take_notices(&mut notices);
        for notice in notices.drain(..) {
            self.tell(listener, &notice);
        }
        self.notices = notices;
        self.look_after_bus(listener);
        self.stats.entries = self.kernel.entries();
        self.stats.in_doubt = self.in_doubt.len() as u64;
        listener.turned(now, &self.stats, &self.kernel);
        Ok(())
    }

    /// Does what the operator wants, and says what holds from now on.
    fn command(
        &mut self,
        command: Command,
        listener: &mut dyn Listener<X>,
    ) -> Result<(), SessionError> {
        let before = self.kernel.exchange().holds();
        match &command {
            Command::Stop(why) => self.stop = Some(why.clone()),
            Command::Arrived(_) => self.operate(&command)?,
            Command::Hold(holds, why) => {
                self.operate(&command)?;
                let switched = before.killed != holds.killed || holds.killed.is_on();
                let (what, weight) = match switched {
                    true => ("kill_switch", Weight::Warning),
                    false => ("hold", Weight::Info),
                };
                let text = match holds.killed.is_on() {
                    true => format!("{why}: nothing is opened until it is released"),
                    false => why.clone(),
                };
                self.tell(listener, &Notice { weight, what, text });
                if holds.dry_run {
                    let text = "this is a dry run: nothing is sent that changes the account";
                    let (weight, what) = (Weight::Warning, "dry_run");
                    self.tell(listener, &Notice { weight, what, text: text.to_owned() });
                }
            }
        }
        Ok(())
    }

    /// Tells what has become of the bus's server.
    fn look_after_bus(&mut self, listener: &mut dyn Listener<X>) {
        let Some(health) = self.operator.health() else { return };
        let trouble = self.kernel.bus_mut().trouble().map(str::to_owned);
        let mut notices = std::mem::take(&mut self.notices);
        health.look(trouble.as_deref(), self.kernel.bus_losses(), &mut notices);
        for notice in notices.drain(..) {
            self.tell(listener, &notice);
        }
        self.notices = notices;
    }

    /// Waits until a copy of the bus is complete, and says whether it is.
    #[allow(clippy::disallowed_methods, reason = "the edge: the session is over")]
    fn end_copy(&mut self, listener: &mut dyn Listener<X>) {
        let now = self.kernel.now();
        for _ in 0..COPY_WAITS_MAX {
            let Some(health) = self.operator.health() else { return };
            if health.is_at_rest() {
                break;
            }
            // Whatever is asked of it lets it go on with what is left.
            let _ = self.kernel.bus_mut().exists(now, "");
            std::thread::sleep(COPY_WAIT);
        }
        self.look_after_bus(listener);
        let mut notices = Vec::new();
        if let Some(health) = self.operator.health() {
            health.end(&mut notices);
        }
        for notice in &notices {
            self.tell(listener, notice);
        }
    }

    fn send(&mut self) {
        self.kernel.exchange_mut().take_outgoing(&mut self.outgoing);
        for outgoing in self.outgoing.drain(..) {
            self.stats.sent += 1;
            if only_asks(&outgoing.request) {
                // Whether it is answered leaves nothing in doubt.
                self.link.send(outgoing);
            } else {
                self.in_doubt.insert(outgoing.id);
                self.link.send(outgoing);
                self.stats.order_left();
            }
        }
        let Traffic { questions, changes, told } = self.kernel.exchange_mut().take_traffic();
        self.stats.sent += questions + changes;
        self.stats.told += told;
        (0..changes).for_each(|_| self.stats.order_left());
    }

    /// What services want when the session is over is not sent: nobody would hear what became of it.
    fn keep_back(&mut self, listener: &mut dyn Listener<X>) {
        self.kernel.exchange_mut().take_outgoing(&mut self.outgoing);
        for outgoing in std::mem::take(&mut self.outgoing) {
            let text = format!("request {} comes behind the end of the session", outgoing.id.0);
            self.tell(listener, &Notice { weight: Weight::Warning, what: "not_sent", text });
        }
    }

    fn tell(&mut self, listener: &mut dyn Listener<X>, notice: &Notice) {
        self.stats.note(notice);
        listener.notice(self.kernel.now(), notice);
    }

    /// Does what the operator wants, now; the journal has it.
    fn operate(&mut self, command: &Command) -> Result<(), SessionError> {
        let now = self.stamp();
        // What was due before belongs to the time before.
        self.kernel.run_until(Nanos(now.0 - 1))?;
        match command {
            Command::Arrived(streams) => self.kernel.at(now, Action::Arrived(streams.clone())),
            Command::Hold(holds, why) => {
                // What the session holds by itself no operator lifts.
                let (closing, unheard) = (holds.closing || self.closing, self.unheard);
                let holds = Holds { closing, unheard, ..*holds };
                let text = Command::Hold(holds, why.clone()).text();
                self.kernel.at(now, Action::Operator(text));
                self.kernel.exchange_mut().hold(holds);
                self.link.let_open(holds.let_open());
                let killed = holds.killed.is_on() && !holds.dry_run;
                match (self.sweeps, killed) {
                    (false, true) => self.kernel.exchange_mut().begin_sweep(),
                    (true, false) => self.kernel.exchange_mut().end_sweep(),
                    _ => {}
                }
                self.sweeps = killed;
            }
            Command::Stop(_) => {}
        }
        self.kernel.run_until(now)?;
        Ok(())
    }

    /// Nothing is opened while nobody hears what becomes of orders, and it goes on as soon as somebody does.
    fn watch_account(&mut self, listener: &mut dyn Listener<X>) -> Result<(), SessionError> {
        let unheard = match self.link.hears_account() {
            true => {
                self.silent_since = None;
                false
            }
            false => {
                let woke = self.link.woke();
                woke - *self.silent_since.get_or_insert(woke) > SILENCE_MAX
            }
        };
        if unheard == self.unheard {
            return Ok(());
        }
        self.unheard = unheard;
        let why = match unheard {
            true => "the account's events are not heard",
            false => "the account's events are heard again",
        };
        let holds = self.kernel.exchange().holds();
        self.operate(&Command::Hold(holds, why.to_owned()))?;
        let (weight, text) = match unheard {
            true => (Weight::Error, format!("{why}: nothing is opened until they are")),
            false => (Weight::Info, why.to_owned()),
        };
        self.tell(listener, &Notice { weight, what: "unheard", text });
        Ok(())
    }

    /// What may open something is cancelled at the venue, by nobody's hand.
    fn sweep(&mut self) -> Result<(), SessionError> {
        if !self.sweeps {
            return Ok(());
        }
        let (account, now) = (self.link.account(), self.kernel.now());
        self.kernel.exchange_mut().take_sweep(now, &mut self.swept);
        if self.swept.is_empty() {
            return Ok(());
        }
        let now = self.stamp();
        for request in self.swept.drain(..) {
            self.kernel.at(now, Action::Submit { account, request });
        }
        Ok(self.kernel.run_until(now)?)
    }

    /// Who sends what no service sends.
    pub fn nobody(&self) -> Sender {
        Sender { service: ServiceId::NOBODY, account: self.link.account() }
    }
}
