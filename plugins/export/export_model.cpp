#include "export_model.hpp"

#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/progress.hpp"
#include "gguf/gguf_writer.hpp"
#include "inputs.hpp"
#include "merged_weights.hpp"
#include "quantizer.hpp"
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

/// Calls `work` with what to call as bytes are written.
template <class Work>
void with_progress(const std::string& what, std::uint64_t total, const Work& work) {
  constexpr std::uint64_t kMegabyte = 1'000'000;
  Progress progress(what + ", MB", static_cast<std::int64_t>(total / kMegabyte));
  std::uint64_t written = 0;
  work([&](std::uint64_t bytes) {
    written += bytes;
    progress.update(static_cast<std::int64_t>(written / kMegabyte));
  });
  progress.finish();
}

/// How large the weight files are, and how many.
std::pair<std::uintmax_t, std::size_t> weights_in(const std::filesystem::path& folder) {
  std::pair<std::uintmax_t, std::size_t> found{};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors" || !entry.path().filename().string().starts_with("model")) continue;
    found.first += entry.file_size();
    ++found.second;
  }
  return found;
}

/// A folder's name as a model's: GGUF's texts are UTF-8, names of files are bytes.
std::string name_of_model(const std::filesystem::path& folder) {
  const nlohmann::json name = folder.filename().string();
  return nlohmann::json::parse(name.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)).get<std::string>();
}

/// The GGUF files that are asked for, judged before anything is written.
class GgufFiles {
 public:
  GgufFiles(const Request& request, const Inputs& inputs, const MergedWeights& weights, const std::string& name)
      : kinds_(request.gguf), inputs_(inputs), name_(name) {
    if (kinds_.empty()) return;
    writer_.emplace(weights, inputs.spec);
    GgufVocabulary::read(inputs.model_directory, inputs.tokenizer, inputs.spec.vocab_size);
  }
  std::uint64_t bytes() const {
    std::uint64_t bytes = 0;
    for (const FileKind kind : kinds_) bytes += writer_->data_bytes(kind);
    return bytes;
  }
  /// What Modelfile is to begin with; "" when there is none.
  std::string first_name() const { return kinds_.empty() ? "" : GgufWriter::file_name(kinds_.front()); }

  void write(const std::filesystem::path& folder) const {
    if (kinds_.empty()) return;
    const auto vocabulary = GgufVocabulary::read(folder, inputs_.tokenizer, inputs_.spec.vocab_size);
    // Where a template's stop word has become eos, that is what ends an answer.
    const auto& chat = inputs_.chat_template;
    const auto stops = chat && !chat->replace_eos ? chat->stop_ids(inputs_.tokenizer) : std::vector<std::int32_t>();
    for (const FileKind kind : kinds_)
      with_progress(GgufWriter::file_name(kind), writer_->data_bytes(kind), [&](const Wrote& wrote) {
        writer_->write(kind, {name_, vocabulary, inputs_.tokenizer, stops}, folder, wrote);
      });
  }

 private:
  const std::vector<FileKind>& kinds_;
  const Inputs& inputs_;
  std::string name_;
  std::optional<GgufWriter> writer_;
};

}  // namespace

void export_model(const Request& request, const lmf_host_v1& host) {
  const auto began = std::chrono::steady_clock::now();
  const Inputs inputs = Inputs::read(request, host.share_directory);
  TargetFolder target(request.directory, inputs.folders(), request.overwrite);
  const MergedWeights weights(inputs.weights, inputs.spec, inputs.adapters);
  const WeightPlan plan = plan_weights(weights, request.number, request.shard_bytes);
  const GgufFiles gguf(request, inputs, weights, name_of_model(target.directory()));
  // The quantised weights, which are no larger, are written beside the merged ones before they replace them.
  target.require_space(plan.bytes * (request.quantization ? 2 : 1) + gguf.bytes() + kBesideWeights);
  std::optional<Quantizer> quantizer;
  if (request.quantization) quantizer.emplace(*request.quantization, inputs, host);
  std::optional<Verifier> verifier;
  if (request.verify) verifier.emplace(host);
  log::info("{}", what_is_done(weights, request));

  target.begin();
  // Nothing that reads a Modelfile reads GPTQ weights.
  const bool modelfile = !request.quantization || !request.gguf.empty();
  write_text_files(inputs, request.number, modelfile ? std::optional(gguf.first_name()) : std::nullopt, target.work());
  with_progress("writing", plan.bytes, [&](const Wrote& wrote) { write_weights(weights, plan, target.work(), wrote); });
  if (verifier) {
    target.keep(true);  // what is wrong with it can be looked at
    verifier->verify(request, inputs, target.work());
    target.keep(false);
  }
  if (quantizer) quantizer->quantize(target.work(), request.shard_bytes);
  gguf.write(target.work());
  const auto [weight_bytes, files] = weights_in(target.work());
  target.commit();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  log::info("wrote {}: {:.2f} GB of weights in {} file{}, {:.1f} s", target.directory().string(),
            double(weight_bytes) / 1e9, files, files == 1 ? "" : "s", took.count());
}

}  // namespace lmf::exporter
