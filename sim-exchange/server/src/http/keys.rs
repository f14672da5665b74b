//! The keys of the accounts, and what they sign.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::AccountId;
use ring::{hmac, signature};

use crate::config::{ApiKey, KeySecret, ServerError};

/// How a signature is checked.
enum Verifier {
    Hmac(hmac::Key),
    /// The RSA key as PKCS #1 has it.
    Rsa(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key that is known.
pub(crate) struct Key {
    pub(crate) account: AccountId,
    verifier: Verifier,
}

impl std::fmt::Debug for Key {
    /// Secrets are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Key {
    /// Whether `sent` signs the pieces, taken as one text. HMAC is hexadecimal in any case, the others are
    /// base64.
    pub(crate) fn signs(&self, pieces: &[&str], sent: &str) -> bool {
        match &self.verifier {
            Verifier::Hmac(key) => {
                let Some(sent) = hex(sent) else { return false };
                let mut context = hmac::Context::with_key(key);
                pieces.iter().for_each(|piece| context.update(piece.as_bytes()));
                let own = context.sign();
                own.as_ref().len() == sent.len()
                    && own.as_ref().iter().zip(&sent).fold(0, |unlike, (a, b)| unlike | (a ^ b))
                        == 0
            }
            Verifier::Rsa(key) => {
                let key =
                    signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key);
                public(key, pieces, sent)
            }
            Verifier::Ed25519(key) => {
                public(signature::UnparsedPublicKey::new(&signature::ED25519, key), pieces, sent)
            }
        }
    }

    /// What it signs with, as Binance names it.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.verifier {
            Verifier::Hmac(_) => "HMAC_SHA256",
            Verifier::Rsa(_) => "RSA",
            Verifier::Ed25519(_) => "Ed25519",
        }
    }

    /// Only such a key may log a session on.
    pub(crate) fn is_ed25519(&self) -> bool {
        matches!(self.verifier, Verifier::Ed25519(_))
    }
}

fn public(key: signature::UnparsedPublicKey<&Vec<u8>>, pieces: &[&str], sent: &str) -> bool {
    // A plus that was not encoded has become a blank.
    let sent = sent.replace(' ', "+");
    let Ok(sent) = STANDARD.decode(sent) else { return false };
    key.verify(pieces.concat().as_bytes(), &sent).is_ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// All keys, by what `X-MBX-APIKEY` says.
#[derive(Debug, Default)]
pub(crate) struct Keys(BTreeMap<Box<str>, Key>);

impl Keys {
    pub(crate) fn new(keys: &[ApiKey], accounts: usize) -> Result<Keys, ServerError> {
        let mut known = BTreeMap::new();
        for (number, stated) in (1..).zip(keys) {
            let bad = |problem: String| ServerError::Key { number, problem };
            let ApiKey { key, account, secret } = stated;
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(bad("it has to be letters and digits".to_owned()));
            }
            if usize::from(account.0) >= accounts {
                return Err(bad(format!("there are {accounts} accounts, numbered from 0")));
            }
            let verifier = match secret {
                KeySecret::Hmac(secret) if secret.is_empty() => {
                    return Err(bad("its secret is empty".to_owned()));
                }
                KeySecret::Hmac(secret) => {
                    Verifier::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
                }
                KeySecret::PublicKeyPem(pem) => public_key(pem).map_err(bad)?,
            };
            let entry = Key { account: *account, verifier };
            if known.insert(key.as_str().into(), entry).is_some() {
                return Err(bad("it stands twice".to_owned()));
            }
        }
        Ok(Keys(known))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Key> {
        self.0.get(key)
    }
}

/// The key of a PEM block `PUBLIC KEY`: SubjectPublicKeyInfo of RSA or Ed25519.
fn public_key(pem: &str) -> Result<Verifier, String> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    let inside = pem
        .split_once("-----BEGIN PUBLIC KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
        .map(|(inside, _)| inside)
        .ok_or("it is no PEM block of a PUBLIC KEY")?;
    let text: String = inside.split_whitespace().collect();
    let der = STANDARD.decode(text).map_err(|e| format!("its PEM block is no base64: {e}"))?;
    let odd = || "its PEM block holds no public key".to_owned();
    // SEQUENCE { SEQUENCE { OID, .. }, BIT STRING }
    let (whole, _) = element(&der, 0x30).ok_or_else(odd)?;
    let (algorithm, rest) = element(whole, 0x30).ok_or_else(odd)?;
    let (oid, _) = element(algorithm, 0x06).ok_or_else(odd)?;
    let (bits, _) = element(rest, 0x03).ok_or_else(odd)?;
    let key = bits.strip_prefix(&[0]).ok_or_else(odd)?.to_vec();
    match oid {
        RSA => Ok(Verifier::Rsa(key)),
        ED25519 if key.len() == 32 => Ok(Verifier::Ed25519(key)),
        _ => Err("it is neither an RSA nor an Ed25519 key".to_owned()),
    }
}

/// The contents of the DER element with this tag at the beginning, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*length & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}

/// A raw query or body without its `signature`: what comes before and what comes after.
pub(crate) fn unsigned(text: &str) -> [&str; 2] {
    let mut start = 0;
    for piece in text.split('&') {
        let end = start + piece.len();
        if piece.starts_with("signature=") {
            return match start {
                0 => ["", text.get(end + 1..).unwrap_or("")],
                _ => [&text[..start - 1], &text[end..]],
            };
        }
        start = end + 1;
    }
    [text, ""]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83";
    const SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

    /// The documentation's sample key and its three examples: in the query, in the body, and in both; the
    /// last with the page's stray blank (facts, section 1).
    #[test]
    fn the_published_sample_key_signs_the_published_examples() {
        let keys = Keys::new(&[ApiKey::hmac(KEY, SECRET, AccountId(0))], 1).unwrap();
        let key = keys.get(KEY).unwrap();
        let all = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943";
        let signature = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9";
        assert!(key.signs(&[all], signature));
        assert!(key.signs(&[all], &signature.to_uppercase()), "hexadecimal digits in any case");
        assert!(!key.signs(&[all, "&"], signature));
        let (query, body) = (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
            "quantity=1&price=9000&recvWindow=5000&timestamp= 1591702613943",
        );
        let mixed = "f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2";
        assert!(key.signs(&[query, body], mixed), "no & between query and body");
        assert!(!key.signs(&[query, "&", body], mixed));
    }

    #[test]
    fn the_signature_is_taken_out_wherever_it_stands() {
        for (text, before, after) in [
            ("a=1&signature=x", "a=1", ""),
            ("a=1&signature=x&b=2", "a=1", "&b=2"),
            ("signature=x&b=2", "", "b=2"),
            ("signature=x", "", ""),
            ("a=1&xsignature=2", "a=1&xsignature=2", ""),
            ("", "", ""),
        ] {
            assert_eq!(unsigned(text), [before, after], "{text}");
        }
    }

    #[test]
    fn bad_keys_are_refused_without_showing_them() {
        let pem = |text: &str| ApiKey {
            key: "k".to_owned(),
            account: AccountId(0),
            secret: KeySecret::PublicKeyPem(text.to_owned()),
        };
        for key in [
            ApiKey::hmac("", "s", AccountId(0)),
            ApiKey::hmac("k", "", AccountId(0)),
            ApiKey::hmac("k", "topsecret", AccountId(1)),
            pem("topsecret"),
            pem("-----BEGIN PUBLIC KEY-----\ntopsecret!\n-----END PUBLIC KEY-----"),
            pem("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----"),
        ] {
            let error = Keys::new(std::slice::from_ref(&key), 1).unwrap_err().to_string();
            assert!(!error.contains("topsecret"), "{error}");
            assert!(!format!("{key:?}").contains("topsecret"));
        }
    }
}
