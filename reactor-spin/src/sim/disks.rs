//! How the disks of hosts are, and what lies on them.

use alloc::format;
use alloc::vec::Vec;
use std::io::Result;
use std::path::{Path, PathBuf};

use super::control::Control;
use super::disk::{Disk, How};
use super::link::Latency;
use super::trace::What;
use super::world::State;

impl Control {
    #[track_caller]
    fn set_disk(&self, hosts: &str, text: &str, set: impl Fn(&mut Disk) + 'static) {
        let text = format!("the disk of {hosts}: {text}");
        self.fault_on(hosts, text, move |state, id| {
            set(&mut state.hosts[id as usize].disk);
        });
    }

    /// Sets how long an operation of the disks of hosts takes that waits for no disk, as a rule (a read, a write, a new name),
    /// and one that does: a sync. Unless set, 20 to 200 µs, and half a millisecond to five.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Latency, Simulation};
    /// use std::time::Duration;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("database", async { sim::fs::write("log", b"frog").await });
    /// let turning = Latency::exponential(Duration::from_millis(4), Duration::from_millis(9));
    /// simulation.control().set_disk_latency("database", turning, turning);
    /// assert!(simulation.run().unwrap().elapsed >= Duration::from_millis(4));
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has such a name; so do all functions here.
    #[track_caller]
    pub fn set_disk_latency(&self, hosts: &str, operations: Latency, syncs: Latency) {
        let text = format!("operations take {operations:?}, syncs {syncs:?}");
        self.set_disk(hosts, &text, move |disk| {
            (disk.operations, disk.syncs) = (operations, syncs);
        });
    }

    /// Sets the probability, from 0 to 1, that the system has in its memory what an operation of the disks of hosts is
    /// about, so that it takes a tenth of a microsecond; a sync always waits for the disk. None has, unless set.
    /// [`set_disk_pages`](Self::set_disk_pages) goes by what was used last.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn warm(control: &Control) {
    ///     control.set_disk_cached("database", 0.95);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_cached(&self, hosts: &str, probability: f64) {
        let text = format!("operations are answered from memory by {probability}");
        self.set_disk(hosts, &text, move |disk| disk.cached = probability);
    }

    /// Sets how many pages of files the systems of hosts keep in memory, and of how many bytes (at least one, 4096 as a rule);
    /// none, unless set, and with 0.
    ///
    /// They are those that were read or written last, but for what is read and written with `O_DIRECT`, and a write of that
    /// drops those that it is about. A crash leaves none, a kill all. An operation takes a tenth of a microsecond when all of
    /// a read's pages are there; or of a write's those which keep a part of what the file held. Else it waits for the disk,
    /// by the latency or by [chance](Self::set_disk_cached), as does what is about names, and each sync. The memory for
    /// them is that of a few words for each page, whatever its size.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Latency, Simulation};
    /// use polliwog::time::Instant;
    /// use std::time::Duration;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("database", async {
    ///     let file = sim::fs::File::create_new("log").await?;
    ///     file.write_at(&[7; 10_000], 0).await?;
    ///     let mut takes = Vec::new();
    ///     for page in [2, 1, 0, 1] {
    ///         let before = Instant::now();
    ///         file.read_at(&mut [0; 1000], page * 4096).await?;
    ///         takes.push((Instant::now() - before).as_millis());
    ///     }
    ///     // There was no room for the first page.
    ///     assert_eq!(takes, [0, 0, 3, 0]);
    ///     std::io::Result::Ok(())
    /// });
    /// let control = simulation.control();
    /// let takes = Latency::fixed(Duration::from_millis(3));
    /// control.set_disk_latency("database", takes, takes);
    /// control.set_disk_pages("database", 2, 4096);
    /// simulation.run().unwrap();
    /// ```
    #[track_caller]
    pub fn set_disk_pages(&self, hosts: &str, pages: usize, bytes: usize) {
        let text = format!("{pages} pages of {bytes} bytes are in memory");
        self.set_disk(hosts, &text, move |disk| disk.set_pages(pages, bytes));
    }

    /// Sets the probability, from 0 to 1, that a read or a write finds its [pages](Self::set_disk_pages) gone, as if others had
    /// needed the memory; none does, unless set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn crowded(control: &Control) {
    ///     control.set_disk_pages("database", 256, 4096);
    ///     control.set_disk_evictions("database", 0.1);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_evictions(&self, hosts: &str, probability: f64) {
        let text = format!("pages are gone from memory by {probability}");
        self.set_disk(hosts, &text, move |disk| disk.evictions = probability);
    }

    /// Sets the size of the blocks between which a crash tears a write that was not synced; 512 bytes, unless set; at least
    /// one. Of a write that is no longer than a block a crash leaves all or nothing. Files that are opened with `O_DIRECT` are
    /// read and written by these blocks.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// fn modern(control: &Control) {
    ///     control.set_disk_block("database", 4096);
    /// }
    ///
    /// fn never_torn(control: &Control) {
    ///     control.set_disk_block("database", usize::MAX);
    /// }
    /// ```
    #[track_caller]
    pub fn set_disk_block(&self, hosts: &str, bytes: usize) {
        let text = format!("writes are torn between blocks of {bytes} bytes");
        self.set_disk(hosts, &text, move |disk| disk.block = bytes.max(1));
    }

    /// What a file of a host holds now, be the host up or not; it takes no time, and no fault of the disk strikes it.
    ///
    /// What a program that has waited by blocking, or a job of [`spawn_blocking`](super::spawn_blocking), is to write at a later
    /// instant is not there yet, and what a host that is [stopped](Self::pause) is to write only when it has gone on.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("database", async { sim::fs::write("log", b"frog").await });
    /// simulation.run().unwrap();
    /// assert_eq!(simulation.control().read_file("database", "log").unwrap(), b"frog");
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) and the like.
    #[track_caller]
    pub fn read_file(&self, host: &str, path: impl AsRef<Path>) -> Result<Vec<u8>> {
        let id = self.the_host(host);
        self.world.with(|state| {
            let disk = &mut state.hosts[id as usize].disk;
            let how = How {
                read: true,
                by_test: true,
                ..How::default()
            };
            let inode = disk.open(path.as_ref(), how)?;
            disk.contents(inode).map(<[u8]>::to_vec)
        })
    }

    /// Puts a file on the disk of a host, synced, in the place of what it held: what a program finds at its start, or what
    /// has become of a file while nobody looked. It takes no time. The folder has to be there. Its name is safe from crashes,
    /// and so are those that were made before. What the host has yet to write at a later instant, as
    /// [`read_file`](Self::read_file) says, comes after it and is no safer.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// // A bit that has turned by itself.
    /// fn rot(control: &Control) -> std::io::Result<()> {
    ///     let mut bytes = control.read_file("database", "log")?;
    ///     bytes[100] ^= 1;
    ///     control.write_file("database", "log", &bytes)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) without its folder,
    /// [`ErrorKind::StorageFull`](std::io::ErrorKind::StorageFull) and the like. A caller that has waited by blocking, and so
    /// [does it later](Self::crash) to another host, gets none: they fail the run then.
    #[track_caller]
    pub fn write_file(
        &self,
        host: &str,
        path: impl AsRef<Path>,
        bytes: impl AsRef<[u8]>,
    ) -> Result<()> {
        let (path, bytes) = (path.as_ref(), bytes.as_ref());
        let text = format!("the test writes {}, {} bytes", path.display(), bytes.len());
        let tell = move |state: &mut State, id| {
            state.record_text(Some(id), text, What::Fault);
            Ok(())
        };
        // The disk of a host that is ahead knows that by itself.
        let is_own = self.world.is_ahead() && self.world.is_here(host);
        if !is_own && !self.world.acts_now() {
            let (path, bytes) = (PathBuf::from(path), bytes.to_vec());
            self.change_host(host, move |state, id| {
                tell(state, id)?;
                let disk = &mut state.hosts[id as usize].disk;
                let put = disk.put(&path, &bytes);
                put.map_err(|error| format!("the test cannot write {}: {error}", path.display()))
            });
            return Ok(());
        }
        let id = self.the_host(host);
        self.change_host(host, tell);
        self.world
            .with(|state| state.hosts[id as usize].disk.put(path, bytes))
    }
}

impl Disk {
    /// Puts a file there, as a test does.
    fn put(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let how = How {
            write: true,
            create: true,
            truncate: true,
            by_test: true,
            ..How::default()
        };
        let inode = self.open(path, how)?;
        let written = self.write(inode, 0, bytes)?;
        self.sync(inode)?;
        match written == bytes.len() {
            true => Ok(()),
            false => Err(std::io::ErrorKind::StorageFull.into()),
        }
    }
}
