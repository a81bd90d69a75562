//! polliwog's reactor for desktops and servers: epoll, kqueue and IOCP through mio.
#![forbid(unsafe_code)]

#[macro_use]
mod macros;

mod dispatch;
mod reactor;
mod source;
mod sys;

pub use reactor::{MioReactor, ReactorGuard};
pub use source::Registered;
