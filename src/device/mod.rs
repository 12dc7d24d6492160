//! Devices, named as DLPack names them, and host memory.

pub mod cpu;
pub mod cuda;
mod system;

use crate::error::{Error, Result, bail};

/// A place where memory lies. Same layout as DLPack's `DLDevice`; unknown types are carried untouched.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// `NDF_DEVICE_*`, DLPack's `DLDeviceType`.
    pub device_type: i32,
    /// Which one of that type; 0 for host memory.
    pub device_id: i32,
}

/// cbindgen:ignore
impl Device {
    /// Host memory.
    pub const CPU: Self = Self { device_type: 1, device_id: 0 };

    /// Whether the host can read and write the memory directly: plain, pinned (CUDA, ROCm) and managed memory.
    pub const fn is_host_accessible(self) -> bool {
        matches!(self.device_type, 1 | 3 | 11 | 13)
    }

    /// Whether `data` is an address that may be moved by pointer arithmetic, rather than an opaque handle
    /// (OpenCL, Vulkan, Metal, WebGPU …), whose offset must stay in DLPack's `byte_offset`.
    pub const fn has_addresses(self) -> bool {
        matches!(self.device_type, 1 | 2 | 3 | 10 | 11 | 13)
    }

    /// DLPack's name of the device type, `"cpu"` or `"cuda"`; `"unknown"` for codes newer than this library.
    pub const fn type_name(self) -> &'static str {
        match self.device_type {
            1 => "cpu",
            2 => "cuda",
            3 => "cuda_host",
            4 => "opencl",
            7 => "vulkan",
            8 => "metal",
            9 => "vpi",
            10 => "rocm",
            11 => "rocm_host",
            12 => "ext_dev",
            13 => "cuda_managed",
            14 => "oneapi",
            15 => "webgpu",
            16 => "hexagon",
            17 => "maia",
            18 => "trn",
            _ => "unknown",
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.type_name() {
            "cpu" if self.device_id == 0 => f.write_str("cpu"),
            "unknown" => write!(f, "device({}):{}", self.device_type, self.device_id),
            name => write!(f, "{name}:{}", self.device_id),
        }
    }
}

/// How many devices of a type this library can make memory on; 0 where that cannot be told.
pub fn count(device_type: i32) -> i32 {
    try_count(device_type).unwrap_or(0)
}

/// Of pinned and managed memory, which belong to no device, there is one where CUDA has any.
fn try_count(device_type: i32) -> Result<i32> {
    match device_type {
        1 => Ok(1),
        2 => cuda::count(),
        3 | 13 => Ok(cuda::count()?.min(1)),
        _ => Ok(0),
    }
}

/// cbindgen:ignore
impl Device {
    /// Fails unless memory can be made there.
    #[cold]
    pub fn require(self) -> Result<()> {
        let Self { device_type, device_id } = self;
        let count = try_count(device_type)
            .map_err(|error| Error::new(error.kind(), format!("`device` is {self}: {}", error.message())))?;
        if !(0..count).contains(&device_id) {
            bail!(
                DeviceUnavailable,
                "`device` is {self}: memory can be made on {count} of that type, counted from 0"
            );
        }
        Ok(())
    }

    /// What is at an address.
    pub fn of_address(address: usize) -> Result<Self> {
        Ok(cuda::pointer(address as u64)?.map_or(Self::CPU, |known| known.device))
    }

    /// The context of a CUDA device.
    fn cuda(self, what: &str) -> Result<&'static cuda::Context> {
        if self.device_type != 2 {
            bail!(Unsupported, "{what} is asked of CUDA devices, this is {self}");
        }
        cuda::context(self.device_id)
    }

    /// What the maker of a CUDA device calls it.
    pub fn description(self) -> Result<String> {
        self.cuda("a description")?.description()
    }

    /// Free and all bytes of a CUDA device.
    pub fn memory_info(self) -> Result<(usize, usize)> {
        self.cuda("how much memory there is")?.enter()?.memory_info()
    }

    /// Whether a CUDA device reaches the memory of another one. Not of a device that is not there.
    pub fn can_access(self, peer: Self) -> Result<bool> {
        self.cuda("access to a peer")?.can_access(peer.cuda("access to a peer")?)
    }

    /// Waits for all work of the device; of none where there is nothing to wait for.
    pub fn synchronize(self) -> Result<()> {
        if self.device_type != 2 {
            return Ok(());
        }
        let entered = cuda::context(self.device_id)?.enter()?;
        entered.synchronize_all()?;
        entered.sweep();
        Ok(())
    }

    /// Waits for all work on a stream of a CUDA device.
    pub fn synchronize_stream(self, stream: cuda::Stream) -> Result<()> {
        self.cuda("work on a stream")?.enter()?.synchronize(stream)
    }
}
