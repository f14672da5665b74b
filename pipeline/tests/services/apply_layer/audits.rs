//! What the Apply Layer did before it was mended, under the names of `audited.rs`.

use pipeline::records::HeatObserved;

use super::*;
use crate::harvests::{FLIPPED, closed, goes_on, opened};

fn with(names: &[&str]) -> Bench {
    bench_with(&audited(names))
}

/// INC-3: the hash was 78 s old.
#[test]
fn a_proposal_of_any_age_is_taken() {
    for (names, decision) in [(&[][..], Decision::Skip), (&["stale_proposals"], Decision::Execute)]
    {
        let mut bench = with(names);
        proposes(&mut bench, "PARTIAL_25", "0.5");
        let old = (bench.kernel.now().secs() - 78).to_string();
        let key = keys::HARVEST_PROPOSAL.of(instrument().symbol);
        bench.hset(&key, &[("last_update_epoch", &old)]);
        bench.run_for_ms(5_000);
        assert_eq!(plans_of(&mut bench)[0].decision, decision, "{names:?}");
    }
}

/// INC-8: 491 of the 497 newest results.
#[test]
fn an_unchanged_proposal_is_told_again_and_again() {
    for (names, told) in [(&[][..], 0), (&["duplicate_results"], 4)] {
        let mut bench = with(names);
        proposes(&mut bench, "PARTIAL_25", "0.5");
        bench.run_for_ms(25_000);
        assert_eq!(plans_of(&mut bench).len(), 1, "one plan");
        let results = results(&mut bench);
        assert_eq!(results.len(), 1 + told, "{names:?}");
        let again = |r: &&ApplyResult| r.error.as_deref() == Some("duplicate_plan");
        assert_eq!(results.iter().filter(again).count(), told);
        assert!(results.iter().all(|result| result.plan_id == results[0].plan_id));
    }
}

/// INC-9: close plans, and nothing closed.
#[test]
fn close_plans_have_no_handler() {
    for (names, sent) in [(&[][..], &[(true, 500)][..]), (&["no_close_handler"], &[])] {
        let mut bench = with(names);
        run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
        assert_eq!(orders(&bench), sent, "{names:?}");
        assert_eq!(results(&mut bench).len(), sent.len());
        assert_eq!(bench.counter(SERVICE, "close_without_handler"), 1 - sent.len() as u64);
    }
}

/// EHR 3.16: a blocked half closed the whole position, and nobody was asked.
#[test]
fn a_blocked_plan_closes_all() {
    for (names, sent) in [(&[][..], &[][..]), (&["blocked_plans_close"], &[(true, 2_000)])] {
        let mut bench = with(names);
        let half = close(&bench, "a", PlanAction::Partial50);
        plans::send(&mut bench, &ApplyPlan { decision: Decision::Blocked, ..half });
        bench.run_for_ms(20);
        assert_eq!(orders(&bench), sent, "{names:?}");
        assert_eq!(results(&mut bench).len(), 1);
    }
}

/// EHR 3.16: the harvest brain's closes went out as entries.
#[test]
fn a_close_of_the_harvest_brain_can_open() {
    for (names, reduces) in [(&[][..], true), (&["reduce_only_plans_open"], false)] {
        let mut bench = with(names);
        let quarter = close(&bench, "a", QUARTER);
        let plan = ApplyPlan { source: "harvest_brain".into(), ..quarter };
        gate(&mut bench, &plan, QUARTER, "0.25");
        other_permits(&mut bench, &plan, "2");
        plans::send(&mut bench, &plan);
        bench.run_for_ms(20);
        assert_eq!(orders(&bench), [(reduces, 500)], "{names:?}");
    }
}

/// I-02b: two orders a plan.
#[test]
fn both_executors_run_an_open() {
    for (names, sent) in
        [(&[][..], &[(false, 500)][..]), (&["every_executor_opens"], &[(false, 500); 2])]
    {
        let mut bench = Bench::new(&[SERVICE, "intent_executor"], &audited(names), Vec::new());
        bench.run_to_ms(100);
        plans::flat_at(&mut bench, instrument().symbol, "100");
        let plan = plans::plan(&bench, PlanAction::Buy, OrderSide::Buy);
        plans::grant(&mut bench, &plans::permit_of(&plan, "0"));
        plans::send(&mut bench, &plan);
        bench.run_for_ms(20);
        assert_eq!(orders(&bench), sent, "{names:?}");
        let executed = results(&mut bench).iter().filter(|result| result.executed).count();
        assert_eq!(executed, sent.len());
        let ledger = bench.hash(&keys::POSITION_LEDGER.of(instrument().symbol));
        assert_eq!(
            decimal(&ledger["position_amt"]),
            decimal("0.5") * decimal(&sent.len().to_string())
        );
        // The cooldown bars the next one in both.
        let next = ApplyPlan { plan_id: "next".into(), ..plan };
        plans::grant(&mut bench, &plans::permit_of(&next, "0"));
        plans::send(&mut bench, &next);
        bench.run_for_ms(20);
        assert_eq!(orders(&bench).len(), sent.len());
    }
}

/// I-09.
#[test]
fn safe_mode_stops_closes() {
    let mut bench = bench();
    bench.set(keys::SAFE_MODE.name, "1");
    run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&bench), [(true, 500)]);
    let mut bench = with(&["safe_mode_blocks_exits"]);
    bench.set(keys::SAFE_MODE.name, "1");
    run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(ended(&mut bench), (Decision::Blocked, "SAFE_MODE_ACTIVE".into()));
    assert!(orders(&bench).is_empty());
}

/// EHR 3.17: a denial of P3.3 took the permits of the others with it.
#[test]
fn a_denial_uses_up_all_permits() {
    for (names, left) in [(&[][..], true), (&["denial_uses_permits"], false)] {
        let mut bench = with(names);
        let plan = close(&bench, "a", QUARTER);
        gate(&mut bench, &plan, QUARTER, "0.25");
        other_permits(&mut bench, &plan, "2");
        let denial = pipeline::records::P33Permit { allow: false, ..plans::permit_of(&plan, "0") };
        bench.set(&keys::PERMIT_P33.of("a"), &denial.to_json().to_string());
        plans::send(&mut bench, &plan);
        bench.run_for_ms(20);
        assert_eq!(bench.get(&keys::PERMIT_P26.of("a")).is_some(), left, "{names:?}");
        assert_eq!(bench.get(&keys::PERMIT_GOVERNOR.of("a")).is_some(), left, "{names:?}");
    }
}

/// I-27.
#[test]
fn an_unknown_outcome_is_told_as_a_failure() {
    let mut bench = with(&["unknown_is_failure"]);
    bench.kernel.exchange_mut().instead.push_back(Outcome::Unknown);
    run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(ended(&mut bench), (Decision::Error, "binance_error:time-out".into()));
    assert_eq!(bench.counter(SERVICE, "outcome_queries"), 0);
    run(&mut bench, "b", QUARTER, (QUARTER, "0.25"), "2");
    assert_eq!(orders(&bench), [(true, 500), (true, 500)], "the rung is free and fires again");
}

/// EHR 3.16: writer and reader had two names for one field.
#[test]
fn no_harvest_close_finds_its_quantity() {
    for (names, sent) in [(&[][..], &[(true, 500)][..]), (&["safe_close_qty"], &[])] {
        let mut bench = with(names);
        run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
        assert_eq!(orders(&bench), sent, "{names:?}");
        assert_eq!(bench.counter(SERVICE, "invalid_safe_close_qty"), 1 - sent.len() as u64);
    }
}

/// EHR 3.16.
#[test]
fn a_close_sets_no_cooldown() {
    for (names, cools) in [(&[][..], true), (&["cooldown_after_opens_only"], false)] {
        let mut bench = with(names);
        run(&mut bench, "a", QUARTER, (QUARTER, "0.25"), "2");
        let key = keys::COOLDOWN_OPEN.of(instrument().symbol);
        assert_eq!(bench.get(&key).is_some(), cools, "{names:?}");
    }
}

/// INC-2: at the early point the decision cannot exist.
#[test]
fn an_observer_that_looks_too_early_finds_nothing() {
    let [now, then] = [&[][..], &["heat_observed_too_early"]].map(|names| {
        let mut bench = opened(&audited(names));
        goes_on(&mut bench, FLIPPED, 60);
        assert_eq!(closed(&bench), [250], "it changes nothing");
        let told: Vec<HeatObserved> = bench.records(streams::APPLY_HEAT_OBSERVED);
        let seen = told.iter().map(|o| (o.obs_point.to_string(), o.heat_found));
        seen.collect::<Vec<_>>()
    });
    let early = ("create_apply_plan".to_owned(), 0);
    assert_eq!(now[..2], [early.clone(), ("publish_plan_post".to_owned(), 1)]);
    assert!(!then.is_empty() && then.iter().all(|seen| *seen == early), "{then:?}");
}
