//! [`Listed`]: what tests have laid down for programs to find.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};

/// What tests have laid down for programs to find, in the order in which it was made.
#[derive(Default)]
pub(crate) struct Listed {
    rows: RefCell<Vec<(u64, Rc<dyn Any>)>>,
    made: Cell<u64>,
}

impl Listed {
    /// Adds what `make` makes of its number, which is returned.
    pub(crate) fn add<T: 'static>(&self, make: impl FnOnce(u64) -> T) -> u64 {
        let number = self.made.get();
        self.made.set(number + 1);
        let row = Rc::new(make(number));
        self.rows.borrow_mut().push((number, row));
        number
    }

    pub(crate) fn remove(&self, number: u64) {
        let at = self.rows.borrow().iter().position(|row| row.0 == number);
        let row = at.map(|at| self.rows.borrow_mut().remove(at));
        // It is foreign code's, which may come back to the list.
        drop(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.borrow().is_empty()
    }

    /// Those of a type. The list is not borrowed while somebody looks at them: they run foreign code.
    pub(crate) fn of<T: 'static>(&self) -> impl Iterator<Item = Rc<T>> + use<T> {
        let rows = self.rows.borrow().clone().into_iter();
        rows.filter_map(|(_, row)| row.downcast().ok())
    }
}
