#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace lmf::env {

using Json = nlohmann::ordered_json;

/// One line of the report: `key` names it for programs, `label` for people. A value is a text, a number, an object, or
/// an array of those.
struct Row {
  std::string key, label;
  Json value;
};
using Report = std::vector<Row>;

/// "- label: value" lines, as a bug report wants them; an array's elements below it.
std::string as_text(const Report& report);
std::string as_json(const Report& report);

}  // namespace lmf::env
