# One consumer of an installed ndferry, from a clean prefix: cmake -D... -P run.cmake
#   BUILD      the build tree that is installed         SOURCE    ndferry's sources
#   CONSUMER   package, subproject or pkgconfig         FOLDER    where everything is made anew
#   MAKE, PKG_CONFIG, GENERATOR, CARGO_TARGET_DIR as the build tree has them
cmake_minimum_required(VERSION 3.20)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${FOLDER}" RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed with ${status}: ${command}")
  endif()
endfunction()

# configure_and_test(options...): the consumer's own CMakeLists.txt.
function(configure_and_test)
  run("${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${SOURCE}/cpp_tests/consumers/${CONSUMER}" -B build
      -DCMAKE_BUILD_TYPE=Release ${ARGN})
  run("${CMAKE_COMMAND}" --build build)
  run("${CMAKE_CTEST_COMMAND}" --test-dir build --no-tests=error --output-on-failure)
endfunction()

file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
if(CONSUMER STREQUAL "subproject")
  configure_and_test("-DNDFERRY_SOURCE_DIR=${SOURCE}" "-DNDFERRY_CARGO_TARGET_DIR=${CARGO_TARGET_DIR}")
  return()
endif()

# Installed into one folder and moved to another: nothing may remember where it was.
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${FOLDER}/first")
file(RENAME "${FOLDER}/first" "${FOLDER}/prefix")
file(GLOB_RECURSE licences "${FOLDER}/prefix/*/LICENSE-THIRD-PARTY")
if(NOT licences)
  message(FATAL_ERROR "the list of other people's licences is not installed")
endif()
if(CONSUMER STREQUAL "package")
  configure_and_test("-DCMAKE_PREFIX_PATH=${FOLDER}/prefix")
  # A component that is not installed is named.
  file(GLOB_RECURSE archive "${FOLDER}/prefix/*/libndferry.a")
  file(RENAME "${archive}" "${archive}.away")
  execute_process(COMMAND "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${SOURCE}/cpp_tests/consumers/package" -B refused
      "-DCMAKE_PREFIX_PATH=${FOLDER}/prefix" WORKING_DIRECTORY "${FOLDER}" RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said)
  if(status EQUAL 0 OR NOT said MATCHES "`static`[ \n]+is[ \n]+asked[ \n]+for")
    message(FATAL_ERROR "without libndferry.a the package is found, or does not say what it lacks: ${said}")
  endif()
  file(RENAME "${archive}.away" "${archive}")
  # A header of another ABI beside the library is refused.
  file(READ "${FOLDER}/prefix/include/ndferry.h" header)
  string(REGEX REPLACE "(#define NDF_ABI_VERSION) [0-9]+" "\\1 99" header "${header}")
  file(CONFIGURE OUTPUT "${FOLDER}/prefix/include/ndferry.h" CONTENT "@header@" @ONLY)
  execute_process(COMMAND "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${SOURCE}/cpp_tests/consumers/package" -B mixed
    "-DCMAKE_PREFIX_PATH=${FOLDER}/prefix" WORKING_DIRECTORY "${FOLDER}" RESULT_VARIABLE status ERROR_VARIABLE errors OUTPUT_QUIET)
  string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
  if(status EQUAL 0 OR NOT errors MATCHES "#define NDF_ABI_VERSION 99.*install ndferry again")
    message(FATAL_ERROR "a header of another ABI beside the library went unnoticed: ${errors}")
  endif()
else()
  file(GLOB_RECURSE pc "${FOLDER}/prefix/*/ndferry.pc")
  get_filename_component(pc_dir "${pc}" DIRECTORY)
  run("${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${pc_dir}" "PKG_CONFIG=${PKG_CONFIG}"
      "${MAKE}" -f "${SOURCE}/cpp_tests/consumers/pkgconfig/Makefile" check)
endif()
