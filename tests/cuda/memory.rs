//! Memory on devices: where it comes from, and when it goes back.

use ndferry::device::cuda::Stream;
use ndferry::device::{self, Device};
use ndferry::dtype::DType;
use ndferry::error::Kind;
use ndferry::layout::Order;
use ndferry::storage::Place;
use ndferry::tensor::{MemoryOrder, Tensor};

use crate::fake::{CUDA, Fake, MANAGED, PINNED, SECOND, alone};

fn bytes(device: Device, count: i64) -> Tensor {
    Tensor::zeros(DType::UINT8, &[count], Order::C, device).expect("memory")
}

alone!(device_memory_comes_from_a_pool_of_our_own_and_goes_back, || {
    let fake = Fake::open();
    fake.make_current(0);
    assert_eq!(fake.live(c"pools"), 0);
    let tensor = bytes(CUDA, 1000);
    assert_eq!((fake.live(c"pools"), fake.live(c"allocations"), fake.calls(c"cuMemAlloc_v2")), (1, 1, 0));
    assert_eq!(fake.calls(c"cuDeviceGetDefaultMemPool") + fake.calls(c"cuMemAllocAsync"), 0);
    assert!(tensor.data().addr().is_multiple_of(256));
    assert_eq!(fake.read(tensor.data().addr(), 1000, 1), [0; 1000]);
    let view = tensor.slice(0, Some(5), None, 1).expect("a view");
    drop(tensor);
    assert_eq!(fake.live(c"allocations"), 1);
    drop(view);
    assert_eq!(device::Device::synchronize(CUDA), Ok(()));
    assert_eq!((fake.live(c"allocations"), fake.live(c"bytes")), (0, 0));
});

alone!(where_there_are_no_pools_memory_is_made_and_freed_plainly, [("FAKECUDA_POOLS", "0")], || {
    let fake = Fake::open();
    fake.make_current(0);
    let tensor = bytes(CUDA, 1000);
    assert_eq!((fake.live(c"pools"), fake.calls(c"cuMemAlloc_v2")), (0, 1));
    assert_eq!(fake.read(tensor.data().addr(), 1000, 1), [0; 1000]);
    drop(tensor);
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!(fake.live(c"allocations"), 0);
});

alone!(pinned_and_managed_memory_is_the_hosts_at_once, || {
    let fake = Fake::open();
    for (device, kind) in [(PINNED, c"pinned"), (MANAGED, c"allocations")] {
        let tensor = bytes(device, 100);
        assert_eq!((tensor.device(), fake.live(kind)), (device, 1));
        assert_eq!(Device::of_address(tensor.data().addr() + 99), Ok(device));
        // SAFETY: a hundred bytes that the host reaches.
        assert_eq!(unsafe { std::slice::from_raw_parts(tensor.data(), 100) }, [0; 100]);
        // SAFETY: as above.
        unsafe { tensor.data().write_bytes(7, 100) };
        drop(tensor);
        assert_eq!(fake.live(kind), 0);
    }
    assert_eq!(Device::of_address((&raw const fake).addr()), Ok(Device::CPU));
});

alone!(memory_that_has_no_elements_is_nowhere_but_on_its_device, || {
    let fake = Fake::open();
    for device in [CUDA, PINNED, MANAGED] {
        let tensor = Tensor::empty(DType::FLOAT32, &[3, 0], Order::F, device).expect("nothing");
        assert_eq!((tensor.device(), tensor.data().is_null()), (device, true));
    }
    assert_eq!((fake.live(c"allocations"), fake.live(c"pinned")), (0, 0));
});

alone!(memory_that_cannot_be_had_is_an_error_of_its_own, [("FAKECUDA_MEMORY", "10000000")], || {
    let make = |count| Tensor::empty(DType::UINT8, &[count], Order::C, CUDA);
    let error = make(20_000_000).expect_err("more than there is");
    assert_eq!(error.kind(), Kind::OutOfMemory);
    assert_eq!(error.message(), "cuMemAllocFromPoolAsync: CUDA_ERROR_OUT_OF_MEMORY (2)");
    let error = make(1 << 60).expect_err("more than there can be");
    assert_eq!(error.kind(), Kind::OutOfMemory);
    // What was released a moment ago is waited for.
    for _ in 0..10 {
        make(6_000_000).expect("the one before was released");
    }
});

alone!(each_device_has_memory_of_its_own, [("FAKECUDA_DEVICES", "2")], || {
    let fake = Fake::open();
    let (one, two) = (bytes(CUDA, 10), bytes(SECOND, 10));
    assert_eq!(fake.live(c"pools"), 2);
    assert_eq!(Device::of_address(one.data().addr()), Ok(CUDA));
    assert_eq!(Device::of_address(two.data().addr()), Ok(SECOND));
    let place = Place { device: SECOND, stream: Stream::PER_THREAD };
    let like = one.empty_like(DType::FLOAT64, MemoryOrder::Keep, place).expect("memory");
    assert_eq!((like.device(), like.byte_size()), (SECOND, 80));
    let (free, total) = SECOND.memory_info().expect("a device");
    assert!(free < total);
    assert!(CUDA.can_access(SECOND).expect("two devices") && !CUDA.can_access(CUDA).expect("a device"));
    assert!(!CUDA.description().expect("a device").is_empty());
    assert_eq!(PINNED.memory_info().expect_err("no CUDA device").kind(), Kind::Unsupported);
});

/// What is asked of the driver for memory that two devices use.
fn shown_to_peers() -> i64 {
    let fake = Fake::open();
    let tensor = bytes(CUDA, 100);
    let other = bytes(SECOND, 100);
    let entered = other.storage().context().expect("a device").enter().expect("no failure");
    tensor.storage().wait(&entered, Stream::LEGACY).expect("an order");
    let [to, from] = [&other, &tensor].map(|tensor| tensor.data().addr() as u64);
    // SAFETY: both are there until the stream has come so far.
    unsafe { entered.copy(to, from, 100, Stream::LEGACY) }.expect("a copy");
    other.storage().record(&entered, Stream::LEGACY).expect("a use");
    drop(entered);
    SECOND.synchronize().expect("nothing is wrong");
    fake.calls(c"cuMemPoolSetAccess")
}

alone!(devices_that_reach_each_other_reach_memory_of_the_pools, [("FAKECUDA_DEVICES", "2")], || {
    assert_eq!(shown_to_peers(), 2);
});

alone!(
    devices_that_do_not_reach_each_other_copy,
    [("FAKECUDA_DEVICES", "2"), ("FAKECUDA_PEERS", "0")],
    || {
        assert_eq!(shown_to_peers(), 0);
    }
);

alone!(ten_thousand_tensors_come_and_go_without_growth, || {
    let fake = Fake::open();
    let count = || [c"events", c"streams", c"allocations", c"pools"].map(|kind| fake.live(kind));
    let once = || {
        let tensor = Tensor::empty(DType::UINT8, &[100], Order::C, CUDA).expect("memory");
        tensor.record(Stream::PER_THREAD).expect("a use");
    };
    (0..100).for_each(|_| once());
    CUDA.synchronize().expect("nothing is wrong");
    let before = count();
    for _ in 0..100 {
        (0..100).for_each(|_| once());
        CUDA.synchronize().expect("nothing is wrong");
    }
    assert_eq!(count(), before);
    assert_eq!(fake.live(c"allocations"), 0);
});
