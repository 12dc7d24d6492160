//! The driver's error codes, as far as the fake answers them itself. Faults may answer any number.

use libc::c_int;

/// What an entry point or an operation comes to.
pub type Answer<T = ()> = Result<T, c_int>;

pub const SUCCESS: c_int = 0;
pub const INVALID_VALUE: c_int = 1;
pub const OUT_OF_MEMORY: c_int = 2;
pub const NOT_INITIALIZED: c_int = 3;
pub const NO_DEVICE: c_int = 100;
pub const INVALID_DEVICE: c_int = 101;
pub const INVALID_CONTEXT: c_int = 201;
pub const NO_BINARY_FOR_GPU: c_int = 209;
pub const PEER_ACCESS_UNSUPPORTED: c_int = 217;
pub const INVALID_PTX: c_int = 218;
pub const UNSUPPORTED_PTX_VERSION: c_int = 222;
pub const INVALID_HANDLE: c_int = 400;
pub const ILLEGAL_STATE: c_int = 401;
pub const NOT_FOUND: c_int = 500;
pub const NOT_READY: c_int = 600;
pub const ILLEGAL_ADDRESS: c_int = 700;
pub const LAUNCH_OUT_OF_RESOURCES: c_int = 701;
pub const LAUNCH_TIMEOUT: c_int = 702;
pub const PEER_ACCESS_ALREADY_ENABLED: c_int = 704;
pub const PEER_ACCESS_NOT_ENABLED: c_int = 705;
pub const CONTEXT_IS_DESTROYED: c_int = 709;
pub const HOST_MEMORY_ALREADY_REGISTERED: c_int = 712;
pub const HOST_MEMORY_NOT_REGISTERED: c_int = 713;
pub const NOT_PERMITTED: c_int = 800;
pub const NOT_SUPPORTED: c_int = 801;
pub const STREAM_CAPTURE_UNSUPPORTED: c_int = 900;
pub const STREAM_CAPTURE_INVALIDATED: c_int = 901;
pub const STREAM_CAPTURE_MERGE: c_int = 902;
pub const STREAM_CAPTURE_UNMATCHED: c_int = 903;
pub const STREAM_CAPTURE_UNJOINED: c_int = 904;
pub const STREAM_CAPTURE_ISOLATION: c_int = 905;
pub const STREAM_CAPTURE_IMPLICIT: c_int = 906;
pub const CAPTURED_EVENT: c_int = 907;
pub const STREAM_CAPTURE_WRONG_THREAD: c_int = 908;
