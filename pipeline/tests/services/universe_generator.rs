//! Universe generator, which proposes to the policy store: MSE 8.2, incidents I-12, I-13.

use std::collections::BTreeMap;

use engine::{Instrument, MarketEvent, Symbol};
use pipeline::records::{PolicyAudit, PolicyUpdated};
use pipeline::{PipelineSettings, chain, keys, streams};

use crate::bench::{Bench, audited};
use crate::venues::bar;

const GENERATOR: &str = "universe_generator";
const STORE: &str = "policy_store";
const NAMES: [&str; 4] = ["AUSDT", "BUSDT", "CUSDT", "AUPUSDT"];
const HOUR_MS: i64 = 3_600_000;

fn instruments() -> Vec<Instrument> {
    let one = |name: &str| Instrument {
        symbol: Symbol::new(name).expect("a symbol"),
        price_decimals: 2,
        qty_decimals: 3,
    };
    NAMES.map(one).to_vec()
}

/// Minutes of all symbols; B moves most, C is hardly traded, A2UP multiplies A.
fn market(hours: i64) -> Vec<MarketEvent> {
    let minute = |minute: i64| {
        let x = minute as f64;
        let price = |size: f64, pace: f64| (10_000.0 * (1.0 + size * libm::sin(x / pace))) as i64;
        let of = |symbol, cents, lots| bar(60_000 * minute, symbol, cents, lots);
        [
            of(0, price(0.01, 60.0), 3_000_000),
            of(1, price(0.05, 37.0), 2_000_000),
            of(2, price(0.05, 23.0), 1_000),
            of(3, price(0.09, 60.0), 9_000_000),
        ]
    };
    (1..=60 * hours).flat_map(minute).collect()
}

fn settings() -> PipelineSettings {
    let mut settings = PipelineSettings::default();
    settings.universe_generator.enabled = true;
    settings
}

fn bench(hours: i64) -> Bench {
    Bench::over(instruments(), &[STORE, GENERATOR], &settings(), market(hours))
}

fn policy(bench: &mut Bench) -> BTreeMap<String, String> {
    bench.hash(keys::POLICY_CURRENT.name)
}

#[test]
fn without_enough_bars_there_is_no_policy_and_then_one_of_what_was_seen() {
    let mut bench = bench(6);
    bench.run_to_ms(3 * HOUR_MS);
    assert!(policy(&mut bench).is_empty(), "the scenario's list is not put in its place");
    assert!(bench.counter(GENERATOR, "no_candidates") > 80);
    bench.run_to_ms(6 * HOUR_MS);
    let told = policy(&mut bench);
    assert_eq!(told["universe_symbols"], "[\"BUSDT\",\"AUSDT\"]", "C is hardly traded");
    let leverage: BTreeMap<String, u32> =
        serde_json::from_str(&told["leverage_by_symbol"]).expect("leverages");
    assert!(leverage["BUSDT"] < leverage["AUSDT"], "{leverage:?}");
    assert_eq!((told["generator"].as_str(), told["metadata_ok"].as_str()), (GENERATOR, "0"));
    assert_eq!(told["missing_fields"], "age,mom1h,spread,trend1h");
    assert_eq!(told["universe_hash"].len(), 64);
    assert!(bench.counter(GENERATOR, "rejected_low_volume") > 0);
    assert_eq!(bench.counter(GENERATOR, "proposals_refused"), 0);
}

/// I-12: valid for five minutes, renewed every thirty.
#[test]
fn incident_i12_a_policy_is_renewed_before_it_ends() {
    let mut bench = bench(7);
    bench.run_to_ms(5 * HOUR_MS);
    for minute in 1..=60 {
        bench.run_to_ms(5 * HOUR_MS + 60_000 * minute);
        let until: i64 = policy(&mut bench)["valid_until_epoch"].parse().unwrap_or_else(|_| {
            policy(&mut bench)["valid_until_epoch"]
                .split('.')
                .next()
                .expect("s")
                .parse()
                .expect("s")
        });
        assert!(until > bench.kernel.now().secs(), "minute {minute}");
    }
    let mut settings = settings();
    settings.universe_generator.refresh_s = 151;
    let problem = chain(&settings, &instruments()).expect_err("refused").to_string();
    assert!(problem.contains("[pipeline.universe_generator]"), "{problem}");
    assert!(problem.contains("refresh it at least twice in its validity"), "{problem}");
}

/// I-13: the store wrote policy.update, its readers listened to policy.updated.
#[test]
fn incident_i13_each_policy_is_told_under_one_name() {
    let mut bench = bench(5);
    bench.run_to_ms(5 * HOUR_MS);
    let updated: Vec<PolicyUpdated> = bench.records(streams::POLICY_UPDATED);
    let audits: Vec<PolicyAudit> = bench.records(streams::POLICY_AUDIT);
    assert!(!updated.is_empty());
    assert_eq!(updated.len(), audits.len());
    assert!(bench.entries("quantum:stream:policy.update").is_empty());
    let told = policy(&mut bench);
    let last = audits.last().expect("an audit");
    assert_eq!((&last.policy_hash, last.universe_count), (&told["policy_hash"], 2));
    assert_eq!(updated.last().expect("an entry").version, told["policy_version"]);
}

#[test]
fn a_successor_knows_the_bars_and_versions_count_on() {
    let mut bench = bench(8);
    bench.run_to_ms(5 * HOUR_MS);
    let before: u32 = policy(&mut bench)["policy_version"][1..].parse().expect("a number");
    bench.crash(GENERATOR, 60_000);
    bench.crash(STORE, 60_000);
    bench.run_to_ms(5 * HOUR_MS + 90_000);
    assert_eq!(bench.counter(GENERATOR, "proposals_accepted"), u64::from(before) + 1);
    let told = policy(&mut bench);
    assert_eq!(told["policy_version"], format!("v{}", before + 1));
    assert_eq!(told["universe_symbols"], "[\"BUSDT\",\"AUSDT\"]");
}

#[test]
fn without_exchange_info_there_is_no_policy() {
    let mut bench = bench(6);
    bench.kernel.exchange_mut().refuse_info = 1_000_000;
    bench.run_to_ms(6 * HOUR_MS);
    assert!(policy(&mut bench).is_empty());
    assert!(bench.counter(GENERATOR, "no_exchange_info") > 0);
}

/// I-12: refreshed each half hour, valid for five minutes; for the rest of it every entry was refused.
#[test]
fn a_policy_ran_out_before_it_was_refreshed() {
    let in_force = |names: &[&str], generates: bool| {
        let mut settings = audited(names);
        settings.universe_generator.enabled = generates;
        let services = if generates { &[STORE, GENERATOR][..] } else { &[STORE] };
        let mut bench = Bench::over(instruments(), services, &settings, market(8));
        bench.run_to_ms(6 * HOUR_MS);
        let mut minutes = 0;
        for minute in 1..=60 {
            bench.run_to_ms(6 * HOUR_MS + 60_000 * minute);
            let until: f64 = policy(&mut bench)["valid_until_epoch"].parse().expect("seconds");
            minutes += u32::from(until > bench.kernel.now().as_secs_f64());
        }
        minutes
    };
    for generates in [false, true] {
        assert_eq!(in_force(&[], generates), 60, "{generates}");
        let named = in_force(&["policy_runs_out"], generates);
        assert!((8..=11).contains(&named), "{generates}: {named}");
    }
}
