// ranks_tool MEBIBYTES REPETITIONS: one rank (its launcher's variables in the environment) reduces that much gradient,
// by c10d's allreduce of one buffer and through DataParallel during a backward that makes nothing but the gradients.
// Rank 0 prints the seconds of each, the least of all repetitions. For ddp.py.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <torch/utils.h>

#include "train/worker/data_parallel.hpp"
#include "train/worker/gradients.hpp"

using namespace lmf::train;

namespace {

/// What the slowest rank needs, at best.
template <class Work>
double least_seconds(ProcessGroup& group, int repetitions, const Work& work) {
  double least = 1e9;
  for (int i = 0; i < repetitions; ++i) {
    group.gather({0.0});
    const auto begin = std::chrono::steady_clock::now();
    work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    double slowest = 0.0;
    for (const auto& of_rank : group.gather({seconds})) slowest = std::max(slowest, of_rank[0]);
    least = std::min(least, slowest);
  }
  return least;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return std::fputs("ranks_tool MEBIBYTES REPETITIONS\n", stderr), 2;
  constexpr std::int64_t kMatrix = 1 << 20, kBucketBytes = 25 << 20;  // values; as by default
  const std::int64_t count = std::atoll(argv[1]) / 4;
  const int repetitions = std::atoi(argv[2]);
  torch::set_num_threads(1);
  const auto group = ProcessGroup::join(World::from_environment(), torch::kCPU, std::chrono::seconds(60));

  std::vector<at::Tensor> whole{torch::ones({count * kMatrix})};
  const double plain = least_seconds(*group, repetitions, [&] { group->c10d()->allreduce(whole)->wait(); });

  NamedTensors parameters;
  for (std::int64_t i = 0; i < count; ++i)
    parameters.emplace_back(std::to_string(i), torch::ones({kMatrix}).requires_grad_(true));
  const auto backward = [&](DataParallel* parallel) {
    at::Tensor sum = torch::zeros({});
    for (const auto& [name, parameter] : parameters) sum = sum + parameter.sum();
    if (parallel) parallel->prepare_last_backward();
    sum.backward();
    clear_gradients(parameters);
  };
  double alone = 0.0, reduced = 0.0;
  {
    alone = least_seconds(*group, repetitions, [&] { backward(nullptr); });
    DataParallel parallel(parameters, *group, kBucketBytes);
    reduced = least_seconds(*group, repetitions, [&] { backward(&parallel); });
  }
  if (group->leads()) std::printf("%f %f %f\n", plain, reduced, alone);
  group->leave();
} catch (const lmf::Error& error) {
  std::fprintf(stderr, "%s %s\n", error.what(), error.hint().c_str());
  return 1;
}
