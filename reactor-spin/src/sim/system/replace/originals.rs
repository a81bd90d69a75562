//! The system's own functions, of which a program has others.

/// What looks for a function in the libraries behind the program.
#[macro_export]
#[doc(hidden)]
macro_rules! __find_originals {
    () => {
        use ::core::mem::transmute_copy;
        use ::core::ptr::without_provenance_mut;
        use ::core::sync::atomic::{AtomicPtr, Ordering};

        unsafe extern "C" {
            fn dlsym(from: *mut c_void, name: *const c_char) -> *mut c_void;
        }

        type Place = AtomicPtr<c_void>;

        const UNKNOWN: Place = Place::new(::core::ptr::null_mut());

        /// The function of this name that the libraries have.
        ///
        /// # Safety
        ///
        /// `F` is a pointer to a function with the signature of that one.
        unsafe fn find<F: Copy>(place: &Place, name: &CStr) -> F {
            let mut found = place.load(Ordering::Relaxed);
            if found.is_null() {
                // `RTLD_NEXT` of `<dlfcn.h>`: whatever comes after the program, which is who asks.
                let next = without_provenance_mut(usize::MAX);
                // SAFETY: the name is a C string.
                found = unsafe { dlsym(next, name.as_ptr()) };
                ::core::assert!(!found.is_null(), "the system has no {name:?}");
                place.store(found, Ordering::Relaxed);
            }
            // SAFETY: by the caller's promise, as pointers to functions and to data have one size here.
            unsafe { transmute_copy(&found) }
        }
    };
}

/// The system's own functions, each with its name and its signature, which the header says that is named before it.
#[macro_export]
#[doc(hidden)]
macro_rules! __originals {
    ($(
        $(#[$header:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?;
    )*) => {$(
        $(#[$header])*
        ///
        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it.
        #[allow(non_snake_case)]
        pub(super) unsafe fn $name($($argument: $type),*) $(-> $answer)? {
            static PLACE: Place = UNKNOWN;
            type Original = unsafe extern "C" fn($($type),*) $(-> $answer)?;
            const NAME: &CStr = {
                let name = ::core::concat!(::core::stringify!($name), "\0").as_bytes();
                match CStr::from_bytes_with_nul(name) {
                    Ok(name) => name,
                    Err(_) => ::core::unreachable!(),
                }
            };
            // SAFETY: the signature is the header's; the caller's terms.
            unsafe { find::<Original>(&PLACE, NAME)($($argument),*) }
        }
    )*};
}
