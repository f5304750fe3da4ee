#include "quantize/quantize.hpp"

#include <chrono>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/peak_memory.hpp"
#include "base/progress.hpp"
#include "lmf/error.hpp"
#include "model/saved_model.hpp"

namespace lmf::exporter {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kReport = "export_report.json";

bool is_weight_file(const std::string& name) {
  return name == model::kModelWeightsFile || name == model::kModelIndexFile || model::is_shard_name(name);
}

/// The files of `from` instead of the model's of `folder`.
void replace_weights(const fs::path& folder, const fs::path& from) try {
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_weight_file(entry.path().filename().string())) old.push_back(entry.path());
  for (const auto& file : old) fs::remove(file);
  for (const auto& entry : fs::directory_iterator(from)) fs::rename(entry.path(), folder / entry.path().filename());
  fs::remove(from);
} catch (const fs::filesystem_error& problem) {
  throw file_error("replace", problem.path1(), problem.code().value());
}

/// As AutoGPTQ and its successors write it: quantize_config.json, and quantization_config in config.json.
ordered_json description(const Rounding& rounding, const std::string& version) {
  return {{"bits", rounding.bits},
          {"group_size", rounding.group},
          {"damp_percent", rounding.dampening},
          {"desc_act", false},
          {"static_groups", false},
          {"sym", true},
          {"true_sequential", true},
          {"lm_head", false},
          {"quant_method", "gptq"},
          {"checkpoint_format", "gptq"},
          {"pack_dtype", "int32"},
          {"meta", {{"quantizer", {"lmf:" + version}}}}};
}

void write_description(const fs::path& folder, const ordered_json& description) {
  const fs::path file = folder / "config.json";
  auto config = ordered_json::parse(read_file(file));
  config["quantization_config"] = description;
  write_file_atomically(file, config.dump(2) + "\n");
  write_file_atomically(folder / "quantize_config.json", description.dump(2) + "\n");
}

void add_to_report(const QuantizeJob& job, const QuantizeFindings& found, const std::string& version, double seconds) {
  const fs::path file = job.folder / kReport;
  ordered_json report = fs::exists(file) ? ordered_json::parse(read_file(file)) : ordered_json{{"lmf", version}};
  ordered_json linears = ordered_json::object();
  for (const auto& linear : found.linears) linears[linear.name] = linear.error;
  report["quantization"] = {{"method", "gptq"},
                            {"bits", job.rounding.bits},
                            {"group_size", job.rounding.group},
                            {"dataset", job.dataset},
                            {"seed", job.seed},
                            {"calibration", {{"texts", job.calibration.size()}, {"tokens", found.calibration_tokens}}},
                            {"held_out", {{"texts", job.held_out.size()}, {"tokens", found.held_out_tokens}}},
                            {"perplexity", {{"before", found.perplexity_before}, {"after", found.perplexity_after}}},
                            {"relative_output_errors", linears},
                            {"seconds", seconds},
                            {"peak_memory_mib", double(peak_memory_bytes()) / (1 << 20)}};
  write_file_atomically(file, report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace

QuantizeJob QuantizeJob::from_json(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  const auto path = json.at("folder").get<std::vector<unsigned char>>();
  QuantizeJob job;
  job.folder = std::string(path.begin(), path.end());
  job.dataset = json.at("dataset").get<std::string>();
  job.seed = json.at("seed").get<std::uint64_t>();
  job.shard_bytes = json.at("shard_bytes").get<std::uint64_t>();
  job.rounding.bits = json.at("bits").get<std::int64_t>();
  job.rounding.group = json.at("group").get<std::int64_t>();
  job.calibration = json.at("calibration").get<Activations::Sequences>();
  job.held_out = json.at("held_out").get<Activations::Sequences>();
  return job;
}

void quantize(const QuantizeJob& job, const std::string& version) {
  const auto began = std::chrono::steady_clock::now();
  const fs::path folder = job.folder / "quantized";
  std::error_code failure;
  fs::create_directory(folder, failure);
  if (failure) throw file_error("create", folder, failure.value());
  QuantizeFindings found;
  {
    const StoredModel model(job.folder, {});
    Checkpoint checkpoint(model.files(), model.spec(), job.rounding, folder, job.shard_bytes);
    Progress progress("quantising, parts of layers", 4 * model.spec().layers);
    std::int64_t done = 0;
    found = quantize_layers(model, job, checkpoint, [&] { progress.update(done++); });
    progress.finish();
  }
  replace_weights(job.folder, folder);
  write_description(job.folder, description(job.rounding, version));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  add_to_report(job, found, version, took.count());
  log::info("quantised to {} bits: perplexity of {} held-out tokens {:.4g}, before {:.4g}; {:.1f} s, {:.0f} MiB",
            job.rounding.bits, found.held_out_tokens, found.perplexity_after, found.perplexity_before, took.count(),
            double(peak_memory_bytes()) / (1 << 20));
}

}  // namespace lmf::exporter
