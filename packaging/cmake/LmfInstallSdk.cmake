# Two CMake packages for plugins of third parties. lmf-sdk has the version of the plugin ABI: the contract's headers,
# lmf_add_plugin(), and as components base and config. lmf-engine is what lmf's own plugins are made of; it has lmf's version, and
# nobody gets another one than asked for.
include(CMakePackageConfigHelpers)
file(STRINGS ${PROJECT_SOURCE_DIR}/sdk/plugin/include/lmf/abi.h numbers REGEX "^#define LMF_ABI_(MAJOR|MINOR) ")
list(TRANSFORM numbers REPLACE "^[^0-9]*([0-9]+).*$" "\\1" OUTPUT_VARIABLE abi_version)
list(JOIN abi_version "." abi_version)
set(sdk_directory ${CMAKE_INSTALL_LIBDIR}/cmake/lmf-sdk)
set(engine_directory ${CMAKE_INSTALL_LIBDIR}/cmake/lmf-engine)

configure_package_config_file(cmake/lmf-sdk-config.cmake.in lmf-sdk-config.cmake
  INSTALL_DESTINATION ${sdk_directory} PATH_VARS CMAKE_INSTALL_BINDIR NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(lmf-sdk-config-version.cmake VERSION ${abi_version} COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/sdk/plugin/cmake/LmfPlugin.cmake ${CMAKE_CURRENT_BINARY_DIR}/lmf-sdk-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/lmf-sdk-config-version.cmake DESTINATION ${sdk_directory} COMPONENT ${LMF_SDK_COMPONENT})
install(EXPORT lmf-sdk NAMESPACE lmf:: FILE lmf-sdk-targets.cmake DESTINATION ${sdk_directory} COMPONENT ${LMF_SDK_COMPONENT})

get_directory_property(http_links_openssl DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/http DEFINITION OpenSSL_FOUND)
string(REGEX MATCH "^[0-9.]+" torch_release "${LMF_TORCH_VERSION}") # 2.13.0 of 2.13.0+cpu
string(REGEX MATCH "^[0-9]+\\.[0-9]+" torch_series "${LMF_TORCH_VERSION}")
string(REPLACE "." "[.]" torch_series "${torch_series}")
configure_package_config_file(cmake/lmf-engine-config.cmake.in lmf-engine-config.cmake
  INSTALL_DESTINATION ${engine_directory} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
configure_file(cmake/lmf-engine-config-version.cmake.in lmf-engine-config-version.cmake @ONLY)
install(FILES cmake/LmfTorch.cmake cmake/LocateTorch.cmake ${CMAKE_CURRENT_BINARY_DIR}/lmf-engine-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/lmf-engine-config-version.cmake DESTINATION ${engine_directory} COMPONENT ${LMF_SDK_COMPONENT})
install(EXPORT lmf-engine NAMESPACE lmf:: FILE lmf-engine-targets.cmake DESTINATION ${engine_directory}
  COMPONENT ${LMF_SDK_COMPONENT})
