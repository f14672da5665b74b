//! What explains a difference: an execution, or an exchange that holds nothing.

use engine::{Context, Nanos};
use strategies::reconcile::Executed;

use super::{Look, RESULTS_MAX, ReconcileEngine};
use crate::drift;
use crate::records::ApplyResult;
use crate::streams::APPLY_RESULT;

/// So many results of a symbol may explain a difference.
const RESULTS_OF_SYMBOL: usize = 50;

impl ReconcileEngine {
    /// Whether each look of a while has shown that the exchange holds nothing of what the ledger does. Nothing is left
    /// to be closed, and no execution will ever explain it: a reset of the exchange has none.
    pub(super) fn is_gone(&self, place: usize, look: Look) -> bool {
        let shown = self.known[place].drifted.zip(look.exchange);
        !self.old.keeps_gone
            && shown.is_some_and(|((first, ..), (exchange, taken))| {
                exchange.is_zero()
                    && taken.0 - first >= Nanos::from_secs(self.settings.flat_after_s)
            })
    }

    /// The last executed results of the symbol that may explain what this look shows: their fills are in its snapshot,
    /// and were meant for the ledger, as those of reconcile closes are not.
    pub(super) fn executions(
        &self,
        place: usize,
        look: Look,
        ctx: &mut Context<'_>,
    ) -> Vec<Executed> {
        if self.old.other_evidence {
            return Vec::new();
        }
        let now = ctx.now();
        let taken = look.exchange.map_or(Nanos::ZERO, |(_, taken)| taken.0);
        let Ok(newest) = ctx.newest(APPLY_RESULT.name, RESULTS_MAX) else {
            ctx.count("results_unreadable", 1);
            return Vec::new();
        };
        let read =
            newest.iter().filter_map(|entry| entry.body.as_ref()?.read::<ApplyResult>().ok());
        let own = read.filter(|result| result.symbol == self.symbols[place] && result.executed);
        let explains = |result: &ApplyResult| {
            !result.is_reconcile_close() && taken - result.timestamp.0 >= drift::SETTLES
        };
        let own = own.filter(|result| self.old.own_evidence || explains(result));
        let executed = own.filter_map(|result| {
            let age_sec = (now - result.timestamp.0).as_secs_f64();
            Some(Executed { filled_qty: result.filled_qty?, age_sec })
        });
        executed.take(RESULTS_OF_SYMBOL).collect()
    }
}
