//! polliwog
