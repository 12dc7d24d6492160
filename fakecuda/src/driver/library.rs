//! Libraries: modules that serve every context.

use libc::{c_int, c_uint, size_t};

use super::module;
use crate::{
    arguments::{In, Out, Text},
    codes::{INVALID_HANDLE, INVALID_VALUE},
    entry::entry_points,
};

entry_points! {
    12000 Init fn cuLibraryLoadData(
        out_library: Out<usize>, image: Text, _options: In<c_uint>, _values: In<usize>, _count: c_uint,
        _library_options: In<c_uint>, _library_values: In<usize>, _library_count: c_uint
    ) |state| {
        module::load(state, out_library, image, None)
    }
    12000 Init fn cuLibraryUnload(library: usize) |mut state| { module::unload(&mut state, library) }
    12000 Init fn cuLibraryGetKernel(out_kernel: Out<usize>, library: usize, name: Text) |mut state| {
        let name = name.read()?.into_owned();
        out_kernel.give(module::function(&mut state, library, name)?)
    }
    12000 Init fn cuLibraryGetModule(out_module: Out<usize>, library: usize) |state| {
        state.modules.get(&library).ok_or(INVALID_HANDLE)?;
        out_module.give(library)
    }
    12000 Context fn cuKernelGetFunction(out_function: Out<usize>, kernel: usize) |state| {
        state.functions.get(&kernel).ok_or(INVALID_HANDLE)?;
        out_function.give(kernel)
    }
    12000 Init fn cuKernelGetAttribute(
        out_value: Out<c_int>, attribute: c_int, kernel: usize, number: c_int
    ) |state| {
        super::init::device(&state, number)?;
        let kernel = state.functions.get(&kernel).ok_or(INVALID_HANDLE)?;
        let capability = state.config.capability;
        out_value.give(module::attribute_of(kernel, attribute, capability).ok_or(INVALID_VALUE)?)
    }
    12000 Init fn cuKernelSetAttribute(attribute: c_int, value: c_int, kernel: usize, number: c_int) |mut state| {
        super::init::device(&state, number)?;
        let kernel = state.functions.get_mut(&kernel).ok_or(INVALID_HANDLE)?;
        module::set_attribute(kernel, attribute, value)
    }
    12040 Init fn cuKernelGetParamInfo(
        kernel: usize, index: size_t, out_offset: Out<size_t>, out_bytes: Out<size_t>
    ) |state| {
        let (offset, bytes) = module::parameter(&state, kernel, index)?;
        out_bytes.offer(bytes);
        out_offset.give(offset)
    }
}
