# Compiles one program and runs it: cmake -D... -P run.cmake
#   COMPILER, STANDARD, OPTIONS (with commas between)   SOURCE, PROGRAM   from what, and where it goes
#   INCLUDE, DLPACK   folders of headers                LIBRARY           the shared library
cmake_minimum_required(VERSION 3.20)
string(REPLACE "," ";" OPTIONS "${OPTIONS}")
get_filename_component(folder "${LIBRARY}" DIRECTORY)
execute_process(
  COMMAND "${COMPILER}" -std=${STANDARD} -O1 ${OPTIONS} -Werror "-I${INCLUDE}" -isystem "${DLPACK}" "${SOURCE}" -o "${PROGRAM}"
          "${LIBRARY}" "-Wl,-rpath,${folder}" -pthread
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${COMPILER} -std=${STANDARD} fails")
endif()
execute_process(COMMAND "${PROGRAM}" RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "it ended with ${status}")
endif()
