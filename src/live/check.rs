//! Whether the account is as the pipeline needs it, before anything is sent. A paper session has no account at the venue:
//! of it only the market is looked at, and whether our own exchange can be built for it.

use std::sync::Arc;

use engine::{Nanos, Symbol};
use live::binance::{Expectations, Finding, Preflight, SymbolExpectation, VenueFacts};
use live::clock::LiveClock;
use scenarios::Scenario;

use super::LiveArguments;
use super::place::Place;
use crate::print;

/// A clock that is further off than this is set before a session, not worked around.
const CLOCK_OFF_MAX: Nanos = Nanos::from_secs(1);

/// What is found, good and bad.
pub fn look(
    scenario: &Scenario,
    place: &Place,
    clock: &Arc<LiveClock>,
    facts: &VenueFacts,
    arguments: &LiveArguments,
) -> Vec<Finding> {
    let account = &scenario.account;
    let expected = |symbol: Symbol| SymbolExpectation {
        symbol,
        margin_type: account.margin_type,
        leverage: Some(account.leverage),
        filters: None,
    };
    // A session that goes on has left what it finds.
    let resumes = super::begin::journal_of(arguments, scenario).is_some_and(|(_, goes_on)| goes_on);
    let expectations = Expectations {
        dual_side_position: account.hedge_mode,
        multi_assets: account.multi_assets,
        symbols: facts.instruments.iter().map(|one| expected(one.symbol)).collect(),
        available_min: scenario.live.available_min,
        clock_off_max: CLOCK_OFF_MAX,
        may_hold: scenario.live.may_hold || resumes,
    };
    match &place.keys {
        Some(keys) => Preflight::look(&place.config, keys, clock, &expectations),
        None => {
            let mut findings = Preflight::look_at_market(&place.config, clock, &expectations);
            findings.extend(super::paper::findings(scenario, facts, clock.now()));
            findings
        }
    }
}

/// Prints the findings; `true` if the session may begin.
pub fn tell(findings: &[Finding]) -> bool {
    for finding in findings {
        let mark = match (finding.is_fine(), finding.stops) {
            (true, _) => "ok   ",
            (false, false) => "note ",
            (false, true) => "STOP ",
        };
        print(&format!("{mark} {finding}"));
    }
    let stops = findings.iter().filter(|finding| finding.stops && !finding.is_fine()).count();
    if stops > 0 {
        eprintln!("qsim: {stops} findings keep the session from beginning");
    }
    stops == 0
}
