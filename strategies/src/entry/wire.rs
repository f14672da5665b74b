//! Truth on the wire (MSE 2 rule 1).

/// `true`, `1` and `yes` in any case; everything else is false. A denial spelled `false` once counted as
/// granted, as any text is true to the reference language (incident I-05).
#[must_use]
pub fn is_true(text: &str) -> bool {
    ["true", "1", "yes"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `reduceOnly` of a plan: absent means true, the safe reading.
#[must_use]
pub fn plan_reduce_only(text: Option<&str>) -> bool {
    text.is_none_or(is_true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `allow="false"` was executed.
    #[test]
    fn incident_i05_a_denial_is_no_permit() {
        assert!(["true", "True", "1", "YES"].iter().all(|text| is_true(text)));
        assert!(!["false", "False", "0", "", "no", "allow", " true"].iter().any(|t| is_true(t)));
        assert!(plan_reduce_only(None));
        assert!(!plan_reduce_only(Some("False")));
    }
}
