//! Log records, which are nothing at all without the feature `log`.

#[cfg(feature = "log")]
macro_rules! record {
    ($level:ident, $($arg:tt)+) => {
        ::log::$level!($($arg)+)
    };
}

#[cfg(not(feature = "log"))]
macro_rules! record {
    ($level:ident, $($arg:tt)+) => {
        // Type-checked and counted as use of the arguments, then thrown away.
        if false {
            let _ = ::core::format_args!($($arg)+);
        }
    };
}
