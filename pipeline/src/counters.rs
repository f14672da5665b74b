//! The names of all counters, so that a scenario that expects something of one that does not exist is
//! refused instead of fulfilled.

use crate::chain::{own_counters, own_gauges};

/// Names under which every service may count: those of the kernel, and of what services share.
pub const SHARED: &[&str] = &[
    "dead_letters",
    "dead_letters_lost",
    "exchange_info_not_fetched",
    "fill_not_marked",
    "fills_already_taken",
    "gauges_not_finite",
    "publish_failed",
    "replies_too_late",
    "safety_global_rate_exceeded",
    "safety_safe_mode_enabled",
    "safety_state_unknown",
    "safety_symbol_rate_exceeded",
    "switches_unreadable",
];

/// The names of all counters and gauges of a service; nothing if there is no such service.
pub fn figures_of(service: &str) -> Vec<&'static str> {
    let (own, gauges) = (own_counters(service), own_gauges(service));
    let counters = own.into_iter().flat_map(|own| own.iter().chain(SHARED));
    counters.chain(gauges.into_iter().flatten()).copied().collect()
}

/// Whether a service counts under that name.
pub fn is_counter(service: &str, name: &str) -> bool {
    own_counters(service).is_some_and(|own| own.contains(&name) || SHARED.contains(&name))
}

/// Whether a service has a gauge of that name.
pub fn is_gauge(service: &str, name: &str) -> bool {
    own_gauges(service).is_some_and(|own| own.contains(&name))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::chain::{CATALOGUE, Registered};

    /// The first words of calls of `count` that are literals. The pattern is in two parts, or this would be
    /// such a call.
    fn counted(text: &str) -> impl Iterator<Item = &str> {
        text.split(concat!(".cou", "nt(")).skip(1).filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('"')?;
            rest.split('"').next()
        })
    }

    /// The first words of calls of `gauge` that are literals.
    fn gauged(text: &str) -> impl Iterator<Item = &str> {
        text.split(concat!(".gau", "ge(")).skip(1).filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('"')?;
            rest.split('"').next()
        })
    }

    /// The files of a service: one, or those of its folder.
    fn files(service: &Registered) -> Vec<PathBuf> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let file = sources.join(service.file());
        assert!(file.is_file(), "{}", file.display());
        let folder = file.parent().expect("a folder");
        if folder == sources.join(service.group) {
            return vec![file];
        }
        let folder = std::fs::read_dir(folder).expect("a folder");
        folder.map(|entry| entry.expect("an entry").path()).collect()
    }

    #[test]
    fn a_service_declares_every_name_under_which_it_counts() {
        for registered in CATALOGUE {
            let service = registered.name;
            for file in files(registered) {
                let text = std::fs::read_to_string(&file).expect("text");
                let missing: Vec<&str> =
                    counted(&text).filter(|name| !is_counter(service, name)).collect();
                assert!(missing.is_empty(), "{service}: add to its COUNTERS: {missing:?}");
                let missing: Vec<&str> =
                    gauged(&text).filter(|name| !is_gauge(service, name)).collect();
                assert!(missing.is_empty(), "{service}: add to its GAUGES: {missing:?}");
            }
        }
    }

    #[test]
    fn a_service_that_is_none_has_no_counters() {
        assert!(figures_of("nobody").is_empty());
        assert!(figures_of("exit_monitor").contains(&"dead_letters"));
        assert!(!is_counter("exit_monitor", "trades_won"));
    }
}
