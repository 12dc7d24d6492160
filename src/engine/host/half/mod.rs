//! float16 and bfloat16 by the processor's own instructions, where it has any.
//!
//! They round as the portable code does and are several times as fast; only few numbers become something else, such as
//! NaN, which they make quiet where NumPy keeps the payload as it is. So the numbers around one are left to the portable
//! code.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::cast;
#[cfg(target_arch = "x86_64")]
pub use x86_64::cast;
