//! What of the standard library a simulated host has to have of its own, under the same names.
//!
//! An import of all names of [`sim`](super) takes this name, too, and hides the crate `std` from what is imported by it, an error
//! (E0659). An import of the crate itself beside it is the way out:
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
//! use ::std;
//! use polliwog::sim::*;
//! use std::time::Duration;
//!
//! let mut simulation = Simulation::new(7);
//! simulation.client("frog", async {
//!     polliwog::time::sleep(Duration::from_secs(1)).await;
//!     polliwog::sim::std::fs::write("log", "quak").unwrap();
//! });
//! simulation.run().unwrap();
//! ```

pub mod fs;

/// As [`std::os`], as far as there is something.
pub mod os {
    /// As [`std::os::unix`]: hosts are Unix machines, wherever the simulation runs.
    pub mod unix {
        /// As [`std::os::unix::fs`](https://doc.rust-lang.org/std/os/unix/fs).
        pub mod fs {
            use std::io::Result;
            use std::path::Path;

            #[cfg(unix)]
            pub use std::os::unix::fs::{
                DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt,
                PermissionsExt,
            };

            /// As [`symlink`](https://doc.rust-lang.org/std/os/unix/fs/fn.symlink.html) there.
            ///
            /// # Errors
            ///
            /// Those of [`sim::fs::symlink`](crate::sim::fs::symlink).
            pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> Result<()> {
                crate::sim::fs::at_once(crate::sim::fs::symlink(original, link))
            }
        }
    }
}
