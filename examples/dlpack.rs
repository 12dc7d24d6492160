//! Memory of a Rust program goes to another library through DLPack, and is freed when that has done with it:
//! `cargo run --example dlpack`.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::engine::route::CopyMode;
use ndferry::error::Result;
use ndferry::protocol::dlpack;
use ndferry::storage::Owner;
use ndferry::tensor::{Adopted, Tensor};

static FREED: AtomicBool = AtomicBool::new(false);

/// What the tensor's memory belongs to.
type Numbers = Vec<f64>;

unsafe extern "C" fn free_numbers(numbers: *mut c_void) {
    // SAFETY: `share` gave this pointer away, and owners call once.
    drop(unsafe { Box::from_raw(numbers.cast::<Numbers>()) });
    FREED.store(true, Ordering::SeqCst);
}

/// A tensor that owns the vector.
fn share(numbers: Numbers) -> Result<Tensor> {
    let mut numbers = Box::new(numbers);
    let described = Adopted {
        data: numbers.as_mut_ptr().cast(),
        byte_offset: 0,
        device: Device::CPU,
        dtype: DType::FLOAT64,
        shape: &[numbers.len() as i64],
        strides: None,
        read_only: false,
    };
    let context: *mut Numbers = Box::into_raw(numbers);
    // SAFETY: the vector's elements stay where they are until the owner drops it, which any thread may do.
    unsafe { Tensor::adopt(&described, Owner::deleter(Some(free_numbers), context.cast())) }
}

fn main() -> Result<()> {
    let tensor = share(vec![1.0, 2.0, 3.0])?;
    let managed = dlpack::to_versioned(&tensor, CopyMode::Never)?;
    drop(tensor);

    // The other library: it reads, and calls the deleter.
    // SAFETY: the struct is valid until its deleter is called, once, and describes three numbers.
    unsafe {
        let lent = &managed.as_ref().dl_tensor;
        let extent = *lent.shape as usize;
        let numbers = std::slice::from_raw_parts(lent.data.cast::<f64>(), extent);
        println!("rank {}, {extent} numbers: {numbers:?}", lent.ndim);
        assert_eq!(numbers, [1.0, 2.0, 3.0]);
        assert!(!FREED.load(Ordering::SeqCst));
        let end = managed.as_ref().deleter.expect("a struct of ours has one");
        end(managed.as_ptr());
    }
    assert!(FREED.load(Ordering::SeqCst));
    println!("and freed");
    Ok(())
}

#[test]
fn the_example_runs() {
    main().unwrap();
}
