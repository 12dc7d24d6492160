//! Conversion, copies, fills and comparisons of tensors on devices, through the same functions as on the host.

use std::ffi::c_void;

use ndferry::device::Device;
use ndferry::device::cuda::Stream;
use ndferry::dtype::{DType, SWAPPED};
use ndferry::engine::progress::Callback;
use ndferry::engine::route::{self, Convert, CopyMode};
use ndferry::error::Kind;
use ndferry::layout::Order;
use ndferry::storage::Place;
use ndferry::tensor::{MemoryOrder, Tensor};

use crate::fake::{CUDA, Fake, MANAGED, PINNED, SECOND, alone, run_alone};

const SHAPE: [i64; 3] = [7, 40, 33];

fn stream(number: i64) -> Stream {
    Stream::from_number(number).expect("a stream").expect("not none")
}

/// Numbers from 0 on, on the host.
fn numbers(shape: &[i64]) -> Tensor {
    let tensor = Tensor::empty(DType::FLOAT32, shape, Order::C, Device::CPU).expect("memory");
    // SAFETY: so many numbers of this type, which nobody else knows of.
    let values = unsafe {
        std::slice::from_raw_parts_mut(tensor.data().cast::<f32>(), tensor.element_count() as usize)
    };
    values.iter_mut().enumerate().for_each(|(i, value)| *value = (i % 2039) as f32);
    tensor
}

fn to(device: Device) -> Convert<'static> {
    Convert { device: Some(device), order: MemoryOrder::Keep, ..Convert::default() }
}

fn moved(tensor: &Tensor, device: Device) -> Tensor {
    route::convert(tensor, tensor.dtype(), &to(device)).expect("a transfer")
}

/// Whether `tensor` has the elements of `expected`, which is on the host.
fn has(tensor: &Tensor, expected: &Tensor) -> bool {
    route::equal(&moved(tensor, Device::CPU), expected, Stream::LEGACY).expect("comparable")
}

alone!(tensors_come_back_from_any_device_as_they_were, [("FAKECUDA_DEVICES", "2")], || {
    let source = numbers(&SHAPE);
    let turned = source.permute(&[2, 0, 1]).expect("axes");
    for (a, b) in
        [(CUDA, CUDA), (PINNED, CUDA), (CUDA, PINNED), (MANAGED, CUDA), (CUDA, MANAGED), (CUDA, SECOND)]
    {
        for tensor in [&source, &turned] {
            let there = moved(&moved(tensor, a), b);
            assert_eq!(there.device(), b);
            assert!(has(&there, tensor), "{a} {b}");
        }
    }
});

alone!(types_orders_and_scales_change_on_the_way, [("FAKECUDA_DEVICES", "2")], || {
    let source = numbers(&SHAPE).permute(&[1, 2, 0]).expect("axes");
    let swapped = DType { flags: SWAPPED, ..DType::FLOAT64 };
    let scale: Vec<f64> = (0..33).map(|i| 0.5 + f64::from(i)).collect();
    for device in [CUDA, PINNED, MANAGED] {
        let there = moved(&source, device);
        for (dtype, order) in [
            (DType::FLOAT16, MemoryOrder::C),
            (DType::FLOAT64, MemoryOrder::F),
            (DType::INT16, MemoryOrder::Keep),
            (swapped, MemoryOrder::C),
        ] {
            for scale in [&[][..], &[2.0], &scale] {
                let how = Convert { scale, axis: 1, order, ..Convert::default() };
                let expected = route::convert(&source, dtype, &how).expect("a conversion");
                for target in [CUDA, Device::CPU, SECOND] {
                    let how = Convert { device: Some(target), ..how };
                    let found = route::convert(&there, dtype, &how).expect("a conversion");
                    assert_eq!(found.layout().strides(), expected.layout().strides());
                    assert!(has(&found, &expected), "{device} to {target}, {dtype}");
                    let found = route::convert(&source, dtype, &how).expect("a conversion");
                    assert!(has(&found, &expected), "cpu to {target}, {dtype}");
                }
            }
        }
    }
});

alone!(nothing_goes_from_one_device_to_another_unless_somebody_says_so, || {
    let (here, there) = (numbers(&[50]), moved(&numbers(&[50]), CUDA));
    for (a, b) in [(&here, &there), (&there, &here)] {
        let how = Convert { copy: CopyMode::Always, ..Convert::default() };
        assert_eq!(route::copy_into(a, b, &how).expect_err("two devices").kind(), Kind::InvalidArgument);
        route::copy_into(a, b, &Convert { device: Some(b.device()), ..how }).expect("said so");
        assert_eq!(route::equal(a, b, Stream::LEGACY).expect_err("two devices").kind(), Kind::Unsupported);
        let kept = route::convert(a, DType::FLOAT16, &how).expect("a conversion");
        assert_eq!(kept.device(), a.device());
    }
});

alone!(a_device_compares_and_fills, || {
    let source = numbers(&SHAPE);
    let there = moved(&source, CUDA);
    let same = |a: &Tensor, b: &Tensor| route::equal(a, b, Stream::LEGACY).expect("comparable");
    assert!(same(&there, &moved(&source, CUDA)) && same(&there, &moved(&source, PINNED)));
    assert!(!same(&there, &moved(&numbers(&[7, 40, 34]), CUDA)));
    let wide = route::convert(&there, DType::FLOAT64, &Convert::default()).expect("a conversion");
    assert!(same(&there, &wide));
    let row = wide.select(0, 3).expect("a row");
    for (dtype, scale) in [(DType::UINT8, 3.0), (DType::FLOAT32, 1.5), (DType::INT64, -7.0)] {
        let value = route::convert(
            &numbers(&[2]).select(0, 1).expect("the number 1"),
            dtype,
            &Convert { scale: &[scale], ..Convert::default() },
        )
        .expect("a conversion");
        route::fill(&row, &value, Stream::LEGACY).expect("a fill");
        let expected = numbers(&SHAPE);
        route::fill(&expected.select(0, 3).expect("a row"), &value, Stream::LEGACY).expect("a fill");
        assert!(has(&wide, &expected), "{dtype}");
        assert!(!same(&there, &wide));
    }
});

alone!(elements_that_overlap_come_out_as_if_the_source_had_been_copied, || {
    let (here, there) = (numbers(&[40, 40]), moved(&numbers(&[40, 40]), CUDA));
    for tensor in [&here, &there] {
        let turned = tensor.permute(&[1, 0]).expect("axes");
        route::copy_into(&turned, tensor, &Convert::default()).expect("a copy");
    }
    assert!(has(&there, &here));
});

/// Wrong elements of a conversion on a stream of what another stream has written, which the storage knows or not.
fn wrong(records: bool) -> bool {
    let fake = Fake::open();
    fake.make_current(0);
    let (one, two) = (fake.new_stream(), fake.new_stream());
    let place = Place { device: CUDA, stream: stream(one) };
    let source = Tensor::zeros(DType::UINT8, &[3000], Order::C, place).expect("memory");
    CUDA.synchronize().expect("nothing is wrong");
    fake.set(source.data().addr(), 7, 3000, one);
    if records {
        source.record(stream(one)).expect("a use");
    }
    fake.faults("");
    let how = Convert { stream: stream(two), ..Convert::default() };
    let result = route::convert(&source, DType::FLOAT32, &how).expect("a conversion");
    // Whoever writes the source next waits for the conversion, too.
    source.wait(stream(one)).expect("an order");
    fake.set(source.data().addr(), 9, 3000, one);
    for call in [c"cuStreamSynchronize", c"cuCtxSynchronize", c"cuEventSynchronize"] {
        assert_eq!(fake.calls(call), 0, "the host waits: {call:?}");
    }
    let third = fake.new_stream();
    result.wait(stream(third)).expect("an order");
    let bytes = fake.read(result.data().addr(), 12_000, third);
    bytes.chunks(4).any(|bytes| bytes != 7f32.to_ne_bytes())
}

alone!(a_conversion_waits_for_what_is_known_to_use_its_memory_and_the_host_for_nothing, || {
    assert!(!wrong(true));
});

// So the test above can fail.
alone!(a_conversion_does_not_wait_for_what_nobody_knows_of, || assert!(wrong(false)));

alone!(pinned_memory_is_left_to_the_stream_and_pageable_memory_is_there_at_once, || {
    let fake = Fake::open();
    fake.make_current(0);
    let source = moved(&numbers(&SHAPE), CUDA).permute(&[2, 1, 0]).expect("axes");
    CUDA.synchronize().expect("nothing is wrong");
    fake.faults("");
    let pinned = moved(&source, PINNED);
    assert_eq!(fake.calls(c"cuStreamSynchronize") + fake.calls(c"cuEventSynchronize"), 0, "the host waits");
    let expected = numbers(&SHAPE).permute(&[2, 1, 0]).expect("axes");
    assert!(route::equal(&pinned, &expected, Stream::LEGACY).expect("the host waits before it looks"));
    assert!(route::equal(&moved(&source, Device::CPU), &expected, Stream::LEGACY).expect("comparable"));
});

alone!(what_a_graph_does_it_does_when_it_runs, || {
    let fake = Fake::open();
    fake.make_current(0);
    let captured = fake.new_stream();
    let (source, target) = (moved(&numbers(&[40, 50]), CUDA), moved(&numbers(&[40, 50]), CUDA));
    let (filled, host) = (moved(&numbers(&[9]), CUDA), numbers(&[40, 50]));
    CUDA.synchronize().expect("nothing is wrong");
    let scale: Vec<f64> = (0..50).map(f64::from).collect();
    let how = Convert { stream: stream(captured), scale: &scale, axis: 1, ..Convert::default() };
    fake.cu("cuStreamBeginCapture_v2", [captured as usize, 0]);
    route::copy_into(&source, &target, &how).expect("kernels only");
    let turned = target.permute(&[1, 0]).expect("axes");
    let halves =
        route::convert(&turned, DType::FLOAT16, &Convert { scale: &[], ..how }).expect("kernels only");
    route::fill(&filled, &numbers(&[1]).select(0, 0).expect("0"), stream(captured)).expect("a kernel");
    let refused = Convert { device: Some(CUDA), ..how };
    assert_eq!(route::copy_into(&host, &target, &refused).expect_err("the host").kind(), Kind::Unsupported);
    assert_eq!(
        route::equal(&source, &target, stream(captured)).expect_err("the host").kind(),
        Kind::Unsupported
    );
    let (mut graph, mut ready) = (0usize, 0usize);
    fake.cu("cuStreamEndCapture", [captured as usize, (&raw mut graph).addr()]);
    assert!(has(&target, &host), "nothing has run");
    fake.cu("cuGraphInstantiateWithFlags", [(&raw mut ready).addr(), graph, 0]);
    fake.cu("cuGraphLaunch", [ready, captured as usize]);
    fake.cu("cuStreamSynchronize", [captured as usize]);
    let expected =
        route::convert(&host, DType::FLOAT32, &Convert { scale: &scale, axis: 1, ..Convert::default() });
    let expected = expected.expect("a conversion");
    assert!(has(&target, &expected));
    let expected =
        route::convert(&expected.permute(&[1, 0]).expect("axes"), DType::FLOAT16, &Convert::default());
    assert!(has(&halves, &expected.expect("a conversion")));
    let zeros = Tensor::zeros(DType::FLOAT32, &[9], Order::C, Device::CPU).expect("memory");
    assert!(has(&filled, &zeros));
});

unsafe extern "C" fn note(context: *mut c_void, done: i64, total: i64) -> i32 {
    // SAFETY: the test hands out its own list and the number of calls after which to stop.
    let (calls, most) = unsafe { &mut *context.cast::<(Vec<(i64, i64)>, usize)>() };
    calls.push((done, total));
    i32::from(calls.len() >= *most)
}

alone!(progress_is_told_when_it_is_made_and_may_stop_it, || {
    let source = moved(&numbers(&[100]), CUDA);
    let mut calls: (Vec<(i64, i64)>, usize) = (Vec::new(), usize::MAX);
    // SAFETY: the function is called while the list is there.
    let callback = unsafe { Callback::new(note, (&raw mut calls).cast()) };
    let how = Convert { progress: Some(callback), ..Convert::default() };
    route::convert(&source, DType::FLOAT16, &how).expect("a conversion");
    let turned = source.reshape(&[10, 10]).expect("a shape");
    route::copy_into(&turned.permute(&[1, 0]).expect("axes"), &turned, &how).expect("a copy");
    assert_eq!(calls.0, [(200, 200), (800, 800)]);
    calls.0.clear();
    calls.1 = 1;
    assert_eq!(route::convert(&source, DType::FLOAT16, &how).expect_err("stopped").kind(), Kind::Cancelled);
    assert_eq!(calls.0.len(), 1);
});

alone!(what_a_device_would_do_is_told, || {
    let source = moved(&numbers(&[128, 64]), CUDA);
    let turned = source.permute(&[1, 0]).expect("axes");
    let tell =
        |tensor: &Tensor, dtype, how: &Convert| route::explain_convert(tensor, dtype, how).expect("words");
    let text = tell(&turned, DType::FLOAT32, &Convert::default());
    assert!(text.contains("kernel: transv_4: 1 sheets of 128 rows and 64 columns"), "{text}");
    let text = tell(&numbers(&[128, 64]), DType::FLOAT16, &to(CUDA));
    assert!(
        text.contains("travels as float16") && text.contains("kernel: the driver: copies 16384 B"),
        "{text}"
    );
    let text = tell(&source, DType::FLOAT32, &to(PINNED));
    assert!(text.contains("copied by the driver: 32768 B"), "{text}");
});

/// Everything once; what failed.
fn everything() -> Vec<String> {
    let how = |device| Convert { device: Some(device), order: MemoryOrder::C, ..Convert::default() };
    let turned = numbers(&[30, 40]).permute(&[1, 0]).expect("axes");
    let scale: Vec<f64> = (0..40).map(f64::from).collect();
    let mut failed = Vec::new();
    let mut note = |error: Option<ndferry::error::Error>| {
        let Some(error) = error else { return };
        let kinds = [Kind::DeviceFailure, Kind::OutOfMemory, Kind::DeviceUnavailable];
        assert!(kinds.contains(&error.kind()), "{error}");
        failed.push(error.to_string());
    };
    let there = route::convert(&turned, DType::FLOAT32, &how(CUDA));
    if let Ok(there) = &there {
        for target in [CUDA, PINNED, Device::CPU, SECOND] {
            let how = Convert { scale: &scale, ..how(target) };
            note(
                route::convert(
                    &there.permute(&[1, 0]).expect("axes"),
                    DType::INT16,
                    &Convert { axis: 1, ..how },
                )
                .err(),
            );
        }
        note(route::equal(there, there, Stream::PER_THREAD).err());
        note(route::fill(there, &numbers(&[1]).select(0, 0).expect("0"), Stream::PER_THREAD).err());
        let square = there
            .slice(0, None, Some(30), 1)
            .and_then(|view| view.slice(1, None, Some(30), 1))
            .expect("a view");
        note(route::copy_into(&square.permute(&[1, 0]).expect("axes"), &square, &Convert::default()).err());
    }
    note(there.err());
    failed
}

fn with_fault(nth: i64) {
    let fake = Fake::open();
    fake.make_current(0);
    fake.faults(&format!("*@{nth}=999"));
    fake.trace_start();
    let errors = everything();
    let trace = fake.trace();
    fake.faults("");
    CUDA.synchronize().expect("the device is well");
    SECOND.synchronize().expect("the device is well");
    let failed = trace.lines().find(|line| line.ends_with("= 999")).unwrap_or("none");
    // A block whose release failed is the driver's loss.
    let lost = i64::from(errors.is_empty());
    assert!(fake.live(c"allocations") <= lost, "call {nth}: {failed}");
    assert_eq!(everything(), Vec::<String>::new(), "call {nth}");
}

#[test]
fn whichever_call_fails_work_fails_as_a_whole_and_leaves_nothing_behind() {
    const FAULT: &str = "NDFERRY_TEST_FAULT";
    if let Ok(nth) = std::env::var(FAULT) {
        return with_fault(nth.parse().expect("a number"));
    }
    let name =
        concat!(module_path!(), "::whichever_call_fails_work_fails_as_a_whole_and_leaves_nothing_behind");
    for nth in (20..400).step_by(7) {
        run_alone(name, &[(FAULT, &nth.to_string()), ("FAKECUDA_DEVICES", "2")], || {
            unreachable!("the variable is set")
        });
    }
}
