//! The lifetime debugger from Rust, where tensors also live without being given to C.

use std::ffi::CStr;
use std::ptr::{null, null_mut};
use std::sync::Once;

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::ffi::*;
use ndferry::layout::Order;
use ndferry::protocol::dlpack;
use ndferry::tensor::{Tensor, lifetimes};

/// Every test begins with it, so that no tensor is alive when the first one switches the debugger on.
fn on() {
    static ON: Once = Once::new();
    ON.call_once(|| assert_eq!(ndf_debug_enable(), ndf_status::NDF_OK));
}

fn tensor(extent: i64) -> Tensor {
    Tensor::zeros(DType::FLOAT32, &[extent], Order::C, Device::CPU).unwrap()
}

fn handle(extent: i64) -> *mut ndf_tensor {
    let mut made = null_mut();
    // SAFETY: one extent, and a place for the result.
    let status = unsafe { ndf_tensor_zeros(DType::FLOAT32, 1, &extent, null(), &mut made) };
    assert_eq!(status, ndf_status::NDF_OK);
    made
}

fn message() -> String {
    // SAFETY: never NULL, ended, and read before the next failure.
    unsafe { CStr::from_ptr(ndf_last_error_message()) }.to_str().unwrap().to_owned()
}

#[test]
fn tensors_that_are_never_given_out_are_not_known_and_none_of_its_business() {
    on();
    let inside = tensor(71);
    let view = inside.flip(None).unwrap();
    assert!(!lifetimes::report().unwrap().contains("[71]"));
    drop((inside, view));
}

#[test]
fn an_export_of_a_tensor_that_was_never_given_out_is_reported_until_it_is_ended() {
    on();
    let managed = dlpack::share_versioned(&tensor(72), false).unwrap();
    assert!(lifetimes::report().unwrap().contains("float32 [72] on cpu: references: 0, DLPack: 1\n  made "));
    // SAFETY: made just now, and ended once.
    unsafe { managed.as_ref().deleter.unwrap()(managed.as_ptr()) };
    assert!(!lifetimes::report().unwrap().contains("[72]"));
}

#[test]
fn a_tensor_that_only_an_export_holds_is_nobodys_handle() {
    on();
    let inside = tensor(73);
    let managed = dlpack::share_versioned(&inside, false).unwrap();
    // SAFETY: the debugger looks at the address before it is used.
    unsafe { ndf_tensor_release(inside.as_raw().cast_mut().cast()) };
    assert!(message().contains("float32 [73] on cpu, which only exports hold (made at "), "{}", message());
    assert_eq!(inside.reference_count(), 2);
    // SAFETY: made just now, and ended once.
    unsafe { managed.as_ref().deleter.unwrap()(managed.as_ptr()) };
}

#[test]
fn a_view_lives_on_after_its_handle_was_released_too_often() {
    on();
    let first = handle(74);
    let mut view = null_mut();
    // SAFETY: live handles, but for the second and third release, which the debugger refuses.
    unsafe {
        assert_eq!(ndf_tensor_transpose(first, &mut view), ndf_status::NDF_OK);
        (0..3).for_each(|_| ndf_tensor_release(first));
        assert!(message().contains("float32 [74] on cpu, which was released at "), "{}", message());
        assert_eq!(*ndf_tensor_shape(view), 74);
        ndf_tensor_release(view);
    }
}

#[test]
fn a_place_in_words_of_another_language_is_part_of_the_name() {
    on();
    let given = handle(75);
    // SAFETY: a live handle, which is lent.
    let lent = std::mem::ManuallyDrop::new(unsafe { Tensor::from_raw(given.cast()) });
    lifetimes::place(&lent, "app.py:12 in load");
    lifetimes::place(&lent, "elsewhere.py:1 in never");
    let report = lifetimes::report().unwrap();
    assert!(report.contains("float32 [75] on cpu, from app.py:12 in load: references: 1\n"), "{report}");
    // SAFETY: the one reference; the second release is refused.
    unsafe {
        ndf_tensor_release(given);
        ndf_tensor_release(given);
    }
    assert!(
        message().contains("[75] on cpu, from app.py:12 in load, which was released at "),
        "{}",
        message()
    );
}

#[test]
fn misuse_on_one_thread_leaves_no_message_on_another() {
    on();
    std::thread::scope(|scope| {
        let misuse = scope.spawn(|| {
            let gone = handle(76);
            // SAFETY: the second release is refused.
            unsafe {
                ndf_tensor_release(gone);
                ndf_tensor_release(gone);
            }
            message()
        });
        assert!(misuse.join().unwrap().contains("[76]"));
        assert_eq!(scope.spawn(message).join().unwrap(), "");
    });
}
