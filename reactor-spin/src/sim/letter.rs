//! [`Letter`]: a Rust value on its way from host to host.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::RefCell;

use super::filter;
use super::listed::Listed;
use super::world::HostId;

/// A value on its way. Where this is cloned or dropped, no foreign code runs: twins have the same value until somebody
/// receives it, and what nobody receives is [`Waste`].
#[derive(Clone)]
pub(crate) struct Letter(Rc<Envelope>);

struct Envelope {
    kind: &'static str,
    /// The call that it is the answer to.
    answers: Option<u64>,
    /// There until it is taken out.
    value: Option<Box<dyn Any>>,
    /// Asks the filters for the message in the value, by its type.
    drops: fn(&dyn Any, &Listed, (HostId, HostId)) -> bool,
    waste: Rc<Waste>,
}

/// A request with its call's number.
#[derive(Clone)]
pub(crate) struct Asked<R> {
    pub(crate) number: u64,
    pub(crate) request: R,
}

/// Values that nobody has received, to be dropped where foreign code may run.
#[derive(Default)]
pub(crate) struct Waste(RefCell<Vec<Box<dyn Any>>>);

impl Waste {
    pub(crate) fn sweep(&self) {
        while !self.0.borrow().is_empty() {
            let values = self.0.take();
            drop(values);
        }
    }
}

impl Letter {
    pub(crate) fn value<T: 'static>(value: T, waste: &Rc<Waste>) -> Self {
        Self::new("value", None, value, waste, |value, filters, pair| {
            filter::drops(filters, pair, value.downcast_ref::<T>())
        })
    }

    pub(crate) fn call<R: 'static>(number: u64, request: R, waste: &Rc<Waste>) -> Self {
        let asked = Asked { number, request };
        Self::new("call", None, asked, waste, |value, filters, pair| {
            let asked = value.downcast_ref::<Asked<R>>();
            filter::drops(filters, pair, asked.map(|asked| &asked.request))
        })
    }

    pub(crate) fn answer<T: 'static>(number: u64, response: T, waste: &Rc<Waste>) -> Self {
        let answers = Some(number);
        Self::new(
            "answer",
            answers,
            response,
            waste,
            |value, filters, pair| filter::drops(filters, pair, value.downcast_ref::<T>()),
        )
    }

    fn new<T: 'static>(
        kind: &'static str,
        answers: Option<u64>,
        value: T,
        waste: &Rc<Waste>,
        drops: fn(&dyn Any, &Listed, (HostId, HostId)) -> bool,
    ) -> Self {
        Self(Rc::new(Envelope {
            kind,
            answers,
            value: Some(Box::new(value)),
            drops,
            waste: waste.clone(),
        }))
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.0.kind
    }

    pub(crate) fn answers(&self) -> Option<u64> {
        self.0.answers
    }

    pub(crate) fn is<T: 'static>(&self) -> bool {
        self.0.value.as_ref().is_some_and(|value| value.is::<T>())
    }

    /// Whether a filter drops it, from that host to that one.
    pub(crate) fn is_dropped(&self, filters: &Listed, pair: (HostId, HostId)) -> bool {
        let value = self.0.value.as_ref();
        value.is_some_and(|value| (self.0.drops)(&**value, filters, pair))
    }

    /// The value, if it is of that type: of twins all but the last get a clone. That is foreign code.
    pub(crate) fn open<T: Clone + 'static>(mut self) -> Option<T> {
        match Rc::get_mut(&mut self.0) {
            Some(last) => {
                let value = last.value.take()?.downcast().ok()?;
                Some(*value)
            }
            None => self.0.value.as_ref()?.downcast_ref().cloned(),
        }
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.waste.0.borrow_mut().push(value);
        }
    }
}
