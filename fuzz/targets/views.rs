//! Chains of views: whatever is asked for, what comes out lies inside the memory, and is no more than there was.
#![no_main]

#[allow(dead_code, reason = "each target takes what it needs")]
mod input;

use input::Input;
use libfuzzer_sys::fuzz_target;
use ndferry::error::Result;
use ndferry::layout::{Layout, Order};

fn axes(input: &mut Input) -> Vec<i32> {
    (0..input.below(6)).map(|_| input.integer() as i32).collect()
}

fn extents(input: &mut Input) -> Vec<i64> {
    (0..input.below(8)).map(|_| input.integer()).collect()
}

fn bound(input: &mut Input) -> Option<i64> {
    (input.byte() % 4 != 0).then(|| input.integer())
}

fn view(layout: &Layout, room: i64, input: &mut Input) -> Result<Layout> {
    let axis = input.integer() as i32;
    match input.below(14) {
        0 => layout.permute(&axes(input)),
        1 => Ok(layout.transpose()),
        2 => layout.swap_axes(axis, input.integer() as i32),
        3 => layout.squeeze(&axes(input)),
        4 => layout.unsqueeze(axis),
        5 => layout.slice(axis, bound(input), bound(input), input.integer()),
        6 => layout.select(axis, input.integer()),
        7 => layout.flip(&axes(input)),
        8 => layout.reshape(&extents(input)),
        9 => layout.broadcast_to(&extents(input)),
        10 => layout.diagonal(input.integer(), axis, input.integer() as i32),
        11 => layout.sliding_window(axis, input.integer(), input.integer()),
        12 => layout.reinterpret(32, [8, 16, 32, 64, 128][input.below(5)]).filter_room(layout, room),
        _ => Layout::as_strided(&extents(input), &extents(input), input.integer(), room),
    }
}

/// Types of another size count the room in other units: such views are only looked at.
trait FilterRoom {
    fn filter_room(self, layout: &Layout, room: i64) -> Result<Layout>;
}

impl FilterRoom for Result<Layout> {
    fn filter_room(self, layout: &Layout, room: i64) -> Result<Layout> {
        self.map(|changed| if changed.check_bounds(room).is_ok() { changed } else { layout.clone() })
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let shape: Vec<i64> = (0..input.below(6)).map(|_| input.below(9) as i64).collect();
    let order = if input.byte() % 2 == 0 { Order::C } else { Order::F };
    let Ok(mut layout) = Layout::contiguous(&shape, order) else { return };
    let room = layout.element_count();
    while !input.is_empty() {
        let Ok(next) = view(&layout, room, &mut input) else { continue };
        next.check_bounds(room).unwrap_or_else(|error| panic!("{layout:?} became {next:?}: {error}"));
        assert_eq!(next.shape().len(), next.strides().len());
        assert!(next.shape().iter().all(|extent| *extent >= 0) && next.ndim() <= 64);
        layout = next;
        let _ = (
            layout.internal_overlap(),
            layout.is_contiguous(Order::C),
            layout.dense_like(),
            layout.normalized(),
        );
    }
});
