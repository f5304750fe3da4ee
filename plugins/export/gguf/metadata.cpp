#include "gguf/metadata.hpp"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

using model::Rope;

std::uint32_t whole(std::int64_t value) { return static_cast<std::uint32_t>(value); }

/// "1.2B", "134M"
std::string size_label(std::uint64_t parameters) {
  const double count = static_cast<double>(parameters);
  if (count >= 1e9) return fmt::format("{:.1f}B", count / 1e9);
  return count >= 1e6 ? fmt::format("{:.0f}M", count / 1e6) : fmt::format("{:.0f}K", count / 1e3);
}

void add_rope(GgufHeader& header, const std::string& prefix, const model::DecoderSpec& spec) {
  const Rope& rope = spec.rope;
  header.add(prefix + "rope.dimension_count", whole(spec.head_dim));
  header.add(prefix + "rope.freq_base", static_cast<float>(rope.theta));
  if (rope.kind != Rope::Kind::linear && rope.kind != Rope::Kind::yarn) return;
  header.add(prefix + "rope.scaling.type", rope.kind == Rope::Kind::linear ? "linear" : "yarn");
  header.add(prefix + "rope.scaling.factor", static_cast<float>(rope.factor));
  if (rope.kind == Rope::Kind::yarn)
    header.add(prefix + "rope.scaling.original_context_length", whole(rope.original_max_positions));
}

}  // namespace

void require_gguf_form(const model::DecoderSpec& spec) {
  const Rope& rope = spec.rope;
  const auto refuse = [](const std::string& what) {
    throw Error(fmt::format("the model cannot be written as GGUF: {}, which llama.cpp does not compute", what),
                "leave export_gguf out");
  };
  if (rope.kind == Rope::Kind::dynamic) refuse("its position encoding is scaled dynamically (rope_type: dynamic)");
  const bool usual = !rope.attention_factor && !rope.mscale && !rope.mscale_all_dim && rope.truncate &&
                     rope.beta_fast == 32.0 && rope.beta_slow == 1.0;
  if (rope.kind == Rope::Kind::yarn && !usual) refuse("its yarn position encoding has settings of its own");
  for (const std::int64_t window : spec.windows)
    if (window > 0 && window < spec.max_positions) {
      log::warn(
          "llama.cpp does not know the sliding window of {} tokens of this {} model: beyond it GGUF answers differ",
          window, spec.model_type);
      break;
    }
}

std::string gguf_architecture(const model::DecoderSpec& spec) {
  return spec.model_type == "mistral" ? "llama" : spec.model_type;
}

void add_model(GgufHeader& header, const model::DecoderSpec& spec, FileKind kind, const std::string& name,
               std::uint64_t parameters) {
  const std::string architecture = gguf_architecture(spec), prefix = architecture + ".";
  header.add("general.architecture", architecture);
  header.add("general.type", "model");
  header.add("general.name", name);
  header.add("general.size_label", size_label(parameters));
  header.add("general.file_type", gguf_number(kind));
  if (is_quantized(kind)) header.add("general.quantization_version", std::uint32_t{2});
  header.add(prefix + "block_count", whole(spec.layers));
  header.add(prefix + "context_length", whole(spec.max_positions));
  header.add(prefix + "embedding_length", whole(spec.hidden_size));
  header.add(prefix + "feed_forward_length", whole(spec.intermediate_size));
  header.add(prefix + "attention.head_count", whole(spec.heads));
  header.add(prefix + "attention.head_count_kv", whole(spec.key_value_heads));
  header.add(prefix + "attention.key_length", whole(spec.head_dim));
  header.add(prefix + "attention.value_length", whole(spec.head_dim));
  header.add(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(spec.norm_epsilon));
  header.add(prefix + "vocab_size", whole(spec.vocab_size));
  add_rope(header, prefix, spec);
}

std::vector<float> rope_factors(const model::DecoderSpec& spec) {
  const Rope& rope = spec.rope;
  if (rope.kind != Rope::Kind::llama3) return {};
  std::vector<float> factors;
  const double original = static_cast<double>(rope.original_max_positions);
  for (std::int64_t i = 0; i < spec.head_dim; i += 2) {
    const double frequency = std::pow(rope.theta, -static_cast<double>(i) / static_cast<double>(spec.head_dim));
    const double turns = original * frequency / (2 * std::numbers::pi);  // within the original context
    double factor = rope.factor;
    if (turns > rope.high_frequency_factor) {
      factor = 1.0;
    } else if (turns >= rope.low_frequency_factor) {
      const double smooth =
          (turns - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor);
      factor = 1.0 / ((1.0 - smooth) / rope.factor + smooth);
    }
    factors.push_back(static_cast<float>(factor));
  }
  return factors;
}

}  // namespace lmf::exporter
