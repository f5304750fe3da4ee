#include <optional>

#include <torch/cuda.h>
#include <torch/types.h>

#include "conversation.hpp"
#include "model/adapter.hpp"

namespace lmf::chat {

Model Model::load(const Settings& settings, const std::filesystem::path& share_directory) {
  const auto directory = model::resolve_model(settings.model, settings.revision, settings.cache_directory);
  auto tokenizer = text::Tokenizer::load(directory);
  const auto name = settings.chat_template.empty() ? std::nullopt : std::optional(settings.chat_template);
  auto chat_template = text::ChatTemplate::choose(share_directory, name, /*default_system=*/std::nullopt, tokenizer);
  chat_template.repair(tokenizer);
  const torch::Device device = !settings.use_cpu && torch::cuda::is_available() ? torch::kCUDA : torch::kCPU;
  // fp32 whatever the checkpoint's type is, as the original does on a CPU.
  auto decoder = model::Decoder::load(directory, torch::kFloat32, device);
  for (const std::string& adapter : settings.adapters) {
    const auto folder = model::resolve_adapter(adapter, settings.revision, settings.cache_directory);
    model::load_adapter(decoder, folder, /*trainable=*/false);
    model::merge_adapter(decoder);
  }
  return {std::move(tokenizer), std::move(chat_template), std::move(decoder)};
}

}  // namespace lmf::chat
