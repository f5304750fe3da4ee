// Plugins made by hand that let an exception escape: from run, from the constructor of a static object, or from what
// the host asks first.
#include <stdexcept>

#include "lmf/abi.h"

namespace {

#ifdef BAD_STATIC
struct Throwing {
  Throwing() { throw std::runtime_error("thrown while loading"); }
};
const Throwing object;
#endif

int run(const lmf_host_v1*, const char*, int, const char* const*, char*, size_t) {
  throw std::runtime_error("thrown in run");
}

}  // namespace

extern "C" const lmf_plugin_v1* lmf_plugin_query_v1(void) {
#ifdef BAD_QUERY
  throw std::runtime_error("thrown when asked");
#endif
  static const lmf_plugin_v1 plugin = {
      LMF_ABI_MAGIC, LMF_ABI_MAJOR, 0, sizeof(lmf_plugin_v1), 0, PLUGIN_NAME, "1.0.0", "cxx=test", run, nullptr};
  return &plugin;
}
