#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

namespace lmf {

/// The first place where a text is no JSON, and what was expected there.
struct JsonFault {
  std::size_t offset;  ///< in bytes
  std::string what;    ///< "expected ',' or '}', found a text"
};
std::optional<JsonFault> find_json_fault(std::string_view text);

/// "FILE:3:7: not well-formed JSON: expected ',' or '}', found a text": what to say of a text that a reader refused.
/// `otherwise`: its own reason, where it is stricter than JSON.
std::string explain_json(std::string_view text, const std::string& file, std::string_view otherwise = {});

/// What is nested deeper is refused: values are written and compared by functions that call themselves.
constexpr int kMaximumJsonDepth = 64;

/// The whole text as JSON, nested at most 64 deep. Throws Error with explain_json() and the hint.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& file, const std::string& hint = {}) {
  const auto shallow = [&](int depth, typename Json::parse_event_t, Json&) {
    if (depth > kMaximumJsonDepth) throw Error(file + ": values are nested too deeply", hint);
    return true;
  };
  Json parsed = Json::parse(text, shallow, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) throw Error(explain_json(text, file), hint);
  return parsed;
}

}  // namespace lmf
