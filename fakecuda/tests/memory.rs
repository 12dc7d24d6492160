//! Memory: who may touch it, when it lives, what is found out.

#[macro_use]
mod common;

use common::*;

const BYTES: usize = 4096;

#[test]
fn the_host_cannot_touch_device_memory() {
    let _fake = fake("");
    for address in [device_memory(100), pool_memory(100, 0)] {
        ok!(cuStreamSynchronize(0));
        let status = forked(|| {
            // SAFETY: none: this is what the fake is to punish, in a process of its own.
            unsafe { (address as *const u8).read_volatile() };
            0
        });
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV, "{status:x}");
    }
}

#[test]
fn the_host_can_touch_pinned_and_managed_memory() {
    let _fake = fake("");
    let mut managed = 0;
    ok!(cuMemAllocManaged((&mut managed).into(), BYTES, 1));
    // SAFETY: memory that was made just now, which the host may touch.
    unsafe { (managed as *mut u8).write(5) };
    assert_eq!(read(managed, 1, 0), [5]);
    let pinned = pinned(BYTES);
    pinned.fill(6);
    ok!(cuMemcpyAsync(managed, address(pinned), BYTES, 0));
    assert_eq!(read(managed, BYTES, 0), [6; BYTES]);
    ok!(cuMemFree_v2(managed));
    ok!(cuMemFreeHost(address(pinned)));
    assert_eq!((live("allocations"), live("pinned")), (0, 0));
}

#[test]
fn memory_is_poisoned_aligned_and_ends_at_a_closed_page() {
    let _fake = fake("");
    for bytes in [1, 512, 4095, 4097, 1 << 20] {
        let memory = device_memory(bytes);
        assert_eq!(memory % 512, 0);
        assert!(read(memory, bytes, 0).iter().all(|byte| *byte == 0xCD));
    }
    let pinned = pinned(512);
    let behind = pinned.as_ptr_range().end as usize;
    let status = forked(|| {
        // SAFETY: none: one byte too far, in a process of its own.
        unsafe { (behind as *const u8).read_volatile() };
        0
    });
    assert!(libc::WIFSIGNALED(status));
}

#[test]
fn no_address_is_used_twice() {
    let _fake = fake("");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..2000 {
        let memory = device_memory(BYTES);
        assert!(seen.insert(memory));
        ok!(cuMemFree_v2(memory));
        assert_eq!(cu!(cuMemFree_v2(memory)), INVALID_VALUE);
        assert_eq!(cu!(cuMemcpyDtoD_v2(memory, memory, 1)), INVALID_VALUE);
    }
    assert_eq!(live("bytes"), 0);
}

#[test]
fn use_after_free_in_stream_order_is_an_illegal_address() {
    let _fake = fake("");
    let (owner, user) = (stream(), stream());
    let memory = pool_memory(BYTES, owner);
    ok!(cuStreamSynchronize(owner));
    ok!(cuMemsetD8Async(memory, 1, BYTES, user));
    ok!(cuMemFreeAsync(memory, owner));
    ok!(cuStreamSynchronize(owner));
    assert_eq!(cu!(cuStreamSynchronize(user)), ILLEGAL_ADDRESS);
    assert_eq!(cu!(cuStreamSynchronize(owner)), ILLEGAL_ADDRESS, "it sticks");
    assert_eq!(cu!(cuMemAlloc_v2((&mut 0).into(), 8)), ILLEGAL_ADDRESS, "everywhere in the context");
}

#[test]
fn use_before_birth_in_stream_order_is_an_illegal_address() {
    let _fake = fake("");
    let (owner, user) = (stream(), stream());
    let memory = pool_memory(BYTES, owner);
    ok!(cuMemsetD8Async(memory, 1, BYTES, user));
    assert_eq!(cu!(cuStreamSynchronize(user)), ILLEGAL_ADDRESS);
}

#[test]
fn a_free_that_waits_for_the_user_is_right() {
    let _fake = fake("");
    let (owner, user) = (stream(), stream());
    let memory = pool_memory(BYTES, owner);
    join(user, owner);
    ok!(cuMemsetD8Async(memory, 1, BYTES, user));
    join(owner, user);
    ok!(cuMemFreeAsync(memory, owner));
    assert_eq!(cu!(cuMemFreeAsync(memory, owner)), INVALID_VALUE, "once is enough");
    ok!(cuStreamSynchronize(owner));
    ok!(cuCtxSynchronize());
    assert_eq!(live("allocations"), 0);
}

#[test]
fn freeing_plain_memory_waits_for_the_device_but_freeing_pool_memory_does_not() {
    let _fake = fake("");
    let stream = stream();
    let plain = device_memory(BYTES);
    ok!(cuMemsetD8Async(plain, 1, BYTES, stream));
    ok!(cuMemFree_v2(plain));
    assert_eq!(fakecuda::fakecuda_pending(), 0);
    let pooled = pool_memory(BYTES, stream);
    ok!(cuMemsetD8Async(pooled, 1, BYTES, stream));
    ok!(cuMemFree_v2(pooled));
    assert_eq!(cu!(cuStreamSynchronize(stream)), ILLEGAL_ADDRESS);
}

#[test]
fn a_full_device_says_so_and_takes_back_what_is_queued_to_be_freed() {
    let _fake = fake("memory=1000000");
    let mut address = 0;
    assert_eq!(cu!(cuMemAlloc_v2((&mut address).into(), 1_000_001)), OUT_OF_MEMORY);
    for _ in 0..10 {
        let memory = pool_memory(600_000, 0);
        ok!(cuMemFreeAsync(memory, 0));
    }
    let _memory = pool_memory(600_000, 0);
    assert_eq!(cu!(cuMemAllocAsync((&mut address).into(), 600_000, 0)), OUT_OF_MEMORY);
    let (mut free, mut total) = (0, 0);
    ok!(cuMemGetInfo_v2((&mut free).into(), (&mut total).into()));
    assert_eq!((free, total), (400_000, 1_000_000));
}

#[test]
fn no_bytes_are_no_memory() {
    let _fake = fake("");
    assert_eq!(cu!(cuMemAlloc_v2((&mut 0).into(), 0)), INVALID_VALUE);
    assert_eq!(cu!(cuMemAllocAsync((&mut 0).into(), 0, 0)), INVALID_VALUE);
    ok!(cuMemFree_v2(0));
}

#[test]
fn pageable_sources_are_staged_and_pinned_ones_are_not() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    let mut pageable = vec![1u8; BYTES];
    write(memory, &pageable, stream);
    pageable.fill(9);
    assert_eq!(read(memory, BYTES, stream), [1; BYTES]);
    let pinned = pinned(BYTES);
    pinned.fill(2);
    write(memory, pinned, stream);
    pinned.fill(9);
    assert_eq!(read(memory, BYTES, stream), [9; BYTES], "it is read when the stream comes to it");
}

#[test]
fn copies_into_pinned_memory_are_late() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    let pinned = pinned(BYTES);
    pinned.fill(1);
    ok!(cuMemcpyDtoHAsync_v2(address(pinned), memory, BYTES, stream));
    assert_eq!(pinned, [1; BYTES]);
    ok!(cuStreamSynchronize(stream));
    assert_eq!(pinned, [0xCD; BYTES]);
}

#[test]
fn registered_memory_is_pinned_until_it_is_unregistered() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    let host = vec![1u8; 3 * BYTES];
    ok!(cuMemHostRegister_v2(address(&host), host.len(), 0));
    assert_eq!(cu!(cuMemHostRegister_v2(address(&host) + BYTES, 1, 0)), 712);
    ok!(cuMemcpyDtoHAsync_v2(address(&host), memory, BYTES, stream));
    assert_eq!(fakecuda::fakecuda_pending(), 1);
    ok!(cuMemHostUnregister(address(&host)));
    assert_eq!(fakecuda::fakecuda_pending(), 0);
    assert_eq!(cu!(cuMemHostUnregister(address(&host))), 713);
    ok!(cuMemcpyDtoHAsync_v2(address(&host), memory, BYTES, stream));
    assert_eq!(fakecuda::fakecuda_pending(), 0);
}

#[test]
fn pointers_are_known_for_what_they_are() {
    let fake = fake("");
    let stream = stream();
    let (plain, pooled, pinned) = (device_memory(BYTES), pool_memory(BYTES, stream), pinned(BYTES));
    let mut managed = 0;
    ok!(cuMemAllocManaged((&mut managed).into(), BYTES, 1));
    // Memory type, managed, device, IPC, start, size, context.
    let know = |address: usize| {
        let (mut kind, mut managed, mut device, mut ipc) = (-1i32, -1i32, -1i32, -1i32);
        let (mut start, mut size, mut context) = (1usize, 1usize, 1usize);
        let attributes = [2u32, 8, 9, 10, 11, 12, 1];
        let places = [
            (&raw mut kind).cast::<libc::c_void>(),
            (&raw mut managed).cast(),
            (&raw mut device).cast(),
            (&raw mut ipc).cast(),
            (&raw mut start).cast(),
            (&raw mut size).cast(),
            (&raw mut context).cast(),
        ];
        let places = places.map(|place| fakecuda::Out::at(place as usize));
        ok!(cuPointerGetAttributes(7, attributes[..].into(), places[..].into(), address));
        (kind, managed, device, ipc, start, size, context)
    };
    assert_eq!(know(plain + 100), (2, 0, 0, 1, plain, BYTES, fake.context));
    assert_eq!(know(pooled + 1), (2, 0, 0, 0, pooled, BYTES, 0), "no context owns a pool's memory");
    assert_eq!(know(managed), (2, 1, 0, 0, managed, BYTES, fake.context));
    assert_eq!(know(address(pinned)), (1, 0, 0, 0, address(pinned), BYTES, fake.context));
    assert_eq!(know(&raw const fake as usize), (0, 0, -2, 0, 0, 0, 0), "nothing is known");
    let mut kind = 0u32;
    let local = &raw const fake as usize;
    assert_eq!(cu!(cuPointerGetAttribute(fakecuda::Out::from(&mut kind).of(), 2, local)), INVALID_VALUE);
}

#[test]
fn pools_keep_what_they_are_told() {
    let _fake = fake("");
    let stream = stream();
    let properties = fakecuda::PoolProperties {
        allocation: 1,
        handles: 0,
        place: 1,
        device: 0,
        security: 0,
        most: 0,
        reserved: [0; 56],
    };
    let (mut pool, mut default) = (0, 0);
    ok!(cuMemPoolCreate((&mut pool).into(), (&properties).into()));
    ok!(cuDeviceGetDefaultMemPool((&mut default).into(), 0));
    assert_ne!(pool, default);
    let mut bytes = u64::MAX;
    ok!(cuMemPoolSetAttribute(pool, 4, fakecuda::Out::from(&mut bytes).of()));
    bytes = 0;
    ok!(cuMemPoolGetAttribute(pool, 4, fakecuda::Out::from(&mut bytes).of()));
    assert_eq!(bytes, u64::MAX);
    ok!(cuMemPoolGetAttribute(default, 4, fakecuda::Out::from(&mut bytes).of()));
    assert_eq!(bytes, 0, "the device's own is left as it was");
    let mut memory = 0;
    ok!(cuMemAllocFromPoolAsync((&mut memory).into(), BYTES, pool, stream));
    ok!(cuMemPoolGetAttribute(pool, 7, fakecuda::Out::from(&mut bytes).of()));
    assert_eq!(bytes, BYTES as u64);
    ok!(cuMemPoolTrimTo(pool, 0));
    assert_eq!(live("pools"), 1);
    ok!(cuMemPoolDestroy(pool));
    assert_eq!(live("pools"), 0);
    assert_eq!(cu!(cuMemAllocFromPoolAsync((&mut memory).into(), BYTES, pool, stream)), INVALID_VALUE);
    assert_eq!(cu!(cuMemPoolDestroy(default)), INVALID_VALUE);
}

#[test]
fn a_device_without_pools_says_so() {
    let _fake = fake("pools=0");
    let mut value = -1;
    ok!(cuDeviceGetAttribute((&mut value).into(), 115, 0));
    assert_eq!(value, 0);
    assert_eq!(cu!(cuMemAllocAsync((&mut 0).into(), 8, 0)), 801);
    assert_eq!(cu!(cuDeviceGetDefaultMemPool((&mut 0).into(), 0)), 801);
}

#[test]
fn releasing_the_primary_context_takes_everything_along() {
    let fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    let _event = event();
    ok!(cuMemsetD8Async(memory, 1, BYTES, stream));
    ok!(cuDevicePrimaryCtxRelease_v2(0));
    for kind in ["allocations", "streams", "events", "contexts"] {
        assert_eq!(live(kind), 0, "{kind}");
    }
    assert_eq!(cu!(cuCtxSynchronize()), 709);
    assert_eq!(primary(0), fake.context, "it comes back under its old name");
    ok!(cuCtxSynchronize());
}
