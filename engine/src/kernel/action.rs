//! What a scenario does to a run at set times.

use crate::faults::{CallFault, LinkFault, MarketFault, OnCall, OnLink, OnMarket};
use crate::{AccountId, Body, Leg, Member, Nanos, Request, ServiceId};

/// How a supervisor starts a service again that has died, as systemd does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervision {
    /// RestartSec: from the death to the next start.
    pub restart_after: Nanos,
    /// StartLimitBurst: so many starts at most, the first one included.
    pub starts_max: u32,
    /// StartLimitIntervalSec: within this time.
    pub interval: Nanos,
}

impl Default for Supervision {
    /// systemd's own values.
    fn default() -> Supervision {
        Supervision {
            restart_after: Nanos::from_millis(100),
            starts_max: 5,
            interval: Nanos::from_secs(10),
        }
    }
}

/// When a service of a crash-loop dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dies {
    /// So long after each start.
    After(Nanos),
    /// At the first message of a stream that it gets after each start; the message stays pending.
    AtMessage(String),
}

/// Something that the scenario does to the run at a set time. What lasts ends at `until`, or with the run
/// if that is [`Nanos::NEVER`].
#[derive(Clone, Debug)]
pub enum Action {
    /// The service loses its memory and handles nothing.
    Crash(ServiceId),
    /// It starts again, from its first state; the bus is as it was left. What a supervisor had given up
    /// counts as new.
    Restart(ServiceId),
    /// An entry appears in a stream.
    Publish {
        /// Which stream.
        stream: String,
        /// The entry.
        body: Body,
    },
    /// Somebody who is no service asks the exchange for something with an account's key: its answer goes
    /// to nobody, and what the user stream tells of it to all services of the account.
    Submit {
        /// Whose key.
        account: AccountId,
        /// What is asked.
        request: Request,
    },
    /// Somebody sends the bus a command of Redis, given by its words. Readers of an entry that it adds hear
    /// of it; its reply stands in the journal.
    Command(Vec<Vec<u8>>),
    /// No service reaches the bus.
    LoseBus {
        /// The end.
        until: Nanos,
    },
    /// These services reach neither the bus nor the others.
    Partition {
        /// Who.
        services: Vec<ServiceId>,
        /// Nor the exchange: requests end unknown, its events are lost.
        exchange: bool,
        /// The end.
        until: Nanos,
    },
    /// The service handles nothing; what comes waits.
    Hang {
        /// Who.
        service: ServiceId,
        /// The end.
        until: Nanos,
    },
    /// The service thinks longer about everything: so many times as long, and so much more.
    Slow {
        /// Who.
        service: ServiceId,
        /// Of its own thinking time.
        factor: f64,
        /// Added to it.
        more: Nanos,
        /// The end.
        until: Nanos,
    },
    /// From now on a supervisor starts the service again when it has died.
    Supervise {
        /// Who.
        service: ServiceId,
        /// How.
        rules: Supervision,
    },
    /// The service dies after each start; a supervisor, if it has none of its own, starts it again.
    CrashLoop {
        /// Who.
        service: ServiceId,
        /// When.
        dies: Dies,
        /// The supervisor's rules, if there is none yet.
        rules: Supervision,
        /// The end.
        until: Nanos,
    },
    /// Others have written into these streams of the bus: their readers look.
    Arrived(Vec<String>),
    /// The operator of a live session did something that only the journal has to know.
    Operator(String),
    /// At its next start the service is this one: another configuration, or another version.
    Replace {
        /// Who.
        service: ServiceId,
        /// The other; its name does not count.
        by: Box<Member>,
    },
    /// The service's clock is ahead of the true one (behind it, if negative).
    SkewClock {
        /// Who.
        service: ServiceId,
        /// By how much.
        ahead: Nanos,
        /// The end.
        until: Nanos,
    },
    /// A link between streams and readers is faulty.
    Link {
        /// Which, and how.
        fault: LinkFault,
        /// The end.
        until: Nanos,
    },
    /// Calls between services go wrong.
    Calls {
        /// Which, and how.
        fault: CallFault,
        /// The end.
        until: Nanos,
    },
    /// Market data does not reach the services as it is.
    Market {
        /// Whose, and how.
        fault: MarketFault,
        /// The end.
        until: Nanos,
    },
}

impl Action {
    /// When it ends, if it lasts and ends before the run does.
    pub(super) fn until(&self) -> Option<Nanos> {
        let until = match self {
            Action::LoseBus { until }
            | Action::Partition { until, .. }
            | Action::Hang { until, .. }
            | Action::Slow { until, .. }
            | Action::CrashLoop { until, .. }
            | Action::SkewClock { until, .. }
            | Action::Link { until, .. }
            | Action::Calls { until, .. }
            | Action::Market { until, .. } => *until,
            Action::Crash(_)
            | Action::Restart(_)
            | Action::Publish { .. }
            | Action::Submit { .. }
            | Action::Command(_)
            | Action::Supervise { .. }
            | Action::Arrived(_)
            | Action::Operator(_)
            | Action::Replace { .. } => return None,
        };
        (until != Nanos::NEVER).then_some(until)
    }

    /// What the journal says of it.
    pub(super) fn text(&self, names: &[String]) -> String {
        let name = |service: &ServiceId| {
            names.get(usize::from(service.0)).map_or("nobody", String::as_str)
        };
        let any = |service: &Option<ServiceId>| service.as_ref().map_or("every service", name);
        match self {
            Action::Crash(service) => format!("crash of {}", name(service)),
            Action::Restart(service) => format!("restart of {}", name(service)),
            Action::Publish { stream, .. } => format!("publish to {stream}"),
            Action::Submit { account, .. } => {
                format!("request of account {} by hand", account.0)
            }
            Action::Command(words) => {
                let words: Vec<_> =
                    words.iter().map(|word| String::from_utf8_lossy(word)).collect();
                format!("command {}", words.join(" "))
            }
            Action::LoseBus { .. } => "loss of the bus".to_owned(),
            Action::Partition { services, exchange, .. } => {
                let services: Vec<&str> = services.iter().map(name).collect();
                let off = if *exchange { " and exchange" } else { "" };
                format!("partition of {} from bus, calls{off}", services.join(", "))
            }
            Action::Hang { service, .. } => format!("hang of {}", name(service)),
            Action::Slow { service, factor, more, .. } => {
                format!("slowness of {}: {factor} times and {} ns more", name(service), more.0)
            }
            Action::Supervise { service, .. } => format!("supervision of {}", name(service)),
            Action::CrashLoop { service, dies, .. } => match dies {
                Dies::After(span) => {
                    format!("crash-loop of {}: {} ns after each start", name(service), span.0)
                }
                Dies::AtMessage(stream) => {
                    format!("crash-loop of {}: at each message of {stream}", name(service))
                }
            },
            Action::Operator(text) => text.clone(),
            Action::Arrived(streams) => format!("arrived {}", streams.join(" ")),
            Action::Replace { service, .. } => {
                format!("{} is another one from its next start on", name(service))
            }
            Action::SkewClock { service, ahead, .. } => {
                format!("clock of {} ahead by {} ns", name(service), ahead.0)
            }
            Action::Link { fault, .. } => {
                let what = match fault.what {
                    OnLink::Drop => "dropped",
                    OnLink::Delay(_) => "delayed",
                    OnLink::Duplicate => "duplicated",
                    OnLink::Reorder(_) => "reordered",
                    OnLink::Corrupt(_) => "corrupted",
                };
                let stream = fault.stream.as_deref().unwrap_or("every stream");
                format!("deliveries of {stream} to {} {what}", any(&fault.reader))
            }
            Action::Calls { fault, .. } => {
                let what = match fault.what {
                    OnCall::Drop => "dropped",
                    OnCall::Delay(_) => "delayed",
                };
                let leg = match fault.leg {
                    Leg::Request => "calls",
                    Leg::Answer => "answers to calls",
                };
                format!("{leg} from {} to {} {what}", any(&fault.from), any(&fault.to))
            }
            Action::Market { fault, .. } => {
                let what = match fault.what {
                    OnMarket::Stale => "stale",
                    OnMarket::Frozen => "frozen",
                    OnMarket::Gapped(_) => "gapped",
                };
                format!("market data {what}")
            }
        }
    }
}
