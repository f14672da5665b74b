//! Events of the venue: what befalls the exchange at stated times of a run.
//!
//! Invariant: an event comes before funding, market events and requests of its instant; events of one
//! instant come in the order in which they are stated, after the ends of earlier ones that were stated
//! before them.

use std::fmt;

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, ExchangeConfig, Funding, money_problem};
use crate::exchange::SimExchange;
use crate::rule_changes::{FilterChange, Tier, tiers_problem};
use crate::venue_clock::Due;

/// Something that befalls the venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueEvent {
    /// When it begins.
    pub at: Nanos,
    /// What it is.
    pub what: VenueChange,
}

/// What can befall the venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum VenueChange {
    /// Balances, positions and orders are gone, and ids start again at 1.
    TestnetReset {
        /// What every account has afterwards, in USDT; its first deposit where absent.
        #[serde(default)]
        wallet: Option<Decimal>,
    },
    /// Every request is refused, and nothing is matched, triggered, liquidated or paid.
    Maintenance {
        /// The first instant after it.
        until: Nanos,
    },
    /// A symbol is not matched and takes no orders; they can be cancelled.
    SymbolHalted {
        /// Whose.
        symbol: Symbol,
        /// The first instant after it.
        until: Nanos,
    },
    /// A symbol's orders expire, its positions are settled at the mark, and it takes no more orders.
    SymbolDelisted {
        /// Whose.
        symbol: Symbol,
    },
    /// Other filters or brackets hold from now on, until a date of the tables brings the next ones.
    RulesChanged {
        /// Whose.
        symbol: Symbol,
        /// The filters that change.
        #[serde(default)]
        filters: Box<FilterChange>,
        /// All tiers, if they change.
        #[serde(default)]
        brackets: Option<Vec<Tier>>,
    },
    /// The mark price stays what it is.
    StuckMark {
        /// Whose.
        symbol: Symbol,
        /// The first instant after it.
        until: Nanos,
    },
    /// The next funding settlement has this rate.
    FundingSpike {
        /// Whose.
        symbol: Symbol,
        /// 0.0001 is 0.01 %.
        rate: Decimal,
    },
}

impl VenueChange {
    fn symbol(&self) -> Option<Symbol> {
        match self {
            VenueChange::TestnetReset { .. } | VenueChange::Maintenance { .. } => None,
            VenueChange::SymbolHalted { symbol, .. }
            | VenueChange::SymbolDelisted { symbol }
            | VenueChange::RulesChanged { symbol, .. }
            | VenueChange::StuckMark { symbol, .. }
            | VenueChange::FundingSpike { symbol, .. } => Some(*symbol),
        }
    }

    fn until(&self) -> Option<Nanos> {
        match self {
            VenueChange::Maintenance { until }
            | VenueChange::SymbolHalted { until, .. }
            | VenueChange::StuckMark { until, .. } => Some(*until),
            _ => None,
        }
    }
}

impl VenueEvent {
    /// What is wrong with it in an exchange of this configuration.
    pub(crate) fn problem(&self, config: &ExchangeConfig) -> Option<String> {
        let say = |problem: String| Some(format!("events: at {}: {problem}", self.at));
        if self.at < config.start {
            return say(format!("it lies before the start, {}", config.start));
        }
        if let Some(until) = self.what.until().filter(|until| *until <= self.at) {
            return say(format!("its end, {until}, must come after it"));
        }
        let is_ours = |symbol: &Symbol| config.instruments.iter().any(|i| i.symbol == *symbol);
        if let Some(symbol) = self.what.symbol().filter(|symbol| !is_ours(symbol)) {
            return say(format!("{symbol} is not among the instruments"));
        }
        match &self.what {
            VenueChange::TestnetReset { wallet: Some(wallet) } => {
                money_problem("wallet", *wallet).and_then(say)
            }
            VenueChange::RulesChanged { filters, brackets, .. } => {
                if **filters == FilterChange::default() && brackets.is_none() {
                    return say("it changes no rule: state filters or brackets".to_owned());
                }
                let tiers = brackets.as_deref().and_then(tiers_problem);
                filters.problem().or(tiers).and_then(say)
            }
            VenueChange::FundingSpike { rate, .. } if rate.abs() >= Decimal::ONE => {
                say(format!("the funding rate is {rate}; 0.0001 is 0.01 %"))
            }
            VenueChange::FundingSpike { .. } if config.funding == Funding::None => {
                say("there is no funding in this run, and so no spike".to_owned())
            }
            _ => None,
        }
    }
}

/// One sentence for the assumptions of a run.
impl fmt::Display for VenueEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event at {}: ", self.at)?;
        match &self.what {
            VenueChange::TestnetReset { wallet } => {
                match wallet {
                    Some(wallet) => write!(f, "testnet reset; every wallet holds {wallet} USDT")?,
                    None => write!(f, "testnet reset; wallets hold their first deposits")?,
                }
                write!(f, ", positions and orders are gone without a word, ids start at 1.")
            }
            VenueChange::Maintenance { until } => write!(
                f,
                "maintenance until {until}; all requests are refused with -1001, nothing is matched, and funding is paid at its end."
            ),
            VenueChange::SymbolHalted { symbol, until } => write!(
                f,
                "{symbol} is halted until {until}; its orders are refused with -4141 and can be cancelled."
            ),
            VenueChange::SymbolDelisted { symbol } => {
                write!(
                    f,
                    "{symbol} is delisted; its positions are settled at the mark, without fees."
                )
            }
            VenueChange::RulesChanged { symbol, filters, brackets } => {
                let filters = (**filters != FilterChange::default()).then_some("filters");
                let brackets = brackets.as_ref().map(|_| "brackets");
                let what: Vec<&str> = filters.into_iter().chain(brackets).collect();
                write!(f, "{symbol} gets other {}; orders that rest stay.", what.join(" and "))
            }
            VenueChange::StuckMark { symbol, until } => {
                write!(f, "the mark price of {symbol} is stuck until {until}.")
            }
            VenueChange::FundingSpike { symbol, rate } => {
                write!(f, "the next funding of {symbol} has the rate {rate}.")
            }
        }
    }
}

impl SimExchange {
    /// Puts all events and their ends on the clock, and checks what needs the rules.
    pub(crate) fn schedule_events(&mut self) -> Result<(), ConfigError> {
        for number in 0..self.config.events.len() {
            let event = &self.config.events[number];
            let (at, until) = (event.at, event.what.until());
            if let VenueChange::RulesChanged { symbol, filters, brackets } = &event.what {
                let place = self.place_of(*symbol);
                self.check_stated(place, filters, brackets.as_deref())?;
            }
            self.clock.push(at, Due::Event(number));
            if let Some(until) = until {
                self.clock.push(until, Due::EventEnd(number));
            }
        }
        Ok(())
    }

    /// Of a symbol of the run; [`VenueEvent::problem`] has refused all others.
    pub(crate) fn place_of(&self, symbol: Symbol) -> usize {
        let place = self.config.instruments.iter().position(|i| i.symbol == symbol);
        debug_assert!(place.is_some(), "an event's symbol is of the run");
        place.unwrap_or_default()
    }

    /// An event begins.
    pub(crate) fn befall(&mut self, number: usize) {
        match self.config.events[number].what.clone() {
            VenueChange::TestnetReset { wallet } => self.reset(wallet),
            VenueChange::Maintenance { until } => self.close(until),
            VenueChange::SymbolHalted { symbol, until } => self.halt(self.place_of(symbol), until),
            VenueChange::SymbolDelisted { symbol } => self.delist(self.place_of(symbol)),
            VenueChange::RulesChanged { symbol, filters, brackets } => {
                self.stated_rules(self.place_of(symbol), &filters, brackets.as_deref());
            }
            VenueChange::StuckMark { symbol, until } => {
                self.stick_mark(self.place_of(symbol), until);
            }
            VenueChange::FundingSpike { symbol, rate } => {
                let place = self.place_of(symbol);
                self.markets[place].state.set_funding_rate(rate);
            }
        }
    }

    /// An event that lasts is over.
    pub(crate) fn pass(&mut self, number: usize) {
        match self.config.events[number].what {
            VenueChange::Maintenance { .. } => self.reopen(),
            VenueChange::SymbolHalted { symbol, .. } => self.end_halt(self.place_of(symbol)),
            VenueChange::StuckMark { symbol, .. } => self.free_mark(self.place_of(symbol)),
            _ => {}
        }
    }
}
