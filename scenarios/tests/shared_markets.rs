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
    // The second run keeps what it reads, the next ones are told; another seed is another market, another fee and a gap
    // are not.
    for (seed, more, markets) in
        [(1, "", 0), (1, "", 1), (1, fee, 1), (1, gap, 1), (2, "", 1), (2, "", 2), (1, "", 2)]
    {
        let one = scenario(seed, more);
        assert_eq!(digest(&one, Some(&shared)), digest(&one, None), "seed {seed} {more}");
        let (kept, used) = shared.kept();
        assert_eq!(kept, markets, "seed {seed} {more}");
        bytes.push(used);
    }
    assert!(bytes[0] == 0 && bytes[1] > 0 && bytes[1] == bytes[4], "{bytes:?}");
    assert!(bytes[6] > bytes[1], "{bytes:?}");
    assert_ne!(digest(&scenario(1, ""), None), digest(&scenario(1, fee), None));
    assert_ne!(digest(&scenario(1, ""), None), digest(&scenario(1, gap), None));
}

#[test]
fn what_has_no_room_is_read_by_each() {
    let one = scenario(1, "");
    let shared = SharedMarkets::default();
    (0..2).for_each(|_| drop(digest(&one, Some(&shared))));
    let (_, bytes) = shared.kept();
    for (most, kept) in [(bytes - 1, (0, 0)), (bytes, (1, bytes))] {
        let shared = SharedMarkets::of_at_most(most);
        for _ in 0..3 {
            assert_eq!(digest(&one, Some(&shared)), digest(&one, None));
        }
        assert_eq!(shared.kept(), kept, "of at most {most}");
    }
    // A second one has no room beside the first, which stays.
    let (other, shared) = (scenario(2, ""), SharedMarkets::of_at_most(bytes + bytes / 2));
    for one in [&one, &one, &other, &other, &other, &one] {
        assert_eq!(digest(one, Some(&shared)), digest(one, None));
    }
    assert_eq!(shared.kept(), (1, bytes));
}

#[test]
fn a_branch_opens_the_market_that_its_trunk_has_read_in_part() {
    let shared = SharedMarkets::default();
    let options = RunOptions { shared: Some(shared.clone()), ..RunOptions::default() };
    // A feed with a gap cannot be copied: it is opened again for each branch.
    let one = scenario(1, "[[market.gaps]]\nsymbol = \"BTCUSDT\"\nat = \"100m\"\npercent = -10");
    let whole = digest(&one, None);
    let (from, _) = one.range().expect("a range");
    let at = Nanos(from.0 + 400 * 60_000_000_000);
    let trunk = Trunk::grow(&one, &options, at, &NoProgress).expect("it grows");
    for kept in [0, 1, 1] {
        let branch = trunk.branch(&one).expect("it can be looked at").expect("it can be forked");
        assert_eq!(branch.end(&NoProgress).expect("it ends").digest, whole);
        assert_eq!(shared.kept().0, kept);
    }
}

#[test]
fn threads_share_one_market() {
    let shared = SharedMarkets::default();
    let one = scenario(1, "");
    let whole = digest(&one, None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..4).for_each(|_| assert_eq!(digest(&one, Some(&shared)), whole));
            });
        }
    });
    assert_eq!(shared.kept().0, 1);
}
