//! A hash map that cannot be iterated, so that its order can reach nothing.

use std::hash::Hash;

use rustc_hash::FxBuildHasher;

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
