//! Pools of stream-ordered memory.

use std::collections::HashMap;

use libc::{c_int, c_uint, c_void, size_t};

use super::init::device;
use crate::{
    arguments::{In, Out},
    codes::{Answer, INVALID_DEVICE, INVALID_VALUE, NOT_SUPPORTED},
    entry::entry_points,
    memory::Kind,
    state::State,
};

pub(crate) struct Pool {
    device: usize,
    /// Made by a caller, not by the driver.
    own: bool,
    /// What attributes 1 to 4 say: three kinds of reuse, and the bytes that are kept.
    attributes: [u64; 4],
    /// What other devices may: 0, 1 read, 3 read and write.
    access: HashMap<usize, c_uint>,
}

/// The beginning of `CUmemPoolProps`, and the rest of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PoolProperties {
    /// 1: pinned, the only kind.
    pub allocation: c_uint,
    /// Ways of handing it to other processes.
    pub handles: c_uint,
    /// 1: a device.
    pub place: c_uint,
    /// Which.
    pub device: c_int,
    /// For another system.
    pub security: usize,
    /// Bytes at most, or 0.
    pub most: size_t,
    /// Zero.
    pub reserved: [u8; 56],
}

/// `CUmemAccessDesc`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// 1: a device.
    pub place: c_uint,
    /// Which.
    pub device: c_int,
    /// 0 nothing, 1 read, 3 read and write.
    pub rights: c_uint,
}

entry_points! {
    11020 Init fn cuDeviceGetDefaultMemPool(out_pool: Out<usize>, number: c_int) |mut state| {
        let device = device(&state, number)?;
        out_pool.give(of_device(&mut state, device)?.0)
    }
    11020 Init fn cuDeviceGetMemPool(out_pool: Out<usize>, number: c_int) |mut state| {
        let device = device(&state, number)?;
        out_pool.give(of_device(&mut state, device)?.1)
    }
    11020 Init fn cuDeviceSetMemPool(number: c_int, pool: usize) |mut state| {
        let device = device(&state, number)?;
        check(&state, pool, device)?;
        let default = of_device(&mut state, device)?.0;
        state.device_pools.insert(device, (default, pool));
        Ok(())
    }
    11020 Init fn cuMemPoolCreate(out_pool: Out<usize>, properties: In<PoolProperties>) |mut state| {
        let properties = properties.read()?;
        if !state.config.pools {
            return Err(NOT_SUPPORTED);
        }
        if properties.allocation != 1 || properties.handles != 0 || properties.place != 1 || properties.reserved != [0; 56] {
            return Err(INVALID_VALUE);
        }
        let device = device(&state, properties.device)?;
        out_pool.give(create(&mut state, device, true))
    }
    11020 Init fn cuMemPoolDestroy(pool: usize) |mut state| {
        if !state.pools.get(&pool).ok_or(INVALID_VALUE)?.own {
            return Err(INVALID_VALUE);
        }
        // Memory that is still out lives on until it is freed.
        state.pools.remove(&pool);
        for pools in state.device_pools.values_mut().filter(|pools| pools.1 == pool) {
            pools.1 = pools.0;
        }
        Ok(())
    }
    11020 Init fn cuMemPoolSetAttribute(pool: usize, attribute: c_uint, value: Out<c_void>) |mut state| {
        let found = state.pools.get_mut(&pool).ok_or(INVALID_VALUE)?;
        match attribute {
            1..=3 => found.attributes[attribute as usize - 1] = value.of::<c_int>().read()? as u64,
            4 => found.attributes[3] = value.of::<u64>().read()?,
            6 | 8 if value.of::<u64>().read()? == 0 => {}
            _ => return Err(INVALID_VALUE),
        }
        Ok(())
    }
    11020 Init fn cuMemPoolGetAttribute(pool: usize, attribute: c_uint, out_value: Out<c_void>) |state| {
        let found = state.pools.get(&pool).ok_or(INVALID_VALUE)?;
        match attribute {
            1..=3 => out_value.of::<c_int>().give(found.attributes[attribute as usize - 1] as c_int),
            4 => out_value.of::<u64>().give(found.attributes[3]),
            5..=8 => out_value.of::<u64>().give(used(&state, pool)),
            _ => Err(INVALID_VALUE),
        }
    }
    11020 Init fn cuMemPoolSetAccess(pool: usize, rights: In<Access>, count: size_t) |mut state| {
        let owner = state.pools.get(&pool).ok_or(INVALID_VALUE)?.device;
        for index in 0..count {
            let right = rights.at(index)?;
            let peer = device(&state, right.device)?;
            let known = matches!(right.rights, 0 | 1 | 3) && right.place == 1;
            if !known || (peer == owner && right.rights != 3) {
                return Err(INVALID_VALUE);
            }
            if peer != owner && !state.config.peers {
                return Err(INVALID_DEVICE);
            }
            if let Some(pool) = state.pools.get_mut(&pool) {
                pool.access.insert(peer, right.rights);
            }
        }
        Ok(())
    }
    11020 Init fn cuMemPoolGetAccess(out_rights: Out<c_uint>, pool: usize, place: Out<[c_int; 2]>) |state| {
        let found = state.pools.get(&pool).ok_or(INVALID_VALUE)?;
        let peer = device(&state, place.read()?[1])?;
        out_rights.give(if peer == found.device { 3 } else { found.access.get(&peer).copied().unwrap_or(0) })
    }
    11020 Init fn cuMemPoolTrimTo(pool: usize, _bytes: size_t) |state| {
        state.pools.get(&pool).map(drop).ok_or(INVALID_VALUE)
    }
}

fn create(state: &mut State, device: usize, own: bool) -> usize {
    let handle = state.handle();
    let pool = Pool { device, own, attributes: [1, 1, 1, 0], access: HashMap::new() };
    state.pools.insert(handle, pool);
    handle
}

/// A device's default pool and its current one.
pub(super) fn of_device(state: &mut State, device: usize) -> Answer<(usize, usize)> {
    if !state.config.pools {
        return Err(NOT_SUPPORTED);
    }
    if let Some(pools) = state.device_pools.get(&device) {
        return Ok(*pools);
    }
    let default = create(state, device, false);
    state.device_pools.insert(device, (default, default));
    Ok((default, default))
}

/// Whether memory of this device can come from this pool.
pub(super) fn check(state: &State, pool: usize, device: usize) -> Answer {
    match state.pools.get(&pool) {
        Some(pool) if pool.device == device => Ok(()),
        _ => Err(INVALID_VALUE),
    }
}

/// Whether kernels on a device may touch memory of this pool.
pub(super) fn reaches(state: &State, pool: usize, device: usize) -> bool {
    state.pools.get(&pool).is_some_and(|pool| pool.access.get(&device).is_some_and(|rights| *rights == 3))
}

fn used(state: &State, pool: usize) -> u64 {
    let own = state.memory.iter().filter(|(_, allocation)| allocation.kind == Kind::Pool(pool));
    own.map(|(_, allocation)| allocation.size as u64).sum()
}

/// How many pools callers have made.
pub(crate) fn own(state: &State) -> usize {
    state.pools.values().filter(|pool| pool.own).count()
}
