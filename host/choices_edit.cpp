#include "host/choices_edit.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/toml_reader.hpp"

namespace lmf::host {
namespace {

constexpr const char* kBlanks = " \t";

/// The byte at a position that the parser tells: its columns count characters.
std::size_t offset_of(const std::string& text, const toml::source_position& position) {
  std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0;  // a byte order mark is no column
  for (auto line = position.line; line > 1; --line) at = text.find('\n', at) + 1;
  for (auto column = position.column; column > 1 && at < text.size(); --column) do {
      ++at;
    } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

/// Past the end of the quoted name that begins at `begin`.
std::size_t end_of_name(const std::string& text, std::size_t begin) {
  return std::min(text.find(text[begin], begin + 1), text.size() - 1) + 1;
}

/// Takes out the name at `begin` and the comma after it, or else the one before it, and its line when nothing is left.
std::string without_name(std::string text, std::size_t begin) {
  std::size_t end = end_of_name(text, begin);
  if (const auto next = text.find_first_not_of(kBlanks, end); next != text.npos && text[next] == ',') {
    end = std::min(text.find_first_not_of(kBlanks, next + 1), text.size());
  } else if (const auto before = text.find_last_not_of(kBlanks, begin - 1);
             before != text.npos && text[before] == ',') {
    begin = before;
  }
  text.erase(begin, end - begin);
  const std::size_t line = text.rfind('\n', begin - 1) + 1;  // npos + 1 is 0
  const std::size_t rest = text.find_first_not_of(kBlanks, line);
  if (rest != text.npos && text[rest] == '\n' && line > 0) text.erase(line, rest + 1 - line);
  return text;
}

}  // namespace

std::string with_disabled(const std::string& text, const std::string& plugin) {
  const toml::table root = toml::parse(text);
  const std::string name = fmt::format("\"{}\"", plugin);
  std::string result = text;
  if (const toml::array* names = root["disable"]["plugins"].as_array()) {
    if (names->empty()) return result.insert(offset_of(text, names->source().begin) + 1, name);
    return result.insert(end_of_name(text, offset_of(text, names->back().source().begin)), ", " + name);
  }
  const std::string line = fmt::format("plugins = [{}]\n", name);
  if (!result.empty() && result.back() != '\n') result += '\n';
  if (const toml::table* table = root["disable"].as_table())
    return result.insert(result.find('\n', offset_of(text, table->source().begin)) + 1, line);
  return result + (result.empty() ? "" : "\n") + "[disable]\n" + line;
}

std::string without_disabled(const std::string& text, const std::string& plugin) {
  const toml::table root = toml::parse(text);
  if (const toml::array* names = root["disable"]["plugins"].as_array())
    for (const toml::node& name : *names)
      if (name.value<std::string>() == plugin) return without_name(text, offset_of(text, name.source().begin));
  return text;
}

}  // namespace lmf::host
