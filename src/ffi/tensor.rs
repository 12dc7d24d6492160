//! Tensors: making, sharing and releasing them.

use std::ffi::c_void;
use std::mem::{ManuallyDrop, MaybeUninit};

use super::args::{Options, Out, borrow, dims, optional_dims, options, options_in, stream};
use super::guard::{guard, guard_or};
use super::status::ndf_status;
use crate::device::Device;
use crate::dtype::DType;
use crate::engine::route;
use crate::error::{Result, bail};
use crate::layout::Order;
use crate::storage::{Owner, Place};
use crate::tensor::{Adopted, MemoryOrder, Tensor};

/// A strided, typed view of memory on one device, shared by counting references.
///
/// A handle is an immutable description: any function may be called with it on any thread at any time. The elements
/// are plain memory: whoever writes them orders the accesses.
pub struct ndf_tensor {
    _opaque: [u8; 0],
}

/// Memory order of the elements of a new tensor (`NDF_ORDER_*`).
pub type ndf_order = u32;
/// Row-major: the last axis is adjacent. The default.
pub const NDF_ORDER_C: ndf_order = 0;
/// Column-major: the first axis is adjacent.
pub const NDF_ORDER_F: ndf_order = 1;
/// As close to the source's order as can be, without gaps. Where there is no source: C.
pub const NDF_ORDER_KEEP: ndf_order = 2;

pub(super) fn memory_order(order: ndf_order) -> Result<MemoryOrder> {
    match order {
        NDF_ORDER_C => Ok(MemoryOrder::C),
        NDF_ORDER_F => Ok(MemoryOrder::F),
        NDF_ORDER_KEEP => Ok(MemoryOrder::Keep),
        _ => bail!(InvalidArgument, "`order` is {order}, no NDF_ORDER_*"),
    }
}

pub(super) fn plain_order(order: ndf_order) -> Result<Order> {
    Ok(if memory_order(order)? == MemoryOrder::F { Order::F } else { Order::C })
}

/// All zero means none given: host memory.
pub(super) fn device_or_cpu(device: Device) -> Device {
    if device.device_type == 0 { Device::CPU } else { device }
}

/// How to make a tensor. All zero is the default; set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_create_options {
    /// sizeof(ndf_create_options).
    pub struct_size: u32,
    /// Memory order of the elements.
    pub order: ndf_order,
    /// Where the memory is to be; type 0 means NDF_DEVICE_CPU.
    pub device: Device,
    /// The CUDA stream in whose order memory of NDF_DEVICE_CUDA is made and written, as DLPack numbers them; 0 means 1, the
    /// legacy default stream. Work on another one waits: see ndf_tensor_wait.
    pub stream: i64,
}

// SAFETY: `repr(C)`, the size first, integers only.
unsafe impl Options for ndf_create_options {
    const NAME: &'static str = "ndf_create_options";
}

/// cbindgen:ignore
impl ndf_create_options {
    /// All zero.
    const NONE: Self = Self {
        struct_size: 0,
        order: NDF_ORDER_C,
        device: Device { device_type: 0, device_id: 0 },
        stream: 0,
    };

    #[inline(always)]
    fn place(&self) -> Result<Place> {
        Ok(Place { device: device_or_cpu(self.device), stream: stream(self.stream)? })
    }
}

/// The memory may be read but not written.
pub const NDF_WRAP_READ_ONLY: u32 = 1;

/// How to wrap memory. All zero is the default; set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_wrap_options {
    /// sizeof(ndf_wrap_options).
    pub struct_size: u32,
    /// NDF_WRAP_READ_ONLY or 0.
    pub flags: u32,
    /// Where the memory is; type 0 means NDF_DEVICE_CPU.
    pub device: Device,
}

// SAFETY: `repr(C)`, the size first, integers only.
unsafe impl Options for ndf_wrap_options {
    const NAME: &'static str = "ndf_wrap_options";
}

/// Ends the use of memory that was wrapped: gets the `context` given with it. Runs once, on any thread, after the
/// last use; must not throw or `longjmp`.
pub type ndf_deleter = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// Makes a tensor on new memory, aligned to 256 bytes, its elements not initialised.
///
/// @param dtype    the type of the elements
/// @param ndim     the number of axes, 0 to 64
/// @param shape    `ndim` extents, each 0 or more  [borrowed; NULL only if `ndim` is 0]
/// @param options  NULL for C order on the CPU  [borrowed]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT, NDF_ERROR_SHAPE, NDF_ERROR_DTYPE: an argument is malformed;
///          NDF_ERROR_OVERFLOW; NDF_ERROR_OUT_OF_MEMORY; NDF_ERROR_DEVICE_UNAVAILABLE
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_empty(
    dtype: DType,
    ndim: i32,
    shape: *const i64,
    options: *const ndf_create_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        let mut room = MaybeUninit::uninit();
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, options, out) = unsafe {
            let options = options_in(options, &ndf_create_options::NONE, &mut room)?;
            (dims(shape, ndim, "shape")?, options, Out::new(out, "out")?)
        };
        out.give(Tensor::empty(dtype, shape, plain_order(options.order)?, options.place()?)?)
    })
}

/// Makes a tensor with the shape of another one, on new memory, its elements not initialised.
///
/// @param tensor   gives the shape, and the order for NDF_ORDER_KEEP  [borrowed]
/// @param dtype    the type of the elements; all zero for the type of `tensor`
/// @param options  NULL for C order on the CPU  [borrowed]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_empty
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_empty_like(
    tensor: *const ndf_tensor,
    dtype: DType,
    options: *const ndf_create_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, options, out) =
            unsafe { (borrow(tensor, "tensor")?, self::options(options)?, Out::new(out, "out")?) };
        let dtype = dtype.or(tensor.dtype());
        out.give(tensor.empty_like(dtype, memory_order(options.order)?, options.place()?)?)
    })
}

/// Makes a tensor whose bytes are all 0.
///
/// Parameters and results as ndf_tensor_empty.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_zeros(
    dtype: DType,
    ndim: i32,
    shape: *const i64,
    options: *const ndf_create_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, options, out) =
            unsafe { (dims(shape, ndim, "shape")?, self::options(options)?, Out::new(out, "out")?) };
        out.give(Tensor::zeros(dtype, shape, plain_order(options.order)?, options.place()?)?)
    })
}

/// Makes a tensor whose elements are all `value`.
///
/// @param dtype        the type of the elements
/// @param ndim         the number of axes, 0 to 64
/// @param shape        `ndim` extents  [borrowed; NULL only if `ndim` is 0]
/// @param value_dtype  the type of `value`, a double for example; converted as NDF_CASTING_UNSAFE does
/// @param value        one element of `value_dtype`  [borrowed]
/// @param options      NULL for C order on the CPU  [borrowed]
/// @param out          the tensor  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_empty; NDF_ERROR_UNSUPPORTED: no conversion from `value_dtype` to `dtype`
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_full(
    dtype: DType,
    ndim: i32,
    shape: *const i64,
    value_dtype: DType,
    value: *const c_void,
    options: *const ndf_create_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, value, options, out) = unsafe {
            (
                dims(shape, ndim, "shape")?,
                scalar(value_dtype, value)?,
                self::options(options)?,
                Out::new(out, "out")?,
            )
        };
        let place = options.place()?;
        let tensor = Tensor::empty(dtype, shape, plain_order(options.order)?, place)?;
        // SAFETY: as above.
        if !unsafe { route::fill_again(&tensor, value.dtype(), value.data()) } {
            route::fill(&tensor, &value, place.stream)?;
        }
        out.give(tensor)
    })
}

/// Lends `value` as a tensor without axes.
///
/// # Safety
/// `value` is NULL or one element of `dtype` for as long as the result is used.
pub(super) unsafe fn scalar(dtype: DType, value: *const c_void) -> Result<Tensor> {
    let value = value.cast_mut().cast::<u8>();
    let foreign = Adopted {
        data: value,
        byte_offset: 0,
        device: Device::CPU,
        dtype,
        shape: &[],
        strides: None,
        read_only: true,
    };
    if value.is_null() {
        return Err(super::args::null("value"));
    }
    // SAFETY: the caller's promise; nobody frees it.
    unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }
}

/// Makes a tensor on new memory with a copy of the caller's elements.
///
/// @param data     address of element [0, …, 0]  [borrowed; NULL only if there are no elements]
/// @param dtype    the type of the elements
/// @param ndim     the number of axes, 0 to 64
/// @param shape    `ndim` extents  [borrowed; NULL only if `ndim` is 0]
/// @param strides  `ndim` strides of `data` in elements, any sign  [borrowed; NULL for C order without gaps]
/// @param options  of the new tensor; NULL for C order on the CPU  [borrowed]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns as ndf_tensor_empty
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_data(
    data: *const c_void,
    dtype: DType,
    ndim: i32,
    shape: *const i64,
    strides: *const i64,
    options: *const ndf_create_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, strides, options, out) = unsafe {
            (
                dims(shape, ndim, "shape")?,
                optional_dims(strides, ndim, "strides")?,
                self::options(options)?,
                Out::new(out, "out")?,
            )
        };
        let data = data.cast_mut().cast();
        let foreign =
            Adopted { data, byte_offset: 0, device: Device::CPU, dtype, shape, strides, read_only: true };
        // SAFETY: the header's contract: `data` covers shape and strides during the call; the tensor ends with it.
        let source = unsafe { Tensor::adopt(&foreign, Owner::NOBODY) }?;
        let place = options.place()?;
        let copy = source.empty_like(dtype, memory_order(options.order)?, place)?;
        route::copy(&source, &copy, place.stream)?;
        out.give(copy)
    })
}

/// Makes a tensor of memory that the caller has, without copying. `deleter(context)` runs once when the last
/// tensor, view and export on it is gone; on failure it does not run.
///
/// @param data     address of element [0, …, 0]: with negative strides the memory reaches below it
///                 [consumed on success; NULL only if there are no elements]
/// @param dtype    the type of the elements
/// @param ndim     the number of axes, 0 to 64
/// @param shape    `ndim` extents  [borrowed; NULL only if `ndim` is 0]
/// @param strides  `ndim` strides in elements, any sign  [borrowed; NULL for C order without gaps]
/// @param deleter  ends the use of the memory; NULL when there is nothing to do
/// @param context  passed to `deleter`  [consumed on success]
/// @param options  NULL for writable memory on the CPU  [borrowed]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_INVALID_ARGUMENT, NDF_ERROR_SHAPE, NDF_ERROR_DTYPE: an argument is malformed;
///          NDF_ERROR_OVERFLOW: the elements reach outside the address space
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_wrap(
    data: *mut c_void,
    dtype: DType,
    ndim: i32,
    shape: *const i64,
    strides: *const i64,
    deleter: ndf_deleter,
    context: *mut c_void,
    options: *const ndf_wrap_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL and negative counts are refused.
        let (shape, strides, options, out) = unsafe {
            (
                dims(shape, ndim, "shape")?,
                optional_dims(strides, ndim, "strides")?,
                self::options(options)?,
                Out::new(out, "out")?,
            )
        };
        if options.flags & !NDF_WRAP_READ_ONLY != 0 {
            bail!(
                InvalidArgument,
                "`options->flags` is {:#x}, only NDF_WRAP_READ_ONLY is known",
                options.flags
            );
        }
        let foreign = Adopted {
            data: data.cast(),
            byte_offset: 0,
            device: device_or_cpu(options.device),
            dtype,
            shape,
            strides,
            read_only: options.flags != 0,
        };
        // SAFETY: the header's contract for `deleter` and for the elements. On failure the owner comes back
        // untouched, and dropping it runs nothing.
        let tensor = unsafe { Tensor::adopt(&foreign, Owner::deleter(deleter, context)) };
        out.give(tensor?)
    })
}

/// Adds a reference and returns `tensor`; NULL gives NULL. Any thread, no locks.
///
/// @param tensor  [borrowed]
/// @returns `tensor`  [owned: ndf_tensor_release]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_retain(tensor: *mut ndf_tensor) -> *mut ndf_tensor {
    // SAFETY: the header's contract: a live handle or NULL.
    if let Some(tensor) = unsafe { ndf_tensor::lend(tensor) } {
        let _given = ManuallyDrop::new(tensor.clone());
    }
    tensor
}

/// Gives up a reference; with the last one the memory is freed or its deleter runs. NULL is a no-op. Any thread,
/// no locks; never fails. CUDA memory may still be worked on: it is freed after the work.
///
/// @param tensor  [consumed]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ndf_tensor_release(tensor: *mut ndf_tensor) {
    guard_or((), || {
        // SAFETY: the header's contract: a live handle, one reference of which ends here, or NULL.
        drop(unsafe { ndf_tensor::take(tensor) });
        Ok(())
    });
}
