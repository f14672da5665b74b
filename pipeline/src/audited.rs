//! Behaviour that the audits found, each under a name: what the system did before it was mended, so that a
//! scenario can bring an incident back. `[pipeline] audited = ["name", …]`; nothing of it holds without its name.
//!
//! This is the one list of them. A service asks [`AuditedNames::has`] when it is built; a test holds that every
//! name is asked for and has a test of its own.

use std::collections::BTreeSet;
use std::fmt;

use engine::nearest;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::settings::Component;

/// What is registered of an audited behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditedBehaviour {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What the system did.
    pub about: &'static str,
    /// The services that do it.
    pub services: &'static [&'static str],
    /// Its name in the sources.
    pub variant: &'static str,
    /// The incidents, sections and worked examples to which it belongs.
    pub belongs_to: &'static str,
}

macro_rules! audited {
    ($($(#[doc = $about:literal])+ $variant:ident $name:literal: $($service:ident),+ = $incident:literal;)*) => {
        /// A behaviour of the audits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Audited {
            $($(#[doc = $about])+ $variant,)*
        }

        /// All of them, in the order of the pipeline.
        pub const AUDITED: &[AuditedBehaviour] = &[$(AuditedBehaviour {
            name: $name,
            about: concat!($($about),+),
            services: &[$(stringify!($service)),+],
            variant: stringify!($variant),
            belongs_to: $incident,
        }),*];

        impl Audited {
            const ALL: &'static [Audited] = &[$(Audited::$variant),*];

            /// Its name in scenario files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Audited::$variant => $name,)*
                }
            }
        }
    };
}

// Each block is in the order of the chain: signals and policy, entry, exits and heat, books.
audited! {
    // Markets, signals, learning, policy.

    // From intent to exchange.
    /// The Apply Layer lets closes pass up to the critical kill score only (29 January).
    KillScoreJanuary "kill_score_january": apply_layer = "EHR 3.11, 29 January";
    /// The Apply Layer stops closes at their own kill score (2 February).
    KillScoreFebruary "kill_score_february": apply_layer = "EHR 3.11, 2 February; EHR examples 29 to 35";
    /// A quarter is an unknown word and no close.
    NoPartial25 "no_partial_25": apply_layer = "EHR 3.11; EHR example 33";

    // Heat, exits and harvest.
    /// The portfolio gate takes 1 for every sigma, so that its heat is 1 whenever anything is open.
    UnitSigma "unit_sigma": portfolio_gate = "EHR 3.8; EHR examples 21 to 24";
    /// The portfolio gate takes the sigma of a minute for that of a day, so that no book is ever warm.
    SigmaPerMinute "sigma_per_minute": portfolio_gate = "EHR 3.6; EHR examples 15 to 17";

    // State and books.
}

/// The names that a run asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditedNames(BTreeSet<Audited>);

impl AuditedNames {
    /// Whether the run asks for it.
    pub fn has(&self, behaviour: Audited) -> bool {
        self.0.contains(&behaviour)
    }
}

impl FromIterator<Audited> for AuditedNames {
    fn from_iter<I: IntoIterator<Item = Audited>>(behaviours: I) -> AuditedNames {
        AuditedNames(behaviours.into_iter().collect())
    }
}

impl Component for AuditedNames {
    fn problem(&self) -> Option<String> {
        let both = self.has(Audited::KillScoreJanuary) && self.has(Audited::KillScoreFebruary);
        both.then(|| {
            "names kill_score_january and kill_score_february: the layer had one rule at a time"
                .to_owned()
        })
    }
}

impl Serialize for Audited {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Audited {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Audited, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Audited;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an audited behaviour")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Audited, E> {
                let found = Audited::ALL.iter().find(|behaviour| behaviour.name() == name);
                found.copied().ok_or_else(|| {
                    let known: Vec<&str> = AUDITED.iter().map(|known| known.name).collect();
                    let near =
                        nearest(name, &known).map(|near| format!("; did you mean {near:?}?"));
                    let near = near.unwrap_or_default();
                    let all = "`qsim pipeline audited` lists them all";
                    E::custom(format!("there is no audited behaviour {name:?}{near} ({all})"))
                })
            }
        }

        deserializer.deserialize_str(Name)
    }
}

impl Serialize for AuditedNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de> Deserialize<'de> for AuditedNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AuditedNames, D::Error> {
        BTreeSet::deserialize(deserializer).map(AuditedNames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{PipelineSettings, SERVICES, chain};

    fn asking_for(names: &[&str]) -> serde_json::Result<PipelineSettings> {
        serde_json::from_value(serde_json::json!({ "audited": names }))
    }

    #[test]
    fn names_are_unique_and_of_services_that_there_are() {
        let mut seen = BTreeSet::new();
        for behaviour in AUDITED {
            assert!(seen.insert(behaviour.name), "{} twice", behaviour.name);
            for service in behaviour.services {
                assert!(SERVICES.contains(service), "{}: {service}", behaviour.name);
            }
        }
    }

    #[test]
    fn every_behaviour_can_be_asked_for_and_is_written_back() {
        for behaviour in AUDITED {
            let settings = asking_for(&[behaviour.name]).expect(behaviour.name);
            assert!(chain(&settings, &[]).is_ok(), "{}", behaviour.name);
            let again = serde_json::to_value(&settings).expect("settings");
            assert_eq!(again["audited"], serde_json::json!([behaviour.name]));
        }
    }

    #[test]
    fn a_slip_is_told_with_the_name_it_meant() {
        let problem = asking_for(&["unit_sigmas"]).expect_err("no such name").to_string();
        assert!(problem.contains("\"unit_sigma\"?"), "{problem}");
    }

    #[test]
    fn rules_of_two_dates_do_not_hold_at_once() {
        let both = ["kill_score_january", "kill_score_february"];
        let settings = asking_for(&both).expect("names");
        let problem = chain(&settings, &[]).err().expect("one rule holds").to_string();
        assert!(problem.starts_with("[pipeline.audited] names"), "{problem}");
    }
}
