//! Several devices, their contexts, and what breaks one of them.

#[macro_use]
mod common;

use common::*;
use fakecuda::Access;

fn on<T>(context: usize, run: impl FnOnce() -> T) -> T {
    ok!(cuCtxPushCurrent_v2(context));
    let result = run();
    let mut popped = 0;
    ok!(cuCtxPopCurrent_v2((&mut popped).into()));
    assert_eq!(popped, context);
    result
}

#[test]
fn each_device_has_its_memory_and_its_name() {
    let _fake = fake("devices=2;memory=1000;cc=75;multiprocessors=40");
    let other = primary(1);
    let (mut count, mut free, mut total) = (0, 0, 0);
    ok!(cuDeviceGetCount((&mut count).into()));
    assert_eq!(count, 2);
    let _here = device_memory(900);
    on(other, || {
        let mut device = -1;
        ok!(cuCtxGetDevice((&mut device).into()));
        assert_eq!(device, 1);
        ok!(cuMemGetInfo_v2((&mut free).into(), (&mut total).into()));
    });
    assert_eq!((free, total), (1000, 1000));
    let mut name = [1 as libc::c_char; 5];
    ok!(cuDeviceGetName((&mut name[0]).into(), 5, 1));
    assert_eq!(name.map(|byte| byte as u8), *b"Fake\0");
    let mut value = 0;
    for (attribute, wanted) in [(75, 7), (76, 5), (16, 40), (10, 32), (115, 1)] {
        ok!(cuDeviceGetAttribute((&mut value).into(), attribute, 1));
        assert_eq!(value, wanted);
    }
    assert_eq!(cu!(cuDeviceGet((&mut count).into(), 2)), 101);
    assert_eq!(cu!(cuDeviceGetAttribute((&mut value).into(), 75, -1)), 101);
}

#[test]
fn the_stack_of_contexts_is_each_threads_own() {
    let fake = fake("devices=2");
    let other = primary(1);
    let current = || {
        let mut context = 1;
        ok!(cuCtxGetCurrent((&mut context).into()));
        context
    };
    ok!(cuCtxPushCurrent_v2(other));
    assert_eq!(current(), other);
    assert_eq!(std::thread::spawn(current).join().expect("it ran"), 0);
    ok!(cuCtxSetCurrent(fake.context));
    assert_eq!(current(), fake.context);
    ok!(cuCtxPopCurrent_v2((&mut 0).into()));
    ok!(cuCtxPopCurrent_v2((&mut 0).into()));
    assert_eq!(current(), 0);
    assert_eq!(cu!(cuCtxPopCurrent_v2((&mut 0).into())), INVALID_CONTEXT);
    assert_eq!(cu!(cuMemAlloc_v2((&mut 0).into(), 8)), INVALID_CONTEXT);
    assert_eq!(cu!(cuCtxPushCurrent_v2(77)), INVALID_CONTEXT);
}

#[test]
fn copies_cross_devices_and_events_order_them() {
    let fake = fake("devices=2");
    let other = primary(1);
    let here = (device_memory(64), stream());
    let there = on(other, || (device_memory(64), stream()));
    ok!(cuMemsetD8Async(here.0, 5, 64, here.1));
    join(there.1, here.1);
    ok!(cuMemcpyPeerAsync(there.0, other, here.0, fake.context, 64, there.1));
    assert_eq!(read(there.0, 64, there.1), [5; 64]);
    assert_eq!(cu!(cuMemcpyPeerAsync(there.0, fake.context, here.0, other, 64, there.1)), INVALID_VALUE);
}

#[test]
fn an_event_and_its_stream_share_a_context() {
    let _fake = fake("devices=2");
    let other = primary(1);
    let there = on(other, event);
    assert_eq!(cu!(cuEventRecord(there, stream())), INVALID_CONTEXT);
}

#[test]
fn work_on_another_devices_memory_needs_access_to_it() {
    let fake = fake("devices=2");
    let other = primary(1);
    let (plain, pooled) = on(other, || (device_memory(64), pool_memory(64, 0)));
    on(other, || ok!(cuCtxSynchronize()));
    let fill = |memory| {
        ok!(cuMemsetD8Async(memory, 1, 64, 0));
        let answer = cu!(cuCtxSynchronize());
        assert_eq!(faults(""), 0, "forgiven");
        answer
    };
    assert_eq!((fill(plain), fill(pooled)), (ILLEGAL_ADDRESS, ILLEGAL_ADDRESS));
    ok!(cuCtxEnablePeerAccess(other, 0));
    assert_eq!(cu!(cuCtxEnablePeerAccess(other, 0)), 704);
    assert_eq!(cu!(cuCtxEnablePeerAccess(fake.context, 0)), INVALID_CONTEXT);
    assert_eq!((fill(plain), fill(pooled)), (0, ILLEGAL_ADDRESS), "pools have rights of their own");
    let mut pool = 0;
    ok!(cuDeviceGetMemPool((&mut pool).into(), 1));
    let access = Access { place: 1, device: 0, rights: 3 };
    ok!(cuMemPoolSetAccess(pool, (&access).into(), 1));
    assert_eq!(fill(pooled), 0);
    ok!(cuCtxDisablePeerAccess(other));
    assert_eq!(cu!(cuCtxDisablePeerAccess(other)), 705);
    assert_eq!(fill(plain), ILLEGAL_ADDRESS);
}

#[test]
fn devices_that_are_no_peers_say_so() {
    let _fake = fake("devices=2;peers=0");
    let other = primary(1);
    let mut can = -1;
    ok!(cuDeviceCanAccessPeer((&mut can).into(), 0, 1));
    assert_eq!(can, 0);
    assert_eq!(cu!(cuCtxEnablePeerAccess(other, 0)), 217);
}

#[test]
fn an_error_breaks_its_own_device_only() {
    let _fake = fake("devices=2");
    let other = primary(1);
    assert_eq!(faults("op@1=719"), 0);
    let memory = device_memory(64);
    ok!(cuMemsetD8Async(memory, 1, 64, 0));
    assert_eq!(cu!(cuCtxSynchronize()), 719);
    assert_eq!(cu!(cuMemFree_v2(memory)), 719);
    on(other, || {
        let memory = device_memory(64);
        ok!(cuMemsetD8Async(memory, 1, 64, 0));
        assert_eq!(read(memory, 64, 0), [1; 64]);
    });
}

#[test]
fn a_context_that_was_made_by_hand_can_be_destroyed() {
    let fake = fake("");
    let mut own = 0;
    ok!(cuCtxCreate_v2((&mut own).into(), 0, 0));
    assert_ne!(own, fake.context);
    let memory = device_memory(8);
    let mut context = 0usize;
    ok!(cuPointerGetAttribute(fakecuda::Out::from(&mut context).of(), 1, memory));
    assert_eq!(context, own);
    ok!(cuCtxDestroy_v2(own));
    assert_eq!(live("allocations"), 0);
    assert_eq!(cu!(cuCtxDestroy_v2(fake.context)), INVALID_CONTEXT, "primary ones are released");
}
