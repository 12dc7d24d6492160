//! By the `half` crate, which asks the processor what it has.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::dtype::Scalar;
use crate::dtype::float::{Format, half_from_f32};
use crate::engine::host::isa::Isa;
use crate::engine::host::kernel::{Loop, Operands};

/// Numbers of a turn.
const TURN: usize = 64;

/// The loop from `source` to `target` by such instructions; `None` where there are none.
pub fn cast(source: Scalar, target: Scalar, _: Isa) -> Option<Loop> {
    use Scalar::{Float16, Float32, Small};
    if !std::arch::is_aarch64_feature_detected!("fp16") {
        return None;
    }
    match (source, target) {
        (Float16 | Small(Format::FLOAT16), Float32) => Some(decode),
        (Float32, Float16) => Some(encode::<false>),
        (Float32, Small(Format::FLOAT16)) => Some(encode::<true>),
        _ => None,
    }
}

/// Converts float32 to float16; `CANONICAL` NaN is the quiet one of its sign.
///
/// # Safety
/// As for [`Kernel::run`](crate::engine::host::kernel::Kernel::run).
unsafe fn encode<const CANONICAL: bool>(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    let (from, to) = (from.cast::<f32>(), to.cast::<u16>());
    for start in (0..count).step_by(TURN) {
        let n = TURN.min(count - start);
        let (mut numbers, mut codes) = ([0.0; TURN], [f16::ZERO; TURN]);
        // SAFETY: the caller's numbers from `start` on; the copy may be as unaligned as they are.
        unsafe {
            let room: *mut f32 = numbers.as_mut_ptr();
            room.cast::<u8>().copy_from_nonoverlapping(from.add(start).cast(), n * size_of::<f32>());
        }
        if numbers[..n].iter().any(|x| x.is_nan()) {
            for (code, x) in codes.iter_mut().zip(numbers) {
                let bits = if CANONICAL { Format::FLOAT16.encode(x) } else { half_from_f32(x) };
                *code = f16::from_bits(bits as u16);
            }
        } else {
            codes[..n].convert_from_f32_slice(&numbers[..n]);
        }
        // SAFETY: likewise, of the target.
        unsafe {
            let codes: *const f16 = codes.as_ptr();
            to.add(start).cast::<u8>().copy_from_nonoverlapping(codes.cast(), n * size_of::<u16>());
        }
    }
}

/// Converts float16 to float32.
///
/// # Safety
/// As for [`encode`].
unsafe fn decode(from: *const u8, to: *mut u8, count: usize, _: &Operands) {
    let (from, to) = (from.cast::<u16>(), to.cast::<f32>());
    for start in (0..count).step_by(TURN) {
        let n = TURN.min(count - start);
        let (mut codes, mut numbers) = ([f16::ZERO; TURN], [0.0f32; TURN]);
        // SAFETY: the caller's numbers from `start` on; the copy may be as unaligned as they are.
        unsafe {
            let room: *mut f16 = codes.as_mut_ptr();
            room.cast::<u8>().copy_from_nonoverlapping(from.add(start).cast(), n * size_of::<u16>());
        }
        if codes[..n].iter().any(|x| x.is_nan()) {
            let decode = |x: f16| Format::FLOAT16.decode(x.to_bits().into());
            numbers.iter_mut().zip(codes).for_each(|(number, code)| *number = decode(code));
        } else {
            codes[..n].convert_to_f32_slice(&mut numbers[..n]);
        }
        // SAFETY: likewise, of the target.
        unsafe {
            let numbers: *const f32 = numbers.as_ptr();
            to.add(start).cast::<u8>().copy_from_nonoverlapping(numbers.cast(), n * size_of::<f32>());
        }
    }
}
