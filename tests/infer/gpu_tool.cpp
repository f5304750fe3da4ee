// Answers on a GPU: those of one sequence after the other, in float32 and bfloat16, with decode steps recorded as
// graphs. 77 where this build or machine has no CUDA, and why.
#include <cstdio>

#include <torch/cuda.h>

#include "infer/support.hpp"

using namespace lmf::infer;

namespace {

/// Tokens of both that are the same from the beginning on.
std::size_t common(const Ids& a, const Ids& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

/// Whether steps were recorded, where this build can do that, and float32 answers are those of the whole sequence
/// computed anew. In bfloat16 sums in another order may turn a near tie, after which texts differ: most of the tokens
/// have to be the same.
bool answers_agree(torch::Dtype dtype) {
  const Decoder decoder = Decoder::random(small_spec(), 7, dtype, torch::kCUDA);
  auto recorder = graph_recorder(torch::kCUDA);
  const std::int64_t least_graphs = recorder ? 2 : 0;  // positions up to 256, and beyond
  auto executor = std::make_unique<TorchExecutor>(decoder, ExecutorSettings{.slots = 4, .step_tokens = 64},
                                                  std::vector<Decoder>{}, std::move(recorder));
  const TorchExecutor& seen = *executor;
  Engine engine(std::move(executor));
  const std::vector<std::size_t> lengths = {3, 40, 200, 90, 255, 7};
  const auto notebooks = ask_together(engine, lengths, 60);
  std::size_t same = 0, all = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const End end = notebooks[i]->await_end();
    if (end.error) return std::fprintf(stderr, "%s\n", end.error->what()), false;
    same += common(notebooks[i]->ids_, greedy_without_cache(decoder, some_prompt(lengths[i]), 60));
    all += 60;
  }
  std::printf("%s: %zu of %zu tokens the same, %lld graphs\n", torch::toString(dtype), same, all,
              static_cast<long long>(seen.recorded_graphs()));
  return seen.recorded_graphs() >= least_graphs && (dtype == torch::kFloat32 ? same == all : 2 * same > all);
}

}  // namespace

int main() {
  if (!torch::cuda::is_available()) return std::puts("skipped: libtorch sees no GPU"), 77;
  try {
    const bool exact = answers_agree(torch::kFloat32), close = answers_agree(torch::kBFloat16);
    return exact && close ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
