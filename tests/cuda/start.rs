//! Drivers that are there, missing, too old, or no drivers.

use std::path::PathBuf;

use ndferry::device::{self, Device};
use ndferry::dtype::DType;
use ndferry::error::{Error, Kind};
use ndferry::layout::Order;
use ndferry::tensor::Tensor;

use crate::fake::{self, CUDA, Fake, MANAGED, PINNED, alone};

fn zeros(device: Device) -> Result<Tensor, Error> {
    Tensor::zeros(DType::FLOAT32, &[3], Order::C, device)
}

fn assert_says(error: &Error, reason: &str) {
    assert_eq!(error.message(), format!("`device` is cuda:0: {reason}"));
}

/// No device, and the reason why.
fn refused() -> Error {
    for device in [CUDA, PINNED, MANAGED] {
        assert_eq!(device::count(device.device_type), 0);
    }
    let error = zeros(CUDA).expect_err("there is no device");
    for device in [CUDA, PINNED, MANAGED] {
        assert_eq!(zeros(device).expect_err("there is none").kind(), Kind::DeviceUnavailable);
    }
    assert_eq!(Device::of_address(4096).expect("nothing of CUDA's is anywhere"), Device::CPU);
    assert_eq!(zeros(Device::CPU).expect("the host is there").element_count(), 3);
    error
}

alone!(
    without_a_driver_there_are_no_devices_and_errors_say_so,
    [("NDFERRY_CUDA_DRIVER", "/nowhere/libcuda.so.1")],
    || {
        let error = refused();
        assert_says(&error, "there is no CUDA driver: /nowhere/libcuda.so.1 cannot be opened");
    }
);

alone!(nothing_of_cuda_is_opened_before_somebody_asks_for_it, || {
    let maps = || std::fs::read_to_string("/proc/self/maps").expect("the system has it");
    let tensor = zeros(Device::CPU).expect("host memory");
    assert_eq!(tensor.wait(ndferry::device::cuda::Stream::LEGACY), Ok(()));
    drop(tensor);
    assert_eq!((device::count(1), device::count(4), CUDA.to_string()), (1, 0, "cuda:0".into()));
    assert!(!maps().contains("fakecuda"));
    assert_eq!(device::count(2), 1);
    assert!(maps().contains("fakecuda"));
});

alone!(a_driver_for_an_older_cuda_is_refused, [("FAKECUDA_DRIVER", "11080")], || {
    let error = refused();
    assert_says(&error, "the CUDA driver is too old: it is for CUDA 11.8, 12.0 is needed");
    assert_eq!(Fake::open().calls(c"cuInit"), 0);
});

/// A driver without some functions, in a file for this test.
fn variant(test: &str, names: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ndferry-{}-{test}.so", std::process::id()));
    Fake::at(&fake::path()).write_without(&path, names);
    path
}

#[test]
fn a_function_that_the_driver_lacks_is_named() {
    let name = concat!(module_path!(), "::a_function_that_the_driver_lacks_is_named");
    let driver = variant("lacks", "cuMemPoolCreate");
    fake::run_alone(name, &[("NDFERRY_CUDA_DRIVER", &driver.to_string_lossy())], || {
        let error = refused();
        let expected = "the CUDA driver is too old: it has no cuMemPoolCreate, which CUDA 12.0 has";
        assert_says(&error, expected);
    });
    std::fs::remove_file(driver).expect("it was written above");
}

#[test]
fn the_oldest_driver_that_is_taken_works() {
    let name = concat!(module_path!(), "::the_oldest_driver_that_is_taken_works");
    let driver = variant("oldest", "driver=12000");
    let variables = [("NDFERRY_CUDA_DRIVER", &*driver.to_string_lossy()), ("FAKECUDA_DRIVER", "12000")];
    fake::run_alone(name, &variables, || {
        let fake = Fake::open();
        fake.make_current(0);
        let tensor = zeros(CUDA).expect("a device");
        assert_eq!(fake.read(tensor.data().addr(), 12, 1), [0; 12]);
        drop(tensor);
        assert_eq!(fake.calls(c"cuCtxSynchronize"), 1);
        CUDA.synchronize().expect("nothing is wrong");
        assert_eq!(fake.live(c"allocations"), 0);
    });
    std::fs::remove_file(driver).expect("it was written above");
}

alone!(a_stub_says_that_it_is_one, || {
    Fake::open()
        .faults("cuInit@1=34,cuInit@2=34,cuInit@3=34,cuInit@4=34,cuInit@5=34,cuInit@6=34,cuInit@7=34");
    let error = refused();
    let expected =
        "CUDA does not start: cuInit: CUDA_ERROR_STUB_LIBRARY (34): it is a toolkit's stub, no driver";
    assert_says(&error, expected);
});

alone!(a_driver_that_would_not_start_is_tried_again, || {
    let fake = Fake::open();
    fake.faults("cuInit@1=802");
    let error = zeros(CUDA).expect_err("the first attempt fails");
    assert_eq!(error.kind(), Kind::DeviceUnavailable);
    assert_says(&error, "CUDA does not start: cuInit: CUDA_ERROR_SYSTEM_NOT_READY (802)");
    assert!(zeros(CUDA).is_ok());
});

alone!(a_code_that_nobody_knows_is_told_as_a_number, || {
    let fake = Fake::open();
    assert!(zeros(CUDA).is_ok());
    fake.faults("cuMemsetD8Async@1=12345");
    let error = zeros(CUDA).expect_err("a fault");
    assert_eq!(error.kind(), Kind::DeviceFailure);
    assert_eq!(error.message(), "cuMemsetD8Async: error 12345, which the driver has no name for");
});

alone!(an_ordinal_that_is_none_is_refused, [("FAKECUDA_DEVICES", "2")], || {
    let on = |device_type, device_id| zeros(Device { device_type, device_id }).map(|tensor| tensor.device());
    assert_eq!(device::count(2), 2);
    assert_eq!(on(2, 1), Ok(Device { device_type: 2, device_id: 1 }));
    for (device_type, device_id) in [(2, 2), (2, -1), (3, 1), (13, 7), (10, 0), (1, 1)] {
        let error = on(device_type, device_id).expect_err("no such device");
        assert_eq!(error.kind(), Kind::DeviceUnavailable, "{device_type} {device_id}");
    }
});
