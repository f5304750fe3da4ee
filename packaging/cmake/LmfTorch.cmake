# libtorch as the target lmf_torch. Built and tested with 2.13.
#
# Only the version is taken from libtorch's own CMake package: its find_package(Torch) asks for nvcc and the whole CUDA toolkit
# when libtorch was built with CUDA, as the wheel of the default Python index is, and lmf compiles no CUDA source.
include(${CMAKE_CURRENT_LIST_DIR}/LocateTorch.cmake)
option(LMF_CUDA "Take only a libtorch that was built with CUDA" OFF)

lmf_locate_torch(LMF_TORCH_DIR)
set(LMF_TORCH_FOUND "${LMF_TORCH_DIR}" CACHE INTERNAL "Where libtorch was found")
lmf_describe_torch("${LMF_TORCH_DIR}")
set(LMF_TORCH_VERSION ${version})
set(LMF_TORCH_PREFIX ${prefix})
message(STATUS "libtorch ${LMF_TORCH_VERSION} in ${LMF_TORCH_PREFIX}")

find_package(Threads REQUIRED)
add_library(lmf_torch INTERFACE IMPORTED) # imported: what links it is installed without it
foreach(library torch_cpu c10)
  find_library(path ${library} PATHS ${LMF_TORCH_PREFIX}/lib ${LMF_TORCH_PREFIX}/lib/${CMAKE_LIBRARY_ARCHITECTURE}
    NO_DEFAULT_PATH NO_CACHE REQUIRED)
  add_library(lmf_torch_${library} SHARED IMPORTED)
  set_target_properties(lmf_torch_${library} PROPERTIES IMPORTED_LOCATION ${path})
  target_link_libraries(lmf_torch INTERFACE lmf_torch_${library})
  cmake_path(GET path PARENT_PATH LMF_TORCH_LIBRARY_DIR)
  unset(path)
endforeach()
target_link_libraries(lmf_torch INTERFACE Threads::Threads)
target_include_directories(lmf_torch SYSTEM INTERFACE
  ${LMF_TORCH_PREFIX}/include ${LMF_TORCH_PREFIX}/include/torch/csrc/api/include)
# libtorch's headers bring a newer fmt along, which hides the system's: without its library it has to be header-only.
target_compile_definitions(lmf_torch INTERFACE FMT_HEADER_ONLY)
target_compile_options(lmf_torch INTERFACE -Wno-shadow -Wno-pedantic -Wno-unused-parameter)
set(LMF_TORCH_CUDA ${cuda})
if(LMF_TORCH_CUDA)
  # Loading it is what registers the CUDA kernels, whether or not a symbol of it is called.
  target_link_options(lmf_torch INTERFACE
    -Wl,--push-state,--no-as-needed ${LMF_TORCH_LIBRARY_DIR}/libtorch_cuda.so -Wl,--pop-state)
endif()

# lmf_find_cuda_headers(RESULT "what is lacking without them" HEADER ...): where CUDA's headers are, or nothing and a warning. The
# wheels of libtorch bring them in neighbouring folders, but since CUDA 13 without those of the compiler (crt) and of CCCL (nv).
function(lmf_find_cuda_headers result lacking)
  set(includes "")
  set(missing "")
  file(GLOB nvidia "${LMF_TORCH_PREFIX}/../nvidia/*/include")
  foreach(header ${ARGN})
    string(MAKE_C_IDENTIFIER "LMF_PLACE_OF_${header}" place)
    find_path(${place} ${header} HINTS ${nvidia} /usr/local/cuda/include)
    if(${place})
      list(APPEND includes "${${place}}")
    else()
      list(APPEND missing ${header})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    message(WARNING "${missing} not found: ${lacking}. "
      "Next: pip install 'cuda-toolkit[crt,cccl]' beside torch, or name a CUDA toolkit with CMAKE_PREFIX_PATH")
    set(includes "")
  endif()
  set(${result} "${includes}" PARENT_SCOPE)
endfunction()

# The parts this libtorch was built with (distributed, gloo): its headers declare them under these names only.
file(STRINGS ${LMF_TORCH_DIR}/../Caffe2/Caffe2Targets.cmake parts
  REGEX "INTERFACE_COMPILE_DEFINITIONS \"USE_" LIMIT_COUNT 1)
string(REGEX MATCHALL "USE_[A-Z0-9_]+" parts "${parts}")
target_compile_definitions(lmf_torch INTERFACE ${parts})
