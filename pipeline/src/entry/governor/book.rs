//! What is held, as the governor counts it: the exchange's positions, and opens that are on their way.

use engine::{Context, Nanos};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Governor;
use crate::grid;
use crate::records::{ApplyResult, PositionSide, PositionSnapshot, PositionState};

/// An open that was permitted longer ago will not be executed any more.
const PENDING_LIFE: Nanos = Nanos::from_secs(120);

/// An open that was permitted and that no snapshot shows yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub place: usize,
    /// In USDT.
    pub notional: f64,
    pub permitted_at: Nanos,
    pub executed_at: Option<Nanos>,
}

/// A position that is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    pub place: usize,
    pub side: PositionSide,
    /// At the mark price, in USDT.
    pub notional: f64,
    /// Unrealised over the entry notional, a fraction.
    pub pnl_pct: f64,
}

/// The whole book.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Book {
    pub held: Vec<Held>,
    /// Opens on their way, and their notional in USDT.
    pub coming: (u32, f64),
    /// Mark price of the plan's symbol, in USDT.
    pub mark: Option<Decimal>,
}

impl Book {
    pub(super) fn positions(&self) -> u32 {
        self.held.len() as u32 + self.coming.0
    }
    pub(super) fn notional(&self) -> f64 {
        self.held.iter().map(|held| held.notional).sum::<f64>() + self.coming.1
    }
    /// Of one symbol, in USDT.
    pub(super) fn notional_of(&self, place: usize) -> f64 {
        self.held.iter().filter(|held| held.place == place).map(|held| held.notional).sum()
    }
}

impl Governor {
    /// The book as seen for an open of the symbol at `place`; a symbol whose snapshot is missing or old makes
    /// all of it unknown.
    pub(super) fn book(&mut self, place: usize, ctx: &mut Context<'_>) -> Option<Book> {
        let now = ctx.now();
        let age_max = Nanos::from_secs(self.settings.snapshot_max_age_s);
        let mut book = Book::default();
        let mut taken = Vec::with_capacity(self.keys.len());
        for (at, keys) in self.keys.iter().enumerate() {
            let Ok(Some(snapshot)) = ctx.record::<PositionSnapshot>(&keys.snapshot) else {
                return None;
            };
            if !(Nanos::ZERO..=age_max).contains(&(now - snapshot.ts_epoch.0)) {
                return None;
            }
            if at == place {
                book.mark = Some(snapshot.mark_price).filter(|mark| *mark > Decimal::ZERO);
            }
            let held = snapshot.side != PositionSide::None;
            taken.push((snapshot.ts_epoch.0, held));
            if held {
                let size = grid::float(snapshot.position_amt.abs());
                let entry = size * grid::float(snapshot.entry_price);
                let pnl = grid::float(snapshot.unrealized_pnl);
                book.held.push(Held {
                    place: at,
                    side: snapshot.side,
                    notional: size * grid::float(snapshot.mark_price),
                    pnl_pct: if entry > 0.0 { pnl / entry } else { 0.0 },
                });
            }
        }
        // What a snapshot shows is no longer on its way; nor is what one shows to be gone again.
        self.pending.retain(|_, open| {
            let (at, held) = taken[open.place];
            let seen = held || open.executed_at.is_some_and(|executed| executed < at);
            !seen && now - open.permitted_at < PENDING_LIFE
        });
        let coming = self.pending.values().filter(|open| open.place != place);
        for open in coming {
            book.coming.0 += 1;
            book.coming.1 += open.notional;
        }
        Some(book)
    }

    /// An open that was permitted has ended.
    pub(super) fn ended(&mut self, result: &ApplyResult, now: Nanos) {
        if !result.executed {
            self.pending.remove(&result.plan_id);
        } else if let Some(open) = self.pending.get_mut(&result.plan_id) {
            open.executed_at = Some(now);
        }
    }

    /// Since when the position is as it is, in s.
    pub(super) fn age_sec(&self, place: usize, ctx: &mut Context<'_>) -> f64 {
        let now = ctx.now();
        match ctx.record::<PositionState>(&self.keys[place].state) {
            Ok(Some(state)) => (now - state.changed_at.0).0 as f64 / 1e9,
            Ok(None) | Err(_) => 0.0,
        }
    }
}
