//! Devices: how many, what they can.

use libc::{c_char, c_int, size_t};

use super::init::device;
use crate::{arguments::Out, codes::INVALID_VALUE, config::Config, entry::entry_points};

entry_points! {
    2000 Init fn cuDeviceGetCount(out_count: Out<c_int>) |state| { out_count.give(state.config.devices as c_int) }
    2000 Init fn cuDeviceGet(out_device: Out<c_int>, ordinal: c_int) |state| {
        out_device.give(device(&state, ordinal)? as c_int)
    }
    2000 Init fn cuDeviceGetName(out_name: Out<c_char>, capacity: c_int, number: c_int) |state| {
        let name = format!("Fake GPU {}", device(&state, number)?);
        out_name.text(capacity as usize, &name)
    }
    9020 Init fn cuDeviceGetUuid(out_uuid: Out<[u8; 16]>, number: c_int) |state| {
        out_uuid.give([0xF0 + device(&state, number)? as u8; 16])
    }
    11040 Init fn cuDeviceGetUuid_v2(out_uuid: Out<[u8; 16]>, number: c_int) |state| {
        out_uuid.give([0xF0 + device(&state, number)? as u8; 16])
    }
    4010 Init fn cuDeviceGetPCIBusId(out_name: Out<c_char>, capacity: c_int, number: c_int) |state| {
        let name = format!("0000:{:02x}:00.0", device(&state, number)? + 1);
        out_name.text(capacity as usize, &name)
    }
    3020 Init fn cuDeviceTotalMem_v2(out_bytes: Out<size_t>, number: c_int) |state| {
        device(&state, number)?;
        out_bytes.give(state.config.memory)
    }
    2000 Init fn cuDeviceGetAttribute(out_value: Out<c_int>, attribute: c_int, number: c_int) |state| {
        let device = device(&state, number)?;
        out_value.give(value(&state.config, attribute, device).ok_or(INVALID_VALUE)?)
    }
    2000 Init fn cuDeviceComputeCapability(out_major: Out<c_int>, out_minor: Out<c_int>, number: c_int) |state| {
        device(&state, number)?;
        out_major.give(state.config.capability / 10)?;
        out_minor.give(state.config.capability % 10)
    }
}

/// `CU_DEVICE_ATTRIBUTE_*` of a large server GPU.
fn value(config: &Config, attribute: c_int, device: usize) -> Option<c_int> {
    Some(match attribute {
        1..=3 => 1024,    // threads a block, and in x and y
        4 => 64,          // threads in z
        5 => c_int::MAX,  // blocks in x
        6 | 7 => 65535,   // blocks in y and z
        8 => 48 << 10,    // shared memory of a block
        9 => 64 << 10,    // constant memory
        10 => 32,         // threads of a warp
        11 => c_int::MAX, // pitch of a copy
        12 | 82 => 65536, // registers of a block, of a multiprocessor
        13 => 1_980_000,  // clock in kHz
        14 | 30 => 512,   // alignment of textures and surfaces
        16 => config.multiprocessors,
        15 | 19 | 31 | 32 => 1, // overlap, mapped host memory, concurrent kernels, ECC
        33 => device as c_int + 1, // PCI bus
        36 => 3_201_000,        // memory clock in kHz
        37 => 6144,             // bits of the memory bus
        38 => 60 << 20,         // second-level cache
        39 => 2048,             // threads of a multiprocessor
        40 => 3,                // copy engines
        41 | 78 | 79 | 80 | 83 => 1, // unified addressing, priorities, first-level caches, managed memory
        75 => config.capability / 10, // compute capability
        76 => config.capability % 10,
        81 => 228 << 10,             // shared memory of a multiprocessor
        87 => 2,                     // how much slower float64 is
        89 | 90 | 91 | 95 | 99 => 1, // concurrent managed access, preemption, host pointers, cooperation, registering
        97 => 227 << 10,             // shared memory of a block that asks for it
        106 => 32,                   // blocks of a multiprocessor
        111 => 1 << 10,              // shared memory that the driver keeps
        115 => config.pools.into(),
        125 => 1, // events between processes
        ..=0 | 151.. => return None,
        _ => 0,
    })
}
