//! What the actions have in common that are faults of the exchange: whom they strike, and how often.

use engine::{Nanos, Symbol, nearest};
use rust_decimal::Decimal;
use sim_exchange::{FaultFilter, FaultKind, RequestKind, VenueFault};

use super::{Plan, Setting, When};
use crate::events::offset;

/// Defines an action that strikes single requests or orders: its own keys, and those that all of them have.
macro_rules! strikes {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident: $kind:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
            /// Which requests: all, orders, opens, exits, changes, cancels, queries, order_queries,
            /// position_risk, account, exchange_info or settings.
            #[serde(default, skip_serializing_if = "super::venue_faults::is_default")]
            pub requests: sim_exchange::RequestKind,
            /// Those of one symbol.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub symbol: Option<engine::Symbol>,
            /// Of those so many: 0.1 is a tenth, drawn at random.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub share: Option<rust_decimal::Decimal>,
            /// The next so many of them, and none after.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub next: Option<u32>,
        }

        impl $name {
            fn whom(&self) -> super::venue_faults::Whom {
                super::venue_faults::Whom {
                    requests: self.requests,
                    symbol: self.symbol,
                    share: self.share,
                    next: self.next,
                }
            }
        }
    };
}
pub(super) use strikes;

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whom a fault strikes, and how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Whom {
    pub(super) requests: RequestKind,
    pub(super) symbol: Option<Symbol>,
    pub(super) share: Option<Decimal>,
    pub(super) next: Option<u32>,
}

impl Whom {
    /// What it adds to a sentence.
    pub(super) fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if self.requests != RequestKind::All {
            parts.push(format!("{:?}", self.requests).to_lowercase());
        }
        parts.extend(self.symbol.map(|symbol| symbol.to_string()));
        parts.extend(self.next.map(|next| format!("the next {next}")));
        parts.extend(self.share.map(|share| format!("a share of {}", share.normalize())));
        if parts.is_empty() { String::new() } else { format!(" (only {})", parts.join(", ")) }
    }
}

/// Adds a fault of the exchange to the plan, or says what is wrong with it.
pub(super) fn add(
    what: FaultKind,
    whom: Whom,
    when: When,
    setting: &Setting<'_>,
    plan: &mut Plan,
) -> Result<(), String> {
    if let Some(symbol) = whom.symbol {
        place_of(symbol, setting)?;
    }
    let fault = VenueFault {
        until: when.until,
        who: FaultFilter { account: None, requests: whom.requests, symbol: whom.symbol },
        share: whom.share.unwrap_or(Decimal::ONE),
        next: whom.next,
        stream: format!("fault:{}", setting.place),
        ..VenueFault::new(when.from, what)
    };
    if let Some(problem) = fault.own_problem() {
        return Err(problem);
    }
    plan.faults.push(fault);
    Ok(())
}

/// The place of a symbol of the run.
pub(super) fn place_of(symbol: Symbol, setting: &Setting<'_>) -> Result<usize, String> {
    let place = setting.symbols.iter().position(|own| *own == symbol);
    place.ok_or_else(|| {
        let known: Vec<&str> = setting.symbols.iter().map(Symbol::as_str).collect();
        match nearest(symbol.as_str(), &known) {
            Some(near) => format!("symbol: {symbol} is not in the market; did you mean {near:?}?"),
            None => {
                format!("symbol: {symbol} is not in the market: name one of {}", known.join(", "))
            }
        }
    })
}

/// A span such as `250ms`.
pub(super) fn span(key: &str, text: &str) -> Result<Nanos, String> {
    offset(text).ok_or_else(|| {
        format!("{key} = {text:?} is no span: give one such as \"250ms\" or \"1m 30s\"")
    })
}

#[cfg(test)]
mod tests {
    use engine::{AccountId, Action, Instrument, Request};

    use super::*;
    use crate::Scenario;

    const HEAD: &str = "[market.synthetic]\nminutes = 60\n";

    fn plan(steps: &str) -> Result<Plan, String> {
        let scenario = Scenario::parse("test.toml", &format!("{HEAD}{steps}"))
            .map_err(|error| error.to_string())?;
        let grid = |symbol| Instrument { symbol, price_decimals: 1, qty_decimals: 3 };
        let instruments: Vec<Instrument> = scenario.symbols().into_iter().map(grid).collect();
        let range = (Nanos::from_secs(0), Nanos::from_secs(3_600));
        scenario.timeline_plan(&[], &instruments, range)
    }

    fn step(action: &str) -> Result<Plan, String> {
        plan(&format!("[[timeline]]\nat = \"5m\"\nuntil = \"6m\"\n{action}\n"))
    }

    #[test]
    fn each_action_becomes_a_fault_of_its_time() {
        let second = Nanos::from_secs(1);
        let timed_out = |executed, answer, after_s| FaultKind::TimeOut {
            executed,
            answer,
            after: Nanos::from_secs(after_s),
        };
        use sim_exchange::{FillRest, ForcedLimit, TimeOutAnswer};
        for (action, expected) in [
            ("time_out = { executed = true }", timed_out(true, TimeOutAnswer::Code, 10)),
            (
                "time_out = { executed = false, answer = \"none\", after = \"1s\" }",
                timed_out(false, TimeOutAnswer::None, 1),
            ),
            ("refuse = { code = -2019 }", FaultKind::Refuse { code: -2019, msg: None }),
            (
                "rate_limit = { limit = \"orders_10s\" }",
                FaultKind::RateLimit { limit: ForcedLimit::Orders10s },
            ),
            ("rate_limit = {}", FaultKind::RateLimit { limit: ForcedLimit::Weight }),
            ("ban = {}", FaultKind::Ban),
            ("lose_user_stream = {}", FaultKind::LoseUserStream),
            ("delay_user_stream = { by = \"1s\" }", FaultKind::DelayUserStream { by: second }),
            ("expire_listen_key = {}", FaultKind::ExpireListenKey),
            (
                "partial_fills = { part = 0.4, parts = 3 }",
                FaultKind::PartialFills {
                    part: Decimal::new(4, 1),
                    rest: FillRest::Later,
                    parts: 3,
                    every: second,
                },
            ),
            ("slippage = { ticks = 20 }", FaultKind::Slippage { ticks: 20 }),
            (
                "skew_exchange_clock = { behind = \"2s\" }",
                FaultKind::SkewClock { ahead_ms: -2_000 },
            ),
        ] {
            let plan = step(action).expect(action);
            let [fault] = &plan.faults[..] else { panic!("{action}: one fault") };
            assert_eq!(fault.what, expected, "{action}");
            let span = (fault.from, fault.until);
            assert_eq!(span, (Nanos::from_secs(300), Some(Nanos::from_secs(360))));
            assert_eq!(fault.stream, "fault:0");
        }
    }

    #[test]
    fn a_fault_says_whom_it_strikes() {
        let plan = step(
            "refuse = { code = -2019, requests = \"opens\", symbol = \"BTCUSDT\", share = 0.5, next = 3 }",
        )
        .expect("a good step");
        let fault = &plan.faults[0];
        assert_eq!(fault.who.requests, RequestKind::Opens);
        assert_eq!(fault.who.symbol.map(|symbol| symbol.to_string()).as_deref(), Some("BTCUSDT"));
        assert_eq!((fault.share, fault.next), (Decimal::new(5, 1), Some(3)));
    }

    #[test]
    fn wrong_actions_say_what_to_do() {
        for (action, says) in [
            ("refuse = { code = -31 }", "refuse: `code` -31 is not in the table"),
            ("refuse = { code = -2019, symbol = \"BTCUSD\" }", "did you mean \"BTCUSDT\"?"),
            ("refuse = { code = -2019, next = 0 }", "`next` is 0"),
            ("time_out = { executed = true, after = \"soon\" }", "after = \"soon\" is no span"),
            ("partial_fills = { part = 1 }", "`part` 1 must be"),
            ("slippage = { ticks = 1, requests = \"cancels\" }", "`requests` must be all"),
            ("skew_exchange_clock = {}", "one of `ahead` and `behind`"),
            ("manual_trade = { symbol = \"BTCUSDT\", side = \"BUY\", quantity = 1 }", "remove it"),
            ("ban = { share = 0.5 }", "share"),
        ] {
            let problem = step(action).err().unwrap_or_default();
            assert!(problem.contains(says), "{action}: {problem:?} does not say {says:?}");
        }
    }

    #[test]
    fn a_manual_trade_is_sent_by_nobody() {
        let at =
            |trade: &str| plan(&format!("[[timeline]]\nat = \"5m\"\nmanual_trade = {trade}\n"));
        let sold =
            at("{ symbol = \"BTCUSDT\", side = \"SELL\", quantity = 0.02, reduce_only = true }");
        let plan = sold.expect("a good step");
        let [(time, Action::Submit { account, request: Request::NewOrder(order) })] =
            &plan.actions[..]
        else {
            panic!("one request");
        };
        assert_eq!((*time, *account), (Nanos::from_secs(300), AccountId(0)));
        assert_eq!(&*order.client_order_id.0, "web_manual_1");
        assert_eq!(order.quantity.map(|lots| lots.0), Some(20));
        assert!(order.reduces());
        let off = at("{ symbol = \"BTCUSDT\", side = \"SELL\", quantity = 0.0001 }");
        assert!(off.err().unwrap_or_default().contains("at most 3 decimals"));
    }
}
