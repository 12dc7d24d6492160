//! A picture of bytes becomes three planes of floats, as neural networks read them: `cargo run --example planes`.

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::engine::route::{Convert, convert, explain_convert};
use ndferry::error::Result;
use ndferry::layout::Order;
use ndferry::storage::Owner;
use ndferry::tensor::{Adopted, FormatOptions, Tensor};

const HEIGHT: i64 = 4;
const WIDTH: i64 = 6;

/// A tensor on memory of Rust's, whatever frees it.
///
/// # Safety
/// The bytes are not written, and live as long as the tensor and its views.
unsafe fn lend(bytes: &[u8], shape: &[i64]) -> Result<Tensor> {
    let described = Adopted {
        data: bytes.as_ptr().cast_mut(),
        byte_offset: 0,
        device: Device::CPU,
        dtype: DType::UINT8,
        shape,
        strides: None,
        read_only: true,
    };
    // SAFETY: the caller's promise; nobody writes, because the tensor is read-only.
    unsafe { Tensor::adopt(&described, Owner::NOBODY) }
}

fn main() -> Result<()> {
    let pixels: Vec<u8> = (0..HEIGHT * WIDTH * 3).map(|byte| byte as u8).collect();
    // SAFETY: `pixels` is not changed any more, and dropped after all tensors.
    let picture = unsafe { lend(&pixels, &[HEIGHT, WIDTH, 3]) }?;

    // Views: upside down, without the border, colours first. No bytes move.
    let turned = picture.flip(Some(&[0]))?;
    let inner = turned.slice(0, Some(1), Some(-1), 1)?.slice(1, Some(1), Some(-1), 1)?;
    let planar = inner.permute(&[2, 0, 1])?;
    assert!(planar.shares_memory(&picture));

    // One pass over memory: other order, other type, other scale.
    let how = Convert { scale: &[1.0 / 255.0], ..Convert::default() };
    println!("{}\n", explain_convert(&planar, DType::FLOAT32, &how)?);
    let planes = convert(&planar, DType::FLOAT32, &how)?;
    assert_eq!(planes.layout().shape(), [3, HEIGHT - 2, WIDTH - 2]);
    assert!(planes.is_contiguous(Order::C));
    println!("{}", planes.format(&FormatOptions::new(3, 0, 0, 0)?)?);
    Ok(())
}

#[test]
fn the_example_runs() {
    main().unwrap();
}
