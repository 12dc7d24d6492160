//! Integers and bits: what each instruction makes of its operands, mostly at the edges.

use super::check;

const MINUS_ONE: u64 = u64::MAX;

#[test]
fn sums_and_products_wrap_at_the_width_of_their_type() {
    check(&[
        ("add.s32 %r8, %r2, %r3", &[0xffff_ffff, 2], 1),
        ("add.s64 %rd8, %rd2, -3", &[1], MINUS_ONE - 1),
        ("add.s16 %rs8, %rs2, %rs3", &[0xffff, 2], 1),
        ("sub.s32 %r8, 0, %r2", &[1], 0xffff_ffff),
        ("mul.lo.s32 %r8, %r2, %r3", &[0x10001, 0x10001], 0x20001),
        ("mul.lo.s64 %rd8, %rd2, %rd3", &[1 << 40, 1 << 30 | 3], 3 << 40),
        ("mul.lo.s16 %rs8, %rs2, 257", &[256], 0x100),
        ("mul.hi.u32 %r8, %r2, %r3", &[0xffff_ffff, 0xffff_ffff], 0xffff_fffe),
        ("mul.hi.s32 %r8, %r2, %r3", &[0xffff_ffff, 5], 0xffff_ffff),
        ("mul.hi.u64 %rd8, %rd2, %rd3", &[MINUS_ONE, MINUS_ONE], MINUS_ONE - 1),
        ("mul.hi.s64 %rd8, %rd2, %rd3", &[MINUS_ONE, 5], MINUS_ONE),
        ("mul.hi.u16 %rs8, %rs2, %rs3", &[0xffff, 0xffff], 0xfffe),
        ("mul.wide.u32 %rd8, %r2, %r3", &[0xffff_ffff, 0xffff_ffff], 0xffff_fffe_0000_0001),
        ("mul.wide.s32 %rd8, %r2, 4", &[0xffff_ffff], MINUS_ONE - 3),
        ("mul.wide.u16 %r8, %rs2, %rs3", &[0xffff, 0xffff], 0xfffe_0001),
        ("mul.wide.s16 %r8, %rs2, 2", &[0xffff], 0xffff_fffe),
        ("mad.lo.s32 %r8, %r2, %r3, %r4", &[0x10000, 0x10000, 7], 7),
        ("mad.hi.u32 %r8, %r2, %r3, %r4", &[0x10000, 0x30000, 7], 10),
        ("mad.wide.u32 %rd8, %r2, %r3, %rd4", &[0x8000_0000, 4, 1], 0x2_0000_0001),
        ("mad.wide.s32 %rd8, %r2, 8, %rd3", &[0xffff_ffff, 16], 8),
    ]);
}

#[test]
fn quotients_and_remainders_round_toward_zero() {
    check(&[
        ("div.s32 %r8, %r2, %r3", &[0xffff_fff9, 2], 0xffff_fffd),
        ("rem.s32 %r8, %r2, %r3", &[0xffff_fff9, 2], 0xffff_ffff),
        ("div.u32 %r8, %r2, %r3", &[0xffff_fff9, 2], 0x7fff_fffc),
        ("rem.u64 %rd8, %rd2, %rd3", &[MINUS_ONE, 10], 5),
        ("div.s64 %rd8, %rd2, %rd3", &[1 << 63, MINUS_ONE], 1 << 63),
        ("rem.u16 %rs8, %rs2, %rs3", &[0xffff, 16], 15),
    ]);
}

#[test]
fn signs_matter_to_comparisons_and_extremes() {
    check(&[
        ("min.s32 %r8, %r2, %r3", &[0xffff_ffff, 1], 0xffff_ffff),
        ("min.u32 %r8, %r2, %r3", &[0xffff_ffff, 1], 1),
        ("max.s64 %rd8, %rd2, %rd3", &[MINUS_ONE, 1], 1),
        ("max.u16 %rs8, %rs2, %rs3", &[0xffff, 1], 0xffff),
        ("abs.s32 %r8, %r2", &[0xffff_fffb], 5),
        ("abs.s32 %r8, %r2", &[0x8000_0000], 0x8000_0000),
        ("neg.s64 %rd8, %rd2", &[5], MINUS_ONE - 4),
        ("setp.lt.s32 %p8, %r2, %r3", &[0xffff_ffff, 1], 1),
        ("setp.lt.u32 %p8, %r2, %r3", &[0xffff_ffff, 1], 0),
        ("setp.hs.u32 %p8, %r2, %r3", &[1, 1], 1),
        ("setp.gt.s16 %p8, %rs2, -1", &[0], 1),
        ("setp.gt.u16 %p8, %rs2, 7", &[0x1_0003], 0),
        ("setp.eq.s64 %p8, %rd2, 0", &[1 << 32], 0),
        ("setp.ne.b32 %p8, %r2, 0", &[1 << 32], 0),
    ]);
}

#[test]
fn predicates_combine_and_choose() {
    check(&[
        ("setp.lt.and.s32 %p8, %r2, 5, %p3", &[1, 0], 0),
        ("setp.lt.or.s32 %p8, %r2, 5, %p3", &[9, 1], 1),
        ("setp.lt.xor.s32 %p8, %r2, 5, !%p3", &[1, 1], 1),
        ("setp.lt.and.s32 %p7|%p8, %r2, 5, %p3", &[9, 1], 1),
        ("setp.lt.and.s32 %p7|%p8, %r2, 5, !%p3", &[9, 1], 0),
        ("setp.eq.s32 %p8|%p7, %r2, 5", &[5], 1),
        ("and.pred %p8, %p2, %p3", &[1, 0], 0),
        ("or.pred %p8, %p2, %p3", &[1, 0], 1),
        ("xor.pred %p8, %p2, %p3", &[1, 1], 0),
        ("not.pred %p8, %p2", &[0], 1),
        ("mov.pred %p8, -1", &[], 1),
        ("selp.b32 %r8, %r2, %r3, %p4", &[7, 8, 1], 7),
        ("selp.b16 %rs8, 0, -1, %p2", &[0], 0xffff),
        ("selp.f64 %fd8, %fd2, %fd3, %p4", &[7, 1 << 63, 0], 1 << 63),
        ("slct.u32.s32 %r8, %r2, %r3, %r4", &[7, 8, 0x8000_0000], 8),
        ("slct.b64.s32 %rd8, %rd2, %rd3, %r4", &[1 << 40, 8, 0], 1 << 40),
        ("@%p2 mov.u32 %r8, 1; @!%p2 mov.u32 %r8, 2", &[0], 2),
    ]);
}

#[test]
fn shifts_by_the_width_or_more_leave_nothing_but_the_sign() {
    check(&[
        ("shl.b32 %r8, %r2, %r3", &[3, 31], 0x8000_0000),
        ("shl.b32 %r8, %r2, %r3", &[3, 32], 0),
        ("shl.b64 %rd8, %rd2, %r3", &[3, 63], 1 << 63),
        ("shl.b16 %rs8, %rs2, 15", &[3], 0x8000),
        ("shr.u32 %r8, %r2, %r3", &[0xffff_ffff, 31], 1),
        ("shr.u32 %r8, %r2, %r3", &[0xffff_ffff, 40], 0),
        ("shr.s32 %r8, %r2, %r3", &[0x8000_0000, 100], 0xffff_ffff),
        ("shr.s64 %rd8, %rd2, 1", &[1 << 63], 3 << 62),
        ("shr.u16 %rs8, %rs2, 8", &[0x1_8000], 0x80),
        ("shr.s16 %rs8, %rs2, 15", &[0x8000], 0xffff),
        ("shf.l.wrap.b32 %r8, %r2, %r3, %r4", &[0x8000_0001, 0x7, 33], 0xf),
        ("shf.l.clamp.b32 %r8, %r2, %r3, %r4", &[0x8000_0001, 0x7, 33], 0x8000_0001),
        ("shf.r.wrap.b32 %r8, %r2, %r3, %r4", &[0x8000_0001, 0x7, 4], 0x7800_0000),
        ("shf.r.clamp.b32 %r8, %r2, %r3, %r4", &[0x8000_0001, 0x7, 99], 7),
    ]);
}

#[test]
fn bits_are_found_moved_and_combined() {
    check(&[
        ("and.b16 %rs8, %rs2, 0xff", &[0x1234], 0x34),
        ("or.b64 %rd8, %rd2, %rd3", &[1 << 63, 1], 1 << 63 | 1),
        ("xor.b32 %r8, %r2, -1", &[5], 0xffff_fffa),
        ("not.b16 %rs8, %rs2", &[0], 0xffff),
        ("cnot.b32 %r8, %r2", &[0], 1),
        ("popc.b64 %r8, %rd2", &[MINUS_ONE], 64),
        ("clz.b32 %r8, %r2", &[1], 31),
        ("clz.b64 %r8, %rd2", &[0], 64),
        ("brev.b32 %r8, %r2", &[1], 0x8000_0000),
        ("brev.b64 %rd8, %rd2", &[2], 1 << 62),
        ("bfind.u32 %r8, %r2", &[0x0001_0000], 16),
        ("bfind.s32 %r8, %r2", &[0xffff_fffe], 0),
        ("bfind.u64 %r8, %rd2", &[0], 0xffff_ffff),
        ("bfe.u32 %r8, %r2, 8, 4", &[0x1234], 2),
        ("bfe.s32 %r8, %r2, 4, 4", &[0xf0], 0xffff_ffff),
        ("bfe.s32 %r8, %r2, 28, 8", &[0x7000_0000], 7),
        ("bfe.s32 %r8, %r2, 40, 8", &[0x8000_0000], 0xffff_ffff),
        ("bfe.u64 %rd8, %rd2, 60, 64", &[MINUS_ONE], 15),
        ("bfe.u32 %r8, %r2, 0, 0", &[0x1234], 0),
        ("bfi.b32 %r8, %r2, %r3, 8, 8", &[0xab, 0xffff_ffff], 0xffff_abff),
        ("bfi.b32 %r8, %r2, %r3, 28, 8", &[0xab, 0], 0xb000_0000),
        ("bfi.b64 %rd8, %rd2, %rd3, 0, 64", &[5, 9], 5),
        ("bfi.b64 %rd8, %rd2, %rd3, 64, 1", &[5, 9], 9),
        ("prmt.b32 %r8, %r2, %r3, 0x7531", &[0x4433_2211, 0x8877_6655], 0x8866_4422),
        ("prmt.b32 %r8, %r2, %r3, 0xf3c4", &[0x4433_2211, 0x8877_6655], 0xff44_0055),
        ("lop3.b32 %r8, %r2, %r3, %r4, 0xca", &[0xff00, 0x1234, 0x5678], 0x1278),
        ("lop3.b32 %r8, %r2, %r3, %r4, 0x96", &[0b1100, 0b1010, 0b1111], 0b1001),
        ("mov.b64 %rd8, {%r2, %r3}", &[0x1111_1111, 0x2222_2222], 0x2222_2222_1111_1111),
        ("mov.b32 %r8, {%rs2, %rs3}", &[0x1111, 0x2222], 0x2222_1111),
        ("mov.b64 {%r7, %r8}, %rd2", &[0x2222_2222_1111_1111], 0x2222_2222),
        ("mov.b32 {%rs8, %rs7}, %r2", &[0x2222_1111], 0x1111),
        ("mov.b64 %rd8, {%rs2, %rs3, %rs4, %rs5}", &[1, 2, 3, 4], 0x0004_0003_0002_0001),
    ]);
}

#[test]
fn constants_are_read_in_every_notation() {
    check(&[
        ("mov.u32 %r8, 0x1F", &[], 31),
        ("mov.u32 %r8, 4294967295U", &[], 0xffff_ffff),
        ("mov.u64 %rd8, -2", &[], MINUS_ONE - 1),
        ("mov.f32 %f8, 0f3F800000", &[], 0x3f80_0000),
        ("mov.f64 %fd8, 0dBFF0000000000000", &[], 0xbff0_0000_0000_0000),
        ("mov.u32 %r8, WARP_SZ", &[], 32),
    ]);
}
