//! The caller's context, and contexts that others made.

use ndferry::device::Device;
use ndferry::device::cuda::Stream;
use ndferry::dtype::DType;
use ndferry::engine::route::{Convert, convert};
use ndferry::layout::Order;
use ndferry::storage::Owner;
use ndferry::tensor::Tensor;

use crate::fake::{CUDA, Fake, MANAGED, PINNED, SECOND, adopt, alone};

/// Everything that enters a context.
fn act(fake: &Fake, device: Device) {
    let tensor = Tensor::zeros(DType::UINT8, &[100], Order::C, device).expect("memory");
    tensor.record(Stream::PER_THREAD).expect("a use");
    tensor.wait(Stream::LEGACY).expect("an order");
    let _ = device.memory_info();
    let _ = Tensor::empty(DType::UINT8, &[1 << 60], Order::C, device).expect_err("too much");
    drop(tensor);
    device.synchronize().expect("nothing is wrong");
    fake.cu("cuCtxSynchronize", []);
}

alone!(the_callers_context_is_current_after_every_call, [("FAKECUDA_DEVICES", "2")], || {
    let fake = Fake::open();
    fake.make_current(1);
    let own = fake.current();
    for device in [CUDA, SECOND, PINNED, MANAGED] {
        act(&fake, device);
        assert_eq!(fake.current(), own, "{device}");
    }
});

alone!(a_thread_without_a_context_has_none_afterwards, || {
    let fake = Fake::open();
    for device in [CUDA, PINNED, MANAGED] {
        drop(Tensor::zeros(DType::UINT8, &[100], Order::C, device).expect("memory"));
        assert_eq!(fake.current(), 0, "{device}");
    }
});

alone!(memory_of_no_device_is_made_for_the_device_that_is_current, [("FAKECUDA_DEVICES", "2")], || {
    let fake = Fake::open();
    fake.make_current(1);
    let pinned = Tensor::zeros(DType::UINT8, &[100], Order::C, PINNED).expect("memory");
    assert_eq!(pinned.storage().context().expect("one").ordinal(), 1);
    assert_eq!(fake.live(c"contexts"), 2, "that of the test and ours, of the second device");
});

/// A context of somebody else's, and a tensor on memory of it.
struct Theirs {
    /// The one that is current.
    primary: usize,
    context: usize,
    tensor: Tensor,
}

impl Theirs {
    fn make(fake: &Fake) -> Self {
        fake.make_current(0);
        let (primary, mut context, mut address) = (fake.current(), 0usize, 0usize);
        fake.cu("cuCtxCreate_v2", [(&raw mut context).addr(), 0, 0]);
        fake.cu("cuMemAlloc_v2", [(&raw mut address).addr(), 100]);
        fake.cu("cuCtxSetCurrent", [primary]);
        // SAFETY: nothing frees the memory before the tensor is gone.
        let tensor = unsafe { adopt(address, 100, Owner::NOBODY) };
        Self { primary, context, tensor }
    }
}

alone!(memory_of_a_context_of_somebody_elses_is_worked_on_there, || {
    let fake = Fake::open();
    let Theirs { primary, context, tensor } = Theirs::make(&fake);
    assert_ne!(context, primary);
    fake.cu("cuCtxSetCurrent", [context]);
    let (one, two) = (fake.new_stream(), fake.new_stream());
    fake.cu("cuCtxSetCurrent", [primary]);
    let stream = |number| Stream::from_number(number).expect("a stream").expect("not none");
    // The driver refuses events on streams of another context.
    tensor.record(stream(one)).expect("a use");
    tensor.wait(stream(two)).expect("an order");
    assert_eq!(fake.current(), primary);
    drop(tensor);
    assert_eq!(fake.current(), primary);
});

alone!(what_is_kept_for_later_does_not_go_with_a_context_of_somebody_elses, || {
    let fake = Fake::open();
    let Theirs { primary, context, tensor } = Theirs::make(&fake);
    fake.cu("cuCtxSetCurrent", [context]);
    fake.set(tensor.data().addr(), 5, 100, 1);
    fake.cu("cuCtxSetCurrent", [primary]);
    // What becomes another type on its way to the host passes through memory that is kept.
    let to_host = |tensor: &Tensor| {
        let how = Convert { device: Some(Device::CPU), ..Convert::default() };
        let found = convert(tensor, DType::INT16, &how).expect("a copy");
        // SAFETY: a hundred integers of the host's.
        unsafe { std::slice::from_raw_parts(found.data().cast::<i16>(), 100) }.to_vec()
    };
    assert_eq!(to_host(&tensor), [5; 100]);
    drop(tensor);
    fake.cu("cuCtxDestroy_v2", [context]);
    let ours = Tensor::zeros(DType::UINT8, &[100], Order::C, CUDA).expect("memory");
    assert_eq!(to_host(&ours), [0; 100]);
});
