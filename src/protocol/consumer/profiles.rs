//! The table. `python/interop/test_profiles.py` asks the libraries themselves whether each row is true of the release that
//! it names, and `docs/handover.md` shows it.

use super::Strides::{Any, Dense, NotNegative, RowMajor};
use super::Structs::{Both, Legacy, Versioned};
use super::{Consumer, Evidence};
use crate::dtype::DType;
use crate::layout::MAX_NDIM;

const CPU: i32 = 1;
const CUDA: i32 = 2;
const CUDA_HOST: i32 = 3;
const ROCM: i32 = 10;
const ROCM_HOST: i32 = 11;
const CUDA_MANAGED: i32 = 13;
const ONEAPI: i32 = 14;

/// The types that all libraries take, then others one by one.
macro_rules! dtypes {
    ($($more:expr),*) => {
        Some(&[
            DType::UINT8, DType::UINT16, DType::UINT32, DType::UINT64,
            DType::INT8, DType::INT16, DType::INT32, DType::INT64,
            DType::FLOAT16, DType::FLOAT32, $($more),*
        ])
    };
}

/// All that the library knows, in the order of the documentation.
pub static CONSUMERS: [Consumer; 11] = [
    NUMPY,
    Consumer {
        name: c"numpy<2.1",
        title: "NumPy before 2.1",
        // What comes in the legacy struct is read-only in NumPy, whatever it was before.
        structs: Legacy,
        max_ndim: 32,
        evidence: Evidence::Tested("numpy 1.26.4"),
        ..NUMPY
    },
    Consumer {
        name: c"torch",
        title: "PyTorch",
        structs: Both,
        strides: NotNegative,
        alignment: 1,
        dtypes: dtypes!(
            DType::FLOAT64,
            DType::BOOL,
            DType::BFLOAT16,
            DType::COMPLEX32,
            DType::COMPLEX64,
            DType::COMPLEX128,
            DType::FLOAT8_E4M3FN,
            DType::FLOAT8_E4M3FNUZ,
            DType::FLOAT8_E5M2,
            DType::FLOAT8_E5M2FNUZ,
            DType::FLOAT8_E8M0FNU,
            DType::FLOAT4_E2M1FN.with_lanes(2)
        ),
        devices: Some(&[CPU, CUDA, ROCM, ONEAPI]),
        max_ndim: MAX_NDIM,
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Tested("torch 2.15.0"),
    },
    Consumer {
        name: c"jax",
        title: "JAX",
        // From 0.12 on it reads both.
        structs: Legacy,
        strides: Dense,
        alignment: 64,
        dtypes: dtypes!(
            DType::FLOAT64,
            DType::BOOL,
            DType::BFLOAT16,
            DType::COMPLEX64,
            DType::COMPLEX128,
            DType::FLOAT8_E3M4,
            DType::FLOAT8_E4M3,
            DType::FLOAT8_E4M3B11FNUZ,
            DType::FLOAT8_E4M3FN,
            DType::FLOAT8_E4M3FNUZ,
            DType::FLOAT8_E5M2,
            DType::FLOAT8_E5M2FNUZ,
            DType::FLOAT8_E8M0FNU
        ),
        devices: Some(&[CPU, CUDA, ROCM]),
        max_ndim: MAX_NDIM,
        // It never writes itself, but before 0.12 shows its arrays to others as writable.
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Tested("jax 0.10.2"),
    },
    Consumer {
        name: c"tensorflow",
        title: "TensorFlow",
        structs: Legacy,
        strides: RowMajor,
        alignment: 1,
        dtypes: dtypes!(DType::FLOAT64, DType::BOOL, DType::BFLOAT16, DType::COMPLEX64, DType::COMPLEX128),
        // Without a GPU it ends the process when it is given memory of one.
        devices: Some(&[CPU]),
        max_ndim: MAX_NDIM,
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Tested("tensorflow 2.21.0"),
    },
    Consumer {
        name: c"cupy",
        title: "CuPy",
        structs: Both,
        strides: Any,
        alignment: 1,
        dtypes: dtypes!(DType::FLOAT64, DType::BOOL, DType::COMPLEX64, DType::COMPLEX128),
        devices: Some(&[CUDA, CUDA_MANAGED]),
        max_ndim: MAX_NDIM,
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Read("its source, cupy/_core/dlpack.pyx and _carray.pxd"),
    },
    Consumer {
        name: c"pyarrow",
        title: "PyArrow",
        structs: Versioned,
        strides: NotNegative,
        alignment: 1,
        dtypes: dtypes!(DType::FLOAT64),
        devices: Some(&[CPU]),
        max_ndim: MAX_NDIM,
        keeps_read_only: true,
        shares: true,
        evidence: Evidence::Tested("pyarrow 26.0.1"),
    },
    Consumer {
        name: c"onnxruntime",
        title: "ONNX Runtime",
        structs: Legacy,
        strides: RowMajor,
        alignment: 1,
        dtypes: dtypes!(DType::FLOAT64, DType::BFLOAT16),
        devices: Some(&[CPU, CUDA]),
        max_ndim: MAX_NDIM,
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Tested("onnxruntime 1.31.1"),
    },
    Consumer {
        name: c"mlx",
        title: "MLX",
        structs: Both,
        strides: NotNegative,
        alignment: 1,
        // float64 and complex128 it narrows in silence.
        dtypes: dtypes!(DType::BOOL, DType::BFLOAT16, DType::COMPLEX64),
        devices: Some(&[CPU]),
        max_ndim: MAX_NDIM,
        keeps_read_only: true,
        shares: false,
        evidence: Evidence::Tested("mlx 0.32.4"),
    },
    Consumer {
        name: c"tvm-ffi",
        title: "TVM FFI",
        // It checks nothing, and its kernels do what they do. In C it reads both structs.
        structs: Legacy,
        strides: Any,
        alignment: 1,
        dtypes: None,
        devices: None,
        max_ndim: MAX_NDIM,
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Tested("tvm_ffi 0.1.15"),
    },
    Consumer {
        name: c"strict",
        title: "a strict consumer",
        structs: Both,
        strides: RowMajor,
        alignment: 64,
        // MLX alone lacks float64.
        dtypes: dtypes!(DType::FLOAT64),
        devices: Some(&[CPU]),
        max_ndim: 32,
        keeps_read_only: false,
        shares: true,
        evidence: Evidence::Derived,
    },
];

const NUMPY: Consumer = Consumer {
    name: c"numpy",
    title: "NumPy",
    structs: Both,
    strides: Any,
    alignment: 1,
    dtypes: dtypes!(DType::FLOAT64, DType::BOOL, DType::COMPLEX64, DType::COMPLEX128),
    devices: Some(&[CPU, CUDA_HOST, ROCM_HOST, CUDA_MANAGED]),
    max_ndim: MAX_NDIM,
    keeps_read_only: true,
    shares: true,
    evidence: Evidence::Tested("numpy 2.4.6"),
};
