//! polliwog's reactor for desktops and servers: epoll, kqueue and IOCP through mio.
#![forbid(unsafe_code)]

#[macro_use]
mod macros;

pub mod blocking;
mod dispatch;
mod event;
pub mod fs;
pub mod net;
mod reactor;
pub mod signal;
mod source;
mod sys;

pub use blocking::{BlockingError, BlockingHandle, spawn_blocking};
pub use event::{Trigger, UserEvent};
pub use reactor::{MioReactor, ReactorGuard};
pub use source::Registered;
