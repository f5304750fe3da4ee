# Headers that many files include are compiled once: libtorch's for targets that link it, common ones for the others.
#
# Not torch/torch.h: every file would instantiate its torch::nn again, for 2 s. Not fmt in the common ones: what defines how it
# is linked differs between targets, and a precompiled header has to be compiled as its users are. For the same reason all of
# them are position-independent.
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
foreach(kind torch common)
  add_library(lmf_${kind}_pch OBJECT ${CMAKE_CURRENT_LIST_DIR}/precompiled.cpp)
  target_link_libraries(lmf_${kind}_pch PUBLIC nlohmann_json::nlohmann_json)
endforeach()
target_link_libraries(lmf_torch_pch PUBLIC lmf_torch fmt::fmt)
target_precompile_headers(lmf_torch_pch PRIVATE <torch/types.h> <torch/utils.h> <fmt/format.h> <nlohmann/json.hpp>)
target_precompile_headers(lmf_common_pch PRIVATE <algorithm> <chrono> <filesystem> <functional> <map> <memory> <optional>
  <set> <span> <string> <unordered_map> <variant> <vector> <nlohmann/json.hpp>)

# To be called once the target's libraries are linked, and those have theirs.
function(lmf_precompile_headers target)
  lmf_links_torch(${target} links_torch)
  set(kind common)
  if(links_torch)
    set(kind torch)
  endif()
  target_precompile_headers(${target} REUSE_FROM lmf_${kind}_pch)
  target_compile_options(${target} PRIVATE -fPIC)
endfunction()
