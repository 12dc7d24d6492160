//! Faults that a test asks for, traces, counts, and what is left of a process that forks.

#[macro_use]
mod common;

use std::ffi::CStr;

use common::*;
use fakecuda::*;

/// Allocates, fills, reads and frees: how many calls that takes, and the first code that was not 0.
fn work() -> (u64, i32) {
    let before = fakecuda_calls(fakecuda::Text::NULL);
    let (mut stream, mut memory, mut first) = (0, 0, 0);
    let mut note = |code: i32| {
        if first == 0 {
            first = code;
        }
        code == 0
    };
    if note(cu!(cuStreamCreate((&mut stream).into(), 1))) {
        if note(cu!(cuMemAllocAsync((&mut memory).into(), 64, stream))) {
            note(cu!(cuMemsetD8Async(memory, 1, 64, stream)));
            note(cu!(cuMemFreeAsync(memory, stream)));
        }
        note(cu!(cuStreamSynchronize(stream)));
        note(cu!(cuStreamDestroy_v2(stream)));
    }
    (fakecuda_calls(fakecuda::Text::NULL) - before, first)
}

#[test]
fn every_call_can_be_made_to_fail_in_turn() {
    let _fake = fake("");
    let (calls, code) = work();
    assert_eq!((calls, code), (6, 0));
    for nth in 1..=calls {
        assert_eq!(faults(&format!("*@{nth}=36")), 0);
        assert_eq!(work().1, 36, "call {nth}");
        assert_eq!(fakecuda_fired(), 1);
    }
    assert_eq!(faults(&format!("*@{}=36", calls + 1)), 0);
    assert_eq!((work().1, fakecuda_fired()), (0, 0));
}

#[test]
fn a_call_is_named_with_its_count_and_any_code() {
    let _fake = fake("");
    assert_eq!(faults("cuMemAlloc_v2@2=2, cuMemAlloc_v2@3=12345"), 0);
    let mut memory = 0;
    let answers: Vec<i32> = (0..4).map(|_| cu!(cuMemAlloc_v2((&mut memory).into(), 8))).collect();
    assert_eq!(answers, [0, 2, 12345, 0]);
    assert_eq!((calls("cuMemAlloc_v2"), calls("cuMemFree_v2")), (4, 0));
    assert_eq!(live("allocations"), 2, "a call that fails does nothing");
}

#[test]
fn an_operation_fails_when_it_runs_and_its_error_sticks_until_it_is_forgiven() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(8);
    assert_eq!(faults("op@2=719"), 0);
    for value in 1..=3 {
        ok!(cuMemsetD8Async(memory, value, 8, stream));
    }
    assert_eq!(fakecuda_fired(), 0);
    assert_eq!(cu!(cuStreamSynchronize(stream)), 719);
    assert_eq!(cu!(cuMemsetD8Async(memory, 1, 8, stream)), 719);
    assert_eq!(faults(""), 0);
    assert_eq!(read(memory, 8, stream), [1; 8], "what came after it did not run");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let _fake = fake("");
    for text in ["cuMemAlloc@1=2", "cuMemAlloc_v2@x=2", "cuMemAlloc_v2@1=oom", "cuMemAlloc_v2", "cuFoo@1=2"] {
        assert_eq!(faults(text), -1, "{text}");
    }
    for text in [c"mode=quick", c"devices", c"speed=3", c"driver=new"] {
        assert_eq!(fakecuda_configure(text.into()), -1, "{text:?}");
    }
    assert_eq!((live("unicorns"), fakecuda_count(c"beans".into())), (-1, -1));
}

#[test]
fn unknown_codes_have_no_name() {
    let name = |code| {
        let mut name = c"before".as_ptr();
        let answer = cu!(cuGetErrorName(code, (&mut name).into()));
        // SAFETY: NULL or a constant of the fake's.
        (answer, (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()))
    };
    assert_eq!(name(2), (0, Some("CUDA_ERROR_OUT_OF_MEMORY".into())));
    assert_eq!(name(0), (0, Some("CUDA_SUCCESS".into())));
    assert_eq!(name(36), (INVALID_VALUE, None));
    assert_eq!(name(-1), (INVALID_VALUE, None));
}

#[test]
fn a_trace_tells_calls_with_arguments_and_answers() {
    let _fake = fake("");
    fakecuda_trace_start();
    ok!(cuMemsetD8Async(device_memory(8), 1, 8, 0));
    assert_eq!(cu!(cuMemFree_v2(0x10)), INVALID_VALUE);
    let length = fakecuda_trace_stop(Out::at(0), 0);
    let mut text = vec![0 as libc::c_char; length + 1];
    assert_eq!(fakecuda_trace_stop((&mut text[0]).into(), text.len()), length);
    let text: Vec<u8> = text.iter().map(|byte| *byte as u8).collect();
    let text = CStr::from_bytes_with_nul(&text).expect("one NUL").to_str().expect("plain text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("cuMemAlloc_v2(0x") && lines[0].ends_with(", 8) = 0"), "{text}");
    assert!(lines[1].starts_with("cuMemsetD8Async(7"), "{text}");
    assert_eq!(lines[2], "cuMemFree_v2(10) = 1");
    ok!(cuCtxSynchronize());
    assert_eq!(fakecuda_trace_stop(Out::at(0), 0), 0, "it has stopped");
}

#[test]
fn nothing_works_before_initialisation_or_without_devices() {
    let _fake = fake("");
    assert_eq!(fakecuda_restart(c"devices=0;driver=12020".into()), 0);
    let (mut version, mut count) = (0, 0);
    ok!(cuDriverGetVersion((&mut version).into()));
    assert_eq!(version, 12020);
    assert_eq!(cu!(cuDeviceGetCount((&mut count).into())), NOT_INITIALIZED);
    assert_eq!(cu!(cuInit(0)), 100);
    assert_eq!(cu!(cuDeviceGetCount((&mut count).into())), NOT_INITIALIZED);
}

#[test]
fn a_forked_child_has_lost_cuda() {
    let fake = fake("");
    let stream = stream();
    let memory = device_memory(8);
    ok!(cuMemsetD8Async(memory, 1, 8, stream));
    let status = forked(|| {
        let codes = [
            cu!(cuInit(0)),
            cu!(cuDeviceGetCount((&mut 0).into())),
            cu!(cuCtxPushCurrent_v2(fake.context)),
            cu!(cuMemFree_v2(memory)),
            cu!(cuStreamSynchronize(stream)),
            cu!(cuEventCreate((&mut 0).into(), 0)),
        ];
        let mut name = c"".as_ptr();
        i32::from(codes == [NOT_INITIALIZED; 6] && cu!(cuGetErrorName(3, (&mut name).into())) == 0)
    });
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1, "{status:x}");
    assert_eq!(read(memory, 8, stream), [1; 8], "the parent has not");
}

#[test]
fn a_child_that_was_forked_before_may_start_cuda() {
    let _fake = fake("");
    assert_eq!(fakecuda_restart(fakecuda::Text::NULL), 0);
    let status = forked(|| cu!(cuInit(0)) + cu!(cuDeviceGetCount((&mut 0).into())));
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:x}");
}

#[test]
fn forks_in_the_midst_of_other_threads_work_find_the_lock_free() {
    let fake = fake("mode=threads");
    let context = fake.context;
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            ok!(cuCtxPushCurrent_v2(context));
            let stream = stream();
            let memory = device_memory(1 << 20);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                ok!(cuMemsetD8Async(memory, 1, 1 << 20, stream));
                ok!(cuStreamSynchronize(stream));
            }
        });
        for _ in 0..50 {
            let status = forked(|| cu!(cuCtxSynchronize()));
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == NOT_INITIALIZED, "{status:x}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
