//! What one case may cost on the machine that runs it.

use serde::{Deserialize, Serialize};

use crate::Progress;

/// Bounds of a case, as `[limits]` of its file says them. They end a run and change nothing in it: no
/// journal and no digest knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds of wall time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
    /// Mebibytes of resident memory; the case then runs in a process of its own, so that what is measured is
    /// its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
}

impl Limits {
    /// What contradicts itself: `key: problem: remedy`.
    pub fn problem(&self) -> Option<String> {
        let wall = self.wall_s.is_some_and(|s| !(s.is_finite() && s > 0.0));
        if wall {
            return Some("limits.wall_s: it has to be above 0: give seconds such as 60".into());
        }
        let none = self.memory_mb == Some(0);
        none.then(|| "limits.memory_mb: 0 leaves no memory: give mebibytes such as 512".into())
    }

    /// What is exceeded, if something is, or why nobody wants to go on. Asked between the slices of a run.
    pub(crate) fn check(&self, progress: &dyn Progress) -> Result<(), String> {
        if let Some(why) = progress.stop() {
            return Err(why);
        }
        if let Some(limit) = self.wall_s
            && let Some(used) = progress.wall_seconds()
            && used > limit
        {
            return Err(format!(
                "time limit: {limit} s of wall time are over; give it more with --time-limit or [limits] wall_s, or shorten the scenario"
            ));
        }
        // What a process holds costs a system call per mapping: it is asked for only where there is a limit.
        if let Some(limit) = self.memory_mb
            && let Some(used) = progress.memory_mb()
            && used > limit
        {
            return Err(format!(
                "memory limit: its process holds more than {limit} MiB; give it more with --memory-limit or [limits] memory_mb, or shorten the scenario"
            ));
        }
        Ok(())
    }

    /// These, and where they say nothing the others.
    pub fn or(self, others: Limits) -> Limits {
        Limits {
            wall_s: self.wall_s.or(others.wall_s),
            memory_mb: self.memory_mb.or(others.memory_mb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_leave_nothing_are_refused() {
        let problem = |wall_s, memory_mb| Limits { wall_s, memory_mb }.problem();
        assert_eq!(problem(None, None), None);
        assert_eq!(problem(Some(0.5), Some(64)), None);
        assert!(problem(Some(0.0), None).is_some_and(|p| p.starts_with("limits.wall_s")));
        assert!(problem(Some(f64::NAN), None).is_some_and(|p| p.starts_with("limits.wall_s")));
        assert!(problem(None, Some(0)).is_some_and(|p| p.starts_with("limits.memory_mb")));
    }

    /// A run that has taken so much.
    struct Taken(f64, u64);

    impl Progress for Taken {
        fn advanced(&self, _: u64, _: u64, _: engine::Nanos) {}

        fn wall_seconds(&self) -> Option<f64> {
            Some(self.0)
        }

        fn memory_mb(&self) -> Option<u64> {
            Some(self.1)
        }
    }

    #[test]
    fn what_is_exceeded_is_named() {
        let limits = Limits { wall_s: Some(5.0), memory_mb: Some(100) };
        assert_eq!(limits.check(&Taken(5.0, 100)), Ok(()));
        assert!(limits.check(&Taken(5.1, 100)).is_err_and(|e| e.starts_with("time limit: 5 s")));
        assert!(limits.check(&Taken(5.0, 101)).is_err_and(|e| e.contains("more than 100 MiB")));
        assert_eq!(Limits::default().check(&Taken(1e9, u64::MAX)), Ok(()));
        assert_eq!(limits.check(&crate::NoProgress), Ok(()), "nobody measures");
    }

    #[test]
    fn the_first_word_counts() {
        let command = Limits { wall_s: Some(5.0), memory_mb: None };
        let file = Limits { wall_s: Some(60.0), memory_mb: Some(512) };
        assert_eq!(command.or(file), Limits { wall_s: Some(5.0), memory_mb: Some(512) });
    }
}
