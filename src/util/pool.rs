//! Reusable things that are dear to make: taken from a pool, returned to it when dropped.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Holds idle values by key. Shared by all threads.
pub struct Pool<K, T> {
    idle: Mutex<Vec<(K, T)>>,
}

impl<K: Copy + PartialEq, T> Pool<K, T> {
    /// An empty pool.
    pub const fn new() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }

    /// An idle value made for `key`, or a new one.
    ///
    /// # Errors
    /// What `make` returns.
    pub fn get_or_make<E>(&self, key: K, make: impl FnOnce() -> Result<T, E>) -> Result<Loan<'_, K, T>, E> {
        let found = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let position = idle.iter().rposition(|(other, _)| *other == key);
            position.map(|position| idle.swap_remove(position).1)
        };
        let value = match found {
            Some(value) => value,
            None => make()?,
        };
        Ok(Loan { pool: self, key, value: Some(value) })
    }
}

impl<K: Copy + PartialEq, T: Default> Pool<K, T> {
    /// An idle value made for `key`, or the default one.
    pub fn get_or_default(&self, key: K) -> Loan<'_, K, T> {
        let made: Result<_, std::convert::Infallible> = self.get_or_make(key, || Ok(T::default()));
        match made {
            Ok(loan) => loan,
            Err(never) => match never {},
        }
    }
}

impl<K: Copy + PartialEq, T> Default for Pool<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, T> std::fmt::Debug for Pool<K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

/// A value on loan.
pub struct Loan<'a, K: Copy + PartialEq, T> {
    pool: &'a Pool<K, T>,
    key: K,
    value: Option<T>,
}

impl<K: Copy + PartialEq, T> Deref for Loan<'_, K, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("the value is there until drop")
    }
}

impl<K: Copy + PartialEq, T> DerefMut for Loan<'_, K, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("the value is there until drop")
    }
}

impl<K: Copy + PartialEq, T> Drop for Loan<'_, K, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push((self.key, value));
        }
    }
}

impl<K: Copy + PartialEq, T> std::fmt::Debug for Loan<'_, K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loan")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_under_their_key() {
        let pool = Pool::<u32, Vec<u8>>::new();
        let mut made = 0;
        for key in [1, 1, 2, 1, 2] {
            let mut value = pool
                .get_or_make(key, || {
                    made += 1;
                    Ok::<_, ()>(vec![key as u8])
                })
                .unwrap();
            assert_eq!(value[0], key as u8);
            value.push(0);
        }
        assert_eq!(made, 2);
    }
}
