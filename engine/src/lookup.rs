//! A hash map that cannot be iterated, so that its order can reach nothing.

use std::hash::Hash;

use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Key to value. `get`, `insert` and `remove` only: no `iter`, on purpose.
#[allow(clippy::disallowed_types)] // The one place: it is wrapped so that nobody can iterate it.
#[derive(Clone, Debug)]
pub struct Lookup<K, V>(std::collections::HashMap<K, V, FxBuildHasher>);

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Lookup(Default::default())
    }
}

impl<K: Hash + Eq, V> Lookup<K, V> {
    /// The value of `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get(key)
    }

    /// The value of `key`, to change it.
    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    /// Sets the value of `key` and gives the old one back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes the value of `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As pairs in the order of their keys: the same bytes, however the map came about.
impl<K: Serialize + Ord, V: Serialize> Serialize for Lookup<K, V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut pairs: Vec<(&K, &V)> = self.0.iter().collect();
        pairs.sort_by_key(|pair| pair.0);
        pairs.serialize(to)
    }
}

impl<'de, K: Deserialize<'de> + Hash + Eq, V: Deserialize<'de>> Deserialize<'de> for Lookup<K, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(K, V)>::deserialize(from)?;
        Ok(Lookup(pairs.into_iter().collect()))
    }
}
