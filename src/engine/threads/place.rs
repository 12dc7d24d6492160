//! Where helpers run: beside the caller. A scheduler that finds no idle processor likes to wake a thread on the one that
//! the waking thread is running on, where it takes the time of the one that it is to help.

#[cfg(target_os = "linux")]
pub use linux::{Others, Thread, here};
#[cfg(not(target_os = "linux"))]
pub use unknown::{Others, Thread, here};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, c_void};
    use std::mem::{MaybeUninit, size_of, transmute};

    use libc::cpu_set_t;

    /// The processor that the calling thread is running on, by a number that is its own.
    pub fn here() -> usize {
        // SAFETY: it has no conditions.
        unsafe { libc::sched_getcpu() as usize }
    }

    /// The processors that the calling thread may use, but for the one that it is running on.
    #[derive(Clone, Copy)]
    pub struct Others(cpu_set_t);

    impl Others {
        /// Those at this moment; `None` where nobody says.
        pub fn now() -> Option<Self> {
            let mut set = MaybeUninit::<cpu_set_t>::zeroed();
            // SAFETY: the set is as large as is said, and all zeros are one; a number below 1024 is within it.
            unsafe {
                let here = Some(here()).filter(|&cpu| cpu < 1024)?;
                if libc::sched_getaffinity(0, size_of::<cpu_set_t>(), set.as_mut_ptr()) != 0 {
                    return None;
                }
                let mut set = set.assume_init();
                libc::CPU_CLR(here, &mut set);
                Some(Self(set))
            }
        }

        pub fn is_empty(&self) -> bool {
            // SAFETY: it is a whole set.
            unsafe { libc::CPU_COUNT(&self.0) == 0 }
        }

        pub fn is(&self, other: &Self) -> bool {
            // SAFETY: both are whole sets.
            unsafe { libc::CPU_EQUAL(&self.0, &other.0) }
        }
    }

    /// How much of a new thread's stack glibc keeps for itself, and for the program's thread-local variables, of which there
    /// may be more than we need. The standard library asks it likewise. Other C libraries give a thread all of its stack.
    ///
    /// # Safety
    /// The attributes are made.
    unsafe fn taken(how: *const libc::pthread_attr_t) -> usize {
        type Asked = unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize;
        // SAFETY: the function is there since glibc 2.15, with that type, and reads the attributes.
        unsafe {
            let found = libc::dlsym(libc::RTLD_DEFAULT, c"__pthread_get_minstack".as_ptr());
            transmute::<*mut c_void, Option<Asked>>(found).map_or(0, |ask| ask(how))
        }
    }

    /// A helper.
    pub struct Thread(libc::pthread_t);

    impl Thread {
        /// Calls `main` on a new thread of that name, which must not end, and which has a stack of so many bytes for itself.
        /// `None` where there can be none: the standard library's way would end the process where there is no memory for
        /// one.
        pub fn start(
            name: &CStr,
            stack: usize,
            main: extern "C" fn(*mut c_void) -> *mut c_void,
            argument: *mut c_void,
        ) -> Option<Self> {
            let mut how = MaybeUninit::<libc::pthread_attr_t>::uninit();
            let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
            // SAFETY: the attributes are made before they are used, and ended after it; the thread is there once it has been
            // made, and since it does not end, its name may be given from here.
            unsafe {
                // Where there can be no such stack, one as large as others.
                for stack in [stack, 0] {
                    if libc::pthread_attr_init(how.as_mut_ptr()) != 0 {
                        return None;
                    }
                    if stack > 0 {
                        libc::pthread_attr_setstacksize(how.as_mut_ptr(), stack + taken(how.as_ptr()));
                    }
                    libc::pthread_attr_setdetachstate(how.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
                    let made = libc::pthread_create(thread.as_mut_ptr(), how.as_ptr(), main, argument);
                    libc::pthread_attr_destroy(how.as_mut_ptr());
                    if made == 0 {
                        libc::pthread_setname_np(thread.assume_init(), name.as_ptr());
                        return Some(Self(thread.assume_init()));
                    }
                }
                None
            }
        }

        /// Makes the helper run on one of those processors from now on. Where that is refused it runs where it did.
        pub fn place(&self, others: &Others) {
            // SAFETY: helpers never end, and the set is as large as is said.
            unsafe { libc::pthread_setaffinity_np(self.0, size_of::<cpu_set_t>(), &others.0) };
        }

        /// How long it has had a processor.
        #[cfg(test)]
        pub fn busy(&self) -> std::time::Duration {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: helpers never end, and what is written is asked for before.
            unsafe {
                let mut clock = 0;
                assert_eq!(libc::pthread_getcpuclockid(self.0, &mut clock), 0);
                assert_eq!(libc::clock_gettime(clock, &mut time), 0);
            }
            std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unknown {
    use std::ffi::{CStr, c_void};
    use std::thread::Builder;

    /// Nobody says where that is.
    pub fn here() -> usize {
        0
    }

    /// Processors, which are left to the system.
    #[derive(Clone, Copy)]
    pub struct Others;

    impl Others {
        pub fn now() -> Option<Self> {
            None
        }

        pub fn is_empty(&self) -> bool {
            false
        }

        pub fn is(&self, _: &Self) -> bool {
            true
        }
    }

    /// A helper.
    pub struct Thread;

    impl Thread {
        /// Calls `main` on a new thread of that name. `None` where there can be none.
        pub fn start(
            name: &CStr,
            stack: usize,
            main: extern "C" fn(*mut c_void) -> *mut c_void,
            argument: *mut c_void,
        ) -> Option<Self> {
            let helper = Builder::new().name(name.to_string_lossy().into()).stack_size(stack);
            let argument = argument.expose_provenance();
            let call = move || _ = main(std::ptr::with_exposed_provenance_mut(argument));
            helper.spawn(call).ok().map(|_| Self)
        }

        pub fn place(&self, _: &Others) {}
    }
}
