//! Conversions in words: the passes that would run, planned by the same code, and not run.
#![forbid(unsafe_code)]

use std::fmt::Write;

use super::pass::{Form, Part, Pass};
use super::plan::{Loop, Plan};
use super::{Transform, passes, spread, temporary};
use crate::error::Result;

/// So many bytes are moved in the time that a call takes.
const FEW: u128 = 8 << 10;

/// Every pass of a conversion, in lines that each begin with the end of the one before.
///
/// Fails as the conversion does.
pub fn conversion(source: Form, target: Form, transform: &Transform) -> Result<String> {
    let mut text = String::new();
    passes(source, target, transform, &mut |pass: &Pass| {
        tell(pass, &mut text);
        Ok(())
    })?;
    if text.is_empty() {
        text.push_str("\nno element is moved");
    }
    Ok(text)
}

/// The same where the two share memory, each of the two conversions told by `each`.
pub fn overlapping(
    source: Form,
    target: Form,
    transform: &Transform,
    each: impl Fn([Form; 2], &Transform) -> Result<String>,
) -> Result<String> {
    let (layout, bytes) = temporary(source, target, transform)?;
    let between = (source.0, &layout);
    let first = each([source, between], &Transform::default())?;
    let second = each([between, target], transform)?;
    Ok(format!(
        "\nthe two share memory, so the source is copied first, to a temporary of {bytes} B{first}{second}"
    ))
}

/// The loops of a pass.
pub(super) fn tell_loops(pass: &Pass, text: &mut String) {
    let [source, target] = pass.cells.map(|cell| cell.stride());
    let scalars = match pass.part {
        Part::Whole => "elements",
        Part::Real => "numbers",
        Part::Imaginary => "imaginary parts",
        Part::Both => "parts",
    };
    // Writing to a string does not fail.
    let _ = write!(text, "\npass over {} {scalars}", pass.plan.count());
    for l in pass.plan.loops.iter() {
        let (source, target) = (step(l.source, source), step(l.target, target));
        let varies = if l.step == 0 { "" } else { ", coefficients" };
        let _ = write!(text, "\n  {} times source {source}, target {target}{varies}", l.extent);
    }
}

fn tell(pass: &Pass, text: &mut String) {
    let (plan, job) = (pass.plan, pass.job());
    tell_loops(pass, text);
    let mut line = |words: std::fmt::Arguments| {
        // Writing to a string does not fail.
        let _ = text.write_fmt(words);
    };
    line(format_args!("\n  way: {}", job.way_name()));
    line(format_args!("\n  kernel: {}", job.kernel_name()));
    let (read, written) =
        (bytes(plan, job.source.stride(), |l| l.source), bytes(plan, job.target.stride(), |l| l.target));
    let streams = if job.streams() { ", streamed" } else { "" };
    let threads = spread::threads_of(plan, [job.source, job.target]);
    line(format_args!("\n  reads {read} B, writes {written} B{streams}; threads: {threads}"));
    if read + written < FEW {
        line(format_args!("\n  expected: the call takes longer than moving so few bytes"));
    } else {
        line(format_args!("\n  expected: about {} of memcpy's speed", job.expected_speed(plan)));
    }
}

/// A distance in bits, and whether it is the one of adjacent scalars.
fn step(bits: i64, adjacent: i64) -> String {
    match bits {
        0 => "still".into(),
        _ if bits == adjacent => format!("{} (run)", distance(bits)),
        _ if bits == -adjacent => format!("{} (run, backwards)", distance(bits)),
        _ => distance(bits),
    }
}

fn distance(bits: i64) -> String {
    if bits % 8 == 0 { format!("{:+} B", bits / 8) } else { format!("{bits:+} bits") }
}

/// Bytes of the scalars of one side, each counted once.
fn bytes(plan: &Plan, scalar: i64, stride: fn(&Loop) -> i64) -> u128 {
    let moving = plan.loops.iter().filter(|l| stride(l) != 0);
    let count: u128 = moving.map(|l| l.extent as u128).product();
    (count * scalar.unsigned_abs() as u128).div_ceil(8)
}
