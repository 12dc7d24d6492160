//! Contexts: each device's primary one and others, each thread's stack of them, and what breaks them.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use libc::c_int;

use crate::{
    codes::{Answer, CONTEXT_IS_DESTROYED, INVALID_CONTEXT},
    state::State,
};

pub struct Context {
    pub device: usize,
    pub primary: bool,
    /// How often the primary context is retained; 1 for others.
    pub retained: u32,
    pub flags: u32,
    /// The sticky error, or 0.
    pub broken: c_int,
    /// Contexts whose memory kernels of this one may touch.
    pub peers: HashSet<usize>,
}

#[derive(Default)]
pub struct Contexts {
    pub map: HashMap<usize, Context>,
}

impl Contexts {
    pub fn live(&self, context: usize) -> Answer<&Context> {
        let found = self.map.get(&context).ok_or(INVALID_CONTEXT)?;
        if found.retained == 0 { Err(CONTEXT_IS_DESTROYED) } else { Ok(found) }
    }

    pub fn live_mut(&mut self, context: usize) -> Answer<&mut Context> {
        self.live(context)?;
        self.map.get_mut(&context).ok_or(INVALID_CONTEXT)
    }

    pub fn primary(&self, device: usize) -> Option<usize> {
        self.map
            .iter()
            .find(|(_, context)| context.primary && context.device == device)
            .map(|(handle, _)| *handle)
    }

    /// The sticky error, if an operation of this context has failed.
    pub fn healthy(&self, context: usize) -> Answer {
        match self.live(context)?.broken {
            0 => Ok(()),
            code => Err(code),
        }
    }

    /// Keeps the first error of an operation.
    pub fn shatter(&mut self, context: usize, code: c_int) {
        if let Some(context) = self.map.get_mut(&context)
            && context.broken == 0
        {
            context.broken = code;
        }
    }

    pub fn device(&self, context: usize) -> Answer<usize> {
        self.live(context).map(|context| context.device)
    }
}

thread_local! {
    static STACK: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// The calling thread's stack of contexts.
pub fn stack<T>(with: impl FnOnce(&mut Vec<usize>) -> T) -> T {
    STACK.with_borrow_mut(with)
}

/// The calling thread's current context, if it lives.
pub fn current(state: &State) -> Answer<usize> {
    let top = stack(|stack| stack.last().copied()).ok_or(INVALID_CONTEXT)?;
    state.contexts.live(top).map(|_| top)
}
