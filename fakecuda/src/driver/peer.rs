//! Devices that reach each other's memory.

use libc::{c_int, c_uint};

use super::init::device;
use crate::{
    arguments::Out,
    codes::{
        INVALID_CONTEXT, INVALID_VALUE, PEER_ACCESS_ALREADY_ENABLED, PEER_ACCESS_NOT_ENABLED,
        PEER_ACCESS_UNSUPPORTED,
    },
    contexts::current,
    entry::entry_points,
};

entry_points! {
    4000 Init fn cuDeviceCanAccessPeer(out_can: Out<c_int>, number: c_int, peer: c_int) |state| {
        let (device, peer) = (device(&state, number)?, device(&state, peer)?);
        out_can.give((state.config.peers && device != peer).into())
    }
    8000 Init fn cuDeviceGetP2PAttribute(out_value: Out<c_int>, attribute: c_int, number: c_int, peer: c_int) |state| {
        let (device, peer) = (device(&state, number)?, device(&state, peer)?);
        if device == peer {
            return Err(crate::codes::INVALID_DEVICE);
        }
        out_value.give(match attribute {
            1 => 0,
            2..=4 => state.config.peers.into(),
            _ => return Err(INVALID_VALUE),
        })
    }
    4000 Context fn cuCtxEnablePeerAccess(peer: usize, flags: c_uint) |mut state| {
        let own = current(&state)?;
        if flags != 0 {
            return Err(INVALID_VALUE);
        }
        if peer == own {
            return Err(INVALID_CONTEXT);
        }
        if !state.config.peers || state.contexts.device(own)? == state.contexts.device(peer)? {
            return Err(PEER_ACCESS_UNSUPPORTED);
        }
        let fresh = state.contexts.live_mut(own)?.peers.insert(peer);
        if fresh { Ok(()) } else { Err(PEER_ACCESS_ALREADY_ENABLED) }
    }
    4000 Context fn cuCtxDisablePeerAccess(peer: usize) |mut state| {
        let own = current(&state)?;
        let was = state.contexts.live_mut(own)?.peers.remove(&peer);
        if was { Ok(()) } else { Err(PEER_ACCESS_NOT_ENABLED) }
    }
}
