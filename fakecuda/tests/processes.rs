//! Memory and events between processes. The other process is this program again, told by a variable what to open.

#[macro_use]
mod common;

use std::{env, process::Command};

use common::*;
use fakecuda::Handle;

const VARIABLE: &str = "TEST_HANDLES";
const BYTES: usize = 10_000;

fn to_text(handle: Handle) -> String {
    handle.words.map(|word| word.to_string()).join(",")
}

fn to_handle(text: &str) -> Handle {
    let words: Vec<u64> = text.split(',').map(|word| word.parse().expect("a number")).collect();
    Handle { words: words.try_into().expect("eight") }
}

fn memory_handle(address: usize) -> (i32, Handle) {
    let mut handle = Handle { words: [0; 8] };
    (cu!(cuIpcGetMemHandle((&mut handle).into(), address)), handle)
}

/// Runs one test of this program in another process.
fn elsewhere(test: &str, handles: &[Handle]) {
    let handles: Vec<String> = handles.iter().map(|handle| to_text(*handle)).collect();
    let program = env::current_exe().expect("this program");
    let mut command = Command::new(program);
    let status = command.args(["--exact", test, "--ignored"]).env(VARIABLE, handles.join(";")).status();
    assert!(status.expect("it starts").success());
}

fn handles() -> Vec<Handle> {
    env::var(VARIABLE).expect("set by the other process").split(';').map(to_handle).collect()
}

#[test]
fn another_process_sees_the_memory_and_what_it_writes_is_seen() {
    let _fake = fake("");
    let stream = stream();
    let memory = device_memory(BYTES);
    ok!(cuMemsetD8Async(memory, 42, BYTES, stream));
    let mut event = 0;
    ok!(cuEventCreate((&mut event).into(), 6));
    ok!(cuEventRecord(event, stream));
    let mut signal = Handle { words: [0; 8] };
    ok!(cuIpcGetEventHandle((&mut signal).into(), event));
    let (code, handle) = memory_handle(memory + 100);
    assert_eq!(code, 0);
    elsewhere("opens_what_it_is_told", &[handle, signal]);
    let seen = read(memory, BYTES, stream);
    assert_eq!((seen[0], seen[BYTES - 1]), (7, 42));
    ok!(cuMemFree_v2(memory));
}

#[test]
#[ignore = "run by another test in another process"]
fn opens_what_it_is_told() {
    let _fake = fake("");
    let [memory, signal] = handles()[..] else { panic!("two handles") };
    let (mut address, mut again, mut event) = (0, 0, 0);
    ok!(cuIpcOpenEventHandle((&mut event).into(), signal));
    ok!(cuStreamWaitEvent(0, event, 0));
    ok!(cuEventQuery(event));
    ok!(cuIpcOpenMemHandle_v2((&mut address).into(), memory, 1));
    ok!(cuIpcOpenMemHandle_v2((&mut again).into(), memory, 1));
    assert_eq!(address, again);
    assert_eq!(read(address, BYTES, 0), vec![42; BYTES]);
    ok!(cuMemsetD8Async(address, 7, 1, 0));
    ok!(cuStreamSynchronize(0));
    assert_eq!(memory_handle(address).0, INVALID_VALUE, "what is imported is not exported");
    assert_eq!(cu!(cuMemFree_v2(address)), INVALID_VALUE);
    ok!(cuIpcCloseMemHandle(address));
    ok!(cuMemcpyDtoD_v2(address + 1, address + 2, 1));
    ok!(cuIpcCloseMemHandle(address));
    assert_eq!(cu!(cuIpcCloseMemHandle(address)), INVALID_VALUE);
    assert_eq!(live("imports"), 0);
}

#[test]
fn the_exporting_process_cannot_open_its_own_memory() {
    let _fake = fake("");
    let (code, handle) = memory_handle(device_memory(BYTES));
    assert_eq!(code, 0);
    assert_eq!(cu!(cuIpcOpenMemHandle_v2((&mut 0).into(), handle, 1)), INVALID_CONTEXT);
}

#[test]
fn only_plain_device_memory_is_exported() {
    let _fake = fake("");
    let mut managed = 0;
    ok!(cuMemAllocManaged((&mut managed).into(), 8, 1));
    let pinned = address(pinned(8));
    for memory in [pool_memory(8, 0), managed, pinned, 0x1000] {
        assert_eq!(memory_handle(memory).0, INVALID_VALUE);
    }
    let mut handle = Handle { words: [0; 8] };
    assert_eq!(cu!(cuIpcGetEventHandle((&mut handle).into(), event())), INVALID_HANDLE);
    assert_eq!(cu!(cuIpcOpenMemHandle_v2((&mut 0).into(), handle, 1)), INVALID_VALUE);
}

#[test]
fn exporting_keeps_what_is_in_the_memory() {
    let _fake = fake("");
    let memory = device_memory(BYTES);
    write(memory, &[3; BYTES], 0);
    ok!(cuStreamSynchronize(0));
    let (first, second) = (memory_handle(memory), memory_handle(memory + BYTES - 1));
    assert_eq!((first.0, first.1), (0, second.1));
    assert_eq!(read(memory, BYTES, 0), vec![3; BYTES]);
}
