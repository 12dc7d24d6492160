//! Foreign structs, byte for byte, with their sizes and offsets asserted. Codes are open integers, never Rust
//! enums: any value that a newer producer writes must be valid to read.

pub mod arrow;
pub mod buffer;
pub mod dlpack;
pub mod numpy;
