//! A pretend `libcuda.so.1` over host memory, for tests on machines without a GPU.

mod ptx;
