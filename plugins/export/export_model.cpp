#include "export_model.hpp"

#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/progress.hpp"
#include "inputs.hpp"
#include "merged_weights.hpp"
#include "target_folder.hpp"
#include "text_files.hpp"
#include "verifier.hpp"
#include "weight_writer.hpp"

namespace lmf::exporter {
namespace {

constexpr std::uint64_t kBesideWeights = 64 << 20;  // bytes: tokenizers, headers

/// "merging 2 adapters into 56 of 291 tensors"
std::string what_is_done(const MergedWeights& weights, const Request& request) {
  std::size_t changed = 0;
  for (std::size_t i = 0; i < weights.tensors().size(); ++i) changed += weights.is_changed(i) ? 1 : 0;
  const std::size_t adapters = weights.adapters().size();
  std::string what = adapters == 0 ? "no adapter is named: the model is written again as it is"
                                   : fmt::format("merging {} adapter{} into {} of {} tensors", adapters,
                                                 adapters == 1 ? "" : "s", changed, weights.tensors().size());
  return request.number ? fmt::format("{}, as {}", what, torch_name(*request.number)) : what;
}

void write_all_weights(const MergedWeights& weights, const WeightPlan& plan, const std::filesystem::path& folder) {
  constexpr std::uint64_t kMegabyte = 1'000'000;
  Progress progress("writing, MB", static_cast<std::int64_t>(plan.bytes / kMegabyte));
  std::uint64_t written = 0;
  write_weights(weights, plan, folder, [&](std::uint64_t bytes) {
    written += bytes;
    progress.update(static_cast<std::int64_t>(written / kMegabyte));
  });
  progress.finish();
}

}  // namespace

void export_model(const Request& request, const lmf_host_v1& host) {
  const auto began = std::chrono::steady_clock::now();
  const Inputs inputs = Inputs::read(request, host.share_directory);
  TargetFolder target(request.directory, inputs.folders(), request.overwrite);
  const MergedWeights weights(inputs.weights, inputs.spec, inputs.adapters);
  const WeightPlan plan = plan_weights(weights, request.number, request.shard_bytes);
  target.require_space(plan.bytes + kBesideWeights);
  std::optional<Verifier> verifier;
  if (request.verify) verifier.emplace(host);
  log::info("{}", what_is_done(weights, request));

  target.begin();
  write_text_files(inputs, request.number, {}, target.work());
  write_all_weights(weights, plan, target.work());
  if (verifier) {
    target.keep();  // what is wrong with it can be looked at
    verifier->verify(request, inputs, target.work());
  }
  target.commit();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  log::info("wrote {}: {:.2f} GB of weights in {} file{}, {:.1f} s", target.directory().string(),
            double(plan.bytes) / 1e9, plan.shards.size(), plan.shards.size() == 1 ? "" : "s", took.count());
}

}  // namespace lmf::exporter
