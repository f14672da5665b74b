//! Listen keys: one for an account, alive for an hour after it was asked for or kept alive.

use engine::{AccountId, Nanos};
use ring::rand::{SecureRandom, SystemRandom};

use super::Venue;
use super::books::ListenKey;
use crate::shapes::{events, json};

/// How long a key lives.
const LIFE: Nanos = Nanos::from_secs(60 * 60);
/// Its length.
const LENGTH: usize = 64;

impl Venue {
    /// The key of an account: the one that is alive, or a new one. Its life begins anew.
    pub(crate) fn listen_key(&mut self, account: AccountId) -> Option<Box<str>> {
        self.keep_listen_key(account).or_else(|| {
            let expires = self.now.saturating_add(LIFE);
            let book = self.books.get_mut(usize::from(account.0))?;
            let key = fresh();
            book.listen_key = Some(ListenKey { key: key.clone(), expires });
            self.keys_due = self.keys_due.min(expires);
            Some(key)
        })
    }

    /// The key that is alive, for an hour more; none where there is none.
    pub(crate) fn keep_listen_key(&mut self, account: AccountId) -> Option<Box<str>> {
        let expires = self.now.saturating_add(LIFE);
        let key = self.books.get_mut(usize::from(account.0))?.listen_key.as_mut()?;
        key.expires = expires;
        Some(key.key.clone())
    }

    /// Ends the key of an account; says whether there was one.
    pub(crate) fn end_listen_key(&mut self, account: AccountId) -> bool {
        let book = self.books.get_mut(usize::from(account.0));
        book.is_some_and(|book| book.listen_key.take().is_some())
    }

    /// Ends the key of an account and tells its streams; says whether there was one.
    pub(crate) fn expire_listen_key(&mut self, account: AccountId) -> bool {
        let book = self.books.get_mut(usize::from(account.0));
        let Some(ListenKey { key, .. }) = book.and_then(|book| book.listen_key.take()) else {
            return false;
        };
        self.publish(&key, &json(&events::key_expired(&key, self.now)));
        true
    }

    /// Ends the keys whose time is over.
    pub(super) fn expire_listen_keys(&mut self) {
        if self.keys_due > self.now {
            return;
        }
        let mut next = Nanos::NEVER;
        for number in 0..self.books.len() {
            let Some(key) = &self.books[number].listen_key else { continue };
            if key.expires <= self.now {
                self.expire_listen_key(AccountId(number as u16));
            } else {
                next = next.min(key.expires);
            }
        }
        self.keys_due = next;
    }
}

/// 64 letters and digits that nobody guesses.
fn fresh() -> Box<str> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0u8; LENGTH];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // Then it can be guessed, which matters to nobody on a simulated venue.
        bytes.iter_mut().zip(0u8..).for_each(|(byte, n)| *byte = n);
    }
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
