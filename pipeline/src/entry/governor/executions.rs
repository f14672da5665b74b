//! What was executed, from apply.result: rates and daily totals. A permit counts nothing.

use std::collections::VecDeque;

use engine::{Context, EpochSeconds, Nanos, Record as _, SetOptions, TypedRecord as _};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Governor;
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{ApplyResult, ExecutionNote};

/// Executions that are kept of a symbol.
const KEPT: usize = 100;
const HOUR: Nanos = Nanos::from_secs(3_600);
const FIVE_MINUTES: Nanos = Nanos::from_secs(300);

/// The UTC day, as keys name it: `2026-02-05`.
pub(super) fn date_of(now: Nanos) -> String {
    let mut text = now.to_string();
    text.truncate(10);
    text
}

/// Executions of one symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Executions {
    /// Newest first.
    notes: VecDeque<ExecutionNote>,
    /// Of the day, in USDT.
    today: (String, Decimal),
    /// Also known where the notes are gone.
    last: Option<Nanos>,
}

impl Executions {
    /// In the last hour, and in the last five minutes.
    pub(super) fn rates(&self, now: Nanos) -> (u32, u32) {
        let within = |span: Nanos| self.notes.iter().take_while(|n| now - n.ts.0 < span).count();
        (within(HOUR) as u32, within(FIVE_MINUTES) as u32)
    }

    /// Executed notional of the UTC day, in USDT.
    pub(super) fn of_day(&self, now: Nanos) -> f64 {
        if self.today.0 == date_of(now) { grid::float(self.today.1) } else { 0.0 }
    }

    pub(super) fn age_sec(&self, now: Nanos) -> Option<f64> {
        self.last.map(|last| (now - last).0 as f64 / 1e9)
    }
}

impl Governor {
    /// Counts a result, once: results are delivered at least once.
    pub(super) fn note(&mut self, place: usize, result: &ApplyResult, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.ended(result, now);
        let filled = result.filled_qty.filter(|qty| result.executed && *qty > Decimal::ZERO);
        let Some(filled) = filled else { return };
        if self.audited.has(Audited::PermitsCountAsExecutions) {
            return;
        }
        let price = result.avg_price.unwrap_or_default();
        let note = ExecutionNote {
            ts: result.timestamp,
            plan_id: result.plan_id.clone(),
            notional: filled.checked_mul(price).unwrap_or_default(),
        };
        self.count_execution(place, note, ctx);
    }

    /// Counts it, once a plan.
    pub(super) fn count_execution(
        &mut self,
        place: usize,
        note: ExecutionNote,
        ctx: &mut Context<'_>,
    ) {
        let of = &mut self.executions[place];
        if of.notes.iter().any(|known| known.plan_id == note.plan_id) {
            return;
        }
        let now = ctx.now();
        let date = date_of(now);
        if of.today.0 != date {
            of.today = (date.clone(), Decimal::ZERO);
        }
        of.today.1 = of.today.1.checked_add(note.notional).unwrap_or(of.today.1);
        of.last = Some(note.ts.0);
        let (text, total) = (note.to_json().to_string(), of.today.1.to_string());
        of.notes.push_front(note);
        of.notes.truncate(KEPT);
        self.keep(place, &text, &total, &date, ctx);
    }

    /// Puts on the bus what a successor has to know.
    fn keep(&self, place: usize, note: &str, total: &str, date: &str, ctx: &mut Context<'_>) {
        let keys = &self.keys[place];
        let life = |expire| SetOptions { expire, ..SetOptions::default() };
        let pushed = ctx.lpush_keep(&keys.exec, note, KEPT);
        if let Some(life) = keys::GOVERNOR_EXEC.life {
            ctx.expire(&keys.exec, life);
        }
        let symbol = self.symbols[place];
        let daily = keys::GOVERNOR_DAILY.of(format_args!("{symbol}:{date}"));
        let summed = ctx.set(&daily, total, life(keys::GOVERNOR_DAILY.life));
        let now = (ctx.now().0 as f64 / 1e9).to_string();
        let last = ctx.set(&keys.last_exec, &now, life(keys::GOVERNOR_LAST_EXEC.life));
        if pushed.is_err() || summed.is_err() || last.is_err() {
            ctx.count("writes_failed", 1);
        }
    }

    pub(super) fn recover_executions(&mut self, ctx: &mut Context<'_>) {
        let date = date_of(ctx.now());
        for (place, symbol) in self.symbols.iter().enumerate() {
            let keys = &self.keys[place];
            let daily = keys::GOVERNOR_DAILY.of(format_args!("{symbol}:{date}"));
            let of = &mut self.executions[place];
            let mut unreadable = 0;
            for text in ctx.lrange(&keys.exec, KEPT).unwrap_or_default() {
                let json = serde_json::from_str(&text).ok();
                match json.and_then(|json| ExecutionNote::from_json(&json).ok()) {
                    Some(note) => of.notes.push_back(note),
                    None => unreadable += 1,
                }
            }
            match ctx.get(&daily).map(|text| text.map(|text| text.parse::<Decimal>())) {
                Ok(Some(Ok(total))) => of.today = (date.clone(), total),
                Ok(None) => {}
                Ok(Some(Err(_))) | Err(_) => unreadable += 1,
            }
            let last = ctx.get(&keys.last_exec).ok().flatten();
            let last = last.and_then(|text| text.parse::<f64>().ok()).filter(|s| s.is_finite());
            let noted = of.notes.front().map(|note| note.ts);
            of.last = noted.or(last.map(|s| EpochSeconds(Nanos((s * 1e9) as i64)))).map(|at| at.0);
            if unreadable > 0 {
                ctx.count("executions_unreadable", unreadable);
            }
        }
    }
}
