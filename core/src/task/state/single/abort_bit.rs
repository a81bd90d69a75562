//! The mark of an abort in the address of a body: its lowest bit (S7).

/// Bit of an address in a record: somebody asked for the task's end.
pub(crate) const ABORT: usize = 1;

/// Sets the mark.
pub(crate) fn with_abort_bit(body: *mut ()) -> *mut () {
    body.map_addr(|address| address | ABORT)
}

/// The address without the mark.
#[inline(always)]
pub(crate) fn without_abort_bit(body: *mut ()) -> *mut () {
    body.map_addr(|address| address & !ABORT)
}

/// Whether the mark is set.
#[inline(always)]
pub(crate) fn has_abort_bit(body: *mut ()) -> bool {
    body.addr() & ABORT != 0
}
