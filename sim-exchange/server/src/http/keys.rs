//! The keys of the accounts, and what they sign.

use std::collections::BTreeMap;

use engine::AccountId;

use crate::config::{ApiKey, ServerError};

/// A key that is known.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) account: AccountId,
}

/// All keys, by what `X-MBX-APIKEY` says.
#[derive(Debug, Default)]
pub(crate) struct Keys(BTreeMap<Box<str>, Key>);

impl Keys {
    pub(crate) fn new(keys: &[ApiKey]) -> Result<Keys, ServerError> {
        let known = keys.iter().map(|key| (key.key.as_str().into(), Key { account: key.account }));
        Ok(Keys(known.collect()))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Key> {
        self.0.get(key)
    }
}
