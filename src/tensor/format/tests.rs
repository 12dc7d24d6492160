//! What `tests/print.rs` does not hold against NumPy: the types that NumPy lacks, packed elements, and refusals.

use super::FormatOptions;
use crate::device::Device;
use crate::dtype::{DType, Field, Overflow, Scalar, Value};
use crate::error::Kind;
use crate::layout::Order;
use crate::storage::Owner;
use crate::tensor::{Adopted, Tensor};

/// A tensor of `shape` whose memory begins with `bytes`.
fn tensor(dtype: DType, shape: &[i64], bytes: &[u8]) -> Tensor {
    let tensor = Tensor::zeros(dtype, shape, Order::C, Device::CPU).unwrap();
    assert!(bytes.len() <= tensor.storage().byte_count());
    // SAFETY: the storage is new, on the host, and has room.
    unsafe { tensor.storage().start().copy_from(bytes.as_ptr(), bytes.len()) };
    tensor
}

/// The lowest `count` bytes of `raw` as this machine orders them.
fn native(raw: u64, count: usize) -> Vec<u8> {
    if cfg!(target_endian = "big") {
        raw.to_be_bytes()[8 - count..].into()
    } else {
        raw.to_le_bytes()[..count].into()
    }
}

/// A column of numbers of a real type of whole bytes.
fn column(dtype: DType, values: &[f64]) -> Tensor {
    let (scalar, _) = Scalar::of(dtype).unwrap();
    let bytes: Vec<u8> = values
        .iter()
        .map(|&x| scalar.encode(Value::F64(x), Overflow::Wrap))
        .flat_map(|raw| native(raw, dtype.item_size()))
        .collect();
    tensor(dtype, &[values.len() as i64], &bytes)
}

fn text(tensor: &Tensor) -> String {
    tensor.format(&FormatOptions::default()).unwrap()
}

#[test]
fn bfloat16_shows_the_digits_that_read_back() {
    assert_eq!(text(&column(DType::BFLOAT16, &[0.1, -2.5, 3.140625])), "[ 0.1 , -2.5 ,  3.14]");
    assert_eq!(text(&column(DType::BFLOAT16, &[0.0, 128.0, 255.0])), "[  0., 128., 255.]");
    assert_eq!(text(&column(DType::BFLOAT16, &[1024.0, 1.0])), "[1.024e+03, 1.000e+00]");
    assert_eq!(text(&column(DType::BFLOAT16, &[f64::NAN, -0.0, f64::NEG_INFINITY])), "[ nan,  -0., -inf]");
}

#[test]
fn the_floats_of_a_byte_print_like_the_others() {
    assert_eq!(text(&column(DType::FLOAT8_E4M3FN, &[448.0, 0.5, -208.0])), "[ 448. ,    0.5, -208. ]");
    assert_eq!(text(&column(DType::FLOAT8_E5M2, &[57344.0, f64::INFINITY])), "[6.e+04,    inf]");
    assert_eq!(text(&column(DType::FLOAT8_E8M0FNU, &[1.0, 16.0, f64::NAN])), "[ 1., 16., nan]");
}

#[test]
fn every_small_float_reads_back_from_its_text() {
    let most = FormatOptions::new(60, 0, 0, 0).unwrap();
    let types = [DType::BFLOAT16, DType::FLOAT8_E3M4, DType::FLOAT8_E4M3, DType::FLOAT8_E4M3B11FNUZ]
        .into_iter()
        .chain([DType::FLOAT8_E4M3FN, DType::FLOAT8_E4M3FNUZ, DType::FLOAT8_E5M2, DType::FLOAT8_E5M2FNUZ])
        .chain([DType::FLOAT8_E8M0FNU, DType::FLOAT6_E2M3FN.padded(), DType::FLOAT6_E3M2FN.padded()])
        .chain([DType::FLOAT4_E2M1FN.padded()]);
    for dtype in types {
        let (scalar, _) = Scalar::of(dtype).unwrap();
        for raw in 0..1u64 << dtype.bits {
            let value = scalar.decode(raw).to_f64();
            let text = tensor(dtype, &[], &native(raw, dtype.item_size())).format(&most).unwrap();
            let read: f64 = text.parse().unwrap();
            let same = if value.is_nan() {
                read.is_nan()
            } else {
                scalar.encode(Value::F64(read), Overflow::Wrap) == raw
            };
            assert!(same, "{dtype} {raw:#x} is {value}, printed {text}");
        }
    }
}

#[test]
fn packed_elements_print_from_any_bit() {
    let nibbles = tensor(DType::INT4, &[2, 3], &[0x21, 0xf3, 0x87]);
    assert_eq!(text(&nibbles), "[[ 1,  2,  3],\n [-1,  7, -8]]");
    assert_eq!(text(&nibbles.slice(1, Some(1), None, 1).unwrap()), "[[ 2,  3],\n [ 7, -8]]");
    assert_eq!(text(&nibbles.flip(None).unwrap()), "[[-8,  7, -1],\n [ 3,  2,  1]]");
    assert_eq!(text(&tensor(DType::UINT2, &[4], &[0b11_10_01_00])), "[0, 1, 2, 3]");
    assert_eq!(text(&tensor(DType::UINT4.padded(), &[2], &[0x0f, 0x02])), "[15,  2]");
    // Six-bit floats 1, 2, 3 and 4: codes 8, 16, 20 and 24, of which two lie across bytes.
    let sixes =
        tensor(DType::FLOAT6_E2M3FN, &[4], &(8u32 | 16 << 6 | 20 << 12 | 24 << 18).to_le_bytes()[..3]);
    assert_eq!(text(&sixes), "[1., 2., 3., 4.]");
    assert_eq!(text(&sixes.select(0, -1).unwrap()), "4.");
    assert_eq!(text(&tensor(DType::FLOAT4_E2M1FN, &[4], &[0x42, 0xf1])), "[ 1. ,  2. ,  0.5, -6. ]");
}

#[test]
fn an_element_of_several_lanes_is_a_list() {
    let pairs = tensor(DType::INT8.with_lanes(2), &[2], &[1, 2, 3, 0xff]);
    assert_eq!(text(&pairs), "[[ 1,  2], [ 3, -1]]");
    let fours = tensor(DType::FLOAT4_E2M1FN.with_lanes(2), &[2], &[0x42, 0x11]);
    assert_eq!(text(&fours), "[[1. , 2. ], [0.5, 0.5]]");
    // Three lanes of four bits: the second element starts inside a byte.
    let odd = tensor(DType::UINT4.with_lanes(3), &[2], &[0x21, 0x43, 0x65]);
    assert_eq!(text(&odd), "[[1, 2, 3], [4, 5, 6]]");
}

#[test]
fn a_packed_vector_may_be_a_field() {
    let pair = Field {
        name: "pair".into(),
        title: None,
        dtype: DType::FLOAT4_E2M1FN.with_lanes(2),
        offset: 1,
        shape: vec![],
    };
    let record = DType::record(2, vec![pair]).unwrap();
    assert_eq!(text(&tensor(record, &[1], &[9, 0x42])), "[([1., 2.],)]");
}

#[test]
fn elements_of_no_size_need_no_memory() {
    assert_eq!(text(&tensor(DType::numpy(b'S', 0), &[2], &[])), "[b'', b'']");
}

#[test]
fn complex_numbers_of_halves_print_like_halves() {
    let bytes: Vec<u8> =
        [0x3c00u16, 0x3555, 0xc000, 0x7e00].iter().flat_map(|half| half.to_ne_bytes()).collect();
    assert_eq!(text(&tensor(DType::COMPLEX32, &[2], &bytes)), "[ 1.+0.3333j, -2.   +nanj]");
}

#[test]
fn a_time_without_a_unit_is_its_integer() {
    let any = DType::parse("M8").unwrap();
    assert_eq!(text(&tensor(any, &[2], &5i64.to_ne_bytes())), "[5, 0]");
}

#[test]
fn unknown_types_are_refused_by_name() {
    let unknown = DType::new(18, 32);
    let error = tensor(unknown, &[2], &[]).format(&FormatOptions::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.message().contains(&unknown.to_string()), "{error}");
}

#[test]
fn memory_that_neither_host_nor_cuda_reaches_is_refused() {
    let foreign = Adopted {
        data: std::ptr::without_provenance_mut(0x1000),
        byte_offset: 0,
        device: Device { device_type: 10, device_id: 0 },
        dtype: DType::FLOAT32,
        shape: &[4],
        strides: None,
        read_only: false,
    };
    // SAFETY: nothing reads or writes the elements.
    let tensor = unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }.unwrap();
    assert_eq!(tensor.format(&FormatOptions::default()).unwrap_err().kind(), Kind::Unsupported);
}

#[test]
fn text_without_bounds_is_refused() {
    let one = tensor(DType::INT8, &[1], &[7]);
    let wide = one.broadcast(&[1 << 40]).unwrap();
    assert_eq!(text(&wide), "[7, 7, 7, ..., 7, 7, 7]");
    let all = FormatOptions::new(0, i64::MAX, 0, 0).unwrap();
    assert_eq!(wide.format(&all).unwrap_err().kind(), Kind::Unsupported);
    // Six elements an axis, and 22 axes.
    let deep = one.broadcast(&[7; 22]).unwrap();
    assert_eq!(deep.format(&FormatOptions::default()).unwrap_err().kind(), Kind::Unsupported);
}

#[test]
fn arrays_without_elements_are_lists_all_the_same() {
    let record = |dtype, shape: &[usize]| {
        let field = Field { name: "v".into(), title: None, dtype, offset: 0, shape: shape.into() };
        tensor(DType::record(1, vec![field]).unwrap(), &[1], &[])
    };
    assert_eq!(text(&record(DType::INT8, &[2, 0])), "[([[], []],)]");
    assert_eq!(text(&record(DType::INT8, &[0, 1 << 40, 1 << 40])), "[([],)]");
    let nothing = DType::numpy(b'V', 0);
    for (dtype, shape) in
        [(nothing, vec![1 << 40]), (nothing, vec![1 << 40, 1 << 40]), (DType::INT8, vec![1 << 32, 0])]
    {
        let error = record(dtype, &shape).format(&FormatOptions::default()).map_err(|error| error.kind());
        assert_eq!(error, Err(Kind::Unsupported), "{dtype} {shape:?}");
    }
}

#[test]
fn numbers_below_zero_are_refused_by_name() {
    assert_eq!(FormatOptions::new(0, 0, 0, 0), Ok(FormatOptions::default()));
    for (options, name) in
        [(FormatOptions::new(0, -1, 0, 0), "threshold"), (FormatOptions::new(0, 0, -1, 0), "edge")]
    {
        let error = options.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
        assert!(error.message().contains(name), "{error}");
    }
    let extremes = FormatOptions::new(u32::MAX, i64::MAX, i64::MAX, u32::MAX).unwrap();
    assert_eq!(column(DType::FLOAT64, &[0.1, 1e-300]).format(&extremes), Ok("[1.e-001, 1.e-300]".into()));
}
