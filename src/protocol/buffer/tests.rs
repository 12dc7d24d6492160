use super::*;

fn numbers(shape: &[i64]) -> Tensor {
    Tensor::zeros(DType::FLOAT32, shape, Order::C, Device::CPU).unwrap()
}

/// Shape and strides as a consumer sees them; `None` for NULL.
fn seen(tensor: &Tensor, flags: c_int) -> (Option<Vec<isize>>, Option<Vec<isize>>) {
    let mut buffer = to_buffer(tensor, flags).unwrap();
    let ints = |ints: *mut isize| {
        // SAFETY: ours are readable for `ndim` integers until the release.
        (!ints.is_null()).then(|| unsafe { std::slice::from_raw_parts(ints, buffer.ndim as usize) }.to_vec())
    };
    let seen = (ints(buffer.shape), ints(buffer.strides));
    // SAFETY: made just now.
    unsafe { release(&mut buffer) };
    seen
}

#[test]
fn only_what_was_asked_for_is_told() {
    let tensor = numbers(&[2, 3]);
    assert_eq!(seen(&tensor, 0), (None, None));
    assert_eq!(seen(&tensor, ND), (Some(vec![2, 3]), None));
    assert_eq!(seen(&tensor, STRIDES), (Some(vec![2, 3]), Some(vec![12, 4])));
    assert_eq!(seen(&numbers(&[]), FULL_RO), (None, None));
}

#[test]
fn strides_of_axes_that_are_never_walked_are_those_of_c_order() {
    let tensor = numbers(&[4, 3]);
    let row = tensor.slice(0, Some(1), Some(2), 3).unwrap();
    assert_eq!(seen(&row, STRIDES).1, Some(vec![12, 4]));
    assert_eq!(seen(&numbers(&[2, 0, 3]), STRIDES).1, Some(vec![0, 12, 4]));
}

#[test]
fn a_request_that_the_elements_cannot_meet_is_refused() {
    let kind = |tensor: &Tensor, flags| require(tensor, flags).err().map(|error| error.kind());
    let fortran = numbers(&[2, 3]).transpose().unwrap();
    let gaps = numbers(&[4]).slice(0, None, None, 2).unwrap();
    for (flags, of_fortran, of_gaps) in [
        (0, Some(Kind::Layout), Some(Kind::Layout)),
        (ND, Some(Kind::Layout), Some(Kind::Layout)),
        (IN_C_ORDER, Some(Kind::Layout), Some(Kind::Layout)),
        (IN_F_ORDER, None, Some(Kind::Layout)),
        (IN_ANY_ORDER, None, Some(Kind::Layout)),
        (STRIDES, None, None),
        (FULL_RO | WRITABLE, None, None),
    ] {
        assert_eq!([kind(&fortran, flags), kind(&gaps, flags)], [of_fortran, of_gaps], "{flags:#x}");
    }
    let read_only = numbers(&[2]).as_read_only().unwrap();
    assert_eq!(kind(&read_only, WRITABLE), Some(Kind::ReadOnly));
    assert_eq!(kind(&numbers(&[2]), FORMAT), Some(Kind::Unsupported));
}

#[test]
fn a_type_without_a_format_is_refused_only_where_the_format_is_asked_for() {
    let tensor = numbers(&[2]).reinterpret(DType::BFLOAT16).unwrap();
    assert_eq!(to_buffer(&tensor, FULL_RO).unwrap_err().kind(), Kind::Unsupported);
    let mut buffer = to_buffer(&tensor, 0).unwrap();
    assert_eq!((buffer.len, buffer.itemsize, buffer.ndim), (8, 2, 1));
    // SAFETY: made just now.
    unsafe { release(&mut buffer) };
}

#[test]
fn an_export_holds_a_reference_until_it_is_released_and_released_again_is_nothing() {
    let tensor = numbers(&[2]);
    let mut buffer = to_buffer(&tensor, FULL_RO).unwrap();
    assert_eq!(tensor.reference_count(), 2);
    // SAFETY: made just now, and not released.
    assert_eq!(unsafe { exported(&buffer) }.data(), tensor.data());
    for _ in 0..2 {
        // SAFETY: made here; the second time it is cleared.
        unsafe { release(&mut buffer) };
        assert_eq!((tensor.reference_count(), buffer.buf.is_null(), buffer.len), (1, true, 0));
    }
}

#[test]
fn what_was_exported_comes_back_the_same() {
    let tensor = numbers(&[2, 3]).flip(Some(&[1])).unwrap().transpose().unwrap().as_read_only().unwrap();
    let mut buffer = to_buffer(&tensor, FULL_RO).unwrap();
    // SAFETY: `tensor` outlives what is made of its memory.
    let back = unsafe { from_buffer(&buffer, Owner::NOBODY) }.unwrap();
    assert_eq!((back.data(), back.dtype()), (tensor.data(), tensor.dtype()));
    assert_eq!(back.layout().shape(), tensor.layout().shape());
    assert_eq!(back.layout().strides(), tensor.layout().strides());
    assert!(back.is_read_only());
    // SAFETY: made here.
    unsafe { release(&mut buffer) };
}
