#include <cstdio>

#include "lmf/plugin.hpp"

namespace {

int greet(const lmf::Invocation& call) {
  if (call.arguments.empty()) throw lmf::Error("expected a name", "for example: lmf greet Ada", lmf::kExitUsage);
  std::printf("hello, %s\n", call.arguments.front());
  return 0;
}

}  // namespace

LMF_PLUGIN(greet)
