//! `[[timeline]]`: what the scenario does to the run at set times. One action is one file and one line in
//! [`steps!`].

mod ban;
mod command;
mod corrupt;
mod crash;
mod crash_loop;
mod create_group;
mod delay;
mod delay_call;
mod delay_user_stream;
mod delete_key;
mod drop;
mod drop_call;
mod duplicate;
mod expire_listen_key;
mod flush_redis;
mod frozen_market;
mod gapped_market;
mod given;
mod hang;
mod lose_redis;
mod lose_user_stream;
mod manual_trade;
mod partial_fills;
mod partition;
mod publish;
mod rate_limit;
mod reconfigure;
mod refuse;
mod reorder;
mod restart;
mod restart_redis;
mod set_key;
mod skew_clock;
mod skew_exchange_clock;
mod slippage;
mod slow;
mod stale_market;
mod supervise;
#[cfg(test)]
mod tests;
mod time_out;
mod trim;
mod venue_faults;

use engine::{Action, Instrument, Member, Nanos, ReadMode, Symbol, SymbolIndex, Wiring, nearest};
use pipeline::streams::{STREAMS, Stream};
use serde::{Deserialize, Serialize};
use sim_exchange::VenueFault;

use crate::Scenario;
use crate::events::{instant, within};

/// Whether a step is of an instant or lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// It has no `until`.
    Never,
    /// It needs `until`.
    Always,
    /// It may have one.
    Maybe,
}

/// When a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) from: Nanos,
    pub(crate) until: Option<Nanos>,
}

/// The run for which steps are planned.
pub(crate) struct Setting<'a> {
    /// The services that run, in their order: a `ServiceId` is a place in it.
    pub(crate) services: &'a [String],
    pub(crate) symbols: &'a [Symbol],
    /// Their grids, for services that are built anew.
    pub(crate) instruments: &'a [Instrument],
    /// What each service is connected to.
    pub(crate) wirings: &'a [Wiring],
    pub(crate) range: (Nanos, Nanos),
    pub(crate) scenario: &'a Scenario,
    /// The step's place in the timeline, from 0: names its random stream.
    pub(crate) place: usize,
}

/// What the steps of a timeline make the run do.
#[derive(Default)]
pub(crate) struct Plan {
    /// For the kernel.
    pub(crate) actions: Vec<(Nanos, Action)>,
    /// For the exchange.
    pub(crate) faults: Vec<VenueFault>,
}

/// One action.
pub(crate) trait Step {
    /// Whether it lasts.
    const LASTS: Lasts;
    /// Adds what it does to `plan`; or what is wrong with it and what to do.
    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String>;
    /// What it does, for the assumptions of the run; its time stands before it.
    fn sentence(&self) -> String;
}

macro_rules! steps {
    ($($(#[doc = $about:literal])+ $name:ident: $module:ident::$step:ident;)*) => {
        /// One `[[timeline]]`: when, and exactly one of the actions.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct TimelineStep {
            /// When it happens: an offset from the start such as `5m 30s`, or a time.
            #[serde(deserialize_with = "crate::file::quoted_time")]
            pub at: String,
            /// The first instant after it, of what lasts.
            #[serde(default, deserialize_with = "crate::events::some_time", skip_serializing_if = "Option::is_none")]
            pub until: Option<String>,
            $($(#[doc = $about])+
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $name: Option<$module::$step>,)*
        }

        impl TimelineStep {
            /// The names of the actions that it has.
            fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if self.$name.is_some() { given.push(stringify!($name)); })*
                given
            }

            /// Plans its action at `when`.
            fn plan_action(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
                $(if let Some(step) = &self.$name {
                    let name = stringify!($name);
                    check_span(name, <$module::$step as Step>::LASTS, when)?;
                    return step.plan(when, setting, plan).map_err(|problem| format!("{name}: {problem}"));
                })*
                Ok(())
            }

            fn sentence(&self) -> Option<String> {
                $(if let Some(step) = &self.$name {
                    return Some(step.sentence());
                })*
                None
            }
        }

        /// The names of all actions.
        pub const ACTIONS: &[&str] = &[$(stringify!($name)),*];
    };
}

steps! {
    /// A service dies: it loses its memory and handles nothing until it is restarted.
    crash: crash::Crash;
    /// A service that is down starts again, from its first state; the bus is as it was left.
    restart: restart::Restart;
    /// An entry appears on a stream.
    publish: publish::Publish;
    /// The outcome of requests stays unknown to who sent them.
    time_out: time_out::TimeOut;
    /// The exchange refuses requests with an error of its own.
    refuse: refuse::Refuse;
    /// The exchange refuses requests as if a limit were passed (429).
    rate_limit: rate_limit::RateLimit;
    /// The exchange bans the pipeline's address (418).
    ban: ban::Ban;
    /// The user stream says nothing, and what it would have said is never told.
    lose_user_stream: lose_user_stream::LoseUserStream;
    /// The user stream is late.
    delay_user_stream: delay_user_stream::DelayUserStream;
    /// The key of the user stream expires, which is told once.
    expire_listen_key: expire_listen_key::ExpireListenKey;
    /// Orders that take fill only in part at once.
    partial_fills: partial_fills::PartialFills;
    /// Takers get worse prices than the market shows.
    slippage: slippage::Slippage;
    /// The exchange's clock differs from that of its clients (-1021).
    skew_exchange_clock: skew_exchange_clock::SkewExchangeClock;
    /// Somebody trades the pipeline's account by hand.
    manual_trade: manual_trade::ManualTrade;
    /// A key gets a text, a list or a hash.
    set_key: set_key::SetKey;
    /// A key, or a whole stream, is deleted.
    delete_key: delete_key::DeleteKey;
    /// Somebody sends Redis any command.
    command: command::Command;
    /// A stream is cut to its newest entries.
    trim: trim::Trim;
    /// A consumer group is made at `$`, at `0` or at an entry.
    create_group: create_group::CreateGroup;
    /// Redis loses all keys, streams and groups.
    flush_redis: flush_redis::FlushRedis;
    /// Redis starts again with empty memory.
    restart_redis: restart_redis::RestartRedis;
    /// Redis cannot be reached.
    lose_redis: lose_redis::LoseRedis;
    /// A service handles nothing, and catches up afterwards.
    hang: hang::Hang;
    /// A service thinks longer.
    slow: slow::Slow;
    /// A supervisor starts a service again when it has died.
    supervise: supervise::Supervise;
    /// A service dies after each start, and its supervisor starts it again.
    crash_loop: crash_loop::CrashLoop;
    /// A service is restarted with other settings.
    reconfigure: reconfigure::Reconfigure;
    /// The clock of a service is ahead or behind.
    skew_clock: skew_clock::SkewClock;
    /// Some services reach neither the bus nor the others.
    partition: partition::Partition;
    /// Entries do not reach their readers.
    drop: drop::Drop;
    /// Entries reach their readers later.
    delay: delay::Delay;
    /// Entries reach their readers twice.
    duplicate: duplicate::Duplicate;
    /// Entries are overtaken by the next one.
    reorder: reorder::Reorder;
    /// Entries reach their readers damaged.
    corrupt: corrupt::Corrupt;
    /// Calls between services do not arrive.
    drop_call: drop_call::DropCall;
    /// Calls between services arrive later.
    delay_call: delay_call::DelayCall;
    /// No market data reaches the services.
    stale_market: stale_market::StaleMarket;
    /// Prices stand still for the services.
    frozen_market: frozen_market::FrozenMarket;
    /// A share of the market data does not reach the services.
    gapped_market: gapped_market::GappedMarket;
}

fn check_span(name: &str, lasts: Lasts, when: When) -> Result<(), String> {
    match (lasts, when.until) {
        (Lasts::Never, Some(_)) => {
            Err(format!("{name} is of an instant and has no `until`: remove it"))
        }
        (Lasts::Always, None) => Err(format!("{name} lasts and needs `until`: add it")),
        _ => Ok(()),
    }
}

impl TimelineStep {
    /// The first instant at which it does something.
    pub(crate) fn begins(&self, range: (Nanos, Nanos)) -> Result<Nanos, String> {
        Ok(self.when(range)?.from)
    }

    fn when(&self, (from, to): (Nanos, Nanos)) -> Result<When, String> {
        let at = within("at", &self.at, (from, to))?;
        let until = self.until.as_deref().map(|until| instant("until", until, from)).transpose()?;
        match until {
            Some(until) if until <= at => {
                Err(format!("until {until} is not after at {at}: swap or change them"))
            }
            until => Ok(When { from: at, until }),
        }
    }

    fn plan(&self, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        match self.given()[..] {
            [_] => {}
            [] => return Err(format!("it does nothing: give one of {}", ACTIONS.join(", "))),
            [first, second, ..] => {
                return Err(format!(
                    "{first} and {second}: one step does one thing, make two of it"
                ));
            }
        }
        self.plan_action(self.when(setting.range)?, setting, plan)
    }
}

impl Scenario {
    /// What its timeline makes the run do.
    pub(crate) fn timeline_plan(
        &self,
        members: &[Member],
        instruments: &[Instrument],
        range: (Nanos, Nanos),
    ) -> Result<Plan, String> {
        let symbols = self.symbols();
        let services: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let wirings: Vec<Wiring> = members.iter().map(Member::wiring).collect();
        let mut plan = Plan::default();
        for (place, step) in self.timeline.iter().enumerate() {
            let setting = Setting {
                services: &services,
                symbols: &symbols,
                instruments,
                wirings: &wirings,
                range,
                scenario: self,
                place,
            };
            step.plan(&setting, &mut plan)
                .map_err(|problem| format!("[[timeline]] number {}: {problem}", place + 1))?;
        }
        Ok(plan)
    }

    /// Its timeline in sentences, for the assumptions of the run.
    pub(crate) fn timeline_sentences(&self) -> Vec<String> {
        let sentence = |step: &TimelineStep| {
            let until =
                step.until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
            Some(format!("Timeline at {}{until}: {}.", step.at, step.sentence()?))
        };
        self.timeline.iter().filter_map(sentence).collect()
    }
}

impl Setting<'_> {
    /// The service of that name.
    pub(crate) fn service(&self, key: &str, name: &str) -> Result<engine::ServiceId, String> {
        if let Some(place) = self.services.iter().position(|service| service == name) {
            return Ok(engine::ServiceId(place as u16));
        }
        let known: Vec<&str> = self.services.iter().map(String::as_str).collect();
        Err(match nearest(name, &known) {
            Some(near) => format!("{key}: no service {name:?} runs; did you mean {near:?}?"),
            None => {
                format!("{key}: no service {name:?} runs; `qsim pipeline show` lists those that do")
            }
        })
    }
}

impl Setting<'_> {
    /// Whether a reader reads a stream; any of them where it is not named.
    pub(crate) fn reads(&self, stream: Option<&str>, reader: Option<engine::ServiceId>) -> bool {
        self.wirings.iter().enumerate().any(|(place, wiring)| {
            reader.is_none_or(|reader| usize::from(reader.0) == place)
                && wiring.readers.iter().any(|own| stream.is_none_or(|stream| own.stream == stream))
        })
    }

    /// Checks the name of a group of a stream. One that nobody reads by is no mistake if no name is like it.
    pub(crate) fn group(&self, stream: &str, group: &str) -> Result<(), String> {
        let readers = self.wirings.iter().flat_map(|wiring| &wiring.readers);
        let known: Vec<&str> = readers
            .filter(|reader| reader.stream == stream)
            .filter_map(|reader| match &reader.mode {
                ReadMode::Group { group, .. } => Some(group.as_str()),
                ReadMode::Tail { .. } => None,
            })
            .collect();
        match nearest(group, &known) {
            Some(near) if near != group => Err(format!(
                "group: nobody reads {stream} by the group {group:?}; did you mean {near:?}?"
            )),
            _ => Ok(()),
        }
    }

    /// The places of symbols; none for all.
    pub(crate) fn symbols(
        &self,
        key: &str,
        symbols: &[Symbol],
    ) -> Result<Vec<SymbolIndex>, String> {
        let place = |symbol: &Symbol| match self.symbols.iter().position(|own| own == symbol) {
            Some(place) => Ok(SymbolIndex(place as u16)),
            None => {
                let known: Vec<String> = self.symbols.iter().map(Symbol::to_string).collect();
                Err(format!("{key}: {symbol} is not in this run; it has {}", known.join(", ")))
            }
        };
        symbols.iter().map(place).collect()
    }
}

/// Symbols in a sentence.
fn symbol_words(symbols: &[Symbol]) -> String {
    match symbols {
        [] => "all symbols".to_owned(),
        _ => symbols.iter().map(Symbol::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The stream of that name, with or without `quantum:stream:` in front.
pub(crate) fn stream(key: &str, name: &str) -> Result<&'static Stream, String> {
    let found = STREAMS.iter().find(|stream| stream.event == name || stream.name == name);
    found.ok_or_else(|| {
        let known: Vec<&str> = STREAMS.iter().map(|stream| stream.event).collect();
        match nearest(name, &known) {
            Some(near) => format!("{key}: there is no stream {name:?}; did you mean {near:?}?"),
            None => format!(
                "{key}: there is no stream {name:?}; `qsim pipeline contracts` lists all of them"
            ),
        }
    })
}
