//! What threads of a warp tell each other, and jumps.

use super::{kernel, launch};

/// What each of the threads stores, one word each.
fn words(threads: u32, body: &str) -> Vec<u32> {
    let store = "mov.u32 %r0, %tid.x; mul.wide.u32 %rd2, %r0, 4; add.s64 %rd2, %rd1, %rd2; st.global.u32 [%rd2], %r8;";
    let begin = "mov.u32 %r1, %tid.x; and.b32 %r2, %r1, 1; setp.ne.s32 %p1, %r2, 0;";
    let kernel = kernel(&format!("{begin}\n{body}\n{store}")).unwrap();
    let (bytes, _) = launch(&kernel, 1, threads, &[], 4 * threads as usize)
        .unwrap_or_else(|fault| panic!("{}", fault.what));
    bytes.chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[test]
fn votes_count_the_lanes_of_the_mask() {
    assert!(words(64, "vote.sync.ballot.b32 %r8, %p1, -1;").iter().all(|word| *word == 0xaaaa_aaaa));
    assert!(words(64, "vote.sync.ballot.b32 %r8, !%p1, 0xffffffff;").iter().all(|word| *word == 0x5555_5555));
    assert!(
        words(32, "vote.sync.any.pred %p2, %p1, -1; selp.u32 %r8, 1, 0, %p2;").iter().all(|word| *word == 1)
    );
    assert!(
        words(32, "vote.sync.all.pred %p2, %p1, -1; selp.u32 %r8, 1, 0, %p2;").iter().all(|word| *word == 0)
    );
    assert!(
        words(32, "vote.sync.uni.pred %p2, %p1, -1; selp.u32 %r8, 1, 0, %p2;").iter().all(|word| *word == 0)
    );
    let half = "mov.u32 %r8, 9; @!%p1 bra $end;\nvote.sync.ballot.b32 %r8, %p1, 0xaaaaaaaa;\n$end:";
    assert!(words(32, half).iter().enumerate().all(|(lane, word)| *word == [9, 0xaaaa_aaaa][lane % 2]));
    let each = words(32, "activemask.b32 %r8;");
    assert!(each.iter().enumerate().all(|(lane, word)| word >> lane & 1 == 1), "{each:x?}");
}

#[test]
fn shuffles_read_the_lane_that_the_mode_says() {
    let shuffled = |mode: &str, operands: &str| {
        words(64, &format!("shfl.sync.{mode}.b32 %r8|%p2, %r1, {operands}, -1;"))
    };
    let expected =
        |lane: fn(u32) -> u32| (0..64).map(|thread| thread / 32 * 32 + lane(thread % 32)).collect::<Vec<_>>();
    assert_eq!(shuffled("idx", "5, 31"), expected(|_| 5));
    assert_eq!(shuffled("bfly", "3, 31"), expected(|lane| lane ^ 3));
    assert_eq!(shuffled("down", "4, 31"), expected(|lane| if lane + 4 < 32 { lane + 4 } else { lane }));
    assert_eq!(shuffled("up", "4, 0"), expected(|lane| if lane >= 4 { lane - 4 } else { lane }));
    // Segments of eight lanes.
    assert_eq!(shuffled("down", "4, 0x181f"), expected(|lane| if lane % 8 < 4 { lane + 4 } else { lane }));
    assert_eq!(shuffled("idx", "1, 0x181f"), expected(|lane| lane / 8 * 8 + 1));
    let inside = words(32, "shfl.sync.down.b32 %r7|%p2, %r1, 4, 31, -1; selp.u32 %r8, 1, 0, %p2;");
    assert_eq!(inside, (0..32).map(|lane| u32::from(lane < 28)).collect::<Vec<_>>());
}

#[test]
fn warps_and_blocks_reduce() {
    assert!(words(32, "redux.sync.add.u32 %r8, %r1, -1;").iter().all(|word| *word == 496));
    assert!(words(32, "redux.sync.max.s32 %r8, %r1, -1;").iter().all(|word| *word == 31));
    assert!(words(100, "barrier.red.popc.u32 %r8, 0, %p1;").iter().all(|word| *word == 50));
    assert!(
        words(100, "bar.red.or.pred %p2, 0, %p1; selp.u32 %r8, 1, 0, %p2;").iter().all(|word| *word == 1)
    );
    assert!(
        words(100, "bar.red.and.pred %p2, 0, !%p1; selp.u32 %r8, 1, 0, %p2;").iter().all(|word| *word == 0)
    );
}

/// Every lane puts its number in shared memory, and after `WAIT` takes that of the lane beside it.
const EXCHANGE: &str =
    ".shared .align 4 .b8 s[256]; shl.b32 %r3, %r1, 2; mov.u32 %r4, s; add.s32 %r5, %r4, %r3;
    st.shared.u32 [%r5], %r1; WAIT xor.b32 %r6, %r3, OTHER; add.s32 %r6, %r4, %r6; ld.shared.u32 %r8, [%r6];";

#[test]
fn a_meeting_of_the_warp_orders_its_own_threads_only() {
    let within = EXCHANGE.replace("WAIT", "bar.warp.sync -1;").replace("OTHER", "4");
    assert_eq!(words(64, &within), (0..64).map(|thread| thread ^ 1).collect::<Vec<_>>());
    let across = EXCHANGE.replace("WAIT", "bar.warp.sync -1;").replace("OTHER", "128");
    let kernel = kernel(&format!("mov.u32 %r1, %tid.x; {across}")).unwrap();
    assert!(launch(&kernel, 1, 64, &[], 0).unwrap_err().what.contains("with no barrier"));
}

#[test]
fn lanes_that_do_not_come_are_an_error() {
    let body = "mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 7; @%p1 bra $end; bar.warp.sync -1;\n$end:";
    let fault = launch(&kernel(body).unwrap(), 1, 32, &[], 0).unwrap_err();
    assert!(fault.what.contains("waits for threads of its warp that do not come"), "{}", fault.what);
    let body = "mov.u32 %r1, %tid.x; bar.warp.sync 1;";
    let fault = launch(&kernel(body).unwrap(), 1, 32, &[], 0).unwrap_err();
    assert!(
        fault.what.contains("thread [1, 0, 0]") && fault.what.contains("not in the mask 0x1"),
        "{}",
        fault.what
    );
}

#[test]
fn a_table_jumps_to_the_entry_of_its_index() {
    let body = "$table: .branchtargets $a, $b, $c;
        rem.u32 %r2, %r1, 3; brx.idx %r2, $table;
        $a: mov.u32 %r8, 10; bra.uni $end;
        $b: mov.u32 %r8, 20; bra.uni $end;
        $c: mov.u32 %r8, 30;
        $end:";
    assert_eq!(words(5, body), [10, 20, 30, 10, 20]);
    let fault = launch(
        &kernel(&format!("mov.u32 %r1, 5; {}", body.replace("rem.u32 %r2, %r1, 3;", "mov.u32 %r2, 3;")))
            .unwrap(),
        1,
        1,
        &[],
        0,
    );
    assert!(fault.unwrap_err().what.contains("jump to entry 3 of 3"));
}

#[test]
fn a_loop_runs_as_often_as_it_says() {
    let body = "mov.u32 %r8, 0;\n$loop: add.s32 %r8, %r8, 1; setp.le.u32 %p2, %r8, %r1; @%p2 bra $loop;";
    assert_eq!(words(40, body), (1..41).collect::<Vec<_>>());
}

#[test]
fn threads_know_their_place() {
    let of = |what: &str| words(96, &format!("mov.u32 %r8, {what};"));
    assert_eq!(of("%laneid"), (0..96).map(|thread| thread % 32).collect::<Vec<_>>());
    assert_eq!(of("%warpid"), (0..96).map(|thread| thread / 32).collect::<Vec<_>>());
    assert_eq!((of("%ntid.x")[0], of("%nctaid.y")[0], of("%ctaid.z")[0]), (96, 1, 0));
}
