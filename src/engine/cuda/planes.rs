//! What the driver copies: runs, and planes of runs between host and device.

use std::ptr::null_mut;

use super::choose::{self, choose};
use super::kernel::Kernel;
use super::nest::Ends;
use super::queue::Queue;
use super::transfer::Memory;
use crate::device::cuda::sys::{CUDA_MEMCPY3D, CUmemorytype};
use crate::engine::pass::{Act, Form, Pass};
use crate::engine::plan::{Loop, Plan};
use crate::engine::{Transform, passes};
use crate::error::Result;

/// Shorter rows travel faster when they are packed.
const ROW: i64 = 64;

/// The longest distance between rows that the driver takes.
const PITCH: i64 = i32::MAX as i64;

/// More calls take longer than packing.
const CALLS: usize = 64;

/// Rows of so many bytes in two loops, and what lies outside. Distances are in bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// Bytes of a row.
    pub row: i64,
    /// Rows of a plane.
    pub rows: Loop,
    /// Planes of a copy.
    pub planes: Loop,
    /// Copies.
    pub outer: Plan,
}

/// The whole conversion as copies of the driver's, if it is no more than that: one run, or `strided` ones.
pub fn whole(forms: [Form; 2], transform: &Transform, strided: bool) -> Result<Option<Planes>> {
    let mut found = Some(None);
    passes(forms[0], forms[1], transform, &mut |pass: &Pass| {
        let copies = of_pass(pass, strided)?;
        // More than one pass is no copy.
        found = if found == Some(None) { copies.map(Some) } else { None };
        Ok(())
    })?;
    Ok(found.flatten())
}

fn of_pass(pass: &Pass, strided: bool) -> Result<Option<Planes>> {
    let Act::Copy = pass.act else { return Ok(None) };
    if let [step] = &choose(pass, [0, 0])?[..]
        && let Kernel::Run { bytes } = step.kernel
    {
        return Ok(Some(Planes {
            row: bytes,
            rows: Loop::ONCE,
            planes: Loop::ONCE,
            outer: step.items.clone(),
        }));
    }
    let [from, to] = pass.cells;
    if !strided || from.packed || to.packed || from.swapped != to.swapped {
        return Ok(None);
    }
    let (rest, row) = choose::runs(pass.plan, from.bytes() as i64)?;
    Planes::new(rest, row)
}

impl Planes {
    fn new(rest: Plan, row: i64) -> Result<Option<Self>> {
        let fits = |l: &Loop, least: i64| {
            let apart = |pitch: i64| (least * 8..=PITCH * 8).contains(&pitch);
            apart(l.source) && apart(l.target)
        };
        let Some((rows, outer)) = rest.loops.split_first() else { return Ok(None) };
        if row < ROW || !fits(rows, row) {
            return Ok(None);
        }
        let holds = |l: &&Loop| {
            let whole = |plane: i64, pitch: i64| plane % pitch == 0 && plane / pitch >= rows.extent;
            whole(l.source, rows.source) && whole(l.target, rows.target)
        };
        let planes = outer.first().filter(holds);
        let outer = outer[usize::from(planes.is_some())..].iter().copied();
        let outer = super::nest::with(&rest, outer)?;
        let few = outer.count() <= CALLS;
        Ok(few.then(|| Self { row, rows: *rows, planes: planes.copied().unwrap_or(Loop::ONCE), outer }))
    }
}

/// Enqueues them.
///
/// # Safety
/// As for [`transfer`](super::transfer::transfer), for the forms that they were made of.
pub unsafe fn copy_planes(copies: &Planes, ends: Ends, kinds: [Memory; 2], queue: &Queue) -> Result<()> {
    let Planes { row, rows, planes, outer } = copies;
    super::nest::nests(outer, 0, 1, &mut |at| {
        let [from, to] = [(ends[0], at.source), (ends[1], at.target)]
            .map(|(end, bits)| end.wrapping_add_signed((bits >> 3) as isize));
        // SAFETY: as the caller promises.
        unsafe {
            if rows.extent == 1 {
                return queue.copy(to, from, *row as usize);
            }
            queue.entered.copy_3d(&described(*row, rows, planes, [from, to], kinds), queue.stream)
        }
    })
}

fn described(
    row: i64,
    rows: &Loop,
    planes: &Loop,
    [from, to]: [usize; 2],
    kinds: [Memory; 2],
) -> CUDA_MEMCPY3D {
    let [(from_kind, from_host, from_device), (to_kind, to_host, to_device)] =
        [(kinds[0], from), (kinds[1], to)].map(|(kind, address)| match kind {
            Memory::Near => (CUmemorytype::CU_MEMORYTYPE_DEVICE, 0, address as u64),
            Memory::Pinned | Memory::Pageable => (CUmemorytype::CU_MEMORYTYPE_HOST, address, 0),
        });
    let height = |plane: i64, pitch: i64| if planes.extent > 1 { (plane / pitch) as usize } else { 0 };
    CUDA_MEMCPY3D {
        srcXInBytes: 0,
        srcY: 0,
        srcZ: 0,
        srcLOD: 0,
        srcMemoryType: from_kind,
        srcHost: std::ptr::with_exposed_provenance(from_host),
        srcDevice: from_device,
        srcArray: null_mut(),
        reserved0: null_mut(),
        srcPitch: (rows.source / 8) as usize,
        srcHeight: height(planes.source, rows.source),
        dstXInBytes: 0,
        dstY: 0,
        dstZ: 0,
        dstLOD: 0,
        dstMemoryType: to_kind,
        dstHost: std::ptr::with_exposed_provenance_mut(to_host),
        dstDevice: to_device,
        dstArray: null_mut(),
        reserved1: null_mut(),
        dstPitch: (rows.target / 8) as usize,
        dstHeight: height(planes.target, rows.target),
        WidthInBytes: row as usize,
        Height: rows.extent as usize,
        Depth: planes.extent as usize,
    }
}
