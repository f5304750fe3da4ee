#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace lmf::text {

/// `value` as Python's json.dumps(value, ensure_ascii=False) writes it, blanks and numbers included: that is what
/// models were trained on. `indent` < 0: on one line.
std::string python_json(const nlohmann::ordered_json& value, int indent = -1);

/// `value` as Python's str() has it, which is what "{}".format() writes: a text without quotes, a list as its repr.
std::string python_text(const nlohmann::ordered_json& value);

}  // namespace lmf::text
