//! Feature `defmt`: what tells something can be logged by `defmt`.
#![cfg(all(feature = "defmt", feature = "std"))]

use polliwog_spin::{Error, Limit, RunError, Stalled};

fn can_be_logged<T: defmt::Format>() {}

#[test]
fn whatever_tells_something() {
    can_be_logged::<Error>();
    can_be_logged::<Limit>();
    can_be_logged::<RunError<Stalled>>();
    can_be_logged::<polliwog_spin::net::ReuniteError>();
    #[cfg(feature = "smoltcp")]
    {
        can_be_logged::<polliwog_spin::stack::ReuniteError>();
        can_be_logged::<polliwog_spin::stack::Settings>();
        can_be_logged::<polliwog_spin::stack::TcpSettings>();
    }
}
