//! What is not understood is refused when a kernel is read.

use super::kernel;

#[test]
fn unknown_instructions_are_refused_by_name() {
    for (instruction, named) in [
        ("wgmma.fence.sync.aligned", "`wgmma.fence.sync.aligned` is not supported"),
        ("tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [t, {%f5, %f6}]", "`tex.2d.v4.f32.f32` is not supported"),
        ("add.sat.s32 %r1, %r2, %r3", "nothing knows its `.sat`"),
        ("add.f16 %rs1, %rs2, %rs3", "`add.f16` is not supported"),
        ("cvt.f16.f32 %rs1, %f2", "`cvt.f16.f32` is not supported"),
        ("cvt.rn.e4m3x2.f32 %rs1, %f2, %f3", "is not supported"),
        ("cvt.u32.f32 %r1, %f2", "is not supported"),
        ("lop3.and.b32 %r1|%p1, %r2, %r3, %r4, 1, %p2", "is not supported"),
        ("bar.sync 1", "only barrier 0"),
        ("vote.ballot.b32 %r1, %p1", "without `.sync`"),
        ("ld.global.v4.u64 {%rd1, %rd2, %rd3, %rd4}, [%rd0]", "its vector has another length"),
        ("mov.u32 %r1, %r99", "operand `%r99` is unknown"),
        ("mov.u32 %clock, %r1", "`%clock` is no register"),
        ("call f, (%r1)", "is not supported"),
        (".local .align 4 .b8 x[", "is not understood"),
        (".callprototype", "directive `.callprototype`"),
        (".extern .shared .b8 x[]", "directive `.extern`"),
        ("bra $nowhere", "there is no label $nowhere"),
    ] {
        let why = kernel(&format!("{instruction};")).map(drop).unwrap_err();
        assert!(why.contains(named), "{instruction}: {why}");
    }
}

#[test]
fn a_kernel_that_is_not_there_is_named() {
    assert_eq!(
        super::Kernel::parse(".version 8.0\n", "copy").map(drop),
        Err("there is no kernel `copy`".into())
    );
}
