//! Structs of every protocol with any numbers in them: taken, and then ended once, or refused and left alone.
#![no_main]

#[allow(dead_code, reason = "each target takes what it needs")]
mod input;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null, null_mut};

use input::Input;
use libfuzzer_sys::fuzz_target;
use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::protocol::cuda_array::{self, CudaArray};
use ndferry::protocol::{buffer, dlpack, numpy};
use ndferry::spec::buffer::Buffer;
use ndferry::spec::dlpack::*;
use ndferry::spec::numpy::ArrayStruct;
use ndferry::storage::Owner;
use ndferry::tensor::Tensor;

thread_local! {
    static ENDED: Cell<u32> = const { Cell::new(0) };
}

unsafe extern "C" fn end_versioned(_: *mut DLManagedTensorVersioned) {
    ENDED.set(ENDED.get() + 1);
}

unsafe extern "C" fn end_legacy(_: *mut DLManagedTensor) {
    ENDED.set(ENDED.get() + 1);
}

unsafe extern "C" fn end_context(_: *mut c_void) {
    ENDED.set(ENDED.get() + 1);
}

unsafe fn end_owner(_: *mut u8, _: usize, _: *mut c_void, _: *mut c_void) {
    ENDED.set(ENDED.get() + 1);
}

/// What a taken tensor says of itself makes sense, and it ends once; a refused one is not ended.
fn judge(taken: ndferry::error::Result<Tensor>) {
    match taken {
        Ok(tensor) => {
            assert!(tensor.layout().shape().iter().all(|extent| *extent >= 0));
            tensor.dtype().validate().expect("a type that was checked");
            assert_eq!(ENDED.get(), 0);
            drop(tensor.clone());
            drop(tensor);
            assert_eq!(ENDED.get(), 1);
        }
        Err(error) => {
            assert!(!error.message().is_empty());
            assert_eq!(ENDED.get(), 0);
        }
    }
}

/// An address that is never read: nothing, something aligned, something odd.
fn address(input: &mut Input) -> *mut c_void {
    match input.byte() % 4 {
        0 => null_mut(),
        1 => std::ptr::without_provenance_mut(4096),
        2 => std::ptr::without_provenance_mut(input.word() as usize),
        _ => std::ptr::without_provenance_mut(4097),
    }
}

fn described(input: &mut Input, shape: &mut [i64; 65], strides: &mut [i64; 65]) -> DLTensor {
    let ndim = if input.byte() % 8 == 0 { input.integer() as i32 } else { i32::from(input.byte() % 9) };
    for i in 0..input.below(66) {
        (shape[i], strides[i]) = (input.integer(), input.integer());
    }
    let device_type = if input.byte() % 4 == 0 { input.integer() as i32 } else { 1 };
    let code = if input.byte() % 4 == 0 { input.byte() } else { input.byte() % 18 };
    DLTensor {
        data: address(input),
        device: DLDevice { device_type, device_id: i32::from(input.byte() as i8) },
        ndim,
        dtype: DLDataType { code, bits: input.byte(), lanes: u16::from(input.byte() % 5) },
        shape: if input.byte() % 16 == 0 { null_mut() } else { shape.as_mut_ptr() },
        strides: if input.byte() % 4 == 0 { null_mut() } else { strides.as_mut_ptr() },
        byte_offset: if input.byte() % 4 == 0 { input.word() } else { 0 },
    }
}

/// Shape and strides with room for the most axes that are read.
struct Room {
    shape: [i64; 65],
    strides: [i64; 65],
}

impl Room {
    /// The same in the protocols' own integers.
    fn sizes(&self) -> [[isize; 65]; 2] {
        [&self.shape, &self.strides].map(|numbers| numbers.map(|number| number as isize))
    }
}

fn versioned(dl_tensor: DLTensor, input: &mut Input) {
    let mut managed = DLManagedTensorVersioned {
        version: DLPackVersion { major: u32::from(input.byte() % 3), minor: u32::from(input.byte()) },
        manager_ctx: null_mut(),
        deleter: Some(end_versioned),
        flags: if input.byte() % 2 == 0 { input.word() } else { 0 },
        dl_tensor,
    };
    let managed = NonNull::from(&mut managed);
    // SAFETY: shape and strides have room for the most axes, and no element is read.
    unsafe {
        let checked = dlpack::check_versioned(managed);
        let taken = dlpack::from_versioned(managed);
        assert_eq!(checked.is_ok(), taken.is_ok());
        judge(taken);
    }
}

fn legacy(dl_tensor: DLTensor) {
    let mut managed = DLManagedTensor { dl_tensor, manager_ctx: null_mut(), deleter: Some(end_legacy) };
    // SAFETY: as in `versioned`.
    judge(unsafe { dlpack::from_legacy(NonNull::from(&mut managed)) });
}

fn array_struct(described: DLTensor, room: &Room, input: &mut Input) {
    let [mut shape, mut strides] = room.sizes();
    let array = ArrayStruct {
        two: if input.byte() % 8 == 0 { c_int::from(input.byte()) } else { 2 },
        nd: described.ndim,
        typekind: b"biufcSUVmMO?x"[input.below(13)] as _,
        itemsize: input.integer() as c_int,
        flags: input.integer() as c_int & !0x800, // no description of fields follows
        shape: if described.shape.is_null() { null_mut() } else { shape.as_mut_ptr() },
        strides: if described.strides.is_null() { null_mut() } else { strides.as_mut_ptr() },
        data: described.data,
        descr: null_mut(),
    };
    // SAFETY: as in `versioned`.
    judge(unsafe { numpy::from_array_struct(&array, None, Owner::new(end_owner, null_mut(), null_mut())) });
}

fn py_buffer(described: DLTensor, room: &Room, input: &mut Input) {
    let [mut shape, mut strides] = room.sizes();
    let mut suboffsets = [isize::from(input.byte() as i8); 65];
    let mut format: Vec<u8> = (0..input.below(16)).map(|_| input.byte()).filter(|byte| *byte != 0).collect();
    let known = std::str::from_utf8(&format).ok().and_then(|text| DType::from_buffer_format(text).ok());
    let itemsize = known.map_or(1, |dtype| dtype.item_size() as i64);
    format.push(0);
    // What everybody says, or anything.
    let extents = room.shape.iter().take(described.ndim.clamp(0, 65) as usize);
    let length = extents.fold(itemsize, |bytes, extent| bytes.wrapping_mul(*extent));
    let [len, itemsize] =
        [length, itemsize].map(|it| if input.byte() % 16 == 0 { input.integer() } else { it } as isize);
    let buffer = Buffer {
        buf: described.data,
        obj: null_mut(),
        len,
        itemsize,
        readonly: c_int::from(input.byte() % 2),
        ndim: described.ndim,
        format: if input.byte() % 8 == 0 { null_mut() } else { format.as_mut_ptr().cast() },
        shape: if described.shape.is_null() { null_mut() } else { shape.as_mut_ptr() },
        strides: if described.strides.is_null() { null_mut() } else { strides.as_mut_ptr() },
        suboffsets: if input.byte() % 8 == 0 { suboffsets.as_mut_ptr() } else { null_mut() },
        internal: null_mut(),
    };
    // SAFETY: as in `versioned`; the format ends with a NUL.
    judge(unsafe { buffer::from_buffer(&buffer, Owner::new(end_owner, null_mut(), null_mut())) });
}

fn cuda(described: DLTensor, room: &Room, input: &mut Input) {
    let DLDevice { device_type, device_id } = described.device;
    let DLDataType { code, bits, lanes } = described.dtype;
    let array = CudaArray {
        version: c_int::from(input.byte() % 6),
        ndim: described.ndim,
        data: described.data,
        dtype: DType { lanes, ..DType::new(code, bits) },
        shape: if described.shape.is_null() { null() } else { room.shape.as_ptr() },
        strides: if described.strides.is_null() { null() } else { room.strides.as_ptr() },
        device: Device { device_type, device_id },
        flags: u32::from(input.byte() % 8),
        reserved: u32::from(input.byte() == 255),
        stream: input.integer(),
        internal: null_mut(),
    };
    // SAFETY: as in `versioned`.
    judge(unsafe { cuda_array::from_cuda_array(&array, Some(end_context), null_mut()) });
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut room = Room { shape: [1; 65], strides: [1; 65] };
    ENDED.set(0);
    let kind = input.byte() % 5;
    let described = described(&mut input, &mut room.shape, &mut room.strides);
    match kind {
        0 => versioned(described, &mut input),
        1 => legacy(described),
        2 => array_struct(described, &room, &mut input),
        3 => py_buffer(described, &room, &mut input),
        _ => cuda(described, &room, &mut input),
    }
});
