//! Names of element types, in every spelling: what is understood has a name that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ndferry::dtype::DType;

fuzz_target!(|text: &str| {
    let spellings = [DType::parse, DType::from_typestr, DType::from_buffer_format, DType::from_descr];
    for parse in spellings {
        let Ok(dtype) = parse(text) else { continue };
        dtype.validate().expect("what is understood is a type");
        let name = dtype.name();
        assert_eq!(DType::parse(&name), Ok(dtype), "{text:?} is {name:?}");
        if let Ok(format) = dtype.buffer_format() {
            let again = DType::from_buffer_format(&format).expect("a format of ours is understood");
            assert_eq!(again.item_size(), dtype.item_size(), "{text:?} has the format {format:?}");
        }
    }
});
