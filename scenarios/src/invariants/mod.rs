//! Invariants: what holds in every run, unless the scenario says that it does not, and why. One invariant is one
//! file and one line in [`invariants!`].

mod closes_never_open;
mod messages_accounted;
mod money_conserved;
mod one_order_per_intent;
mod permits_used_once;
mod positions_recorded;
mod safe_mode_passes_exits;

use std::collections::BTreeMap;

use engine::{Seen, ServiceId, nearest};
use serde::{Deserialize, Serialize};

use crate::compose::Place;
use crate::expect::{Failure, Moment, Run, World};

/// Kinds of entries of the journal, as a set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Kinds = Kinds(0);
    /// What makes a service act, but for what the exchange says.
    pub(crate) const INPUTS: Kinds = Kinds(1);
    pub(crate) const EXCHANGE: Kinds = Kinds(2);
    pub(crate) const PUBLISHED: Kinds = Kinds(4);
    pub(crate) const KEYS: Kinds = Kinds(8);
    pub(crate) const REQUESTS: Kinds = Kinds(16);
    /// Calls between services and their replies, as they are sent.
    const CALLS: Kinds = Kinds(32);

    pub(crate) const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub(crate) fn has(self, seen: &Seen<'_>) -> bool {
        let of = match seen {
            Seen::Exchange(_) => Kinds::EXCHANGE,
            Seen::Publish(..) => Kinds::PUBLISHED,
            Seen::Key(..) => Kinds::KEYS,
            Seen::Submit(..) => Kinds::REQUESTS,
            Seen::CallOut(..) | Seen::ReplyOut(..) => Kinds::CALLS,
            _ => Kinds::INPUTS,
        };
        self.0 & of.0 != 0
    }
}

/// One invariant, while a run goes on.
pub(crate) trait Invariant: InvariantState + Send {
    /// The entries that it has to see: most entries are timers, which few care for.
    fn hears(&self) -> Kinds;
    /// An entry of the journal, in the handling of a service if it is one's.
    fn seen(&mut self, _: Moment, _handling: Option<ServiceId>, _: &Seen<'_>) {}
    /// The run is over: what was violated, first.
    fn end(&mut self, kernel: &mut Run, world: &World) -> Option<Failure>;
}

/// What an invariant knows so far is plain data. Implemented for all of them.
pub(crate) trait InvariantState {
    /// A copy, for a fork of its run.
    fn clone_invariant(&self) -> Box<dyn Invariant>;
}

impl<T: Invariant + Clone + 'static> InvariantState for T {
    fn clone_invariant(&self) -> Box<dyn Invariant> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Invariant> {
    fn clone(&self) -> Box<dyn Invariant> {
        (**self).clone_invariant()
    }
}

macro_rules! invariants {
    ($($(#[doc = $about:literal])+ $module:ident::$invariant:ident;)*) => {
        /// The invariants: their names, and what they say.
        pub const INVARIANTS: &[(&str, &str)] = &[$((stringify!($module), concat!($($about),+))),*];

        impl Invariants {
            /// Those that hold.
            pub(crate) fn all(stated: &Invariants) -> Vec<Box<dyn Invariant>> {
                let mut all: Vec<Box<dyn Invariant>> = Vec::new();
                $(if !stated.off.contains_key(stringify!($module)) {
                    all.push(Box::new($module::$invariant::default()));
                })*
                all
            }
        }
    };
}

invariants! {
    /// No intent fills two orders, and no plan has two live ones.
    one_order_per_intent::OneOrderPerIntent;
    /// What may only reduce, an order or a plan that closes, never makes a position larger.
    closes_never_open::ClosesNeverOpen;
    /// Once it has settled, the ledger's record of a symbol is what the exchange holds.
    positions_recorded::PositionsRecorded;
    /// A permit is used up once, and only by an order of its plan.
    permits_used_once::PermitsUsedOnce;
    /// No exit ends for safe mode.
    safe_mode_passes_exits::SafeModePassesExits;
    /// Every message of a group was handled, is pending, or lies with the dead letters.
    messages_accounted::MessagesAccounted;
    /// The exchange's books sum to zero.
    money_conserved::MoneyConserved;
}

/// `[invariants]`: what does not hold here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Invariants {
    /// Invariants that are not looked at, each with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub off: BTreeMap<String, String>,
}

impl Invariants {
    /// A name that is no invariant, or one without a reason.
    pub(crate) fn problem(&self) -> Option<String> {
        let names: Vec<&str> = INVARIANTS.iter().map(|(name, _)| *name).collect();
        self.off.iter().find_map(|(name, reason)| {
            if !names.contains(&name.as_str()) {
                let near = nearest(name, &names).map_or_else(
                    || format!("there are {}", names.join(", ")),
                    |near| format!("did you mean {near:?}?"),
                );
                return Some(format!("[invariants.off] there is no invariant {name:?}; {near}"));
            }
            reason.trim().is_empty().then(|| {
                format!(
                    "[invariants.off] {name} is off without a reason: say why it does not hold here"
                )
            })
        })
    }

    /// What is not looked at, for the assumptions of the run.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let one = |(name, why): (&String, &String)| format!("Invariant {name} is off: {why}.");
        self.off.iter().map(one).collect()
    }
}

/// A violation of an invariant.
pub(crate) fn violated(name: &str, moment: Option<Moment>, found: String) -> Failure {
    Failure {
        name: name.to_owned(),
        found,
        at: moment.map(|moment| moment.time),
        entry: moment.map(|moment| moment.entry),
        unjudged: false,
        place: Place::default(),
    }
}

/// The plan whose order bears this client order id: a letter of the executor, the plan, the attempt.
pub(crate) fn plan_of(client_order_id: &str) -> Option<&str> {
    let (with_letter, attempt) = client_order_id.rsplit_once('-')?;
    let is_number = !attempt.is_empty() && attempt.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| with_letter.get(1..)).flatten().filter(|plan| !plan.is_empty())
}

/// A record in an entry.
pub(crate) fn record<R: engine::TypedRecord>(
    body: &engine::Body,
) -> Option<std::borrow::Cow<'_, R>> {
    body.read::<R>().ok()
}
