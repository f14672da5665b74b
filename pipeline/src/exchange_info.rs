//! exchangeInfo for those who round by it: asked for at the start, again soon after a failure, and every hour,
//! as symbols come and filters change.

use engine::{Answer, Context, Nanos, Outcome, Request, RequestId, SymbolInfo, TimerKey};
use serde::{Deserialize, Serialize};

/// After a good answer.
const INTERVAL: Nanos = Nanos::from_secs(3_600);
/// After a refusal or no answer.
const RETRY_AFTER: Nanos = Nanos::from_secs(5);

/// The request for exchangeInfo of one service. At most one is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExchangeInfo {
    timer: TimerKey,
    asked: Option<RequestId>,
}

impl ExchangeInfo {
    /// Its owner calls `ask` at the start and whenever this timer fires.
    pub fn new(timer: TimerKey) -> ExchangeInfo {
        ExchangeInfo { timer, asked: None }
    }

    pub fn ask(&mut self, ctx: &mut Context<'_>) {
        if self.asked.is_none() {
            self.asked = Some(ctx.submit(Request::ExchangeInfo));
        }
    }

    /// The rows, if this is the answer that it waits for; none of them after a failure.
    pub fn heard<'o>(
        &mut self,
        request: RequestId,
        outcome: &'o Outcome,
        ctx: &mut Context<'_>,
    ) -> Option<&'o [SymbolInfo]> {
        self.asked.take_if(|asked| *asked == request)?;
        match outcome {
            Outcome::Done(Answer::ExchangeInfo(rows)) => {
                ctx.timer_after(INTERVAL, self.timer);
                Some(rows)
            }
            _ => {
                ctx.count("exchange_info_not_fetched", 1);
                ctx.timer_after(RETRY_AFTER, self.timer);
                Some(&[])
            }
        }
    }
}
