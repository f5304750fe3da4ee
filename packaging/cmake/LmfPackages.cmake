# The packages, made by CPack of what is installed: one for the executable, one for each plugin, one for libtorch where the
# installation brings its own, one for the SDK. packaging/packages.sh calls it.
#
# No maintainer scripts: installing is putting files where lmf looks, removing is taking them away.
if(LMF_TORCH_CUDA)
  file(REMOVE ${CMAKE_BINARY_DIR}/CPackConfig.cmake)
  return() # its libtorch is used where it lies: nothing to pass on
endif()
set(LMF_PACKAGE_MAINTAINER "The lmf developers <lmf@example.org>" CACHE STRING
  "Who answers for the packages, NAME <ADDRESS>: to be set by who passes them on")
set(CPACK_PACKAGE_NAME lmf)
set(CPACK_PACKAGE_VENDOR lmf)
set(CPACK_PACKAGE_CONTACT "${LMF_PACKAGE_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "lmf built using CMake") # CPack's default: another one would be put before each package's own
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_RPM_COMPONENT_INSTALL ON)

set(CPACK_DEBIAN_PACKAGE_SOURCE lmf)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${LMF_TORCH_LIBRARY_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
# CPack knows one licence for all packages, so rpmbuild chooses: libtorch has its own.
set(CPACK_RPM_PACKAGE_LICENSE [=[%["%{name}" == "lmf-torch" ? "BSD-3-Clause" : "Apache-2.0"]]=])
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/lib/cmake /usr/include
  /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man7
  /usr/share/bash-completion /usr/share/bash-completion/completions /usr/share/zsh /usr/share/zsh/site-functions /usr/share/fish
  /usr/share/fish/vendor_completions.d)
# What lies in lmf's own folder is nothing that other packages find, or that lmf's find elsewhere.
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none
%global __provides_exclude_from /lmf/")
if(LMF_BUNDLES_TORCH)
  string(APPEND CPACK_RPM_SPEC_MORE_DEFINE "\n%global __requires_exclude ^lib(torch_cpu|c10)[.]so")
endif()
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/LmfStage.cmake)
set(CPACK_LMF_FOLDER ${PROJECT_SOURCE_DIR}/packaging)

# lmf_package(NAME SUMMARY DESCRIPTION [needs ...]): the component of that name as a package. `needs`: packages, with "lmf" for the
# executable, whose data the plugins read, and for the plugin ABI that it provides.
macro(lmf_package name summary description)
  list(APPEND CPACK_COMPONENTS_ALL ${name})
  string(TOUPPER ${name} key)
  set(deb "")
  set(rpm "")
  foreach(need IN ITEMS ${ARGN})
    set(relation >=)
    if(need STREQUAL lmf-torch)
      set(relation =) # libtorch promises nothing between its releases
    endif()
    list(APPEND deb "${need} (${relation} ${PROJECT_VERSION})")
    list(APPEND rpm "${need} ${relation} ${PROJECT_VERSION}")
    if(need STREQUAL lmf)
      list(APPEND deb lmf-plugin-abi-1)
      list(APPEND rpm lmf-plugin-abi-1)
    endif()
  endforeach()
  list(JOIN deb ", " deb)
  list(JOIN rpm ", " rpm)
  set(CPACK_COMPONENT_${key}_DESCRIPTION "${summary}\n${description}")
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${key}_DESCRIPTION "${summary}\n${description}")
  set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${deb}")
  set(CPACK_RPM_${key}_PACKAGE_NAME ${name})
  set(CPACK_RPM_${key}_PACKAGE_SUMMARY "${summary}")
  set(CPACK_RPM_${key}_PACKAGE_DESCRIPTION "${description}")
  set(CPACK_RPM_${key}_PACKAGE_REQUIRES "${rpm}")
endmacro()
set(CPACK_COMPONENTS_ALL "")
set(torch "")
if(LMF_BUNDLES_TORCH)
  set(torch lmf-torch)
  lmf_package(lmf-torch "libtorch as the plugins of lmf need it"
    "The CPU runtime of libtorch ${LMF_TORCH_VERSION}, in a folder of lmf's own:\nno other program finds it there.")
endif()
lmf_package(lmf "fine-tune language models and talk to them"
  "The executable, which finds its commands as plugins and knows their help and
completion. The commands are in the packages lmf-train, lmf-chat, lmf-api,
lmf-export and lmf-env; others may bring more.")
set(CPACK_DEBIAN_LMF_PACKAGE_PROVIDES "lmf-plugin-abi-1 (= ${abi_version})")
set(CPACK_DEBIAN_LMF_PACKAGE_RECOMMENDS "lmf-train, lmf-chat, lmf-env")
set(CPACK_DEBIAN_LMF_PACKAGE_SUGGESTS "lmf-api, lmf-export, lmf-sdk-dev")
set(CPACK_RPM_LMF_PACKAGE_PROVIDES "lmf-plugin-abi-1 = ${abi_version}")
lmf_package(lmf-train "train language models with lmf"
  "The commands train, which fine-tunes a model as a configuration file says,
and run, which starts a program in several processes."
  lmf ${torch})
set(CPACK_DEBIAN_LMF-TRAIN_PACKAGE_SUGGESTS "python3-jieba")  # its dictionary: ROUGE of Chinese text
lmf_package(lmf-chat "talk to a language model in the terminal"
  "The command chat, which answers with a model and, if asked, its adapters." lmf ${torch})
lmf_package(lmf-api "serve a language model over HTTP"
  "The command api, a server that clients of OpenAI's interface can use." lmf ${torch})
lmf_package(lmf-export "write a fine-tuned model for other programs"
  "The command export, which merges adapters into a model, quantises it and
writes it in other formats." lmf ${torch})
lmf_package(lmf-env "say what a report about lmf needs"
  "The command env, which prints versions, the machine, libtorch, accelerators
and plugins." lmf)
lmf_package(lmf-sdk-dev "write plugins for lmf"
  "Headers, static libraries, CMake packages and templates for further commands." lmf)
set(CPACK_DEBIAN_LMF-SDK-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LMF-SDK-DEV_PACKAGE_RECOMMENDS "cmake (>= 3.25), g++ | c-compiler, libboost-dev, libboost-program-options-dev, libfmt-dev, libtomlplusplus-dev, libyaml-cpp-dev, nlohmann-json3-dev")
set(CPACK_DEBIAN_LMF-SDK-DEV_PACKAGE_SUGGESTS "cargo, libpcre2-dev, libsentencepiece-dev, libsimdjson-dev, libssl-dev, libutf8proc-dev, pkg-config")
include(CPack)
