//! The C API as a sequence of calls with any arguments, on handles that live and on NULL: statuses, no crash, no memory that
//! is not a tensor's, and nothing is left when all handles are released.
#![no_main]

#[allow(dead_code, reason = "each target takes what it needs")]
mod input;

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

use input::Input;
use libfuzzer_sys::fuzz_target;
use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::ffi::*;

type Handle = *mut ndf_tensor;

const NAMES: [&str; 12] = [
    "float32",
    "uint8",
    "int64",
    "float16",
    "bool",
    "complex64",
    "int4",
    "float8_e4m3fn",
    ">f4",
    "S5",
    "float64",
    "datetime64[s]",
];

/// The most elements that are gone over one by one; views may have as many as they like.
const MOST: i64 = 1 << 14;

struct Caller<'a> {
    input: Input<'a>,
    handles: Vec<Handle>,
}

/// Options, and the bytes behind them that a greater size makes part of them.
#[repr(C)]
struct Options<T>(T, [u8; 256]);

impl<T> Options<T> {
    /// All zero, which is the default, but for the size.
    fn defaults(input: &mut Input) -> Self {
        let size = if input.byte() % 32 == 0 { u32::from(input.byte()) } else { size_of::<T>() as u32 };
        // SAFETY: integers and pointers, of which the first is the size.
        unsafe {
            let mut options: Self = std::mem::zeroed();
            (&raw mut options).cast::<u32>().write(size);
            options
        }
    }

    fn as_ptr(&self) -> *const T {
        std::ptr::from_ref(self).cast()
    }
}

unsafe extern "C" fn free(memory: *mut c_void) {
    // SAFETY: the box of a wrap, given back once.
    drop(unsafe { Box::from_raw(memory.cast::<[u64; 64]>()) });
}

unsafe extern "C" fn end_array(array: *mut c_void) {
    // SAFETY: an export of ours, ended once.
    unsafe { ndf_array_struct_release(array.cast()) };
}

impl Caller<'_> {
    fn dtype(&mut self) -> DType {
        match self.input.byte() % 8 {
            0 => {
                let mut dtype = DType::new(self.input.byte() % 20, self.input.byte());
                (dtype.lanes, dtype.flags) = (u16::from(self.input.byte() % 5), self.input.byte() % 8);
                dtype
            }
            _ => DType::parse(NAMES[self.input.below(NAMES.len())]).expect("they are known"),
        }
    }

    /// A handle that lives, or NULL.
    fn handle(&mut self) -> Handle {
        let place = self.input.below(self.handles.len() + 1);
        self.handles.get(place).copied().unwrap_or(null_mut())
    }

    /// A handle whose elements may all be gone over, or NULL. Those of one without memory may, too: there is none.
    fn small(&mut self) -> Handle {
        let handle = self.handle();
        // SAFETY: it lives or is NULL.
        let count = unsafe { ndf_tensor_element_count(handle) };
        if (0..=MOST).contains(&count) || count > 1 << 40 { handle } else { null_mut() }
    }

    /// Extents, small ones or any.
    fn shape(&mut self) -> Vec<i64> {
        let hostile = self.input.byte() % 8 == 0;
        let count = self.input.below(6);
        (0..count).map(|_| if hostile { self.input.integer() } else { self.input.below(7) as i64 }).collect()
    }

    /// A shape of something that memory holds easily, or of which it cannot hold a bit.
    fn room(&mut self, dtype: DType) -> Vec<i64> {
        let shape = self.shape();
        let bits = i128::from(dtype.bits.max(8)) * i128::from(dtype.lanes.max(1));
        let all = shape.iter().try_fold(bits, |all, extent| all.checked_mul(i128::from(*extent)));
        if all.is_some_and(|bits| (1 << 20..1 << 40).contains(&bits)) { vec![2; shape.len()] } else { shape }
    }

    fn numbers(&mut self) -> Vec<i32> {
        (0..self.input.below(5)).map(|_| self.input.integer() as i32).collect()
    }

    fn integers<const N: usize>(&mut self) -> [i64; N] {
        std::array::from_fn(|_| self.input.integer())
    }

    /// Keeps what a call gave, and checks that a failure gave nothing.
    fn keep(&mut self, call: impl FnOnce(*mut Handle) -> ndf_status) {
        let mut out = null_mut();
        match call(&mut out) as i32 {
            0 => self.handles.push(out),
            status => assert!(out.is_null() && status != 99),
        }
    }

    /// A text of a call that may fail: twice the same, and as long as it says.
    fn text(&self, call: impl Fn(usize, *mut c_char, *mut usize) -> ndf_status) {
        let (mut text, mut length, mut told) = ([1; 300], 0, 0);
        let told_ok = call(0, null_mut(), &mut told) as i32 == 0;
        if call(text.len(), text.as_mut_ptr(), &mut length) as i32 == 0 {
            assert!(told_ok && told == length && text[length] == 0 && !text[..length].contains(&0));
        }
    }

    fn conversion(&mut self) -> Options<ndf_convert_options> {
        let mut options = Options::<ndf_convert_options>::defaults(&mut self.input);
        options.0.casting = u32::from(self.input.byte() % 8);
        options.0.overflow = u32::from(self.input.byte() % 4);
        options.0.copy = u32::from(self.input.byte() % 5);
        options.0.order = u32::from(self.input.byte() % 4);
        options.0.axis = self.input.integer() as i32;
        options
    }

    unsafe fn make(&mut self) {
        let dtype = self.dtype();
        let shape = self.room(dtype);
        let (ndim, extents) = (shape.len() as i32, shape.as_ptr());
        let mut options = Options::<ndf_create_options>::defaults(&mut self.input);
        options.0.order = u32::from(self.input.byte() % 4);
        let (like, value) = (self.small(), self.input.word());
        // SAFETY: arrays are as long as is said; `wrap` and `from_data` get memory for what they are told.
        unsafe {
            match self.input.below(5) {
                0 => self.keep(|out| ndf_tensor_empty_like(like, dtype, options.as_ptr(), out)),
                1 => {
                    let value = (&raw const value).cast();
                    self.keep(|out| {
                        ndf_tensor_full(dtype, ndim, extents, DType::FLOAT64, value, options.as_ptr(), out)
                    });
                }
                2 => {
                    let strides = self.integers::<6>().map(|stride| stride.clamp(-3, 3));
                    self.wrap([3, 2, 2], [strides[0], strides[1], strides[2]]);
                }
                _ => self.keep(|out| ndf_tensor_zeros(dtype, ndim, extents, options.as_ptr(), out)),
            }
        }
    }

    /// Memory of ours, in the middle of which the first element lies.
    unsafe fn wrap(&mut self, shape: [i64; 3], strides: [i64; 3]) {
        let dtype = [DType::FLOAT32, DType::UINT8, DType::COMPLEX64][self.input.below(3)];
        let memory = Box::into_raw(Box::new([0x3f80_0000_3f80_0000u64; 64])).cast::<c_void>();
        let mut options = Options::<ndf_wrap_options>::defaults(&mut self.input);
        options.0.flags = u32::from(self.input.byte() % 4 == 0);
        let before = self.handles.len();
        // SAFETY: no stride is over 3, so elements lie within 12 of the middle; they end with the tensor.
        unsafe {
            let (middle, options) = (memory.byte_add(256), options.as_ptr());
            let (shape, strides) = (shape.as_ptr(), strides.as_ptr());
            self.keep(|out| {
                ndf_tensor_wrap(middle, dtype, 3, shape, strides, Some(free), memory, options, out)
            });
            if self.handles.len() == before {
                free(memory);
            }
        }
    }

    unsafe fn view(&mut self) {
        let (tensor, axis) = (self.handle(), self.input.integer() as i32);
        let (numbers, [a, b, c]) = (self.numbers(), self.integers());
        let (count, list) = (numbers.len() as i32, numbers.as_ptr());
        // SAFETY: the handle lives or is NULL, arrays are as long as is said.
        unsafe {
            match self.input.below(16) {
                0 => self.keep(|out| ndf_tensor_permute(tensor, count, list, out)),
                1 => self.keep(|out| ndf_tensor_transpose(tensor, out)),
                2 => self.keep(|out| ndf_tensor_swap_axes(tensor, axis, a as i32, out)),
                3 => self.keep(|out| ndf_tensor_slice(tensor, axis, a, b, c, out)),
                4 => self.keep(|out| ndf_tensor_select(tensor, axis, a, out)),
                5 => self.keep(|out| ndf_tensor_flip(tensor, count, list, out)),
                6 => self.keep(|out| ndf_tensor_squeeze(tensor, count, list, out)),
                7 => self.keep(|out| ndf_tensor_unsqueeze(tensor, axis, out)),
                8 | 9 => {
                    let (shape, reshape) = (self.shape(), self.input.byte() % 2 == 0);
                    let (ndim, extents) = (shape.len() as i32, shape.as_ptr());
                    self.keep(|out| match reshape {
                        true => ndf_tensor_reshape(tensor, ndim, extents, out),
                        false => ndf_tensor_broadcast(tensor, ndim, extents, out),
                    });
                }
                10 => self.keep(|out| ndf_tensor_diagonal(tensor, a, axis, b as i32, out)),
                11 => self.keep(|out| ndf_tensor_sliding_window(tensor, axis, a, b, out)),
                12 => {
                    let dtype = self.dtype();
                    self.keep(|out| ndf_tensor_reinterpret(tensor, dtype, out));
                }
                13 => {
                    let (shape, strides) = (self.shape(), self.integers::<6>());
                    let (ndim, extents) = (shape.len() as i32, shape.as_ptr());
                    self.keep(|out| ndf_tensor_as_strided(tensor, ndim, extents, strides.as_ptr(), a, out));
                }
                14 => self.keep(|out| ndf_tensor_as_read_only(tensor, out)),
                _ => {
                    let again = ndf_tensor_retain(tensor);
                    assert_eq!(again, tensor);
                    self.handles.extend((!again.is_null()).then_some(again));
                }
            }
        }
    }

    unsafe fn go_over(&mut self) {
        let (tensor, other, order) = (self.small(), self.small(), u32::from(self.input.byte() % 4));
        let (dtype, options) = (self.dtype(), self.conversion());
        // SAFETY: handles live or are NULL, and nobody else uses the elements.
        unsafe {
            match self.input.below(8) {
                0 | 1 => self.keep(|out| ndf_tensor_convert(tensor, dtype, options.as_ptr(), out)),
                2 => assert_ne!(ndf_tensor_copy_into(tensor, other, options.as_ptr()) as i32, 99),
                3 => {
                    let (mut equal, mut again) = (-1, -1);
                    let status = ndf_tensor_equal(tensor, other, &mut equal);
                    assert_eq!(status as i32 == 0, equal >= 0);
                    let _ = ndf_tensor_equal(other, tensor, &mut again);
                    assert_eq!(equal, again);
                }
                4 => {
                    let value = self.input.word() as f64;
                    assert_ne!(ndf_tensor_fill(tensor, DType::FLOAT64, (&raw const value).cast()) as i32, 99);
                }
                5 => self.keep(|out| ndf_tensor_copy(tensor, order, out)),
                6 => self.keep(|out| ndf_tensor_contiguous(tensor, order, out)),
                _ => {
                    let device = Device { device_type: self.input.integer() as i32, device_id: 0 };
                    self.keep(|out| ndf_tensor_to_device(tensor, device, out));
                }
            }
        }
    }

    /// Out by a protocol, and in again.
    unsafe fn hand_over(&mut self) {
        let (tensor, copy) = (self.small(), u32::from(self.input.byte() % 5));
        // SAFETY: handles live or are NULL; each struct is ended once, by its consumer or here.
        unsafe {
            match self.input.below(5) {
                0 => {
                    let mut options = Options::<ndf_dlpack_options>::defaults(&mut self.input);
                    options.0.copy = copy;
                    let mut managed = null_mut();
                    if ndf_tensor_to_dlpack_versioned(tensor, options.as_ptr(), &mut managed) as i32 == 0 {
                        self.keep(|out| ndf_tensor_from_dlpack_versioned(managed, out));
                    }
                }
                1 => {
                    let mut managed = null_mut();
                    if ndf_tensor_to_dlpack(tensor, null(), &mut managed) as i32 == 0 {
                        self.keep(|out| ndf_tensor_from_dlpack(managed, out));
                    }
                }
                2 => self.as_array_struct(tensor),
                3 => self.as_buffer(tensor),
                _ => self.as_arrow(tensor, copy),
            }
        }
    }

    unsafe fn as_array_struct(&mut self, tensor: Handle) {
        // SAFETY: as in `hand_over`.
        unsafe {
            let mut array = null_mut();
            if ndf_tensor_to_array_struct(tensor, null_mut(), &mut array) as i32 == 0 {
                let (no_fields, before) = (std::mem::zeroed(), self.handles.len());
                self.keep(|out| {
                    ndf_tensor_from_array_struct(array, no_fields, Some(end_array), array.cast(), out)
                });
                if self.handles.len() == before {
                    ndf_array_struct_release(array);
                }
            }
        }
    }

    unsafe fn as_buffer(&mut self, tensor: Handle) {
        // SAFETY: as in `hand_over`; what is made of the buffer ends before it.
        unsafe {
            let (mut buffer, flags) = (std::mem::zeroed(), self.input.integer() as i32);
            if ndf_tensor_to_buffer(tensor, flags, &mut buffer) as i32 == 0 {
                let mut again = null_mut();
                let status = ndf_tensor_from_buffer(&buffer, None, null_mut(), &mut again);
                assert_eq!(status as i32 == 0, !again.is_null());
                ndf_tensor_release(again);
                ndf_buffer_release(&mut buffer);
            }
        }
    }

    unsafe fn as_arrow(&mut self, tensor: Handle, copy: u32) {
        // SAFETY: as in `hand_over`.
        unsafe {
            let (mut schema, mut array) = std::mem::zeroed();
            let mut options = Options::<ndf_arrow_options>::defaults(&mut self.input);
            options.0.copy = copy;
            if ndf_tensor_to_arrow(tensor, options.as_ptr(), &mut schema, &mut array) as i32 == 0 {
                self.keep(|out| ndf_tensor_from_arrow(&schema, &mut array, options.as_ptr(), out));
                array.release.into_iter().for_each(|release| release(&mut array));
                schema.release.into_iter().for_each(|release| release(&mut schema));
            }
        }
    }

    unsafe fn describe(&mut self) {
        let (tensor, other) = (self.handle(), self.handle());
        let options = self.conversion();
        // SAFETY: handles live or are NULL; texts fit their room.
        unsafe {
            match self.input.below(4) {
                0 => self.text(|room, text, length| ndf_tensor_array_interface(tensor, room, text, length)),
                1 => {
                    let name = ndf_consumer_name(self.input.below(40) as i32);
                    self.text(|room, text, length| {
                        ndf_tensor_explain_for(tensor, name, null(), room, text, length)
                    });
                }
                2 => {
                    let dtype = self.dtype();
                    self.text(|room, text, length| {
                        ndf_plan_format(tensor, other, dtype, options.as_ptr(), room, text, length)
                    });
                }
                _ => {
                    let options = Options::<ndf_format_options>::defaults(&mut self.input);
                    self.text(|room, text, length| {
                        ndf_tensor_format(tensor, options.as_ptr(), room, text, length)
                    });
                }
            }
            let ndim = ndf_tensor_ndim(tensor);
            assert!(ndim == 0 || !ndf_tensor_shape(tensor).is_null());
            let _ =
                (ndf_tensor_byte_size(tensor), ndf_tensor_is_contiguous(tensor, self.input.byte().into()));
            let _ = (ndf_tensor_shares_memory(tensor, other), ndf_tensor_bit_offset(tensor));
        }
    }

    /// One call.
    fn call(&mut self) {
        // SAFETY: handles live or are NULL, and nobody else uses any of it.
        unsafe {
            match self.input.below(16) {
                0..3 => self.make(),
                3..8 => self.view(),
                8..11 => self.go_over(),
                11..13 => self.hand_over(),
                13 => self.describe(),
                _ if self.handles.is_empty() => {}
                _ => {
                    let place = self.input.below(self.handles.len());
                    ndf_tensor_release(self.handles.swap_remove(place));
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
