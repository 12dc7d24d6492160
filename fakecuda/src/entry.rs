//! How every call comes in: trace, faults, initialisation, fork, context, sticky error; and the table of them.

use std::cell::Cell;

use libc::c_int;

use crate::{
    codes::{Answer, NOT_INITIALIZED, NOT_PERMITTED, SUCCESS},
    contexts,
    state::{self, Guard, State},
};

/// What must have happened before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Init,
    /// A current context, alive and not broken by an earlier error.
    Context,
}

/// One exported function: its name, the driver version that brought it (as `cuDriverGetVersion` tells it), where it is.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub since: i32,
    pub address: usize,
}

/// Defines functions of the driver and `TABLE`, their list:
/// `12050 Context fn cuName(argument: Type) |state| { body that comes to an Answer }`.
macro_rules! entry_points {
    ($($(#[$attribute:meta])* $since:literal $needs:ident fn $name:ident($($argument:ident: $type:ty),* $(,)?)
       |$state:pat_param| $body:block)*) => {
        $(
            $(#[$attribute])*
            #[doc = concat!("The driver's `", stringify!($name), "`.")]
            ///
            /// # Safety
            /// As the driver's documentation says.
            #[unsafe(no_mangle)]
            #[allow(clippy::too_many_arguments)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> libc::c_int {
                let show = || {
                    let arguments: Vec<String> = vec![$(format!("{:x?}", $argument)),*];
                    arguments.join(", ")
                };
                $crate::entry::enter(stringify!($name), $crate::entry::Needs::$needs, &show, |$state| $body)
            }
        )*
        pub(super) fn table() -> Vec<$crate::entry::Entry> {
            vec![$($crate::entry::Entry {
                name: stringify!($name),
                since: $since,
                address: $name as *const () as usize,
            }),*]
        }
    };
}
pub(crate) use entry_points;

thread_local! {
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs a host function of a stream, from which the driver may not be called.
pub fn as_callback<T>(run: impl FnOnce() -> T) -> T {
    IN_CALLBACK.set(true);
    let result = run();
    IN_CALLBACK.set(false);
    result
}

pub fn enter(
    name: &'static str,
    needs: Needs,
    show: &dyn Fn() -> String,
    call: impl FnOnce(Guard) -> Answer,
) -> c_int {
    let mut state = state::lock();
    let traced = state.is_traced().then(show);
    *state.calls.entry(name).or_default() += 1;
    let answer = match admit(&mut state, name, needs) {
        Ok(()) => call(state),
        Err(code) => {
            drop(state);
            Err(code)
        }
    };
    let code = answer.err().unwrap_or(SUCCESS);
    if let Some(arguments) = traced {
        state::lock().note(&format!("{name}({arguments}) = {code}\n"));
    }
    code
}

fn admit(state: &mut State, name: &str, needs: Needs) -> Answer {
    if needs != Needs::Nothing {
        if state.forked {
            return Err(NOT_INITIALIZED);
        }
        if IN_CALLBACK.get() {
            return Err(NOT_PERMITTED);
        }
    }
    state.faults.hit_call(name)?;
    if needs != Needs::Nothing && !state.initialised {
        return Err(NOT_INITIALIZED);
    }
    if needs == Needs::Context {
        let context = contexts::current(state)?;
        state.contexts.healthy(context)?;
    }
    Ok(())
}
