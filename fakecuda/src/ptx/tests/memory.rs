//! Loads, stores, updates, and the accesses that are errors.

use super::{Kernel, check, kernel, launch, result};

/// The error of a launch of one thread with an input and an output of eight bytes.
fn fault(body: &str) -> String {
    launch(&kernel(body).unwrap(), 1, 1, &[0x8877_6655_4433_2211], 8).unwrap_err().what
}

#[test]
fn loads_extend_and_vectors_are_in_order() {
    let input = &[0x8877_6655_4433_2211, 0x1122_3344_5566_7788];
    check(&[
        ("ld.global.s8 %r8, [%rd0+7]", input, 0xffff_ff88),
        ("ld.global.u8 %r8, [%rd0+7]", input, 0x88),
        ("ld.global.s16 %r8, [%rd0+6]", input, 0xffff_8877),
        ("ld.global.nc.u16 %rs8, [%rd0+6]", input, 0x8877),
        ("ld.global.L1::no_allocate.L2::128B.b64 %rd8, [%rd0]", input, input[0]),
        ("ld.global.v2.u32 {%r1, %r8}, [%rd0]", input, 0x8877_6655),
        ("ld.global.v4.u8 {%rs1, %rs7, %rs8, %rs6}, [%rd0+4]", input, 0x77),
        ("add.s64 %rd7, %rd0, 16; ld.global.u64 %rd8, [%rd7+-8]", input, input[1]),
        ("ld.u32 %r8, [%rd0]", input, 0x4433_2211),
        ("cvta.to.global.u64 %rd7, %rd0; ld.volatile.global.u32 %r8, [%rd7]", input, 0x4433_2211),
    ]);
}

#[test]
fn every_space_is_reached_by_name_and_by_generic_address() {
    let shared = ".shared .align 8 .b8 s[16]; mov.u64 %rd7, 77; st.shared.u64 [s+8], %rd7;";
    let local = ".local .align 8 .b8 l[16]; mov.u64 %rd7, 88; mov.u64 %rd6, l; st.local.u64 [%rd6+8], %rd7;";
    check(&[
        (&format!("{shared} ld.shared.u64 %rd8, [s+8]"), &[], 77),
        (&format!("{shared} mov.u64 %rd6, s; cvta.shared.u64 %rd6, %rd6; ld.u64 %rd8, [%rd6+8]"), &[], 77),
        (&format!("{shared} mov.u32 %r1, s; ld.shared.u64 %rd8, [%r1+8]"), &[], 77),
        (&format!("{local} cvta.local.u64 %rd6, %rd6; ld.u64 %rd8, [%rd6+8]"), &[], 88),
        (
            &format!(
                "{local} cvta.local.u64 %rd6, %rd6; cvta.to.local.u64 %rd6, %rd6; ld.local.u64 %rd8, [%rd6+8]"
            ),
            &[],
            88,
        ),
        ("mov.b64 %rd7, k_param_0; ld.param.u64 %rd6, [%rd7]; sub.s64 %rd8, %rd6, %rd0", &[], 0),
        (
            "mov.b64 %rd7, k_param_1; cvta.param.u64 %rd7, %rd7; ld.u64 %rd6, [%rd7]; sub.s64 %rd8, %rd6, %rd1",
            &[],
            0,
        ),
    ]);
}

#[test]
fn tables_of_the_module_are_read() {
    let text = ".version 8.0\n.const .align 4 .b8 t[8] = {1, 2, 3, 4, 5, 6};\n.visible .entry k(.param .u64 out)\n{\n\
        .reg .b64 %rd<4>; .reg .b32 %r<4>;\nld.param.u64 %rd1, [out]; mov.u64 %rd2, t; ld.const.u32 %r1, [%rd2+4]; \
        cvta.const.u64 %rd3, %rd2; ld.u32 %r2, [%rd3]; add.s32 %r1, %r1, %r2; st.global.u32 [%rd1], %r1; STORE ret;\n}";
    let mut out = 0u32;
    let place = &raw mut out as usize;
    let mut may = |address, length, _| address == place && length == 4;
    let run = |text: &str, may: &mut dyn FnMut(usize, usize, bool) -> bool| {
        let kernel = Kernel::parse(text, "k").unwrap();
        // SAFETY: only `out` may be touched, which nobody else uses.
        unsafe { kernel.launch(&place.to_le_bytes(), [1; 3], [1; 3], may) }
    };
    run(&text.replace("STORE", ""), &mut may).unwrap();
    // SAFETY: it is on this stack.
    assert_eq!(unsafe { (&raw const out).read_volatile() }, 0x0403_0201 + 0x0605);
    let fault = run(&text.replace("STORE", "st.global.u32 [%rd2], %r1;"), &mut may).unwrap_err();
    assert!(fault.what.ends_with("writes to the module's variables"), "{}", fault.what);
}

#[test]
fn accesses_out_of_bounds_misaligned_or_to_dead_memory_are_errors() {
    for (body, why) in [
        ("ld.global.u32 %r1, [%rd0+8];", "PTX line 10: illegal read of 4 bytes at 0x"),
        ("st.global.u64 [%rd1+8], %rd0;", "PTX line 10: illegal write of 8 bytes at 0x"),
        ("st.global.u32 [%rd0], %r0;", "illegal write of 4 bytes"),
        ("ld.global.u32 %r1, [%rd0+2];", "misaligned access of 4 bytes"),
        ("ld.global.v2.u32 {%r1, %r2}, [%rd0+4];", "misaligned access of 8 bytes"),
        ("mov.u64 %rd2, 64; ld.global.u8 %rs1, [%rd2];", "illegal read of 1 bytes at 0x40"),
        (
            ".shared .align 4 .b8 s[8];\nld.shared.u32 %r1, [s+8];",
            "PTX line 11: 4 bytes at 0x8 are not in the 8 of shared memory",
        ),
        (
            ".local .align 4 .b8 l[8]; st.local.u32 [l+8], 0;",
            "4 bytes at 0x8 are not in the 8 of local memory",
        ),
        ("ld.param.u64 %rd2, [k_param_0+16];", "8 bytes at 0x10 are not in the 16 of the parameters"),
        ("mov.u32 %r0, 0; div.u32 %r1, 1, %r0;", "division by zero"),
        ("atom.global.add.u32 %r1, [%rd0], 1;", "illegal write of 4 bytes"),
    ] {
        let what = fault(body);
        assert!(
            what.starts_with("k: block [0, 0, 0] thread [0, 0, 0]: PTX line ") && what.contains(why),
            "{what}"
        );
    }
}

#[test]
fn what_was_never_written_is_noise() {
    assert_eq!(result("add.s32 %r8, %r7, 0", &[]), 0xdead_beef);
    assert_eq!(result(".shared .b8 s[4]; ld.shared.u8 %rs8, [s]", &[]), 0xa5);
    assert_eq!(result(".local .b8 l[4]; ld.local.u8 %rs8, [l]", &[]), 0xef);
}

#[test]
fn updates_give_the_old_value() {
    let shared = ".shared .align 8 .b8 s[8]; mov.b64 %rd7, {%r2, %r3}; st.shared.u64 [s], %rd7;";
    for (update, new, old) in [
        ("atom.shared.add.u32 %r6, [s], %r4", 7 + 2, 7),
        ("atom.shared.and.b32 %r6, [s], 3", 3, 7),
        ("atom.shared.or.b32 %r6, [s], 8", 15, 7),
        ("atom.shared.xor.b32 %r6, [s], 1", 6, 7),
        ("atom.shared.min.s32 %r6, [s], -1", 0xffff_ffff, 7),
        ("atom.shared.max.u32 %r6, [s], 9", 9, 7),
        ("atom.shared.exch.b32 %r6, [s], 1", 1, 7),
        ("atom.shared.cas.b32 %r6, [s], 7, 5", 5, 7),
        ("atom.shared.cas.b32 %r6, [s], 6, 5", 7, 7),
        ("atom.shared.inc.u32 %r6, [s], 7", 0, 7),
        ("atom.relaxed.cta.shared.dec.u32 %r6, [s], 9", 6, 7),
        ("mov.u32 %r6, 7; red.shared.add.s32 [s], 1", 8, 7),
    ] {
        check(&[
            (&format!("{shared} {update}; ld.shared.u32 %r8, [s]"), &[7, 0, 2], new),
            (&format!("{shared} {update}; mov.u32 %r8, %r6"), &[7, 0, 2], old),
        ]);
    }
    check(&[
        (
            &format!("{shared} atom.shared.add.u64 %rd6, [s], 1; ld.shared.u64 %rd8, [s]"),
            &[0xffff_ffff, 0],
            1 << 32,
        ),
        (
            &format!("{shared} atom.shared.add.f32 %f6, [s], 0f3F800000; ld.shared.f32 %f8, [s]"),
            &[0, 0],
            0x3f80_0000,
        ),
    ]);
}

#[test]
fn all_threads_of_all_blocks_add_to_one_place() {
    let body = "mov.u32 %r0, %ctaid.x; add.s32 %r0, %r0, 1; atom.global.add.u32 %r1, [%rd1], %r0;";
    let zero = "mov.u32 %r2, %tid.x; mov.u32 %r3, %ctaid.x; or.b32 %r2, %r2, %r3; setp.eq.s32 %p0, %r2, 0;
        mov.u32 %r4, 0; @%p0 st.global.u32 [%rd1], %r4;";
    let (bytes, counts) = launch(&kernel(&format!("{zero}{body}")).unwrap(), 3, 100, &[], 4).unwrap();
    assert_eq!(bytes, 600u32.to_le_bytes());
    assert_eq!(counts.global, 301);
}

#[test]
fn launches_that_the_driver_would_refuse_are_errors() {
    let kernel = kernel("").unwrap();
    assert_eq!(
        (kernel.params.as_slice(), kernel.param_bytes, kernel.max_threads),
        (&[(0, 8), (8, 8)][..], 16, 256)
    );
    let fault = launch(&kernel, 1, 257, &[], 0).unwrap_err();
    assert_eq!(fault.what, "k: 257 threads in a block, at most 256");
    // SAFETY: nothing may be touched.
    let fault = unsafe { kernel.launch(&[0; 15], [1; 3], [1; 3], &mut |_, _, _| false) }.unwrap_err();
    assert_eq!(fault.what, "k: 15 bytes of parameters for 16");
}
