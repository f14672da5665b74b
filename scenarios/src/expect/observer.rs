//! Watches a run for its expectations and invariants.

use std::sync::Arc;

use cel::Env;
use engine::{ExchangeEvent, Instrument, Lookup, Nanos, Seen, ServiceId, Watch};
use pipeline::streams::{APPLY_PLAN, STREAMS, Stream};
use serde_json::Value as Json;

use super::condition::Needs;
use super::judge::{Judge, Look, Role};
use super::topic::Topic;
use super::values::{self, Grids, Object};
use super::{Failure, Moment, Run, World};
use crate::Scenario;
use crate::invariants::{Invariant, Invariants, Kinds};
use crate::record::{PipelineTally, Plans};

/// Who wants the entries of a topic.
type Wanted = Vec<(usize, Role)>;

/// An entry that is judged when the state may be looked at.
#[derive(Clone)]
struct Deferred {
    judge: usize,
    role: Role,
    entry: Json,
    moment: Moment,
}

/// Watches a run.
#[derive(Clone)]
pub(crate) struct Observer {
    env: Arc<Env>,
    instruments: Vec<Instrument>,
    services: Vec<String>,
    judges: Vec<Judge>,
    /// With the entries that each wants to see.
    invariants: Vec<(Kinds, Box<dyn Invariant>)>,
    streams: Lookup<&'static str, (&'static Stream, Wanted)>,
    requests: Wanted,
    responses: Wanted,
    orders: Wanted,
    fills: Wanted,
    keys: Wanted,
    actions: Wanted,
    dead_letters: Wanted,
    /// Conditions on the state, looked at whenever it may have changed.
    of_state: Wanted,
    state_needs: Needs,
    deferred: Vec<Deferred>,
    /// The service that handles the input whose outputs follow.
    handling: Option<ServiceId>,
    moment: Moment,
    /// The exchange said something since the last look at the state.
    stirred: bool,
    /// The first entry that nobody could handle: its stream, and why.
    first_dead: Option<String>,
    /// What plans said, where the run is recorded.
    pub(crate) plans: Option<Plans>,
    /// What the pipeline did, where the run is recorded.
    pub(crate) tally: Option<PipelineTally>,
}

impl Observer {
    /// For the expectations and invariants of a scenario.
    pub(crate) fn new(
        scenario: &Scenario,
        range: (Nanos, Nanos),
        instruments: &[Instrument],
        services: &[String],
    ) -> Result<Observer, String> {
        let invariants = Invariants::all(&scenario.invariants).into_iter();
        let mut observer = Observer {
            env: Arc::new(Env::stdlib()),
            instruments: instruments.to_vec(),
            services: services.to_vec(),
            judges: Vec::new(),
            invariants: invariants.map(|one| (one.hears(), one)).collect(),
            streams: Lookup::default(),
            requests: Wanted::new(),
            responses: Wanted::new(),
            orders: Wanted::new(),
            fills: Wanted::new(),
            keys: Wanted::new(),
            actions: Wanted::new(),
            dead_letters: Wanted::new(),
            of_state: Wanted::new(),
            state_needs: Needs::default(),
            deferred: Vec::new(),
            handling: None,
            moment: Moment { time: range.0, entry: 0 },
            stirred: false,
            first_dead: None,
            plans: None,
            tally: None,
        };
        for spec in &scenario.expect {
            if let Some(judge) = Judge::read(spec, range)? {
                World::check(&judge, &spec.name, services)?;
                observer.register(judge);
            }
        }
        Ok(observer)
    }

    fn register(&mut self, judge: Judge) {
        let place = self.judges.len();
        for (role, condition, topic) in judge.parts() {
            let wanted = match topic {
                Some(Topic::Stream(stream)) => {
                    if let Some((_, wanted)) = self.streams.get_mut(&stream.name) {
                        wanted
                    } else {
                        self.streams.insert(stream.name, (*stream, Wanted::new()));
                        match self.streams.get_mut(&stream.name) {
                            Some((_, wanted)) => wanted,
                            None => continue,
                        }
                    }
                }
                Some(Topic::Requests) => &mut self.requests,
                Some(Topic::Responses) => &mut self.responses,
                Some(Topic::Orders) => &mut self.orders,
                Some(Topic::Fills) => &mut self.fills,
                Some(Topic::Keys) => &mut self.keys,
                Some(Topic::Actions) => &mut self.actions,
                Some(Topic::DeadLetters) => &mut self.dead_letters,
                None if judge.is_of_moments() => {
                    self.state_needs.add(&condition.needs);
                    &mut self.of_state
                }
                None => continue,
            };
            wanted.push((place, role));
        }
        self.judges.push(judge);
    }

    /// Whether the state has to be looked at between what the exchange says.
    pub(crate) fn looks_at_state(&self) -> bool {
        !self.of_state.is_empty()
    }

    /// The instants at which somebody wants to know the state.
    pub(crate) fn instants(&self) -> Vec<Nanos> {
        let mut all: Vec<Nanos> = self.judges.iter().filter_map(|judge| judge.at).collect();
        all.sort();
        all
    }

    fn who(&self, service: ServiceId) -> Json {
        let name = self.services.get(usize::from(service.0));
        name.map_or(Json::Null, |name| Json::String(name.clone()))
    }

    /// Shows an entry to those who want it: at once, or when the state may be looked at.
    fn show(&mut self, topic: Topic, wanted: &Wanted, mut entry: Object) {
        // What an entry does not have is null, so that no condition has to ask first.
        for field in topic.fields().into_iter().flatten() {
            if !entry.contains_key(field) {
                entry.insert(field.to_owned(), Json::Null);
            }
        }
        let entry = Json::Object(entry);
        for &(place, role) in wanted {
            let judge = &mut self.judges[place];
            let own = judge.parts().into_iter().find(|(of, ..)| *of == role);
            // A judge sees its entries in their order: behind one that waits, the others wait, too.
            let waits = self.deferred.iter().any(|deferred| deferred.judge == place);
            if !waits && own.is_some_and(|(_, condition, _)| condition.needs.no_state()) {
                let look =
                    Look { moment: self.moment, entry: Some(&entry), state: None, env: &self.env };
                judge.look(role, &look);
            } else {
                let deferred =
                    Deferred { judge: place, role, entry: entry.clone(), moment: self.moment };
                self.deferred.push(deferred);
            }
        }
    }

    fn seen_by_judges(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Publish(stream, _, body) => {
                if let Some((known, wanted)) = self.streams.get(*stream) {
                    let (known, wanted) = (*known, wanted.clone());
                    let entry = values::entry(body, Some(&known.shape));
                    self.show(Topic::Stream(known), &wanted, entry);
                }
                if !self.dead_letters.is_empty() && stream.starts_with("quantum:dlq:") {
                    let wanted = self.dead_letters.clone();
                    self.show(Topic::DeadLetters, &wanted, values::entry(body, None));
                }
            }
            Seen::Submit(service, _, request) if !self.requests.is_empty() => {
                let mut entry = Grids(&self.instruments).request(request);
                entry.insert("service".to_owned(), self.who(*service));
                let wanted = self.requests.clone();
                self.show(Topic::Requests, &wanted, entry);
            }
            Seen::Exchange(event) => {
                self.stirred = true;
                let updates = self.orders.len() + self.fills.len();
                if updates > 0
                    && let Some(entry) = Grids(&self.instruments).order_update(event)
                {
                    let fill = entry.get("fill_qty").is_some_and(|qty| !qty.is_null());
                    let (orders, fills) = (self.orders.clone(), self.fills.clone());
                    if fill {
                        self.show(Topic::Fills, &fills, entry.clone());
                    }
                    self.show(Topic::Orders, &orders, entry);
                }
                if let ExchangeEvent::Response { to, outcome, .. } = event
                    && !self.responses.is_empty()
                {
                    let mut entry = Grids(&self.instruments).outcome(outcome);
                    entry.insert("service".to_owned(), self.who(*to));
                    let wanted = self.responses.clone();
                    self.show(Topic::Responses, &wanted, entry);
                }
            }
            Seen::Key(key, write, life) if !self.keys.is_empty() => {
                let mut entry = values::key_write(key, write, *life);
                let who = self.handling.map_or(Json::Null, |service| self.who(service));
                entry.insert("service".to_owned(), who);
                let wanted = self.keys.clone();
                self.show(Topic::Keys, &wanted, entry);
            }
            Seen::Action(text) if !self.actions.is_empty() => {
                let mut entry = Object::new();
                entry.insert("text".to_owned(), Json::String((*text).to_owned()));
                let wanted = self.actions.clone();
                self.show(Topic::Actions, &wanted, entry);
            }
            _ => {}
        }
    }

    /// Looks at the state: entries that wait for it, and conditions on it.
    pub(crate) fn look(&mut self, kernel: &mut Run, world: &World) {
        self.stirred = false;
        for one in std::mem::take(&mut self.deferred) {
            let judge = &mut self.judges[one.judge];
            let Some((_, condition, _)) =
                judge.parts().into_iter().find(|(role, ..)| *role == one.role)
            else {
                continue;
            };
            let state = world.state(kernel, &condition.needs);
            let look = Look {
                moment: one.moment,
                entry: Some(&one.entry),
                state: Some(&state),
                env: &self.env,
            };
            judge.look(one.role, &look);
        }
        if !self.of_state.is_empty() {
            let state = world.state(kernel, &self.state_needs);
            let moment = Moment { time: kernel.now(), ..self.moment };
            for &(place, role) in &self.of_state {
                let look = Look { moment, entry: None, state: Some(&state), env: &self.env };
                self.judges[place].look(role, &look);
            }
        }
    }

    /// Asks what is to hold at this instant, or at the end.
    pub(crate) fn ask(&mut self, kernel: &mut Run, world: &World, end: bool) {
        let now = kernel.now();
        let moment = Moment { time: now, ..self.moment };
        for judge in &mut self.judges {
            let due = if end { judge.is_at_end() } else { judge.at == Some(now) };
            if !due {
                continue;
            }
            let Some((_, condition, _)) = judge.parts().into_iter().next() else { continue };
            let state = world.state(kernel, &condition.needs);
            let look = Look { moment, entry: None, state: Some(&state), env: &self.env };
            judge.look(Role::Main, &look);
        }
    }

    /// The first entry that went to the dead letters, in words.
    pub(crate) fn first_dead(&mut self) -> Option<String> {
        self.first_dead.take()
    }

    /// What did not hold, in the order of the file; then the invariants.
    pub(crate) fn end(&mut self, kernel: &mut Run, world: &World, end: Nanos) -> Vec<Failure> {
        let mut failures = Vec::new();
        for judge in &mut self.judges {
            judge.end(end);
            failures.extend(judge.failure.take());
        }
        for (_, invariant) in &mut self.invariants {
            failures.extend(invariant.end(kernel, world));
        }
        failures
    }
}

impl Watch for Observer {
    fn seen(&mut self, now: Nanos, entry: u64, seen: Seen<'_>) -> bool {
        self.moment = Moment { time: now, entry };
        match &seen {
            Seen::Start(service)
            | Seen::Stop(service)
            | Seen::Timer(service, _)
            | Seen::Delivery(service, ..)
            | Seen::Call(service, _)
            | Seen::Reply(service, ..)
            | Seen::LateMarket(service) => self.handling = Some(*service),
            Seen::Exchange(ExchangeEvent::Response { to, .. }) => self.handling = Some(*to),
            Seen::Exchange(_) | Seen::Action(_) => self.handling = None,
            _ => {}
        }
        for (_, invariant) in self.invariants.iter_mut().filter(|(hears, _)| hears.has(&seen)) {
            invariant.seen(self.moment, self.handling, &seen);
        }
        if self.first_dead.is_none()
            && let Seen::Publish(stream, _, body) = &seen
            && let Some(event) = stream.strip_prefix("quantum:dlq:")
        {
            let fields = body.to_fields();
            let reason = fields.get("dlq_reason").unwrap_or("without a reason");
            let who = fields.get("dlq_service").unwrap_or("nobody");
            self.first_dead = Some(format!("the first one of {event}, by {who}: {reason}"));
        }
        if let Some(tally) = &mut self.tally {
            let service =
                self.handling.and_then(|service| self.services.get(usize::from(service.0)));
            tally.hear(now, service.map(String::as_str), &seen);
        }
        if let (Some(plans), Seen::Publish(stream, _, body)) = (&mut self.plans, &seen)
            && *stream == APPLY_PLAN.name
        {
            plans.hear(body);
        }
        if !self.judges.is_empty() {
            self.seen_by_judges(&seen);
        }
        !self.deferred.is_empty() || (self.stirred && !self.of_state.is_empty())
    }
}

/// The stream of that full name.
pub(crate) fn stream_of(name: &str) -> Option<&'static Stream> {
    STREAMS.iter().find(|stream| stream.name == name)
}
