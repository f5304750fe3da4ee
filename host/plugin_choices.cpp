#include "host/plugin_choices.hpp"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/suggest.hpp"
#include "base/trust.hpp"
#include "host/known_commands.hpp"
#include "host/manifest.hpp"
#include "host/toml_reader.hpp"

namespace lmf::host {
namespace {

constexpr std::uint64_t kMostChoicesBytes = 64 * 1024;

bool is_qualified(std::string_view name) {
  const auto dot = name.find('.');
  return dot != name.npos && is_name(name.substr(0, dot)) && is_name(name.substr(dot + 1));
}

void read_overrides(const TomlReader& table, PluginChoices& choices) {
  for (const std::string& command : table.keys()) {
    const std::string plugin = table.text(command);
    if (!is_name(command)) table.fail(command, "is no name of a command");
    if (is_host_command(command)) table.fail(command, "belongs to lmf itself: no plugin can have it");
    if (!is_qualified(plugin))
      table.fail(command, fmt::format("is '{}': expected a plugin with its vendor, as \"acme.train\"", plugin));
    choices.overrides[command] = {plugin, table.line_of(command)};
  }
}

void read_disabled(const TomlReader& table, PluginChoices& choices) {
  choices.disabled = table.texts("plugins");
  for (const std::string& plugin : choices.disabled)
    if (!is_name(plugin) && !is_qualified(plugin))
      table.fail("plugins", fmt::format("has '{}': expected names of plugins, as \"acme.greet\"", plugin));
  if (!choices.disabled.empty()) choices.disabled_line = table.line_of("plugins");
}

/// `before` is the table's name with a dot. A later version may know more.
void note_unknown(const TomlReader& table, const std::string& before, const std::vector<std::string>& known,
                  PluginChoices& choices) {
  for (const std::string& key : table.keys())
    if (std::find(known.begin(), known.end(), key) == known.end())
      choices.notices.push_back(fmt::format("{}: {}{} does not count: this version does not know it.{}",
                                            table.line_of(key), before, key, did_you_mean(key, known)));
}

void read_choices(const TomlReader& root, PluginChoices& choices) {
  note_unknown(root, "", {"override", "disable"}, choices);
  if (const auto table = root.table("override")) read_overrides(*table, choices);
  if (const auto table = root.table("disable")) {
    read_disabled(*table, choices);
    note_unknown(*table, "disable.", {"plugins"}, choices);
  }
}

/// Whoever can write the file chooses the code that a command runs.
void check_trust(const std::filesystem::path& file) {
  std::error_code failed;
  const auto resolved = std::filesystem::canonical(file, failed);
  if (failed) return;  // reading it says why
  if (const auto reason = TrustedPlaces().why_unsafe(resolved, std::nullopt)) throw Error(*reason);
}

}  // namespace

bool PluginChoices::disables(std::string_view vendor, std::string_view name) const {
  const auto names = [&](std::string_view entry) {
    return entry == name || entry == fmt::format("{}.{}", vendor, name);
  };
  return std::any_of(disabled.begin(), disabled.end(), names);
}

bool PluginChoices::might_decide(std::initializer_list<std::string_view> words) const {
  if (problem.empty()) return false;
  if (!text || text->find('\\') != std::string::npos) return true;  // an escape can spell any word
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text->find(word) != std::string::npos; });
}

PluginChoices parse_plugin_choices(std::string text, const std::filesystem::path& file) {
  PluginChoices choices;
  choices.file = file;
  choices.text = std::move(text);
  try {
    const toml::table table = parse_toml(*choices.text, file);
    PluginChoices read = choices;
    read_choices(TomlReader(table, "", file), read);
    return read;
  } catch (const TomlProblem& error) {
    choices.problem = error.what();
  }
  return choices;
}

PluginChoices read_plugin_choices(const std::filesystem::path& file) {
  PluginChoices choices;
  choices.file = file;
  std::error_code failed;
  if (file.empty() || std::filesystem::symlink_status(file, failed).type() == std::filesystem::file_type::not_found)
    return choices;
  if (failed == std::errc::permission_denied) {  // another user's HOME, as sudo and containers leave it
    choices.notices.push_back(fmt::format("{} does not count: this user may not look into its folder", file.string()));
    return choices;
  }
  try {
    choices.text = read_file(file, kMostChoicesBytes);
    check_trust(file);
  } catch (const Error& error) {
    choices.problem = error.what();
    return choices;
  }
  return parse_plugin_choices(std::move(*choices.text), file);
}

}  // namespace lmf::host
