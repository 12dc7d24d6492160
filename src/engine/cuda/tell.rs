//! Conversions on devices in words: what would be launched and what would travel, and nothing is.
#![forbid(unsafe_code)]

use std::fmt::Write;

use super::choose::choose;
use super::direct;
use super::kernel::{Kernel, Step, Tiling, Writes};
use super::nest::Ends;
use super::planes;
use super::stage::CHUNK;
use super::transfer::{Memory, narrower, shares};
use crate::engine::pass::{Form, Pass};
use crate::engine::{Transform, explain, passes};
use crate::error::Result;

/// Every pass, and what travels.
pub fn conversion(forms: [Form; 2], transform: &Transform, ends: Ends, kinds: [Memory; 2]) -> Result<String> {
    let far = if kinds[0] == Memory::Near { kinds[1] } else { kinds[0] };
    if far == Memory::Near {
        return on_device(forms, transform, ends);
    }
    if let Some(planes) = planes::whole(forms, transform, far == Memory::Pinned)? {
        let rows = planes.rows.extent * planes.planes.extent * planes.outer.count() as i64;
        let rows = if rows > 1 { format!("{rows} rows of ") } else { String::new() };
        return Ok(format!("\ncopied by the driver: {rows}{} B", planes.row));
    }
    if far == Memory::Pinned {
        let passes = on_device(forms, transform, ends)?;
        return Ok(format!("\nin blocks if pinned memory has no gaps, else scalar by scalar{passes}"));
    }
    staged(forms, transform, ends, kinds[1] == Memory::Near)
}

/// What passes through chunks, in parts that are told as one.
fn staged([source, target]: [Form; 2], transform: &Transform, ends: Ends, uploads: bool) -> Result<String> {
    let host = if uploads { source } else { target };
    let travels = narrower(source.0, target.0, host.0);
    let between = host.1.dense_like();
    let between = (travels, &between);
    let [before, after] = shares(travels == source.0, transform);
    let (on_host, on_device) = if uploads {
        (explain::conversion(source, between, &before)?, on_device([between, target], &after, [0, ends[1]])?)
    } else {
        (explain::conversion(between, target, &after)?, on_device([source, between], &before, [ends[0], 0])?)
    };
    let parts = match uploads {
        true => format!("on the host:{on_host}\non the device:{on_device}"),
        false => format!("on the device:{on_device}\non the host:{on_host}"),
    };
    Ok(format!("\ntravels as {travels}, through pinned chunks of {} MiB\n{parts}", CHUNK >> 20))
}

fn on_device(forms: [Form; 2], transform: &Transform, ends: Ends) -> Result<String> {
    let mut text = String::new();
    passes(forms[0], forms[1], transform, &mut |pass: &Pass| {
        explain::tell_loops(pass, &mut text);
        for step in choose(pass, ends)? {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {}", words(&step));
        }
        Ok(())
    })?;
    if text.is_empty() {
        text.push_str("\nno element is moved");
    }
    Ok(text)
}

fn words(step: &Step) -> String {
    let (kernel, count) = (&step.kernel, step.items.count());
    let name = kernel.name().map_or("the driver".into(), |name| name.to_string_lossy());
    let does = match *kernel {
        Kernel::Run { bytes } => format!("copies {bytes} B"),
        Kernel::Words { size, swap: 1 } => format!("{count} words of {size} B, in the target's order"),
        Kernel::Words { size, swap } => format!("{count} words of {size} B, {swap} B reversed at a time"),
        Kernel::Gather { size, step, .. } => {
            format!("elements of {size} B that lie {step:+} B apart, 16 B of the target at a time")
        }
        Kernel::Fill { size, .. } => format!("one value, in {count} words of {size} B"),
        Kernel::Transpose { tiling, sheet, .. } => {
            let tiles = match tiling {
                Tiling::Vectors => "tiles, by words of 16 B in registers".into(),
                Tiling::Squares => "tiles".into(),
                Tiling::Strips { wide, high } => format!("tiles of {high} rows and {wide} columns"),
            };
            format!("{count} sheets of {} rows and {} columns, in {tiles}", sheet.rows, sheet.columns)
        }
        Kernel::Pixels { sheet, .. } => {
            format!("{count} sheets of {} rows and {} columns, in registers", sheet.rows, sheet.columns)
        }
        Kernel::Numbers { adjacent: 1, .. } => "number by number".into(),
        Kernel::Numbers { adjacent, .. } => format!("{adjacent} adjacent numbers at a time"),
        Kernel::Direct { types } => format!("{} adjacent numbers at a time", direct::at_once(types)),
        Kernel::Turn { sheet, .. } => {
            format!("{count} sheets of {} rows and {} columns, converted in tiles", sheet.rows, sheet.columns)
        }
        Kernel::Cast { writes: Writes::Bits, .. } => "scalar by scalar, bits within words".into(),
        Kernel::Cast { .. } => "scalar by scalar".into(),
    };
    format!("kernel: {name}: {does}")
}
