//! Drives a run from instant to instant, and lets its observer look at it.

use std::any::Any;

use engine::{JournalFooter, Nanos, RunError};

use crate::expect::{Failure, Observer, Run, World};
use crate::record::Recorder;
use crate::{Limits, Progress, RunRecord};

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
    /// Where the run is recorded.
    pub(crate) record: Option<RunRecord>,
}

/// Drives a run.
pub(crate) struct Driver<'a> {
    pub(crate) world: &'a World,
    pub(crate) range: (Nanos, Nanos),
    pub(crate) progress: &'a dyn Progress,
}

/// How far a run has come, and when its observer wants to look again.
#[derive(Clone)]
pub(crate) struct Course {
    /// It looks at the state now and then.
    looks: bool,
    /// How often, where conditions on the state have to hold.
    every: Nanos,
    /// It asks at these instants.
    instants: Vec<Nanos>,
    asked: usize,
    next_look: Nanos,
    slice: i64,
    events_before: u64,
    /// Looks at the account now and then, where the run is recorded.
    pub(crate) recorder: Option<Recorder>,
}

impl Course {
    /// The whole of it, from `start` on.
    pub(crate) fn new(observer: &Observer, every: Nanos, start: Nanos) -> Course {
        Course {
            looks: observer.looks_at_state(),
            every,
            instants: observer.instants(),
            asked: 0,
            next_look: start + every,
            slice: 1,
            events_before: 0,
            recorder: None,
        }
    }
}

impl Driver<'_> {
    /// To the end of its range.
    pub(crate) fn drive(
        &self,
        kernel: &mut Run,
        course: &mut Course,
        limits: Limits,
    ) -> Result<Judged, Stop> {
        self.go(kernel, course, Nanos::NEVER, limits)?;
        let (mut failed, mut first_dead) = (Vec::new(), None);
        with_observer(kernel, |observer, kernel| {
            observer.ask(kernel, self.world, true);
            failed = observer.end(kernel, self.world, self.range.1);
            first_dead = observer.first_dead();
        });
        // The last look, whatever the span between two of them.
        let record = course.recorder.take().and_then(|mut recorder| {
            let mut record = None;
            with_observer(kernel, |observer, kernel| {
                let (now, exchange) = (kernel.now(), kernel.exchange_mut());
                if let Some(plans) = &mut observer.plans {
                    if recorder.last() != Some(now) {
                        recorder.look(now, exchange, plans);
                    }
                    let mut ended = recorder.end(exchange, plans);
                    ended.pipeline = observer.tally.take().unwrap_or_default();
                    record = Some(ended);
                }
            });
            record
        });
        let footer = kernel.finish().map_err(Stop::Run)?;
        Ok(Judged { footer, failed, first_dead, record })
    }

    /// Up to `pause`, which is included, or to the end of its range. Where it pauses nobody looks, so that the run is as if it had
    /// not.
    pub(crate) fn go(
        &self,
        kernel: &mut Run,
        course: &mut Course,
        pause: Nanos,
        limits: Limits,
    ) -> Result<(), Stop> {
        let (from, to) = self.range;
        let span = i128::from(to.0 - from.0);
        let at = |slice: i64| from + Nanos((span * i128::from(slice) / i128::from(SLICES)) as i64);
        while course.slice <= SLICES {
            let end = at(course.slice);
            loop {
                let mut until = end;
                if course.looks {
                    until = Nanos(until.0.min(course.next_look.0));
                }
                if let Some(instant) = course.instants.get(course.asked) {
                    until = Nanos(until.0.min(instant.0));
                }
                if let Some(recorder) = &course.recorder {
                    until = Nanos(until.0.min(recorder.next().0));
                }
                if until > pause {
                    kernel.run_until(pause).map_err(Stop::Run)?;
                    if !kernel.paused() {
                        return Ok(());
                    }
                    with_observer(kernel, |observer, kernel| observer.look(kernel, self.world));
                    continue;
                }
                kernel.run_until(until).map_err(Stop::Run)?;
                let paused = kernel.paused();
                if !paused {
                    while course.instants.get(course.asked) == Some(&until) {
                        course.asked += 1;
                    }
                    if course.looks && until == course.next_look {
                        course.next_look += course.every;
                    }
                    record(kernel, course, until);
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
            let seconds = (end.secs() - at(course.slice - 1).secs()).max(0) as u64;
            self.progress.advanced(seconds, events - course.events_before, kernel.now());
            course.events_before = events;
            course.slice += 1;
            limits.check(self.progress).map_err(Stop::Limit)?;
        }
        Ok(())
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

/// Lets the recorder look, if it is its time.
fn record(kernel: &mut Run, course: &mut Course, now: Nanos) {
    let Some(recorder) = course.recorder.as_mut().filter(|recorder| recorder.next() == now) else {
        return;
    };
    with_observer(kernel, |observer, kernel| {
        if let Some(plans) = &mut observer.plans {
            recorder.look(now, kernel.exchange_mut(), plans);
        }
    });
}

/// A copy of the observer as it is now, for a fork of its run.
pub(crate) fn observer_of(kernel: &mut Run) -> Option<Observer> {
    let mut copy = None;
    with_observer(kernel, |observer, _| copy = Some(observer.clone()));
    copy
}
