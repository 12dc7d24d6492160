//! Faults that a test asks for: `cuMemAllocAsync@2=2,op@5=719,*@17=999`.

use libc::c_int;

/// "The `nth` call of `what` answers `code`"; `op` is an operation that runs on a device, `*` any call.
struct Fault {
    what: String,
    nth: u64,
    code: c_int,
    seen: u64,
}

#[derive(Default)]
pub struct Faults {
    list: Vec<Fault>,
    /// How many have hit.
    pub fired: u64,
}

impl Faults {
    pub fn parse(text: &str) -> Result<Self, String> {
        let list = text.split(',').map(str::trim).filter(|fault| !fault.is_empty()).map(Fault::parse);
        Ok(Self { list: list.collect::<Result<_, _>>()?, fired: 0 })
    }

    /// Counts a call of `name`, and says what it is to answer instead of doing its work.
    pub fn hit_call(&mut self, name: &str) -> Result<(), c_int> {
        self.hit(|what| what == "*" || what == name)
    }

    /// Likewise for an operation that is about to run.
    pub fn hit_operation(&mut self) -> Result<(), c_int> {
        self.hit(|what| what == "op")
    }

    fn hit(&mut self, meant: impl Fn(&str) -> bool) -> Result<(), c_int> {
        let mut code = None;
        for fault in self.list.iter_mut().filter(|fault| meant(&fault.what)) {
            fault.seen += 1;
            if fault.seen == fault.nth {
                code = Some(fault.code);
            }
        }
        match code {
            Some(code) => {
                self.fired += 1;
                Err(code)
            }
            None => Ok(()),
        }
    }
}

impl Fault {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not function@count=code");
        let (call, code) = text.split_once('=').ok_or_else(wrong)?;
        let (what, nth) = call.split_once('@').unwrap_or((call, "1"));
        if what != "op" && what != "*" && !crate::driver::exists(what) {
            return Err(format!("{what} is no function of this driver"));
        }
        let nth = nth.parse().map_err(|_| wrong())?;
        let code = code.parse().map_err(|_| wrong())?;
        Ok(Self { what: what.into(), nth, code, seen: 0 })
    }
}
