//! Captures and graphs as callers see them.

use std::sync::Arc;

use libc::{c_char, c_uint, size_t};

use crate::{
    arguments::Out,
    captures::{self, Graph, Mode},
    codes::{Answer, INVALID_VALUE},
    config,
    entry::entry_points,
    queues,
    state::{Guard, State},
};

/// `CUDA_GRAPH_INSTANTIATE_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InstantiateParameters {
    /// How.
    pub flags: u64,
    /// Where to upload it.
    pub stream: usize,
    /// The node that made it fail.
    pub failed: usize,
    /// 0: it did not.
    pub result: c_uint,
}

entry_points! {
    10010 Init fn cuStreamBeginCapture_v2(stream: usize, mode: c_uint) |mut state| {
        queues::context(&mut state, stream)?;
        let key = queues::resolve(&mut state, stream)?;
        captures::begin(&mut state, key, Mode::of(mode)?)
    }
    10000 Init fn cuStreamEndCapture(stream: usize, out_graph: Out<usize>) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        let ended = captures::end(&mut state, key);
        out_graph.give(ended.unwrap_or(0)).and(ended.map(drop))
    }
    10000 Init fn cuStreamIsCapturing(stream: usize, out_status: Out<c_uint>) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        out_status.give(captures::status(&state, key)?)
    }
    11030 Init fn cuStreamGetCaptureInfo_v2(
        stream: usize, out_status: Out<c_uint>, out_id: Out<u64>, out_graph: Out<usize>,
        out_dependencies: Out<usize>, out_count: Out<size_t>
    ) |mut state| {
        let key = queues::resolve(&mut state, stream)?;
        out_status.give(captures::status(&state, key)?)?;
        if let Some(id) = captures::of(&state, key) {
            out_id.offer(id);
            out_graph.offer(id as usize);
        }
        // Nodes cannot be looked at, so that nobody adds any.
        out_dependencies.offer(0);
        out_count.offer(0);
        Ok(())
    }
    10010 Init fn cuThreadExchangeStreamCaptureMode(mode: Out<c_uint>) |_state| {
        let old = captures::exchange(Mode::of(mode.read()?)?);
        mode.give(old as c_uint)
    }
    11040 Init fn cuGraphInstantiateWithFlags(out_graph: Out<usize>, graph: usize, _flags: u64) |state| {
        instantiate(state, out_graph, graph)
    }
    11000 Init fn cuGraphInstantiate_v2(
        out_graph: Out<usize>, graph: usize, out_node: Out<usize>, _log: Out<c_char>, _capacity: size_t
    ) |state| {
        out_node.offer(0);
        instantiate(state, out_graph, graph)
    }
    12000 Init fn cuGraphInstantiateWithParams(
        out_graph: Out<usize>, graph: usize, parameters: Out<InstantiateParameters>
    ) |state| {
        let mut told = parameters.read()?;
        (told.failed, told.result) = (0, 0);
        parameters.give(told)?;
        instantiate(state, out_graph, graph)
    }
    11010 Init fn cuGraphUpload(graph: usize, stream: usize) |mut state| {
        queues::context(&mut state, stream)?;
        state.graphs.get(&graph).filter(|graph| graph.executable).map(drop).ok_or(INVALID_VALUE)
    }
    10000 Init fn cuGraphGetNodes(graph: usize, _out_nodes: Out<usize>, out_count: Out<size_t>) |state| {
        let works = state.graphs.get(&graph).ok_or(INVALID_VALUE)?.works.len();
        out_count.give(works)
    }
    10000 Init fn cuGraphLaunch(graph: usize, stream: usize) |state| { launch(state, graph, stream) }
    10000 Init fn cuGraphExecDestroy(graph: usize) |mut state| { discard(&mut state, graph, true) }
    10000 Init fn cuGraphDestroy(graph: usize) |mut state| { discard(&mut state, graph, false) }
}

fn instantiate(mut state: Guard, out_graph: Out<usize>, graph: usize) -> Answer {
    let found = state.graphs.get(&graph).filter(|graph| !graph.executable).ok_or(INVALID_VALUE)?;
    let works = found.works.clone();
    let handle = state.handle();
    state.graphs.insert(handle, Graph { works, executable: true });
    out_graph.give(handle)
}

/// Runs what was captured, in the order of the capture.
fn launch(mut state: Guard, graph: usize, stream: usize) -> Answer {
    queues::context(&mut state, stream)?;
    let key = queues::resolve(&mut state, stream)?;
    let works = state.graphs.get(&graph).filter(|graph| graph.executable).ok_or(INVALID_VALUE)?.works.clone();
    captures::forbid_wait(&mut state, key)?;
    let mut last = 0;
    for work in works.iter() {
        last = queues::push(&mut state, key, Vec::new(), Arc::clone(work))?;
    }
    if state.config.mode == config::Mode::Eager {
        drop(queues::finish(state, &[last]));
    }
    Ok(())
}

fn discard(state: &mut State, graph: usize, executable: bool) -> Answer {
    state.graphs.get(&graph).filter(|graph| graph.executable == executable).ok_or(INVALID_VALUE)?;
    state.graphs.remove(&graph);
    Ok(())
}
