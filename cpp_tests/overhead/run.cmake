# Counts the instructions that both kinds of a loop execute: cmake -D... -P run.cmake
#   PROGRAM   overhead                LOOPS   what it knows, with commas between
#   VALGRIND  with its tool callgrind
cmake_minimum_required(VERSION 3.20)
string(REPLACE "," ";" LOOPS "${LOOPS}")

# instructions(out kind loop): the whole program's; its result goes to out_result.
function(instructions out kind loop)
  execute_process(
    COMMAND "${VALGRIND}" --tool=callgrind --callgrind-out-file=/dev/null "${PROGRAM}" ${kind} ${loop}
    OUTPUT_VARIABLE said ERROR_VARIABLE told RESULT_VARIABLE status)
  if(NOT status EQUAL 0 OR NOT told MATCHES "Collected : ([0-9]+)")
    message(FATAL_ERROR "${kind} ${loop} was not counted: ${told}")
  endif()
  set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
  set(${out}_result "${said}" PARENT_SCOPE)
endfunction()

instructions(start none none)
foreach(loop IN LISTS LOOPS)
  instructions(pointer pointer ${loop})
  instructions(view view ${loop})
  math(EXPR by_hand "${pointer} - ${start}")
  math(EXPR by_view "${view} - ${start}")
  message(STATUS "${loop}: ${by_hand} instructions over a pointer, ${by_view} over a view")
  # A loop that does nothing proves nothing: there are 60,000 elements, in vectors of four at the most.
  if(by_hand LESS 15000 OR NOT pointer_result STREQUAL view_result)
    message(SEND_ERROR "${loop}: the loops do not do the same: ${pointer_result} and ${view_result}")
  endif()
  math(EXPR most "${by_hand} + ${by_hand} / 100 + 100")
  if(by_view GREATER most)
    message(SEND_ERROR "${loop}: the view costs more than a hundredth")
  endif()
endforeach()
