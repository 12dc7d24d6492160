//! The header says what the library does: every public struct has the same size and offsets for a C compiler as for
//! Rust, every exported function is declared, and nothing but the C API leaks into the header.

use std::fmt::Write;
use std::mem::{align_of, offset_of, size_of};
use std::path::Path;
use std::process::Command;

use ndferry::device::Device;
use ndferry::dtype::DType;
use ndferry::ffi::*;
use ndferry::protocol::cuda_array::CudaArray;
use ndferry::spec::buffer::Buffer;
use ndferry::spec::numpy::ArrayStruct;

const HEADER: &str = include_str!("../include/ndferry.h");

/// One static assertion for the size, the alignment and each offset.
macro_rules! layout {
    ($text:ident, $rust:ty, $c:literal, $($field:ident),+) => {
        let mut check = |expression: String, value: usize| {
            writeln!($text, "_Static_assert({expression} == {value}, \"{expression}\");").unwrap();
        };
        check(format!("sizeof({})", $c), size_of::<$rust>());
        check(format!("_Alignof({})", $c), align_of::<$rust>());
        $(check(format!("offsetof({}, {})", $c, stringify!($field)), offset_of!($rust, $field));)+
    };
}

fn assertions() -> String {
    let mut c = String::from("#include \"ndferry.h\"\n");
    layout!(c, DType, "ndf_dtype", code, bits, lanes, kind, flags, reserved, detail);
    layout!(c, Device, "ndf_device", device_type, device_id);
    layout!(c, ndf_create_options, "ndf_create_options", struct_size, order, device);
    layout!(c, ndf_wrap_options, "ndf_wrap_options", struct_size, flags, device);
    layout!(
        c,
        ndf_convert_options,
        "ndf_convert_options",
        struct_size,
        casting,
        overflow,
        copy,
        order,
        axis,
        device
    );
    layout!(c, ndf_convert_options, "ndf_convert_options", scale_count, scale, bias_count, bias);
    layout!(c, ndf_convert_options, "ndf_convert_options", progress, progress_context);
    layout!(c, ndf_dlpack_options, "ndf_dlpack_options", struct_size, copy);
    layout!(c, ndf_handover_options, "ndf_handover_options", struct_size, copy, allow_writable, max_version);
    layout!(
        c,
        ndf_format_options,
        "ndf_format_options",
        struct_size,
        precision,
        threshold,
        edge_items,
        line_width
    );
    layout!(c, ndf_allocator, "ndf_allocator", struct_size, reserved, context, allocate, deallocate);
    layout!(c, ndf_statistics, "ndf_statistics", struct_size, reserved, live_tensors, live_bytes);
    layout!(c, ndf_statistics, "ndf_statistics", live_handles, open_exports, misuses);
    layout!(
        c,
        ArrayStruct,
        "ndf_array_struct",
        two,
        nd,
        typekind,
        itemsize,
        flags,
        shape,
        strides,
        data,
        descr
    );
    layout!(c, Buffer, "ndf_buffer", buf, obj, len, itemsize, readonly, ndim, format);
    layout!(c, Buffer, "ndf_buffer", shape, strides, suboffsets, internal);
    layout!(c, CudaArray, "ndf_cuda_array", version, ndim, data, dtype, shape, strides, device);
    layout!(c, CudaArray, "ndf_cuda_array", flags, reserved, stream, internal);
    layout!(c, ndf_arrow_options, "ndf_arrow_options", struct_size, copy);
    c
}

/// The C compiler that `cc` finds for this machine.
fn compiler() -> Command {
    let target = concat!(env!("CARGO_PKG_NAME"), "-abi");
    let triple = std::env::var("TARGET").unwrap_or_else(|_| host_triple());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(target);
    let mut build = cc::Build::new();
    build.target(&triple).host(&triple).opt_level(0).out_dir(out).cargo_metadata(false);
    build.get_compiler().to_command()
}

fn host_triple() -> String {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs, for it built this test");
    let text = String::from_utf8(rustc.stdout).expect("it prints text");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("it names its host").to_owned()
}

#[test]
fn every_public_struct_is_the_same_for_c_and_for_rust() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi.c");
    std::fs::write(&source, assertions()).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let output = compiler()
        .args(["-std=c11", "-fsyntax-only", "-I"])
        .arg(include)
        .arg(&source)
        .output()
        .expect("there is a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(assertions().matches("_Static_assert").count() > 60);
}

#[test]
fn every_struct_with_a_body_is_among_the_checked_ones() {
    let checked = assertions();
    let bodies = HEADER.split("typedef struct {").skip(1);
    let names: Vec<&str> = bodies.filter_map(|rest| rest.split_once("\n} ")?.1.split(';').next()).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(checked.contains(&format!("sizeof({name})")), "{name} is not checked");
    }
}

#[test]
fn nothing_but_the_c_api_is_in_the_header() {
    for line in HEADER.lines() {
        if let Some(macro_text) = line.strip_prefix("#define ") {
            assert!(macro_text.starts_with("NDF"), "`{line}` is no name of the C API");
        }
        if let Some(alias) = line.strip_prefix("typedef ").filter(|alias| alias.ends_with(';')) {
            assert!(alias.contains("ndf_"), "`{line}` is no name of the C API");
        }
    }
}

#[test]
fn every_exported_function_is_declared_and_documented() {
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    let mut functions = 0;
    for entry in std::fs::read_dir(ffi).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for rest in source.split("extern \"C\" fn ndf_").skip(1) {
            let name = format!("ndf_{}", rest.split('(').next().unwrap());
            let declaration =
                HEADER.find(&format!("{name}(")).unwrap_or_else(|| panic!("{name} is not declared"));
            let before = HEADER[..declaration].rfind("*/").map(|end| declaration - end);
            assert!(before.is_some_and(|distance| distance < 200), "{name} has no comment right before it");
            functions += 1;
        }
    }
    assert!(functions > 80, "{functions}");
}
