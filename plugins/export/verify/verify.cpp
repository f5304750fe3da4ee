#include "verify/verify.hpp"

#include <chrono>

#include <torch/utils.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/peak_memory.hpp"
#include "base/progress.hpp"
#include "lmf/error.hpp"
#include "verify/compare_texts.hpp"
#include "verify/comparison.hpp"

namespace lmf::exporter {
namespace {

using nlohmann::ordered_json;

constexpr const char* kReport = "export_report.json";

std::optional<std::string> text_or_none(const nlohmann::json& value) {
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

/// The job has paths as arrays of bytes.
std::filesystem::path path_of(const nlohmann::json& bytes) {
  const auto numbers = bytes.get<std::vector<unsigned char>>();
  return std::string(numbers.begin(), numbers.end());
}

ordered_json describe(const Distance& distance) {
  return {{"largest_difference", distance.largest}, {"relative_difference", distance.relative}};
}

/// Everything found, in the order of the report.
struct Findings {
  WeightFindings weights;
  ForwardFindings forward;
  TextFindings texts;
  std::string unusable;  ///< what the model or an adapter holds that nothing can be compared with; "" when all is well
  std::string failure() const {
    if (!unusable.empty()) return unusable;
    for (const std::string* failure : {&weights.failure, &texts.failure, &forward.failure})
      if (!failure->empty()) return *failure;
    return {};
  }
};

ordered_json report_of(const VerifyJob& job, const Findings& found, const std::string& version, double seconds) {
  ordered_json adapters = ordered_json::array(), layers = ordered_json::array();
  for (const auto& adapter : job.adapters)
    adapters.push_back({{"path", adapter.directory.string()}, {"weight", adapter.weight}});
  for (std::size_t i = 0; i < found.forward.layers.size(); ++i) {
    ordered_json layer = {{"layer", i}};
    layer.update(describe(found.forward.layers[i]));
    layers.push_back(std::move(layer));
  }
  ordered_json logits = describe(found.forward.logits);
  logits["same_best_token"] = fmt::format("{} of {}", found.forward.same_best, found.forward.tokens);
  const std::string failure = found.failure();
  return {{"lmf", version},
          {"verified", failure.empty()},
          {"failure", failure.empty() ? ordered_json(nullptr) : ordered_json(failure)},
          {"model", job.model.string()},
          {"adapters", adapters},
          {"weights",
           {{"tensors", found.weights.tensors},
            {"bit_identical", found.weights.identical},
            {"copied_from_the_model", found.weights.copied},
            {"largest_difference", found.weights.largest}}},
          {"probes", {{"tokens", found.forward.tokens}, {"limit_of_relative_difference", found.forward.limit}}},
          {"layers", layers},
          {"logits", logits},
          {"tokens",
           {{"texts", found.texts.texts},
            {"tokens", found.texts.tokens},
            {"same_as_in_training", found.texts.failure.empty()},
            {"chat_template", found.texts.own_chat_template ? "lmf's, compared" : "not compared"},
            {"conversations_with_other_tokens_as_one_text", found.texts.otherwise_as_one_text}}},
          {"seconds", seconds},
          {"peak_memory_mib", double(peak_memory_bytes()) / (1 << 20)}};
}

Findings compare(const VerifyJob& job, const std::filesystem::path& share_directory) {
  auto trained = text::Tokenizer::load(job.model);
  std::optional<text::ChatTemplate> chat;
  if (job.has_template) {
    chat = text::ChatTemplate::choose(
        share_directory,
        {.name = job.chat_template, .default_system = job.default_system, .tool_format = job.tool_format}, trained);
    chat->repair(trained);
  }
  const auto written = text::Tokenizer::load(job.folder);
  const StoredModel exported(job.folder, {}), expected(job.model, job.adapters);
  Progress progress("verifying, layers", 2 * expected.spec().layers);
  std::int64_t done = 0;
  const auto step = [&] { progress.update(done++); };
  constexpr std::int64_t kLongestProbe = 128;  // tokens
  Findings found;
  found.texts = compare_texts(written, trained, chat);
  found.weights = compare_weights(exported, expected, step);
  found.unusable = found.weights.unusable;
  if (found.weights.failure.empty())
    found.forward = compare_forward(exported, expected, probe_sequences(trained, chat, kLongestProbe), step);
  if (found.unusable.empty()) found.unusable = found.forward.unusable;
  progress.finish();
  return found;
}

}  // namespace

VerifyJob VerifyJob::from_json(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  VerifyJob job;
  job.model = path_of(json.at("model"));
  job.folder = path_of(json.at("folder"));
  for (const auto& adapter : json.at("adapters"))
    job.adapters.push_back({path_of(adapter.at("path")), adapter.at("weight").get<double>()});
  job.chat_template = text_or_none(json.at("template"));
  job.default_system = text_or_none(json.at("default_system"));
  job.tool_format = text_or_none(json.at("tool_format"));
  job.has_template = json.at("has_template").get<bool>();
  return job;
}

void verify(const VerifyJob& job, const std::filesystem::path& share_directory, const std::string& version) {
  const torch::NoGradGuard no_grad;
  const auto began = std::chrono::steady_clock::now();
  const Findings found = compare(job, share_directory);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const ordered_json report = report_of(job, found, version, took.count());
  write_file_atomically(job.folder / kReport,
                        report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  if (!found.unusable.empty())
    throw Error(fmt::format("the exported model cannot be verified: {}", found.unusable),
                "train or fetch it again; or pass verify=false to export it all the same");
  if (const std::string failure = found.failure(); !failure.empty())
    throw Error(fmt::format("the exported model is not what the model and its adapters compute: {}", failure),
                fmt::format("what was found is in {}; please report it", (job.folder / kReport).string()));
  if (found.texts.otherwise_as_one_text > 0)
    log::warn(
        "{} of {} test conversations get other tokens from chat_template.jinja, which is tokenised as one text, than "
        "in "
        "training, which tokenises each part of the template by itself",
        found.texts.otherwise_as_one_text, found.texts.conversations);
  log::info(
      "verified: {} of {} tensors bit for bit, logits of {} tokens within {:.2g} of their size, {} of {} best tokens "
      "the "
      "same; {:.1f} s, {:.0f} MiB",
      found.weights.identical, found.weights.tensors, found.forward.tokens, found.forward.logits.relative,
      found.forward.same_best, found.forward.tokens, took.count(), double(peak_memory_bytes()) / (1 << 20));
}

}  // namespace lmf::exporter
