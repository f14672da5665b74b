//! What capital allocation did before it was mended, under the names of `audited.rs`.

use engine::{Instrument, Symbol};

use super::*;
use crate::bench::audited;

fn as_audited(names: &[&str]) -> Bench {
    let mut bench = Bench::new(&[ALLOCATION], &audited(names), Vec::new());
    bench.run_to_ms(1);
    bench
}

/// EHR 3.14: the factor itself was the multiplier.
#[test]
fn a_neutral_record_took_the_target_away_and_a_loss_made_it_negative() {
    for (factor, target) in [("0", 0.0), ("-1", -2_000.0), ("1", 2_000.0)] {
        let mut bench = as_audited(&["raw_performance_factor"]);
        portfolio(&mut bench, "100000", 0);
        budget(&mut bench, "2000", 0);
        attributed(&mut bench, factor);
        bench.run_to_ms(5_002);
        assert_eq!(last(&mut bench).target_usd, target, "{factor}");
    }
}

/// EHR 3.14: it was the end of the round.
#[test]
fn a_stale_budget_aborted_the_calculation() {
    for (names, told) in [(&[][..], 1), (&["stale_budget_aborts"], 0)] {
        let mut bench = as_audited(names);
        budget(&mut bench, "2000", 0);
        bench.run_to_ms(61_000);
        portfolio(&mut bench, "100000", 61);
        bench.run_to_ms(65_100);
        assert_eq!(bench.entries(streams::ALLOCATION_DECISION.name).len(), told);
        assert_eq!(bench.counter(ALLOCATION, "p29_stale_budget"), 1);
    }
}

/// EHR 3.10, 3.14: without clusters all symbols shared one, whose cap was the whole book's.
#[test]
fn all_symbols_were_of_one_cluster_without_stress() {
    let ethereum = Instrument { symbol: Symbol::new("ETHUSDT").expect("a symbol"), ..instrument() };
    for (names, told) in [(&[][..], [750.0, 1_000.0]), (&["cluster_stress_unwritten"], [750.0; 2])]
    {
        let instruments = vec![instrument(), ethereum.clone()];
        let mut bench = Bench::over(instruments, &[ALLOCATION], &audited(names), Vec::new());
        bench.run_to_ms(1);
        portfolio(&mut bench, "2500", 0);
        clustered(&mut bench, 0.25);
        let ts = START.secs().to_string();
        for symbol in ["BTCUSDT", "ETHUSDT"] {
            let fields = [
                ("symbol", symbol),
                ("budget_usd", "1000"),
                ("mode", "shadow"),
                ("timestamp", ts.as_str()),
            ];
            bench.hset(&keys::PORTFOLIO_BUDGET.of(symbol), &fields);
        }
        bench.run_to_ms(5_002);
        let made: Vec<AllocationDecision> = bench.records(streams::ALLOCATION_DECISION);
        assert_eq!([made[0].target_usd, made[1].target_usd], told);
        assert_eq!(made[0].cluster_factor, if names.is_empty() { 0.75 } else { 1.0 });
    }
}
