use super::super::Kernel;

fn names(text: &str) -> Vec<String> {
    text.split(".entry ").skip(1).map(|rest| rest.split('(').next().unwrap().trim().to_owned()).collect()
}

#[test]
fn proto() {
    for file in std::env::var("PTX").unwrap().split(' ') {
        let text = std::fs::read_to_string(file).unwrap();
        for name in names(&text) {
            if let Err(why) = Kernel::parse(&text, &name) {
                println!("{file}: {why}");
            }
        }
        println!("{file}: {} kernels", names(&text).len());
    }
}

#[test]
fn speed() {
    let text = std::fs::read_to_string("/work/wt/ptx/target/kernels/proto_75.ptx").unwrap();
    for (name, esize, osize) in [("conv_float_e4m3", 4, 1), ("conv_float_f16", 4, 2), ("copy_4", 4, 4), ("flat_16", 16, 16)] {
        let k = Kernel::parse(&text, name).unwrap();
        let n: usize = 1 << 20;
        let src = vec![1u8; n * esize];
        let mut dst = vec![0u8; n * osize];
        let mut p = vec![0u8; k.param_bytes];
        p[0..8].copy_from_slice(&(dst.as_mut_ptr() as u64).to_le_bytes());
        p[8..16].copy_from_slice(&(src.as_ptr() as u64).to_le_bytes());
        p[16..20].copy_from_slice(&(n as u32).to_le_bytes());
        p[20..24].copy_from_slice(&1u32.to_le_bytes());
        p[24..28].copy_from_slice(&(n as u32).to_le_bytes());
        p[28..32].copy_from_slice(&1u32.to_le_bytes());
        p[32..36].copy_from_slice(&20u32.to_le_bytes());
        p[120..128].copy_from_slice(&(osize as u64).to_le_bytes());
        p[184..192].copy_from_slice(&(esize as u64).to_le_bytes());
        let (d, s) = (dst.as_ptr() as usize, src.as_ptr() as usize);
        let t = std::time::Instant::now();
        let blocks = if name == "flat_16" { n as u32 / 1024 } else { 64 };
        let c = unsafe { k.launch(&p, [blocks, 1, 1], [256, 1, 1], &mut |a, l, w| if w { a >= d && a + l <= d + n * osize } else { a >= s && a + l <= s + n * esize }) };
        let t = t.elapsed().as_secs_f64();
        match c {
            Ok(c) => println!("{name}: {c:?} {:.1} M instructions/s, {:.2} M elements/s", c.instructions as f64 / t / 1e6, n as f64 / t / 1e6),
            Err(f) => println!("{}", f.what),
        }
    }
}
