//! [`Slab`]: rows with keys that do not come back.

use alloc::vec::Vec;

/// The key of a row: one that has gone never stands for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

pub(crate) struct Slab<T> {
    rows: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            rows: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        if let Some(index) = self.free.pop() {
            let row = &mut self.rows[index as usize];
            row.1 = Some(value);
            return Key {
                index,
                generation: row.0,
            };
        }
        self.rows.push((0, Some(value)));
        Key {
            index: self.rows.len() as u32 - 1,
            generation: 0,
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let row = self.rows.get(key.index as usize)?;
        row.1.as_ref().filter(|_| row.0 == key.generation)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let row = self.rows.get_mut(key.index as usize)?;
        row.1.as_mut().filter(|_| row.0 == key.generation)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let row = self.rows.get_mut(key.index as usize)?;
        if row.0 != key.generation {
            return None;
        }
        let value = row.1.take()?;
        row.0 = row.0.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_has_gone_stands_for_nothing() {
        let mut slab = Slab::new();
        let one = slab.insert('a');
        assert_eq!(slab.remove(one), Some('a'));
        let other = slab.insert('b');
        assert_ne!(one, other);
        assert_eq!((slab.get(one), slab.get(other)), (None, Some(&'b')));
        assert_eq!(slab.remove(one), None);
    }
}
