#include "host/toml_reader.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/place.hpp"
#include "base/printable.hpp"
#include "base/toml_text.hpp"

namespace lmf::host {
namespace {

std::string place(const std::filesystem::path& path, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", path.string(), source.begin.line, source.begin.column);
}

}  // namespace

toml::table parse_toml(std::string_view text, const std::filesystem::path& path) {
  if (const auto at = character_outside_texts(text))
    throw TomlProblem(fmt::format("{}:{}: {}", path.string(), line_and_column(text, *at), kCharacterOutsideTexts));
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw TomlProblem(fmt::format("{}: {}", place(path, error.source()), error.description()));
  }
}

std::string TomlReader::full_name(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

void TomlReader::fail(std::string_view key, const std::string& problem) const {
  const toml::node* node = table_->get(key);
  throw TomlProblem(fmt::format("{}: {} {}", place(*path_, (node ? node : table_)->source()), full_name(key), problem));
}

std::string TomlReader::checked(std::string_view key, const toml::node& node) const {
  const auto value = node.value_exact<std::string>();
  if (!value) fail(key, "is not a text");
  // These texts reach terminals: no escape sequences from a manifest.
  if (has_control_characters(*value)) fail(key, "has a control character");
  return *value;
}

std::string TomlReader::required_text(std::string_view key) const {
  if (!table_->contains(key)) fail(key, "is missing");
  return text(key);
}

std::string TomlReader::text(std::string_view key) const {
  const toml::node* node = table_->get(key);
  return node ? checked(key, *node) : std::string();
}

std::optional<std::int64_t> TomlReader::integer(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node) return std::nullopt;
  const auto value = node->value_exact<std::int64_t>();
  if (!value) fail(key, "is not an integer");
  return value;
}

bool TomlReader::flag(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node) return false;
  const auto value = node->value_exact<bool>();
  if (!value) fail(key, "is neither true nor false");
  return *value;
}

std::optional<double> TomlReader::number(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node) return std::nullopt;
  if (!node->is_number()) fail(key, "is not a number");
  return node->value<double>();
}

std::vector<std::string> TomlReader::texts(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array) fail(key, "is not a list of texts");
  std::vector<std::string> values;
  for (const toml::node& element : *array) values.push_back(checked(key, element));
  return values;
}

std::optional<TomlReader> TomlReader::table(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node) return std::nullopt;
  const toml::table* table = node->as_table();
  if (!table) fail(key, "is not a table");
  return TomlReader(*table, full_name(key), *path_);
}

std::vector<TomlReader> TomlReader::tables(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array) fail(key, fmt::format("is not an array of tables ([[{}]])", full_name(key)));
  std::vector<TomlReader> readers;
  for (const toml::node& element : *array) {
    const toml::table* table = element.as_table();
    if (!table) fail(key, fmt::format("is not an array of tables ([[{}]])", full_name(key)));
    readers.emplace_back(*table, full_name(key), *path_);
  }
  return readers;
}

std::vector<std::string> TomlReader::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, node] : *table_) keys.emplace_back(key.str());
  return keys;
}

std::string TomlReader::line_of(std::string_view key) const {
  return fmt::format("{}:{}", path_->string(), table_->get(key)->source().begin.line);
}

std::vector<std::string> TomlReader::unknown_keys(std::initializer_list<std::string_view> known) const {
  std::vector<std::string> unknown;
  for (const auto& [key, node] : *table_)
    if (std::find(known.begin(), known.end(), key.str()) == known.end()) unknown.push_back(full_name(key.str()));
  return unknown;
}

}  // namespace lmf::host
