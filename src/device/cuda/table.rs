//! The driver's entry points, each listed once.
//!
//! Types are cudarc's, and so is the proof that a signature is right: it is compared with cudarc's own when this is
//! compiled. What differs is the result, an integer here, because a newer driver may give a code that an enum lacks.

#![allow(non_snake_case)] // the names are the driver's

use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_ulonglong, c_ushort, c_void};

use cudarc::driver::sys;
use cudarc::driver::sys::*;

use super::failure::Failure;
use super::library::Library;
use crate::error::{Error, Kind, Result};

/// One method an entry point, which calls it and gives what it answers, if that is not success.
macro_rules! entry_points {
    (
        required { $($need:ident($($a:ident: $A:ty),*);)* }
        newer { $($may:ident($($b:ident: $B:ty),*);)* }
    ) => {
        /// The driver's functions.
        pub struct Table {
            $($need: unsafe extern "C" fn($($A),*) -> c_int,)*
            $($may: Option<unsafe extern "C" fn($($B),*) -> c_int>,)*
        }

        impl Table {
            /// Looks all of them up; says which one is missing.
            pub fn find(library: &Library) -> Result<Self> {
                // SAFETY: the driver's functions have these types: cudarc has them from the driver's header.
                unsafe {
                    Ok(Self {
                        $($need: std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($A),*) -> c_int>(
                            require(library, name(concat!(stringify!($need), "\0")))?,
                        ),)*
                        $($may: library.find(name(concat!(stringify!($may), "\0"))).map(|found| {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($B),*) -> c_int>(found.as_ptr())
                        }),)*
                    })
                }
            }
        }

        /// Every one is called as the driver's manual says.
        #[allow(clippy::missing_safety_doc, clippy::too_many_arguments, missing_docs)]
        impl Table {
            $(pub unsafe fn $need(&self, $($a: $A),*) -> std::result::Result<(), Failure> {
                // SAFETY: the caller's promise.
                Failure::check(stringify!($need), unsafe { (self.$need)($($a),*) })
            })*
            $(pub unsafe fn $may(&self, $($b: $B),*) -> std::result::Result<(), Failure> {
                let Some(function) = self.$may else { return Err(Failure::missing(stringify!($may))) };
                // SAFETY: the caller's promise.
                Failure::check(stringify!($may), unsafe { function($($b),*) })
            })*
        }
    };
}

/// Fails to compile where a signature is not cudarc's.
macro_rules! as_in_cudarc {
    ($($name:ident($($A:ty),*);)*) => {
        const _: () = {
            $(let _: unsafe fn($($A),*) -> CUresult = sys::$name;)*
        };
    };
}

/// Hands one list to both.
macro_rules! entry_points_of_cudarc {
    (
        required { $($need:ident($($a:ident: $A:ty),*);)* }
        newer { $($may:ident($($b:ident: $B:ty),*);)* }
        not_in_cudarc { $($extra:ident($($c:ident: $C:ty),*);)* }
    ) => {
        as_in_cudarc! { $($need($($A),*);)* $($may($($B),*);)* }
        entry_points! {
            required { $($need($($a: $A),*);)* }
            newer { $($may($($b: $B),*);)* $($extra($($c: $C),*);)* }
        }
    };
}

entry_points_of_cudarc! {
    // What drivers for CUDA 12.0 have; older ones do not take the kernels' PTX.
    required {
        cuInit(flags: c_uint);
        cuDriverGetVersion(version: *mut c_int);
        cuDeviceGet(device: *mut CUdevice, ordinal: c_int);
        cuDeviceGetCount(count: *mut c_int);
        cuDeviceGetName(name: *mut c_char, room: c_int, device: CUdevice);
        cuDeviceGetAttribute(value: *mut c_int, attribute: CUdevice_attribute, device: CUdevice);
        cuDeviceCanAccessPeer(can: *mut c_int, device: CUdevice, peer: CUdevice);
        cuDevicePrimaryCtxRetain(context: *mut CUcontext, device: CUdevice);
        cuCtxPushCurrent_v2(context: CUcontext);
        cuCtxPopCurrent_v2(context: *mut CUcontext);
        cuCtxGetCurrent(context: *mut CUcontext);
        cuCtxGetDevice(device: *mut CUdevice);
        cuCtxSynchronize();
        cuMemGetInfo_v2(free: *mut usize, total: *mut usize);
        cuMemAlloc_v2(address: *mut CUdeviceptr, bytes: usize);
        cuMemFree_v2(address: CUdeviceptr);
        cuMemHostAlloc(address: *mut *mut c_void, bytes: usize, flags: c_uint);
        cuMemFreeHost(address: *mut c_void);
        cuMemAllocManaged(address: *mut CUdeviceptr, bytes: usize, flags: c_uint);
        cuMemPoolCreate(pool: *mut CUmemoryPool, properties: *const CUmemPoolProps);
        cuMemPoolDestroy(pool: CUmemoryPool);
        cuMemPoolSetAttribute(pool: CUmemoryPool, attribute: CUmemPool_attribute, value: *mut c_void);
        cuMemPoolSetAccess(pool: CUmemoryPool, access: *const CUmemAccessDesc, count: usize);
        cuMemAllocFromPoolAsync(address: *mut CUdeviceptr, bytes: usize, pool: CUmemoryPool, stream: CUstream);
        cuMemFreeAsync(address: CUdeviceptr, stream: CUstream);
        cuMemcpyAsync(target: CUdeviceptr, source: CUdeviceptr, bytes: usize, stream: CUstream);
        cuMemcpyDtoHAsync_v2(target: *mut c_void, source: CUdeviceptr, bytes: usize, stream: CUstream);
        cuMemcpy3DAsync_v2(copy: *const CUDA_MEMCPY3D, stream: CUstream);
        cuMemsetD8Async(address: CUdeviceptr, value: c_uchar, count: usize, stream: CUstream);
        cuMemsetD16Async(address: CUdeviceptr, value: c_ushort, count: usize, stream: CUstream);
        cuMemsetD32Async(address: CUdeviceptr, value: c_uint, count: usize, stream: CUstream);
        cuMemsetD2D8Async(address: CUdeviceptr, pitch: usize, value: c_uchar, width: usize, height: usize, stream: CUstream);
        cuMemsetD2D16Async(address: CUdeviceptr, pitch: usize, value: c_ushort, width: usize, height: usize, stream: CUstream);
        cuMemsetD2D32Async(address: CUdeviceptr, pitch: usize, value: c_uint, width: usize, height: usize, stream: CUstream);
        cuStreamCreate(stream: *mut CUstream, flags: c_uint);
        cuStreamSynchronize(stream: CUstream);
        cuStreamWaitEvent(stream: CUstream, event: CUevent, flags: c_uint);
        cuStreamIsCapturing(stream: CUstream, status: *mut CUstreamCaptureStatus);
        cuEventCreate(event: *mut CUevent, flags: c_uint);
        cuEventRecord(event: CUevent, stream: CUstream);
        cuEventQuery(event: CUevent);
        cuEventSynchronize(event: CUevent);
        cuEventDestroy_v2(event: CUevent);
        cuPointerGetAttributes(count: c_uint, attributes: *mut CUpointer_attribute, values: *mut *mut c_void, address: CUdeviceptr);
        cuModuleLoadData(module: *mut CUmodule, image: *const c_void);
        cuModuleUnload(module: CUmodule);
        cuModuleGetFunction(function: *mut CUfunction, module: CUmodule, name: *const c_char);
        cuLaunchKernel(
            function: CUfunction,
            grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
            block_x: c_uint, block_y: c_uint, block_z: c_uint,
            shared_bytes: c_uint, stream: CUstream, params: *mut *mut c_void, extra: *mut *mut c_void
        );
    }
    // What is done without where it is missing.
    newer {
        cuStreamGetId(stream: CUstream, id: *mut c_ulonglong);
        cuCtxGetId(context: CUcontext, id: *mut c_ulonglong);
        cuThreadExchangeStreamCaptureMode(mode: *mut CUstreamCaptureMode);
    }
    // CUDA 12.5, and one whose parameter may be a code that cudarc's enum lacks.
    not_in_cudarc {
        cuCtxRecordEvent(context: CUcontext, event: CUevent);
        cuGetErrorName(code: c_int, name: *mut *const c_char);
    }
}

const fn name(with_end: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(with_end.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("names end with NUL"),
    }
}

fn require(library: &Library, name: &CStr) -> Result<*mut c_void> {
    library.find(name).map(|found| found.as_ptr()).ok_or_else(|| {
        let name = name.to_string_lossy();
        let message = format!("the CUDA driver is too old: it has no {name}, which CUDA 12.0 has");
        Error::new(Kind::DeviceUnavailable, message)
    })
}
