//! [`Ring`]: the arithmetic of a ring buffer whose bytes lie elsewhere.

/// Which part of a byte store is filled. The store is passed to every call, and it must be the
/// same one each time; its length is the capacity.
#[derive(Debug)]
pub(crate) struct Ring {
    start: usize,
    len: usize,
}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self { start: 0, len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Appends as much of `data` as there is room for; returns how much that was.
    pub(crate) fn push(&mut self, store: &mut [u8], data: &[u8]) -> usize {
        let capacity = store.len();
        let count = data.len().min(capacity - self.len);
        let data = &data[..count];
        let end = self.start + self.len;
        let end = if end >= capacity { end - capacity } else { end };
        let first = count.min(capacity - end);
        store[end..end + first].copy_from_slice(&data[..first]);
        store[..count - first].copy_from_slice(&data[first..]);
        self.len += count;
        count
    }

    /// Copies the oldest bytes into `buf` and keeps them; returns how many that were.
    pub(crate) fn peek(&self, store: &[u8], buf: &mut [u8]) -> usize {
        let count = buf.len().min(self.len);
        let buf = &mut buf[..count];
        let first = count.min(store.len() - self.start);
        buf[..first].copy_from_slice(&store[self.start..self.start + first]);
        buf[first..].copy_from_slice(&store[..count - first]);
        count
    }

    /// Moves the oldest bytes into `buf`; returns how many that were.
    pub(crate) fn pop(&mut self, store: &[u8], buf: &mut [u8]) -> usize {
        let count = self.peek(store, buf);
        self.len -= count;
        self.start += count;
        if self.start >= store.len() {
            self.start -= store.len();
        }
        if self.len == 0 {
            // The next burst lies in one piece.
            self.start = 0;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn behaves_like_a_bounded_queue() {
        for capacity in [1, 2, 3, 7, 16] {
            let mut store = std::vec![0; capacity];
            let mut ring = Ring::new();
            let mut model = VecDeque::new();
            let (mut state, mut next) = (capacity as u32, 0_u8);
            for _ in 0..2000 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let count = (state >> 16) as usize % (capacity + 3);
                if state >> 31 == 0 {
                    let data: std::vec::Vec<u8> =
                        (0..count).map(|i| next.wrapping_add(i as u8)).collect();
                    let pushed = ring.push(&mut store, &data);
                    assert_eq!(pushed, count.min(capacity - model.len()));
                    model.extend(&data[..pushed]);
                    next = next.wrapping_add(pushed as u8);
                } else {
                    let mut buf = std::vec![0; count];
                    let mut seen = std::vec![0; count];
                    assert_eq!(ring.peek(&store, &mut seen), count.min(model.len()));
                    let popped = ring.pop(&store, &mut buf);
                    let expected: std::vec::Vec<u8> = model.drain(..popped).collect();
                    assert_eq!(buf[..popped], expected);
                    assert_eq!(seen, buf);
                }
                assert_eq!(ring.len(), model.len());
            }
        }
    }

    #[test]
    fn no_room_at_all() {
        let mut ring = Ring::new();
        assert_eq!(ring.push(&mut [], b"x"), 0);
        assert_eq!(ring.pop(&[], &mut [0]), 0);
    }
}
