//! Identities as hexadecimal digits of a digest.

use std::fmt::Write;

/// All digits, in lower case.
pub(crate) fn all(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first 16 digits.
pub(crate) fn first_16(digest: &[u8]) -> String {
    all(&digest[..digest.len().min(8)])
}
