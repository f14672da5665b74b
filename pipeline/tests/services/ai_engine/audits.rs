//! What the AI engine did before it was mended, under the names of `audited.rs`.

use super::*;
use crate::bench::audited;

/// I-22: the first entry of a venue's stream is a marker, and it lay in the pending list for ever.
#[test]
fn a_marker_stays_pending() {
    for (names, waits) in [(&[][..], 0), (&["unreadable_stays_pending"], 1)] {
        let mut bench = engine(&audited(names));
        bench.publish(streams::EXCHANGE_NORMALIZED, Body::fields(&[("init", "1")]));
        bench.run_for_ms(600_000);
        let now = bench.kernel.now();
        let groups = bench.kernel.bus_mut().xinfo_groups(now, streams::EXCHANGE_NORMALIZED.name);
        let pending: u64 = groups.expect("groups").iter().map(|group| group.pending).sum();
        assert_eq!(pending, waits, "{names:?}");
        assert_eq!(bench.counter(ENGINE, "dead_letters"), 1 - waits);
    }
}
