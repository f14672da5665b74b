//! The seal of a reconcile close: HMAC-SHA256 with a configured secret. There is no default secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reconcile secret is empty: configure one, the engine does not start without it")]
pub struct NoSecret;

/// The secret that signs and checks.
#[derive(Clone)]
pub struct CloseSecret(Hmac<Sha256>);

impl std::fmt::Debug for CloseSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CloseSecret(..)")
    }
}

impl CloseSecret {
    /// Takes a configured secret.
    ///
    /// # Errors
    /// [`NoSecret`] for an empty one.
    pub fn new(secret: &str) -> Result<CloseSecret, NoSecret> {
        if secret.trim().is_empty() {
            return Err(NoSecret);
        }
        // Any length will do, so that this refuses nothing else.
        Hmac::new_from_slice(secret.as_bytes()).map(CloseSecret).map_err(|_| NoSecret)
    }

    /// The seal of a payload, 64 hexadecimal digits.
    #[must_use]
    pub fn sign(&self, payload: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(payload.as_bytes());
        crate::hex::all(&mac.finalize().into_bytes())
    }

    /// Whether a seal is that of a payload; takes the same time wherever they differ.
    #[must_use]
    pub fn verify(&self, payload: &str, seal: &str) -> bool {
        let Some(bytes) = from_hex(seal) else { return false };
        let mut mac = self.0.clone();
        mac.update(payload.as_bytes());
        mac.verify_slice(&bytes).is_ok()
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?)).collect()
}

/// What is sealed. Numbers are texts as they stand in the record, so that both sides seal the same.
#[must_use]
pub fn hmac_payload(plan_id: &str, symbol: &str, qty: &str, ts: &str, signature: &str) -> String {
    format!("{plan_id}|{symbol}|{qty}|{ts}|{signature}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_fits_its_payload_and_secret_only() {
        let secret = CloseSecret::new("one").expect("a secret");
        let payload = hmac_payload("p", "BTCUSDT", "0.06", "1", "s");
        let seal = secret.sign(&payload);
        assert!(secret.verify(&payload, &seal));
        assert!(!secret.verify("p|BTCUSDT|0.07|1|s", &seal));
        assert!(!CloseSecret::new("two").expect("a secret").verify(&payload, &seal));
        for broken in ["", "zz", &seal[1..], &seal[2..], "é"] {
            assert!(!secret.verify(&payload, broken), "{broken}");
        }
        assert_eq!(CloseSecret::new(" ").map(drop), Err(NoSecret));
        assert_eq!(format!("{secret:?}"), "CloseSecret(..)");
    }
}
