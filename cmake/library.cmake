# The library: built by cargo, copied to lib/ in the build tree under its ABI name, imported from there.

find_package(Threads REQUIRED)
find_program(NDFERRY_CARGO cargo HINTS "$ENV{HOME}/.cargo/bin" DOC "The cargo that builds ndferry" REQUIRED)
set(NDFERRY_CARGO_TARGET "" CACHE STRING "Rust target triple to build for; empty: this machine")
# Our own checkout shares one target/ with cargo; inside another project nothing is written to the source.
if(top_level)
  set(target_dir "${PROJECT_SOURCE_DIR}/target")
else()
  set(target_dir "${PROJECT_BINARY_DIR}/target")
endif()
set(NDFERRY_CARGO_TARGET_DIR "${target_dir}" CACHE PATH "Where cargo keeps what it builds")

# A Debug configuration uses cargo's dev profile, every other one its release profile.
set(cargo_profile "$<IF:$<CONFIG:Debug>,dev,release>")
set(profile_dir "$<IF:$<CONFIG:Debug>,debug,release>")
set(cargo_out "${NDFERRY_CARGO_TARGET_DIR}/${profile_dir}")
set(cargo_target_args "")
set(cargo_environment "")
if(NDFERRY_CARGO_TARGET)
  set(cargo_out "${NDFERRY_CARGO_TARGET_DIR}/${NDFERRY_CARGO_TARGET}/${profile_dir}")
  set(cargo_target_args --target "${NDFERRY_CARGO_TARGET}")
  # Another processor's programs are linked by the compiler that makes them.
  string(TOUPPER "${NDFERRY_CARGO_TARGET}" target_name)
  string(REGEX REPLACE "[-.]" "_" target_name "${target_name}")
  set(cargo_environment "${CMAKE_COMMAND}" -E env "CARGO_TARGET_${target_name}_LINKER=${CMAKE_C_COMPILER}")
endif()

file(STRINGS "${PROJECT_SOURCE_DIR}/build.rs" abi REGEX "^const ABI: ")
string(REGEX REPLACE ".*= ([0-9]+).*" "\\1" abi "${abi}")
set(soname "libndferry.so.${abi}")
set(real_name "libndferry.so.${PROJECT_VERSION}")
set(lib_dir "${PROJECT_BINARY_DIR}/lib/${profile_dir}")

# Always run: cargo itself knows what is out of date. A copy happens only when a file changed.
add_custom_target(ndferry_cargo ALL
  COMMAND ${cargo_environment} "${NDFERRY_CARGO}" rustc --locked --lib --crate-type cdylib,staticlib --profile ${cargo_profile} ${cargo_target_args}
          --manifest-path "${PROJECT_SOURCE_DIR}/Cargo.toml" --target-dir "${NDFERRY_CARGO_TARGET_DIR}"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${lib_dir}"
  COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${cargo_out}/libndferry.so" "${lib_dir}/${real_name}"
  COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${cargo_out}/libndferry.a" "${lib_dir}/libndferry.a"
  COMMAND "${CMAKE_COMMAND}" -E create_symlink ${real_name} "${lib_dir}/${soname}"
  COMMAND "${CMAKE_COMMAND}" -E create_symlink ${soname} "${lib_dir}/libndferry.so"
  BYPRODUCTS "${lib_dir}/${real_name}" "${lib_dir}/${soname}" "${lib_dir}/libndferry.a" "${lib_dir}/libndferry.so"
  COMMENT "Building ndferry with cargo"
  VERBATIM)

foreach(kind SHARED STATIC)
  if(kind STREQUAL "SHARED")
    set(target ndferry::ndferry)
    set(file "${soname}")
  else()
    set(target ndferry::static)
    set(file libndferry.a)
  endif()
  add_library(${target} ${kind} IMPORTED GLOBAL)
  add_dependencies(${target} ndferry_cargo)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${PROJECT_BINARY_DIR}/lib/release/${file}"
    IMPORTED_LOCATION_DEBUG "${PROJECT_BINARY_DIR}/lib/debug/${file}"
    INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
endforeach()
set_target_properties(ndferry::ndferry PROPERTIES IMPORTED_SONAME "${soname}")
# What `cargo rustc --lib -- --print native-static-libs` names, beside libc.
set_target_properties(ndferry::static PROPERTIES
  INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS};m;gcc_s")
