//! Expectations on the figures of a finished run.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Expectation, Failure};

/// The figures of a finished run, by name.
pub type Figures = BTreeMap<String, Decimal>;

impl Expectation {
    /// Why its figure cannot be in a run of these services, if it cannot.
    pub(crate) fn unknown_figure(&self, services: &[String]) -> Option<String> {
        unknown_figure(&self.name, self.figure.as_deref()?, services)
    }

    fn is_gauge(figure: &str) -> bool {
        let mut parts = figure.split('.');
        let (service, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        pipeline::is_gauge(service, name)
    }

    /// Holds an expectation on a figure against the figures of the end; a counter that nobody counted is zero.
    pub(crate) fn check(&self, figures: &Figures) -> Option<Failure> {
        let figure = self.figure.as_deref()?;
        let failure = |found: String| {
            let (name, place) = (self.name.clone(), self.place.clone());
            Some(Failure { name, found, place, ..Failure::default() })
        };
        let value = match figures.get(figure) {
            Some(value) => *value,
            None if Self::is_gauge(figure) => {
                return failure(format!("no service has set {figure:?}"));
            }
            None if figure.contains('.') => Decimal::ZERO,
            None => return failure(format!("there is no figure {figure:?}")),
        };
        self.broken_bound(value).and_then(|broken| failure(format!("{figure} is {broken}")))
    }
}

/// Why there is no such figure in a run of these services, if there is none.
pub(crate) fn unknown_figure(name: &str, figure: &str, services: &[String]) -> Option<String> {
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
        "figure" => figure,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(toml: &str, figures: &[(&str, i64)]) -> String {
        let expectation: Expectation = toml::from_str(toml).expect("an expectation");
        let figures = figures.iter().map(|(n, v)| ((*n).to_owned(), Decimal::from(*v))).collect();
        let range = (engine::Nanos::ZERO, engine::Nanos::NEVER);
        let problem = expectation.problem(range);
        problem.or(expectation.check(&figures).map(|f| f.found)).unwrap_or_default()
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
