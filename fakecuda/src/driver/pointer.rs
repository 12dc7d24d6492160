//! What the driver knows of an address.

use libc::{c_int, c_uint, c_void};

use crate::{
    arguments::{In, Out},
    codes::{Answer, INVALID_VALUE, NOT_SUPPORTED},
    entry::entry_points,
    memory::Kind,
    state::State,
};

entry_points! {
    4000 Init fn cuPointerGetAttribute(out_value: Out<c_void>, attribute: c_uint, address: usize) |state| {
        match look(&state, attribute, address)? {
            Value::Int(value) => out_value.of().give(value),
            Value::Word(value) => out_value.of().give(value),
        }
    }
    // Unlike the singular: of an unknown address everything is zero, and nothing an error.
    7000 Init fn cuPointerGetAttributes(
        count: c_uint, attributes: In<c_uint>, out_values: In<Out<c_void>>, address: usize
    ) |state| {
        for index in 0..count as usize {
            let (attribute, out_value) = (attributes.at(index)?, out_values.at(index)?);
            match look(&state, attribute, address).unwrap_or_else(|_| nothing(attribute)) {
                Value::Int(value) => out_value.of().give(value)?,
                Value::Word(value) => out_value.of().give(value)?,
            }
        }
        Ok(())
    }
    11020 Init fn cuPointerSetAttribute(_value: In<c_int>, attribute: c_uint, address: usize) |state| {
        state.memory.find(address).ok_or(INVALID_VALUE)?;
        // SYNC_MEMOPS, the only one that can be set.
        if attribute == 6 { Ok(()) } else { Err(INVALID_VALUE) }
    }
}

enum Value {
    Int(c_int),
    Word(usize),
}

/// What the plural answers for an unknown address.
fn nothing(attribute: c_uint) -> Value {
    match attribute {
        9 => Value::Int(-2),
        2 | 6 | 8 | 10 | 13 | 15 | 16 => Value::Int(0),
        _ => Value::Word(0),
    }
}

fn look(state: &State, attribute: c_uint, address: usize) -> Answer<Value> {
    let (base, allocation) = state.memory.find(address).ok_or(INVALID_VALUE)?;
    let on_host = matches!(allocation.kind, Kind::Pinned | Kind::Registered);
    Ok(match attribute {
        // Memory of a pool belongs to a device, not to a context.
        1 => Value::Word(if matches!(allocation.kind, Kind::Pool(_)) { 0 } else { allocation.context }),
        2 => Value::Int(if on_host { 1 } else { 2 }),
        3 => Value::Word(address),
        4 if allocation.is_open() => Value::Word(address),
        4 => return Err(INVALID_VALUE),
        6 => Value::Int(0),
        7 => Value::Word(allocation.id as usize),
        8 => Value::Int((allocation.kind == Kind::Managed).into()),
        9 => Value::Int(allocation.device as c_int),
        10 => Value::Int((allocation.kind == Kind::Device).into()),
        11 => Value::Word(base),
        12 => Value::Word(allocation.size),
        13 => Value::Int(1),
        14 => Value::Word(0),
        15 => Value::Int(0),
        16 => Value::Int(3),
        17 => Value::Word(if let Kind::Pool(pool) = allocation.kind { pool } else { 0 }),
        _ => return Err(NOT_SUPPORTED),
    })
}
