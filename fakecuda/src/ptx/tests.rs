//! Snippets of PTX, run.

use super::{Counts, Fault, Kernel, Traffic};

mod conversions;
mod floats;
mod integers;
mod memory;
mod refusals;
mod shipped;
mod threads;
mod warps;

/// A kernel `k` that takes the addresses of its input `%in` and its output `%out`, both global, in `%rd0` and `%rd1`.
fn kernel(body: &str) -> Result<Kernel, String> {
    let text = format!(
        ".visible .entry k(\n.param .u64 k_param_0,\n.param .u64 k_param_1\n)\n.maxntid 256, 1, 1\n{{\n\
         .reg .pred %p<9>; .reg .b16 %rs<9>; .reg .b32 %r<9>; .reg .b64 %rd<9>; .reg .f32 %f<9>; .reg .f64 %fd<9>;\n\
         ld.param.u64 %rd0, [k_param_0];\nld.param.u64 %rd1, [k_param_1];\n{body}\nret;\n}}\n"
    );
    Kernel::parse(&text, "k")
}

/// Runs blocks of so many threads on an input, and gives back an output of so many bytes.
fn launch(
    kernel: &Kernel,
    blocks: u32,
    threads: u32,
    input: &[u64],
    output: usize,
) -> Result<(Vec<u8>, Counts), Fault> {
    let mut words = vec![0x5555_5555_5555_5555u64; output.div_ceil(8)];
    let reads = input.as_ptr() as usize..input.as_ptr_range().end as usize;
    let writes = words.as_mut_ptr() as usize..words.as_ptr() as usize + output;
    let params: Vec<u8> = [reads.start, writes.start].iter().flat_map(|start| start.to_le_bytes()).collect();
    let mut check = |address: usize, length: usize, write: bool| {
        let inside =
            |range: &std::ops::Range<usize>| range.contains(&address) && address + length <= range.end;
        inside(&writes) || (!write && inside(&reads))
    };
    // SAFETY: what the check allows lies in `input` or in `words`, which only the launch uses.
    let counts = unsafe { kernel.launch(&params, [blocks, 1, 1], [threads, 1, 1], &mut check) }?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    Ok((bytes[..output].to_vec(), counts))
}

/// The bits that an instruction leaves in register 8 of its kind. The inputs are in registers 2, 3, 4 and 5, of every
/// kind; `%p2` to `%p5` are their lowest bits.
fn result(instruction: &str, inputs: &[u64]) -> u64 {
    let mut body = String::new();
    for (number, _) in inputs.iter().enumerate() {
        let (register, offset) = (number + 2, 8 * number);
        for (kind, name) in [("b64", "rd"), ("b32", "r"), ("b16", "rs"), ("f32", "f"), ("f64", "fd")] {
            body += &format!("ld.global.{kind} %{name}{register}, [%rd0+{offset}];\n");
        }
        body += &format!("and.b32 %r1, %r{register}, 1; setp.ne.s32 %p{register}, %r1, 0;\n");
    }
    body += &format!("{instruction};\n");
    let stores = [("%rd8", "b64"), ("%rs8", "b16"), ("%r8", "b32"), ("%fd8", "f64"), ("%f8", "f32")];
    match stores.iter().find(|(register, _)| instruction.contains(register)) {
        Some((register, kind)) => body += &format!("st.global.{kind} [%rd1], {register};\n"),
        None => body += "selp.u32 %r8, 1, 0, %p8; st.global.u32 [%rd1], %r8;\n",
    }
    let kernel = kernel(&format!("mov.u64 %rd6, 0; st.global.u64 [%rd1], %rd6;\n{body}")).unwrap();
    let (bytes, _) = launch(&kernel, 1, 1, inputs, 8).unwrap_or_else(|fault| panic!("{}", fault.what));
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Checks rows of an instruction, its inputs and its result.
fn check(rows: &[(&str, &[u64], u64)]) {
    for (instruction, inputs, expected) in rows {
        let got = result(instruction, inputs);
        assert_eq!(got, *expected, "{instruction} of {inputs:x?}: {got:#x}, not {expected:#x}");
    }
}

fn f(value: f32) -> u64 {
    value.to_bits().into()
}

fn d(value: f64) -> u64 {
    value.to_bits()
}
