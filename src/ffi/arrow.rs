//! Arrow's C data interface. `struct ArrowSchema` and `struct ArrowArray` are Arrow's own, as its specification has them:
//! who declares them gets them from there.

use super::args::{Options, Out, borrow, options, slice};
use super::convert::{copy_mode, ndf_copy};
use super::guard::guard;
use super::status::ndf_status;
use super::tensor::ndf_tensor;
use crate::engine::route::CopyMode;
use crate::error::Result;
use crate::protocol::arrow;
use crate::spec::arrow::{ArrowArray, ArrowSchema};

/// How to go to and from Arrow. All zero is the default; set `struct_size`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ndf_arrow_options {
    /// sizeof(ndf_arrow_options).
    pub struct_size: u32,
    /// NDF_COPY_NEVER (the default): share the memory or fail. NDF_COPY_IF_NEEDED: copy what cannot be shared (out:
    /// elements that do not lie in C order or in native byte order; in: booleans of one bit, days in 32 bits).
    /// NDF_COPY_ALWAYS: copy.
    pub copy: ndf_copy,
}

// SAFETY: `repr(C)`, the size first, integers only.
unsafe impl Options for ndf_arrow_options {
    const NAME: &'static str = "ndf_arrow_options";
}

fn mode(options: &ndf_arrow_options) -> Result<CopyMode> {
    copy_mode(options.copy, CopyMode::Never)
}

/// Gives the tensor as an Arrow array and its type. Each keeps what it needs until its own `release` is called, on any
/// thread.
///
/// One axis is an array of numbers, times or bytes; bool is the extension type arrow.bool8. More axes are
/// arrow.fixed_shape_tensor, which whoever does not know it takes for fixed-size lists. NaT is null. Arrow holds arrays to be
/// immutable: who writes the elements meanwhile orders the accesses.
///
/// @param tensor      of one axis or more, on memory that the host can reach  [borrowed]
/// @param options     NULL for: share or fail  [borrowed]
/// @param out_schema  the type, written over  [owned: its release]
/// @param out_array   the elements, written over  [owned: its release]
/// @returns NDF_OK; NDF_ERROR_SHAPE: no axes; NDF_ERROR_LAYOUT: the elements do not lie in C order;
///          NDF_ERROR_UNSUPPORTED: device memory, a type that Arrow has not (bfloat16, complex, text, days) or foreign
///          byte order; NDF_ERROR_OVERFLOW: more than 2^31 - 1 elements an index; NDF_ERROR_OUT_OF_MEMORY
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_to_arrow(
    tensor: *const ndf_tensor,
    options: *const ndf_arrow_options,
    out_schema: *mut ArrowSchema,
    out_array: *mut ArrowArray,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (tensor, options) = unsafe { (borrow(tensor, "tensor")?, self::options(options)?) };
        // SAFETY: as above.
        let (schema, array) =
            unsafe { (Out::new(out_schema, "out_schema")?, Out::new(out_array, "out_array")?) };
        let (type_, elements) = arrow::to_arrow(&tensor, mode(&options)?)?;
        schema.set(type_)?;
        array.set(elements)
    })
}

/// Makes a read-only tensor of an Arrow array, without copying unless `options` allow it. Everything that the two structs
/// say is checked first.
///
/// Fixed-size lists become further axes, arrow.fixed_shape_tensor in the order that its permutation says; arrow.bool8
/// becomes bool, fixed-size binary `V`, timestamps (in UTC when they have a time zone) datetime64, durations
/// timedelta64. Bitmaps are read where nobody has counted the nulls: one null among the elements, and the array is
/// refused.
///
/// @param schema   the type of `array`; read, and not ended  [borrowed]
/// @param array    moved into the tensor, which ends it after the last use, on any thread: `release` is NULL then, as
///                 Arrow says  [consumed on success]
/// @param options  NULL for: share or fail  [borrowed]
/// @param out      the tensor  [owned: ndf_tensor_release]
/// @returns NDF_OK; NDF_ERROR_UNSUPPORTED: nulls, dictionaries, types that no tensor has (strings, decimals, structs,
///          lists of variable length); NDF_ERROR_COPY_REQUIRED: booleans of one bit, or days in 32 bits;
///          NDF_ERROR_SHAPE, NDF_ERROR_DTYPE, NDF_ERROR_OVERFLOW, NDF_ERROR_INVALID_ARGUMENT: the structs make no
///          sense, as the message says, or have been ended; NDF_ERROR_OUT_OF_MEMORY
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn ndf_tensor_from_arrow(
    schema: *const ArrowSchema,
    array: *mut ArrowArray,
    options: *const ndf_arrow_options,
    out: *mut *mut ndf_tensor,
) -> ndf_status {
    guard(|| {
        // SAFETY: the header's contract; NULL is refused.
        let (out, options) = unsafe { (Out::new(out, "out")?, self::options(options)?) };
        // SAFETY: the header's contract: NULL, or readable structs, of which the second may be written.
        unsafe {
            let (schema, _) = (slice(schema, 1, "schema")?, slice(array, 1, "array")?);
            out.give(arrow::from_arrow(&schema[0], &mut *array, mode(&options)?)?)
        }
    })
}
