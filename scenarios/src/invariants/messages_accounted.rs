//! Every message of a group was handled, is pending, or lies with the dead letters. What a group has read and not
//! acknowledged is pending by Redis' own rules; what was cut off a stream before the group read it is lost.

use pipeline::streams::STREAMS;

use super::{Invariant, Kinds, violated};
use crate::expect::{Failure, Run, World};

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct MessagesAccounted;

const NAME: &str = "messages_accounted";

impl Invariant for MessagesAccounted {
    fn hears(&self) -> Kinds {
        Kinds::NONE
    }

    fn end(&mut self, kernel: &mut Run, _: &World) -> Option<Failure> {
        let now = kernel.now();
        for stream in STREAMS {
            let bus = kernel.bus_mut();
            let mut oldest = Vec::new();
            let (low, high) = (engine::EntryId::ZERO, engine::EntryId::MAX);
            let _ = bus.xrange(now, stream.name, low, high, 1, &mut oldest);
            let oldest = oldest.pop().map_or(high, |oldest| oldest.id);
            for group in bus.xinfo_groups(now, stream.name).unwrap_or_default() {
                // Redis knows no lag where entries behind the group's position are gone.
                let (Some(lag), true) = (group.lag, group.last_delivered < oldest) else {
                    continue;
                };
                let mut unread = Vec::new();
                let _ = bus.xrange(now, stream.name, oldest, high, usize::MAX, &mut unread);
                let lost = lag.saturating_sub(unread.len() as u64);
                if lost > 0 {
                    let found = format!(
                        "{lost} entries of {} were cut off before group {} had read them",
                        stream.name, group.name
                    );
                    return Some(violated(NAME, None, found));
                }
            }
        }
        None
    }
}
