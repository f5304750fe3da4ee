#include "host/option_listing.hpp"

#include <algorithm>
#include <cctype>

#include "base/files.hpp"
#include "host/toml_reader.hpp"

namespace lmf::host {
namespace {

constexpr std::uint64_t kTableLimitBytes = 4 * 1024 * 1024;

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Whether `state` and `accepts` hold for the command.
bool is_limited(const TomlReader& reader, const std::string& command) {
  const auto limited_for = reader.texts("limited_for");
  return limited_for.empty() || contains(limited_for, command);
}

OptionEntry entry_of(const TomlReader& reader, bool limited) {
  OptionEntry option;
  option.name = reader.required_text("name");
  option.group = reader.text("group");
  option.help = reader.text("help");
  option.default_value = reader.text("default");
  for (const std::string& alias : reader.texts("aliases"))
    if (alias.size() == 1) option.short_name = alias;
  const std::string type = reader.text("type");
  option.value = type == "flag" ? "true|false" : type;
  if (type != "flag")
    std::transform(type.begin(), type.end(), option.value.begin(), [](unsigned char c) { return std::toupper(c); });
  if (const std::string value = reader.text("value"); !value.empty()) option.value = value;
  if (limited) option.choices = reader.texts("accepts");
  if (option.choices.empty()) option.choices = reader.texts("choices");
  return option;
}

}  // namespace

OptionListing read_option_listing(const std::filesystem::path& path, const std::string& command) {
  OptionListing listing;
  try {
    const toml::table table = parse_toml(read_file(path, kTableLimitBytes), path);
    const TomlReader root(table, "", path);
    listing.command_line = root.flag("command_line");
    for (const TomlReader& reader : root.tables("option")) {
      const auto commands = reader.texts("commands");
      if (!commands.empty() && !contains(commands, command)) continue;
      const bool limited = is_limited(reader, command);
      const std::string state = limited ? reader.text("state") : "supported";
      if (state == "refused")
        ++listing.refused;
      else if (state == "noted")
        ++listing.noted;
      else
        listing.supported.push_back(entry_of(reader, limited));
    }
  } catch (const TomlProblem& problem) {
    throw Error(problem.what(), "", kExitPluginUnusable);
  }
  return listing;
}

}  // namespace lmf::host
