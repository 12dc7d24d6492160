//! Arrow arrays as tensors.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null_mut};

use super::format::{Elements, elements, size};
use super::metadata::{Extension, extension, shape_and_permutation};
use super::{BOOL8, FIXED_SHAPE_TENSOR};
use crate::device::Device;
use crate::dtype::DType;
use crate::engine::route::{Convert, CopyMode, convert};
use crate::error::{Error, Kind, Result, bail};
use crate::layout::{Layout, MAX_NDIM, Order};
use crate::spec::arrow::{ArrowArray, ArrowSchema};
use crate::storage::Owner;
use crate::tensor::{Adopted, Tensor};

/// Imports an array of the type that `schema` says, sharing or copying as `mode` says. On success the array is moved or
/// ended: its `release` is NULL then. The schema is only read.
///
/// # Safety
/// Both are what Arrow's C data interface says, or have been ended; the array may be ended once, on any thread.
pub unsafe fn from_arrow(schema: &ArrowSchema, array: &mut ArrowArray, mode: CopyMode) -> Result<Tensor> {
    // SAFETY: the caller's promise, for this call.
    let found = unsafe { Found::walk(schema, array)? };
    let (shared, dtype) = match found.elements {
        Elements::Shared(dtype) => (mode != CopyMode::Always, dtype),
        Elements::Days => (false, DType::INT32),
        Elements::Bits => (false, DType::BOOL),
    };
    if shared {
        let seen = Layout::contiguous(found.axes.shape(), Order::C)?.permute(found.axes.order())?;
        // SAFETY: the caller's promise.
        return unsafe { adopt(&found.adopted(dtype, seen.shape(), Some(seen.strides())), array) };
    }
    if mode == CopyMode::Never {
        let what = match found.elements {
            Elements::Bits => "booleans of one bit, which a tensor has not",
            _ => "days in 32 bits, which a tensor has in 64",
        };
        bail!(CopyRequired, "the array has {what}: this needs a copy, which `copy` forbids");
    }
    // SAFETY: the caller's promise. The array stays until the elements have been copied.
    let copy = unsafe { found.copied(dtype)? }.permute(found.axes.order())?;
    // SAFETY: as above; a live array, by `walk`.
    unsafe { end(array) };
    Ok(copy)
}

/// Extents as the elements lie, and the order in which the axes are to be seen. Not lists on the heap: where there is no
/// memory, that is an error like others.
struct Axes {
    shape: [i64; MAX_NDIM],
    order: [i32; MAX_NDIM],
    count: usize,
}

impl Axes {
    /// The axis of the outermost array.
    fn of(length: i64) -> Self {
        let mut axes = Self { shape: [0; MAX_NDIM], order: [0; MAX_NDIM], count: 1 };
        axes.shape[0] = length;
        axes
    }

    fn shape(&self) -> &[i64] {
        &self.shape[..self.count]
    }

    fn order(&self) -> &[i32] {
        &self.order[..self.count]
    }

    /// Adds axes of these extents, to be seen in an order that counts them from 0.
    fn push(&mut self, extents: &[i64], order: impl IntoIterator<Item = usize>) -> Result<()> {
        let (first, count) = (self.count, self.count + extents.len());
        if count > MAX_NDIM {
            bail!(Shape, "lists in lists have more than {MAX_NDIM} axes");
        }
        self.shape[first..count].copy_from_slice(extents);
        for (place, axis) in self.order[first..count].iter_mut().zip(order) {
            *place = (first + axis) as i32;
        }
        self.count = count;
        Ok(())
    }

    /// The axes of a list: one, or as many as the extension type of tensors says.
    fn push_list(&mut self, extent: i64, named: Extension<'_>) -> Result<()> {
        if named.name != FIXED_SHAPE_TENSOR.as_bytes() {
            return self.push(&[extent], 0..1);
        }
        let (extents, permutation) = shape_and_permutation(named.metadata)?;
        let product = extents.iter().try_fold(1i64, |product, &extent| product.checked_mul(extent));
        if product != Some(extent) || extents.iter().any(|&extent| extent < 0) {
            bail!(Shape, "{FIXED_SHAPE_TENSOR} has the shape {extents:?}, and lists of {extent} elements");
        }
        match permutation {
            None => self.push(&extents, 0..extents.len()),
            Some(order) if order.iter().all(|axis| (0..extents.len() as i64).contains(axis)) => {
                self.push(&extents, order.iter().map(|&axis| axis as usize))
            }
            Some(order) => bail!(Shape, "{FIXED_SHAPE_TENSOR} has the permutation {order:?} of {extents:?}"),
        }
    }
}

/// What an array is, checked all through.
struct Found {
    axes: Axes,
    elements: Elements,
    data: *mut u8,
    /// Elements in `data` before the first one.
    offset: u64,
}

impl Found {
    /// # Safety
    /// As [`from_arrow`].
    unsafe fn walk(mut schema: &ArrowSchema, mut array: &ArrowArray) -> Result<Self> {
        let mut axes = Axes::of(array.length);
        let mut range = Range { start: 0, count: array.length };
        // No deeper than this: lists may be nested without adding an axis.
        for _ in 0..MAX_NDIM {
            require_live(schema, array)?;
            range = range.inside(array)?;
            // SAFETY: the caller's promise for the whole tree.
            let (text, named) = unsafe {
                require_no_nulls(array, range)?;
                (format(schema)?, extension(schema.metadata)?)
            };
            let Some(of) = text.strip_prefix("+w:") else {
                // SAFETY: as above.
                return unsafe { Self::leaf(array, text, named, range, axes) };
            };
            let Some(extent) = size(of).and_then(|extent| i64::try_from(extent).ok()) else {
                bail!(Dtype, "`format` is {text:?}: no size of a list");
            };
            // SAFETY: as above.
            (schema, array) = unsafe { only_child(schema, array)? };
            range = range.times(extent)?;
            axes.push_list(extent, named)?;
        }
        bail!(Shape, "lists in lists are nested deeper than {MAX_NDIM} times");
    }

    /// The end of the walk: an array without parts.
    ///
    /// # Safety
    /// As [`from_arrow`].
    unsafe fn leaf(
        array: &ArrowArray,
        text: &str,
        named: Extension<'_>,
        range: Range,
        axes: Axes,
    ) -> Result<Self> {
        let elements = match (elements(text)?, named.name == BOOL8.as_bytes()) {
            (Elements::Shared(DType::INT8), true) => Elements::Shared(DType::BOOL),
            (plain, _) => plain,
        };
        if array.n_buffers != 2 || array.n_children != 0 {
            let (buffers, children) = (array.n_buffers, array.n_children);
            bail!(InvalidArgument, "{text:?} has 2 buffers and no children, not {buffers} and {children}");
        }
        // SAFETY: two buffers, by the caller's promise.
        let data = unsafe { buffer(array, 1)? };
        let offset = range.start.cast_unsigned();
        Ok(Self { axes, elements, data: data.cast_mut(), offset })
    }

    /// The elements as memory.
    fn adopted<'a>(&self, dtype: DType, shape: &'a [i64], strides: Option<&'a [i64]>) -> Adopted<'a> {
        Adopted {
            data: self.data,
            // Where there is no room for so many bytes, adopting fails.
            byte_offset: self.offset.saturating_mul(dtype.item_size() as u64),
            device: Device::CPU,
            dtype,
            shape,
            strides,
            read_only: true,
        }
    }

    /// A tensor on new memory, its axes as they lie.
    ///
    /// # Safety
    /// The elements are readable.
    unsafe fn copied(&self, dtype: DType) -> Result<Tensor> {
        if self.elements == Elements::Bits {
            // SAFETY: the caller's promise.
            return unsafe { self.unpacked() };
        }
        // SAFETY: the caller's promise; the tensor is gone before the call ends.
        let lent = unsafe { Tensor::adopt(&self.adopted(dtype, self.axes.shape(), None), Owner::NOBODY)? };
        let how = Convert { copy: CopyMode::Always, ..Convert::default() };
        match self.elements {
            Elements::Days => convert(&lent, DType::INT64, &how)?.reinterpret(DType::from_typestr("M8[D]")?),
            _ => convert(&lent, dtype, &how),
        }
    }

    /// Booleans of a byte each.
    ///
    /// # Safety
    /// The bits are readable.
    unsafe fn unpacked(&self) -> Result<Tensor> {
        let tensor = Tensor::empty(DType::BOOL, self.axes.shape(), Order::C, Device::CPU)?;
        let count = tensor.element_count() as usize;
        if count > 0 && self.data.is_null() {
            bail!(InvalidArgument, "`buffers[1]` is NULL, the array has {count} elements");
        }
        for i in 0..count {
            let bit = self.offset as usize + i;
            // SAFETY: the caller's promise for the bits; the tensor has `count` bytes of its own.
            unsafe { tensor.data().add(i).write(self.data.add(bit / 8).read() >> (bit % 8) & 1) };
        }
        Ok(tensor)
    }
}

/// Elements of one array of the tree, counted from the start of its buffers once `inside`, else from its own start.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: i64,
    count: i64,
}

impl Range {
    /// The range, seen from the start of the buffers of `array`.
    fn inside(self, array: &ArrowArray) -> Result<Self> {
        if array.length < 0 || array.offset < 0 || array.null_count < -1 {
            bail!(
                Shape,
                "`length` is {}, `offset` is {}, `null_count` is {}",
                array.length,
                array.offset,
                array.null_count
            );
        }
        let fits = self.start.checked_add(self.count).is_some_and(|end| end <= array.length);
        if !fits {
            bail!(
                Shape,
                "a list needs {} elements from {} on, `length` is {}",
                self.count,
                self.start,
                array.length
            );
        }
        match array.offset.checked_add(array.length) {
            Some(_) => Ok(Self { start: self.start + array.offset, ..self }),
            None => bail!(Overflow, "`offset` {} and `length` {} overflow", array.offset, array.length),
        }
    }

    /// The range in the part of a list, each of whose elements has `extent` there.
    fn times(self, extent: i64) -> Result<Self> {
        match (self.start.checked_mul(extent), self.count.checked_mul(extent)) {
            (Some(start), Some(count)) => Ok(Self { start, count }),
            _ => bail!(Overflow, "{} lists of {extent} elements overflow", self.count),
        }
    }
}

fn require_live(schema: &ArrowSchema, array: &ArrowArray) -> Result<()> {
    if schema.release.is_none() || array.release.is_none() {
        let which = if schema.release.is_none() { "schema" } else { "array" };
        bail!(InvalidArgument, "`{which}` has been released or moved: its `release` is NULL");
    }
    if !schema.dictionary.is_null() || !array.dictionary.is_null() {
        bail!(Unsupported, "the array is dictionary-encoded, decode it first");
    }
    if schema.n_children != array.n_children {
        bail!(
            InvalidArgument,
            "`schema` has {} children, `array` has {}",
            schema.n_children,
            array.n_children
        );
    }
    Ok(())
}

/// # Safety
/// As [`from_arrow`].
unsafe fn format<'a>(schema: &ArrowSchema) -> Result<&'a str> {
    if schema.format.is_null() {
        bail!(InvalidArgument, "`format` is NULL");
    }
    // SAFETY: not NULL, and ended by the caller's promise.
    let text = unsafe { CStr::from_ptr(schema.format) };
    text.to_str().map_err(|_| Error::new(Kind::Dtype, "`format` is not UTF-8"))
}

/// The part of a fixed-size list.
///
/// # Safety
/// As [`from_arrow`].
unsafe fn only_child<'a>(
    schema: &ArrowSchema,
    array: &ArrowArray,
) -> Result<(&'a ArrowSchema, &'a ArrowArray)> {
    if array.n_buffers != 1 || array.n_children != 1 {
        let (buffers, children) = (array.n_buffers, array.n_children);
        bail!(InvalidArgument, "a fixed-size list has 1 buffer and 1 child, not {buffers} and {children}");
    }
    // SAFETY: one child each, by the caller's promise.
    let child = unsafe {
        match (schema.children.as_ref(), array.children.as_ref()) {
            (Some(schema), Some(array)) => schema.as_ref().zip(array.as_ref()),
            _ => None,
        }
    };
    match child {
        Some(child) => Ok(child),
        None => bail!(InvalidArgument, "`children` or what it points at is NULL, `n_children` is 1"),
    }
}

/// Buffer `index` of an array that has it.
///
/// # Safety
/// As [`from_arrow`]; there are more than `index` buffers.
unsafe fn buffer(array: &ArrowArray, index: usize) -> Result<*const u8> {
    if array.buffers.is_null() {
        bail!(InvalidArgument, "`buffers` is NULL, `n_buffers` is {}", array.n_buffers);
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { *array.buffers.add(index) }.cast())
}

/// Fails when some element of the range is null. Nobody need have counted them, and those that others have counted may
/// lie outside the range.
///
/// # Safety
/// As [`from_arrow`].
unsafe fn require_no_nulls(array: &ArrowArray, range: Range) -> Result<()> {
    // Types without a validity bitmap (nulls, unions) are refused by their format.
    if array.n_buffers < 1 || array.null_count == 0 {
        return Ok(());
    }
    // SAFETY: there is a first buffer; not NULL it has a bit for each element.
    let nulls = unsafe {
        match buffer(array, 0)? {
            bitmap if bitmap.is_null() => array.null_count.max(0),
            bitmap => count_nulls(bitmap, range.start as usize, range.count as usize),
        }
    };
    if nulls > 0 {
        bail!(
            Unsupported,
            "{nulls} of the {} elements are null, which a tensor cannot say: fill or drop them first",
            range.count
        );
    }
    Ok(())
}

/// How many of `count` bits from `start` on are 0.
///
/// # Safety
/// The bits are readable.
unsafe fn count_nulls(bitmap: *const u8, start: usize, count: usize) -> i64 {
    // SAFETY: the caller's promise.
    let is_set = |bit: usize| unsafe { bitmap.add(bit / 8).read() } >> (bit % 8) & 1 == 1;
    let (mut bit, end, mut nulls) = (start, start + count, 0);
    while bit < end {
        if bit.is_multiple_of(8) && end - bit >= 8 {
            // SAFETY: as above.
            nulls += i64::from(unsafe { bitmap.add(bit / 8).read() }.count_zeros());
            bit += 8;
        } else {
            nulls += i64::from(!is_set(bit));
            bit += 1;
        }
    }
    nulls
}

/// A tensor that ends `array` after the last use. Success moves the array away.
///
/// # Safety
/// As [`from_arrow`]; `foreign` describes elements of the array.
unsafe fn adopt(foreign: &Adopted<'_>, array: &mut ArrowArray) -> Result<Tensor> {
    // SAFETY: any size may be asked for.
    let block = NonNull::new(unsafe { libc::malloc(size_of::<ArrowArray>()) }.cast::<ArrowArray>());
    let block = block.ok_or(Error::NO_MEMORY)?;
    // SAFETY: the caller's promise. The block gets a bitwise copy, and the original is made an ended one: that is how
    // Arrow moves an array. On failure the owner is dropped without being ended, and the original is as before.
    unsafe {
        block.copy_from_nonoverlapping(NonNull::from(&mut *array), 1);
        let owner = Owner::new(end_moved, block.as_ptr().cast(), null_mut());
        let tensor = Tensor::adopt(foreign, owner).inspect_err(|_| libc::free(block.as_ptr().cast()))?;
        array.release = None;
        Ok(tensor)
    }
}

/// The owner function of an import.
unsafe fn end_moved(_: *mut u8, _: usize, array: *mut c_void, _: *mut c_void) {
    // SAFETY: `adopt` stored a live array in a block from `malloc`, and owners are ended once.
    unsafe {
        end(&mut *array.cast::<ArrowArray>());
        libc::free(array);
    }
}

/// Ends a live array.
///
/// # Safety
/// As [`from_arrow`], for the last time.
unsafe fn end(array: &mut ArrowArray) {
    if let Some(release) = array.release {
        // SAFETY: the caller's promise.
        unsafe { release(array) };
    }
    // A producer that forgets it would be ended again by whoever holds the struct.
    array.release = None;
}
