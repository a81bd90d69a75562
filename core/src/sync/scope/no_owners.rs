//! Without feature `alloc` there is no heap, and nothing there that could have owners.

use super::{Local, Shared};

/// The owners of a scope: none.
#[doc(hidden)]
pub trait Owners {}

impl Owners for Local {}
impl Owners for Shared {}
