//! Expectations: what a scenario says about its run, while it runs and at its end.

mod condition;
mod figure;
mod judge;
mod observer;
mod topic;
mod values;
mod world;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use engine::Nanos;

use crate::compose::Place;

pub use figure::Figures;
pub(crate) use observer::Observer;
pub(crate) use world::{Run, World};

/// One expectation: exactly one of `figure`, `always`, `never`, `eventually`, `first`, `count`, `holds` and
/// `at_end`, and what belongs to it. Conditions are in CEL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Its name, as it appears when it fails.
    pub name: String,
    /// A figure of the end: `entries`, `wallet_balance`, `exit_monitor.stop_loss`, and so on; `qsim run -v`
    /// lists all of them. Needs a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
    /// Holds for every entry of `on`, or of the state at every moment that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always: Option<String>,
    /// Holds for none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never: Option<String>,
    /// Holds once, within `within` of the start or of `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eventually: Option<String>,
    /// Holds once, and earlier than `before` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Entries of `on` for which it holds are counted. Needs a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Holds of the state `at` a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
    /// Holds of the state at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<String>,
    /// Whose entries are looked at: a stream such as `apply.plan`, or `requests`, `responses`, `orders`,
    /// `fills`, `keys`, `actions`, `dead_letters`. Without it the state of the run is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// What has to come later than `first`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// As `on`, of `before`; `on` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_on: Option<String>,
    /// From each time on that this holds; `trigger` is its entry. With `eventually` each has to be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// As `on`, of `after`; `on` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_on: Option<String>,
    /// How long after the start, or after `after`, such as `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// When `holds` is asked: an offset from the start, or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Nothing before this time is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Nothing from this time on is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Not less than this: of the figure, the count, or the entries that `always` and `never` looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Decimal>,
    /// Not more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Decimal>,
    /// Where it stands in its file.
    #[serde(skip)]
    pub place: Place,
}

/// An expectation that did not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Name of the expectation, or of the invariant.
    pub name: String,
    /// What was found, in words.
    pub found: String,
    /// The first moment at which it was violated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Nanos>,
    /// The number of the journal's entry there, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// It could not be judged at all: the condition is at fault, not the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unjudged: bool,
    /// Where the expectation stands; nowhere if it is an invariant.
    pub place: Place,
}

/// A moment of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) time: Nanos,
    pub(crate) entry: u64,
}

impl Expectation {
    /// The kind that it is of, and its condition; or what is wrong with it.
    pub(crate) fn kind(&self) -> Result<(&'static str, &str), String> {
        let all = [
            ("figure", &self.figure),
            ("always", &self.always),
            ("never", &self.never),
            ("eventually", &self.eventually),
            ("first", &self.first),
            ("count", &self.count),
            ("holds", &self.holds),
            ("at_end", &self.at_end),
        ];
        let mut given = all.iter().filter_map(|(name, text)| Some((*name, text.as_deref()?)));
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            (Some((one, _)), Some((other, _))) => {
                Err(format!("has {one} and {other}: make two expectations of it"))
            }
            (None, _) => {
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                Err(format!("says nothing: give one of {}", names.join(", ")))
            }
        }
    }

    /// Why the expectation does not make sense in a run of this range, if it does not.
    pub(crate) fn problem(&self, range: (Nanos, Nanos)) -> Option<String> {
        let problem = self.found_problem();
        let problem = problem.map(|problem| format!("expectation {:?} {problem}", self.name));
        problem.or_else(|| judge::Judge::read(self, range).err())
    }

    fn found_problem(&self) -> Option<String> {
        let (kind, _) = match self.kind() {
            Ok(kind) => kind,
            Err(problem) => return Some(problem),
        };
        let bounds = [self.at_least, self.at_most, self.equals];
        let bounded = bounds.iter().any(Option::is_some);
        if matches!(kind, "figure" | "count") && !bounded {
            return Some("has no bound: give at_least, at_most or equals".into());
        }
        if let (Some(low), Some(high)) = (self.at_least, self.at_most)
            && low > high
        {
            return Some(format!("has at_least {low} above at_most {high}: swap or change them"));
        }
        if kind == "count" && self.on.is_none() {
            return Some("counts, and does not say what: give `on`".into());
        }
        let needs =
            [("first", "before", self.before.is_some()), ("holds", "at", self.at.is_some())];
        if let Some((_, key, _)) = needs.iter().find(|(of, _, given)| kind == *of && !given) {
            return Some(format!("has `{kind}` and needs `{key}`: add it"));
        }
        let entries = self.on.is_some();
        let belongs = [
            (
                "on",
                self.on.is_some(),
                matches!(kind, "always" | "never" | "eventually" | "first" | "count"),
            ),
            ("before", self.before.is_some(), kind == "first"),
            ("before_on", self.before_on.is_some(), kind == "first"),
            (
                "after",
                self.after.is_some(),
                matches!(kind, "always" | "never" | "eventually" | "count"),
            ),
            ("after_on", self.after_on.is_some(), self.after.is_some()),
            ("within", self.within.is_some(), kind == "eventually" || self.after.is_some()),
            ("at", self.at.is_some(), kind == "holds"),
            ("from", self.from.is_some(), !matches!(kind, "figure" | "holds" | "at_end")),
            ("until", self.until.is_some(), !matches!(kind, "figure" | "holds" | "at_end")),
            (
                "at_least",
                self.at_least.is_some(),
                matches!(kind, "figure" | "count")
                    || (entries && matches!(kind, "always" | "never")),
            ),
            ("at_most", self.at_most.is_some(), matches!(kind, "figure" | "count")),
            ("equals", self.equals.is_some(), matches!(kind, "figure" | "count")),
        ];
        let stray = belongs.iter().find(|(_, given, fits)| *given && !fits);
        stray.map(|(key, ..)| {
            format!("has `{kind}` and `{key}`, which do not belong together: remove one")
        })
    }

    /// What a number breaks of the bounds, in words.
    pub(crate) fn broken_bound(&self, value: Decimal) -> Option<String> {
        let broken = |bound: Option<Decimal>, holds: fn(&Decimal, &Decimal) -> bool| {
            bound.filter(|bound| !holds(&value, bound))
        };
        if let Some(bound) = broken(self.at_least, Decimal::ge) {
            return Some(format!("{value}, expected at least {bound}"));
        }
        if let Some(bound) = broken(self.at_most, Decimal::le) {
            return Some(format!("{value}, expected at most {bound}"));
        }
        broken(self.equals, Decimal::eq).map(|bound| format!("{value}, expected {bound}"))
    }
}
