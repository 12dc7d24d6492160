//! The C functions on the fake driver: what they say of devices, and how a C program orders its work.

use std::ffi::CStr;
use std::ptr::null_mut;

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::ffi::*;

use crate::fake::{CUDA, Fake, MANAGED, PINNED, SECOND, alone};

const OK: ndf_status = ndf_status::NDF_OK;

fn last_error() -> &'static str {
    // SAFETY: never NULL, and text of this thread's that no other call changes meanwhile.
    unsafe { CStr::from_ptr(ndf_last_error_message()) }.to_str().expect("messages are UTF-8")
}

fn zeros(device: Device, stream: i64) -> *mut ndf_tensor {
    let size = size_of::<ndf_create_options>() as u32;
    let options = ndf_create_options { struct_size: size, order: NDF_ORDER_C, device, stream };
    let mut tensor = null_mut();
    // SAFETY: one extent, options and a place for the tensor.
    let status = unsafe { ndf_tensor_zeros(DType::UINT8, 1, &100, &options, &mut tensor) };
    assert_eq!(status, OK, "{}", last_error());
    tensor
}

alone!(devices_say_what_they_are, [("FAKECUDA_DEVICES", "2")], || {
    let fake = Fake::open();
    for (device_type, count) in [(1, 1), (2, 2), (3, 1), (13, 1), (10, 0)] {
        assert_eq!(ndf_device_count(device_type), count);
        assert_eq!(ndf_device_is_available(Device { device_type, device_id: count - 1 }), count > 0);
        assert!(!ndf_device_is_available(Device { device_type, device_id: count }));
    }
    let (mut text, mut length) = ([0i8; 256], 0);
    let (mut free, mut total) = (0, 0);
    // SAFETY: room for text, and places for the answers.
    unsafe {
        assert_eq!(ndf_device_description(CUDA, text.len(), text.as_mut_ptr().cast(), &mut length), OK);
        assert_eq!(ndf_device_memory_info(SECOND, &mut free, &mut total), OK);
    }
    assert!(length > 0 && free > 0 && total >= free);
    assert!(ndf_device_can_access_peer(CUDA, SECOND) && !ndf_device_can_access_peer(CUDA, PINNED));
    for device in [CUDA, SECOND, PINNED, MANAGED, Device::CPU] {
        assert_eq!(ndf_device_synchronize(device), OK);
    }
    assert_eq!(
        ndf_device_synchronize(Device { device_type: 2, device_id: 2 }),
        ndf_status::NDF_ERROR_DEVICE_UNAVAILABLE
    );
    // SAFETY: the streams that every context has.
    unsafe {
        assert_eq!(ndf_stream_synchronize(CUDA, 0), OK);
        assert_eq!(ndf_stream_synchronize(SECOND, 2), OK);
        assert_eq!(ndf_stream_synchronize(PINNED, 1), ndf_status::NDF_ERROR_UNSUPPORTED);
    }
    assert_eq!(fake.current(), 0);
});

alone!(a_c_program_orders_its_work_with_that_of_the_library, || {
    let fake = Fake::open();
    fake.make_current(0);
    let (own, other) = (fake.new_stream(), fake.new_stream());
    let tensor = zeros(CUDA, own);
    // SAFETY: a tensor of ours, streams of ours.
    unsafe {
        let data = ndf_tensor_data(tensor).addr();
        let mut device = Device::CPU;
        assert_eq!(ndf_device_of_pointer(std::ptr::without_provenance(data + 50), &mut device), OK);
        assert_eq!(device, CUDA);
        assert_eq!(ndf_tensor_wait(tensor, other), OK);
        assert_eq!(fake.read(data, 100, other), [0; 100]);
        fake.set(data, 3, 100, other);
        assert_eq!(ndf_tensor_record(tensor, other), OK);
        assert_eq!(ndf_tensor_wait(tensor, own), OK);
        assert_eq!(fake.read(data, 100, own), [3; 100]);
        ndf_tensor_release(tensor);
    }
    assert_eq!(ndf_device_synchronize(CUDA), OK);
    assert_eq!(fake.live(c"allocations"), 0);
});

alone!(a_failure_of_the_driver_is_a_status_with_its_name, || {
    let fake = Fake::open();
    assert_eq!(ndf_device_count(2), 1);
    fake.faults("cuDevicePrimaryCtxRetain@1=2,cuMemGetInfo_v2@1=999");
    let (mut free, mut total) = (0, 0);
    // SAFETY: places for the answers.
    let mut ask = || unsafe { ndf_device_memory_info(CUDA, &mut free, &mut total) };
    assert_eq!(
        (ask(), last_error()),
        (ndf_status::NDF_ERROR_OUT_OF_MEMORY, "cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY (2)")
    );
    assert_eq!(
        (ask(), last_error()),
        (ndf_status::NDF_ERROR_DEVICE_FAILURE, "cuMemGetInfo: CUDA_ERROR_UNKNOWN (999)")
    );
    assert_eq!(ask(), OK);
});
