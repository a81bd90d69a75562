//! What a level leaves in its executor: nothing, as there are no such levels.

use core::marker::PhantomData;

pub(crate) struct Post<S>(PhantomData<fn(S)>);

impl<S> Post<S> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}
