//! The C API as a sequence of calls with any arguments, on handles that live and on NULL: statuses, no crash, and nothing
//! is left when all handles are released.
#![no_main]

#[allow(dead_code, reason = "each target takes what it needs")]
mod input;

use std::ptr::{null, null_mut};

use input::Input;
use libfuzzer_sys::fuzz_target;
use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::ffi::*;

type Handle = *mut ndf_tensor;

const NAMES: [&str; 10] =
    ["float32", "uint8", "int64", "float16", "bool", "complex64", "int4", "float8_e4m3fn", ">f4", "S5"];

struct Caller<'a> {
    input: Input<'a>,
    handles: Vec<Handle>,
}

impl Caller<'_> {
    fn dtype(&mut self) -> DType {
        match self.input.byte() % 8 {
            0 => DType { lanes: u16::from(self.input.byte()), ..DType::new(self.input.byte(), self.input.byte()) },
            _ => DType::parse(NAMES[self.input.below(NAMES.len())]).expect("they are known"),
        }
    }

    /// A handle that lives, or NULL.
    fn handle(&mut self) -> Handle {
        let place = self.input.below(self.handles.len() + 1);
        self.handles.get(place).copied().unwrap_or(null_mut())
    }

    /// Extents whose product memory can hold, or hostile ones that no memory can.
    fn shape(&mut self) -> Vec<i64> {
        let hostile = self.input.byte() % 8 == 0;
        (0..self.input.below(5))
            .map(|_| if hostile { self.input.integer() } else { self.input.below(7) as i64 })
            .collect()
    }

    fn numbers(&mut self) -> Vec<i32> {
        (0..self.input.below(5)).map(|_| self.input.integer() as i32).collect()
    }

    /// Keeps what a call gave, and checks that a failure gave nothing.
    fn keep(&mut self, call: impl FnOnce(*mut Handle) -> ndf_status) {
        let mut out = null_mut();
        match call(&mut out) as i32 {
            0 => self.handles.push(out),
            _ => assert!(out.is_null()),
        }
    }

    fn options(&mut self) -> ndf_convert_options {
        // SAFETY: integers and pointers, for which all zero is the default.
        let mut options: ndf_convert_options = unsafe { std::mem::zeroed() };
        options.struct_size = size_of::<ndf_convert_options>() as u32;
        if self.input.byte() % 8 == 0 {
            options.struct_size = u32::from(self.input.byte());
        }
        options.casting = u32::from(self.input.byte() % 8);
        options.overflow = u32::from(self.input.byte() % 4);
        options.copy = u32::from(self.input.byte() % 5);
        options.order = u32::from(self.input.byte() % 4);
        options.axis = self.input.integer() as i32;
        options
    }

    /// One call.
    fn call(&mut self) {
        let (tensor, axis) = (self.handle(), self.input.integer() as i32);
        // SAFETY: handles live or are NULL, arrays are as long as is said, and nobody else uses any of it.
        unsafe {
            match self.input.below(18) {
                0 | 1 => {
                    let (dtype, shape) = (self.dtype(), self.shape());
                    // Not more than the fuzzer may have: what is asked for beyond that is refused by the API itself.
                    if shape.iter().try_fold(64i64, |all, extent| all.checked_mul(*extent)).is_some_and(|all| all > 1 << 24) {
                        return;
                    }
                    self.keep(|out| ndf_tensor_zeros(dtype, shape.len() as i32, shape.as_ptr(), null(), out));
                }
                2 => {
                    let axes = self.numbers();
                    self.keep(|out| ndf_tensor_permute(tensor, axes.len() as i32, axes.as_ptr(), out));
                }
                3 => self.keep(|out| ndf_tensor_transpose(tensor, out)),
                4 => {
                    let [start, stop, step] = [(); 3].map(|()| self.input.integer());
                    self.keep(|out| ndf_tensor_slice(tensor, axis, start, stop, step, out));
                }
                5 => {
                    let index = self.input.integer();
                    self.keep(|out| ndf_tensor_select(tensor, axis, index, out));
                }
                6 => {
                    let axes = self.numbers();
                    self.keep(|out| ndf_tensor_flip(tensor, axes.len() as i32, axes.as_ptr(), out));
                }
                7 => {
                    let shape = self.shape();
                    self.keep(|out| ndf_tensor_reshape(tensor, shape.len() as i32, shape.as_ptr(), out));
                }
                8 => {
                    // A broadcast of nothing much, which conversions would make real.
                    let shape: Vec<i64> = self.shape().into_iter().map(|extent| extent.min(64)).collect();
                    self.keep(|out| ndf_tensor_broadcast(tensor, shape.len() as i32, shape.as_ptr(), out));
                }
                9 => {
                    let dtype = self.dtype();
                    self.keep(|out| ndf_tensor_reinterpret(tensor, dtype, out));
                }
                10 => {
                    let (dtype, options) = (self.dtype(), self.options());
                    self.keep(|out| ndf_tensor_convert(tensor, dtype, &options, out));
                }
                11 => {
                    let (other, options) = (self.handle(), self.options());
                    let _ = ndf_tensor_copy_into(tensor, other, &options);
                }
                12 => {
                    let mut equal = -1;
                    let other = self.handle();
                    let status = ndf_tensor_equal(tensor, other, &mut equal);
                    assert_eq!(status as i32 == 0, equal >= 0);
                }
                13 => {
                    let mut managed = null_mut();
                    if ndf_tensor_to_dlpack_versioned(tensor, null(), &mut managed) as i32 == 0 {
                        self.keep(|out| ndf_tensor_from_dlpack_versioned(managed, out));
                    }
                }
                14 => {
                    let (mut text, mut length) = ([0; 300], 0);
                    let _ = ndf_tensor_format(tensor, null(), text.len(), text.as_mut_ptr(), &mut length);
                }
                15 => {
                    let value = self.input.word() as f64;
                    let _ = ndf_tensor_fill(tensor, DType::FLOAT64, (&raw const value).cast());
                }
                16 => self.keep(|out| ndf_tensor_to_device(tensor, Device { device_type: axis, device_id: 0 }, out)),
                _ => {
                    if !self.handles.is_empty() {
                        let place = self.input.below(self.handles.len());
                        ndf_tensor_release(self.handles.swap_remove(place));
                    }
                }
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut caller = Caller { input: Input(data), handles: Vec::new() };
    while !caller.input.is_empty() && caller.handles.len() < 40 {
        caller.call();
    }
    // SAFETY: each is released once.
    caller.handles.iter().for_each(|handle| unsafe { ndf_tensor_release(*handle) });
    // SAFETY: a place for the answer.
    let left = unsafe {
        let mut statistics: ndf_statistics = std::mem::zeroed();
        statistics.struct_size = size_of::<ndf_statistics>() as u32;
        let _ = ndf_statistics_get(&mut statistics);
        statistics.live_tensors
    };
    assert_eq!(left, 0);
});
