//! The engine on GPUs.

mod choice;
