//! Signatures: HMAC-SHA256, RSA (PKCS#1 v1.5 with SHA-256) and Ed25519.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::Sha256;

use super::secret::Secret;

/// What stays as it is in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why a private key is none. Nothing of the key is told.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The PEM cannot be read.
    #[error("the private key is no PKCS#8 PEM (BEGIN PRIVATE KEY)")]
    NotPem,
    /// Neither RSA nor Ed25519.
    #[error("the private key is neither Ed25519 nor RSA of 2048 to 4096 bits")]
    NotSupported,
    /// No HMAC key can be made of it.
    #[error("the secret is no HMAC key")]
    NoHmacKey,
}

/// Signs with the secret of one account.
pub(super) enum Signer {
    Hmac(Box<Hmac<Sha256>>),
    Rsa(Box<RsaKeyPair>, SystemRandom),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signer::Hmac(_) => "Hmac",
            Signer::Rsa(..) => "Rsa",
            Signer::Ed25519(_) => "Ed25519",
        })
    }
}

impl Signer {
    pub(super) fn new(secret: &Secret) -> Result<Signer, SignerError> {
        let text = secret.expose();
        if !text.contains("-----BEGIN") {
            let hmac = Hmac::new_from_slice(text.as_bytes()).map_err(|_| SignerError::NoHmacKey)?;
            return Ok(Signer::Hmac(Box::new(hmac)));
        }
        let key =
            PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| SignerError::NotPem)?;
        let der = key.secret_pkcs8_der();
        // OpenSSL writes the first version of PKCS#8, without the public key.
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Signer::Ed25519(Box::new(pair)));
        }
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| SignerError::NotSupported)?;
        Ok(Signer::Rsa(Box::new(pair), SystemRandom::new()))
    }

    /// Appends the signature of `payload`: hexadecimal digits, or base64. `None` if the system has no
    /// chance left for RSA.
    pub(super) fn sign(&self, payload: &[u8], out: &mut String) -> Option<()> {
        match self {
            Signer::Hmac(hmac) => {
                let mut hmac = hmac.clone();
                hmac.update(payload);
                for byte in hmac.finalize().into_bytes() {
                    const DIGITS: &[u8; 16] = b"0123456789abcdef";
                    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                    out.push(char::from(DIGITS[usize::from(byte & 15)]));
                }
            }
            Signer::Rsa(pair, random) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, payload, &mut signature).ok()?;
                STANDARD.encode_string(signature, out);
            }
            Signer::Ed25519(pair) => STANDARD.encode_string(pair.sign(payload), out),
        }
        Some(())
    }

    /// Appends `&signature=…` over the query as it stands.
    pub(super) fn sign_query(&self, query: &mut String) -> Option<()> {
        let mut signature = String::new();
        self.sign(query.as_bytes(), &mut signature)?;
        query.push_str("&signature=");
        encode_into(&signature, query);
        Some(())
    }
}

/// Appends a value as a query carries it.
pub(super) fn encode_into(value: &str, query: &mut String) {
    query.extend(utf8_percent_encode(value, QUERY));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation's sample key and its query.
    #[test]
    fn the_documentations_sample_is_signed_alike() {
        let secret =
            Secret::new("2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9");
        let signer = Signer::new(&secret).unwrap();
        let mut query = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943".to_owned();
        signer.sign_query(&mut query).unwrap();
        let signature = query.split_once("&signature=").unwrap().1;
        assert_eq!(signature, "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9");
    }

    /// The first test vector of RFC 8032 has an empty message; this is its second, with one byte.
    #[test]
    fn ed25519_is_the_rfcs() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5bQhCH2nbkVNluKfXXs7B+n47gTHMcxN9D7\n-----END PRIVATE KEY-----\n";
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
                .collect()
        };
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let mut der = hex("302e020100300506032b657004220420");
        der.extend(seed);
        let made = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(&der)
        );
        assert!(Signer::new(&Secret::new(pem)).is_ok());
        let mut signature = String::new();
        Signer::new(&Secret::new(&made)).unwrap().sign(&[0x72], &mut signature).unwrap();
        let expected = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(signature, STANDARD.encode(expected));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let pem = Secret::new("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----");
        let error = Signer::new(&pem).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn a_query_carries_what_a_client_id_may_hold() {
        let mut query = String::new();
        encode_into("a:b/c-1.x_Y~+=", &mut query);
        assert_eq!(query, "a%3Ab%2Fc-1.x_Y~%2B%3D");
    }
}
