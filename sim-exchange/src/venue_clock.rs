//! What the exchange does of its own accord at a certain time.

use engine::{AccountId, AlgoId, ExpiryReason, Nanos, OrderId};
use serde::{Deserialize, Serialize};

use crate::exchange::SimExchange;

/// One such thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Due {
    /// The `goodTillDate` of an order.
    GoodTill(OrderId),
    /// The `goodTillDate` of a conditional order.
    AlgoGoodTill(AlgoId),
    /// A countdown runs out, unless it has been set again since.
    Countdown { account: AccountId, symbol: usize, number: u64 },
    /// Dated rules begin to hold.
    Rules(usize),
    /// An event of the venue, by its place in the configuration.
    Event(usize),
    /// The end of one that lasts.
    EventEnd(usize),
    /// A fault begins, by its place in the configuration.
    Fault(usize),
    /// The next part of an order that fills in parts.
    Part(OrderId),
    /// A sample of the basis, and a new mark price of a symbol.
    Mark(usize),
    /// A sample of the premium index of a symbol.
    Premium(usize),
}

impl Due {
    /// It concerns no order and no account of its own: no reset and no maintenance takes it away.
    pub(crate) fn is_of_venue(&self) -> bool {
        !matches!(
            self,
            Due::GoodTill(_) | Due::AlgoGoodTill(_) | Due::Countdown { .. } | Due::Part(_)
        )
    }
}

impl SimExchange {
    /// Does one thing that is due.
    pub(crate) fn ring(&mut self, due: Due) {
        if self.is_closed() && !due.is_of_venue() {
            return self.standstill.hold_back(due);
        }
        // Samples settle by themselves where they change anything.
        let samples = matches!(due, Due::Mark(_) | Due::Premium(_));
        self.act(due);
        if !samples {
            self.settle();
        }
    }

    pub(crate) fn act(&mut self, due: Due) {
        match due {
            Due::GoodTill(id) => self.good_till(id),
            Due::AlgoGoodTill(id) => self.algo_good_till(id),
            Due::Countdown { account, symbol, number } => {
                if self.countdowns.get(&(account, symbol)) == Some(&number) {
                    self.countdowns.remove(&(account, symbol));
                    self.cancel_all(account, symbol);
                }
            }
            Due::Rules(number) => self.dated_rules(number),
            Due::Event(number) => self.befall(number),
            Due::EventEnd(number) => self.pass(number),
            Due::Fault(number) => self.fault_begins(number),
            Due::Part(id) => self.fill_next_part(id),
            Due::Mark(symbol) => self.mark_from_index(symbol),
            Due::Premium(symbol) => self.premium_sample(symbol),
        }
    }

    fn good_till(&mut self, id: OrderId) {
        let Some(order) = self.orders.known(id).filter(|order| !order.status.is_terminal()) else {
            return;
        };
        let (symbol, side) = (usize::from(order.symbol.0), order.side);
        self.remove_resting(symbol, side, id);
        self.conditionals.remove_order(symbol, id);
        self.expire(id, ExpiryReason::None);
    }

    /// Sets the countdown of an account's orders in a symbol; zero stops it. Binance looks about every
    /// 10 ms.
    pub(crate) fn set_countdown(&mut self, account: AccountId, symbol: usize, countdown: Nanos) {
        const LOOK: i64 = 10_000_000;
        if countdown.0 <= 0 {
            self.countdowns.remove(&(account, symbol));
            return;
        }
        self.countdown_number += 1;
        let number = self.countdown_number;
        self.countdowns.insert((account, symbol), number);
        let due = self.now + countdown;
        let looked = Nanos(due.0.saturating_add(LOOK - 1).div_euclid(LOOK).saturating_mul(LOOK));
        self.clock.push(looked, Due::Countdown { account, symbol, number });
    }
}
