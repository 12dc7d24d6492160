//! Processes that are forked off one that uses CUDA have none, and neither crash nor free what is not theirs.

use std::ffi::c_void;

use ndferry::device::cuda::Stream;
use ndferry::device::{self, Device};
use ndferry::dtype::DType;
use ndferry::error::Kind;
use ndferry::layout::Order;
use ndferry::storage::Owner;
use ndferry::tensor::Tensor;

use crate::fake::{CUDA, Fake, MANAGED, PINNED, adopt, alone};

fn zeros(device: Device) -> Tensor {
    Tensor::zeros(DType::UINT8, &[100], Order::C, device).expect("memory")
}

unsafe extern "C" fn end(ended: *mut c_void) {
    // SAFETY: the place of the test's, which outlives the tensor.
    unsafe { ended.cast::<u32>().write(1) };
}

/// Runs `body` in a forked child; whether that comes to its end.
fn forked(body: impl FnOnce()) -> bool {
    // SAFETY: the child ends without going back to the test.
    unsafe {
        match libc::fork() {
            0 => {
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok();
                libc::_exit(if ended { 0 } else { 1 })
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                status == 0
            }
        }
    }
}

alone!(a_forked_child_has_no_devices_and_frees_nothing, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (mut ended, mut theirs) = (0u32, 0usize);
    fake.cu("cuMemAlloc_v2", [(&raw mut theirs).addr(), 100]);
    let owner = Owner::deleter;
    // SAFETY: the memory is there for as long as the process.
    let wrapped = unsafe { adopt(theirs, 100, owner(Some(end), (&raw mut ended).cast())) };
    let mut tensors: Vec<_> = [CUDA, PINNED, MANAGED].map(zeros).into();
    for tensor in tensors.iter().chain([&wrapped]) {
        tensor.record(Stream::PER_THREAD).expect("a use");
    }
    tensors.push(wrapped);
    let calls = fake.all_calls();
    let tensors = std::mem::ManuallyDrop::new(tensors);
    assert!(forked(|| {
        assert_eq!(device::count(2), 0);
        let error = Tensor::zeros(DType::UINT8, &[1], Order::C, CUDA).expect_err("no devices");
        assert_eq!(error.kind(), Kind::DeviceUnavailable);
        let expected = "`device` is cuda:0: CUDA was started before this process was forked, and does not work in forked processes";
        assert_eq!(error.message(), expected);
        assert!(tensors[0].wait(Stream::LEGACY).is_err() && tensors[3].record(Stream::LEGACY).is_err());
        assert!(Device::of_address(theirs).is_err() && CUDA.synchronize().is_err());
        // SAFETY: the child has a list of its own, and drops it once.
        drop(unsafe { std::ptr::read(&*tensors) });
        assert_eq!(ended, 1, "what is not CUDA's goes back");
        assert_eq!(fake.all_calls(), calls, "the driver is not called");
    }));
    let tensors = std::mem::ManuallyDrop::into_inner(tensors);
    assert_eq!((fake.live(c"allocations"), fake.live(c"pinned")), (3, 1));
    tensors[0].wait(Stream::LEGACY).expect("the parent goes on");
    drop(tensors);
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!((fake.live(c"allocations"), fake.live(c"pinned"), ended), (1, 0, 1));
});

alone!(a_child_that_is_forked_off_before_may_use_cuda, || {
    drop(Tensor::zeros(DType::UINT8, &[1], Order::C, Device::CPU).expect("host memory"));
    assert!(forked(|| {
        assert_eq!(device::count(2), 1);
        drop(zeros(CUDA));
    }));
    assert_eq!(device::count(2), 1);
});

alone!(a_child_of_somebody_elses_cuda_is_told_why_it_has_none, || {
    let fake = Fake::open();
    fake.make_current(0);
    assert!(forked(|| {
        let error = Tensor::zeros(DType::UINT8, &[1], Order::C, CUDA).expect_err("no devices");
        assert_eq!(error.kind(), Kind::DeviceUnavailable);
        assert!(
            error
                .message()
                .contains("CUDA_ERROR_NOT_INITIALIZED (3): this is what a process gets that was forked"),
            "{error}"
        );
    }));
});
