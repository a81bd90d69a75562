// A write-ahead log on a ring. One source, for the kernel's rings and for the simulated ones: who includes it has imported
// `IoUring`, `opcode`, `squeue`, `types` and `fs`.

/// Bytes of a record beside its number and its checksum: more than a sector.
const PAYLOAD: usize = 1000;

pub(crate) struct Log {
    ring: IoUring,
    file: fs::File,
    records: u64,
}

fn checksum(number: u64, payload: &[u8]) -> u64 {
    let sum = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
    payload.iter().fold(!number, sum)
}

fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

fn size() -> u64 {
    16 + PAYLOAD as u64
}

impl Log {
    /// Reads the records that are there, up to the first one that is not whole.
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut log = Self {
            ring: IoUring::builder().setup_cqsize(16).build(4)?,
            file: options.open(path)?,
            records: 0,
        };
        let (mut head, mut payload) = ([0; 16], [0; PAYLOAD]);
        loop {
            let parts = [
                libc::iovec {
                    iov_base: head.as_mut_ptr().cast(),
                    iov_len: head.len(),
                },
                libc::iovec {
                    iov_base: payload.as_mut_ptr().cast(),
                    iov_len: payload.len(),
                },
            ];
            let fd = types::Fd(log.file.as_raw_fd());
            let read = opcode::Readv::new(fd, parts.as_ptr(), 2).offset(log.records * size());
            let [read] = log.carry_out([read.build()])?;
            let (number, sum) = head.split_at(8);
            let whole = read as u64 == size()
                && number == log.records.to_le_bytes()
                && sum == checksum(log.records, &payload).to_le_bytes();
            if !whole {
                return Ok(log);
            }
            log.records += 1;
        }
    }

    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Adds a record; once this has come back, it outlives a crash, if it `syncs`.
    pub(crate) fn append(&mut self, syncs: bool) -> io::Result<()> {
        let payload = [self.records as u8; PAYLOAD];
        let (number, sum) = (self.records, checksum(self.records, &payload));
        let head: Vec<u8> = [number.to_le_bytes(), sum.to_le_bytes()].concat();
        let parts = [part(&head), part(&payload)];
        let fd = types::Fd(self.file.as_raw_fd());
        let write = opcode::Writev::new(fd, parts.as_ptr(), 2).offset(self.records * size());
        let sync = opcode::Fsync::new(fd)
            .flags(types::FsyncFlags::DATASYNC)
            .build();
        if syncs {
            let write = write.build().flags(squeue::Flags::IO_LINK);
            self.carry_out([write, sync])?;
        } else {
            self.carry_out([write.build()])?;
        }
        self.records += 1;
        Ok(())
    }

    /// Returns the results in the order of the entries.
    fn carry_out<const N: usize>(&mut self, entries: [squeue::Entry; N]) -> io::Result<[i32; N]> {
        let mut results = [0; N];
        for (entry, at) in entries.into_iter().zip(0..) {
            let entry = entry.user_data(at);
            // SAFETY: this returns when all have completed, and their memory belongs to its callers.
            unsafe { self.ring.submission().push(&entry) }.unwrap();
        }
        self.ring.submit_and_wait(N)?;
        for completion in self.ring.completion() {
            results[completion.user_data() as usize] = completion.result();
        }
        match results.iter().find(|result| **result < 0) {
            Some(error) => Err(io::Error::from_raw_os_error(-error)),
            None => Ok(results),
        }
    }
}
