//! Identities as hexadecimal digits of a digest.

use std::fmt::Write;

/// All digits, in lower case.
#[must_use]
pub fn all(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first 16 digits.
#[must_use]
pub fn first_16(digest: &[u8]) -> String {
    all(&digest[..digest.len().min(8)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(all(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(first_16(&[0xab; 9]), "abababababababab");
        assert_eq!(first_16(&[1]), "01");
    }
}
