# Run by cmake --install: copies to private/ what our libraries need (DT_NEEDED, all the way down) of libtorch's own folder.
# Then what libtorch's licences ask to go with it: a wheel keeps them in its dist-info folder, an archive of libtorch in its root.
# libraries, torch_directory, private and strip are set by packaging/CMakeLists.txt.
file(GET_RUNTIME_DEPENDENCIES
  LIBRARIES ${libraries}
  DIRECTORIES "${torch_directory}"
  RESOLVED_DEPENDENCIES_VAR found
  UNRESOLVED_DEPENDENCIES_VAR lacking
  POST_INCLUDE_REGEXES "^${torch_directory}/"
  POST_EXCLUDE_REGEXES "^/")
if(lacking)
  message(FATAL_ERROR "Nothing on this machine provides ${lacking}, which ${libraries} need.")
endif()
file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${private}" TYPE SHARED_LIBRARY FOLLOW_SYMLINK_CHAIN FILES ${found})
if(CMAKE_INSTALL_DO_STRIP) # as CMake does with what was built here: a fifth less
  foreach(name IN ITEMS libtorch_cpu.so libc10.so)
    execute_process(COMMAND ${strip} --strip-unneeded $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/${private}/${name} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endif()
file(GLOB notices "${torch_directory}/../LICENSE*" "${torch_directory}/../NOTICE*")
foreach(folder IN ITEMS . licenses)
  file(GLOB more "${torch_directory}/../../torch-*.dist-info/${folder}/LICENSE*"
    "${torch_directory}/../../torch-*.dist-info/${folder}/NOTICE*" "${torch_directory}/../../torch-*.dist-info/${folder}/third_party")
  list(APPEND notices ${more})
endforeach()
if(NOT notices)
  message(WARNING "No licence lies beside the libtorch in ${torch_directory}: add it before you pass this installation on.")
endif()
file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${private}/libtorch-licenses" TYPE FILE FILES ${notices})
