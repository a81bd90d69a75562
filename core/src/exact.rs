//! Reading and writing as much as was asked for: the loops that the streams of all reactors have in common.
//!
//! For those who write reactors; programs call the methods of streams.

/// Writes all of `data` by `write`, which takes what is left and returns how much of it has been written.
///
/// # Errors
///
/// Those of `write`, and `no_progress` if it writes nothing; part of the data may have been written in either case.
///
/// # Cancel safety
///
/// None: part of the data may have been written.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::exact::write_all;
///
/// # polliwog_core::conformance::facade::block_on(async {
/// let mut written = Vec::new();
/// // Takes two bytes at a time.
/// let write = async |data: &[u8]| {
///     let some = &data[..data.len().min(2)];
///     written.extend_from_slice(some);
///     Ok(some.len())
/// };
/// write_all(b"quak!", || "takes nothing more", write).await.unwrap();
/// assert_eq!(written, b"quak!");
/// # });
/// ```
pub async fn write_all<E>(
    mut data: &[u8],
    no_progress: impl FnOnce() -> E,
    mut write: impl AsyncFnMut(&[u8]) -> Result<usize, E>,
) -> Result<(), E> {
    while !data.is_empty() {
        match write(data).await? {
            0 => return Err(no_progress()),
            written => data = &data[written..],
        }
    }
    Ok(())
}

/// Fills `buf` by `read`, which takes what is left of it and returns how much of that it has filled.
///
/// # Errors
///
/// Those of `read`, and `ended` if there is nothing more to be read; part of `buf` may be filled in either case.
///
/// # Cancel safety
///
/// None: what has been put into `buf` is not read again.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::exact::read_exact;
///
/// # polliwog_core::conformance::facade::block_on(async {
/// let mut rest: &[u8] = b"quak!";
/// let mut buf = [0; 4];
/// let read = async |buf: &mut [u8]| {
///     let (byte, left) = rest.split_first().ok_or("broken")?;
///     (buf[0], rest) = (*byte, left);
///     Ok(1)
/// };
/// read_exact(&mut buf, || "ended", read).await.unwrap();
/// assert_eq!(&buf, b"quak");
/// # });
/// ```
pub async fn read_exact<E>(
    buf: &mut [u8],
    ended: impl FnOnce() -> E,
    mut read: impl AsyncFnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let mut filled = 0;
    while filled < buf.len() {
        match read(&mut buf[filled..]).await? {
            0 => return Err(ended()),
            count => filled += count,
        }
    }
    Ok(())
}
