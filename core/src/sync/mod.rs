//! What tasks work together with: the wait list that all of it is made of.
//!
//! Each primitive exists in two scopes: [`Local`], for the tasks of one executor, without atomics; and
//! [`Shared`], between threads, cores and interrupt handlers.

mod scope;
pub mod wait_list;

pub use scope::{Local, Scope, Shared};
