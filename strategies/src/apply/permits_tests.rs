use super::*;

const NOW: Nanos = Nanos::from_secs(100);
const PLAN: PermitPlan<'_> =
    PermitPlan { plan_id: "a", symbol: "BTCUSDT", action: "FULL_CLOSE_PROPOSED", reduces: true };

fn permit(max_qty: Option<i64>, max_percent: Option<i64>) -> PermitOf {
    PermitOf {
        positive: true,
        plan_id: "a".into(),
        symbol: "BTCUSDT".into(),
        action: "FULL_CLOSE_PROPOSED".into(),
        max_qty: max_qty.map(Decimal::from),
        max_fraction: max_percent.map(|percent| Decimal::new(percent, 2)),
        expires_at: Nanos::from_secs(160),
    }
}

fn check(class: PlanClass, read: [Option<PermitOf>; 3]) -> Result<Permitted, &'static str> {
    check_permits(&PLAN, PermitTable::default().required(class), &read, NOW).map_err(|r| r.reason)
}

/// The script of EHR 6: governor and p33 there, p26 absent; then all three.
#[test]
fn all_required_or_none() {
    let (gov, p33, p26) = (permit(None, None), permit(Some(5), None), permit(None, Some(25)));
    let harvest = |read| check(PlanClass::HarvestClose, read);
    assert_eq!(harvest([None, None, None]), Err("missing_all"));
    assert_eq!(harvest([None, Some(p33.clone()), None]), Err("missing_governor"));
    assert_eq!(harvest([Some(gov.clone()), None, Some(p26.clone())]), Err("missing_p33"));
    assert_eq!(harvest([Some(gov.clone()), Some(p33.clone()), None]), Err("missing_p26"));
    let limits = Permitted { max_qty: Some(5.into()), max_fraction: Some(Decimal::new(25, 2)) };
    assert_eq!(harvest([Some(gov.clone()), Some(p33.clone()), Some(p26)]), Ok(limits));
    let limits = Permitted { max_qty: Some(5.into()), max_fraction: None };
    assert_eq!(check(PlanClass::Open, [Some(gov), Some(p33), None]), Ok(limits));
    assert_eq!(check(PlanClass::ReconcileClose, [None, None, None]), Ok(Permitted::default()));
}

#[test]
fn refused_expired_and_foreign_permits_do_not_do() {
    let with =
        |p33: PermitOf| check(PlanClass::IntentClose, [Some(permit(None, None)), Some(p33), None]);
    let good = permit(Some(5), None);
    assert!(with(good.clone()).is_ok());
    let denied = PermitOf { positive: false, ..good.clone() };
    assert_eq!(with(denied), Err("p33_permit_denied"));
    let expired = PermitOf { expires_at: NOW, ..good.clone() };
    assert_eq!(with(expired), Err("missing_p33"));
    let foreign = PermitOf { symbol: "ETHUSDT".into(), ..good.clone() };
    assert_eq!(with(foreign), Err("p33_permit_mismatch"));
    let stolen = PermitOf { plan_id: "b".into(), ..good.clone() };
    assert_eq!(with(stolen), Err("p33_permit_mismatch"));
    let other = PermitOf { action: "BUY".into(), ..good.clone() };
    assert_eq!(with(other), Err("p33_permit_mismatch"));
    let smaller = PermitOf { action: "PARTIAL_25".into(), ..permit(None, Some(25)) };
    assert_eq!(with(smaller).expect("a limit").max_fraction, Some(Decimal::new(25, 2)));
    let unlimited = PermitOf { action: "PARTIAL_25".into(), ..good };
    assert_eq!(with(unlimited), Err("p33_permit_mismatch"), "a smaller close without its share");
}
