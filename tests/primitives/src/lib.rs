//! Other people's primitives on polliwog: see `tests/run_unchanged.rs`.
