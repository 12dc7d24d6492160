//! The kernels' PTX, embedded. Each family is a module of its own, which a context loads when it first needs one of its
//! kernels: so first use stays short.

use super::kernel::{Family as Made, Kernel, Tiling};
use super::ptx;
use crate::device::cuda::Family;

/// The families of these names, their PTX for the devices that it may meet.
macro_rules! families {
    ($($name:ident: $file:literal,)*) => {
        $(pub static $name: Family = Family {
            name: $file,
            ptx: &[(75, || ptx::text(ptx::packed!($file, "_75")))],
        };)*
    };
}
families! {
    COPY: "copy",
    TRANSPOSE: "transpose",
    TILE: "tile",
    PIXELS: "pixels",
    RGB: "rgb",
    DIRECT: "direct",
    TO_FLOAT: "to_float",
    TO_INTEGER: "to_integer",
    TO_WIDE: "to_wide",
    CAST: "cast",
    EQUAL: "equal",
}

/// The family that a kernel is of.
pub fn family(kernel: &Kernel) -> &'static Family {
    match kernel {
        Kernel::Run { .. } | Kernel::Words { .. } | Kernel::Gather { .. } | Kernel::Fill { .. } => &COPY,
        Kernel::Transpose { tiling: Tiling::Strips { .. }, .. } => &TILE,
        Kernel::Transpose { .. } => &TRANSPOSE,
        Kernel::Pixels { fixed: true, .. } => &RGB,
        Kernel::Pixels { .. } => &PIXELS,
        Kernel::Direct { .. } => &DIRECT,
        Kernel::Numbers { types, .. } | Kernel::Turn { types, .. } => match types[1].family() {
            Made::Float => &TO_FLOAT,
            Made::Integer => &TO_INTEGER,
            Made::Wide => &TO_WIDE,
        },
        Kernel::Cast { .. } => &CAST,
    }
}
