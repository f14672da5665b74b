//! Who may close a position (EHR 3.24; settled, "One plan").

/// Everyone who may, by the `source` of the plan. One setting for all executors.
pub const EXIT_OWNERS: [&str; 8] = [
    "exitbrain_v3_5",
    "exit_monitor",
    "harvest_proposal",
    "harvest_brain",
    "governor_rotation",
    "reconcile_engine",
    "manual_close",
    "emergency_stop",
];

/// Why an exit is refused.
pub const DENY_NOT_EXIT_OWNER: &str = "DENY_NOT_EXIT_OWNER";

/// Whether a source may close. A plan without a source has no owner: there is no default.
///
/// # Errors
/// [`DENY_NOT_EXIT_OWNER`].
pub fn owns_exits<O: AsRef<str>>(source: Option<&str>, owners: &[O]) -> Result<(), &'static str> {
    let known = source.is_some_and(|source| owners.iter().any(|owner| owner.as_ref() == source));
    if known { Ok(()) } else { Err(DENY_NOT_EXIT_OWNER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_owns_by_default() {
        assert_eq!(owns_exits(Some("harvest_brain"), &EXIT_OWNERS), Ok(()));
        for source in [None, Some(""), Some("intent_bridge"), Some("EXIT_MONITOR")] {
            assert_eq!(owns_exits(source, &EXIT_OWNERS), Err(DENY_NOT_EXIT_OWNER));
        }
    }
}
