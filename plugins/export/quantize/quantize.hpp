#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "quantize/activations.hpp"
#include "quantize/checkpoint.hpp"

namespace lmf::exporter {

/// What is to be quantised, and with what.
struct QuantizeJob {
  std::filesystem::path folder;  ///< the merged model; the quantised one takes its place
  std::string dataset;           ///< for the report
  std::uint64_t seed = 0, shard_bytes = 0;
  Rounding rounding;
  Activations::Sequences calibration, held_out;

  static QuantizeJob from_json(const std::string& text);
};

struct QuantizeFindings {
  struct Linear {
    std::string name;
    double error;  ///< of its outputs, beside their size
  };
  std::vector<Linear> linears;
  std::int64_t calibration_tokens = 0, held_out_tokens = 0;
  double perplexity_before = 0, perplexity_after = 0;
};

/// Layer by layer, each calibrated on what the quantised ones before it compute, and in a layer each group of linears
/// on what those before them do; one layer's weights and activations are in memory at a time. `step` is called 4 times
/// a layer.
QuantizeFindings quantize_layers(const StoredModel& model, const QuantizeJob& job, Checkpoint& checkpoint,
                                 const std::function<void()>& step);

/// Quantises the folder's model: weights, config.json, quantize_config.json, and "quantization" in export_report.json.
void quantize(const QuantizeJob& job, const std::string& version);

}  // namespace lmf::exporter
