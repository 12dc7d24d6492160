# What `cmake --install` puts where, as distributions expect it, in three components:
#   runtime      the shared library under its ABI name, the licences
#   development  headers, what CMake and pkg-config need to find it all
#   static       the static library
# Every file finds the others from where it lies itself, so that the whole tree may be moved.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(generated "${PROJECT_BINARY_DIR}/package")
set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ndferry")
set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(GLOB headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*.h" "${PROJECT_SOURCE_DIR}/include/*.hpp"
  "${PROJECT_SOURCE_DIR}/include/*.cdef")

set(executable PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
if(NDFERRY_WHEEL)
  # Wheels hold no links: the library has its ABI name only, and the linker is told that name by a script.
  install(FILES "${lib_dir}/${real_name}" TYPE LIB RENAME "${soname}" COMPONENT runtime ${executable})
  file(WRITE "${generated}/libndferry.so" "INPUT(${soname})\n")
  install(FILES "${generated}/libndferry.so" TYPE LIB COMPONENT development)
else()
  install(FILES "${lib_dir}/${real_name}" TYPE LIB COMPONENT runtime ${executable})
  install(FILES "${lib_dir}/${soname}" TYPE LIB COMPONENT runtime)
  install(FILES LICENSE-APACHE LICENSE-MIT LICENSE-THIRD-PARTY DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/ndferry" COMPONENT runtime)
  install(FILES "${lib_dir}/libndferry.so" TYPE LIB COMPONENT development)
  install(FILES "${lib_dir}/libndferry.a" TYPE LIB COMPONENT static)
endif()
install(FILES ${headers} TYPE INCLUDE COMPONENT development)

# An absolute folder of somebody's choice stays as it is; else the way from one to the other is a relative one.
file(RELATIVE_PATH pkgconfig_to_prefix "${CMAKE_INSTALL_PREFIX}/${pkgconfig_dir}" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" pkgconfig_to_prefix "${pkgconfig_to_prefix}")
configure_file(cmake/ndferry.pc.in "${generated}/ndferry.pc" @ONLY)
install(FILES "${generated}/ndferry.pc" DESTINATION "${pkgconfig_dir}" COMPONENT development)

configure_package_config_file(cmake/ndferryConfig.cmake.in "${generated}/ndferryConfig.cmake"
  INSTALL_DESTINATION "${config_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
# Before 1.0 a minor version may break programs, so another one is not compatible.
write_basic_package_version_file("${generated}/ndferryConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${generated}/ndferryConfig.cmake" "${generated}/ndferryConfigVersion.cmake"
  DESTINATION "${config_dir}" COMPONENT development)
