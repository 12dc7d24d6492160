//! Where helpers run: beside the caller. A scheduler that finds no idle processor likes to wake a thread on the one that
//! the waking thread is running on, where it takes the time of the one that it is to help.

#[cfg(target_os = "linux")]
pub use linux::{Others, Thread};
#[cfg(not(target_os = "linux"))]
pub use unknown::{Others, Thread};

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::{MaybeUninit, size_of};
    use std::os::unix::thread::JoinHandleExt;
    use std::thread::JoinHandle;

    use libc::cpu_set_t;

    /// The processors that the calling thread may use, but for the one that it is running on.
    #[derive(Clone, Copy)]
    pub struct Others(cpu_set_t);

    impl Others {
        /// Those at this moment; `None` where nobody says.
        pub fn now() -> Option<Self> {
            let mut set = MaybeUninit::<cpu_set_t>::zeroed();
            // SAFETY: the set is as large as is said, and all zeros are one; a number below 1024 is within it.
            unsafe {
                let here = usize::try_from(libc::sched_getcpu()).ok().filter(|&cpu| cpu < 1024)?;
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

    /// A helper.
    pub struct Thread(libc::pthread_t);

    impl Thread {
        pub fn new(handle: &JoinHandle<()>) -> Self {
            Self(handle.as_pthread_t())
        }

        /// Makes the helper run on one of those processors from now on. Where that is refused it runs where it did.
        pub fn place(&self, others: &Others) {
            // SAFETY: helpers never end, and the set is as large as is said.
            unsafe { libc::pthread_setaffinity_np(self.0, size_of::<cpu_set_t>(), &others.0) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unknown {
    use std::thread::JoinHandle;

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
        pub fn new(_: &JoinHandle<()>) -> Self {
            Self
        }

        pub fn place(&self, _: &Others) {}
    }
}
