//! Mistakes made on purpose, one for each sanitizer: `cargo xtask sanitize` runs them first, to see that they are caught.
//! Without a sanitizer they do harm, so they are not run.

use std::alloc::{Layout, alloc};
use std::cell::UnsafeCell;
use std::hint::black_box;

#[test]
#[ignore = "for the address sanitizer"]
fn a_byte_behind_a_block_is_read() {
    let block = black_box(vec![1u8; 40]);
    // SAFETY: none: this is the mistake.
    black_box(unsafe { *block.as_ptr().add(black_box(40)) });
}

#[test]
#[ignore = "for the leak sanitizer"]
fn a_block_is_forgotten() {
    // SAFETY: the size is not 0. Nobody keeps the address, which is the mistake.
    unsafe { black_box(alloc(Layout::new::<[u64; 100]>())).write_bytes(1, 8) };
    black_box([0usize; 4096]);
}

struct Racy(UnsafeCell<u64>);

// SAFETY: none: this is the mistake.
unsafe impl Sync for Racy {}

#[test]
#[ignore = "for the thread sanitizer"]
fn two_threads_write_one_number() {
    let number = Racy(UnsafeCell::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let number = &number;
                for _ in 0..1000 {
                    // SAFETY: none: this is the mistake.
                    unsafe { *black_box(number.0.get()) += 1 };
                }
            });
        }
    });
}
