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

    /// All rows, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let rows = (0..).zip(&self.rows);
        rows.filter_map(|(index, (generation, row))| {
            let generation = *generation;
            Some((Key { index, generation }, row.as_ref()?))
        })
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

/// Rows that are known by their place, each to one only, who takes what is there once. They are as small as can be.
pub(crate) struct Rows<T> {
    rows: Vec<Row<T>>,
    /// The first of those that are free.
    free: u32,
}

enum Row<T> {
    Taken(T),
    /// The next of those that are free; the number of rows or more if there is none.
    Free(u32),
}

impl<T> Rows<T> {
    pub(crate) const fn new() -> Self {
        Self {
            rows: Vec::new(),
            free: 0,
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let at = self.free;
        match self.rows.get_mut(at as usize) {
            Some(row) => {
                if let Row::Free(next) = core::mem::replace(row, Row::Taken(value)) {
                    self.free = next;
                }
            }
            None => {
                self.rows.push(Row::Taken(value));
                self.free = self.rows.len() as u32;
            }
        }
        at
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        match self.rows.get(at as usize)? {
            Row::Taken(value) => Some(value),
            Row::Free(_) => None,
        }
    }

    pub(crate) fn take(&mut self, at: u32) -> Option<T> {
        let row = self.rows.get_mut(at as usize)?;
        match core::mem::replace(row, Row::Free(self.free)) {
            Row::Taken(value) => {
                self.free = at;
                Some(value)
            }
            free => {
                *row = free;
                None
            }
        }
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

    #[test]
    fn rows_are_used_again_the_last_one_first() {
        let mut rows = Rows::new();
        let all: Vec<u32> = (0..5).map(|value| rows.insert(value)).collect();
        assert_eq!(all, [0, 1, 2, 3, 4]);
        assert_eq!(
            (rows.take(1), rows.take(3), rows.take(3)),
            (Some(1), Some(3), None)
        );
        assert_eq!(
            (rows.get(3), rows.get(4), rows.get(9)),
            (None, Some(&4), None)
        );
        assert_eq!([10, 11, 12].map(|value| rows.insert(value)), [3, 1, 5]);
        assert_eq!(
            (rows.take(3), rows.take(1), rows.take(5)),
            (Some(10), Some(11), Some(12))
        );
    }
}
