//! Threads, barriers and memory.

use super::{kernel, launch};

/// Every thread puts its number in shared memory, and takes that of its neighbour.
const ROTATE: &str = ".shared .align 4 .b8 tile[256];
    mov.u32 %r0, %tid.x; mov.u32 %r1, tile; shl.b32 %r2, %r0, 2; add.s32 %r3, %r1, %r2; st.shared.u32 [%r3], %r0;
    BARRIER
    add.s32 %r4, %r0, 1; and.b32 %r4, %r4, 63; shl.b32 %r4, %r4, 2; add.s32 %r4, %r1, %r4; ld.shared.u32 %r5, [%r4];
    mul.wide.u32 %rd2, %r0, 4; add.s64 %rd2, %rd1, %rd2; st.global.u32 [%rd2], %r5;";

#[test]
fn threads_see_after_a_barrier_what_others_wrote_before_it() {
    let kernel = kernel(&ROTATE.replace("BARRIER", "bar.sync 0;")).unwrap();
    let (bytes, counts) = launch(&kernel, 1, 64, &[], 256).unwrap();
    let numbers: Vec<u32> =
        bytes.chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(numbers, (1..64).chain([0]).collect::<Vec<u32>>());
    assert_eq!((counts.instructions, counts.global, counts.shared), (64 * 17, 64, 128));
}

#[test]
fn a_missing_barrier_is_found_and_both_threads_are_named() {
    let kernel = kernel(&ROTATE.replace("BARRIER", "")).unwrap();
    let fault = launch(&kernel, 1, 64, &[], 256).unwrap_err();
    assert!(fault.what.starts_with("k: block [0, 0, 0] thread ["), "{}", fault.what);
    assert!(fault.what.contains("which thread ") && fault.what.contains("with no barrier"), "{}", fault.what);
}

#[test]
fn threads_that_do_not_all_come_to_a_barrier_are_an_error() {
    let away = "mov.u32 %r0, %tid.x; setp.eq.s32 %p0, %r0, 5; @%p0 bra $end;\nbar.sync 0;\n$end:";
    let fault = launch(&kernel(away).unwrap(), 1, 64, &[], 0).unwrap_err();
    let expected = "k: block [0, 0, 0] thread [0, 0, 0]: PTX line 11: waits at a barrier, but thread [5, 0, 0] has left the \
                    kernel at PTX line 13";
    assert_eq!(fault.what, expected);
    let two = "mov.u32 %r0, %tid.x; setp.eq.s32 %p0, %r0, 5; @%p0 bra $a;\nbar.sync 0;\nbra $b;\n$a:\nbar.sync 0;\n$b:";
    let fault = launch(&kernel(two).unwrap(), 1, 64, &[], 0).unwrap_err();
    assert!(fault.what.contains("thread [5, 0, 0] waits at PTX line 14"), "{}", fault.what);
}
