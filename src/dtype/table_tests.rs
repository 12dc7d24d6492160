//! Casting and promotion against tables made by NumPy and ml_dtypes (`tests/data/make_dtype_tables.py`).

use super::*;

const CASTING: &str = include_str!("../../tests/data/numpy_casting.txt");
const PROMOTION: &str = include_str!("../../tests/data/numpy_promotion.txt");
/// Where this library departs from ml_dtypes on purpose; the file says why.
const DIFFERENCES: &str = include_str!("../../tests/data/dtype_differences.txt");

const RULES: [Casting; 5] = [Casting::No, Casting::Equiv, Casting::Safe, Casting::SameKind, Casting::Unsafe];

/// A file's paragraphs, as lines, without the comment at its head. The first lists the types.
fn paragraphs(file: &'static str) -> Vec<Vec<&'static str>> {
    let body = file.split_once('\n').map_or("", |(_, body)| body);
    body.trim_end().split("\n\n").map(|part| part.lines().collect()).collect()
}

fn types(names: &[&str]) -> Vec<DType> {
    // The tables are NumPy's of a little-endian machine; ml_dtypes gives each narrow element a byte.
    names.iter().map(|name| DType::parse(name).unwrap_or_else(|e| panic!("{e}")).padded()).collect()
}

/// Numbers of which at least one is not NumPy's own: the pairs with a rule of this library's.
fn is_ours(a: DType, b: DType) -> bool {
    let numpys = |dtype: DType| dtype.known_scalar().map(|scalar| !scalar.typestr.is_empty());
    matches!((numpys(a), numpys(b)), (Some(x), Some(y)) if !(x && y))
}

/// The lines `kind from to numpy's ours` that differ.
#[cfg(target_endian = "little")]
fn casting_differences() -> Vec<String> {
    let tables = paragraphs(CASTING);
    let (names, levels) = (&tables[0], &tables[1]);
    let types = types(names);
    assert_eq!(levels.len(), types.len());
    let mut differences = Vec::new();
    for ((&from, from_name), row) in types.iter().zip(names).zip(levels) {
        assert_eq!(row.len(), types.len());
        for ((&to, to_name), level) in types.iter().zip(names).zip(row.bytes()) {
            let ours = casting_needed(from, to).map_or(9, |needed| needed as u8);
            if ours == level - b'0' {
                continue;
            }
            assert!(
                is_ours(from, to),
                "{from_name} to {to_name}: NumPy needs {}, ndferry {ours}",
                level as char
            );
            differences.push(format!("cast {from_name} {to_name} {} {ours}", level as char));
        }
    }
    differences
}

#[cfg(target_endian = "little")]
fn promotion_differences() -> Vec<String> {
    let tables = paragraphs(PROMOTION);
    let (names, results) = (&tables[0], &tables[1]);
    let types = types(names);
    let mut differences = Vec::new();
    for (i, row) in results.iter().enumerate() {
        let row: Vec<_> = row.split(';').collect();
        assert_eq!(row.len(), types.len() - i, "{}", names[i]);
        for (j, expected) in row.iter().enumerate().map(|(j, expected)| (i + j, expected)) {
            let ours = promote(types[i], types[j]).ok();
            assert_eq!(ours, promote(types[j], types[i]).ok(), "{} and {}", names[i], names[j]);
            let expected = (*expected != "-").then(|| DType::parse(expected).unwrap().padded());
            if ours == expected {
                continue;
            }
            let text =
                |dtype: Option<DType>| dtype.map_or("-".into(), |dtype| dtype.name().replace("[padded]", ""));
            let (numpys, ours) = (text(expected), text(ours));
            assert!(is_ours(types[i], types[j]), "{} and {}: {numpys}, {ours}", names[i], names[j]);
            differences.push(format!("promote {} {} {numpys} {ours}", names[i], names[j]));
        }
    }
    differences
}

#[test]
#[cfg(target_endian = "little")]
fn casting_and_promotion_are_numpys_but_for_the_listed_differences() {
    let listed: Vec<_> = DIFFERENCES.lines().filter(|line| !line.starts_with('#')).collect();
    let found = [casting_differences(), promotion_differences()].concat();
    let new: Vec<_> = found.iter().filter(|line| !listed.contains(&line.as_str())).collect();
    let gone: Vec<_> = listed.iter().filter(|line| !found.iter().any(|found| found == *line)).collect();
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}\nlisted, but no difference: {gone:#?}");
}

#[test]
fn a_cast_of_other_numbers_is_safe_exactly_when_every_value_survives() {
    let tables = paragraphs(CASTING);
    let survives = &tables[2];
    let types = types(&tables[0][..survives.len()]);
    for (&from, row) in types.iter().zip(survives) {
        for (&to, survives) in types.iter().zip(row.bytes()).filter(|(to, _)| is_ours(from, **to)) {
            assert_eq!(can_cast(from, to, Casting::Safe), survives == b'1', "{from} to {to}");
            assert_eq!(can_cast(from, to, Casting::SameKind), survives == b'1' || from.class() <= to.class());
            assert!(can_cast(from, to, Casting::Unsafe));
        }
    }
}

#[test]
fn a_promotion_is_a_type_that_both_cast_to_safely() {
    for a in table::SCALARS {
        for b in table::SCALARS {
            let common = promote(a.dtype, b.dtype).unwrap_or_else(|e| panic!("{e}"));
            for from in [a.dtype, b.dtype] {
                assert!(can_cast(from, common, Casting::Safe), "{} and {}: {common}", a.name, b.name);
            }
        }
    }
}

#[test]
fn a_laxer_rule_allows_what_a_stricter_one_does() {
    let all = [
        DType::BOOL,
        DType::FLOAT32,
        DType::FLOAT32.swapped(),
        DType::INT4,
        DType::numpy(b'S', 3),
        DType::new(18, 32),
    ];
    for from in all {
        for to in all {
            let allowed = RULES.map(|rule| can_cast(from, to, rule));
            assert!(allowed.is_sorted(), "{from} to {to}: {allowed:?}");
        }
    }
}

#[test]
fn lanes_cast_and_promote_to_as_many() {
    let (pair, wide) = (DType::FLOAT4_E2M1FN.with_lanes(2), DType::FLOAT32.with_lanes(2));
    assert_eq!(casting_needed(pair, wide), Some(Casting::Safe));
    assert_eq!(casting_needed(pair, DType::FLOAT32), None);
    assert_eq!(promote(pair, wide), Ok(wide));
    assert!(promote(pair, DType::FLOAT32).is_err());
}

#[test]
fn byte_order_and_padding_are_equivalent_forms() {
    assert_eq!(casting_needed(DType::FLOAT32, DType::FLOAT32.swapped()), Some(Casting::Equiv));
    assert_eq!(casting_needed(DType::INT4, DType::INT4.padded()), Some(Casting::Equiv));
    assert_eq!(promote(DType::FLOAT32.swapped(), DType::FLOAT32.swapped()), Ok(DType::FLOAT32));
    assert_eq!(promote(DType::INT4, DType::INT2), Ok(DType::INT4));
    assert_eq!(promote(DType::INT4.padded(), DType::INT2), Ok(DType::INT4.padded()));
}

#[test]
fn unknown_types_cast_to_themselves_only() {
    let unknown = DType::new(18, 32);
    assert_eq!(casting_needed(unknown, unknown), Some(Casting::No));
    assert_eq!(casting_needed(unknown, unknown.swapped()), Some(Casting::Equiv));
    for other in [DType::FLOAT32, DType::numpy(b'V', 4), DType::parse("[('x', 'f4')]").unwrap()] {
        assert_eq!(casting_needed(unknown, other), None);
        assert_eq!(casting_needed(other, unknown), None);
        assert!(promote(unknown, other).is_err());
    }
}
