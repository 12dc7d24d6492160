//! Copies and fills in two and three dimensions, against loops.

#[macro_use]
mod common;

use common::*;
use fakecuda::{Copy2D, Copy3D, Side2D, Side3D};

const HOST: u32 = 1;
const DEVICE: u32 = 2;
const UNIFIED: u32 = 4;

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 7 % 251) as u8).collect()
}

#[test]
fn planes_of_rows_go_where_they_belong() {
    let _fake = fake("");
    let stream = stream();
    let host = bytes(20 * 9 * 6);
    let memory = device_memory(17 * 8 * 5);
    ok!(cuMemsetD8Async(memory, 0, 17 * 8 * 5, stream));
    let copy = Copy3D {
        source: Side3D {
            x: 3,
            y: 2,
            z: 1,
            place: HOST,
            host: address(&host),
            pitch: 20,
            height: 9,
            ..Side3D::default()
        },
        target: Side3D {
            x: 4,
            y: 1,
            z: 2,
            place: DEVICE,
            device: memory,
            pitch: 17,
            height: 8,
            ..Side3D::default()
        },
        width: 11,
        height: 6,
        depth: 3,
    };
    ok!(cuMemcpy3DAsync_v2((&copy).into(), stream));
    let mut wanted = vec![0; 17 * 8 * 5];
    for (z, y, x) in (0..3).flat_map(|z| (0..6).flat_map(move |y| (0..11).map(move |x| (z, y, x)))) {
        wanted[4 + x + 17 * (1 + y + 8 * (2 + z))] = host[3 + x + 20 * (2 + y + 9 * (1 + z))];
    }
    assert_eq!(read(memory, wanted.len(), stream), wanted);
}

#[test]
fn rows_are_staged_like_bytes() {
    let _fake = fake("");
    let stream = stream();
    let mut host = bytes(100);
    let memory = device_memory(60);
    let copy = Copy2D {
        source: Side2D { place: HOST, host: address(&host), pitch: 10, ..Side2D::default() },
        target: Side2D { place: UNIFIED, device: memory, pitch: 6, ..Side2D::default() },
        width: 6,
        height: 10,
    };
    ok!(cuMemcpy2DAsync_v2((&copy).into(), stream));
    assert_eq!(fakecuda::fakecuda_pending(), 1);
    let before = host.clone();
    host.fill(0);
    let wanted: Vec<u8> = before.chunks(10).flat_map(|row| row[..6].to_vec()).collect();
    assert_eq!(read(memory, 60, stream), wanted);
}

#[test]
fn rows_that_do_not_fit_their_pitch_are_refused() {
    let _fake = fake("");
    let host = bytes(100);
    let memory = device_memory(100);
    let copy = |x: usize, pitch: usize, width: usize, place: u32| Copy2D {
        source: Side2D { x, place, host: address(&host), device: address(&host), pitch, ..Side2D::default() },
        target: Side2D { place: DEVICE, device: memory, pitch: 20, ..Side2D::default() },
        width,
        height: 2,
    };
    ok!(cuMemcpy2D_v2((&copy(2, 10, 8, HOST)).into()));
    assert_eq!(cu!(cuMemcpy2D_v2((&copy(3, 10, 8, HOST)).into())), INVALID_VALUE);
    assert_eq!(cu!(cuMemcpy2D_v2((&copy(0, 1 << 31, 8, HOST)).into())), INVALID_VALUE);
    assert_eq!(cu!(cuMemcpy2D_v2((&copy(0, 30, 21, HOST)).into())), INVALID_VALUE, "the target's pitch");
    assert_eq!(cu!(cuMemcpy2D_v2((&copy(0, 10, 8, 3)).into())), INVALID_VALUE, "arrays");
    assert_eq!(cu!(cuMemcpy2D_v2((&copy(0, 10, 8, 77)).into())), INVALID_VALUE);
    assert_eq!(cu!(cuMemcpy2D_v2(fakecuda::In::NULL)), INVALID_VALUE);
    ok!(cuMemcpy2D_v2((&copy(0, 10, 0, HOST)).into()));
}

#[test]
fn copies_past_the_end_are_refused_before_they_run() {
    let _fake = fake("");
    let memory = device_memory(100);
    let host = bytes(200);
    assert_eq!(cu!(cuMemcpyHtoDAsync_v2(memory, address(&host), 101, 0)), INVALID_VALUE);
    assert_eq!(cu!(cuMemcpyAsync(memory + 50, address(&host), 51, 0)), INVALID_VALUE);
    assert_eq!(cu!(cuMemcpyDtoD_v2(memory, address(&host), 1)), INVALID_VALUE, "not a device's");
    assert_eq!(cu!(cuMemsetD8Async(memory, 1, 101, 0)), INVALID_VALUE);
    assert_eq!(cu!(cuMemsetD32Async(memory + 2, 1, 1, 0)), INVALID_VALUE, "misaligned");
    assert_eq!(cu!(cuMemsetD2D8Async(memory, 30, 1, 40, 2, 0)), INVALID_VALUE, "rows overlap");
    assert_eq!(fakecuda::fakecuda_pending(), 0);
    ok!(cuMemcpyHtoDAsync_v2(memory, address(&host), 100, 0));
    ok!(cuMemcpyAsync(memory, memory + 50, 0, 0));
}

#[test]
fn fills_repeat_their_value() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(64);
    ok!(cuMemsetD8Async(memory, 0, 64, stream));
    ok!(cuMemsetD16Async(memory + 2, 0x1234, 3, stream));
    ok!(cuMemsetD2D32Async(memory + 16, 12, 0xAABB_CCDD, 2, 3, stream));
    let mut wanted = [0u8; 64];
    for index in 0..3 {
        wanted[2 + 2 * index..][..2].copy_from_slice(&0x1234u16.to_ne_bytes());
        for column in 0..2 {
            wanted[16 + 12 * index + 4 * column..][..4].copy_from_slice(&0xAABB_CCDDu32.to_ne_bytes());
        }
    }
    assert_eq!(read(memory, 64, stream), wanted);
}
