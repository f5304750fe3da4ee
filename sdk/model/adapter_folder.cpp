#include "model/adapter_folder.hpp"

#include <set>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "model/adapter_config.hpp"

namespace lmf::model {
namespace {

/// Checks the tensors an adapter needs, and that there is no other: one that nothing takes would be lost silently
/// (embedding LoRA, magnitudes without use_dora, another model's layers).
class TensorCheck {
 public:
  explicit TensorCheck(const AdapterFolder& adapter) : adapter_(adapter) {}

  void run(DecoderSpec spec) {
    for (const auto& [name, shape] : adapter_.plan.linears) {
      const std::int64_t rank = rank_of(adapter_.config, name);
      need(name + ".lora_A.weight", {rank, shape[1]});
      need(name + ".lora_B.weight", {shape[0], rank});
      if (adapter_.config.dora) need(name + kMagnitude, {shape[0]});
    }
    if (adapter_.plan.separates_head) spec.tied_embeddings = false;
    for (const auto& [name, shape] : parameter_shapes(spec)) whole(name, shape);
    if (spec.tied_embeddings)
      used_.insert(kAdapterPrefix + std::string("lm_head.weight"));  // the same tensor once more
    for (const std::string& name : adapter_.weights.names())
      if (!used_.contains(name)) wrong(name, "fits nothing in this model and adapter_config.json");
  }

 private:
  std::string hint() const {
    const std::string& base = adapter_.config.base_model;
    return fmt::format("is this the adapter of another base model?{}",
                       base.empty() ? "" : fmt::format(" It was trained on {}", shortened(base)));
  }

  [[noreturn]] void wrong(const std::string& name, const std::string& what) const {
    throw Error(fmt::format("{}: tensor '{}' {}", adapter_.weights.source().string(), name, what), hint());
  }

  const TensorEntry& stored(const std::string& key, const std::vector<std::int64_t>& shape) const try {
    return adapter_.weights.require(key, shape);
  } catch (const Error& problem) {
    throw Error(problem.what(), hint());
  }

  void need(const std::string& name, const std::vector<std::int64_t>& shape) {
    const std::string key = kAdapterPrefix + name;
    const std::string& dtype = stored(key, shape).dtype;
    const bool fractions = dtype.starts_with('F') || dtype == "BF16";
    if (!fractions) wrong(key, fmt::format("has dtype {}, which holds no fractions", dtype));
    used_.insert(key);
  }

  /// A module trained whole, or an embedding that peft adds by itself when a vocabulary grew.
  void whole(const std::string& name, const std::vector<std::int64_t>& shape) {
    if (adapter_.weights.find(kAdapterPrefix + name))
      need(name, shape);
    else if (is_saved_whole(adapter_.config, name))
      throw Error(fmt::format("{} lacks '{}{}', which modules_to_save in adapter_config.json names",
                              adapter_.weights.source().string(), kAdapterPrefix, name));
  }

  const AdapterFolder& adapter_;
  std::set<std::string> used_;
};

/// plan_adapter() knows no file: an option may ask for the same.
AdapterPlan plan_of(const DecoderSpec& spec, const LoraConfig& config, const std::filesystem::path& file) try {
  return plan_adapter(spec, config);
} catch (const Error& problem) {
  throw Error(fmt::format("{}: {}", file.string(), problem.what()), problem.hint(), problem.exit_status());
}

}  // namespace

LoraConfig AdapterFolder::read_config(const std::filesystem::path& directory) {
  for (const char* name : {kAdapterConfigFile, kAdapterWeightsFile})
    if (!std::filesystem::exists(directory / name))
      throw Error(fmt::format("{} has no {}", directory.string(), name),
                  std::filesystem::exists(directory / "adapter_model.bin")
                      ? "adapter_model.bin is a pickle; save it with safetensors once"
                      : "is this the folder of an adapter?");
  return read_lora_config(directory / kAdapterConfigFile);
}

AdapterFolder AdapterFolder::open(const std::filesystem::path& directory, const DecoderSpec& spec) {
  AdapterFolder adapter;
  adapter.config = read_config(directory);
  adapter.plan = plan_of(spec, adapter.config, directory / kAdapterConfigFile);
  adapter.weights = WeightFiles::open_file(directory / kAdapterWeightsFile);
  TensorCheck(adapter).run(spec);
  return adapter;
}

}  // namespace lmf::model
