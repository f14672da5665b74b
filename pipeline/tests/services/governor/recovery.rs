//! EHR 3.28: what a recovery leaves of an open.

use super::*;

/// The emergency stop's word, with the limits of the mode.
fn recovers(bench: &mut Bench, mode: &str, limits: Option<[&str; 3]>) {
    let now = bench.kernel.now().secs().to_string();
    let mut fields = vec![("mode", mode), ("since", now.as_str())];
    let names = ["position_max_usd", "leverage_max", "confidence_min"];
    fields.extend(limits.into_iter().flat_map(|limits| names.into_iter().zip(limits)));
    bench.hset(keys::ESS_MODE.name, &fields);
}

const CAUTIOUS: [&str; 3] = ["300", "10", "0.55"];
const PROTECTIVE: [&str; 3] = ["100", "5", "0.75"];

/// The same open in one mode after another: of 150 USDT, with this confidence and leverage.
fn asks(
    mode: &str,
    limits: [&str; 3],
    confidence: f64,
    leverage: u32,
) -> Result<Option<String>, String> {
    let mut bench = bench();
    recovers(&mut bench, mode, Some(limits));
    let of = ApplyPlan {
        qty: Some(decimal("1.5")),
        confidence: Some(confidence),
        leverage: Some(leverage),
        ..open(&bench)
    };
    says(&mut bench, &of)
}

#[test]
fn a_recovery_makes_opens_smaller_and_choosier() {
    assert_eq!(asks("CAUTIOUS", CAUTIOUS, 0.55, 10), granted("1.5"));
    assert_eq!(asks("PROTECTIVE", PROTECTIVE, 0.75, 5), granted("1"), "100 USDT at a price of 100");
    let unsure = denied("ess_confidence_too_low:0.740 < 0.75");
    assert_eq!(asks("PROTECTIVE", PROTECTIVE, 0.74, 5), unsure);
    assert_eq!(asks("PROTECTIVE", PROTECTIVE, 0.8, 6), denied("ess_leverage_exceeded:6 > 5"));
    // What a run that lost nothing trades is the governor's own business.
    assert_eq!(asks("NORMAL", ["100", "5", "0.75"], 0.5, 20), granted("1.5"));
}

#[test]
fn an_emergency_opens_nothing_and_no_mode_stops_a_close() {
    let worlds: [fn(&mut Bench); 3] = [
        |bench| recovers(bench, "EMERGENCY", None),
        |bench| recovers(bench, "PROTECTIVE", Some(["1", "1", "0.99"])),
        |bench| recovers(bench, "PROTECTIVE", Some(["1", "1", "much"])),
    ];
    let reasons = [
        "ess_opens_nothing:EMERGENCY",
        "ess_confidence_too_low:0.700 < 0.99",
        "evaluation_error:quantum:ess:mode",
    ];
    for (world, reason) in worlds.into_iter().zip(reasons) {
        let mut bench = bench();
        world(&mut bench);
        let (of, exit) = (open(&bench), ApplyPlan { plan_id: "9".into(), ..close(&bench) });
        assert_eq!(says(&mut bench, &of), denied(reason));
        assert_eq!(says(&mut bench, &exit), Ok(None), "{reason}");
    }
}
