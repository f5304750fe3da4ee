# Fails unless the library defines exactly one symbol for others: lmf_plugin_query_v1.
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${LIBRARY} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${listing}")
list(LENGTH lines count)
if(NOT count EQUAL 1 OR NOT listing MATCHES "^lmf_plugin_query_v1 ")
  message(FATAL_ERROR "${LIBRARY} exports ${count} symbols, expected lmf_plugin_query_v1 alone:\n${listing}")
endif()
