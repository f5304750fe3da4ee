#include "infer/loaded_model.hpp"

#include <algorithm>
#include <optional>

#include <c10/core/CachingDeviceAllocator.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "infer/packed_weights.hpp"
#include "model/adapter.hpp"
#include "model/adapter_base.hpp"
#include "model/adapter_folder.hpp"
#include "model/weight_fingerprint.hpp"

namespace lmf::infer {
namespace {

/// A GPU is not busy with fewer, and prompts that are read whole need no mask.
constexpr std::int64_t kGpuStepTokens = 2048;

/// On a CPU, auto is float32 as in the original, or bfloat16 where the file has that: its values are the same then, and
/// half as many bytes are read for each token. Who takes a GPTQ checkpoint wants few bits: 8, or the file's own 4 where
/// they can be kept.
WeightFormat weight_format(const ModelChoice& choice, const model::DecoderSpec& spec, torch::Device device) {
  if (choice.bits) return *choice.bits == 4 ? WeightFormat::int4 : WeightFormat::int8;
  if (choice.dtype == "bfloat16") return WeightFormat::bf16;
  if (spec.gptq && choice.dtype == "auto" && device.is_cpu()) return WeightFormat::int8;
  const bool same = choice.dtype == "auto" && spec.dtype == "bfloat16" && choice.adapters.empty();
  return same ? WeightFormat::bf16 : WeightFormat::fp32;
}

/// As in the file where that is enough: it is rounded or widened matrix by matrix then, and need not lie in memory
/// twice.
torch::Dtype load_dtype(const ModelChoice& choice, const model::DecoderSpec& spec, torch::Device device) {
  const bool half_file = spec.dtype == "bfloat16";
  if (device.is_cpu()) return half_file && choice.adapters.empty() ? torch::kBFloat16 : torch::kFloat32;
  return choice.dtype == "bfloat16" || (choice.dtype == "auto" && half_file) ? torch::kBFloat16 : torch::kFloat32;
}

/// Bytes that the keys and values of all sequences may take.
std::int64_t cache_memory(torch::Device device) {
  if (device.is_cpu()) return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE) / 2;
  // Taken at once, and a step needs some memory as well.
  return static_cast<std::int64_t>(c10::getDeviceAllocator(device.type())->getMemoryInfo(device.index()).first) / 5 * 4;
}

/// Positions of each sequence: the whole context, or what fits the memory when all are used.
std::int64_t positions_that_fit(const model::Decoder& decoder, std::int64_t sequences) {
  const model::DecoderSpec& spec = decoder.spec();
  const bool on_cpu = decoder.device().is_cpu();
  const std::int64_t context = model::context_length(spec);
  const std::int64_t value_bytes =
      on_cpu ? sizeof(float) : static_cast<std::int64_t>(c10::elementSize(decoder.dtype()));
  const std::int64_t each = 2 * spec.layers * spec.key_value_heads * spec.head_dim * value_bytes * sequences;
  const std::int64_t fitting = std::clamp<std::int64_t>(
      cache_memory(decoder.device()) / std::max<std::int64_t>(each, 1), std::min<std::int64_t>(256, context), context);
  if (fitting < context)
    log::info("a conversation can have {} of the model's {} tokens: the memory of {} of them is bounded to {}", fitting,
              context, sequences, on_cpu ? "half of the machine's" : "four fifths of what is free on the GPU");
  return fitting;
}

/// Rows of several adapters are normed together: linears and the embedding may be an adapter's own, a norm not.
void require_shared_norms(model::Decoder& base, model::Decoder& adapted, const std::filesystem::path& folder) {
  const auto ours = base.slots(), theirs = adapted.slots();
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (ours[i].first.ends_with("norm.weight") && !ours[i].second->is_same(*theirs[i].second))
      throw Error(fmt::format("{} holds '{}' whole (modules_to_save), and adapters that are kept apart share the norms",
                              folder.string(), ours[i].first),
                  "merge it with adapter_name_or_path, or export it", kExitUsage);
}

/// A DoRA adapter's weights are no sum with the model's: the linears that it changes become its own.
void merge_apart(model::Decoder& copy) {
  for (model::Linear* linear : copy.linears())
    if (linear->lora_a.defined()) linear->weight = linear->dense_weight().clone();
  model::merge_adapter(copy);
}

}  // namespace

LoadedModel LoadedModel::load(const ModelChoice& choice, const std::filesystem::path& share_directory) {
  auto directory = model::resolve_model(choice.model, choice.revision, choice.cache_directory);
  auto tokenizer = text::Tokenizer::load(directory);
  auto chat_template = text::ChatTemplate::choose(share_directory, choice.chat_template, tokenizer);
  chat_template.repair(tokenizer);
  const bool on_gpu = !choice.use_cpu && torch::cuda::is_available();
  const torch::Device device =
      on_gpu ? torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(choice.gpu)) : torch::Device(torch::kCPU);
  const auto spec = model::DecoderSpec::read(directory, model::Quantized::gptq);
  auto decoder =
      model::Decoder::load(directory, load_dtype(choice, spec, device), device, /*mapped=*/choice.adapters.empty());
  const auto adapter_folder = [&](const std::string& adapter) {
    return model::resolve_adapter(adapter, choice.revision, choice.cache_directory);
  };
  auto value_head = ValueHead::find(directory);
  const WeightFormat format = weight_format(choice, spec, device);
  model::WeightFingerprint fingerprint;
  const auto weights = model::WeightFiles::open_model(directory);
  fingerprint.add(weights);
  fingerprint.add(std::to_string(static_cast<int>(format)));
  const auto add_adapter = [](model::WeightFingerprint& to, const std::filesystem::path& folder) {
    to.add(model::WeightFiles::open_file(folder / model::kAdapterWeightsFile));
    to.add(read_file(folder / model::kAdapterConfigFile));
  };
  // PEFT and the original load it silently: no more than a warning.
  const auto warn_of_base = [&](const std::filesystem::path& folder, const model::LoraConfig& config) {
    const auto doubt = model::doubt_base(folder, config.base_model,
                                         {choice.model, choice.revision, choice.cache_directory, directory, weights});
    if (doubt) log::warn("{}", doubt->sentence);
  };
  for (const std::string& adapter : choice.adapters) {
    const auto folder = adapter_folder(adapter);
    if (auto own = ValueHead::find(folder)) value_head = std::move(own);
    warn_of_base(folder, model::load_adapter(decoder, folder, /*trainable=*/false));
    model::merge_adapter(decoder);
    add_adapter(fingerprint, folder);
  }
  std::vector<model::Decoder> apart;
  std::vector<std::optional<ValueHead>> apart_heads;
  std::vector<model::WeightFingerprint> apart_fingerprints;
  for (const std::string& adapter : choice.apart) {
    model::Decoder copy = decoder;  // of the names of tensors, which both share
    const auto folder = adapter_folder(adapter);
    const model::LoraConfig config = model::load_adapter(copy, folder, /*trainable=*/false);
    warn_of_base(folder, config);
    if (config.dora) merge_apart(copy);
    require_shared_norms(decoder, copy, folder);
    apart.push_back(std::move(copy));
    apart_heads.push_back(ValueHead::find(folder));
    add_adapter(apart_fingerprints.emplace_back(fingerprint), folder);
  }
  ExecutorSettings settings{.slots = choice.sequences, .format = format};
  if (on_gpu) settings.step_tokens = kGpuStepTokens;
  settings.slot_tokens = positions_that_fit(decoder, choice.sequences);
  auto engine =
      std::make_unique<Engine>(make_executor(std::move(decoder), settings, std::move(apart)), choice.most_waiting);
  LoadedModel loaded{std::move(directory), std::move(tokenizer),  std::move(chat_template),
                     std::move(engine),    std::move(value_head), std::move(apart_heads)};
  loaded.fingerprint = fingerprint.value();
  for (const model::WeightFingerprint& each : apart_fingerprints) loaded.apart_fingerprints.push_back(each.value());
  if (on_gpu) loaded.gpu = choice.gpu;
  return loaded;
}

std::optional<std::int64_t> LoadedModel::gpu_bytes() const {
  if (!gpu) return std::nullopt;
  const auto [free, all] = c10::getDeviceAllocator(torch::kCUDA)->getMemoryInfo(static_cast<c10::DeviceIndex>(*gpu));
  return static_cast<std::int64_t>(all - free);
}

}  // namespace lmf::infer
