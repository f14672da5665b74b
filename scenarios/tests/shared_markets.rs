//! Runs that get their market from memory come to the same as those that read it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use engine::Nanos;
use scenarios::{NoProgress, RunOptions, Scenario, SharedMarkets, Trunk, run};

/// A synthetic market with a strategy, and what stands between.
fn scenario(seed: u64, more: &str) -> Scenario {
    let text = format!(
        "seed = {seed}\n[market.synthetic]\nminutes = 600\n{more}\n[strategy.ema_cross]\nsymbol = \"BTCUSDT\"\nfast = 5\nslow = 20\nquantity = \"0.01\"\n"
    );
    Scenario::parse("shared.toml", &text).expect("a scenario")
}

fn digest(scenario: &Scenario, shared: Option<&SharedMarkets>) -> String {
    let options = RunOptions { shared: shared.cloned(), ..RunOptions::default() };
    run(scenario, &options, &NoProgress).expect("a run").digest
}

#[test]
fn a_market_of_memory_is_the_one_that_was_read() {
    let shared = SharedMarkets::default();
    let fee = "[account]\ntaker_fee = \"0.001\"";
    let gap = "[[market.gaps]]\nsymbol = \"BTCUSDT\"\nat = \"100m\"\npercent = -10";
    let mut bytes = Vec::new();
    // The first run reads, the next ones are told; another seed is another market, another fee and a gap are not.
    for (seed, more, markets) in
        [(1, "", 1), (1, "", 1), (1, fee, 1), (1, gap, 1), (2, "", 2), (2, "", 2), (1, "", 2)]
    {
        let one = scenario(seed, more);
        assert_eq!(digest(&one, Some(&shared)), digest(&one, None), "seed {seed} {more}");
        let (kept, used) = shared.kept();
        assert_eq!(kept, markets, "seed {seed} {more}");
        bytes.push(used);
    }
    assert_eq!(bytes[0], bytes[3]);
    assert!(bytes[6] > bytes[0], "{bytes:?}");
    assert_ne!(digest(&scenario(1, ""), None), digest(&scenario(1, fee), None));
    assert_ne!(digest(&scenario(1, ""), None), digest(&scenario(1, gap), None));
}

#[test]
fn what_has_no_room_is_read_by_each() {
    let shared = SharedMarkets::of_at_most(100_000);
    let one = scenario(1, "");
    for _ in 0..3 {
        assert_eq!(digest(&one, Some(&shared)), digest(&one, None));
        assert_eq!(shared.kept(), (0, 0), "nothing of it stays");
    }
}

#[test]
fn a_beginning_that_was_read_and_one_of_memory_have_the_same_branches() {
    let shared = SharedMarkets::default();
    let options = RunOptions { shared: Some(shared.clone()), ..RunOptions::default() };
    let one = scenario(1, "");
    let whole = digest(&one, None);
    let (from, _) = one.range().expect("a range");
    let at = Nanos(from.0 + 400 * 60_000_000_000);
    for (number, kept) in [0, 1].into_iter().enumerate() {
        let trunk = Trunk::grow(&one, &options, at, &NoProgress).expect("it grows");
        assert_eq!(shared.kept().0, kept, "number {number} read the market to its fork only");
        let branch = trunk.branch(&one).expect("it can be looked at").expect("it can be forked");
        assert_eq!(branch.end(&NoProgress).expect("it ends").digest, whole);
        drop(trunk);
        // Whoever began to read it and did not come to the end leaves it to the next one.
        assert_eq!(digest(&one, Some(&shared)), whole);
        assert_eq!(shared.kept().0, 1);
    }
}
