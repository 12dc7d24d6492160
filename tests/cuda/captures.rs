//! Streams that are being captured into graphs: nothing that the library does ends a capture.

use ndferry::device::cuda::Stream;
use ndferry::dtype::DType;
use ndferry::layout::Order;
use ndferry::protocol::cuda_array::{interface_text, to_cuda_array};
use ndferry::storage::Place;
use ndferry::tensor::Tensor;

use crate::fake::{CUDA, Fake, PINNED, alone};

fn stream(number: i64) -> Stream {
    Stream::from_number(number).expect("a stream").expect("not none")
}

fn begin(fake: &Fake, stream: i64) {
    fake.cu("cuStreamBeginCapture_v2", [stream as usize, 0]);
}

/// Ends a capture, which must not have been ended by something else.
fn end(fake: &Fake, stream: i64) {
    let mut graph = 0usize;
    fake.cu("cuStreamEndCapture", [stream as usize, (&raw mut graph).addr()]);
    assert_ne!(graph, 0);
    fake.cu("cuGraphDestroy", [graph]);
}

fn zeros(number: i64) -> Tensor {
    let place = Place { device: CUDA, stream: stream(number) };
    Tensor::zeros(DType::UINT8, &[100], Order::C, place).expect("memory")
}

alone!(memory_is_made_used_and_released_while_its_stream_is_captured, || {
    let fake = Fake::open();
    fake.make_current(0);
    let captured = fake.new_stream();
    let (before, other) = (zeros(1), fake.new_stream());
    begin(&fake, captured);
    let inside = zeros(captured);
    for tensor in [&before, &inside] {
        tensor.wait(stream(captured)).expect("nothing to wait for");
        tensor.record(stream(captured)).expect("nothing to record");
        tensor.wait(stream(other)).expect("an order");
        tensor.record(stream(other)).expect("a use");
    }
    let pinned = Tensor::zeros(DType::UINT8, &[100], Order::C, PINNED).expect("memory");
    drop((inside, pinned));
    let live = fake.live(c"allocations");
    end(&fake, captured);
    // Given again, the stream is seen to be captured no more.
    before.wait(stream(captured)).expect("an order");
    drop(before);
    assert_eq!(live, 2, "what was released during the capture waited");
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!((fake.live(c"allocations"), fake.live(c"pinned")), (0, 0));
});

alone!(the_legacy_stream_is_left_alone_while_one_that_waits_for_it_is_captured, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (mut captured, other) = (0usize, fake.new_stream());
    fake.cu("cuStreamCreate", [(&raw mut captured).addr(), 0]);
    let before = zeros(1);
    begin(&fake, captured as i64);
    let inside = zeros(1);
    inside.wait(stream(other)).expect("an order");
    assert_eq!(fake.read(inside.data().addr(), 100, other), [0; 100]);
    let error = before.wait(stream(other)).expect_err("the legacy stream has no moment now");
    assert_eq!(error.message(), "cuStreamIsCapturing: CUDA_ERROR_STREAM_CAPTURE_IMPLICIT (906)");
    assert!(inside.wait(Stream::LEGACY).is_err());
    drop(inside);
    end(&fake, captured as i64);
    before.wait(stream(other)).expect("an order");
    assert_eq!(fake.read(before.data().addr(), 100, other), [0; 100]);
    drop(before);
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!(fake.live(c"allocations"), 0);
});

alone!(an_export_that_fails_keeps_nothing, || {
    let fake = Fake::open();
    fake.make_current(0);
    let mut captured = 0usize;
    fake.cu("cuStreamCreate", [(&raw mut captured).addr(), 0]);
    let before = zeros(1);
    begin(&fake, captured as i64);
    let error = to_cuda_array(&before, 3).expect_err("the legacy stream has no moment now");
    assert_eq!(error.message(), "cuStreamIsCapturing: CUDA_ERROR_STREAM_CAPTURE_IMPLICIT (906)");
    assert!(interface_text(&before, 3).is_err());
    end(&fake, captured as i64);
    drop(before);
    CUDA.synchronize().expect("nothing is wrong");
    assert_eq!(fake.live(c"allocations"), 0);
});
