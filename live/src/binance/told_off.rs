//! 429 and 418: the venue takes nothing from this address for a while.

use std::fmt;

use binance_wire::ErrorBody;
use engine::Nanos;

/// What a venue says to an address that asks too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToldOff {
    /// 418: the address is banned.
    pub(crate) banned: bool,
    /// For how long, if it tells.
    pub(crate) lasts: Option<Nanos>,
    /// Until when, by its clock, if that is known.
    until: Option<Nanos>,
}

impl ToldOff {
    /// From the status of an answer, its `Retry-After` and its text; `now` is the venue's time, where it is known.
    pub(crate) fn of(
        status: u16,
        retry_after: Option<Nanos>,
        error: Option<&ErrorBody>,
        now: Option<Nanos>,
    ) -> Option<ToldOff> {
        if !matches!(status, 418 | 429) {
            return None;
        }
        // The WebSocket API has no headers, but the text of a ban tells its end.
        let said = error.and_then(|error| ban_ends(&error.msg));
        let lasts = retry_after.or_else(|| Some(said? - now?));
        let until = said.or_else(|| Some(now? + retry_after?));
        Some(ToldOff { banned: status == 418, lasts, until })
    }
}

impl fmt::Display for ToldOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.banned {
            true => "the venue has banned this address",
            false => "too many requests came from this address, and the venue takes no more",
        })?;
        match (self.until, self.lasts) {
            (Some(until), Some(lasts)) => write!(f, " until {until}, for {} s", lasts.secs()),
            (Some(until), None) => write!(f, " until {until}"),
            (None, Some(lasts)) => write!(f, " for {} s", lasts.secs()),
            (None, None) => f.write_str(", and does not say for how long"),
        }
    }
}

/// The end of a ban as its text tells it: `IP banned until 1573000000000.`
fn ban_ends(text: &str) -> Option<Nanos> {
    let rest = text.split_once("until ")?.1;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Nanos::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_tells_its_end() {
        let text = "Way too many requests; IP banned until 1573000000000. Please";
        assert_eq!(ban_ends(text), Some(Nanos::from_millis(1_573_000_000_000)));
        assert_eq!(ban_ends("Too many requests"), None);
    }

    #[test]
    fn it_says_until_when_as_far_as_it_knows() {
        let body = |msg: &str| ErrorBody { code: -1003, msg: msg.into() };
        let ban = body("Way too many requests; IP banned until 1573000000000.");
        let now = Nanos::from_millis(1_572_999_990_000);
        let shown = |status, after, error: &ErrorBody, now| {
            ToldOff::of(status, after, Some(error), now).map(|told| told.to_string())
        };
        let until = "the venue has banned this address until 2019-11-06T00:26:40Z";
        assert_eq!(shown(418, None, &ban, Some(now)), Some(format!("{until}, for 10 s")));
        assert_eq!(shown(418, None, &ban, None).as_deref(), Some(until));
        let many = body("Too many requests");
        let no_more = "too many requests came from this address, and the venue takes no more";
        let after = Some(Nanos::from_secs(7));
        assert_eq!(shown(429, after, &many, None), Some(format!("{no_more} for 7 s")));
        assert_eq!(
            shown(429, None, &many, None),
            Some(format!("{no_more}, and does not say for how long"))
        );
        assert_eq!(shown(400, after, &many, Some(now)), None);
    }
}
