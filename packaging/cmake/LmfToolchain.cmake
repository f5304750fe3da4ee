# How everything is compiled, and where the build tree puts it: the same layout as an installation, so that
# build/<preset>/bin/lmf works in place.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# An installation has lib/x86_64-linux-gnu where the system names its architectures so (Debian), else lib, in every prefix: lmf looks
# for its plugins in both.
set(libdir lib)
if(CMAKE_LIBRARY_ARCHITECTURE)
  set(libdir lib/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
set(CMAKE_INSTALL_LIBDIR ${libdir} CACHE STRING "Seen from the prefix")
include(GNUInstallDirs)
# The packages that an installation is divided into. What names none belongs to the executable's.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME lmf)
set(LMF_SDK_COMPONENT lmf-sdk-dev)

set(LMF_ABI_DIRECTORY plugins-1) # the ABI's major number: plugins of another major live beside, not among
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(LMF_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/lmf/${LMF_ABI_DIRECTORY})
set(LMF_PRIVATE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/lmf/private)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "lmf needs g++ 12 or newer for C++20; ${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_VERSION}. "
    "Next: install a newer one and name it: CXX=g++-12 CC=gcc-12 packaging/bootstrap.sh build, in a fresh build folder.")
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-array-bounds) # false alarms on "text" + std::string: GCC bug 105651, fixed in 13
endif()
# toml++ asserts some of what a file should be before it reports what the file is; a release build has no assertions.
add_compile_options("$<$<NOT:$<CONFIG:Release>>:-DTOML_ASSERT(expr)=static_assert(true)>")
if(CMAKE_UNITY_BUILD)
  # About other sources' anonymous namespaces, which are none of a source's business; the release build has the warnings.
  add_compile_options(-Wno-shadow $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
endif()
if(LMF_WARNINGS_AS_ERRORS)
  add_compile_options(-Werror)
endif()
if(LMF_SANITIZE)
  add_compile_options(-fsanitize=${LMF_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LMF_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # False alarms between the checks that are put in; the release build has the warnings. g++ 12 also takes a coroutine frame's own
    # operators new and delete for a mismatched pair, once they are inlined.
    add_compile_options(-Wno-maybe-uninitialized $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
  endif()
endif()

find_program(LMF_CCACHE ccache)
if(LMF_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness is what ccache's manual asks for with precompiled headers.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${LMF_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
find_program(LMF_MOLD mold)
find_program(LMF_LLD ld.lld)
if(LMF_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(LMF_LLD)
  add_link_options(-fuse-ld=lld)
endif()

# lmf_library(NAME text SOURCES a.cpp ... LIBRARIES ... [PACKAGE lmf-engine] [HEADERS a.hpp ...]): a static, position-independent room of
# the SDK; target lmf::text. Its headers are included from the root of sdk/: "text/tokenizer.hpp". With PACKAGE it is installed for
# third parties, as part of that CMake package, and with it the headers that are for them.
function(lmf_library)
  cmake_parse_arguments(arg "" "NAME;PACKAGE" "SOURCES;LIBRARIES;HEADERS" ${ARGN})
  add_library(lmf_${arg_NAME} STATIC ${arg_SOURCES})
  add_library(lmf::${arg_NAME} ALIAS lmf_${arg_NAME})
  target_include_directories(lmf_${arg_NAME} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/sdk>)
  target_link_libraries(lmf_${arg_NAME} PUBLIC ${arg_LIBRARIES})
  lmf_precompile_headers(lmf_${arg_NAME})
  if(arg_PACKAGE)
    set_target_properties(lmf_${arg_NAME} PROPERTIES EXPORT_NAME ${arg_NAME})
    target_include_directories(lmf_${arg_NAME} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/lmf/sdk>)
    install(TARGETS lmf_${arg_NAME} EXPORT ${arg_PACKAGE}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/lmf/sdk COMPONENT ${LMF_SDK_COMPONENT})
    get_filename_component(room ${CMAKE_CURRENT_SOURCE_DIR} NAME)
    install(FILES ${arg_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lmf/sdk/${room} COMPONENT ${LMF_SDK_COMPONENT})
  endif()
endfunction()
