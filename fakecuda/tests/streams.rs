//! Streams run as late as possible, and in no order but that which was asked for.

#[macro_use]
mod common;

use std::ffi::c_void;

use common::*;

const BYTES: usize = 1 << 16;

#[test]
fn a_missing_event_gives_wrong_data_every_time() {
    let _fake = fake("");
    for _ in 0..100 {
        let (producer, consumer) = (stream(), stream());
        let memory = device_memory(BYTES);
        ok!(cuMemsetD8Async(memory, 7, BYTES, producer));
        assert_eq!(read(memory, BYTES, consumer), [0xCD; BYTES]);
    }
}

#[test]
fn an_event_gives_right_data() {
    for mode in ["lazy", "threads", "eager"] {
        let _fake = fake(&format!("mode={mode}"));
        let (producer, consumer) = (stream(), stream());
        let memory = device_memory(BYTES);
        ok!(cuMemsetD8Async(memory, 7, BYTES, producer));
        join(consumer, producer);
        assert_eq!(read(memory, BYTES, consumer), [7; BYTES], "{mode}");
    }
}

#[test]
fn an_event_stands_for_what_was_asked_before_it() {
    let _fake = fake("");
    let (producer, consumer) = (stream(), stream());
    let memory = device_memory(BYTES);
    ok!(cuMemsetD8Async(memory, 7, BYTES, producer));
    join(consumer, producer);
    ok!(cuMemsetD8Async(memory, 8, BYTES, producer));
    assert_eq!(read(memory, BYTES, consumer), [7; BYTES]);
    ok!(cuStreamSynchronize(producer));
    assert_eq!(read(memory, BYTES, consumer), [8; BYTES]);
}

#[test]
fn an_event_that_was_never_recorded_is_done() {
    let _fake = fake("");
    let (stream, event) = (stream(), event());
    ok!(cuEventQuery(event));
    ok!(cuEventSynchronize(event));
    ok!(cuStreamWaitEvent(stream, event, 0));
}

#[test]
fn the_legacy_stream_and_blocking_ones_wait_for_each_other() {
    let _fake = fake("");
    let blocking = stream_with(0);
    let memory = device_memory(BYTES);
    ok!(cuMemsetD8Async(memory, 1, BYTES, blocking));
    assert_eq!(read(memory, BYTES, 0), [1; BYTES]);
    ok!(cuMemsetD8Async(memory, 2, BYTES, 1));
    assert_eq!(read(memory, BYTES, blocking), [2; BYTES]);
}

#[test]
fn the_legacy_stream_does_not_wait_for_non_blocking_ones() {
    let _fake = fake("");
    let other = stream();
    let memory = device_memory(BYTES);
    ok!(cuMemsetD8Async(memory, 1, BYTES, other));
    assert_eq!(read(memory, BYTES, 0), [0xCD; BYTES]);
    ok!(cuMemsetD8Async(memory, 2, BYTES, 0));
    assert_eq!(read(memory, BYTES, other), [1; BYTES]);
}

#[test]
fn each_thread_has_a_default_stream_of_its_own() {
    let fake = fake("");
    let memory = device_memory(BYTES);
    ok!(cuMemsetD8Async(memory, 3, BYTES, 2));
    let context = fake.context;
    let elsewhere = std::thread::spawn(move || {
        ok!(cuCtxPushCurrent_v2(context));
        ok!(cuStreamSynchronize(2));
        fakecuda::fakecuda_pending()
    });
    assert_eq!(elsewhere.join().expect("it ran"), 1);
    assert_eq!(read(memory, BYTES, 2), [3; BYTES]);
}

#[test]
fn asking_brings_work_on() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    let event = event();
    for _ in 0..5 {
        ok!(cuMemsetD8Async(memory, 3, BYTES, stream));
    }
    ok!(cuEventRecord(event, stream));
    assert_eq!(cu!(cuStreamQuery(stream)), NOT_READY);
    assert_eq!(cu!(cuEventQuery(event)), NOT_READY);
    let asked = (0..10).take_while(|_| cu!(cuEventQuery(event)) == NOT_READY).count();
    assert_eq!(asked, 3);
    ok!(cuStreamQuery(stream));
}

#[test]
fn a_destroyed_stream_runs_what_it_was_given() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    ok!(cuMemsetD8Async(memory, 4, BYTES, stream));
    ok!(cuStreamDestroy_v2(stream));
    assert_eq!((live("streams"), fakecuda::fakecuda_pending()), (0, 1));
    assert_eq!(cu!(cuStreamSynchronize(stream)), INVALID_HANDLE);
    assert_eq!(cu!(cuMemsetD8Async(memory, 5, BYTES, stream)), INVALID_HANDLE);
    ok!(cuCtxSynchronize());
    assert_eq!(read(memory, BYTES, 0), [4; BYTES]);
}

#[test]
fn work_that_goes_to_and_fro_between_streams_needs_no_deep_stack() {
    let _fake = fake("");
    let (one, other) = (stream(), stream());
    let memory = device_memory(4);
    for round in 0..20_000u32 {
        ok!(cuMemsetD32Async(memory, round, 1, one));
        join(other, one);
        ok!(cuMemsetD32Async(memory, round, 1, other));
        join(one, other);
    }
    assert_eq!(read(memory, 4, one), 19_999u32.to_ne_bytes());
}

unsafe extern "C" fn call_the_driver(answer: *mut c_void) {
    // SAFETY: the test's own variable, which outlives the synchronisation.
    let answer = unsafe { &mut *answer.cast::<i32>() };
    *answer = cu!(cuCtxSynchronize());
}

#[test]
fn a_host_function_runs_in_its_streams_order_and_may_not_call_the_driver() {
    for mode in ["lazy", "threads", "eager"] {
        let _fake = fake(&format!("mode={mode}"));
        let stream = stream();
        let mut answer = 0i32;
        ok!(cuLaunchHostFunc(stream, Some(call_the_driver), &raw mut answer as usize));
        ok!(cuStreamSynchronize(stream));
        assert_eq!(answer, 800, "{mode}");
    }
}

#[test]
fn a_stream_waits_for_everything_of_a_context_by_an_event_of_it() {
    let fake = fake("");
    let (theirs, also_theirs, ours) = (stream(), stream_with(0), stream());
    let memory = device_memory(2 * BYTES);
    ok!(cuMemsetD8Async(memory, 1, BYTES, theirs));
    ok!(cuMemsetD8Async(memory + BYTES, 1, BYTES, also_theirs));
    let event = event();
    ok!(cuCtxRecordEvent(fake.context, event));
    ok!(cuStreamWaitEvent(ours, event, 0));
    assert_eq!(read(memory, 2 * BYTES, ours), [1; 2 * BYTES]);
}

#[test]
fn times_between_events_are_told_when_both_have_happened() {
    let _fake = fake("");
    let stream = stream();
    let (mut start, mut end, mut milliseconds) = (0, 0, -1f32);
    ok!(cuEventCreate((&mut start).into(), 0));
    ok!(cuEventCreate((&mut end).into(), 0));
    ok!(cuEventRecord(start, stream));
    ok!(cuEventRecord(end, stream));
    assert_eq!(cu!(cuEventElapsedTime((&mut milliseconds).into(), start, end)), NOT_READY);
    ok!(cuEventSynchronize(end));
    ok!(cuEventElapsedTime((&mut milliseconds).into(), start, end));
    assert!((0.0..1000.0).contains(&milliseconds), "{milliseconds}");
    assert_eq!(cu!(cuEventElapsedTime((&mut milliseconds).into(), start, event())), INVALID_HANDLE);
}
