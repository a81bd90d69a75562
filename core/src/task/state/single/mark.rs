//! The mark of an abort in the address of a body: its lowest bit (S7).

/// Bit of an address in a record: somebody asked for the task's end.
pub(crate) const ABORT: usize = 1;

/// Sets the mark.
pub(crate) fn mark_address(body: *mut ()) -> *mut () {
    body.map_addr(|address| address | ABORT)
}

/// The address without the mark.
#[inline(always)]
pub(crate) fn unmark_address(body: *mut ()) -> *mut () {
    body.map_addr(|address| address & !ABORT)
}

/// Whether the mark is set.
#[inline(always)]
pub(crate) fn is_marked_address(body: *mut ()) -> bool {
    body.addr() & ABORT != 0
}
