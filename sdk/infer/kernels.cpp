#include "infer/kernels.hpp"

#include <vector>

namespace lmf::infer {

#ifdef LMF_X86_LEVELS
namespace v4_vnni {
extern const Kernels kKernels;
}
namespace v4 {
extern const Kernels kKernels;
}
namespace v3 {
extern const Kernels kKernels;
}
#endif
namespace baseline {
extern const Kernels kKernels;
}

std::span<const Kernels* const> runnable_kernels() {
  static const std::vector<const Kernels*> runnable = [] {
    std::vector<const Kernels*> found;
#ifdef LMF_X86_LEVELS
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512 && __builtin_cpu_supports("avx512vnni")) found.push_back(&v4_vnni::kKernels);
    if (avx512) found.push_back(&v4::kKernels);
    if (avx2) found.push_back(&v3::kKernels);
#endif
    found.push_back(&baseline::kKernels);
    return found;
  }();
  return runnable;
}

}  // namespace lmf::infer
