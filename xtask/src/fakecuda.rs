//! The pretended CUDA driver, which tests load where there is no GPU.

use std::path::PathBuf;

use crate::{
    step::{Progress, Result},
    tools,
};

/// Builds the driver and returns where it is: what `NDFERRY_CUDA_DRIVER` names in tests of CUDA.
pub fn build(progress: &Progress) -> Result<PathBuf> {
    progress.must("build the fake CUDA driver", &mut tools::cargo(&["build", "--package", "fakecuda"]))?;
    Ok(tools::root().join("target/debug/fakecuda/libcuda.so.1"))
}
