#include "text/toml_reader.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/files.hpp"
#include "base/place.hpp"
#include "base/suggest.hpp"
#include "base/toml_text.hpp"
#include "lmf/error.hpp"

namespace lmf::text {

namespace fs = std::filesystem;

void TomlReader::fail(const toml::node& node, const std::string& what, const std::string& hint) const {
  throw Error(fmt::format("{}:{}: {}.", file_.string(), std::max<std::uint32_t>(node.source().begin.line, 1), what),
              hint, kExitUsage);
}

const toml::node* TomlReader::take(const char* key) {
  known_.emplace_back(key);
  return table_.get(key);
}

std::string TomlReader::text_of(const toml::node& node, const char* key) const {
  if (const auto* value = node.as_string()) return value->get();
  fail(node, fmt::format("{} is not a text", key));
}

std::string TomlReader::text(const char* key, const std::string& otherwise) {
  const toml::node* node = take(key);
  return node ? text_of(*node, key) : otherwise;
}

bool TomlReader::flag(const char* key) {
  const toml::node* node = take(key);
  if (!node) return false;
  if (const auto* value = node->as_boolean()) return value->get();
  fail(*node, fmt::format("{} is neither true nor false", key));
}

std::int64_t TomlReader::integer(const char* key, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const toml::node* node = take(key);
  if (!node) return otherwise;
  const auto* value = node->as_integer();
  if (!value || value->get() < least || value->get() > most)
    fail(*node, fmt::format("{} is not a whole number from {} to {}", key, least, most));
  return value->get();
}

const toml::array* TomlReader::list(const char* key) {
  const toml::node* node = take(key);
  if (node && !node->is_array()) fail(*node, fmt::format("{} is not a list", key));
  return node ? node->as_array() : nullptr;
}

std::vector<std::string> TomlReader::texts(const char* key) {
  std::vector<std::string> result;
  if (const toml::array* array = list(key)) {
    for (const toml::node& node : *array) {
      result.push_back(text_of(node, key));
      if (result.back().empty()) fail(node, fmt::format("{} has an empty text", key));
    }
  }
  return result;
}

void TomlReader::refuse_unknown_keys() const {
  for (const auto& [key, value] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    fail(value, fmt::format("'{}' is no key of {}", name, kind_), did_you_mean(name, known_));
  }
}

std::vector<std::string> TomlReader::placeholders(const toml::node& node, const std::string& text, const char* key,
                                                  const std::vector<std::string>& allowed) const {
  std::vector<std::string> found;
  for (std::size_t at = text.find("{{"); at != std::string::npos; at = text.find("{{", at + 1)) {
    std::size_t end = at + 2;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
    if (end == at + 2 || text.compare(end, 2, "}}") != 0) continue;
    found.push_back(text.substr(at + 2, end - at - 2));
    if (std::find(allowed.begin(), allowed.end(), found.back()) != allowed.end()) continue;
    const std::string known = allowed.size() == 1 ? fmt::format("{{{{{}}}}} is the only one", allowed.front())
                                                  : fmt::format("known are {{{{{}}}}}", fmt::join(allowed, "}}, {{"));
    fail(node, fmt::format("{} has the unknown placeholder {{{{{}}}}}; {}", key, found.back(), known));
  }
  return found;
}

toml::table read_toml(const fs::path& file) {
  const std::string text = read_file(file, 1 << 20);
  if (const auto at = character_outside_texts(text))
    throw Error(fmt::format("{}:{}: {}.", file.string(), line_and_column(text, *at), kCharacterOutsideTexts), {},
                kExitUsage);
  try {
    return toml::parse(text, file.string());
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("{}:{}: {}.", file.string(), error.source().begin.line, error.description()), {},
                kExitUsage);
  }
}

std::vector<std::string> toml_names(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".toml") found.push_back(entry.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace lmf::text
