//! Drives a run from instant to instant, and lets its observer look at it.

use std::any::Any;

use engine::{JournalFooter, Nanos, RunError};

use crate::expect::{Failure, Observer, Run, World};
use crate::{Limits, Progress};

/// Slices of a run between two reports of progress.
const SLICES: i64 = 200;

/// Why a run stopped.
pub(crate) enum Stop {
    /// It went wrong.
    Run(RunError),
    /// It took more than it may.
    Limit(String),
}

/// A run that came to its end.
pub(crate) struct Judged {
    pub(crate) footer: JournalFooter,
    pub(crate) failed: Vec<Failure>,
    /// The first entry that went to the dead letters, in words.
    pub(crate) first_dead: Option<String>,
}

/// Drives a run.
pub(crate) struct Driver<'a> {
    pub(crate) world: &'a World,
    /// How often the state is looked at where conditions on it have to hold.
    pub(crate) every: Nanos,
    pub(crate) range: (Nanos, Nanos),
    pub(crate) progress: &'a dyn Progress,
}

impl Driver<'_> {
    /// To the end of its range.
    pub(crate) fn drive(
        &self,
        kernel: &mut Run,
        observer: Observer,
        limits: Limits,
    ) -> Result<Judged, Stop> {
        let (from, to) = self.range;
        let looks = observer.looks_at_state();
        let instants = observer.instants();
        kernel.watch(Box::new(observer));
        let (mut events_before, mut next_look, mut asked) = (0, from + self.every, 0);
        for slice in 1..=SLICES {
            let span = i128::from(to.0 - from.0);
            let at =
                |slice: i64| from + Nanos((span * i128::from(slice) / i128::from(SLICES)) as i64);
            let end = at(slice);
            loop {
                let mut until = end;
                if looks {
                    until = Nanos(until.0.min(next_look.0));
                }
                if let Some(instant) = instants.get(asked) {
                    until = Nanos(until.0.min(instant.0));
                }
                kernel.run_until(until).map_err(Stop::Run)?;
                let paused = kernel.paused();
                if !paused {
                    while instants.get(asked) == Some(&until) {
                        asked += 1;
                    }
                    if looks && until == next_look {
                        next_look += self.every;
                    }
                }
                with_observer(kernel, |observer, kernel| {
                    observer.look(kernel, self.world);
                    if !paused {
                        observer.ask(kernel, self.world, false);
                    }
                });
                if !paused && until == end {
                    break;
                }
            }
            let counts = kernel.counts();
            let events = counts.market + counts.handled;
            let seconds = (end.secs() - at(slice - 1).secs()).max(0) as u64;
            self.progress.advanced(seconds, events - events_before, kernel.now());
            events_before = events;
            limits.check(self.progress).map_err(Stop::Limit)?;
        }
        let (mut failed, mut first_dead) = (Vec::new(), None);
        with_observer(kernel, |observer, kernel| {
            observer.ask(kernel, self.world, true);
            failed = observer.end(kernel, self.world, to);
            first_dead = observer.first_dead();
        });
        let footer = kernel.finish().map_err(Stop::Run)?;
        Ok(Judged { footer, failed, first_dead })
    }
}

/// Lets the observer look at the run that it watches.
fn with_observer(kernel: &mut Run, act: impl FnOnce(&mut Observer, &mut Run)) {
    let Some(watch) = kernel.take_watch() else { return };
    let watch: Box<dyn Any> = watch;
    if let Ok(mut observer) = watch.downcast::<Observer>() {
        act(&mut observer, kernel);
        kernel.watch(observer);
    }
}
