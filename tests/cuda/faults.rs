//! Every call of the driver fails in turn.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndferry::device::Device;
use ndferry::device::cuda::Stream;
use ndferry::dtype::DType;
use ndferry::error::Error;
use ndferry::layout::Order;
use ndferry::storage::{Owner, Place};
use ndferry::tensor::Tensor;

use crate::fake::{CUDA, Fake, MANAGED, PINNED, adopt, run_alone};

/// The call that fails, counted from 1.
const FAULT: &str = "NDFERRY_TEST_FAULT";

static ENDED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn end(_: *mut c_void) {
    ENDED.fetch_add(1, Ordering::Relaxed);
}

/// Every way to the driver; the errors on it.
fn everything(theirs: usize) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut note = |result: Result<(), Error>| errors.extend(result.err());
    let mut kept = Vec::new();
    let (legacy, own) = (Stream::LEGACY, Stream::PER_THREAD);
    for (device, stream) in [(CUDA, legacy), (CUDA, own), (PINNED, legacy), (MANAGED, legacy)] {
        let made = Tensor::zeros(DType::UINT8, &[100], Order::C, Place { device, stream });
        note(made.map(|tensor| kept.push(tensor)));
    }
    // SAFETY: the memory is there for as long as the process.
    kept.push(unsafe { adopt(theirs, 100, Owner::deleter(Some(end), std::ptr::null_mut())) });
    for tensor in &kept {
        note(tensor.wait(Stream::PER_THREAD));
        note(tensor.record(Stream::PER_THREAD));
        note(tensor.wait(Stream::LEGACY));
        note(tensor.record(Stream::LEGACY));
        note(tensor.storage().synchronize());
    }
    note(Device::of_address(theirs).map(|_| ()));
    note(CUDA.description().map(|_| ()));
    note(CUDA.memory_info().map(|_| ()));
    note(CUDA.can_access(CUDA).map(|_| ()));
    note(CUDA.synchronize_stream(Stream::PER_THREAD));
    note(CUDA.trim(0));
    drop(kept);
    note(CUDA.synchronize());
    errors
}

/// The call that failed, as the fake noted it.
fn failed(fake: &Fake, code: i32) -> String {
    let trace = fake.trace();
    let line = trace.lines().find(|line| line.ends_with(&format!("= {code}")));
    line.map_or(String::new(), |line| line.split('(').next().unwrap_or_default().to_owned())
}

/// Has call `nth` fail, and everything done twice: with the fault, and once more without.
fn with_fault(nth: i64) {
    let fake = Fake::open();
    fake.make_current(0);
    let (mut theirs, before) = (0usize, fake.current());
    fake.cu("cuMemAlloc_v2", [(&raw mut theirs).addr(), 100]);
    let code = if nth % 2 == 0 { 719 } else { 12345 };
    fake.faults(&format!("*@{nth}={code}"));
    fake.trace_start();
    let errors = everything(theirs);
    let failed = failed(&fake, code);
    assert_eq!(fake.fired(), 1, "call {nth}");
    let word = if code == 719 { "CUDA_ERROR_LAUNCH_FAILED (719)" } else { "error 12345" };
    for error in &errors {
        assert!(error.message().contains(word), "{failed}: {error}");
    }
    fake.faults("");
    assert_eq!(ENDED.load(Ordering::Relaxed), 1, "{failed}: the deleter ran once");
    assert_eq!(fake.current(), before, "{failed}");
    assert_eq!(everything(theirs), [], "after {failed}");
    // A block whose freeing failed is the driver's loss.
    let lost = i64::from(errors.is_empty());
    let live = fake.live(c"allocations") - 1 + fake.live(c"pinned");
    assert!(live <= lost, "{failed}: {live} blocks are left");
    assert_eq!((fake.live(c"pools"), fake.live(c"contexts")), (1, 2), "{failed}");
}

#[test]
fn whichever_call_fails_the_error_says_so_and_nothing_leaks() {
    let name = concat!(module_path!(), "::whichever_call_fails_the_error_says_so_and_nothing_leaks");
    if let Ok(nth) = std::env::var(FAULT) {
        return match nth.parse().expect("a number") {
            0 => println!("calls: {}", calls()),
            nth => with_fault(nth),
        };
    }
    let told = run_alone(name, &[(FAULT, "0")], || ());
    let (_, told) = told.split_once("calls: ").expect("the first process counts them");
    let calls: i64 = told.lines().next().and_then(|count| count.parse().ok()).expect("a number");
    assert!(calls > 100, "only {calls} calls");
    for nth in 1..=calls {
        run_alone(name, &[(FAULT, &nth.to_string())], || ());
    }
}

/// How many calls everything takes.
fn calls() -> i64 {
    let fake = Fake::open();
    fake.make_current(0);
    let mut theirs = 0usize;
    fake.cu("cuMemAlloc_v2", [(&raw mut theirs).addr(), 100]);
    fake.faults("");
    assert_eq!(everything(theirs), []);
    fake.all_calls()
}
