//! Whether the streams are read: backlogs, losses, and what becomes of entries that nobody acknowledged.

mod backlog;
mod recovery;

pub use backlog::{Backlog, PENDING_ALARM, backlog};
pub use recovery::{
    CLAIM_IDLE_MIN, CONSUMER_IDLE_MAX, DELIVERIES_MAX, PendingStep, forget_consumer, pending_step,
};
