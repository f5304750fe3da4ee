#include "inputs.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "model/adapter_base.hpp"
#include "model/decoder_shapes.hpp"

namespace lmf::exporter {
namespace {

namespace fs = std::filesystem;

/// Part of a LoRA's update is an update; how much of a row's length a part of DoRA's would change nobody defines.
void require_whole_dora(const WeightedAdapter& adapter) {
  if (!adapter.folder.config.dora || adapter.weight == 1.0) return;
  throw Error(fmt::format("adapter_weights has {} for {}, which is a DoRA adapter: those are merged whole",
                          adapter.weight, adapter.directory.string()),
              "leave adapter_weights out, or give it 1.0", kExitUsage);
}

/// Throws Error for an adapter of other weights, unless the request says that this is meant.
void check_base(const WeightedAdapter& adapter, const Request& request, const fs::path& folder,
                const model::WeightFiles& weights) {
  const auto doubt = model::doubt_base(adapter.directory, adapter.folder.config.base_model,
                                       {request.model, request.revision, request.cache_directory, folder, weights});
  if (!doubt) return;
  if (doubt->other_weights && !request.any_base)
    throw Error(doubt->sentence,
                "name the model that it was trained on, or set export_any_base: true to merge it all the same",
                kExitUsage);
  log::warn("{}", doubt->sentence);
}

/// Reading any Jinja is not done yet, so that a model whose template is not named may have one that lmf does not know.
std::optional<text::ChatTemplate> choose_template(const Request& request, const fs::path& share,
                                                  const text::Tokenizer& tokenizer) {
  if (request.chat_template || request.default_system || request.tool_format)
    return text::ChatTemplate::choose(
        share,
        {.name = request.chat_template, .default_system = request.default_system, .tool_format = request.tool_format},
        tokenizer);
  if (tokenizer.chat_template().empty()) {
    log::info("no template is named: Modelfile leaves it to ollama, and there is no chat_template.jinja");
    return std::nullopt;
  }
  try {
    return text::ChatTemplate::choose(share, {}, tokenizer);
  } catch (const Error&) {
    log::info("no template is named: the tokenizer keeps its own chat template, and Modelfile leaves it to ollama");
    return std::nullopt;
  }
}

void require_embeddings(const model::DecoderSpec& spec, const text::Tokenizer& tokenizer) {
  if (tokenizer.vocab_size() <= spec.vocab_size) return;
  throw Error(
      fmt::format("the tokenizer has {} tokens, the model embeds {}", tokenizer.vocab_size(), spec.vocab_size),
      "growing the vocabulary (resize_vocab) is not in this version: choose a template whose tokens the model has");
}

}  // namespace

Inputs Inputs::read(const Request& request, const fs::path& share_directory) {
  const auto folder = model::resolve_model(request.model, request.revision, request.cache_directory);
  auto spec = model::DecoderSpec::read(folder);
  auto tokenizer = text::Tokenizer::load(folder);
  auto chat_template = choose_template(request, share_directory, tokenizer);
  if (chat_template) chat_template->repair(tokenizer);
  require_embeddings(spec, tokenizer);
  auto weights = model::WeightFiles::open_model(folder);
  model::require_parameters(weights, spec);
  if (!spec.config.contains("dtype") && !spec.config.contains("torch_dtype"))
    spec.dtype = torch_name(model::number_of(weights.require("model.embed_tokens.weight").dtype).value());

  std::vector<WeightedAdapter> adapters;
  for (std::size_t i = 0; i < request.adapters.size(); ++i) {
    const auto place = model::resolve_adapter(request.adapters[i], request.revision, request.cache_directory);
    adapters.push_back({place, model::AdapterFolder::open(place, spec), request.adapter_weights[i]});
    require_whole_dora(adapters.back());
    check_base(adapters.back(), request, folder, weights);
    if (!adapters.back().folder.plan.separates_head) continue;
    spec.tied_embeddings = false;  // for the adapters after it, and for who reads the result
    spec.config["tie_word_embeddings"] = false;
  }
  return {
      folder, std::move(spec), std::move(weights), std::move(adapters), std::move(tokenizer), std::move(chat_template)};
}

std::vector<SourceFolder> Inputs::folders() const {
  std::vector<SourceFolder> folders = {{"the model's folder", model_directory}};
  for (const auto& adapter : adapters) folders.push_back({"an adapter's folder", adapter.directory});
  return folders;
}

}  // namespace lmf::exporter
