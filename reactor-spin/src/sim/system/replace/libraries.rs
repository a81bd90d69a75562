//! Functions that are no system calls, and ask the libraries behind the program: those that answer by lists, which the caller
//! gives back, and the end of the program.

/// The part of [`replace_system!`](crate::replace_system) whose originals are looked for when the program runs, so a program
/// that has no libraries behind it keeps to the system.
#[macro_export]
#[doc(hidden)]
macro_rules! __replace_libraries {
    () => {
        use ::core::ptr::{from_ref, null, null_mut};
        use ::std::boxed::Box;
        use system::SocketAddress;

        /// `struct ifaddrs` of `<ifaddrs.h>`, which is the same on both systems.
        #[repr(C)]
        struct Device {
            next: *mut Device,
            name: *const c_char,
            flags: c_uint,
            addrs: [*const SocketAddress; 3],
            data: *const c_void,
        }

        /// `struct addrinfo` of `<netdb.h>`.
        #[repr(C)]
        struct Answer {
            hints: system::Hints,
            len: u32,
            #[cfg(target_os = "linux")]
            addr: *const SocketAddress,
            name: *const c_void,
            #[cfg(target_os = "macos")]
            addr: *const SocketAddress,
            next: *mut Answer,
        }

        /// What is here is in each list of ours, and in none of the system's: a C string without a letter.
        static OURS: u8 = 0;

        fn ours() -> *const c_void {
            (&raw const OURS).cast()
        }

        /// An entry with the addresses to which it leads.
        #[repr(C)]
        struct Entry<T> {
            entry: T,
            addrs: [Option<SocketAddress>; 3],
        }

        impl<T> Entry<T> {
            /// `lead` gives an entry the places of its addresses.
            fn leak(
                entry: T,
                addrs: [Option<SocketAddress>; 3],
                lead: impl FnOnce(&mut T, [*const SocketAddress; 3]),
            ) -> *mut T {
                let leaked = Box::into_raw(Box::new(Self { entry, addrs }));
                // SAFETY: this has just been made.
                let made = unsafe { &mut *leaked };
                let place = |addr: &Option<SocketAddress>| addr.as_ref().map_or(null(), from_ref);
                lead(&mut made.entry, made.addrs.each_ref().map(place));
                leaked.cast()
            }
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: there is room for a pointer.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn getifaddrs(list: *mut *mut Device) -> c_int {
            let Some(devices) = system::devices() else {
                // SAFETY: the caller keeps to the same terms.
                return unsafe { libraries::getifaddrs(list) };
            };
            let mut next = null_mut();
            for device in devices.into_iter().rev() {
                let entry = Device {
                    next,
                    name: device.name.as_ptr(),
                    flags: device.flags,
                    addrs: [null(); 3],
                    data: ours(),
                };
                next = Entry::leak(entry, device.addrs, |entry, to| entry.addrs = to);
            }
            // SAFETY: there is room for it.
            unsafe { list.write(next) };
            0
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: this is a list of `getifaddrs`, and nobody uses it any more.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn freeifaddrs(mut list: *mut Device) {
            // SAFETY: by those terms this is null or leads to an entry.
            match unsafe { list.as_ref() } {
                Some(first) if first.data == ours() => {}
                // SAFETY: the caller keeps to the same terms.
                _ => return unsafe { libraries::freeifaddrs(list) },
            }
            while !list.is_null() {
                // SAFETY: each entry of this list is one of `leak`.
                let entry = unsafe { Box::from_raw(list.cast::<Entry<Device>>()) };
                list = entry.entry.next;
            }
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: this is a C string.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn if_nametoindex(name: *const c_char) -> c_uint {
            // SAFETY: by those terms.
            let number = system::device_number(unsafe { CStr::from_ptr(name) });
            // SAFETY: the caller keeps to the same terms.
            number.unwrap_or_else(|| unsafe { libraries::if_nametoindex(name) })
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: each is null or leads to what it is for.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn getaddrinfo(
            name: *const c_char,
            service: *const c_char,
            hints: *const Answer,
            list: *mut *mut Answer,
        ) -> c_int {
            // SAFETY: by those terms this is null or a C string.
            let text = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) });
            // SAFETY: by those terms this is null or leads to hints.
            let asked = unsafe { hints.as_ref() }.map_or([0; 4], |hints| hints.hints);
            let answers = match system::lookup(text(name), text(service), asked) {
                Some(Ok(answers)) => answers,
                Some(Err(error)) => return error,
                // SAFETY: the caller keeps to the same terms.
                None => return unsafe { libraries::getaddrinfo(name, service, hints, list) },
            };
            let mut next = null_mut();
            for (addr, len, hints) in answers.into_iter().rev() {
                let entry = Answer {
                    hints,
                    len,
                    addr: null(),
                    name: ours(),
                    next,
                };
                next = Entry::leak(entry, [Some(addr), None, None], |entry, to| entry.addr = to[0]);
            }
            // SAFETY: there is room for it.
            unsafe { list.write(next) };
            0
        }

        /// # Safety
        ///
        /// The caller keeps to the C library's terms for it: this is a list of `getaddrinfo`, and nobody uses it any more.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn freeaddrinfo(mut list: *mut Answer) {
            // SAFETY: by those terms this leads to an entry.
            match unsafe { list.as_ref() } {
                Some(first) if first.name == ours() => {}
                // SAFETY: the caller keeps to the same terms.
                _ => return unsafe { libraries::freeaddrinfo(list) },
            }
            while !list.is_null() {
                // SAFETY: each entry of this list is one of `leak`.
                let entry = unsafe { Box::from_raw(list.cast::<Entry<Answer>>()) };
                list = entry.entry.next;
            }
        }

        /// A program on a host that ends itself would end the test, which then has passed if the code is zero.
        #[unsafe(no_mangle)]
        extern "C" fn exit(code: c_int) -> ! {
            if system::tell_of_exit(code) {
                ::std::process::abort();
            }
            // SAFETY: it has no terms.
            unsafe { libraries::exit(code) }
        }

        /// The system's own.
        mod libraries {
            use super::*;

            $crate::__originals! {
                /// `<ifaddrs.h>`
                fn getifaddrs(list: *mut *mut Device) -> c_int;
                /// `<ifaddrs.h>`
                fn freeifaddrs(list: *mut Device);
                /// `<net/if.h>`
                fn if_nametoindex(name: *const c_char) -> c_uint;
                /// `<netdb.h>`
                fn getaddrinfo(
                    name: *const c_char, service: *const c_char, hints: *const Answer, list: *mut *mut Answer
                ) -> c_int;
                /// `<netdb.h>`
                fn freeaddrinfo(list: *mut Answer);
                /// `<stdlib.h>`
                fn exit(code: c_int) -> !;
            }
        }
    };
}
