#include "request.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::exporter {
namespace {

std::optional<std::string> optional_text(const config::Options& options, std::string_view name) {
  return options.is_null(name) ? std::nullopt : std::optional(options.text(name));
}

std::string required(const config::Options& options, std::string_view name, const char* what, const char* hint) {
  const std::string value = optional_text(options, name).value_or("");
  if (value.empty()) throw Error(what, hint, kExitUsage);
  return value;
}

std::vector<double> read_weights(const config::Options& options, std::size_t adapters) {
  const auto words = options.list("adapter_weights");
  if (words.empty()) return std::vector<double>(adapters, 1.0);
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    throw Error(fmt::format("{}: adapter_weights {}", options.origin("adapter_weights"), why), hint, kExitUsage);
  };
  if (words.size() != adapters)
    refuse(fmt::format("has {} numbers for {} adapters", words.size(), adapters), "give one for each, in their order");
  std::vector<double> weights;
  for (const std::string& word : words) {
    double weight = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), weight);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(weight))
      refuse(fmt::format("holds '{}', expected numbers", word), "write for example adapter_weights: [1.0, 0.5]");
    weights.push_back(weight);
  }
  return weights;
}

std::vector<FileKind> read_kinds(const config::Options& options) {
  std::vector<FileKind> kinds;
  for (const std::string& word : options.list("export_gguf")) {
    const auto kind = file_kind(word);
    if (!kind)
      throw Error(fmt::format("{}: export_gguf is '{}'", options.origin("export_gguf"), word),
                  fmt::format("there are {}", fmt::join(file_kinds(), ", ")), kExitUsage);
    if (std::find(kinds.begin(), kinds.end(), *kind) == kinds.end()) kinds.push_back(*kind);
  }
  return kinds;
}

std::optional<Quantization> read_quantization(const config::Options& options) {
  if (options.is_null("export_quantization_bit")) return std::nullopt;
  Quantization wanted;
  wanted.bits = options.integer("export_quantization_bit");
  const std::string dataset = optional_text(options, "export_quantization_dataset").value_or("");
  if (dataset.empty())
    throw Error(fmt::format("{}: export_quantization_bit is {}, and export_quantization_dataset is not set",
                            options.origin("export_quantization_bit"), wanted.bits),
                "name a .json, .jsonl or .txt file of texts like those that the model will read", kExitUsage);
  wanted.dataset = dataset;
  wanted.origin = options.origin("export_quantization_dataset");
  if (!std::filesystem::is_regular_file(wanted.dataset))
    throw Error(fmt::format("{}: export_quantization_dataset {} is no file", wanted.origin, dataset),
                "name a .json, .jsonl or .txt file of texts", kExitUsage);
  wanted.samples = static_cast<std::size_t>(options.integer("export_quantization_nsamples"));
  wanted.longest = static_cast<std::size_t>(options.integer("export_quantization_maxlen"));
  wanted.seed = static_cast<std::uint64_t>(options.integer("seed"));
  return wanted;
}

}  // namespace

Request read_request(const config::Options& options) {
  Request request;
  request.model =
      required(options, "model_name_or_path", "no model is named",
               "pass --model_name_or_path DIR, the folder of a model or its name in the Hugging Face cache");
  request.directory = required(options, "export_dir", "export_dir is not set: where should the model be written to?",
                               "pass --export_dir DIR, a folder that is new or empty");
  request.revision = options.text("model_revision");
  request.cache_directory = optional_text(options, "cache_dir").value_or("");
  request.adapters = model::adapter_names(options.list("adapter_name_or_path"));
  request.adapter_weights = read_weights(options, request.adapters.size());
  request.chat_template = optional_text(options, "template");
  request.default_system = optional_text(options, "default_system");
  request.tool_format = optional_text(options, "tool_format");
  constexpr std::uint64_t kGigabyte = 1'000'000'000;  // the original counts in decimal ones
  request.shard_bytes = static_cast<std::uint64_t>(options.integer("export_size")) * kGigabyte;
  request.number = model::number_named(options.text("infer_dtype"));
  request.gguf = read_kinds(options);
  request.quantization = read_quantization(options);
  request.overwrite = options.flag("export_overwrite");
  request.any_base = options.flag("export_any_base");
  // Without an adapter there is nothing to prove but that bytes were copied: only when it is asked for.
  request.verify = options.flag("verify") && (options.given("verify") || !request.adapters.empty());
  return request;
}

}  // namespace lmf::exporter
