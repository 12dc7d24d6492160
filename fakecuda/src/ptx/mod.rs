//! A small PTX interpreter: runs the very text that ships, one thread after another, with every
//! global access checked. Covers what plain CUDA C++ without tensor cores, warp shuffles, atomics
//! or textures compiles to; anything else is refused when the function is looked up.
#![allow(missing_docs, clippy::all, clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Ty {
    U(u8),
    S(u8),
    F16,
    BF16,
    F32,
    F64,
    Pred,
}
#[derive(Clone, Copy, PartialEq, Debug)]
enum Space {
    Param,
    Global,
    Shared,
}
#[derive(Clone, Copy, PartialEq, Debug)]
enum Op {
    Mov,
    Ld,
    St,
    Add,
    Sub,
    MulLo,
    MulHi,
    MulWide,
    MadLo,
    MadWide,
    Shl,
    Shr,
    And,
    Or,
    Xor,
    Not,
    Neg,
    Min,
    Max,
    Abs,
    Setp,
    Selp,
    Cvt,
    E4m3x2,
    Bra,
    Bar,
    Ret,
    Prmt,
    Fma,
    Div,
    Rem,
    Pack,
    Unpack,
    Bfe,
    Bfi,
}
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Equ,
    Neu,
    Ltu,
    Leu,
    Gtu,
    Geu,
    Nan,
    Num,
}
#[derive(Clone, Copy, Debug)]
enum Arg {
    Reg(u32),
    Imm(u64),
    Tid(u8, u8),
    Mem(Option<u32>, i64),
} // Mem: [register + offset]
#[derive(Clone, Debug)]
struct Ins {
    op: Op,
    t: Ty,
    s: Ty,
    cmp: Cmp,
    space: Space,
    pred: Option<(u32, bool)>,
    a: Vec<Arg>,
    n: usize,
    to: usize,
    line: usize,
}
pub struct Kernel {
    pub name: String,
    pub params: Vec<(usize, usize)>,
    pub param_bytes: usize,
    pub max_threads: u32,
    regs: usize,
    shared: usize,
    code: Vec<Ins>,
}
pub struct Fault {
    pub what: String,
}
/// What a launch did.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    pub instructions: u64,
    pub global: u64,
    pub shared: u64,
}

fn ty(s: &str) -> Option<Ty> {
    Some(match s {
        "pred" => Ty::Pred,
        "f16" => Ty::F16,
        "bf16" => Ty::BF16,
        "f32" => Ty::F32,
        "f64" => Ty::F64,
        _ => {
            let n: u32 = s.get(1..)?.parse().ok()?;
            match &s[..1] {
                "u" | "b" => Ty::U((n / 8) as u8),
                "s" => Ty::S((n / 8) as u8),
                _ => return None,
            }
        }
    })
}
fn size(t: Ty) -> usize {
    match t {
        Ty::U(n) | Ty::S(n) => n as usize,
        Ty::F16 | Ty::BF16 => 2,
        Ty::F32 => 4,
        Ty::F64 => 8,
        Ty::Pred => 1,
    }
}
fn signed(v: u64, t: Ty) -> i64 {
    match size(t) {
        1 => v as i8 as i64,
        2 => v as i16 as i64,
        4 => v as i32 as i64,
        _ => v as i64,
    }
}
fn trunc(v: u64, n: usize) -> u64 {
    if n >= 8 { v } else { v & ((1u64 << (8 * n)) - 1) }
}
fn f(v: u64) -> f32 {
    f32::from_bits(v as u32)
}
fn d(v: u64) -> f64 {
    f64::from_bits(v)
}

impl Kernel {
    pub fn parse(ptx: &str, name: &str) -> Result<Kernel, String> {
        let at = ptx.find(&format!(".entry {name}(")).ok_or("no such entry")?;
        let line0 = ptx[..at].lines().count();
        let rest = &ptx[at..];
        let open = rest.find('{').ok_or("no body")?;
        let (head, body) = (&rest[..open], &rest[open + 1..]);
        let body = &body[..body.find("\n}").ok_or("no end")?];
        let mut k = Kernel {
            name: name.into(),
            params: vec![],
            param_bytes: 0,
            max_threads: 1024,
            regs: 0,
            shared: 0,
            code: vec![],
        };
        let mut sym: HashMap<String, Arg> = HashMap::new();
        for (i, p) in head.split(".param").skip(1).enumerate() {
            let w: Vec<&str> = p
                .split(|c: char| c.is_whitespace() || c == ',' || c == ')')
                .filter(|w| !w.is_empty())
                .collect();
            let mut align = 1;
            let mut bytes = 0;
            for j in 0..w.len() {
                if w[j] == ".align" {
                    align = w[j + 1].parse().map_err(|_| "align")?;
                }
                if let Some(t) = w[j].strip_prefix('.').and_then(ty) {
                    bytes = size(t);
                    align = align.max(bytes);
                }
                if w[j].contains("_param_") {
                    if let Some((_, n)) = w[j].split_once('[') {
                        bytes *= n.trim_end_matches(']').parse::<usize>().map_err(|_| "size")?;
                    }
                }
                if w[j].starts_with(".max") {
                    break;
                }
            }
            let off = k.param_bytes.div_ceil(align) * align;
            k.params.push((off, bytes));
            k.param_bytes = off + bytes;
            sym.insert(format!("{name}_param_{i}"), Arg::Imm(off as u64));
        }
        if let Some(m) = head.split(".maxntid").nth(1) {
            k.max_threads = m
                .split(',')
                .filter_map(|x| x.trim().split_whitespace().next()?.parse::<u32>().ok())
                .product();
        }
        let (mut labels, mut jumps) = (HashMap::new(), vec![]);
        let clean: String = body.lines().map(|l| l.split("//").next().unwrap().to_string() + "\n").collect();
        let mut line = line0 + head.lines().count() - 1;
        for stmt in clean.split_inclusive([';', ':', '{', '}']).fold(vec![String::new()], |mut v, s| {
            // "{" and "}" of vector operands do not end a statement
            v.last_mut().unwrap().push_str(s);
            if s.ends_with(';')
                || (s.ends_with(':') && v.last().unwrap().trim().starts_with('$'))
                || matches!(v.last().unwrap().trim(), "{" | "}")
            {
                v.push(String::new());
            }
            v
        }) {
            line += stmt.matches('\n').count();
            let t = stmt.trim().trim_end_matches(';').trim();
            if t.is_empty() || t == "{" || t == "}" {
                continue;
            }
            if let Some(l) = t.strip_suffix(':') {
                labels.insert(l.to_string(), k.code.len());
                continue;
            }
            let w: Vec<&str> = t.split_whitespace().collect();
            if w[0] == ".reg" {
                for n in t[4..].trim().splitn(2, char::is_whitespace).nth(1).unwrap_or("").split(',') {
                    let n = n.trim();
                    match n.split_once('<') {
                        Some((b, c)) => {
                            for i in 0..c.trim_end_matches('>').parse().unwrap_or(0) {
                                sym.insert(format!("{b}{i}"), Arg::Reg(k.regs as u32));
                                k.regs += 1;
                            }
                        }
                        None => {
                            sym.insert(n.into(), Arg::Reg(k.regs as u32));
                            k.regs += 1;
                        }
                    }
                }
                continue;
            }
            if w[0] == ".shared" {
                let (n, c) = w.last().unwrap().split_once('[').ok_or("shared")?;
                k.shared = k.shared.div_ceil(16) * 16;
                sym.insert(n.into(), Arg::Imm(k.shared as u64));
                k.shared += c.trim_end_matches(']').parse::<usize>().map_err(|_| "shared size")?;
                continue;
            }
            if w[0].starts_with('.') {
                continue;
            }
            let mut i = k.instruction(t, line, &sym)?;
            if i.op == Op::Bra {
                jumps.push((k.code.len(), w.last().unwrap().to_string()));
                i.a.clear();
            }
            k.code.push(i);
        }
        for (at, l) in jumps {
            k.code[at].to = *labels.get(&l).ok_or(format!("label {l}"))?;
        }
        Ok(k)
    }
    fn instruction(&self, t: &str, line: usize, sym: &HashMap<String, Arg>) -> Result<Ins, String> {
        let mut t = t;
        let mut pred = None;
        if let Some(p) = t.strip_prefix('@') {
            let (p, r) = p.split_once(char::is_whitespace).ok_or("pred")?;
            let Some(Arg::Reg(n)) = sym.get(p.trim_start_matches('!')) else { return Err(format!("{p}?")) };
            pred = Some((*n, !p.starts_with('!')));
            t = r.trim();
        }
        let (op, args) = t.split_once(char::is_whitespace).unwrap_or((t, ""));
        let f: Vec<&str> = op.split('.').collect();
        let tys: Vec<Ty> = f[1..].iter().filter_map(|x| ty(x)).collect();
        let t0 = tys.first().copied().unwrap_or(Ty::U(4));
        let has = |x: &str| f.contains(&x);
        let bad = || Err(format!("PTX line {line}: {t}: not supported"));
        let o = match f[0] {
            "mov" if args.starts_with('{') => Op::Unpack,
            "mov" if args.contains('{') => Op::Pack,
            "mov" => Op::Mov,
            "ld" | "ldu" => Op::Ld,
            "st" => Op::St,
            "add" => Op::Add,
            "sub" => Op::Sub,
            "mul" if has("hi") => Op::MulHi,
            "mul" if has("wide") => Op::MulWide,
            "mul" => Op::MulLo,
            "mad" if has("lo") => Op::MadLo,
            "mad" if has("wide") => Op::MadWide,
            "fma" => Op::Fma,
            "shl" => Op::Shl,
            "shr" => Op::Shr,
            "and" => Op::And,
            "or" => Op::Or,
            "xor" => Op::Xor,
            "not" => Op::Not,
            "neg" => Op::Neg,
            "min" => Op::Min,
            "max" => Op::Max,
            "abs" => Op::Abs,
            "setp" => Op::Setp,
            "selp" => Op::Selp,
            "cvta" => Op::Mov,
            "cvt" if has("e4m3x2") => Op::E4m3x2,
            "cvt" => Op::Cvt,
            "bra" => Op::Bra,
            "bar" | "barrier" => Op::Bar,
            "ret" | "exit" => Op::Ret,
            "bfe" => Op::Bfe,
            "bfi" => Op::Bfi,
            "prmt" => Op::Prmt,
            "div" => Op::Div,
            "rem" => Op::Rem,
            _ => return bad(),
        };
        let space = if has("param") {
            Space::Param
        } else if has("shared") {
            Space::Shared
        } else {
            Space::Global
        };
        if matches!(o, Op::Ld | Op::St) && !has("param") && !has("shared") && !has("global") {
            return bad();
        }
        let cmp = match f.get(1).copied().unwrap_or("") {
            "eq" => Cmp::Eq,
            "ne" => Cmp::Ne,
            "lt" | "lo" => Cmp::Lt,
            "le" | "ls" => Cmp::Le,
            "gt" | "hi" => Cmp::Gt,
            "ge" | "hs" => Cmp::Ge,
            "equ" => Cmp::Equ,
            "neu" => Cmp::Neu,
            "ltu" => Cmp::Ltu,
            "leu" => Cmp::Leu,
            "gtu" => Cmp::Gtu,
            "geu" => Cmp::Geu,
            "nan" => Cmp::Nan,
            "num" => Cmp::Num,
            _ => Cmp::Eq,
        };
        if o == Op::Setp && (has("and") || has("or") || has("xor")) {
            return bad();
        }
        let mut a = vec![];
        if o != Op::Bra && o != Op::Bar {
            for x in args.replace(['{', '}'], "").split(',') {
                let x = x.trim();
                if x.is_empty() {
                    continue;
                }
                a.push(if let Some(m) = x.strip_prefix('[') {
                    let m = m.trim_end_matches(']');
                    let (b, off) = match m.rfind(['+']) {
                        Some(i) => (&m[..i], m[i + 1..].trim().parse::<i64>().map_err(|_| format!("{x}?"))?),
                        None => (m, 0),
                    };
                    match sym.get(b.trim()) {
                        Some(Arg::Reg(r)) => Arg::Mem(Some(*r), off),
                        Some(Arg::Imm(v)) => Arg::Mem(None, *v as i64 + off),
                        _ => return bad(),
                    }
                } else {
                    operand(x, sym).ok_or(format!("PTX line {line}: operand {x}"))?
                });
            }
        }
        let n = if has("v4") {
            4
        } else if has("v2") {
            2
        } else {
            1
        };
        Ok(Ins { op: o, t: t0, s: tys.get(1).copied().unwrap_or(t0), cmp, space, pred, a, n, to: 0, line })
    }
    /// Run the grid. `ok(address, length)` says whether the device may touch that memory.
    pub fn launch(
        &self,
        params: &[u8],
        grid: [u32; 3],
        block: [u32; 3],
        ok: &mut dyn FnMut(usize, usize, bool) -> bool,
    ) -> Result<Counts, Fault> {
        let nt = (block[0] * block[1] * block[2]) as usize;
        let mut regs = vec![0u64; self.regs * nt];
        let mut pc = vec![0usize; nt];
        let mut shared = vec![0u8; self.shared];
        let mut count = [0u64; 3]; // instructions; global loads and stores; shared loads and stores
        for b in 0..grid[0] as u64 * grid[1] as u64 * grid[2] as u64 {
            let cta = [
                (b % grid[0] as u64) as u32,
                (b / grid[0] as u64 % grid[1] as u64) as u32,
                (b / (grid[0] as u64 * grid[1] as u64)) as u32,
            ];
            regs.fill(0xDEAD_BEEF_DEAD_BEEF); // an unset register is noise
            shared.fill(0xA5);
            pc.fill(0);
            let mut alive = nt;
            while alive > 0 {
                alive = 0;
                for th in 0..nt {
                    let th = if b & 1 == 1 { nt - 1 - th } else { th };
                    if pc[th] == usize::MAX {
                        continue;
                    }
                    let t = th as u32;
                    let tid = [t % block[0], t / block[0] % block[1], t / block[0] / block[1]];
                    let r = &mut regs[th * self.regs..(th + 1) * self.regs];
                    pc[th] = self
                        .run(pc[th], r, params, &mut shared, [tid, block, cta, grid], ok, &mut count)
                        .map_err(|e| Fault {
                            what: format!("{} block {cta:?} thread {tid:?}: {}", self.name, e.what),
                        })?;
                    alive += (pc[th] != usize::MAX) as usize;
                }
            }
        }
        Ok(Counts { instructions: count[0], global: count[1], shared: count[2] })
    }
    #[allow(clippy::too_many_arguments)]
    fn run(
        &self,
        mut pc: usize,
        r: &mut [u64],
        params: &[u8],
        shared: &mut [u8],
        sp: [[u32; 3]; 4],
        ok: &mut dyn FnMut(usize, usize, bool) -> bool,
        count: &mut [u64; 3],
    ) -> Result<usize, Fault> {
        loop {
            let Some(i) = self.code.get(pc) else { return Ok(usize::MAX) };
            pc += 1;
            count[0] += 1;
            if let Some((p, want)) = i.pred {
                if (r[p as usize] & 1 == 1) != want {
                    continue;
                }
            }
            let bad = |w: String| Fault { what: format!("PTX line {}: {w}", i.line) };
            let get = |r: &[u64], n: usize| match i.a[n] {
                Arg::Reg(x) => r[x as usize],
                Arg::Imm(v) => v,
                Arg::Tid(k, c) => sp[k as usize][c as usize] as u64,
                Arg::Mem(b, o) => b.map_or(0, |b| r[b as usize]).wrapping_add(o as u64),
            };
            let nb = size(i.t);
            let g = |n: usize| trunc(get(r, n), nb);
            let v = match i.op {
                Op::Ret => return Ok(usize::MAX),
                Op::Bar => return Ok(pc),
                Op::Bra => {
                    pc = i.to;
                    continue;
                }
                Op::Ld | Op::St => {
                    let m = if i.op == Op::Ld { i.n } else { 0 };
                    let addr = get(r, m) as usize;
                    let len = nb * i.n;
                    if addr % len != 0 {
                        return Err(bad(format!("misaligned {len}-byte access at {addr:#x}")));
                    }
                    match i.space {
                        Space::Global => count[1] += 1,
                        Space::Shared => count[2] += 1,
                        _ => {}
                    }
                    let base: *mut u8 = match i.space {
                        Space::Param => {
                            if addr + len > params.len() {
                                return Err(bad("parameter out of range".into()));
                            }
                            params[addr..].as_ptr() as *mut u8
                        }
                        Space::Shared => {
                            if addr + len > shared.len() {
                                return Err(bad(format!("shared memory out of range at {addr}")));
                            }
                            unsafe { shared.as_mut_ptr().add(addr) }
                        }
                        Space::Global => {
                            if !ok(addr, len, i.op == Op::St) {
                                return Err(bad(format!("illegal {len}-byte access at {addr:#x}")));
                            }
                            addr as *mut u8
                        }
                    };
                    for e in 0..i.n {
                        unsafe {
                            let p = base.add(e * nb);
                            if i.op == Op::Ld {
                                let mut x = [0u8; 8];
                                std::ptr::copy_nonoverlapping(p, x.as_mut_ptr(), nb);
                                let x = u64::from_le_bytes(x);
                                if let Arg::Reg(q) = i.a[e] {
                                    r[q as usize] = if let Ty::S(_) = i.t { signed(x, i.t) as u64 } else { x }
                                }
                            } else {
                                std::ptr::copy_nonoverlapping(get(r, 1 + e).to_le_bytes().as_ptr(), p, nb);
                            }
                        }
                    }
                    continue;
                }
                Op::Mov => g(1),
                Op::Pack => {
                    let n = i.a.len() - 1;
                    let w = nb / n;
                    (0..n).map(|k| trunc(get(r, 1 + k), w) << (8 * w * k)).sum()
                }
                Op::Unpack => {
                    let n = i.a.len() - 1;
                    let (w, x) = (nb / n, g(n));
                    for k in 0..n {
                        if let Arg::Reg(q) = i.a[k] {
                            r[q as usize] = trunc(x >> (8 * w * k), w);
                        }
                    }
                    continue;
                }
                Op::Bfi => {
                    let (p, l) = (get(r, 3) & 255, (get(r, 4) & 255).min(64));
                    let m = if l >= 64 { !0 } else { ((1u64 << l) - 1) << p.min(63) };
                    (g(2) & !m) | ((g(1) << p.min(63)) & m)
                }
                Op::Bfe => {
                    let (x, p, l) = (g(1), get(r, 2) & 255, get(r, 3) & 255);
                    let v = if p >= 64 { 0 } else { x >> p };
                    if l >= 64 { v } else { v & ((1 << l) - 1) }
                }
                Op::Add | Op::Sub | Op::MulLo | Op::Div if i.t == Ty::F32 => {
                    let (x, y) = (f(g(1)), f(g(2)));
                    (match i.op {
                        Op::Add => x + y,
                        Op::Sub => x - y,
                        Op::Div => x / y,
                        _ => x * y,
                    })
                    .to_bits() as u64
                }
                Op::Add | Op::Sub | Op::MulLo | Op::Div if i.t == Ty::F64 => {
                    let (x, y) = (d(g(1)), d(g(2)));
                    (match i.op {
                        Op::Add => x + y,
                        Op::Sub => x - y,
                        Op::Div => x / y,
                        _ => x * y,
                    })
                    .to_bits()
                }
                Op::Fma if i.t == Ty::F32 => f(g(1)).mul_add(f(g(2)), f(g(3))).to_bits() as u64,
                Op::Add => g(1).wrapping_add(g(2)),
                Op::Sub => g(1).wrapping_sub(g(2)),
                Op::MulLo => g(1).wrapping_mul(g(2)),
                Op::MulHi => match i.t {
                    Ty::S(_) => ((signed(g(1), i.t) as i128 * signed(g(2), i.t) as i128) >> (8 * nb)) as u64,
                    _ => ((g(1) as u128 * g(2) as u128) >> (8 * nb)) as u64,
                },
                Op::MulWide | Op::MadWide => {
                    let p = match i.t {
                        Ty::S(_) => (signed(g(1), i.t).wrapping_mul(signed(g(2), i.t))) as u64,
                        _ => g(1).wrapping_mul(g(2)),
                    };
                    let p = if i.op == Op::MadWide { p.wrapping_add(get(r, 3)) } else { p };
                    let Arg::Reg(q) = i.a[0] else { return Err(bad("dst".into())) };
                    r[q as usize] = trunc(p, 2 * nb);
                    continue;
                }
                Op::MadLo => g(1).wrapping_mul(g(2)).wrapping_add(g(3)),
                Op::Div | Op::Rem => {
                    let (x, y) = (g(1), g(2));
                    if y == 0 {
                        return Err(bad("division by zero".into()));
                    }
                    match (i.t, i.op) {
                        (Ty::S(_), Op::Div) => signed(x, i.t).wrapping_div(signed(y, i.t)) as u64,
                        (Ty::S(_), _) => signed(x, i.t).wrapping_rem(signed(y, i.t)) as u64,
                        (_, Op::Div) => x / y,
                        _ => x % y,
                    }
                }
                Op::Shl => {
                    let n = trunc(get(r, 2), 4);
                    if n >= 8 * nb as u64 { 0 } else { g(1) << n }
                }
                Op::Shr => {
                    let n = trunc(get(r, 2), 4).min(8 * nb as u64);
                    match i.t {
                        Ty::S(_) => (signed(g(1), i.t) >> n.min(63)) as u64,
                        _ => {
                            if n >= 64 {
                                0
                            } else {
                                g(1) >> n
                            }
                        }
                    }
                }
                Op::And => g(1) & g(2),
                Op::Or => g(1) | g(2),
                Op::Xor => g(1) ^ g(2),
                Op::Not => {
                    if i.t == Ty::Pred {
                        !g(1) & 1
                    } else {
                        !g(1)
                    }
                }
                Op::Neg => {
                    if i.t == Ty::F32 {
                        g(1) ^ 0x8000_0000
                    } else {
                        g(1).wrapping_neg()
                    }
                }
                Op::Abs => {
                    if i.t == Ty::F32 {
                        g(1) & 0x7fff_ffff
                    } else {
                        signed(g(1), i.t).unsigned_abs()
                    }
                }
                Op::Min | Op::Max => {
                    let (x, y) = (g(1), g(2));
                    let less = match i.t {
                        Ty::F32 => f(x) < f(y),
                        Ty::S(_) => signed(x, i.t) < signed(y, i.t),
                        _ => x < y,
                    };
                    if less == (i.op == Op::Min) { x } else { y }
                }
                Op::Setp => {
                    use std::cmp::Ordering::*;
                    let (x, y) = (g(1), g(2));
                    let o = match i.t {
                        Ty::F32 => f(x).partial_cmp(&f(y)),
                        Ty::F64 => d(x).partial_cmp(&d(y)),
                        Ty::S(_) => Some(signed(x, i.t).cmp(&signed(y, i.t))),
                        _ => Some(x.cmp(&y)),
                    };
                    (match i.cmp {
                        Cmp::Eq => o == Some(Equal),
                        Cmp::Ne => o.is_some_and(|o| o != Equal),
                        Cmp::Lt => o == Some(Less),
                        Cmp::Gt => o == Some(Greater),
                        Cmp::Le => o.is_some_and(|o| o != Greater),
                        Cmp::Ge => o.is_some_and(|o| o != Less),
                        Cmp::Nan => o.is_none(),
                        Cmp::Num => o.is_some(),
                        Cmp::Equ => o.is_none_or(|o| o == Equal),
                        Cmp::Neu => o != Some(Equal),
                        Cmp::Ltu => o.is_none_or(|o| o == Less),
                        Cmp::Gtu => o.is_none_or(|o| o == Greater),
                        Cmp::Leu => o != Some(Greater),
                        Cmp::Geu => o != Some(Less),
                    }) as u64
                }
                Op::Selp => {
                    if get(r, 3) & 1 == 1 {
                        g(1)
                    } else {
                        g(2)
                    }
                }
                Op::Prmt => {
                    let all = trunc(get(r, 1), 4) | get(r, 2) << 32;
                    let s = get(r, 3);
                    (0..4)
                        .map(|k| {
                            let c = s >> (4 * k) & 15;
                            let b = all >> ((c & 7) * 8) & 255;
                            (if c & 8 != 0 { if b & 128 != 0 { 255 } else { 0 } } else { b }) << (8 * k)
                        })
                        .sum()
                }
                Op::Cvt => {
                    let x = trunc(get(r, 1), size(i.s));
                    match (i.t, i.s) {
                        (Ty::F32, Ty::F16) => f16_to_f32(x as u16).to_bits() as u64,
                        (Ty::F32, Ty::BF16) => x << 16,
                        (Ty::F16, Ty::F32) => f32_to_f16(f(x)) as u64,
                        (Ty::BF16, Ty::F32) => {
                            let u = x as u32;
                            (if u & 0x7fff_ffff > 0x7f80_0000 {
                                0x7fff
                            } else {
                                (u.wrapping_add(0x7fff + (u >> 16 & 1))) >> 16
                            }) as u64
                        }
                        (Ty::F32, Ty::F64) => (d(x) as f32).to_bits() as u64,
                        (Ty::F64, Ty::F32) => (f(x) as f64).to_bits(),
                        (Ty::F32, Ty::S(_)) => (signed(x, i.s) as f32).to_bits() as u64,
                        (Ty::F32, Ty::U(_)) => (x as f32).to_bits() as u64,
                        (Ty::F64, Ty::S(_)) => (signed(x, i.s) as f64).to_bits(),
                        (Ty::F64, Ty::U(_)) => (x as f64).to_bits(),
                        (Ty::U(_) | Ty::S(_), Ty::S(_)) => signed(x, i.s) as u64,
                        (Ty::U(_) | Ty::S(_), Ty::U(_)) => x,
                        _ => return Err(bad(format!("cvt {:?} {:?}", i.t, i.s))),
                    }
                }
                Op::E4m3x2 => (e4m3(f(get(r, 1))) as u64) << 8 | e4m3(f(get(r, 2))) as u64,
                _ => return Err(bad(format!("{:?} {:?}", i.op, i.t))),
            };
            let Arg::Reg(q) = i.a[0] else { return Err(bad("destination".into())) };
            r[q as usize] = trunc(v, if i.op == Op::Setp { 1 } else { nb });
        }
    }
}
fn operand(x: &str, sym: &HashMap<String, Arg>) -> Option<Arg> {
    if let Some(a) = sym.get(x) {
        return Some(*a);
    }
    for (k, n) in ["%tid.", "%ntid.", "%ctaid.", "%nctaid."].iter().enumerate() {
        if let Some(c) = x.strip_prefix(n) {
            return Some(Arg::Tid(k as u8, "xyz".find(c)? as u8));
        }
    }
    if let Some(h) = x.strip_prefix("0f") {
        return Some(Arg::Imm(u64::from_str_radix(h, 16).ok()?));
    }
    if let Some(h) = x.strip_prefix("0d") {
        return Some(Arg::Imm(u64::from_str_radix(h, 16).ok()?));
    }
    if let Some(h) = x.strip_prefix("0x") {
        return Some(Arg::Imm(u64::from_str_radix(h.trim_end_matches('U'), 16).ok()?));
    }
    let x = x.trim_end_matches('U');
    x.parse::<u64>().ok().or_else(|| x.parse::<i64>().ok().map(|v| v as u64)).map(Arg::Imm)
}
fn f16_to_f32(h: u16) -> f32 {
    let (s, e, m) = ((h as u32 & 0x8000) << 16, h as u32 >> 10 & 31, h as u32 & 0x3ff);
    f32::from_bits(match e {
        31 => s | 0x7f80_0000 | m << 13 | if m != 0 { 0x40_0000 } else { 0 },
        0 => s | (m as f32 * 5.960_464_5e-8).to_bits(),
        _ => s | (e + 112) << 23 | m << 13,
    })
}
fn f32_to_f16(v: f32) -> u16 {
    let (s, a) = ((v.to_bits() >> 16 & 0x8000) as u16, v.to_bits() & 0x7fff_ffff);
    if a > 0x7f80_0000 {
        return 0x7fff;
    }
    if a >= 0x477f_f000 {
        return s | 0x7c00;
    }
    if a < 0x3880_0000 {
        return s | ((f32::from_bits(a) + 0.5).to_bits() - 0x3f00_0000) as u16;
    }
    let r = a + 0xfff + (a >> 13 & 1);
    s | ((r >> 13) - (112 << 10)) as u16
}
fn e4m3(v: f32) -> u8 {
    // .satfinite
    let (s, a) = ((v.to_bits() >> 24 & 0x80) as u8, v.to_bits() & 0x7fff_ffff);
    if a > 0x7f80_0000 {
        return 0x7f;
    }
    if a >= 0x43e0_0000 {
        return s | 0x7e;
    }
    if a < 121 << 23 {
        return s | ((f32::from_bits(a) + 16384.0).to_bits() - 0x4680_0000) as u8;
    }
    let r = a + 0x7_ffff + (a >> 20 & 1);
    s | ((r >> 20) - (120 << 3)) as u8
}
