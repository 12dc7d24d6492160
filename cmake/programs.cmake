# What the folders of programs share: how one is compiled, and how it becomes a test.

if(NDFERRY_VALGRIND)
  find_program(NDFERRY_VALGRIND_PROGRAM valgrind REQUIRED)
endif()

# Watched by the compiler's sanitizers: a mistake ends the program. The library itself is not compiled with them, but
# every block that it takes and every string that it writes is seen. A test program takes minutes to compile with more than -O1.
if(NDFERRY_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
  add_link_options(-fsanitize=address,undefined)
endif()

# ndferry_add_program(target source...): a program that links the shared library, warnings on.
function(ndferry_add_program target)
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE ndferry::ndferry ndferry_dlpack Threads::Threads)
  target_compile_features(${target} PRIVATE c_std_11 cxx_std_17)
  set_target_properties(${target} PROPERTIES C_EXTENSIONS OFF CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
endfunction()

# ndferry_add_test(name target args...): runs it, and with NDFERRY_VALGRIND once more under valgrind. What uses CUDA runs once
# more on the driver in NDFERRY_FAKE_CUDA.
function(ndferry_add_test name target)
  add_test(NAME ${name} COMMAND ${target} ${ARGN})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  if(NDFERRY_FAKE_CUDA AND target MATCHES "cuda(_devices|_round_trip|_streams)?$|kernel|abuse")
    get_filename_component(folder "${NDFERRY_FAKE_CUDA}" DIRECTORY)
    add_test(NAME fake.${name} COMMAND ${target} ${ARGN})
    set_tests_properties(fake.${name} PROPERTIES TIMEOUT 600
      ENVIRONMENT "NDFERRY_CUDA_DRIVER=${NDFERRY_FAKE_CUDA};LD_LIBRARY_PATH=${folder}")
  endif()
  if(NDFERRY_VALGRIND)
    # The lifetime debugger's tests leak on purpose.
    set(leaks full)
    if(target MATCHES "debug")
      set(leaks no)
    endif()
    add_test(NAME valgrind.${name}
      COMMAND "${NDFERRY_VALGRIND_PROGRAM}" --quiet --leak-check=${leaks} --errors-for-leak-kinds=definite,indirect,possible
              "--suppressions=${PROJECT_SOURCE_DIR}/cmake/valgrind.supp" --error-exitcode=1 $<TARGET_FILE:${target}> ${ARGN})
    set_tests_properties(valgrind.${name} PROPERTIES LABELS valgrind TIMEOUT 1200)
  endif()
endfunction()

# ndferry_add_skipped_test(name reason): counted as skipped; each reason is said once while configuring.
function(ndferry_add_skipped_test name reason)
  add_test(NAME ${name} COMMAND "${CMAKE_COMMAND}" -E echo "skipped: ${reason}")
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped: ")
  get_property(said GLOBAL PROPERTY ndferry_skip_reasons)
  if(NOT reason IN_LIST said)
    message(STATUS "Tests will be skipped: ${reason}")
    set_property(GLOBAL APPEND PROPERTY ndferry_skip_reasons "${reason}")
  endif()
endfunction()
