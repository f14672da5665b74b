//! A recorded live session, run through again.

use super::Kernel;
use crate::{
    AccountId, Action, Exchange, Feed, Nanos, RecordedAction, RecordedActions, RunError, ServiceId,
};

impl<X: Exchange, F: Feed> Kernel<X, F> {
    /// Runs through a recorded session up to `until`, the time of its last entry: market and exchange are the kernel's own
    /// and give what was recorded; `actions` is what was done to the session beside them. `heard` is told of what its
    /// operator did, in the journal's words.
    pub fn run_through(
        &mut self,
        mut actions: RecordedActions,
        until: Nanos,
        mut heard: impl FnMut(&mut Kernel<X, F>, &str),
    ) -> Result<(), RunError> {
        let mut by_hand: Option<(Nanos, AccountId)> = None;
        while let Some((time, action)) = actions.take()? {
            let text = match action {
                RecordedAction::Text(text) => text,
                RecordedAction::ByHand(request) => {
                    if let Some((time, account)) = by_hand.take() {
                        self.run_until(Nanos(time.0 - 1))?;
                        self.at(time, Action::Submit { account, request });
                    }
                    continue;
                }
            };
            if let Some(account) = account_by_hand(&text) {
                by_hand = Some((time, account));
                continue;
            }
            let Some(action) = self.recorded_action(&text) else { continue };
            // What was done in one instant was done before anything else of it.
            self.run_until(Nanos(time.0 - 1))?;
            self.at(time, action);
            heard(self, &text);
        }
        self.run_until(until)
    }

    /// The action of these words; `None` for what the kernel does by itself.
    fn recorded_action(&self, text: &str) -> Option<Action> {
        let service = |name: &str| {
            let place = self.core.names.iter().position(|own| own == name)?;
            Some(ServiceId(place as u16))
        };
        if let Some(streams) = text.strip_prefix("arrived ") {
            return Some(Action::Arrived(streams.split(' ').map(str::to_owned).collect()));
        }
        if let Some(name) = text.strip_prefix("crash of ") {
            return service(name).map(Action::Crash);
        }
        if let Some(name) = text.strip_prefix("restart of ") {
            return service(name).map(Action::Restart);
        }
        text.starts_with("hold: ").then(|| Action::Operator(text.to_owned()))
    }
}

fn account_by_hand(text: &str) -> Option<AccountId> {
    let account = text.strip_prefix("request of account ")?.strip_suffix(" by hand")?;
    account.parse().ok().map(AccountId)
}
