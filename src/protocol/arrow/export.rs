//! Tensors as Arrow arrays.

use std::ffi::{c_char, c_void};
use std::ptr::{NonNull, null, null_mut};

use super::format::format_of;
use super::metadata::{bool8, fixed_shape_tensor};
use crate::engine::route::{Convert, CopyMode, convert};
use crate::error::{Error, Kind, Result, bail};
use crate::log::log;
use crate::spec::arrow::{ArrowArray, ArrowSchema};
use crate::tensor::Tensor;
use crate::tensor::lifetimes::{Exported, Protocol};

/// `ARROW_FLAG_NULLABLE`. Few arrays have nulls, but a field that may not have any is another type to some consumers.
const NULLABLE: i64 = 2;

/// The type and the elements of `tensor`.
pub fn to_arrow(tensor: &Tensor, mode: CopyMode) -> Result<(ArrowSchema, ArrowArray)> {
    let elements = array(tensor, mode)?;
    match schema(tensor) {
        Ok(type_) => Ok((type_, elements)),
        Err(error) => {
            end_array(&mut Some(elements));
            Err(error)
        }
    }
}

/// The type of `tensor` in Arrow's words; [`ArrowSchema::release`] ends it.
pub fn schema(tensor: &Tensor) -> Result<ArrowSchema> {
    let (format, is_bool) = format_of(tensor.dtype().native())?;
    let metadata = if is_bool { bool8() } else { Vec::new() };
    let rows = rows(tensor)?;
    if tensor.layout().ndim() == 1 {
        return schema_block(&format, "", &metadata, None);
    }
    let item = schema_block(&format, "item", &metadata, None)?;
    let shape = &tensor.layout().shape()[1..];
    schema_block(&format!("+w:{rows}"), "", &fixed_shape_tensor(shape), Some(item))
}

/// The elements, in C order, sharing or copying as `mode` says; [`ArrowArray::release`] ends the struct.
pub fn array(tensor: &Tensor, mode: CopyMode) -> Result<ArrowArray> {
    tensor.require_host("Arrow's C data interface")?;
    format_of(tensor.dtype().native())?;
    let rows = rows(tensor)?;
    let tensor = dense(tensor, mode)?;
    let length = tensor.layout().shape()[0];
    if tensor.layout().ndim() == 1 {
        return array_block(&tensor, length, None);
    }
    let item = array_block(&tensor, length * rows, None)?;
    array_block(&tensor, length, Some(item))
}

/// Elements of `tensor` at each index of its first axis; Arrow's lists count them in 31 bits.
fn rows(tensor: &Tensor) -> Result<i64> {
    let Some((_, shape)) = tensor.layout().shape().split_first() else {
        bail!(Shape, "an Arrow array has one axis, the tensor has none: reshape it to one element");
    };
    let rows = shape.iter().try_fold(1i64, |product, &extent| product.checked_mul(extent));
    match rows.filter(|&rows| rows <= i64::from(i32::MAX)) {
        Some(rows) => Ok(rows),
        None => bail!(Overflow, "`shape` is {:?}: too many elements an index", tensor.layout().shape()),
    }
}

/// The elements as Arrow has them: in C order, without gaps, in native byte order.
fn dense(tensor: &Tensor, mode: CopyMode) -> Result<Tensor> {
    if mode == CopyMode::Never && tensor.dtype().is_swapped() {
        bail!(Unsupported, "Arrow carries native byte order only, the tensor is {}", tensor.dtype());
    }
    let how = Convert { copy: mode, ..Convert::default() };
    let made = convert(tensor, tensor.dtype().native(), &how).map_err(|error| match error.kind() {
        Kind::CopyRequired => Error::new(
            Kind::Layout,
            "Arrow has no strides, and the elements do not lie in C order: make a contiguous copy first",
        ),
        _ => error,
    })?;
    if mode == CopyMode::IfNeeded && made.data() != tensor.data() {
        log!(Info, "Arrow: {} bytes are copied, they do not lie as Arrow has them", made.byte_size());
    }
    Ok(made)
}

/// What a schema of ours owns, at the start of one block; metadata, format and name follow behind.
struct SchemaExport {
    child: ArrowSchema,
    children: [*mut ArrowSchema; 1],
}

/// A schema with its texts in a block of its own, so that it can be moved away from its parent.
fn schema_block(
    format: &str,
    name: &str,
    metadata: &[u8],
    child: Option<ArrowSchema>,
) -> Result<ArrowSchema> {
    let mut child = child;
    let size = size_of::<SchemaExport>() + metadata.len() + format.len() + name.len() + 2;
    // SAFETY: any size may be asked for.
    let block = NonNull::new(unsafe { libc::malloc(size) }.cast::<SchemaExport>());
    let Some(block) = block else {
        end_schema(&mut child);
        return Err(Error::NO_MEMORY);
    };
    let n_children = i64::from(child.is_some());
    // SAFETY: the block has room for the head, and behind it for the three texts with their ends.
    unsafe {
        let head = block.as_ptr();
        (&raw mut (*head).child).write(child.unwrap_or(ENDED_SCHEMA));
        (&raw mut (*head).children).write([&raw mut (*head).child]);
        let to_metadata = head.add(1).cast::<u8>();
        to_metadata.copy_from_nonoverlapping(metadata.as_ptr(), metadata.len());
        let to_format = write_text(to_metadata.add(metadata.len()), format);
        let to_name = write_text(to_format.add(format.len() + 1), name);
        Ok(ArrowSchema {
            format: to_format.cast::<c_char>(),
            name: to_name.cast::<c_char>(),
            metadata: if metadata.is_empty() { null() } else { to_metadata.cast::<c_char>() },
            flags: NULLABLE,
            n_children,
            children: if n_children == 0 { null_mut() } else { (&raw mut (*head).children).cast() },
            dictionary: null_mut(),
            release: Some(release_schema),
            private_data: head.cast(),
        })
    }
}

/// Writes `text` and its end.
///
/// # Safety
/// There is room for them.
unsafe fn write_text(to: *mut u8, text: &str) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        to.copy_from_nonoverlapping(text.as_ptr(), text.len());
        to.add(text.len()).write(0);
    }
    to
}

const ENDED_SCHEMA: ArrowSchema = ArrowSchema {
    format: null(),
    name: null(),
    metadata: null(),
    flags: 0,
    n_children: 0,
    children: null_mut(),
    dictionary: null_mut(),
    release: None,
    private_data: null_mut(),
};

fn end_schema(schema: &mut Option<ArrowSchema>) {
    if let Some(schema) = schema {
        // SAFETY: a live schema of ours, which nobody else has.
        unsafe { release_schema(schema) };
    }
}

/// Ends a schema of ours, and its part unless that was moved away.
unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: Arrow's contract: a live schema of ours, ended once.
    unsafe {
        let head = (*schema).private_data.cast::<SchemaExport>();
        if let Some(release) = (*head).child.release {
            release(&raw mut (*head).child);
        }
        (*schema).release = None;
        libc::free(head.cast());
    }
}

/// What an array of ours owns. A part has a reference of its own to the tensor, so that it can be moved away.
struct ArrayExport {
    tensor: Exported<{ Protocol::Arrow as u8 }>,
    /// NULL, or a block of its own.
    validity: *mut u8,
    buffers: [*const c_void; 2],
    child: ArrowArray,
    children: [*mut ArrowArray; 1],
}

/// A bit for each element that says whether it is valid, in a block from `malloc`, and how many are not: NaT is null in
/// Arrow, to whom its bits are a time like others. NULL where all are valid.
fn validity(tensor: &Tensor) -> Result<(*mut u8, i64)> {
    let count = tensor.element_count() as usize;
    let times = tensor.data().cast::<i64>();
    // SAFETY: element `i` of a dense tensor on the host whose elements have eight bytes.
    let is_nat = |i: &usize| unsafe { times.add(*i).read_unaligned() } == i64::MIN;
    if !matches!(tensor.dtype().kind, b'M' | b'm') || !(0..count).any(|i| is_nat(&i)) {
        return Ok((null_mut(), 0));
    }
    // SAFETY: any size may be asked for.
    let bitmap =
        NonNull::new(unsafe { libc::malloc(count.div_ceil(8)) }.cast::<u8>()).ok_or(Error::NO_MEMORY)?;
    let mut nulls = 0;
    for first in (0..count).step_by(8) {
        let eight = first..count.min(first + 8);
        nulls += eight.len() as i64;
        let valid = eight.filter(|i| !is_nat(i)).fold(0u8, |bits, i| bits | 1 << (i - first));
        nulls -= i64::from(valid.count_ones());
        // SAFETY: the block has a byte for each eight elements that were begun.
        unsafe { bitmap.as_ptr().add(first / 8).write(valid) };
    }
    Ok((bitmap.as_ptr(), nulls))
}

fn array_block(tensor: &Tensor, length: i64, child: Option<ArrowArray>) -> Result<ArrowArray> {
    let mut child = child;
    let (validity, null_count) = if child.is_none() { validity(tensor)? } else { (null_mut(), 0) };
    // SAFETY: any size may be asked for.
    let block = NonNull::new(unsafe { libc::malloc(size_of::<ArrayExport>()) }.cast::<ArrayExport>());
    let Some(block) = block else {
        end_array(&mut child);
        // SAFETY: NULL, or a block that nobody else has.
        unsafe { libc::free(validity.cast()) };
        return Err(Error::NO_MEMORY);
    };
    let n_children = i64::from(child.is_some());
    let head = block.as_ptr();
    // SAFETY: the block is made for this head, and aligned as `malloc` aligns.
    let (buffers, children) = unsafe {
        head.write(ArrayExport {
            tensor: Exported::new(tensor),
            validity,
            buffers: [validity.cast_const().cast(), tensor.data().cast_const().cast()],
            child: child.unwrap_or(ENDED_ARRAY),
            children: [&raw mut (*head).child],
        });
        ((&raw mut (*head).buffers).cast(), (&raw mut (*head).children).cast())
    };
    Ok(ArrowArray {
        length,
        null_count,
        offset: 0,
        n_buffers: 2 - n_children,
        n_children,
        buffers,
        children: if n_children == 0 { null_mut() } else { children },
        dictionary: null_mut(),
        release: Some(release_array),
        private_data: head.cast(),
    })
}

const ENDED_ARRAY: ArrowArray = ArrowArray {
    length: 0,
    null_count: 0,
    offset: 0,
    n_buffers: 0,
    n_children: 0,
    buffers: null_mut(),
    children: null_mut(),
    dictionary: null_mut(),
    release: None,
    private_data: null_mut(),
};

fn end_array(array: &mut Option<ArrowArray>) {
    if let Some(array) = array {
        // SAFETY: a live array of ours, which nobody else has.
        unsafe { release_array(array) };
    }
}

/// Ends an array of ours, and its part unless that was moved away.
unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: Arrow's contract: a live array of ours, ended once. No panic can leave: dropping a tensor frees memory or
    // runs a deleter that does not unwind.
    unsafe {
        let head = (*array).private_data.cast::<ArrayExport>();
        if let Some(release) = (*head).child.release {
            release(&raw mut (*head).child);
        }
        (*array).release = None;
        std::ptr::drop_in_place(&raw mut (*head).tensor);
        libc::free((*head).validity.cast());
        libc::free(head.cast());
    }
}
