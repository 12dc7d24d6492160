//! The project's chores: `cargo xtask <verb>`.

fn main() {}
