//! What each kind of obstacle leads to. That the table is true is asked of the libraries, in `python/interop`.

use super::*;
use crate::engine::route::CopyMode;
use crate::error::Kind;
use crate::layout::Order;
use crate::spec::dlpack::{DLTensor, FLAG_IS_COPIED, FLAG_READ_ONLY};
use crate::storage::Owner;
use crate::tensor::{Adopted, Tensor};

fn consumer(name: &str) -> &'static Consumer {
    Consumer::find(name).unwrap()
}

/// 4 by 3, counting up.
fn sample() -> Tensor {
    let tensor = Tensor::zeros(DType::FLOAT32, &[4, 3], Order::C, Device::CPU).unwrap();
    for i in 0..12u8 {
        // SAFETY: the tensor has twelve elements, and nobody else has it.
        unsafe { tensor.data().cast::<f32>().add(usize::from(i)).write(f32::from(i)) };
    }
    tensor
}

/// Host memory with another label.
fn labelled(device_type: i32, device_id: i32) -> Tensor {
    static MEMORY: [u64; 8] = [0; 8];
    let foreign = Adopted {
        data: MEMORY.as_ptr().cast_mut().cast(),
        byte_offset: 0,
        device: Device { device_type, device_id },
        dtype: DType::FLOAT32,
        shape: &[4],
        strides: None,
        read_only: false,
    };
    // SAFETY: the memory is static, has four floats, and no test writes it.
    unsafe { Tensor::adopt(&foreign, Owner::deleter(None, std::ptr::null_mut())) }.unwrap()
}

fn line(tensor: &Tensor, name: &str, wish: Wish) -> String {
    plan(tensor, consumer(name), wish).map_or_else(|error| error.message().to_owned(), |plan| plan.line())
}

/// What the consumer sees: data, device type, shape, strides; flags of the versioned struct; the values in C order.
struct Seen {
    data: *mut u8,
    device: (i32, i32),
    strides: Vec<i64>,
    flags: Option<u64>,
    values: Vec<f32>,
}

fn hand(tensor: &Tensor, name: &str, wish: Wish) -> Seen {
    // SAFETY: the struct was made just now, describes floats, and is ended once.
    unsafe {
        match plan(tensor, consumer(name), wish).unwrap().hand().unwrap() {
            Handed::Versioned(managed) => {
                let seen = look(&managed.as_ref().dl_tensor, Some(managed.as_ref().flags));
                managed.as_ref().deleter.unwrap()(managed.as_ptr());
                seen
            }
            Handed::Legacy(managed) => {
                let seen = look(&managed.as_ref().dl_tensor, None);
                managed.as_ref().deleter.unwrap()(managed.as_ptr());
                seen
            }
        }
    }
}

/// # Safety
/// A live description of floats in host memory.
unsafe fn look(described: &DLTensor, flags: Option<u64>) -> Seen {
    // SAFETY: as many integers as axes, by the caller's promise.
    let dims = |dims: *mut i64| unsafe { std::slice::from_raw_parts(dims, described.ndim as usize) }.to_vec();
    let (shape, strides) = (dims(described.shape), dims(described.strides));
    let mut places = vec![0i64];
    for (&extent, &stride) in shape.iter().zip(&strides) {
        places = places.iter().flat_map(|&place| (0..extent).map(move |i| place + i * stride)).collect();
    }
    let data = described.data.cast::<f32>();
    // SAFETY: shape and strides lead to elements, by the caller's promise.
    let values = places.iter().map(|&place| unsafe { data.offset(place as isize).read() }).collect();
    let device = (described.device.device_type, described.device.device_id);
    Seen { data: described.data.cast(), device, strides, flags, values }
}

#[test]
fn what_a_consumer_takes_is_shared_and_nothing_is_said_but_so() {
    let tensor = sample();
    for name in
        ["numpy", "numpy<2.1", "torch", "jax", "tensorflow", "pyarrow", "onnxruntime", "tvm-ffi", "strict"]
    {
        let title = consumer(name).title;
        assert_eq!(line(&tensor, name, Wish::default()), format!("{title}: zero-copy"));
        let seen = hand(&tensor, name, Wish::default());
        assert_eq!((seen.data, seen.device, seen.flags.unwrap_or(0)), (tensor.data(), (1, 0), 0), "{name}");
        assert_eq!(seen.flags.is_none(), consumer(name).structs == Structs::Legacy, "{name}");
    }
    assert_eq!(line(&tensor, "mlx", Wish::default()), "MLX: zero-copy; MLX copies 48 B itself");
}

#[test]
fn strides_that_a_consumer_does_not_take_are_copied_in_the_order_that_it_takes() {
    let tensor = sample();
    let flipped = tensor.flip(Some(&[0])).unwrap();
    let columns = tensor.slice(1, Some(0), Some(2), 1).unwrap();
    let cases = [
        (&flipped, "torch", "PyTorch: stride -3 of axis 0 is negative; copies 48 B", vec![3, 1]),
        (
            &flipped.transpose().unwrap(),
            "torch",
            "PyTorch: stride -3 of axis 1 is negative; copies 48 B",
            vec![1, 3],
        ),
        (&columns, "jax", "JAX: stride 3 of axis 0 is not dense; copies 32 B", vec![2, 1]),
        (
            &columns.transpose().unwrap(),
            "jax",
            "JAX: stride 3 of axis 1 is not dense; copies 32 B",
            vec![1, 2],
        ),
        (
            &tensor.transpose().unwrap(),
            "tensorflow",
            "TensorFlow: strides [1, 3] are not row-major; copies 48 B",
            vec![4, 1],
        ),
    ];
    for (view, name, said, strides) in cases {
        assert_eq!(line(view, name, Wish::default()), said);
        let seen = hand(view, name, Wish::default());
        assert_eq!(seen.strides, strides, "{said}");
        let everything = hand(view, "numpy", Wish::default());
        assert_eq!((everything.data, &everything.values), (view.data(), &seen.values), "{said}");
        let never = Wish { copy: CopyMode::Never, ..Wish::default() };
        assert_eq!(plan(view, consumer(name), never).unwrap_err().kind(), Kind::CopyRequired);
    }
}

#[test]
fn a_copy_repeats_nothing_that_the_consumer_can_repeat_itself() {
    let repeated = sample().select(0, 1).unwrap().broadcast(&[1000, 3]).unwrap();
    assert_eq!(
        line(&repeated, "torch", Wish::default()),
        "PyTorch: read-only memory would become writable; copies 12 B"
    );
    let seen = hand(&repeated, "torch", Wish::default());
    assert_eq!((seen.strides, &seen.values[2997..]), (vec![0, 1], &[3.0, 4.0, 5.0][..]));
    assert!(line(&repeated, "jax", Wish::default()).ends_with("copies 12000 B"));
    let always = Wish { copy: CopyMode::Always, ..Wish::default() };
    assert_eq!(
        line(&repeated, "torch", always),
        "PyTorch: read-only memory would become writable; copies 12000 B"
    );
    assert_eq!(hand(&repeated, "torch", always).strides, [3, 1]);
}

#[test]
fn read_only_memory_is_shared_where_it_stays_so_and_else_copied_refused_or_allowed() {
    let tensor = sample().as_read_only().unwrap();
    let seen = hand(&tensor, "numpy", Wish::default());
    assert_eq!((seen.data, seen.flags), (tensor.data(), Some(FLAG_READ_ONLY)));
    let seen = hand(&tensor, "numpy<2.1", Wish::default());
    assert_eq!((seen.data, seen.flags), (tensor.data(), None));
    let seen = hand(&tensor, "torch", Wish::default());
    assert!(seen.data != tensor.data());
    assert_eq!(seen.flags, Some(FLAG_IS_COPIED));
    let never = Wish { copy: CopyMode::Never, ..Wish::default() };
    assert_eq!(
        line(&tensor, "torch", never),
        "PyTorch: read-only memory would become writable, and `copy` forbids to copy 48 B"
    );
    for name in ["torch", "jax", "tvm-ffi"] {
        let seen = hand(&tensor, name, Wish { allow_writable: true, ..never });
        assert_eq!((seen.data, seen.flags.unwrap_or(0)), (tensor.data(), 0), "{name}");
    }
    let allowed = line(&tensor, "torch", Wish { allow_writable: true, ..never });
    assert_eq!(allowed, "PyTorch: zero-copy, and the read-only memory becomes writable as allowed");
}

#[test]
fn an_address_that_is_not_aligned_enough_is_copied_to_one_that_is() {
    let tensor = sample().slice(0, Some(1), None, 1).unwrap();
    assert_eq!(
        line(&tensor, "jax", Wish::default()),
        "JAX: its address is aligned to 4 B, not to 64; copies 36 B"
    );
    assert!(hand(&tensor, "jax", Wish::default()).data.addr().is_multiple_of(64));
}

#[test]
fn pinned_memory_is_shown_as_cpu_and_managed_memory_copied_where_they_are_not_known() {
    let pinned = labelled(3, 1);
    assert_eq!(line(&pinned, "numpy", Wish::default()), "NumPy: zero-copy");
    assert_eq!(hand(&pinned, "numpy", Wish::default()).device, (3, 1));
    assert_eq!(line(&pinned, "torch", Wish::default()), "PyTorch: zero-copy, cuda_host:1 is shown as cpu");
    let seen = hand(&pinned, "torch", Wish::default());
    assert_eq!((seen.data, seen.device), (pinned.data(), (1, 0)));
    assert_eq!(hand(&labelled(1, 5), "jax", Wish { allow_writable: true, ..Wish::default() }).device, (1, 0));
    let managed = labelled(13, 0);
    assert_eq!(
        line(&managed, "torch", Wish::default()),
        "PyTorch: it does not take memory on cuda_managed:0; copies 16 B"
    );
    let seen = hand(&managed, "torch", Wish::default());
    assert_eq!((seen.data == managed.data(), seen.device), (false, (1, 0)));
}

#[test]
fn what_no_copy_can_help_is_refused() {
    let cuda = labelled(2, 0);
    assert_eq!(line(&cuda, "torch", Wish::default()), "PyTorch: zero-copy");
    let says = |tensor: &Tensor, name, said| {
        let error = plan(tensor, consumer(name), Wish::default()).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Unsupported, said));
    };
    says(
        &cuda,
        "numpy",
        "NumPy: takes memory on cpu or cuda_host or rocm_host or cuda_managed, the tensor is on cuda:0",
    );
    says(&sample(), "cupy", "CuPy: takes memory on cuda or cuda_managed, the tensor is on cpu");
    says(
        &cuda.flip(None).unwrap(),
        "torch",
        "PyTorch: stride -1 of axis 0 is negative, and memory on cuda:0 cannot be copied here",
    );
    let deep = Tensor::zeros(DType::FLOAT32, &[1; 33], Order::C, Device::CPU).unwrap();
    says(&deep, "numpy<2.1", "NumPy before 2.1: takes at most 32 axes, not 33; reshape it");
}

#[test]
fn a_refused_type_comes_with_one_that_is_taken() {
    let cases = [
        ("bfloat16", "pyarrow", "does not take bfloat16 through DLPack; convert it to float32"),
        ("int4", "numpy", "does not take int4 through DLPack; convert it to int8"),
        ("bool", "onnxruntime", "does not take bool through DLPack; convert it to uint8"),
        ("float64", "mlx", "does not take float64 through DLPack; convert it to float32, which is narrower"),
        ("complex64", "pyarrow", "view it as float32, the real and imaginary parts in turn"),
        ("datetime64[s]", "torch", "view it as int64"),
        ("int4[padded]", "tvm-ffi", "convert it to int4, which is packed"),
        ("S3", "torch", "nor any type that could hold it"),
    ];
    for (dtype, name, said) in cases {
        let tensor = Tensor::zeros(DType::parse(dtype).unwrap(), &[2], Order::C, Device::CPU).unwrap();
        let error = plan(&tensor, consumer(name), Wish::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.message().ends_with(said), "{error}");
    }
}

#[test]
fn an_older_struct_can_be_asked_for() {
    let legacy = Wish { legacy_only: true, ..Wish::default() };
    assert_eq!(hand(&sample(), "numpy", legacy).flags, None);
    let error = plan(&sample(), consumer("pyarrow"), legacy).unwrap_err();
    assert_eq!(error.kind(), Kind::Version);
}

#[test]
fn a_tensor_without_elements_has_no_obstacles_and_plain_strides() {
    let empty = sample().slice(0, Some(2), Some(2), -1).unwrap().as_read_only().unwrap();
    for consumer in CONSUMERS.iter().filter(|consumer| consumer.takes_device(1)) {
        let wish = Wish {
            copy: if consumer.shares { CopyMode::Never } else { CopyMode::IfNeeded },
            ..Wish::default()
        };
        let seen = hand(&empty, &consumer.name(), wish);
        assert_eq!((seen.data.is_null(), seen.strides, seen.values.len()), (true, vec![3, 1], 0));
    }
}

#[test]
fn what_is_strict_is_taken_by_all_on_the_host() {
    let strict = consumer("strict");
    let others = || CONSUMERS.iter().filter(|other| other.takes_device(1));
    for other in others() {
        assert!(strict.strides >= other.strides && strict.max_ndim <= other.max_ndim, "{}", other.title);
        assert!(strict.alignment.is_multiple_of(other.alignment), "{}", other.title);
        let all = strict.dtypes.unwrap().iter();
        let missing: Vec<_> = all.filter(|&&dtype| !other.takes_dtype(dtype)).collect();
        // MLX narrows them in silence.
        assert!(missing.iter().all(|&&dtype| dtype == DType::FLOAT64 && other.title == "MLX"), "{missing:?}");
    }
    assert_eq!(strict.alignment, others().map(|other| other.alignment).max().unwrap());
}

#[test]
fn names_are_found_and_an_unknown_one_is_told_all() {
    for consumer in &CONSUMERS {
        assert!(std::ptr::eq(self::consumer(&consumer.name()), consumer));
    }
    let error = Consumer::find("caffe").unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert!(
        error.message().starts_with("`consumer` is \"caffe\", it may be numpy, numpy<2.1, torch"),
        "{error}"
    );
}
