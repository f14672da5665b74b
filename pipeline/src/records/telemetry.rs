//! Who watches the pipeline, and what was found.

use engine::{EpochSeconds, JsonText};
use serde_json::Value as Json;
use std::borrow::Cow;

use super::words::words;

words! {
    /// What is wrong, or is so no longer.
    pub enum AlarmKind {
        /// A group has more pending entries than it can have by accident.
        Pending = "pending",
        /// Entries were trimmed before a group read them.
        Loss = "loss",
        /// A service gets inputs and writes nothing.
        Idle = "idle",
        /// A service is down, or does not handle what waits for it.
        Stale = "stale",
    }

    /// What does not keep a contract.
    pub enum FindingKind {
        /// An entry in another envelope.
        Envelope = "envelope",
        /// An entry or a key that is no such record.
        Fields = "fields",
        /// A stream that is longer than it may be.
        Length = "maxlen",
        /// A group that a service of this run reads with is not there.
        Group = "group_missing",
        /// The newest entry is too old.
        Age = "newest_entry_age",
        /// Several services write it.
        Producers = "several_producers",
        /// A key of another type.
        Type = "wrong_type",
        /// A key that should die and does not, or not in time.
        Life = "ttl",
    }
}

engine::record! {
    /// quantum:heartbeat:{service} and stream heartbeat: a service every minute.
    pub struct Heartbeat {
        /// Which.
        pub service: String = "service",
        /// It has started and not crashed since.
        pub alive: bool = "alive",
        /// What it handled since the run began.
        pub inputs: u64 = "inputs",
        /// What it wrote since the run began.
        pub outputs: u64 = "outputs",
        /// Entries that wait for it.
        pub waiting: u64 = "waiting",
        /// It gets inputs and writes nothing.
        pub idle: bool = "idle",
        /// It is down, or does not handle what waits for it.
        pub stale: bool = "stale",
        /// When it handled anything last.
        pub last_seen: EpochSeconds = "last_seen",
        /// Of the build.
        pub revision: Cow<'static, str> = "revision",
        /// When this was written.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:telemetry:group:{group}: how far a group of a stream is behind.
    pub struct GroupLag {
        /// Which stream.
        pub stream: Cow<'static, str> = "stream",
        /// Its name.
        pub group: String = "group",
        /// Entries added and not read; absent when nobody can know.
        pub lag: Option<u64> = "lag",
        /// Of them still in the stream.
        pub backlog: u64 = "backlog",
        /// Of them trimmed away.
        pub loss: u64 = "loss",
        /// Delivered and not acknowledged.
        pub pending: u64 = "pending",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// telemetry.alarms: an alarm begins or ends.
    pub struct TelemetryAlarm {
        /// Of what.
        pub alarm: AlarmKind = "alarm",
        /// Which service, or stream and group.
        pub subject: String = "subject",
        /// It begins.
        pub active: bool = "active",
        /// What was measured.
        pub value: f64 = "value",
        /// What is allowed.
        pub limit: f64 = "limit",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// contract.findings.
    pub struct ContractFinding {
        /// Of what.
        pub finding: FindingKind = "finding",
        /// Which stream or key.
        pub subject: String = "subject",
        /// In words.
        pub detail: String = "detail",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:contract:last: the last check of all contracts.
    pub struct ContractCheckResult {
        /// Streams that were looked at.
        pub streams: u64 = "streams",
        /// Entries of them that were read.
        pub entries: u64 = "entries",
        /// Keys that were looked at.
        pub keys: u64 = "keys",
        /// What does not keep its contract.
        pub findings: u64 = "findings",
        /// 0 all is well, 1 something does not keep its contract, 2 nothing could be looked at.
        pub exit_code: u32 = "exit_code",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:dashboard: all that the dashboard's GETs show, as JSON. There are no POSTs: control is off.
    pub struct Dashboard {
        /// The whole book; null while nobody knows.
        pub portfolio_status: JsonText<Json> = "portfolio_status",
        /// Open positions.
        pub portfolio_positions: JsonText<Json> = "portfolio_positions",
        /// The last decisions of the engine, newest first.
        pub ai_predictions: JsonText<Json> = "ai_predictions",
        /// Equity, the day's profit, losses in a row, switches, recovery mode.
        pub risk_metrics: JsonText<Json> = "risk_metrics",
        /// Every service's heartbeat.
        pub system_health: JsonText<Json> = "system_health",
        /// Length and age of every stream.
        pub stream_health: JsonText<Json> = "stream_health",
        /// The last round trips, newest first.
        pub trades: JsonText<Json> = "trades",
        /// The last events of reconciliation, alarms and emergency stop, newest first.
        pub events_feed: JsonText<Json> = "events_feed",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }
}
