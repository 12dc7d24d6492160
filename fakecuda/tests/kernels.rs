//! Modules and launches: what loads, what runs, what is found out.

#[macro_use]
mod common;

use std::ffi::{CStr, CString};

use common::*;
use fakecuda::{In, LaunchConfig, Out, fakecuda_count, fakecuda_last_fault};

/// `target[i] = source[i] + add` for `i < count`, by threads of one block or more.
fn text(version: &str, target: &str) -> CString {
    let text = format!(
        "//
.version {version}
.target {target}
.address_size 64

\t// .globl\tadd
.visible .entry add(
\t.param .u64 add_param_0,
\t.param .u64 add_param_1,
\t.param .u32 add_param_2,
\t.param .u32 add_param_3
)
.maxntid 64, 1, 1
{{
\t.reg .pred \t%p<2>;
\t.reg .b32 \t%r<9>;
\t.reg .b64 \t%rd<8>;

\tld.param.u64 \t%rd1, [add_param_0];
\tld.param.u64 \t%rd2, [add_param_1];
\tld.param.u32 \t%r1, [add_param_2];
\tld.param.u32 \t%r2, [add_param_3];
\tmov.u32 \t%r3, %ctaid.x;
\tmov.u32 \t%r4, %ntid.x;
\tmov.u32 \t%r5, %tid.x;
\tmad.lo.s32 \t%r6, %r3, %r4, %r5;
\tsetp.ge.u32 \t%p1, %r6, %r1;
\t@%p1 bra \t$L__BB0_2;

\tcvta.to.global.u64 \t%rd3, %rd1;
\tcvta.to.global.u64 \t%rd4, %rd2;
\tmul.wide.u32 \t%rd5, %r6, 4;
\tadd.s64 \t%rd6, %rd4, %rd5;
\tld.global.u32 \t%r7, [%rd6];
\tadd.s32 \t%r8, %r7, %r2;
\tadd.s64 \t%rd7, %rd3, %rd5;
\tst.global.u32 \t[%rd7], %r8;

$L__BB0_2:
\tret;

}}
"
    );
    CString::new(text).expect("no NUL")
}

fn load(text: &CStr) -> (i32, usize) {
    let mut module = 0;
    (cu!(cuModuleLoadData((&mut module).into(), text.into())), module)
}

fn kernel() -> usize {
    let (code, module) = load(&text("8.0", "sm_75"));
    assert_eq!(code, 0);
    let (mut function, mut again) = (0, 0);
    ok!(cuModuleGetFunction((&mut function).into(), module, c"add".into()));
    ok!(cuModuleGetFunction((&mut again).into(), module, c"add".into()));
    assert_eq!(function, again);
    function
}

fn launch(
    function: usize,
    blocks: u32,
    threads: u32,
    arguments: (usize, usize, u32, u32),
    stream: usize,
) -> i32 {
    let (target, source, count, add) = arguments;
    let pointers = [
        &raw const target as usize,
        &raw const source as usize,
        &raw const count as usize,
        &raw const add as usize,
    ];
    let parameters = In::at_address(pointers.as_ptr() as usize);
    cu!(cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, In::NULL))
}

fn numbers(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_ne_bytes).collect()
}

#[test]
fn a_kernel_runs_in_its_streams_order() {
    let _fake = fake("");
    let function = kernel();
    let (stream, other) = (stream(), stream());
    let memory = device_memory(400);
    write(memory, &numbers(100), stream);
    assert_eq!(launch(function, 2, 64, (memory, memory, 100, 1000), stream), 0);
    assert_eq!(read(memory, 400, other), [0xCD; 400], "late");
    let wanted: Vec<u8> = (1000..1100u32).flat_map(u32::to_ne_bytes).collect();
    assert_eq!(read(memory, 400, stream), wanted);
    assert_eq!(fakecuda_count(c"launches".into()), 1);
    assert!(fakecuda_count(c"instructions".into()) > 128 * 10);
    assert_eq!(fakecuda_count(c"global".into()), 200);
}

#[test]
fn parameters_may_come_packed() {
    let _fake = fake("");
    let function = kernel();
    let memory = device_memory(4);
    write(memory, &numbers(1), 0);
    let mut packed = [0u8; 24];
    packed[..8].copy_from_slice(&memory.to_ne_bytes());
    packed[8..16].copy_from_slice(&memory.to_ne_bytes());
    packed[16..20].copy_from_slice(&1u32.to_ne_bytes());
    packed[20..].copy_from_slice(&5u32.to_ne_bytes());
    let size = 24usize;
    let extra = [1, packed.as_ptr() as usize, 2, &raw const size as usize, 0];
    let extra = In::from(&extra[..]);
    ok!(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, In::NULL, extra));
    let config = LaunchConfig { grid: [1; 3], block: [1; 3], shared: 0, stream: 0, attributes: 0, count: 0 };
    ok!(cuLaunchKernelEx((&config).into(), function, In::NULL, extra));
    assert_eq!(read(memory, 4, 0), 10u32.to_ne_bytes());
    let short = [1, packed.as_ptr() as usize, 0];
    let short = In::from(&short[..]);
    assert_eq!(cu!(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, In::NULL, short)), INVALID_VALUE);
}

#[test]
fn an_access_out_of_bounds_breaks_the_context_and_says_where() {
    let _fake = fake("");
    let function = kernel();
    let memory = device_memory(400);
    assert_eq!(launch(function, 2, 64, (memory, memory, 101, 1), 0), 0);
    assert_eq!(cu!(cuCtxSynchronize()), ILLEGAL_ADDRESS);
    let mut text = [0 as libc::c_char; 200];
    let length = fakecuda_last_fault((&mut text[0]).into(), text.len());
    let text: Vec<u8> = text[..length].iter().map(|byte| *byte as u8).collect();
    let text = String::from_utf8(text).expect("plain text");
    assert!(text.contains("add") && text.contains("line"), "{text}");
}

#[test]
fn kernels_touch_no_pageable_memory_and_none_that_is_dead() {
    let _fake = fake("");
    let function = kernel();
    let host = vec![0u8; 400];
    let freed = device_memory(400);
    ok!(cuMemFree_v2(freed));
    for target in [address(&host), freed] {
        let memory = device_memory(400);
        assert_eq!(launch(function, 1, 64, (target, memory, 64, 1), 0), 0);
        assert_eq!(cu!(cuCtxSynchronize()), ILLEGAL_ADDRESS);
        assert_eq!(faults(""), 0);
    }
    let pinned = pinned(400);
    pinned.fill(0);
    assert_eq!(launch(function, 1, 64, (address(pinned), address(pinned), 64, 1), 0), 0);
    ok!(cuCtxSynchronize());
    assert_eq!(pinned[..4], 1u32.to_ne_bytes());
}

#[test]
fn launches_that_cannot_be_are_refused() {
    let _fake = fake("devices=2");
    let function = kernel();
    let memory = device_memory(400);
    let arguments = (memory, memory, 0, 0);
    for (blocks, threads, code) in [(0, 1, 1), (1, 0, 1), (1, 1025, 1), (1, 65, 701), (1 << 31, 1, 1)] {
        assert_eq!(launch(function, blocks, threads, arguments, 0), code, "{blocks} blocks of {threads}");
    }
    let parameters = In::NULL;
    let no_array = cu!(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, parameters, In::NULL));
    assert_eq!(no_array, INVALID_VALUE);
    let shared = cu!(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 48 * 1024 + 1, 0, parameters, In::NULL));
    assert_eq!(shared, INVALID_VALUE);
    assert_eq!(launch(77, 1, 1, arguments, 0), INVALID_HANDLE);
    let other = primary(1);
    ok!(cuCtxPushCurrent_v2(other));
    assert_eq!(launch(function, 1, 1, arguments, 0), INVALID_HANDLE, "another device's stream");
    let mut most = 0;
    ok!(cuFuncGetAttribute((&mut most).into(), 0, function));
    assert_eq!(most, 64);
}

#[test]
fn only_text_that_this_driver_and_device_take_is_loaded() {
    let fake = fake("driver=12000;cc=75");
    assert_eq!(load(&text("8.0", "sm_75")).0, 0);
    assert_eq!(load(&text("8.1", "sm_75")).0, 222);
    assert_eq!(load(&text("8.0", "sm_80")).0, 209);
    assert_eq!(load(c"garbage").0, 218);
    assert_eq!(load(c"").0, 218);
    assert_eq!(load(c"\x7fELF\x02\x01").0, 209);
    assert_eq!(cu!(cuModuleLoadData((&mut 0).into(), fakecuda::Text::NULL)), INVALID_VALUE);
    drop(fake);
    for (driver, version, code) in
        [(12040, "8.4", 0), (12090, "8.8", 0), (12090, "9.0", 222), (13000, "9.0", 0)]
    {
        let _fake = common::fake(&format!("driver={driver}"));
        assert_eq!(load(&text(version, "sm_90")).0, code, "{version} on {driver}");
    }
}

#[test]
fn functions_are_found_by_name_and_go_with_their_module() {
    let _fake = fake("");
    let (_, module) = load(&text("8.0", "sm_75"));
    let mut function = 0;
    assert_eq!(cu!(cuModuleGetFunction((&mut function).into(), module, c"ad".into())), 500);
    assert_eq!(cu!(cuModuleGetFunction((&mut function).into(), 77, c"add".into())), INVALID_HANDLE);
    ok!(cuModuleGetFunction((&mut function).into(), module, c"add".into()));
    assert_eq!(live("modules"), 1);
    ok!(cuModuleUnload(module));
    assert_eq!(live("modules"), 0);
    assert_eq!(cu!(cuModuleUnload(module)), INVALID_HANDLE);
    assert_eq!(launch(function, 1, 1, (0, 0, 0, 0), 0), INVALID_HANDLE);
}

#[test]
fn a_librarys_kernels_run_on_every_device() {
    let _fake = fake("devices=2");
    let other = primary(1);
    let (mut library, mut kernel, mut function) = (0, 0, 0);
    let text = text("8.0", "sm_75");
    let (out, none) = ((&mut library).into(), In::NULL);
    ok!(cuLibraryLoadData(out, text.as_c_str().into(), none, In::NULL, 0, none, In::NULL, 0));
    ok!(cuLibraryGetKernel((&mut kernel).into(), library, c"add".into()));
    ok!(cuKernelGetFunction((&mut function).into(), kernel));
    for context in [primary(0), other] {
        ok!(cuCtxPushCurrent_v2(context));
        let memory = device_memory(4);
        write(memory, &numbers(1), 0);
        for handle in [kernel, function] {
            assert_eq!(launch(handle, 1, 1, (memory, memory, 1, 1), 0), 0);
        }
        assert_eq!(read(memory, 4, 0), 2u32.to_ne_bytes());
    }
    let (mut offset, mut bytes) = (0, 0);
    ok!(cuKernelGetParamInfo(kernel, 3, (&mut offset).into(), (&mut bytes).into()));
    assert_eq!((offset, bytes), (20, 4));
    assert_eq!(
        cu!(cuKernelGetParamInfo(kernel, 4, (&mut offset).into(), (&mut bytes).into())),
        INVALID_VALUE
    );
    ok!(cuLibraryUnload(library));
    assert_eq!(launch(kernel, 1, 1, (0, 0, 0, 0), 0), INVALID_HANDLE);
}

#[test]
fn why_a_text_does_not_load_is_logged_where_the_caller_wants_it() {
    let _fake = fake("");
    let mut log = [1 as libc::c_char; 100];
    let options = [5u32, 6];
    let values = [log.as_mut_ptr() as usize, log.len()];
    let mut module = 0;
    let out = Out::from(&mut module);
    let code = cu!(cuModuleLoadDataEx(out, c"garbage".into(), 2, options[..].into(), values[..].into()));
    assert_eq!(code, 218);
    // SAFETY: the fake has put a NUL into it.
    let log = unsafe { CStr::from_ptr(log.as_ptr()) }.to_string_lossy();
    assert!(log.contains("218"), "{log}");
}
