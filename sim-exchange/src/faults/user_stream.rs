//! A user stream that is lost, late or expired.
//!
//! Binance sends nothing again: what is lost stays lost, and nothing on the stream tells of it. Only an
//! expired listen key is told, once, by `listenKeyExpired`. Who wants to know asks (positionRisk, open
//! orders), because answers to requests come as ever.

use engine::{AccountId, ExchangeEvent, UserEvent};

use super::{FaultKind, VenueFault};
use crate::exchange::SimExchange;

impl SimExchange {
    /// Sends an event of an account's user stream through the faults.
    #[cold]
    pub(crate) fn send_user_by_fate(&mut self, account: AccountId, event: UserEvent) {
        let time = self.now;
        let concerns = |_: &SimExchange, fault: &VenueFault| {
            let lost = fault.what.is_of_events() || fault.what == FaultKind::ExpireListenKey;
            lost && fault.who.is_of(account)
        };
        let late = match self.struck(concerns) {
            Some(FaultKind::LoseUserStream | FaultKind::ExpireListenKey) => {
                if let Some(faults) = &mut self.faults {
                    faults.events_lost += 1;
                }
                return;
            }
            Some(FaultKind::DelayUserStream { by }) => by,
            _ => engine::Nanos::ZERO,
        };
        let mut due = self.delivery() + late;
        if let Some(faults) = &mut self.faults {
            let told_until = &mut faults.told_until[usize::from(account.0)];
            due = due.max(*told_until);
            *told_until = due;
        }
        self.send_at(due, ExchangeEvent::User { account, time, event });
    }
}
