#include "model/rope_config.hpp"

#include <optional>
#include <string>

#include <fmt/format.h>

namespace lmf::model {
namespace {

using nlohmann::json;

Rope::Kind read_kind(const ConfigObject& values) {
  const std::string name = values.text("rope_type", values.text("type", "default"));
  if (name == "default") return Rope::Kind::standard;
  if (name == "linear") return Rope::Kind::linear;
  if (name == "dynamic") return Rope::Kind::dynamic;
  if (name == "llama3") return Rope::Kind::llama3;
  if (name == "yarn") return Rope::Kind::yarn;
  values.refuse(fmt::format("rope_type is '{}', which lmf does not know", name),
                "it knows default, linear, dynamic, llama3 and yarn");
}

double positive(const ConfigObject& values, const char* key, double otherwise) {
  const double value = values.number(key, otherwise);
  if (value <= 0.0) values.refuse(fmt::format("{} is {}, expected a number above 0", key, value));
  return value;
}

std::optional<double> optional_number(const ConfigObject& values, const char* key) {
  return values.has(key) ? std::optional(values.number(key, 0.0)) : std::nullopt;
}

void read_yarn(Rope& rope, const ConfigObject& values) {
  const auto or_default = [&](const char* key, double otherwise) {  // 0 means "not given", as in transformers
    const double value = values.number(key, otherwise);
    return value == 0.0 ? otherwise : value;
  };
  rope.beta_fast = or_default("beta_fast", 32.0);
  rope.beta_slow = or_default("beta_slow", 1.0);
  if (rope.beta_fast <= 0.0 || rope.beta_slow <= 0.0) values.refuse("beta_fast and beta_slow must be above 0");
  if (rope.theta == 1.0) values.refuse("rope_theta is 1, which yarn divides by the logarithm of");
  rope.attention_factor = optional_number(values, "attention_factor");
  rope.mscale = optional_number(values, "mscale");
  rope.mscale_all_dim = optional_number(values, "mscale_all_dim");
  rope.truncate = values.flag("truncate", true);
}

/// The settings of a scaled kind.
void read_scaling(Rope& rope, const ConfigObject& config, const ConfigObject& values, std::int64_t max_positions) {
  rope.original_max_positions = config.integer("original_max_position_embeddings",
                                               values.integer("original_max_position_embeddings", max_positions, 1), 1);
  const bool original =
      config.has("original_max_position_embeddings") || values.has("original_max_position_embeddings");
  const bool ratio = rope.kind == Rope::Kind::yarn && original && !values.has("factor");
  if (!ratio && !values.has("factor")) values.refuse("factor is missing");
  rope.factor = ratio ? double(max_positions) / double(rope.original_max_positions) : positive(values, "factor", 1.0);
  if (rope.kind == Rope::Kind::dynamic) rope.original_max_positions = max_positions;
  if (rope.kind == Rope::Kind::llama3) {
    for (const char* key : {"low_freq_factor", "high_freq_factor"})
      if (!values.has(key)) values.refuse(fmt::format("{} is missing", key));
    rope.low_frequency_factor = positive(values, "low_freq_factor", 1.0);
    rope.high_frequency_factor = positive(values, "high_freq_factor", 4.0);
    if (rope.high_frequency_factor <= rope.low_frequency_factor)
      values.refuse("high_freq_factor must be above low_freq_factor");
  }
  if (rope.kind == Rope::Kind::yarn) read_yarn(rope, values);
}

}  // namespace

Rope read_rope(const ConfigObject& config, std::int64_t max_positions) {
  const char* key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const json none = json::object();
  const json& object = config.has(key) ? config.at(key) : none;
  if (!object.is_object()) config.refuse(fmt::format("{} is {}, expected an object", key, object.dump()));
  for (const char* layer_type : {"full_attention", "sliding_attention"})
    if (object.contains(layer_type))
      config.refuse(fmt::format("{} differs by layer type, which lmf does not know", key));
  const ConfigObject values(object, config.where() + ": " + key);
  if (values.has("mrope_section")) values.refuse("mrope_section is set: positions of an image or video model");
  if (values.number("partial_rotary_factor", 1.0) != 1.0)
    values.refuse("partial_rotary_factor is not 1, and lmf rotates whole heads");

  Rope rope;
  rope.kind = read_kind(values);
  rope.theta = positive(values, "rope_theta", positive(config, "rope_theta", 10000.0));
  if (rope.kind != Rope::Kind::standard) read_scaling(rope, config, values, max_positions);
  return rope;
}

}  // namespace lmf::model
