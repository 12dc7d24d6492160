//! The engine on GPUs.

mod choice;
mod fake;
mod twin;
