//! What the governor did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

fn with(names: &[&str], mode: GovernorMode) -> Bench {
    bench_with(|settings| {
        settings.audited = audited(names).audited;
        settings.governor.mode = mode;
    })
}

use GovernorMode::{Production, Testnet};

/// EHR 3.18: a permit that led to no order barred the next one.
#[test]
fn a_permit_counts_as_an_execution() {
    for (names, second) in
        [(&[][..], granted("0.5")), (&["permits_count_as_executions"], denied("symbol_cooldown"))]
    {
        let mut bench = with(names, Testnet);
        let plan = open(&bench);
        assert_eq!(says(&mut bench, &plan), granted("0.5"));
        bench.run_for_ms(1_000);
        let plan = numbered(&bench, 2, "BTCUSDT");
        assert_eq!(says(&mut bench, &plan), second, "{names:?}");
    }
    // And an execution does not.
    let mut bench = with(&["permits_count_as_executions"], Testnet);
    let plan = open(&bench);
    ended(&mut bench, &plan, true, "0.5");
    assert_eq!(says(&mut bench, &plan), granted("0.5"));
}

/// EHR 3.18: bytes were compared with text.
#[test]
fn violations_and_confirmations_are_never_found() {
    for (names, said) in
        [(&[][..], denied("p28_budget_violation")), (&["lookups_never_match"], granted("0.5"))]
    {
        let mut bench = with(names, Production);
        budget(&mut bench, "enforce");
        violation(&mut bench, "BTCUSDT");
        let plan = open(&bench);
        assert_eq!(says(&mut bench, &plan), said, "{names:?}");
    }
    let (mut bench, _) = rotating_with(&audited(&["lookups_never_match"]));
    bench.run_for_ms(5);
    let close = rotation_close(&mut bench);
    ended(&mut bench, &close, true, "1");
    assert_eq!(permit(&mut bench, PLAN), None, "although it is closed");
    bench.run_for_ms(126_000);
    assert_eq!(events(&mut bench), ["ROTATION_LOCK_CREATED", "ROTATION_TIMEOUT"]);
}

/// EHR 3.18: what was too large could not be made smaller.
#[test]
fn an_allocation_stops_closes() {
    for (names, said) in
        [(&[][..], Ok(None)), (&["allocation_blocks_closes"], denied("p29_allocation_cap"))]
    {
        let mut bench = with(names, Production);
        target(&mut bench, "enforce");
        let plan = close(&bench);
        assert_eq!(says(&mut bench, &plan), said, "{names:?}");
    }
}

/// EHR 3.18 gate 5, example 37: from 0.65 on.
#[test]
fn a_kill_score_stops_closes() {
    let blocked = denied("kill_score_close_blocked:0.700>=0.650");
    for (names, mode, said) in [
        (&[][..], Production, Ok(None)),
        (&["kill_score_blocks_closes"], Production, blocked),
        (&["kill_score_blocks_closes"], Testnet, Ok(None)),
    ] {
        let mut bench = with(names, mode);
        let plan = ApplyPlan { kill_score: Some(0.7), ..close(&bench) };
        assert_eq!(says(&mut bench, &plan), said, "{names:?} {mode:?}");
    }
}

/// EHR 3.18.
#[test]
fn the_kill_key_holds_in_testnet_mode_only() {
    let killed = || denied("kill_switch_active");
    let named = &["kill_key_in_testnet_only"][..];
    for (names, mode, key, said) in [
        (&[][..], Production, keys::KILL, killed()),
        (named, Production, keys::KILL, granted("0.5")),
        (named, Testnet, keys::KILL, killed()),
        (&[], Testnet, keys::KILL_SWITCH, killed()),
        (named, Testnet, keys::KILL_SWITCH, granted("0.5")),
    ] {
        let mut bench = with(names, mode);
        bench.set(key.name, "1");
        let plan = open(&bench);
        assert_eq!(says(&mut bench, &plan), said, "{names:?} {mode:?} {}", key.name);
    }
}

/// EHR 3.18 gate 3.
#[test]
fn shorts_have_no_bound() {
    let full = || denied("max_positions_reached");
    for (names, side, said) in [
        (&[][..], SELL, full()),
        (&["position_cap_for_longs"], SELL, granted("0.5")),
        (&["position_cap_for_longs"], BUY, full()),
    ] {
        let mut bench = bench_with(|settings| {
            settings.audited = audited(names).audited;
            settings.governor.max_positions = 1;
            settings.governor.active_slots = false;
        });
        hold(&mut bench, "AUSDT", "1", "0");
        let plan = ApplyPlan { side, ..open(&bench) };
        assert_eq!(says(&mut bench, &plan), said, "{names:?}");
    }
}

/// EHR 3.18: the limits of the testnet let pass what they could not see.
#[test]
fn what_cannot_be_looked_up_passes() {
    for (names, mode, said) in [
        (&[][..], Testnet, denied("position_fetch_failed")),
        (&["lookup_errors_pass"], Testnet, granted("0.5")),
        (&["lookup_errors_pass"], Production, denied("position_fetch_failed")),
    ] {
        let mut bench = with(names, mode);
        bench.forget(&keys::POSITION_SNAPSHOT.of("*"));
        let plan = open(&bench);
        assert_eq!(says(&mut bench, &plan), said, "{names:?} {mode:?}");
    }
}

/// EHR 3.19: nobody had told an equity.
#[test]
fn an_equity_is_made_up() {
    for (names, known) in [(&[][..], false), (&["equity_seeded"], true)] {
        let settings = audited(names);
        let instruments = NAMES.map(|n| engine::Instrument { symbol: symbol(n), ..instrument() });
        let mut bench = Bench::over(instruments.to_vec(), &[GOVERNOR], &settings, Vec::new());
        bench.run_to_ms(1);
        let equity = bench.hash(keys::EQUITY_CURRENT.name);
        assert_eq!(equity.get("equity").map(String::as_str), known.then_some("10000"));
    }
}
