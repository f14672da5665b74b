//! The weights of the vote (MSE 4.3).

/// The supervisor's weights, if they are usable and add up to more than 0.99; else the configured ones.
#[must_use]
pub fn effective_weights(configured: [f64; 4], supervisor: Option<[f64; 4]>) -> [f64; 4] {
    let usable = |weights: &[f64; 4]| {
        weights.iter().all(|w| *w >= 0.0 && w.is_finite()) && weights.iter().sum::<f64>() > 0.99
    };
    supervisor.filter(usable).unwrap_or(configured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_and_usable_weights_replace_the_configured() {
        let configured = [0.25, 0.25, 0.3, 0.2];
        let of = |supervisor| effective_weights(configured, supervisor);
        assert_eq!(of(Some([0.4, 0.2, 0.2, 0.2])), [0.4, 0.2, 0.2, 0.2]);
        assert_eq!(of(None), configured);
        assert_eq!(of(Some([0.2; 4])), configured);
        assert_eq!(of(Some([2.0, -1.0, 0.0, 0.0])), configured);
        assert_eq!(of(Some([f64::NAN, 1.0, 0.0, 0.0])), configured);
    }
}
