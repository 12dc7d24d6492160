# Where the headers of DLPack, NumPy and Python are: in .venv/ when `cargo xtask` made one, else wherever the
# system's Python says. Sets dlpack_include, numpy_include and tvm_ffi_library, empty if missing, and makes ndferry_dlpack,
# which always gives a <dlpack/dlpack.h>.
find_program(NDFERRY_PYTHON python3 HINTS "${PROJECT_SOURCE_DIR}/.venv/bin" DOC "The Python whose headers are used")
set(dlpack_include "")
set(numpy_include "")
set(tvm_ffi_library "")
if(NDFERRY_PYTHON)
  execute_process(COMMAND "${NDFERRY_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/neighbours.py"
    OUTPUT_VARIABLE neighbours OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  cmake_language(EVAL CODE "${neighbours}")
endif()

add_library(ndferry_dlpack INTERFACE)
add_library(ndferry::dlpack ALIAS ndferry_dlpack)
if(dlpack_include)
  target_include_directories(ndferry_dlpack SYSTEM INTERFACE "${dlpack_include}")
else()
  target_include_directories(ndferry_dlpack SYSTEM INTERFACE "${CMAKE_CURRENT_LIST_DIR}/dlpack")
endif()
