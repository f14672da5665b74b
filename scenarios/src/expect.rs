//! Expectations: what a scenario says about the figures of its run.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The figures of a finished run, by name.
pub type Figures = BTreeMap<String, Decimal>;

/// One expectation. At least one bound has to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Its name, as it appears when it fails.
    pub name: String,
    /// The figure: `entries`, `wallet_balance`, `exit_monitor.stop_loss`, and so on; `qsim run -v` lists
    /// all of them.
    pub figure: String,
    /// Not less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Decimal>,
    /// Not more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Decimal>,
}

/// An expectation that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Name of the expectation.
    pub name: String,
    /// What was found, in words.
    pub found: String,
}

impl Expectation {
    /// Why the expectation does not make sense, if it does not.
    pub fn problem(&self) -> Option<String> {
        let bounds = [self.at_least, self.at_most, self.equals];
        if bounds.iter().all(Option::is_none) {
            return Some(format!(
                "expectation {:?} has no bound: give at_least, at_most or equals",
                self.name
            ));
        }
        match (self.at_least, self.at_most) {
            (Some(low), Some(high)) if low > high => {
                Some(format!("expectation {:?}: at_least {low} is above at_most {high}", self.name))
            }
            _ => None,
        }
    }

    /// Why its figure cannot be in a run of these services, if it cannot.
    pub(crate) fn unknown_figure(&self, services: &[String]) -> Option<String> {
        let Expectation { name, figure, .. } = self;
        let (what, known): (&str, Vec<&str>) = match figure.split_once('.') {
            None => {
                let names = crate::venue::FIGURES.iter().chain(&crate::run::DERIVED);
                ("figure", names.copied().collect())
            }
            Some((service, _)) if !services.iter().any(|s| s == service) => {
                ("service", services.iter().map(String::as_str).collect())
            }
            Some((service, _)) => ("counter or gauge", pipeline::figures_of(service)),
        };
        let given = match what {
            "figure" => figure.as_str(),
            "service" => figure.split('.').next().unwrap_or_default(),
            // A gauge may tell of one symbol: `service.gauge.BTCUSDT`.
            _ => figure.split('.').nth(1).unwrap_or_default(),
        };
        if known.contains(&given) {
            return None;
        }
        let near = datasets::nearest(given, &known);
        let remedy = match near {
            Some(near) => format!("did you mean {near:?}?"),
            None => "`qsim run -v` lists the figures of a run".to_owned(),
        };
        Some(format!("expectation {name:?}: there is no {what} {given:?}; {remedy}"))
    }

    fn is_gauge(&self) -> bool {
        let mut parts = self.figure.split('.');
        let (service, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        pipeline::is_gauge(service, name)
    }

    /// Holds the expectation against the figures; a counter that nobody counted is zero.
    pub fn check(&self, figures: &Figures) -> Option<Failure> {
        let failure = |found: String| Some(Failure { name: self.name.clone(), found });
        let value = match figures.get(&self.figure) {
            Some(value) => *value,
            None if self.is_gauge() => {
                return failure(format!("no service has set {:?}", self.figure));
            }
            None if self.figure.contains('.') => Decimal::ZERO,
            None => return failure(format!("there is no figure {:?}", self.figure)),
        };
        let broken = |bound: Option<Decimal>, holds: fn(&Decimal, &Decimal) -> bool| {
            bound.filter(|bound| !holds(&value, bound))
        };
        if let Some(bound) = broken(self.at_least, Decimal::ge) {
            return failure(format!("{} is {value}, expected at least {bound}", self.figure));
        }
        if let Some(bound) = broken(self.at_most, Decimal::le) {
            return failure(format!("{} is {value}, expected at most {bound}", self.figure));
        }
        if let Some(bound) = broken(self.equals, Decimal::eq) {
            return failure(format!("{} is {value}, expected {bound}", self.figure));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, figures: &[(&str, i64)]) -> String {
        let expectation: Expectation = toml::from_str(toml).expect("an expectation");
        let figures = figures.iter().map(|(n, v)| ((*n).to_owned(), Decimal::from(*v))).collect();
        expectation.problem().or(expectation.check(&figures).map(|f| f.found)).unwrap_or_default()
    }

    #[test]
    fn bounds() {
        let figures = [("entries", 5)];
        assert_eq!(check("name='a'\nfigure='entries'\nat_least=5", &figures), "");
        assert_eq!(
            check("name='a'\nfigure='entries'\nat_least=6", &figures),
            "entries is 5, expected at least 6"
        );
        assert_eq!(
            check("name='a'\nfigure='entries'\nat_most=4", &figures),
            "entries is 5, expected at most 4"
        );
        assert_eq!(
            check("name='a'\nfigure='entries'\nequals=4", &figures),
            "entries is 5, expected 4"
        );
        assert_eq!(
            check("name='a'\nfigure='entrys'\nequals=4", &figures),
            "there is no figure \"entrys\""
        );
        assert_eq!(check("name='a'\nfigure='bot.holds'\nat_most=0", &figures), "");
        assert!(check("name='a'\nfigure='entries'", &figures).contains("no bound"));
    }
}
