//! [`Listed`]: what tests have laid down for programs to find.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, RefCell};

use super::world::World;

/// What tests have laid down for programs to find, in the order in which it was made.
#[derive(Default)]
pub(crate) struct Listed {
    rows: RefCell<Vec<(u64, Rc<dyn Any>)>>,
    made: Cell<u64>,
}

impl Listed {
    /// A number for what is to be added.
    fn number(&self) -> u64 {
        self.made.replace(self.made.get() + 1)
    }

    /// Adds what has this number.
    pub(crate) fn add<T: 'static>(&self, number: u64, row: T) {
        self.rows.borrow_mut().push((number, Rc::new(row)));
    }

    fn remove(&self, number: u64) {
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

/// Which list it is.
pub(crate) type Which = fn(&World) -> &Listed;

/// What is in a list, or will be when the time of whoever has added it has come: until this is dropped.
pub(crate) struct Entry {
    world: Rc<World>,
    list: Which,
    pub(crate) number: u64,
}

impl Entry {
    /// One that is not in the list yet.
    pub(crate) fn new(world: &Rc<World>, list: Which) -> Self {
        Self {
            world: world.clone(),
            list,
            number: list(world).number(),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        (self.list)(&self.world).remove(self.number);
    }
}
