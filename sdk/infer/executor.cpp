#include "infer/executor.hpp"

#include <fmt/format.h>

#include "infer/cpu_executor.hpp"
#include "infer/torch_executor.hpp"
#include "lmf/error.hpp"

namespace lmf::infer {

std::unique_ptr<Executor> make_executor(model::Decoder decoder, const ExecutorSettings& settings,
                                        std::vector<model::Decoder> adapted) {
  if (decoder.device().is_cpu()) return std::make_unique<CpuExecutor>(std::move(decoder), settings, std::move(adapted));
  if (settings.format == WeightFormat::int8 || settings.format == WeightFormat::int4)
    throw Error(
        fmt::format("quantization_bit: quantised weights answer on the CPU only, not on {}", decoder.device().str()),
        "leave quantization_bit out, or set use_cpu: true", kExitUsage);
  auto recorder = graph_recorder(decoder.device());
  return std::make_unique<TorchExecutor>(std::move(decoder), settings, std::move(adapted), std::move(recorder));
}

}  // namespace lmf::infer
