//! Market events that the feed has given and the kernel goes through.

use std::ops::Deref;
use std::sync::Arc;

use crate::{Feed, FeedError, MarketEvent};

/// A batch of the feed's: copied for this kernel, or where the feed keeps it for many.
#[derive(Clone)]
pub(super) enum Batch {
    Own(Vec<MarketEvent>),
    Kept(Arc<[MarketEvent]>),
}

impl Batch {
    /// The feed's next one, in the room of this one where it has to be copied.
    pub(super) fn refill(&mut self, feed: &mut impl Feed) -> Result<(), FeedError> {
        if let Some(kept) = feed.kept_batch() {
            *self = Batch::Kept(kept);
            return Ok(());
        }
        let mut room = match self {
            Batch::Own(room) => std::mem::take(room),
            Batch::Kept(_) => Vec::new(),
        };
        let read = feed.next_batch(&mut room);
        *self = Batch::Own(room);
        read
    }
}

impl Default for Batch {
    fn default() -> Batch {
        Batch::Own(Vec::new())
    }
}

impl Deref for Batch {
    type Target = [MarketEvent];

    #[inline]
    fn deref(&self) -> &[MarketEvent] {
        match self {
            Batch::Own(events) => events,
            Batch::Kept(events) => events,
        }
    }
}
