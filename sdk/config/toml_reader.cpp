#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/place.hpp"
#include "base/toml_text.hpp"
#include "config/readers.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

Node scalar_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return Node::scalar(text->get(), false);
  if (const auto* number = node.as_integer()) return Node::scalar(std::to_string(number->get()), true);
  if (const auto* number = node.as_floating_point()) return Node::scalar(fmt::format("{}", number->get()), true);
  if (const auto* flag = node.as_boolean()) return Node::scalar(flag->get() ? "true" : "false", true);
  std::ostringstream written;  // a date or time: as text, like YAML's
  node.visit([&written](const auto& value) {
    if constexpr (toml::is_chronological<decltype(value)>) written << value.get();
  });
  return Node::scalar(written.str(), false);
}

void build(NodeBuilder& builder, const toml::node& node) {
  const std::size_t line = line_of(node);
  if (const auto* table = node.as_table()) {
    builder.open(Node::Kind::map, line);
    for (const auto& [key, value] : *table) {
      builder.add(Node::scalar(std::string(key.str()), false), key.source().begin.line);
      build(builder, value);
    }
    builder.add(builder.close(), line);
  } else if (const auto* array = node.as_array()) {
    builder.open(Node::Kind::list, line);
    for (const toml::node& item : *array) build(builder, item);
    builder.add(builder.close(), line);
  } else {
    builder.add(scalar_of(node), line);
  }
}

}  // namespace

std::vector<Entry> read_toml(std::string_view text, const std::string& file) {
  NodeBuilder builder(file);
  if (const auto at = character_outside_texts(text))
    throw Error(
        fmt::format("{}:{}: not well-formed TOML: {}", file, line_and_column(text, *at), kCharacterOutsideTexts), {},
        kExitUsage);
  try {
    build(builder, toml::parse(text, file));
  } catch (const toml::parse_error& failure) {
    const toml::source_position at = failure.source().begin;
    throw Error(fmt::format("{}:{}:{}: not well-formed TOML: {}", file, at.line, at.column, failure.description()), {},
                kExitUsage);
  }
  return entries_of(builder.take(), file);
}

}  // namespace lmf::config
