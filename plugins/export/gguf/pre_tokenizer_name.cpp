// llama.cpp knows the ways of cutting text by names, and cuts by code of its own for each.
#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "gguf/vocabulary.hpp"

namespace lmf::exporter {
namespace {

using nlohmann::json;

struct KnownPattern {
  std::string_view regex, name, name_when_ignoring_merges;
};
// The expressions are those of the models' tokenizer.json files.
constexpr std::array<KnownPattern, 4> kKnownPatterns = {{
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "smaug-bpe", "llama-bpe"},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "qwen2", ""},
    {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     "", "tekken"},
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "gpt-2", ""},
}};

constexpr const char* kBlank = "\xE2\x96\x81";  // ▁

bool is_type(const json& step, std::string_view type) {
  return step.is_object() && step.value("type", std::string()) == type;
}

/// ByteLevel that cuts (`regex`) or only maps bytes; never one that puts a blank before the text.
bool is_byte_level(const json& step, bool regex) {
  return is_type(step, "ByteLevel") && !step.value("add_prefix_space", true) && step.value("use_regex", true) == regex;
}

}  // namespace

std::string pre_tokenizer_name(const std::string& pre_tokenizer_json, bool ignore_merges) {
  const json parsed = json::parse(pre_tokenizer_json, nullptr, /*allow_exceptions=*/false);
  json steps = parsed;
  if (is_type(parsed, "Sequence")) steps = parsed.value("pretokenizers", json::array());
  if (!steps.is_array()) steps = json::array({steps});
  if (steps.size() == 1 && is_byte_level(steps[0], true)) return ignore_merges ? "" : "gpt-2";
  if (steps.size() != 2) return {};
  if (is_type(steps[0], "Digits") && steps[0].value("individual_digits", false) && is_byte_level(steps[1], true))
    return ignore_merges ? "" : "smollm";
  if (!is_type(steps[0], "Split") || !is_byte_level(steps[1], false)) return {};
  const std::string behavior = steps[0].value("behavior", "");
  const bool inverted = steps[0].value("invert", false);
  if (!(behavior == "Isolated" && !inverted) && !(behavior == "Removed" && inverted)) return {};
  const json pattern = steps[0].value("pattern", json::object());
  if (!pattern.is_object()) return {};
  const std::string regex = pattern.value("Regex", "");
  for (const KnownPattern& known : kKnownPatterns)
    if (regex == known.regex) return std::string(ignore_merges ? known.name_when_ignoring_merges : known.name);
  return {};
}

bool is_known_normalizer(const std::string& normalizer_json, bool byte_level) {
  const json parsed = json::parse(normalizer_json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_null()) return true;
  if (byte_level) return is_type(parsed, "NFC");
  json steps = parsed;
  if (is_type(parsed, "Sequence")) steps = parsed.value("normalizers", json::array());
  if (!steps.is_array()) steps = json::array({steps});
  return std::all_of(steps.begin(), steps.end(), [](const json& step) {
    if (is_type(step, "Prepend")) return step.value("prepend", "") == kBlank;
    return is_type(step, "Replace") && step.value("content", "") == kBlank &&
           step.value("pattern", json::object()) == json{{"String", " "}};
  });
}

bool leaves_pieces_whole(const std::string& pre_tokenizer_json) {
  const json parsed = json::parse(pre_tokenizer_json, nullptr, /*allow_exceptions=*/false);
  return parsed.is_null() || (is_type(parsed, "Metaspace") && parsed.value("replacement", "") == kBlank);
}

}  // namespace lmf::exporter
