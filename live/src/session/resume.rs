//! A session that goes on after its process has died: the kernel runs through what was recorded, then all services
//! start anew, as after the death of their processes. What they keep is what the bus and the venue hold.

use engine::{
    Action, FeedError, JournalFile, Nanos, RecordedActions, RunError, ServiceId, Unanswered,
};

use super::{Command, LiveKernel, SessionVenue};

/// Runs a kernel through a recorded session and lets its services die where the recording ends. Gives the requests that
/// the recording left without an answer. `file` is the recording.
pub fn run_through<X: SessionVenue>(
    kernel: &mut LiveKernel<X>,
    mut file: JournalFile,
) -> Result<Vec<Unanswered>, RunError> {
    let end = file.last_time().map_err(RunError::Journal)?;
    let actions = RecordedActions::new(file).map_err(RunError::Journal)?;
    kernel.run_through(actions, end, |kernel, text| {
        if let Some(Command::Hold(holds, _)) = Command::parse(text) {
            kernel.exchange_mut().hold(holds);
        }
    })?;
    let unanswered = kernel.exchange_mut().end_of_recording()?;
    let died = Nanos(kernel.now().0 + 1);
    for service in services(kernel) {
        kernel.at(died, Action::Crash(service));
    }
    kernel.run_until(died)?;
    kernel.sync()?;
    Ok(unanswered)
}

/// Starts all services of a session that goes on, at `now`.
pub fn start_again<X: SessionVenue>(
    kernel: &mut LiveKernel<X>,
    now: Nanos,
) -> Result<(), RunError> {
    if now <= kernel.now() {
        let behind = FeedError(format!(
            "the clock is behind the session's journal ({now} and {}): set the system's clock",
            kernel.now()
        ));
        return Err(RunError::Feed(behind));
    }
    for service in services(kernel) {
        kernel.at(now, Action::Restart(service));
    }
    kernel.run_until(now)?;
    Ok(kernel.sync()?)
}

fn services<X: SessionVenue>(kernel: &LiveKernel<X>) -> Vec<ServiceId> {
    (0..kernel.services().len()).map(|place| ServiceId(place as u16)).collect()
}
