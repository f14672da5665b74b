//! Whether the account is as the pipeline needs it, before anything is sent. A paper session has no account at the venue:
//! of it only the market is looked at, and whether our own exchange can be built for it.

use std::sync::Arc;

use engine::{Nanos, Symbol};
use live::binance::{Expectations, Finding, Preflight, SymbolExpectation};
use live::clock::LiveClock;
use scenarios::Scenario;

use super::LiveArguments;
use super::place::Place;
use crate::{complain, print};

/// A clock that is further off than this is set before a session, not worked around.
const CLOCK_OFF_MAX: Nanos = Nanos::from_secs(1);

/// What is found, good and bad.
pub fn look(
    scenario: &Scenario,
    place: &Place,
    clock: &Arc<LiveClock>,
    arguments: &LiveArguments,
) -> Vec<Finding> {
    let account = &scenario.account;
    // A session that goes on has left what it finds: its orders and positions, the leverage of its last intents, and a
    // balance that its positions use.
    let resumes =
        super::journals::journal_of(arguments, scenario).is_some_and(|(_, goes_on)| goes_on);
    let expected = |symbol: Symbol| SymbolExpectation {
        symbol,
        margin_type: account.margin_type,
        leverage: (!resumes).then_some(account.leverage),
        filters: None,
    };
    let expectations = Expectations {
        dual_side_position: account.hedge_mode,
        multi_assets: account.multi_assets,
        symbols: scenario.symbols().into_iter().map(expected).collect(),
        available_min: if resumes { Default::default() } else { scenario.live.available_min },
        // The clock of an accelerated session was set by one look at the venue's.
        clock_off_max: Nanos(CLOCK_OFF_MAX.0 * i64::from(scenario.live.speed)),
        may_hold: scenario.live.may_hold || resumes,
    };
    let mut findings = match &place.keys {
        Some(keys) => Preflight::look(&place.config, keys, clock, &expectations),
        None => Preflight::look_at_market(&place.config, clock, &expectations),
    };
    if place.keys.is_none() && findings.iter().all(|one| one.is_fine() || !one.stops) {
        findings.extend(super::paper::findings(scenario, place, clock));
    }
    findings.extend(super::machine::findings(arguments, scenario));
    findings
}

/// Prints the findings; `true` if the session may begin.
pub fn tell(findings: &[Finding]) -> bool {
    for finding in findings {
        let mark = match (finding.is_fine(), finding.stops) {
            (true, _) => "ok   ",
            (false, false) => "note ",
            (false, true) => "STOP ",
        };
        print(&super::without_passwords(&format!("{mark} {finding}")));
    }
    let stops = findings.iter().filter(|finding| finding.stops && !finding.is_fine()).count();
    if stops > 0 {
        let keep = if stops == 1 { "finding keeps" } else { "findings keep" };
        complain(&format!("{stops} {keep} the session from beginning"));
    }
    stops == 0
}
