//! Elements of device memory as text.

use ndferry::device::cuda::Stream;
use ndferry::device::{Device, cuda};
use ndferry::dtype::DType;
use ndferry::layout::Order;
use ndferry::tensor::{FormatOptions, Tensor};

use crate::fake::{CUDA, Fake, MANAGED, PINNED, alone};

/// 0, 1, 2 … on a device, put there in the order of a stream that nobody waits for.
fn counted(fake: &Fake, device: Device, shape: &[i64]) -> Tensor {
    let tensor = Tensor::empty(DType::INT32, shape, Order::C, device).expect("memory");
    let numbers: Vec<i32> = (0..tensor.element_count() as i32).collect();
    let stream = Stream::from_number(fake.new_stream()).expect("a stream").expect("not none");
    tensor.wait(stream).expect("an order");
    let entered = tensor.storage().context().expect("a device").enter().expect("no failure");
    let [to, from] = [tensor.data().addr(), numbers.as_ptr().addr()].map(|address| address as u64);
    // SAFETY: as many bytes on either side; what is not pinned is read during the call.
    unsafe { entered.copy(to, from, 4 * numbers.len(), stream) }.expect("a copy");
    tensor.storage().record(&entered, stream).expect("a use");
    tensor
}

fn text(tensor: &Tensor) -> String {
    tensor.format(&FormatOptions::default()).expect("text")
}

alone!(elements_of_every_memory_are_shown, || {
    let fake = Fake::open();
    fake.make_current(0);
    for device in [CUDA, PINNED, MANAGED] {
        let tensor = counted(&fake, device, &[2, 3]);
        assert_eq!(text(&tensor), "[[0, 1, 2],\n [3, 4, 5]]", "{device}");
        let view = tensor.transpose().and_then(|view| view.flip(Some(&[0]))).expect("a view");
        assert_eq!(text(&view), "[[2, 5],\n [1, 4],\n [0, 3]]", "{device}");
    }
});

alone!(of_a_large_tensor_only_what_is_shown_is_copied, || {
    let fake = Fake::open();
    fake.make_current(0);
    let tensor = counted(&fake, CUDA, &[1000, 1000]);
    fake.faults("");
    let shown = text(&tensor);
    assert!(shown.starts_with("[[     0,      1,      2, ...,    997,    998,    999],\n"), "{shown}");
    assert!(shown.ends_with("[999000, 999001, 999002, ..., 999997, 999998, 999999]]"), "{shown}");
    assert_eq!(fake.calls(c"cuMemcpyDtoHAsync_v2"), 36);
});

alone!(what_a_device_cannot_show_is_an_error_of_its_own, || {
    let fake = Fake::open();
    fake.make_current(0);
    let tensor = counted(&fake, CUDA, &[3]);
    fake.faults("cuMemcpyDtoHAsync_v2@1=719");
    let error = tensor.format(&FormatOptions::default()).expect_err("a fault");
    assert_eq!(error.message(), "cuMemcpyDtoHAsync: CUDA_ERROR_LAUNCH_FAILED (719)");
    assert!(cuda::in_use().is_some());
});

alone!(an_address_that_is_of_no_device_is_an_error, || {
    let foreign = ndferry::tensor::Adopted {
        data: std::ptr::without_provenance_mut(0x1000),
        byte_offset: 0,
        device: CUDA,
        dtype: DType::FLOAT32,
        shape: &[4],
        strides: None,
        read_only: false,
    };
    // SAFETY: nothing but the driver looks at the elements.
    let tensor = unsafe { Tensor::adopt(&foreign, ndferry::storage::Owner::NOBODY) }.expect("a description");
    let error = tensor.format(&FormatOptions::default()).expect_err("nothing is there");
    assert_eq!(error.message(), "cuMemcpyDtoHAsync: CUDA_ERROR_INVALID_VALUE (1)");
});
