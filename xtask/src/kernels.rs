//! `cargo xtask kernels`: the CUDA kernels as PTX, the text that drivers compile for the GPU they find. It is committed,
//! so that nobody who builds ndferry needs NVIDIA's tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    step::{Progress, Result, Stop, Verdict, capture, error},
    tools,
    venv::KERNELS,
};

const SOURCES: &str = "src/engine/cuda/kernels";
const COMMITTED: &str = "src/engine/cuda/kernels/ptx";
const COMPILER: &str = "xtask/src/nvrtc.py";
const ASSEMBLER: &str = "nvidia/cu13/bin/ptxas";

/// What each source is compiled for, by compute capability: newer ones where they have instructions of their own for it.
const ARCHITECTURES: [u32; 2] = [75, 90];

/// GPUs whose assembler must accept the text: Turing, Ampere, Ada, Hopper, Blackwell.
const GPUS: [u32; 8] = [75, 80, 86, 89, 90, 100, 103, 120];

/// Products and sums are never fused: results are the CPU's, bit for bit.
const OPTIONS: [&str; 2] = ["--std=c++17", "--fmad=false"];

pub fn run(progress: &Progress, check: bool) -> Verdict {
    let sources = with_extension(SOURCES, "cu");
    if sources.is_empty() {
        return Err(Stop::NotBuilt(format!("there is no kernel in {SOURCES}")));
    }
    KERNELS.set_up(progress)?;
    let made = tools::root().join("target/kernels");
    fs::create_dir_all(&made)
        .or_else(|why| error(format!("cannot make the folder {}: {why}", made.display())))?;
    let mut fresh = BTreeMap::new();
    let mut spilled = Vec::new();
    for source in &sources {
        let mut older = String::new();
        for architecture in ARCHITECTURES {
            let name = format!("{}_{architecture}.ptx", stem(source));
            let text = compile(progress, source, architecture, &made.join(&name))?;
            if without_target(&text) == without_target(&older) {
                progress.say(&format!("    {name} is left out: it would say the same as for older GPUs"));
                continue;
            }
            older.clone_from(&text);
            spilled.extend(assemble(progress, &made.join(&name), architecture)?);
            fresh.insert(name, text);
        }
    }
    if check {
        compare(progress, &fresh)?
    } else {
        write(progress, &fresh)?
    }
    if spilled.is_empty() { Ok(()) } else { error(format!("registers spill in {}", spilled.join(", "))) }
}

/// Compiles one source, leaves the text at `output` as it is to be committed, and returns it.
fn compile(progress: &Progress, source: &Path, architecture: u32, output: &Path) -> Result<String> {
    let mut command = KERNELS.command("python");
    command.arg(COMPILER).arg(source).arg(format!("compute_{architecture}")).arg(output).args(OPTIONS);
    command.arg(format!("--include-path={SOURCES}"));
    progress.must(&format!("compile {}.cu for compute_{architecture}", stem(source)), &mut command)?;
    let text = shorten(&read(output)?);
    put(output, &text)?;
    Ok(text)
}

/// PTX without comments, with blanks only where they part words, with short names of parameters and labels, and without the
/// tables of NVRTC's own header, which nothing refers to. It is a fifth shorter, and still a text to read.
fn shorten(text: &str) -> String {
    let mut short = String::new();
    let mut parameters = String::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        let words: Vec<&str> = code.split_whitespace().collect();
        if words.is_empty() || (words[0] == ".global" && code.contains("nv6target")) {
            continue;
        }
        if let Some((_, rest)) = code.split_once(".entry ") {
            parameters = format!("{}_param_", rest.split('(').next().unwrap_or_default());
        }
        let mut line = words.join(" ").replace(", ", ",").replace("{ ", "{");
        if !parameters.is_empty() {
            line = line.replace(&parameters, "p");
        }
        short.push_str(&short_labels(&line));
        short.push('\n');
    }
    short
}

/// `$L__BB12_3`, the third label of the twelfth function, as `$3`: others do not see it.
fn short_labels(line: &str) -> String {
    let mut parts = line.split("$L__BB");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |short, part| {
        let number = part.split_once('_').map_or(part, |(_, number)| number);
        short + "$" + number
    })
}

/// The lines of a text but the one that names what it was compiled for.
fn without_target(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with(".target ")).collect()
}

/// Assembles a text for every GPU that may meet it, and tells what its kernels need there. Returns those whose registers
/// do not suffice: what is spilled goes through memory.
fn assemble(progress: &Progress, text: &Path, architecture: u32) -> Result<Vec<String>> {
    let name = text.file_name().unwrap_or_default().to_string_lossy();
    let mut needs = BTreeMap::<String, Needs>::new();
    let mut accepted = String::new();
    for gpu in GPUS.into_iter().filter(|gpu| *gpu >= architecture) {
        let mut command = Command::new(KERNELS.installed(ASSEMBLER)?);
        command.args(["--verbose", "--warning-as-error", "--output-file", "/dev/null"]);
        command.arg(format!("--gpu-name=sm_{gpu}")).arg(text);
        let finished = capture(&mut command, false)?;
        if !finished.ok {
            return error(format!("{name} is refused for sm_{gpu}:\n{}", finished.text));
        }
        for (kernel, need) in needs_of(&finished.text) {
            needs.entry(kernel).or_default().widen(need);
        }
        accepted += &format!(" {gpu}");
    }
    if needs.is_empty() {
        return error(format!("{name}: the assembler named no kernel"));
    }
    progress.say(&format!("{name} assembles for sm{accepted}"));
    for (kernel, need) in &needs {
        progress.say(&format!("    {kernel}: {need}"));
    }
    let spilled = needs.iter().filter(|(_, need)| need.spilled > 0);
    Ok(spilled.map(|(kernel, _)| format!("{kernel} of {name}")).collect())
}

/// What the assembler says of a kernel.
#[derive(Default, Debug, PartialEq)]
struct Needs {
    registers: u32,
    fewest: u32,
    shared: u32,
    stack: u32,
    spilled: u32,
}

impl Needs {
    /// Takes in what the kernel needs on another GPU.
    fn widen(&mut self, other: Self) {
        self.fewest = if self.registers == 0 { other.fewest } else { self.fewest.min(other.fewest) };
        self.registers = self.registers.max(other.registers);
        self.shared = self.shared.max(other.shared);
        self.stack = self.stack.max(other.stack);
        self.spilled = self.spilled.max(other.spilled);
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} to {} registers", self.fewest, self.registers)?;
        for (bytes, what) in [(self.shared, "shared"), (self.stack, "stack"), (self.spilled, "spilled")] {
            if bytes > 0 {
                write!(f, ", {what} {bytes} bytes")?;
            }
        }
        Ok(())
    }
}

/// Reads the assembler's report: the name of a kernel, the line of its stack, the line of its registers.
fn needs_of(report: &str) -> Vec<(String, Needs)> {
    let mut all: Vec<(String, Needs)> = Vec::new();
    for line in report.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            all.push((rest.split('\'').next().unwrap_or_default().into(), Needs::default()));
        }
        let Some((_, needs)) = all.last_mut() else { continue };
        if line.contains("bytes stack frame") {
            needs.stack = number_before(line, " bytes stack frame");
            needs.spilled =
                number_before(line, " bytes spill stores") + number_before(line, " bytes spill loads");
        } else if line.contains("Used ") {
            needs.registers = number_before(line, " registers");
            needs.fewest = needs.registers;
            needs.shared = number_before(line, " bytes smem");
        }
    }
    all
}

/// The number that stands in front of `unit`, or 0.
fn number_before(line: &str, unit: &str) -> u32 {
    let before = line.split_once(unit).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Fails with the names of files that are not what the sources compile to.
fn compare(progress: &Progress, fresh: &BTreeMap<String, String>) -> Verdict {
    let root = tools::root();
    let mut stale: BTreeSet<String> = leftovers(fresh).into_iter().collect();
    for (name, text) in fresh {
        if fs::read_to_string(root.join(COMMITTED).join(name)).ok().as_ref() != Some(text) {
            stale.insert(name.clone());
        }
    }
    if stale.is_empty() {
        progress.say(&format!("{COMMITTED} is fresh: {} files, {} bytes", fresh.len(), bytes(fresh)));
        return Ok(());
    }
    let names = stale.into_iter().collect::<Vec<_>>().join(", ");
    error(format!("stale in {COMMITTED}: {names}; run `cargo xtask kernels` and commit"))
}

fn write(progress: &Progress, fresh: &BTreeMap<String, String>) -> Verdict {
    let folder = tools::root().join(COMMITTED);
    fs::create_dir_all(&folder)
        .or_else(|why| error(format!("cannot make the folder {}: {why}", folder.display())))?;
    for name in leftovers(fresh) {
        let file = folder.join(name);
        fs::remove_file(&file).or_else(|why| error(format!("cannot delete {}: {why}", file.display())))?;
    }
    for (name, text) in fresh {
        put(&folder.join(name), text)?;
    }
    progress.say(&format!("{COMMITTED} written: {} files, {} bytes", fresh.len(), bytes(fresh)));
    Ok(())
}

/// Committed files that no source makes any more.
fn leftovers(fresh: &BTreeMap<String, String>) -> Vec<String> {
    let names = with_extension(COMMITTED, "ptx").into_iter();
    let names = names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    names.filter(|name| !fresh.contains_key(name)).collect()
}

fn bytes(texts: &BTreeMap<String, String>) -> usize {
    texts.values().map(String::len).sum()
}

/// The files of a folder of the repository that end in `extension`, in the order of their names.
fn with_extension(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(tools::root().join(folder)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == extension));
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).or_else(|why| error(format!("cannot read {}: {why}", path.display())))
}

fn put(path: &Path, text: &str) -> Verdict {
    fs::write(path, text).or_else(|why| error(format!("cannot write {}: {why}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_has_no_comments_no_long_names_and_no_tables_of_the_compiler() {
        let text = "// Build 1\n.target sm_75\n\n.global .align 8 .u64 _ZN2nv6target5sm_35E = 35;\n\
                    .visible .entry copy_1(\n\t.param .u64 copy_1_param_0\n)\n$L__BB12_3:\n\
                    \tld.param.v2.u32 \t{%r1, %r2}, [copy_1_param_0+8]; // two\n\t@%p1 bra \t$L__BB12_3;\n";
        let short = ".target sm_75\n.visible .entry copy_1(\n.param .u64 p0\n)\n$3:\n\
                     ld.param.v2.u32 {%r1,%r2},[p0+8];\n@%p1 bra $3;\n";
        assert_eq!(shorten(text), short);
    }

    #[test]
    fn spills_registers_and_shared_memory_are_read_from_the_report() {
        let report = "ptxas info    : 0 bytes gmem\n\
            ptxas info    : Compiling entry function 'trans_4' for 'sm_90'\n\
            ptxas info    : Function properties for trans_4\n    \
            16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads\n\
            ptxas info    : Used 32 registers, used 1 barriers, 4224 bytes smem, 840 bytes cmem[0]\n";
        let needs = Needs { registers: 32, fewest: 32, shared: 4224, stack: 16, spilled: 12 };
        assert_eq!(needs_of(report), [("trans_4".to_owned(), needs)]);
    }
}
