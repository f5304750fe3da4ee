#include "protocol/generation_fields.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

constexpr std::size_t kMostStops = 4, kLongestStop = 1024;
constexpr std::size_t kMostBiases = 4096;
constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();
constexpr double kHuge = std::numeric_limits<double>::max();

std::vector<std::string> read_stop(const Body& body) {
  const Json* value = body.find("stop");
  if (value == nullptr) return {};
  std::vector<std::string> stops;
  const auto add = [&](const Json& text) {
    if (!text.is_string())
      throw ApiError::invalid("stop", fmt::format("stop is {}, expected a text or a list of texts", kind_of(text)));
    stops.push_back(text.get<std::string>());
    if (stops.back().empty()) throw ApiError::invalid("stop", "stop is an empty text: every answer would end at once");
    if (stops.back().size() > kLongestStop)
      throw ApiError::invalid("stop", fmt::format("a text in stop is longer than {} bytes", kLongestStop));
  };
  if (!value->is_array()) {
    add(*value);
    return stops;
  }
  if (value->size() > kMostStops)
    throw ApiError::invalid("stop",
                            fmt::format("stop has {} texts, at most {} are allowed", value->size(), kMostStops));
  for (const Json& text : *value) add(text);
  return stops;
}

std::vector<std::pair<std::int32_t, float>> read_logit_bias(const Body& body, const Bounds& bounds) {
  const auto object = body.object("logit_bias");
  if (!object) return {};
  std::vector<std::pair<std::int32_t, float>> biases;
  const Json& entries = *body.find("logit_bias");
  std::int64_t forbidden = 0;
  if (entries.size() > kMostBiases)
    throw ApiError::invalid("logit_bias", fmt::format("logit_bias has more than {} tokens", kMostBiases));
  for (const auto& [key, value] : entries.items()) {
    std::int64_t id = -1;
    const auto end = std::from_chars(key.data(), key.data() + key.size(), id);
    if (end.ec != std::errc{} || end.ptr != key.data() + key.size() || id < 0 || id >= bounds.vocab_size)
      throw ApiError::invalid("logit_bias", fmt::format("logit_bias names token '{}', expected a number below {}",
                                                        shortened(key), bounds.vocab_size));
    const double bias = value.is_number() ? value.get<double>() : kHuge;
    if (!(bias >= -100 && bias <= 100))
      throw ApiError::invalid("logit_bias", fmt::format("logit_bias of token {} is {}, expected a number between -100 "
                                                        "and 100",
                                                        id, kind_of(value)));
    biases.emplace_back(static_cast<std::int32_t>(id), static_cast<float>(bias));
    forbidden += bias == -100;
  }
  if (forbidden == bounds.vocab_size)
    throw ApiError::invalid("logit_bias", "logit_bias forbids every token that there is");
  return biases;
}

void read_stream(const Body& body, GenerationFields& fields) {
  fields.stream = body.flag("stream").value_or(false);
  const auto options = body.object("stream_options");
  if (!options) return;
  if (!fields.stream) throw ApiError::invalid("stream_options", "stream_options has a meaning only with stream: true");
  fields.include_usage = options->flag("include_usage").value_or(false);
  fields.continuous_usage = options->flag("continuous_usage_stats").value_or(false);
}

/// top_k: 0 and -1 mean all tokens, as different servers have it.
std::optional<std::int64_t> read_top_k(const Body& body) {
  auto top_k = body.integer("top_k", -1, std::numeric_limits<std::int32_t>::max());
  if (top_k == -1) top_k = 0;
  return top_k;
}

/// Far beyond what is of use, and far from where a logit becomes infinite.
std::optional<double> read_repetition_penalty(const Body& body, const char* name) {
  return body.number(name, 0.01, 100);
}

/// What other servers know, and answer otherwise for.
void refuse_unknown(const Body& body, const GenerationFields& fields) {
  constexpr std::array kNames = {"guided_json",
                                 "guided_regex",
                                 "guided_choice",
                                 "guided_grammar",
                                 "grammar",
                                 "json_schema",
                                 "structured_outputs",
                                 "use_beam_search",
                                 "ignore_eos",
                                 "bad_words",
                                 "include_stop_str_in_output",
                                 "prompt_logprobs",
                                 "suffix",
                                 "truncate_prompt_tokens",
                                 "allowed_token_ids",
                                 "chat_template",
                                 "documents",
                                 "logits_processors",
                                 "lora",
                                 "return_token_ids",
                                 "samplers",
                                 "web_search_options"};
  for (const char* name : kNames) {
    const Json* value = body.find(name);
    const bool asks_for_nothing = value == nullptr || *value == false || *value == "" || *value == Json::array();
    if (!asks_for_nothing) throw ApiError::unsupported(name, fmt::format("{} is not in this version", name));
  }
  // With the number that changes nothing, which some clients always send.
  constexpr std::array<std::pair<const char*, int>, 9> kNumbers = {{{"num_beams", 1},
                                                                    {"length_penalty", 1},
                                                                    {"typical_p", 1},
                                                                    {"mirostat", 0},
                                                                    {"dynatemp_range", 0},
                                                                    {"dry_multiplier", 0},
                                                                    {"xtc_probability", 0},
                                                                    {"top_n_sigma", -1},
                                                                    {"n_predict", -1}}};
  for (const auto& [name, nothing] : kNumbers)
    if (const Json* value = body.find(name); value != nullptr && *value != nothing)
      throw ApiError::unsupported(name, fmt::format("{} other than {} is not in this version", name, nothing));
  const auto best_of = body.integer("best_of", 1, 128);
  if (best_of && *best_of != fields.n)
    throw ApiError::unsupported("best_of", "best_of other than n is not in this version");
}

}  // namespace

std::vector<std::int32_t> read_token_ids(const Json& value, const std::string& name, const Bounds& bounds) {
  if (!value.is_array())
    throw ApiError::invalid(name, fmt::format("{} is {}, expected a list of token numbers", name, kind_of(value)));
  std::vector<std::int32_t> ids;
  ids.reserve(value.size());
  for (const Json& id : value) {
    const bool known =
        id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(bounds.vocab_size);
    if (!known)
      throw ApiError::invalid(name, fmt::format("{} has {} among its tokens, expected whole numbers below {}", name,
                                                kind_of(id), bounds.vocab_size));
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

GenerationFields read_generation_fields(const Body& body, const Bounds& bounds) {
  GenerationFields fields;
  fields.model = body.text("model").value_or("");
  const auto older = body.integer("max_tokens", 0, kMostTokens);
  const auto newer = body.integer("max_completion_tokens", 0, kMostTokens);
  fields.max_tokens = newer ? newer : older;
  fields.do_sample = body.flag("do_sample");
  fields.temperature = body.number("temperature", 0, 2);
  fields.top_p = body.number("top_p", 0, 1);
  fields.min_p = body.number("min_p", 0, 1);
  fields.top_k = read_top_k(body);
  fields.repetition_penalty = read_repetition_penalty(body, "repetition_penalty");
  if (bounds.lf_compat) {
    if (const auto penalty = read_repetition_penalty(body, "presence_penalty")) fields.repetition_penalty = penalty;
  } else {
    fields.presence_penalty = body.number("presence_penalty", -2, 2);
  }
  fields.frequency_penalty = body.number("frequency_penalty", -2, 2);
  fields.seed =
      body.integer("seed", std::numeric_limits<std::int64_t>::lowest(), std::numeric_limits<std::int64_t>::max());
  fields.logit_bias = read_logit_bias(body, bounds);
  fields.stop = read_stop(body);
  if (const Json* ids = body.find("stop_token_ids"))
    fields.stop_token_ids = read_token_ids(*ids, "stop_token_ids", bounds);
  fields.min_tokens = body.integer("min_tokens", 0, kMostTokens).value_or(0);
  if (fields.max_tokens && fields.min_tokens > *fields.max_tokens)
    throw ApiError::invalid(
        "min_tokens", fmt::format("min_tokens is {}, and max_tokens only {}", fields.min_tokens, *fields.max_tokens));
  fields.n = body.integer("n", 1, 128).value_or(1);
  fields.timings = body.flag("timings").value_or(false);
  read_stream(body, fields);
  refuse_unknown(body, fields);
  return fields;
}

}  // namespace lmf::api
