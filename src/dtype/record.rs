//! Structured types: named fields at byte offsets. A [`DType`] is sixteen bytes and cannot hold them, so each
//! description is registered once for the life of the process and the type carries its number.

use std::collections::{BTreeMap, HashSet};
use std::sync::{LazyLock, PoisonError, RwLock};

use super::{DType, MAX_ITEM_SIZE, STRUCTURED};
use crate::error::{Quoted, Result, bail};

/// The most different descriptions that one process may register.
pub const MAX_RECORDS: usize = 65_536;
/// The most fields in one record.
pub const MAX_FIELDS: usize = 4096;
/// How deeply records may nest.
pub const MAX_DEPTH: usize = 32;
/// The most axes of a field that is an array.
const MAX_FIELD_NDIM: usize = 32;

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// Its name, unique in the record.
    pub name: String,
    /// NumPy's title, a second name.
    pub title: Option<String>,
    /// The type of its elements: whole bytes, so types narrower than a byte must be padded.
    pub dtype: DType,
    /// Bytes from the start of the record.
    pub offset: usize,
    /// The extents of a field that is an array, C order; empty for a single element.
    pub shape: Vec<usize>,
}

impl Field {
    /// The bytes that the field fills, or nothing if they do not fit `usize`.
    pub fn byte_size(&self) -> Option<usize> {
        self.shape.iter().try_fold(self.dtype.item_size(), |size, extent| size.checked_mul(*extent))
    }
}

/// The description of a structured type. Fields may overlap, and lie in any order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    item_size: usize,
    fields: Vec<Field>,
    depth: usize,
}

impl Record {
    /// Bytes of one element.
    pub fn item_size(&self) -> usize {
        self.item_size
    }

    /// The fields, at least one, in declaration order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether fields lie one behind the other, so that a list of types and gaps describes them.
    pub fn is_sequential(&self) -> bool {
        let mut end = 0;
        self.fields.iter().all(|field| {
            let follows = field.offset >= end;
            end = field.offset.saturating_add(field.byte_size().unwrap_or(usize::MAX));
            follows
        })
    }

    /// Unused bytes before each field and after the last, with the field if there is one.
    /// Meaningful where [`is_sequential`](Self::is_sequential).
    pub(super) fn with_gaps(&self) -> impl Iterator<Item = (usize, Option<&Field>)> {
        let mut end = 0;
        let fields = self.fields.iter().map(Some).chain([None]);
        fields.map(move |field| {
            let start = field.map_or(self.item_size, |field| field.offset);
            let gap = start.saturating_sub(end);
            end = start + field.and_then(Field::byte_size).unwrap_or(0);
            (gap, field)
        })
    }

    fn new(item_size: usize, fields: Vec<Field>) -> Result<Self> {
        if item_size > MAX_ITEM_SIZE {
            bail!(Dtype, "a record of {item_size} bytes is larger than {MAX_ITEM_SIZE}");
        }
        if fields.is_empty() || fields.len() > MAX_FIELDS {
            bail!(Dtype, "a record has {} fields, must have 1 to {MAX_FIELDS}", fields.len());
        }
        let mut names = HashSet::new();
        for field in &fields {
            check_field(field, item_size)?;
            for name in [Some(&field.name), field.title.as_ref()].into_iter().flatten() {
                if name.is_empty() || !names.insert(name) {
                    bail!(Dtype, "field name {} is empty or used twice", Quoted(name));
                }
            }
        }
        let inner = fields.iter().filter_map(|field| field.dtype.as_record());
        let depth = 1 + inner.map(|record| record.depth).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            bail!(Dtype, "a record nests {depth} levels deep, at most {MAX_DEPTH} are allowed");
        }
        Ok(Self { item_size, fields, depth })
    }
}

fn check_field(field: &Field, item_size: usize) -> Result<()> {
    let Field { name, dtype, offset, shape, .. } = field;
    let name = Quoted(name);
    dtype.validate()?;
    if dtype.is_packed() {
        bail!(Dtype, "field {name} of {dtype} does not fill whole bytes; pad it");
    }
    if shape.len() > MAX_FIELD_NDIM {
        bail!(Dtype, "field {name} has {} axes, at most {MAX_FIELD_NDIM} are allowed", shape.len());
    }
    match field.byte_size().and_then(|size| offset.checked_add(size)) {
        Some(end) if end <= item_size => Ok(()),
        _ => {
            bail!(Dtype, "field {name} of {dtype} at offset {offset} leaves its record of {item_size} bytes")
        }
    }
}

/// Append-only: a number once given means the same record for ever.
#[derive(Default)]
struct Registry {
    records: Vec<&'static Record>,
    /// A tree and not a hash table, to which only a pointer into its middle leads: leak checkers then call it lost.
    numbers: BTreeMap<&'static Record, u32>,
}

static REGISTRY: LazyLock<RwLock<Registry>> = LazyLock::new(RwLock::default);

impl DType {
    /// The structured type of `item_size` bytes with these fields; equal descriptions give equal types.
    ///
    /// Errors: `Dtype` when a field is malformed, unnamed, named twice, or leaves the record; `OutOfMemory` when
    /// the process has registered [`MAX_RECORDS`] others.
    pub fn record(item_size: usize, fields: Vec<Field>) -> Result<Self> {
        let record = Record::new(item_size, fields)?;
        // A registry is never left half-written, so the poison of a panicking thread means nothing.
        let mut registry = REGISTRY.write().unwrap_or_else(PoisonError::into_inner);
        let number = match registry.numbers.get(&record) {
            Some(number) => *number,
            None if registry.records.len() >= MAX_RECORDS => {
                bail!(OutOfMemory, "{MAX_RECORDS} different structured dtypes are registered, no more fit")
            }
            None => {
                let number = registry.records.len() as u32;
                let record: &'static Record = Box::leak(Box::new(record));
                registry.records.push(record);
                registry.numbers.insert(record, number);
                number
            }
        };
        Ok(Self::numpy(b'V', STRUCTURED | (item_size as u64) << 32 | u64::from(number)))
    }

    /// The description of a structured type; nothing for other types and for numbers never given.
    pub fn as_record(self) -> Option<&'static Record> {
        if !self.is_structured() {
            return None;
        }
        let registry = REGISTRY.read().unwrap_or_else(PoisonError::into_inner);
        let record = *registry.records.get(self.detail as u32 as usize)?;
        (record.item_size == self.item_size()).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn field(name: &str, dtype: DType, offset: usize, shape: &[usize]) -> Field {
        Field { name: name.into(), title: None, dtype, offset, shape: shape.into() }
    }

    #[test]
    fn equal_descriptions_are_one_type_and_others_are_not() {
        let one = || vec![field("one", DType::FLOAT32, 0, &[]), field("two", DType::INT16, 6, &[3])];
        let a = DType::record(12, one()).unwrap();
        assert_eq!(a, DType::record(12, one()).unwrap());
        assert_ne!(a, DType::record(16, one()).unwrap());
        assert_eq!((a.item_size(), a.element_bits()), (12, 96));
        assert_eq!(a.as_record().unwrap().fields(), one());
        assert_eq!(a.validate(), Ok(()));
    }

    #[test]
    fn a_field_must_lie_inside_its_record() {
        for (offset, shape) in [(5, vec![]), (usize::MAX, vec![]), (0, vec![3]), (0, vec![usize::MAX, 2])] {
            let error = DType::record(8, vec![field("x", DType::FLOAT32, offset, &shape)]).unwrap_err();
            assert_eq!(error.kind(), Kind::Dtype);
        }
        assert!(DType::record(8, vec![field("x", DType::FLOAT32, 4, &[1])]).is_ok());
    }

    #[test]
    fn names_are_unique_and_packed_fields_refused() {
        let float = |name| field(name, DType::FLOAT32, 0, &[]);
        assert!(DType::record(4, vec![float("x"), float("x")]).is_err());
        assert!(DType::record(4, vec![Field { title: Some("x".into()), ..float("x") }]).is_err());
        assert!(DType::record(4, vec![float("")]).is_err());
        assert!(DType::record(4, vec![]).is_err());
        assert!(DType::record(4, vec![field("x", DType::INT4, 0, &[])]).is_err());
        assert!(DType::record(4, vec![field("x", DType::INT4.padded(), 0, &[4])]).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let mut dtype = DType::INT8;
        for level in 0..MAX_DEPTH {
            dtype = DType::record(1, vec![field("nested", dtype, 0, &[])])
                .unwrap_or_else(|e| panic!("{level}: {e}"));
        }
        assert!(DType::record(1, vec![field("nested", dtype, 0, &[])]).is_err());
    }

    #[test]
    fn threads_agree_on_the_numbers() {
        let register =
            || (1..50).map(|n| DType::record(n, vec![field("t", DType::INT8, n - 1, &[])]).unwrap());
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(move || register().collect::<Vec<_>>())).collect();
        let expected: Vec<_> = register().collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    }
}
