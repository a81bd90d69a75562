//! Rows on the heap, which stay where they are, so that sources can hold on to them.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::fmt;

use super::{Entry, Sources, Storage, Token};

/// As many as an index of one byte can tell apart: finding a row in its page takes no test.
const PAGE: usize = 1 << u8::BITS;

/// Storage that grows, by pages of 256 rows, and never moves a row.
///
/// A source can share the page that has its row, and look at the row without a way through the
/// table. Pages are kept until the table and all that share them are gone.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sources::{Direction, Pages, Readiness, Sources};
/// use core::task::{Context, Waker};
///
/// let mut sources = Sources::new(Pages::new(), 100);
/// let token = sources.insert().unwrap();
/// let page = sources.page(token).unwrap();
/// let row = page.row(token.index());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(row.poll_ready(Direction::Read, &mut cx).is_pending());
///
/// sources.report(token.to_usize(), Readiness::READABLE).wake();
/// assert!(row.poll_ready(Direction::Read, &mut cx).is_ready());
/// drop(sources.remove(token));
/// ```
#[derive(Default)]
pub struct Pages(Vec<Rc<Page>>);

impl Pages {
    /// No rows; the first source allocates a page. Failing to allocate one aborts the program, like
    /// any other box.
    pub const fn new() -> Self {
        Self(Vec::new())
    }
}

impl Storage for Pages {
    fn len(&self) -> usize {
        self.0.len() * PAGE
    }

    #[inline]
    fn get(&self, index: usize) -> Option<&Entry> {
        Some(self.0.get(index / PAGE)?.row(index))
    }

    fn grow(&mut self) -> bool {
        if self.0.try_reserve(1).is_err() {
            return false;
        }
        self.0.push(Rc::new(Page([const { Entry::new() }; PAGE])));
        true
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pages").field(&self.0.len()).finish()
    }
}

/// A part of a table that does not move.
pub struct Page([Entry; PAGE]);

impl Page {
    /// Returns the row whose index in the table is `index`, if the page is the one that has it.
    #[inline]
    pub fn row(&self, index: usize) -> &Entry {
        &self.0[usize::from(index as u8)]
    }

    /// Returns the name of the source that the row at `index` belongs to now.
    pub fn token(&self, index: u32) -> Token {
        Token {
            index,
            generation: self.row(index as usize).generation(),
        }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Sources<Pages> {
    /// Returns the page that has a source's row. What the row says is about that source until it is
    /// [removed](Self::remove). From then on the row must not be changed by way of the page: the table
    /// has its own use for it, and would give rows out wrongly.
    pub fn page(&self, token: Token) -> Option<Rc<Page>> {
        self.row(token)?;
        self.rows.0.get(token.index() / PAGE).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{Direction, Readiness, SourcesFull};
    use core::task::{Context, Waker};

    #[test]
    fn rows_stay_where_they_are_while_the_table_grows() {
        // Into the second page at least.
        let capacity = if cfg!(miri) { PAGE + 2 } else { 3 * PAGE };
        let mut sources = Sources::new(Pages::new(), capacity);
        let rows: Vec<(Token, Rc<Page>)> = (0..capacity)
            .map(|_| {
                let token = sources.insert().unwrap();
                (token, sources.page(token).unwrap())
            })
            .collect();
        assert_eq!(sources.insert(), Err(SourcesFull { capacity }));
        for (index, (token, page)) in rows.iter().enumerate() {
            assert_eq!(token.index(), index);
            let row = page.row(index);
            let _ = sources.set_ready(*token, Readiness::READABLE);
            assert_eq!(row.ready(), Readiness::READABLE);
            row.clear_ready(Readiness::READABLE);
            assert_eq!(sources.ready(*token), Readiness::NONE);
        }
        for (token, _) in rows {
            let _ = sources.remove(token);
            assert!(sources.page(token).is_none());
        }
        assert!(sources.is_empty());
    }

    #[test]
    fn a_page_that_outlives_its_table_is_of_no_harm() {
        let mut sources = Sources::new(Pages::new(), 1);
        let token = sources.insert().unwrap();
        let page = sources.page(token).unwrap();
        drop(sources);
        let row = page.row(token.index());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(row.poll_ready(Direction::Read, &mut cx).is_pending());
        assert_eq!(row.wake_all().len(), 1);
    }

    #[test]
    fn a_row_has_nothing_of_its_former_source() {
        let mut sources = Sources::new(Pages::new(), 1);
        let old = sources.insert().unwrap();
        let page = sources.page(old).unwrap();
        let row = page.row(old.index());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(row.poll_ready(Direction::Write, &mut cx).is_pending());
        let _ = row.set_ready(Readiness::READABLE);
        assert_eq!(page.token(old.index() as u32), old);
        assert!(sources.remove(old).writer.is_some());
        let new = sources.insert().unwrap();
        assert_eq!(new.index(), old.index());
        assert_ne!(new, old);
        assert_eq!(sources.find(old.to_usize()), None);
        assert_eq!(row.ready(), Readiness::NONE);
        assert!(row.wake_all().is_empty());
    }
}
