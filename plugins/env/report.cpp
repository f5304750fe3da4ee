#include "report.hpp"

#include "base/printable.hpp"

namespace lmf::env {
namespace {

/// A whole value on one line; of an object its values, without the empty ones.
std::string on_one_line(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return value.dump();
  std::string line;
  for (const auto& element : value) {
    const std::string text = on_one_line(element);
    if (!text.empty()) line += (line.empty() ? "" : ", ") + text;
  }
  return line;
}

}  // namespace

std::string as_text(const Report& report) {
  std::string text = "\n";
  for (const Row& row : report) {
    text += "- " + row.label + ":";
    if (!row.value.is_array()) {
      text += " " + on_one_line(row.value) + "\n";
      continue;
    }
    if (row.value.empty()) text += " none";
    text += "\n";
    for (const auto& element : row.value) text += "  - " + on_one_line(element) + "\n";
  }
  return text + "\n";
}

std::string as_json(const Report& report) {
  Json object;
  object["format"] = 1;
  for (const Row& row : report) object[row.key] = row.value;
  // Names of files need not be UTF-8; JSON must be.
  return printable_json(object.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

}  // namespace lmf::env
