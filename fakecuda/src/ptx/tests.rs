//! Snippets of PTX, run.

use super::{Counts, Fault, Kernel};

mod threads;

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
