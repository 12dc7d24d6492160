//! The CUDA array interface, versions 0 to 3: a plain struct both ways, and the dictionary as text.
//!
//! The stream that an exporter names is kept with the memory and named again to the next consumer, who has the duty to
//! wait. Where a driver is there, work of ours waits for that stream, and that stream for work of ours.

use std::ffi::c_void;
use std::fmt::Write;
use std::ptr::{NonNull, null, null_mut};

use super::numpy::{byte_strides, element_strides, kind_and_size, write_tuple};
use super::stream::are_here;
use crate::device::Device;
use crate::device::cuda::Stream;
use crate::dtype::DType;
use crate::error::{Error, Result, bail};
use crate::layout::{Dims, MAX_NDIM, Order};
use crate::storage::Owner;
use crate::tensor::{Adopted, Tensor};

/// The newest version, the first that names a stream.
const NEWEST: i32 = 3;
/// `flags`: the elements must not be written.
pub const READ_ONLY: u32 = 1;
/// `flags`: `stream` is one.
pub const HAS_STREAM: u32 = 2;
/// The stream on which work is ordered unless somebody says otherwise; to wait for it is to wait for every stream that
/// was not made to run beside it.
const LEGACY_DEFAULT: i64 = 1;

/// What a `__cuda_array_interface__` dictionary says, as a struct: the fields of version 3, and the device, which the
/// dictionary leaves out. Clear it before filling it in.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CudaArray {
    /// 0 to 3. Versions before 3 name no stream.
    pub version: i32,
    /// Number of axes.
    pub ndim: i32,
    /// Device address of element [0, …, 0]; NULL when there are no elements.
    pub data: *mut c_void,
    /// The type of the elements: what ndf_dtype_parse makes of `typestr`, or of `descr`.
    pub dtype: DType,
    /// `ndim` extents; NULL without axes.
    pub shape: *const i64,
    /// `ndim` strides in bytes; NULL for C order.
    pub strides: *const i64,
    /// Where the memory lies: CUDA, pinned, managed or ROCm memory. All zero means the first CUDA device.
    pub device: Device,
    /// NDF_CUDA_ARRAY_*.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
    /// With NDF_CUDA_ARRAY_HAS_STREAM, where work on the elements may be pending: 1 the legacy default stream, 2 the
    /// per-thread one, else a cudaStream_t. 0 and negative numbers are no streams.
    pub stream: i64,
    /// The exporter's own; NULL on import.
    pub internal: *mut c_void,
}

/// What an export keeps alive, at the start of one block; shape and byte strides follow behind.
struct Export {
    tensor: Tensor,
}

/// What an import keeps: how the memory ends, and what was said of its stream.
struct Import {
    deleter: Option<unsafe extern "C" fn(*mut c_void)>,
    context: *mut c_void,
    stream: Option<i64>,
}

/// Fails unless the interface can show memory of this kind.
fn require_device(device: Device) -> Result<()> {
    if !matches!(device.device_type, 2 | 3 | 10 | 11 | 13) {
        bail!(Unsupported, "the CUDA array interface shows CUDA and ROCm memory, this is on {device}");
    }
    Ok(())
}

fn require_version(version: i32) -> Result<()> {
    if !(0..=NEWEST).contains(&version) {
        bail!(Version, "`version` is {version}, the CUDA array interface has 0 to {NEWEST}");
    }
    Ok(())
}

/// Fails unless the interface can show this tensor.
fn require(tensor: &Tensor, version: i32) -> Result<()> {
    require_version(version)?;
    require_device(tensor.device())?;
    if tensor.dtype().is_packed() {
        bail!(
            Unsupported,
            "{} elements share bytes, which the CUDA array interface cannot say",
            tensor.dtype()
        );
    }
    if let (Some(stream @ 2..), 0..NEWEST) = (stream(tensor), version) {
        bail!(Unsupported, "work may be pending on stream {stream}, which version {version} cannot say");
    }
    Ok(())
}

/// The stream that a consumer must wait for; `None` when the elements are known to be there. All work that is known to use
/// the memory is ordered before it.
fn joined_stream(tensor: &Tensor) -> Result<Option<i64>> {
    if !tensor.storage().has_uses() {
        return Ok(stream(tensor));
    }
    let home = stream(tensor).unwrap_or(LEGACY_DEFAULT);
    if let Some(home) = Stream::from_number(home)? {
        tensor.wait(home)?;
    }
    Ok(Some(home))
}

/// The stream that came with the memory, else the legacy default one; `None` when the elements are known to be there.
fn stream(tensor: &Tensor) -> Option<i64> {
    match tensor.storage().owner().word(end_import) {
        // SAFETY: an owner that ends this way has an import as its word, for as long as the storage lives.
        Some(import) => unsafe { (*import.cast::<Import>()).stream },
        None => Some(LEGACY_DEFAULT),
    }
}

/// Exports as a struct, which keeps the memory alive until [`release`].
pub fn to_cuda_array(tensor: &Tensor, version: i32) -> Result<CudaArray> {
    require(tensor, version)?;
    let strides = byte_strides(tensor)?;
    let stream = joined_stream(tensor)?.filter(|_| version == NEWEST);
    let ndim = strides.len();
    const { assert!(size_of::<Export>().is_multiple_of(align_of::<i64>())) };
    // SAFETY: any size may be asked for.
    let block = unsafe { libc::malloc(size_of::<Export>() + 2 * ndim * size_of::<i64>()) };
    let export = NonNull::new(block.cast::<Export>()).ok_or(Error::NO_MEMORY)?;
    // SAFETY: the block has room for the head and 2 · ndim integers behind it, and is aligned for both.
    let (to_shape, to_strides) = unsafe {
        export.write(Export { tensor: tensor.clone() });
        let to_shape = export.as_ptr().add(1).cast::<i64>();
        let to_strides = to_shape.add(ndim);
        to_shape.copy_from_nonoverlapping(tensor.layout().shape().as_ptr(), ndim);
        to_strides.copy_from_nonoverlapping(strides.as_ptr(), ndim);
        (to_shape, to_strides)
    };
    let flag = |condition: bool, flag: u32| if condition { flag } else { 0 };
    Ok(CudaArray {
        version,
        ndim: ndim as i32,
        data: tensor.data().cast(),
        dtype: tensor.dtype(),
        shape: if ndim == 0 { null() } else { to_shape },
        strides: if tensor.is_contiguous(Order::C) { null() } else { to_strides },
        device: tensor.device(),
        flags: flag(tensor.is_read_only(), READ_ONLY) | flag(stream.is_some(), HAS_STREAM),
        reserved: 0,
        stream: stream.unwrap_or(0),
        internal: export.as_ptr().cast(),
    })
}

/// Ends an export, and leaves a struct without memory, which may be released again.
///
/// # Safety
/// `array.internal` is NULL or what [`to_cuda_array`] put there, and no copy of the struct is used again.
pub unsafe fn release(array: &mut CudaArray) {
    let internal = std::mem::replace(&mut array.internal, null_mut());
    *array = CudaArray {
        version: 0,
        ndim: 0,
        data: null_mut(),
        dtype: DType::NONE,
        shape: null(),
        strides: null(),
        device: Device { device_type: 0, device_id: 0 },
        flags: 0,
        reserved: 0,
        stream: 0,
        internal: null_mut(),
    };
    if let Some(export) = NonNull::new(internal.cast::<Export>()) {
        // SAFETY: the block that `to_cuda_array` made; its owner has let go of it above.
        unsafe {
            std::ptr::drop_in_place(&raw mut (*export.as_ptr()).tensor);
            libc::free(export.as_ptr().cast());
        }
    }
}

/// Imports a struct; `deleter(context)` ends the use of its memory. The struct, its shape and its strides are not needed
/// after the call. On failure nothing is ended.
///
/// # Safety
/// `array` is readable, its shape and strides are NULL or readable for `ndim` integers; the elements described stay on
/// their device until `deleter(context)` is called, once, on any thread.
pub unsafe fn from_cuda_array(
    array: &CudaArray,
    deleter: Option<unsafe extern "C" fn(*mut c_void)>,
    context: *mut c_void,
) -> Result<Tensor> {
    // SAFETY: the caller's promise.
    let (shape, strides) = unsafe { describe(array)? };
    let foreign = Adopted {
        data: array.data.cast(),
        byte_offset: 0,
        device: device(array)?,
        dtype: array.dtype,
        shape: &shape,
        strides: strides.as_deref(),
        read_only: array.flags & READ_ONLY != 0,
    };
    let import = Import { deleter, context, stream: imported_stream(array)? };
    // SAFETY: any size may be asked for.
    let block = NonNull::new(unsafe { libc::malloc(size_of::<Import>()) }.cast::<Import>());
    let block = block.ok_or(Error::NO_MEMORY)?;
    // SAFETY: the block is made for an import, and aligned as `malloc` aligns; the rest is the caller's promise. On
    // failure the owner is dropped without being ended, so the block is freed here.
    unsafe {
        block.write(import);
        let owner = Owner::new(end_import, block.as_ptr().cast(), null_mut());
        let tensor = Tensor::adopt(&foreign, owner).inspect_err(|_| libc::free(block.as_ptr().cast()))?;
        settle(tensor)
    }
}

/// An import at home on the stream that its exporter named. On failure nothing is ended.
fn settle(tensor: Tensor) -> Result<Tensor> {
    let Some(home) = stream(&tensor).filter(|_| are_here(tensor.device())) else {
        return Ok(tensor);
    };
    let settled = Stream::from_number(home).and_then(|home| match home {
        Some(home) => tensor.storage().set_home(&tensor.storage().context()?.enter()?, home),
        None => Ok(()),
    });
    match settled {
        Ok(()) => Ok(tensor),
        Err(error) => {
            let import = tensor.storage().owner().word(end_import);
            std::mem::forget(tensor); // whose end would be that of the caller's memory
            // SAFETY: the import's block, which nobody refers to but what was just forgotten.
            unsafe { libc::free(import.unwrap_or(null_mut())) };
            Err(error)
        }
    }
}

/// The owner function of an import.
unsafe fn end_import(_: *mut u8, _: usize, import: *mut c_void, _: *mut c_void) {
    // SAFETY: `from_cuda_array` stored an import from `malloc`, and owners are ended once.
    unsafe {
        let Import { deleter, context, .. } = import.cast::<Import>().read();
        libc::free(import);
        if let Some(deleter) = deleter {
            deleter(context);
        }
    }
}

/// Shape, and strides in elements.
///
/// # Safety
/// As [`from_cuda_array`].
unsafe fn describe(array: &CudaArray) -> Result<(Dims, Option<Dims>)> {
    require_version(array.version)?;
    if array.flags & !(READ_ONLY | HAS_STREAM) != 0 || array.reserved != 0 {
        bail!(
            InvalidArgument,
            "`flags` is {:#x}, `reserved` is {}: clear the struct, and set NDF_CUDA_ARRAY_* only",
            array.flags,
            array.reserved
        );
    }
    let Ok(ndim @ 0..=MAX_NDIM) = usize::try_from(array.ndim) else {
        bail!(Shape, "`ndim` is {}, a tensor has 0 to {MAX_NDIM} axes", array.ndim);
    };
    if ndim > 0 && array.shape.is_null() {
        bail!(InvalidArgument, "`shape` is NULL, `ndim` is {ndim}");
    }
    array.dtype.validate()?;
    if array.dtype.is_packed() {
        bail!(Unsupported, "{} elements share bytes, `strides` count whole ones", array.dtype);
    }
    // SAFETY: read for each axis, and only when not NULL, by the caller's promise.
    let dims = |ints: *const i64| Dims::from_fn(ndim, |axis| unsafe { ints.add(axis).read_unaligned() });
    let shape = dims(array.shape);
    if ndim == 0 || array.strides.is_null() {
        return Ok((shape, None));
    }
    let strides = element_strides(&dims(array.strides), &shape, array.dtype)?;
    Ok((shape, Some(strides)))
}

fn device(array: &CudaArray) -> Result<Device> {
    if array.device == (Device { device_type: 0, device_id: 0 }) {
        return Ok(Device { device_type: 2, device_id: 0 });
    }
    require_device(array.device)?;
    Ok(array.device)
}

/// What an exporter says of pending work. One before version 3 says nothing, which promises nothing: then the legacy
/// default stream has to be waited for.
fn imported_stream(array: &CudaArray) -> Result<Option<i64>> {
    match (array.flags & HAS_STREAM != 0, array.stream) {
        (false, _) if array.version < NEWEST => Ok(Some(LEGACY_DEFAULT)),
        (false, _) => Ok(None),
        (true, stream @ 1..) => Ok(Some(stream)),
        (true, 0) => bail!(
            InvalidArgument,
            "`stream` is 0, which may be either default stream: 1 is the legacy one, 2 the per-thread one"
        ),
        (true, stream) => bail!(InvalidArgument, "`stream` is {stream}, no CUDA stream"),
    }
}

/// The `__cuda_array_interface__` dictionary as a Python literal.
pub fn interface_text(tensor: &Tensor, version: i32) -> Result<String> {
    require(tensor, version)?;
    kind_and_size(tensor.dtype())?;
    let mut text = String::from("{'shape': ");
    write_tuple(&mut text, tensor.layout().shape());
    let (typestr, descr) = (tensor.dtype().typestr(), tensor.dtype().descr());
    let read_only = if tensor.is_read_only() { "True" } else { "False" };
    let address = tensor.data().addr();
    let _ = write!(text, ", 'typestr': '{typestr}', 'descr': {descr}, 'data': ({address}, {read_only})");
    text.push_str(", 'strides': ");
    if tensor.is_contiguous(Order::C) {
        text.push_str("None");
    } else {
        write_tuple(&mut text, &byte_strides(tensor)?);
    }
    let _ = match joined_stream(tensor)? {
        _ if version < NEWEST => Ok(()),
        Some(stream) => write!(text, ", 'stream': {stream}"),
        None => write!(text, ", 'stream': None"),
    };
    let _ = write!(text, ", 'version': {version}}}");
    Ok(text)
}
