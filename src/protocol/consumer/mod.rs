//! Consumers: what each library takes through DLPack without copying, as data, and the export that follows from it.

mod handover;
mod obstacles;
mod profiles;
#[cfg(test)]
mod tests;

pub use handover::{Handed, Plan, Wish, plan};
pub use profiles::CONSUMERS;

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt::Write;

use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Result, bail};

/// What one library takes. Offsets are no field: exports of addresses have `byte_offset` 0.
#[derive(Debug)]
pub struct Consumer {
    /// How it is asked for.
    pub name: &'static CStr,
    /// How sentences call it.
    pub title: &'static str,
    /// The DLPack structs that it reads.
    pub structs: Structs,
    /// The strides that it takes. Those of axes of extent 1 never matter.
    pub strides: Strides,
    /// What the address of the first element must be a multiple of, in bytes.
    pub alignment: usize,
    /// The element types that it takes and leaves as they are; `None` for all that DLPack can say.
    pub dtypes: Option<&'static [DType]>,
    /// DLPack's numbers of the devices that it takes; `None` for all.
    pub devices: Option<&'static [i32]>,
    /// The most axes.
    pub max_ndim: usize,
    /// Whether what is read-only stays so.
    pub keeps_read_only: bool,
    /// Whether it works on the memory that it is given; else it makes a copy of its own.
    pub shares: bool,
    /// How all this is known.
    pub evidence: Evidence,
}

/// The DLPack structs that a consumer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structs {
    /// The one from before 1.0.
    Legacy,
    /// The one of 1.x.
    Versioned,
    /// Both; it is given the one of 1.x unless that is too new.
    Both,
}

/// The strides that a consumer takes, each kind less than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strides {
    /// Any.
    Any,
    /// Any but negative ones.
    NotNegative,
    /// Those of elements that fill one block of memory, the axes in any order.
    Dense,
    /// Those of C order without gaps.
    RowMajor,
}

/// How a row of the table is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// `python/interop/test_profiles.py` asks this release of the library, field by field.
    Tested(&'static str),
    /// Read in the source, because the library does not run without its device.
    Read(&'static str),
    /// What follows from all the other rows.
    Derived,
}

impl Consumer {
    /// The consumer of that name.
    pub fn find(name: &str) -> Result<&'static Self> {
        let Some(consumer) = CONSUMERS.iter().find(|consumer| consumer.name() == name) else {
            let names: Vec<_> = CONSUMERS.iter().map(Self::name).collect();
            bail!(InvalidArgument, "`consumer` is \"{name}\", it may be {}", names.join(", "));
        };
        Ok(consumer)
    }

    /// How it is asked for.
    pub fn name(&self) -> Cow<'static, str> {
        self.name.to_string_lossy()
    }

    /// Whether it takes elements of `dtype`.
    pub fn takes_dtype(&self, dtype: DType) -> bool {
        self.dtypes.is_none_or(|dtypes| dtypes.contains(&dtype))
    }

    /// Whether it takes memory that is labelled with this type of device.
    pub fn takes_device(&self, device_type: i32) -> bool {
        self.devices.is_none_or(|devices| devices.contains(&device_type))
    }

    /// The row as one JSON object; `null` stands for "all".
    pub fn describe(&self) -> String {
        let dtypes = self.dtypes.map(|all| list(all.iter().map(|dtype| dtype.name())));
        let devices = self.devices.map(|all| list(all.iter().map(|&device_type| device_name(device_type))));
        let (evidence, is_tested) = self.evidence.words();
        let mut text = String::new();
        let _ = write!(text, "{{\"name\": \"{}\", \"title\": \"{}\"", self.name(), self.title);
        let _ = write!(text, ", \"structs\": \"{}\"", self.structs.word());
        let _ = write!(text, ", \"strides\": \"{}\", \"alignment\": {}", self.strides.word(), self.alignment);
        let _ = write!(text, ", \"dtypes\": {}", dtypes.as_deref().unwrap_or("null"));
        let _ = write!(text, ", \"devices\": {}", devices.as_deref().unwrap_or("null"));
        let _ = write!(text, ", \"max_ndim\": {}", self.max_ndim);
        let _ = write!(text, ", \"keeps_read_only\": {}, \"shares\": {}", self.keeps_read_only, self.shares);
        let _ = write!(text, ", \"evidence\": \"{evidence}\", \"is_tested\": {is_tested}}}");
        text
    }
}

impl Structs {
    /// The kind as one word.
    pub const fn word(self) -> &'static str {
        match self {
            Structs::Legacy => "legacy",
            Structs::Versioned => "versioned",
            Structs::Both => "both",
        }
    }
}

impl Strides {
    /// The kind as one word.
    pub const fn word(self) -> &'static str {
        match self {
            Strides::Any => "any",
            Strides::NotNegative => "not-negative",
            Strides::Dense => "dense",
            Strides::RowMajor => "row-major",
        }
    }
}

impl Evidence {
    /// In words, and whether a test asks the library.
    pub const fn words(self) -> (&'static str, bool) {
        match self {
            Evidence::Tested(release) => (release, true),
            Evidence::Read(source) => (source, false),
            Evidence::Derived => ("the least of all the others", false),
        }
    }
}

/// DLPack's name of a type of device.
fn device_name(device_type: i32) -> String {
    Device { device_type, device_id: 0 }.type_name().to_owned()
}

/// A JSON list of words.
fn list(words: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", quoted.join(", "))
}
