//! The order of work on streams. The fake runs what is enqueued as late as it may, so that a wait that is missing gives
//! wrong data, every time.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndferry::device::Device;
use ndferry::device::cuda::Stream;
use ndferry::dtype::DType;
use ndferry::layout::Order;
use ndferry::protocol::stream::remember;
use ndferry::storage::{Owner, Place};
use ndferry::tensor::Tensor;

use crate::fake::{CUDA, Fake, PINNED, SECOND, adopt, alone};

const COUNT: usize = 1000;

fn stream(number: i64) -> Stream {
    Stream::from_number(number).expect("a stream").expect("not none")
}

fn empty(device: Device, number: i64) -> Tensor {
    let place = Place { device, stream: stream(number) };
    Tensor::empty(DType::UINT8, &[COUNT as i64], Order::C, place).expect("memory")
}

/// How many of the bytes that a second stream reads are not those that the first one wrote.
fn wrong_bytes(waits: bool) -> usize {
    let fake = Fake::open();
    fake.make_current(0);
    let (one, two) = (fake.new_stream(), fake.new_stream());
    let tensor = empty(CUDA, one);
    CUDA.synchronize().expect("nothing is wrong");
    fake.faults("");
    fake.set(tensor.data().addr(), 7, COUNT, one);
    tensor.record(stream(one)).expect("a use");
    if waits {
        tensor.wait(stream(two)).expect("an order");
    }
    assert_eq!(fake.calls(c"cuStreamSynchronize") + fake.calls(c"cuCtxSynchronize"), 0, "the host waits");
    assert_eq!(fake.calls(c"cuEventSynchronize"), 0, "the host waits");
    fake.read(tensor.data().addr(), COUNT, two).iter().filter(|&&byte| byte != 7).count()
}

alone!(a_stream_that_waits_sees_what_another_one_wrote, || assert_eq!(wrong_bytes(true), 0));

// So the test above can fail.
alone!(a_stream_that_does_not_wait_sees_something_else, || assert_eq!(wrong_bytes(false), COUNT));

alone!(zeros_are_there_for_a_stream_that_waits, || {
    let fake = Fake::open();
    fake.make_current(0);
    let tensor = Tensor::zeros(DType::UINT8, &[COUNT as i64], Order::C, CUDA).expect("memory");
    assert_eq!(fake.calls(c"cuEventRecord"), 0, "nobody waits for the legacy stream yet");
    let other = fake.new_stream();
    tensor.wait(stream(other)).expect("an order");
    tensor.wait(stream(other)).expect("an order");
    assert_eq!(fake.calls(c"cuEventRecord"), 1, "once is enough");
    assert_eq!(fake.read(tensor.data().addr(), COUNT, other), [0; COUNT]);
});

alone!(a_stream_does_not_wait_for_itself, || {
    let fake = Fake::open();
    fake.make_current(0);
    let one = fake.new_stream();
    let tensor = empty(CUDA, one);
    tensor.wait(stream(one)).expect("nothing to wait for");
    tensor.record(stream(one)).expect("a use");
    tensor.wait(stream(one)).expect("nothing to wait for");
    let legacy = Tensor::zeros(DType::UINT8, &[1], Order::C, CUDA).expect("memory");
    legacy.wait(Stream::LEGACY).expect("nothing to wait for");
    assert_eq!(fake.calls(c"cuStreamWaitEvent"), 0);
});

alone!(a_stream_with_the_handle_of_one_that_is_gone_waits, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (one, two) = (fake.new_stream(), fake.new_stream());
    let tensor = empty(CUDA, one);
    for number in [one, two, one] {
        tensor.record(stream(number)).expect("a use");
    }
    tensor.wait(stream(two)).expect("an order");
    assert_eq!(fake.calls(c"cuStreamWaitEvent"), 1);
});

alone!(the_stream_of_each_thread_is_its_own, || {
    let fake = Fake::open();
    fake.make_current(0);
    let tensor = empty(CUDA, 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| tensor.wait(Stream::PER_THREAD).expect("an order"));
        other.join().expect("no panic");
    });
    assert_eq!(fake.calls(c"cuStreamWaitEvent"), 1);
});

/// What the fake says of work on memory that is released while the work is still to come.
fn released_while_busy(recorded: bool) -> i32 {
    let fake = Fake::open();
    fake.make_current(0);
    let consumer = fake.new_stream();
    let tensor = empty(CUDA, 1);
    tensor.wait(stream(consumer)).expect("an order");
    fake.set(tensor.data().addr(), 7, COUNT, consumer);
    if recorded {
        tensor.record(stream(consumer)).expect("a use");
    }
    drop(tensor);
    assert_eq!(fake.calls(c"cuCtxSynchronize") + fake.calls(c"cuStreamSynchronize"), 0, "the host waits");
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!(fake.live(c"allocations"), 0);
    fake.code("cuStreamSynchronize", [consumer as usize])
}

alone!(memory_is_freed_after_work_that_was_told_of, || assert_eq!(released_while_busy(true), 0));

alone!(memory_is_freed_after_work_that_nobody_told_of, || assert_eq!(released_while_busy(false), 0));

// So the tests above can fail.
alone!(memory_that_is_freed_too_early_is_an_illegal_address, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (maker, consumer, mut address) = (fake.new_stream(), fake.new_stream(), 0usize);
    fake.cu("cuMemAllocAsync", [(&raw mut address).addr(), COUNT, maker as usize]);
    fake.cu("cuStreamSynchronize", [maker as usize]);
    fake.set(address, 7, COUNT, consumer);
    fake.cu("cuMemFreeAsync", [address, maker as usize]);
    fake.cu("cuStreamSynchronize", [maker as usize]);
    assert_eq!(fake.code("cuStreamSynchronize", [consumer as usize]), 700);
});

alone!(work_of_another_device_is_waited_for, [("FAKECUDA_DEVICES", "2")], || {
    let fake = Fake::open();
    fake.make_current(1);
    let there = fake.new_stream();
    let (from, to) = (empty(CUDA, 1), empty(SECOND, there));
    let (source, target) = (from.storage(), to.storage());
    let entered = target.context().expect("a device").enter().expect("no failure");
    source.wait(&entered, stream(there)).expect("an order");
    let [to_address, from_address] = [&to, &from].map(|tensor| tensor.data().addr() as u64);
    // SAFETY: both are there until the stream has come so far: that is what is tested.
    unsafe { entered.copy(to_address, from_address, COUNT, stream(there)) }.expect("a copy");
    source.record(&entered, stream(there)).expect("a use");
    drop(entered);
    drop(from);
    CUDA.synchronize().expect("nothing is wrong");
    SECOND.synchronize().expect("nothing is wrong");
    assert_eq!(fake.live(c"allocations"), 1);
});

alone!(pinned_memory_is_kept_until_its_work_is_done, || {
    let fake = Fake::open();
    fake.make_current(0);
    let other = fake.new_stream();
    let (pinned, device) = (empty(PINNED, 1), empty(CUDA, other));
    let arguments = [device.data().addr(), pinned.data().addr(), COUNT, other as usize];
    // SAFETY: a thousand bytes of ours.
    unsafe { pinned.data().write_bytes(9, COUNT) };
    fake.cu("cuMemcpyHtoDAsync_v2", arguments);
    drop(pinned);
    assert_eq!(fake.live(c"pinned"), 1);
    assert_eq!(fake.read(device.data().addr(), COUNT, other), [9; COUNT]);
    drop(device);
    assert_eq!(fake.live(c"pinned"), 0);
});

unsafe extern "C" fn release(tensor: *mut c_void) {
    // SAFETY: the tensor that the test gave away, once.
    drop(unsafe { Box::from_raw(tensor.cast::<Tensor>()) });
}

// There nothing of the driver may be called.
alone!(what_a_function_on_a_stream_releases_is_freed_later, || {
    let fake = Fake::open();
    fake.make_current(0);
    let stream = fake.new_stream();
    let tensor = Box::into_raw(Box::new(empty(CUDA, stream)));
    let release: unsafe extern "C" fn(*mut c_void) = release;
    fake.cu("cuLaunchHostFunc", [stream as usize, release as usize, tensor.addr()]);
    fake.cu("cuStreamSynchronize", [stream as usize]);
    CUDA.synchronize().expect("nothing is wrong");
    drop(empty(CUDA, stream));
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!(fake.live(c"allocations"), 0);
});

static ENDED: AtomicUsize = AtomicUsize::new(0);

/// The deleter of somebody who frees device memory in the order of a stream, or at once where that is 0.
unsafe extern "C" fn end(stream: *mut c_void) {
    let address = ENDED.swap(0, Ordering::Relaxed);
    let fake = Fake::open();
    match stream.addr() {
        0 => fake.cu("cuMemFree_v2", [address]),
        stream => fake.cu("cuMemFreeAsync", [address, stream]),
    }
}

/// Memory of somebody's.
fn foreign(address: usize, home: usize) -> Tensor {
    ENDED.store(address, Ordering::Relaxed);
    // SAFETY: the memory is there until the deleter is called.
    unsafe { adopt(address, COUNT, Owner::deleter(Some(end), std::ptr::without_provenance_mut(home))) }
}

alone!(the_host_waits_before_memory_of_somebody_elses_goes_back, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (ours, mut address) = (fake.new_stream(), 0usize);
    fake.cu("cuMemAlloc_v2", [(&raw mut address).addr(), COUNT]);
    let tensor = foreign(address, 0);
    fake.set(address, 7, COUNT, ours);
    tensor.record(stream(ours)).expect("a use");
    drop(tensor);
    assert_eq!((ENDED.load(Ordering::Relaxed), fake.calls(c"cuEventSynchronize")), (0, 1));
    assert_eq!(fake.code("cuStreamSynchronize", [ours as usize]), 0);
    assert_eq!(fake.live(c"allocations"), 0);
});

alone!(the_home_of_memory_may_be_the_stream_of_a_thread, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (other, mut address) = (fake.new_stream(), 0usize);
    fake.cu("cuMemAlloc_v2", [(&raw mut address).addr(), COUNT]);
    fake.set(address, 5, COUNT, 2);
    let tensor = foreign(address, 0);
    let entered = tensor.storage().context().expect("a device").enter().expect("no failure");
    tensor.storage().set_home(&entered, Stream::PER_THREAD).expect("a stream");
    drop(entered);
    std::thread::scope(|scope| {
        scope.spawn(|| tensor.wait(stream(other)).expect("an order"));
    });
    assert_eq!(fake.read(address, COUNT, other), [5; COUNT]);
});

alone!(the_stream_of_its_owner_waits_where_it_is_known, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (ours, home, mut address) = (fake.new_stream(), fake.new_stream(), 0usize);
    fake.cu("cuMemAllocAsync", [(&raw mut address).addr(), COUNT, home as usize]);
    fake.set(address, 5, COUNT, home);
    let tensor = foreign(address, home as usize);
    let entered = tensor.storage().context().expect("a device").enter().expect("no failure");
    tensor.storage().set_home(&entered, stream(home)).expect("a stream");
    drop(entered);
    tensor.wait(stream(ours)).expect("an order");
    let copy = empty(CUDA, ours);
    let arguments = [copy.data().addr(), address, COUNT, ours as usize];
    fake.cu("cuMemcpyDtoDAsync_v2", arguments);
    tensor.record(stream(ours)).expect("a use");
    drop(tensor);
    assert_eq!(ENDED.load(Ordering::Relaxed), 0);
    assert_eq!(fake.calls(c"cuEventSynchronize") + fake.calls(c"cuStreamSynchronize"), 0, "the host waits");
    // First the one that frees: what does not wait frees too early.
    assert_eq!(fake.code("cuStreamSynchronize", [home as usize]), 0);
    assert_eq!(fake.read(copy.data().addr(), COUNT, ours), [5; COUNT]);
    assert_eq!(fake.live(c"allocations"), 1);
});

/// What has been read on a stream of the memory of somebody who works on `home`, as it comes in by an exchange.
fn imported(fake: &Fake, home: i64) -> Tensor {
    let mut address = 0usize;
    fake.cu("cuMemAlloc_v2", [(&raw mut address).addr(), COUNT]);
    fake.set(address, 5, COUNT, home);
    let tensor = foreign(address, 0);
    remember(&tensor, stream(home)).expect("a use");
    tensor
}

alone!(what_its_owner_does_to_memory_is_not_waited_for_when_it_goes_back, || {
    let fake = Fake::open();
    fake.make_current(0);
    for home in [1, fake.new_stream()] {
        let tensor = imported(&fake, home);
        fake.faults("");
        drop(tensor);
        assert_eq!(
            fake.calls(c"cuEventSynchronize") + fake.calls(c"cuStreamSynchronize"),
            0,
            "the host waits"
        );
        assert_eq!(ENDED.load(Ordering::Relaxed), 0);
    }
});

alone!(what_its_owner_does_to_memory_is_waited_for_by_our_work, || {
    let fake = Fake::open();
    fake.make_current(0);
    for home in [1, fake.new_stream()] {
        let (tensor, ours) = (imported(&fake, home), fake.new_stream());
        tensor.wait(stream(ours)).expect("an order");
        assert_eq!(fake.read(tensor.data().addr(), COUNT, ours), [5; COUNT]);
    }
});

alone!(our_work_on_the_stream_of_the_owner_is_waited_for_when_memory_goes_back, || {
    let fake = Fake::open();
    fake.make_current(0);
    for home in [1, fake.new_stream()] {
        let tensor = imported(&fake, home);
        fake.set(tensor.data().addr(), 7, COUNT, home);
        tensor.record(stream(home)).expect("a use");
        fake.faults("");
        drop(tensor);
        assert_eq!((ENDED.load(Ordering::Relaxed), fake.calls(c"cuEventSynchronize")), (0, 1));
        assert_eq!(fake.code("cuStreamSynchronize", [home as usize]), 0);
    }
});

alone!(what_can_be_waited_for_is_while_something_else_cannot, || {
    for at_home in [false, true] {
        let fake = Fake::open();
        fake.make_current(0);
        let (ours, mut captured, mut graph) = (fake.new_stream(), 0usize, 0usize);
        fake.cu("cuStreamCreate", [(&raw mut captured).addr(), 0]);
        // What is freed in stream order does not wait by itself, as `cuMemFree` does.
        let (theirs, mut address) = (fake.new_stream(), 0usize);
        fake.cu("cuMemAllocAsync", [(&raw mut address).addr(), COUNT, theirs as usize]);
        let tensor = foreign(address, theirs as usize);
        if at_home {
            let entered = tensor.storage().context().expect("a device").enter().expect("no failure");
            tensor.storage().set_home(&entered, Stream::LEGACY).expect("a stream");
        }
        tensor.record(Stream::LEGACY).expect("a use");
        CUDA.synchronize().expect("nothing is wrong");
        fake.set(tensor.data().addr(), 7, COUNT, ours);
        tensor.record(stream(ours)).expect("a use");
        // Now the legacy stream has no moment.
        fake.cu("cuStreamBeginCapture_v2", [captured, 2]);
        drop(tensor);
        assert_eq!(ENDED.load(Ordering::Relaxed), 0);
        fake.cu("cuStreamEndCapture", [captured, (&raw mut graph).addr()]);
        assert_eq!(fake.code("cuStreamSynchronize", [theirs as usize]), 0);
        assert_eq!(fake.code("cuStreamSynchronize", [ours as usize]), 0, "the memory was there no more");
    }
});

alone!(whoever_waits_on_the_legacy_stream_is_waited_for_when_memory_goes_back, || {
    let fake = Fake::open();
    fake.make_current(0);
    let tensor = imported(&fake, 1);
    tensor.wait(Stream::LEGACY).expect("nothing to wait for");
    fake.faults("");
    drop(tensor);
    assert_eq!(fake.calls(c"cuEventSynchronize"), 1);
});

alone!(what_its_owner_does_after_our_work_on_the_same_stream_does_not_hide_that, || {
    let fake = Fake::open();
    fake.make_current(0);
    let home = fake.new_stream();
    let tensor = imported(&fake, home);
    tensor.record(stream(home)).expect("a use");
    remember(&tensor, stream(home)).expect("a use");
    fake.faults("");
    drop(tensor);
    assert_eq!(fake.calls(c"cuEventSynchronize"), 1);
});
