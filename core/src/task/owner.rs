//! [`Owner`]: an executor as its slots know it, which is by its address.

/// What stands for an executor's permanent part, `executor::shared::Shared`, wherever nothing but its address
/// matters: in blocks of slots, and in the ambient context. No value of this type is ever made.
pub(crate) struct Owner {
    _nothing: [u8; 0],
}
