//! What stands between a tensor and a consumer: what no copy helps against, and what one does.

use super::{Consumer, Strides};
use crate::device::Device;
use crate::dtype::{Casting, DType, PADDED, can_cast, code};
use crate::error::{Result, bail};
use crate::layout::{Layout, Order};
use crate::tensor::Tensor;

/// Fails when the consumer does not take the elements, and says what it would take.
pub(super) fn require_dtype(dtype: DType, consumer: &Consumer, versioned: bool) -> Result<()> {
    let element = dtype.native();
    let sayable = element.kind == 0 && (versioned || element.flags & PADDED == 0);
    if sayable && consumer.takes_dtype(element) {
        return Ok(());
    }
    let title = consumer.title;
    match instead(element, consumer) {
        Some(help) => bail!(Unsupported, "{title}: does not take {dtype} through DLPack; {help}"),
        None => bail!(
            Unsupported,
            "{title}: does not take {dtype} through DLPack, nor any type that could hold it"
        ),
    }
}

/// What to make of elements that a consumer does not take.
fn instead(dtype: DType, consumer: &Consumer) -> Option<String> {
    match dtype.kind {
        b'M' | b'm' => return Some("view it as int64".to_owned()),
        0 => {}
        _ => return None,
    }
    let packed = DType { flags: 0, ..dtype };
    if packed != dtype && consumer.takes_dtype(packed) {
        return Some(format!("convert it to {packed}, which is packed"));
    }
    let scalar = packed.with_lanes(1);
    let dtypes = consumer.dtypes?.iter();
    let holding = dtypes.clone().filter(|&&to| can_cast(scalar, to, Casting::Safe));
    if let Some(to) = holding.min_by_key(|to| to.element_bits()) {
        return Some(format!("convert it to {to}"));
    }
    let alike = dtypes.filter(|to| to.class() == scalar.class());
    let narrower = alike.filter(|&&to| can_cast(scalar, to, Casting::SameKind));
    if let Some(to) = narrower.max_by_key(|to| to.element_bits()) {
        return Some(format!("convert it to {to}, which is narrower"));
    }
    let part = DType::new(code::FLOAT, dtype.bits / 2);
    (dtype.is_complex() && consumer.takes_dtype(part))
        .then(|| format!("view it as {part}, the real and imaginary parts in turn"))
}

/// The device that the consumer is told, and why only a copy can be told at all, if so.
///
/// Pinned memory is host memory: who does not know the label is told `cpu`. Managed memory is not, because a device may
/// be at work in it.
pub(super) fn label(device: Device, consumer: &Consumer) -> Result<(Device, Vec<String>)> {
    let title = consumer.title;
    match device.device_type {
        1 if consumer.takes_device(1) => Ok((Device::CPU, Vec::new())),
        known if consumer.takes_device(known) => Ok((device, Vec::new())),
        3 | 11 if consumer.takes_device(1) => Ok((Device::CPU, Vec::new())),
        13 if consumer.takes_device(1) => {
            Ok((Device::CPU, vec![format!("it does not take memory on {device}")]))
        }
        _ => {
            let known = consumer.devices.unwrap_or_default();
            let names: Vec<&str> =
                known.iter().map(|&device_type| Device { device_type, device_id: 0 }.type_name()).collect();
            bail!(Unsupported, "{title}: takes memory on {}, the tensor is on {device}", names.join(" or "))
        }
    }
}

/// Why the consumer does not take the memory as it lies.
pub(super) fn obstacles(tensor: &Tensor, consumer: &Consumer) -> Vec<String> {
    let mut found = Vec::new();
    if tensor.dtype().is_swapped() {
        found.push(format!("{} is not in native byte order", tensor.dtype()));
    }
    if tensor.element_count() == 0 {
        return found;
    }
    if tensor.bit_offset() != 0 {
        found.push(format!("it starts at bit {} of a byte", tensor.bit_offset()));
    }
    found.extend(stride_obstacle(tensor.layout(), consumer.strides));
    let address = tensor.data().addr();
    if tensor.device().has_addresses() && !address.is_multiple_of(consumer.alignment) {
        let aligned = 1usize << address.trailing_zeros();
        found.push(format!("its address is aligned to {aligned} B, not to {}", consumer.alignment));
    }
    found
}

/// What is wrong with the strides, by the first axis that it is true of.
fn stride_obstacle(layout: &Layout, taken: Strides) -> Option<String> {
    let (shape, strides) = (layout.shape(), layout.strides());
    let wide = |axis: &usize| shape[*axis] > 1;
    let mut axes = 0..layout.ndim();
    match taken {
        Strides::Any => None,
        Strides::NotNegative | Strides::Dense => {
            if let Some(axis) = axes.find(|axis| wide(axis) && strides[*axis] < 0) {
                return Some(format!("stride {} of axis {axis} is negative", strides[axis]));
            }
            let axis = if taken == Strides::Dense { layout.first_gap()? } else { return None };
            Some(format!("stride {} of axis {axis} is not dense", strides[axis]))
        }
        Strides::RowMajor => {
            (!layout.is_contiguous(Order::C)).then(|| format!("strides {strides:?} are not row-major"))
        }
    }
}
