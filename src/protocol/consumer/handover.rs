//! What a consumer is given: the tensor's own memory where it takes that, else the smallest copy that it takes.

use std::ptr::NonNull;

use super::obstacles::{label, obstacles, require_dtype};
use super::{Consumer, Strides, Structs};
use crate::device::Device;
use crate::engine::route::{Convert, CopyMode, convert};
use crate::error::{Result, bail};
use crate::log::log;
use crate::protocol::dlpack::{Guise, share_legacy_as, share_versioned_as};
use crate::spec::dlpack::{DLManagedTensor, DLManagedTensorVersioned};
use crate::tensor::{MemoryOrder, Tensor, packed_bytes};

/// What the caller of an export wants of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Whether to copy.
    pub copy: CopyMode,
    /// Share read-only memory also with a consumer that does not keep it read-only.
    pub allow_writable: bool,
    /// Give no struct of DLPack 1.x.
    pub legacy_only: bool,
}

/// An export that can be made, and why it is made so.
#[derive(Debug)]
pub struct Plan<'a> {
    tensor: &'a Tensor,
    consumer: &'static Consumer,
    versioned: bool,
    label: Device,
    copy: Option<Copying>,
    /// Why a copy is made, then what else is worth saying.
    reasons: Vec<String>,
    becomes_writable: bool,
}

/// A copy, and how many bytes it has.
#[derive(Clone, Copy, Debug)]
struct Copying {
    order: MemoryOrder,
    /// Axes that repeat one element stay such axes.
    keep_repeats: bool,
    byte_count: usize,
}

/// The struct that a consumer is given.
#[derive(Clone, Copy, Debug)]
pub enum Handed {
    /// The one from before DLPack 1.0.
    Legacy(NonNull<DLManagedTensor>),
    /// The one of DLPack 1.x.
    Versioned(NonNull<DLManagedTensorVersioned>),
}

/// How `tensor` goes to `consumer`; an error when it cannot, or not as wished. Nothing is copied yet.
pub fn plan<'a>(tensor: &'a Tensor, consumer: &'static Consumer, wish: Wish) -> Result<Plan<'a>> {
    let versioned = struct_kind(consumer, wish)?;
    require_dtype(tensor.dtype(), consumer, versioned)?;
    let ndim = tensor.layout().ndim();
    if ndim > consumer.max_ndim {
        bail!(
            Unsupported,
            "{}: takes at most {} axes, not {ndim}; reshape it",
            consumer.title,
            consumer.max_ndim
        );
    }
    let (label, mut reasons) = label(tensor.device(), consumer)?;
    reasons.extend(obstacles(tensor, consumer));
    let exposes = tensor.is_read_only() && !consumer.keeps_read_only && tensor.element_count() > 0;
    if exposes && !wish.allow_writable {
        reasons.push("read-only memory would become writable".to_owned());
    }
    let copy = copying(tensor, consumer, wish.copy, &reasons)?;
    let becomes_writable = exposes && copy.is_none();
    let label = if copy.is_some() { Device::CPU } else { label };
    Ok(Plan { tensor, consumer, versioned, label, copy, reasons, becomes_writable })
}

/// Whether the struct is the one of DLPack 1.x.
fn struct_kind(consumer: &Consumer, wish: Wish) -> Result<bool> {
    match consumer.structs {
        Structs::Versioned if wish.legacy_only => bail!(
            Version,
            "{}: reads the struct of DLPack 1.x only, and `max_version` asks for an older one",
            consumer.title
        ),
        structs => Ok(structs != Structs::Legacy && !wish.legacy_only),
    }
}

/// The copy to make, if one is to be made.
fn copying(
    tensor: &Tensor,
    consumer: &Consumer,
    mode: CopyMode,
    reasons: &[String],
) -> Result<Option<Copying>> {
    let (shape, strides) = (tensor.layout().shape(), tensor.layout().strides());
    let repeats = |axis: &usize| strides[*axis] == 0 && shape[*axis] > 1;
    let keep_repeats = mode != CopyMode::Always && consumer.strides <= Strides::NotNegative;
    // Axes that repeat one element say nothing of the order of a copy that does not.
    let unordered = !keep_repeats && (0..shape.len()).any(|axis| repeats(&axis));
    let row_major = consumer.strides == Strides::RowMajor || unordered;
    let order = if row_major { MemoryOrder::C } else { MemoryOrder::Keep };
    let copied = |axis: &usize| !(keep_repeats && repeats(axis));
    let count = (0..shape.len()).filter(copied).map(|axis| shape[axis]).product();
    let byte_count = packed_bytes(tensor.dtype(), count).unwrap_or(usize::MAX);
    let title = consumer.title;
    let why = reasons.join(", ");
    match mode {
        CopyMode::Never if !consumer.shares => {
            bail!(CopyRequired, "{title}: copies whatever it is given, and `copy` forbids that")
        }
        CopyMode::Never if !reasons.is_empty() => {
            bail!(CopyRequired, "{title}: {why}, and `copy` forbids to copy {byte_count} B")
        }
        CopyMode::Never | CopyMode::IfNeeded if reasons.is_empty() => Ok(None),
        _ if !tensor.device().is_host_accessible() => {
            let why = if reasons.is_empty() { "a copy is asked for" } else { &why };
            bail!(Unsupported, "{title}: {why}, and memory on {} cannot be copied here", tensor.device())
        }
        _ => Ok(Some(Copying { order, keep_repeats, byte_count })),
    }
}

impl Plan<'_> {
    /// What happens and why, in one line.
    pub fn line(&self) -> String {
        let title = self.consumer.title;
        let mut line = match self.copy {
            None => format!("{title}: zero-copy"),
            Some(copy) if self.reasons.is_empty() => {
                format!("{title}: copies {} B as asked", copy.byte_count)
            }
            Some(copy) => format!("{title}: {}; copies {} B", self.reasons.join(", "), copy.byte_count),
        };
        if self.copy.is_none() && self.label != self.tensor.device() {
            line.push_str(&format!(", {} is shown as {}", self.tensor.device(), self.label));
        }
        if self.becomes_writable {
            line.push_str(", and the read-only memory becomes writable as allowed");
        }
        if !self.consumer.shares {
            line.push_str(&format!("; {title} copies {} B itself", self.tensor.byte_size()));
        }
        line
    }

    /// Makes the struct, which the caller owns.
    pub fn hand(&self) -> Result<Handed> {
        let made = match self.copy {
            Some(copy) => {
                log!(Info, "{}", self.line());
                copy.make(self.tensor)?
            }
            // Empty tensors may have any strides, and some consumers look at them.
            None if self.tensor.element_count() == 0 => self.tensor.reshape(self.tensor.layout().shape())?,
            None => self.tensor.clone(),
        };
        let guise = Guise {
            device: self.label,
            read_only: made.is_read_only() && !self.becomes_writable,
            copied: self.copy.is_some(),
        };
        match self.versioned {
            true => share_versioned_as(&made, guise).map(Handed::Versioned),
            false => share_legacy_as(&made, guise).map(Handed::Legacy),
        }
    }
}

impl Copying {
    fn make(self, tensor: &Tensor) -> Result<Tensor> {
        let how = Convert { copy: CopyMode::Always, order: self.order, ..Convert::default() };
        let dtype = tensor.dtype().native();
        let (shape, strides) = (tensor.layout().shape(), tensor.layout().strides());
        let repeats = |axis: &usize| self.keep_repeats && strides[*axis] == 0 && shape[*axis] > 1;
        let mut source = tensor.clone();
        for axis in (0..shape.len()).filter(repeats) {
            source = source.slice(axis as i32, Some(0), Some(1), 1)?;
        }
        convert(&source, dtype, &how)?.broadcast(shape)
    }
}
