//! A bound on what an archive may unpack to: a zip bomb is refused by name, long before it has filled
//! anybody's disk or patience.

use std::fmt;
use std::io::{self, Read};

/// No csv and no stream of market data is so uniform that it packs better.
const RATIO_MAX: u64 = 200;
/// Small files may: a few kilobytes of equal lines are no attack.
const FREE_BYTES: u64 = 64 << 20;

/// What a reader answers in place of more bytes.
#[derive(Debug)]
struct Bomb {
    packed: u64,
    unpacked: u64,
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bomb { packed, unpacked } = self;
        write!(
            f,
            "{packed} packed bytes unpack to more than {unpacked}, over {RATIO_MAX} times as many: it \
             looks like a zip bomb, and nothing of it was imported; if you trust it, unpack it yourself \
             and import what comes out"
        )
    }
}

impl std::error::Error for Bomb {}

/// Counts what really comes out; what a header says of it is nobody's word.
pub(super) struct Guarded<R> {
    inner: R,
    packed: u64,
    unpacked: u64,
}

impl<R> Guarded<R> {
    /// Guards `inner`, which unpacks so many bytes.
    pub fn new(inner: R, packed: u64) -> Guarded<R> {
        Guarded { inner, packed, unpacked: 0 }
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(out)?;
        self.unpacked += length as u64;
        let is_bomb =
            self.unpacked > FREE_BYTES && self.unpacked > self.packed.saturating_mul(RATIO_MAX);
        if is_bomb {
            let Guarded { packed, unpacked, .. } = *self;
            return Err(io::Error::other(Bomb { packed, unpacked }));
        }
        Ok(length)
    }
}

/// The refusal, if it is the guard's error.
pub(super) fn told(error: &io::Error) -> Option<String> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Bomb>()).map(Bomb::to_string)
}
