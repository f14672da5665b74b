//! A fault in one sentence, for the assumptions of a run.

use std::fmt;

use rust_decimal::Decimal;

use super::{FaultKind, FillRest, ForcedLimit, RequestKind, TimeOutAnswer, VenueFault};

impl VenueFault {
    fn write_what(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            FaultKind::TimeOut { executed, answer, after } => {
                let done = if *executed { "done" } else { "not done" };
                let heard = match answer {
                    TimeOutAnswer::Code => "answered -1007",
                    TimeOutAnswer::None => "never answered",
                };
                write!(f, "requests are {done} and {heard}, after {} ms", after.millis())
            }
            FaultKind::Refuse { code, .. } => write!(f, "requests are refused with {code}"),
            FaultKind::RateLimit { limit: ForcedLimit::Weight } => {
                write!(f, "requests are refused with 429 and -1003")
            }
            FaultKind::RateLimit { .. } => write!(f, "orders are refused with 429 and -1015"),
            FaultKind::Ban => write!(f, "the IP is banned (418)"),
            FaultKind::LoseUserStream => write!(f, "the user stream is lost, and tells nothing"),
            FaultKind::DelayUserStream { by } => {
                write!(f, "the user stream is {} ms late", by.millis())
            }
            FaultKind::ExpireListenKey => {
                write!(
                    f,
                    "the listen key expires, and the user stream is silent until it is renewed"
                )
            }
            FaultKind::PartialFills { part, rest, parts, every } => {
                let percent = (*part * Decimal::ONE_HUNDRED).normalize();
                write!(f, "takers are filled by {percent} % at once, and the rest ")?;
                match rest {
                    FillRest::Later => {
                        write!(f, "in {parts} part(s), one every {} ms", every.millis())
                    }
                    FillRest::Expires => write!(f, "expires, or rests where it has a limit"),
                }
            }
            FaultKind::Slippage { ticks } => {
                write!(
                    f,
                    "takers get prices that are {ticks} order tick(s) worse, within their limits"
                )
            }
            FaultKind::SkewClock { ahead_ms } => {
                write!(f, "the exchange's clock is {ahead_ms} ms ahead when it looks at timestamps")
            }
        }
    }
}

impl fmt::Display for VenueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault from {}", self.from)?;
        if let Some(until) = self.until {
            write!(f, " until {until}")?;
        }
        write!(f, ": ")?;
        self.write_what(f)?;
        let mut whom = Vec::new();
        if self.who.requests != RequestKind::All {
            whom.push(format!("{:?}", self.who.requests).to_lowercase());
        }
        whom.extend(self.who.symbol.map(|symbol| symbol.to_string()));
        whom.extend(self.who.account.map(|account| format!("account {}", account.0)));
        whom.extend(self.next.map(|next| format!("the next {next}")));
        if self.share != Decimal::ONE {
            whom.push(format!("{} % of them", (self.share * Decimal::ONE_HUNDRED).normalize()));
        }
        if whom.is_empty() { write!(f, ".") } else { write!(f, "; only {}.", whom.join(", ")) }
    }
}
