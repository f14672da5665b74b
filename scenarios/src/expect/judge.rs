//! One expectation while the run goes on.

use std::collections::VecDeque;
use std::sync::Arc;

use cel::{Context, Env};
use engine::{Nanos, nearest};
use pipeline::keys::{KEYS, Key};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::condition::{Condition, Needs};
use super::topic::Topic;
use super::values::{Object, number, value};
use super::{Expectation, Failure, Moment};
use crate::events::{instant, offset};

/// What an entry is to an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What is judged.
    Main,
    /// What has to come later.
    Before,
    /// What begins a span.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Always,
    Never,
    Eventually,
    First,
    Count,
    Holds,
    AtEnd,
}

/// A trigger that is to be answered.
#[derive(Clone, Debug)]
struct Obligation {
    made: Moment,
    deadline: Nanos,
    trigger: Json,
}

/// One expectation, with what is known so far.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    spec: Expectation,
    kind: Kind,
    main: (Condition, Option<Topic>),
    before: Option<(Condition, Option<Topic>)>,
    after: Option<(Condition, Option<Topic>)>,
    within: Option<Nanos>,
    pub(crate) at: Option<Nanos>,
    window: (Nanos, Nanos),
    start: Nanos,
    looked: u64,
    held: u64,
    first_held: Option<Moment>,
    /// Triggers of `always`, `never` and `count`, and when what each began is over.
    armed: VecDeque<(Json, Nanos)>,
    waiting: VecDeque<Obligation>,
    pub(crate) failure: Option<Failure>,
}

impl Judge {
    /// Reads an expectation about entries or state; `None` if it is about a figure.
    pub(crate) fn read(spec: &Expectation, range: (Nanos, Nanos)) -> Result<Option<Judge>, String> {
        let fault = |problem: String| format!("expectation {:?}: {problem}", spec.name);
        let (kind, source) = spec.kind().map_err(fault)?;
        let kind = match kind {
            "figure" => return Ok(None),
            "always" => Kind::Always,
            "never" => Kind::Never,
            "eventually" => Kind::Eventually,
            "first" => Kind::First,
            "count" => Kind::Count,
            "holds" => Kind::Holds,
            _ => Kind::AtEnd,
        };
        let topic = |key: &str, name: &Option<String>| {
            name.as_deref().map(|name| Topic::read(key, name)).transpose().map_err(fault)
        };
        let on = topic("on", &spec.on)?;
        let part = |key: &str, source: &str, topic: Option<Topic>| {
            let condition = Condition::read(source).map_err(|p| fault(format!("{key}: {p}")))?;
            check_fields(&condition.needs, topic.as_ref())
                .and_then(|()| check_keys(&condition.needs))
                .map_err(|p| fault(format!("{key}: {p}")))?;
            Ok::<_, String>((condition, topic))
        };
        let other = |key: &str, name: &Option<String>| Ok::<_, String>(topic(key, name)?.or(on));
        let main = part(spec.kind().map_or("", |(kind, _)| kind), source, on)?;
        let before = match &spec.before {
            Some(source) => Some(part("before", source, other("before_on", &spec.before_on)?)?),
            None => None,
        };
        let after = match &spec.after {
            Some(source) => Some(part("after", source, other("after_on", &spec.after_on)?)?),
            None => None,
        };
        let triggers = after.as_ref().and_then(|(_, topic)| topic.as_ref()?.fields());
        let conditions = [Some(&main), before.as_ref()];
        for (condition, _) in conditions.into_iter().flatten() {
            let odd = condition.needs.trigger.iter().find(|field| {
                triggers.as_ref().is_none_or(|known| !known.contains(&field.as_str()))
            });
            if let Some(odd) = odd {
                return Err(fault(format!(
                    "`trigger.{odd}` is not there: `trigger` is the entry of `after`, and has its fields"
                )));
            }
        }
        let time = |key: &str, text: &Option<String>, otherwise: Nanos| match text {
            Some(text) => instant(key, text, range.0).map_err(fault),
            None => Ok(otherwise),
        };
        let within = match &spec.within {
            Some(text) => Some(offset(text).ok_or_else(|| {
                fault(format!("within = {text:?} is no span such as \"10s\" or \"1300ms\""))
            })?),
            None => None,
        };
        let at = match &spec.at {
            Some(text) => Some(crate::events::within("at", text, range).map_err(fault)?),
            None => None,
        };
        let window =
            (time("from", &spec.from, range.0)?, time("until", &spec.until, Nanos::NEVER)?);
        if window.0 >= window.1.min(range.1) {
            return Err(fault(
                "nothing lies between `from` and `until`, or the end: change them".into(),
            ));
        }
        if kind == Kind::Eventually
            && after.is_none()
            && let Some(within) = within
            && (range.0 + within <= window.0 || range.0 + within > range.1)
        {
            return Err(fault(format!(
                "within = {:?} counts from the start of the run, and ends before `from` or after the end: change it",
                spec.within.as_deref().unwrap_or_default()
            )));
        }
        Ok(Some(Judge {
            spec: spec.clone(),
            kind,
            main,
            before,
            after,
            within,
            at,
            window,
            start: range.0,
            looked: 0,
            held: 0,
            first_held: None,
            armed: VecDeque::new(),
            waiting: VecDeque::new(),
            failure: None,
        }))
    }

    /// Its conditions, with the topics whose entries they are asked of.
    pub(crate) fn parts(&self) -> Vec<(Role, &Condition, Option<&Topic>)> {
        let mut parts = vec![(Role::Main, &self.main.0, self.main.1.as_ref())];
        parts.extend(self.before.as_ref().map(|(c, t)| (Role::Before, c, t.as_ref())));
        parts.extend(self.after.as_ref().map(|(c, t)| (Role::After, c, t.as_ref())));
        parts
    }

    /// Whether its main condition is looked at again and again, not at one instant.
    pub(crate) fn is_of_moments(&self) -> bool {
        !matches!(self.kind, Kind::Holds | Kind::AtEnd)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.kind == Kind::AtEnd
    }

    fn fail(&mut self, found: String, moment: Option<Moment>) {
        if self.failure.is_none() {
            self.failure = Some(Failure {
                name: self.spec.name.clone(),
                found,
                at: moment.map(|moment| moment.time),
                entry: moment.map(|moment| moment.entry),
                unjudged: false,
                place: self.spec.place.clone(),
            });
        }
    }

    fn ask(&self, role: Role, look: &Look<'_>, trigger: Option<&Json>) -> Result<bool, String> {
        let condition = match role {
            Role::Main => Some(&self.main.0),
            Role::Before => self.before.as_ref().map(|(condition, _)| condition),
            Role::After => self.after.as_ref().map(|(condition, _)| condition),
        };
        let Some(condition) = condition else { return Ok(false) };
        let mut context = Context::with_env(Arc::clone(look.env));
        for (name, json) in look.state.into_iter().flatten() {
            if condition.needs.names.contains(name) {
                context.add_variable_from_value(name.as_str(), value(json));
            }
        }
        if condition.needs.names.contains("time") {
            let seconds = (look.moment.time - self.start).as_secs_f64();
            context.add_variable_from_value("time", value(&number(seconds)));
        }
        if let Some(entry) = look.entry {
            context.add_variable_from_value("entry", value(entry));
        }
        if let Some(trigger) = trigger {
            context.add_variable_from_value("trigger", value(trigger));
        }
        condition.holds(&context)
    }

    /// One entry of a topic, or one look at the state.
    pub(crate) fn look(&mut self, role: Role, look: &Look<'_>) {
        let moment = look.moment;
        if self.failure.is_some() {
            return;
        }
        self.overdue(moment.time);
        if moment.time < self.window.0 || moment.time >= self.window.1 {
            return;
        }
        let judged = match role {
            Role::After => self.triggered(look),
            Role::Before => self.before_came(look),
            Role::Main => self.judged(look),
        };
        if let Err(problem) = judged {
            self.fail(problem, Some(moment));
            if let Some(failure) = &mut self.failure {
                failure.unjudged = true;
            }
        }
    }

    fn triggered(&mut self, look: &Look<'_>) -> Result<(), String> {
        if !self.ask(Role::After, look, None)? {
            return Ok(());
        }
        let made = look.moment;
        let deadline = self.within.map_or(Nanos::NEVER, |within| made.time + within);
        let trigger = look.entry.cloned().unwrap_or(Json::Null);
        if self.kind == Kind::Eventually {
            self.waiting.push_back(Obligation { made, deadline, trigger });
        } else {
            self.armed.push_back((trigger, deadline));
        }
        Ok(())
    }

    fn before_came(&mut self, look: &Look<'_>) -> Result<(), String> {
        if self.first_held.is_none() && self.ask(Role::Before, look, None)? {
            let shown = shown(look.entry);
            self.fail(
                format!(
                    "{:?} came, and {:?} had not been before{shown}",
                    self.before_source(),
                    self.main.0.source
                ),
                Some(look.moment),
            );
        }
        Ok(())
    }

    fn before_source(&self) -> &str {
        self.before.as_ref().map_or("", |(condition, _)| &condition.source)
    }

    fn judged(&mut self, look: &Look<'_>) -> Result<(), String> {
        if self.kind == Kind::Eventually && self.after.is_some() {
            return self.answered(look);
        }
        self.armed.retain(|(_, deadline)| look.moment.time <= *deadline);
        if self.after.is_some() && self.armed.is_empty() {
            return Ok(());
        }
        let done = matches!(self.kind, Kind::Eventually | Kind::First) && self.first_held.is_some();
        if done {
            return Ok(());
        }
        self.looked += 1;
        let holds = self.holds(look)?;
        if holds {
            self.held += 1;
            self.first_held.get_or_insert(look.moment);
        }
        let source = &self.main.0.source;
        match self.kind {
            Kind::Always | Kind::Holds | Kind::AtEnd if !holds => {
                self.fail(
                    format!("{source:?} does not hold{}", shown_or_state(look, &self.main.0.needs)),
                    Some(look.moment),
                );
            }
            Kind::Never if holds => {
                self.fail(
                    format!("{source:?} holds{}", shown_or_state(look, &self.main.0.needs)),
                    Some(look.moment),
                );
            }
            Kind::Count => {
                let most = self.spec.at_most.or(self.spec.equals);
                if let Some(most) = most.filter(|most| Decimal::from(self.held) > *most) {
                    self.fail(
                        format!(
                            "{source:?} held {} times, expected at most {most}{}",
                            self.held,
                            shown(look.entry)
                        ),
                        Some(look.moment),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the condition holds: with triggers of `always` for each of them, else for any.
    fn holds(&self, look: &Look<'_>) -> Result<bool, String> {
        if self.after.is_none() {
            return self.ask(Role::Main, look, None);
        }
        let of_all = self.kind == Kind::Always;
        for (trigger, _) in &self.armed {
            if self.ask(Role::Main, look, Some(trigger))? != of_all {
                return Ok(!of_all);
            }
        }
        Ok(of_all)
    }

    /// An entry, or a state, that may answer what waits.
    fn answered(&mut self, look: &Look<'_>) -> Result<(), String> {
        let mut place = 0;
        while let Some(one) = self.waiting.get(place) {
            let trigger = one.trigger.clone();
            if self.ask(Role::Main, look, Some(&trigger))? {
                self.held += 1;
                self.waiting.remove(place);
            } else {
                place += 1;
            }
        }
        Ok(())
    }

    /// What was to be answered by now and was not.
    fn overdue(&mut self, now: Nanos) {
        let Some(place) = self.waiting.iter().position(|one| one.deadline < now) else {
            let late =
                self.kind == Kind::Eventually && self.after.is_none() && self.first_held.is_none();
            let deadline = self.start + self.within.unwrap_or(Nanos::NEVER);
            if late && now > deadline {
                self.fail(format!("{:?} had not held by {deadline}", self.main.0.source), None);
            }
            return;
        };
        let one = &self.waiting[place];
        let (made, text) = (
            one.made,
            format!(
                "{:?} did not follow within {} s{}",
                self.main.0.source,
                (one.deadline - one.made.time).as_secs_f64(),
                shown(Some(&one.trigger))
            ),
        );
        self.fail(text, Some(made));
    }

    /// The run is over.
    pub(crate) fn end(&mut self, end: Nanos) {
        if self.failure.is_some() {
            return;
        }
        self.overdue(end);
        let source = self.main.0.source.clone();
        match self.kind {
            Kind::Eventually if self.after.is_some() => {
                // What still had time is not judged, if something else was.
                let missed = self.waiting.iter().find(|one| one.deadline == Nanos::NEVER);
                if let Some(one) = missed {
                    let (made, trigger) = (one.made, shown(Some(&one.trigger)));
                    self.fail(
                        format!("{source:?} did not follow until the end{trigger}"),
                        Some(made),
                    );
                } else if self.held == 0 && !self.waiting.is_empty() {
                    self.fail("every trigger still had time at the end, so that nothing was judged: let the run be longer".into(), None);
                } else if self.held == 0 {
                    let after = self.after.as_ref().map_or("", |(condition, _)| &condition.source);
                    self.fail(format!("{after:?} never held, so that nothing was judged"), None);
                }
            }
            Kind::Eventually | Kind::First if self.first_held.is_none() => {
                self.fail(format!("{source:?} never held, of {} looks", self.looked), None);
            }
            Kind::Count => {
                if let Some(broken) = self.spec.broken_bound(Decimal::from(self.held)) {
                    self.fail(
                        format!("{source:?} held {broken}, of {} entries", self.looked),
                        None,
                    );
                }
            }
            Kind::Always | Kind::Never => {
                let least = self.spec.at_least.unwrap_or_default();
                if Decimal::from(self.looked) < least {
                    self.fail(
                        format!(
                            "there were {} entries to look at, expected at least {least}",
                            self.looked
                        ),
                        None,
                    );
                }
            }
            Kind::Holds if self.looked == 0 => {
                self.fail(format!("{source:?} was never asked"), None);
            }
            _ => {}
        }
    }
}

/// One look: when, at what, and the state if somebody needs it.
pub(crate) struct Look<'a> {
    pub(crate) moment: Moment,
    pub(crate) entry: Option<&'a Json>,
    pub(crate) state: Option<&'a Object>,
    pub(crate) env: &'a Arc<Env>,
}

/// The entry in words: fields that are there, up to a length.
fn shown(entry: Option<&Json>) -> String {
    const LONGEST: usize = 300;
    let Some(Json::Object(fields)) = entry else { return String::new() };
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        if value.is_empty() {
            continue;
        }
        let gap = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{gap}{name}={value}"));
        if text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST).collect::<String>() + "…";
            break;
        }
    }
    format!(": {text}")
}

fn shown_or_state(look: &Look<'_>, needs: &Needs) -> String {
    if look.entry.is_some() {
        return shown(look.entry);
    }
    let Some(state) = look.state else { return String::new() };
    let own: Object = state
        .iter()
        .filter(|(name, _)| needs.names.contains(*name))
        .map(|(name, json)| (name.clone(), json.clone()))
        .collect();
    shown(Some(&Json::Object(own)))
}

/// A field that no entry of the topic has would make a condition that nothing can break.
fn check_fields(needs: &Needs, topic: Option<&Topic>) -> Result<(), String> {
    let Some(topic) = topic else {
        return match needs.entry.iter().next() {
            Some(_) => Err("`entry` is there only with `on`: say whose entries are meant".into()),
            None => Ok(()),
        };
    };
    let Some(known) = topic.fields() else { return Ok(()) };
    let Some(odd) = needs.entry.iter().find(|field| !known.contains(&field.as_str())) else {
        return Ok(());
    };
    Err(match nearest(odd, &known) {
        Some(near) => format!("entries have no field {odd:?}; did you mean {near:?}?"),
        None => format!("entries have no field {odd:?}; they have {}", known.join(", ")),
    })
}

/// A key that nobody writes reads as null for ever: one that looks like a slip is refused.
fn check_keys(needs: &Needs) -> Result<(), String> {
    for key in needs.keys.iter().chain(&needs.ttl) {
        let is = |known: &Key| {
            key.strip_prefix(known.name).is_some_and(|rest| {
                if known.part.is_empty() { rest.is_empty() } else { rest.ends_with(known.after) }
            })
        };
        if KEYS.iter().any(is) {
            continue;
        }
        // What varies is mostly what stands last.
        let part = key.rsplit(':').next().unwrap_or_default();
        let known: Vec<String> = KEYS
            .iter()
            .map(|known| if known.part.is_empty() { known.name.to_owned() } else { known.of(part) })
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if let Some(near) = nearest(key, &known) {
            return Err(format!("nobody writes a key {key:?}; did you mean {near:?}?"));
        }
    }
    Ok(())
}
