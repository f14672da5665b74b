//! What P3.3 did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

/// I-32: a close straight after its open found nothing to close.
#[test]
fn a_look_from_before_the_fill_shows_no_position() {
    let after_the_fill = |names: &[&str]| {
        let mut settings = audited(names);
        settings.position_state_brain.poll_ms = 3_600_000;
        let mut bench = bench_with(0, 1, &settings);
        bench.run_to_ms(2_000);
        bench.kernel.exchange_mut().held[0] = 2_500;
        ledger(&mut bench, "2.5");
        let now = bench.kernel.now().secs().to_string();
        let key = keys::POSITION_LEDGER.of(instrument().symbol);
        bench.hset(&key, &[("updated_at", &now)]);
        bench.run_to_ms(3_000);
        plan(&mut bench, PlanAction::FullClose, SELL);
        bench
    };
    allowed(&mut after_the_fill(&[]), 2.5);
    denied(&mut after_the_fill(&["snapshot_before_fill"]), "no_position");
}

type World = fn(&mut Bench);

/// Examples 49 and 54 as they were.
#[test]
fn closes_are_refused() {
    let close = |names: &[&str], world: World| {
        let mut bench = bench_with(2_500, 1, &audited(names));
        world(&mut bench);
        plan(&mut bench, PlanAction::FullClose, SELL);
        bench
    };
    let hold = |bench: &mut Bench| {
        bench.set(&keys::RECONCILE_HOLD.of(instrument().symbol), "1");
    };
    let differs = |bench: &mut Bench| ledger(bench, "2.53");
    let recent = |bench: &mut Bench| {
        let now = bench.kernel.now().millis().to_string();
        bench.set(&keys::COOLDOWN_LAST_EXEC.of(instrument().symbol), &now);
    };
    let worlds: [(World, &str); 3] = [
        (hold, "reconcile_hold_active"),
        (differs, "reconcile_required_qty_mismatch"),
        (recent, "cooldown_in_flight"),
    ];
    for (world, reason) in worlds {
        allowed(&mut close(&[], world), 2.5);
        denied(&mut close(&["p33_refuses_closes"], world), reason);
    }
}

/// Example 48: 0.001 was the step of every symbol, and a quarter an unknown word.
#[test]
fn a_quarter_closes_all_and_the_step_is_a_thousandth() {
    for (names, action, safe) in [
        (&[][..], PlanAction::Partial25, 0.03),
        (&["quarter_closes_all"], PlanAction::Partial25, 0.123),
        (&[], PlanAction::Partial75, 0.09),
        (&["quarter_closes_all"], PlanAction::Partial75, 0.092),
    ] {
        let mut bench = bench_with(123, 10, &audited(names));
        plan(&mut bench, action, SELL);
        allowed(&mut bench, safe);
    }
}

/// INC-8: positions were doubled, trebled and flipped.
#[test]
fn opens_meet_a_position() {
    let open = |names: &[&str], action, side| {
        let mut bench = bench_with(1_000, 1, &audited(names));
        plan(&mut bench, action, side);
        bench
    };
    for names in [&[][..], &["opposite_side_opens"]] {
        denied(&mut open(names, PlanAction::Buy, BUY), "position_exists");
    }
    for names in [&[][..], &["same_side_opens"]] {
        denied(&mut open(names, PlanAction::Sell, SELL), "position_exists");
    }
    allowed(&mut open(&["same_side_opens"], PlanAction::Buy, BUY), 0.0);
    allowed(&mut open(&["opposite_side_opens"], PlanAction::Sell, SELL), 0.0);
}

/// MSE 11 row 1: the plan ran into the executor's time-out.
#[test]
fn what_p33_cannot_see_it_does_not_deny() {
    for (names, told) in [(&[][..], true), (&["p33_denies_in_silence"], false)] {
        let mut settings = audited(names);
        settings.position_state_brain.allowlist = Some(Vec::new());
        let mut bench = bench_with(0, 1, &settings);
        plan(&mut bench, PlanAction::Buy, BUY);
        assert_eq!(bench.get(&keys::PERMIT_P33.of(PLAN)).is_some(), told, "{names:?}");
        assert_eq!(bench.counter(BRAIN, "not_in_allowlist"), 1);
    }
}

/// EHR 3.20: one call tells of all.
#[test]
fn each_symbol_costs_a_call() {
    for (names, asked) in [(&[][..], 1), (&["snapshot_per_symbol"], 2)] {
        let other = engine::Symbol::new("ETHUSDT").expect("a symbol");
        let both = vec![instrument(), engine::Instrument { symbol: other, ..instrument() }];
        let mut bench = Bench::over(both, &[BRAIN], &audited(names), Vec::new());
        bench.run_to_ms(100);
        assert_eq!(bench.kernel.exchange().asked, asked, "{names:?}");
    }
}
