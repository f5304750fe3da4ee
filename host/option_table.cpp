#include "host/option_table.hpp"

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

#include "base/file_kind.hpp"
#include "base/files.hpp"
#include "host/toml_reader.hpp"

namespace lmf::host {
namespace {

constexpr std::uint64_t kTableLimitBytes = 4 * 1024 * 1024;

/// Parsed once for all files of the same content, and that is most of what reading one costs: lmf's own plugins have
/// one table between them.
const toml::table& parsed(const std::filesystem::path& path) {
  static auto& known = *new std::map<std::string, toml::table>;
  std::string text = read_file(path, kTableLimitBytes);
  if (const auto found = known.find(text); found != known.end()) return found->second;
  toml::table table = parse_toml(text, path);
  return known.emplace(std::move(text), std::move(table)).first->second;
}

Error unusable(const Plugin& plugin, std::string_view what) {
  return Error(fmt::format("{}.{}", what, plugin.install_again()), "", kExitPluginUnusable);
}

}  // namespace

std::filesystem::path option_table_path(const Plugin& plugin, const CommandEntry& command) {
  return plugin.manifest_path.parent_path() / command.option_table;
}

std::vector<OptionEntry> read_option_table(const Plugin& plugin, const CommandEntry& command) {
  if (command.option_table.empty()) return {};
  if (const auto reason = why_no_option_table(plugin, command)) throw Error(*reason, "", kExitPluginUnusable);
  const std::filesystem::path path = option_table_path(plugin, command);
  std::vector<OptionEntry> options;
  try {
    const TomlReader root(parsed(path), "", path);
    const auto form = root.flag("command_line") ? OptionEntry::Form::dashes : OptionEntry::Form::key;
    const std::vector<TomlReader> described = root.tables("option");
    for (const TomlReader& reader : described) {
      OptionEntry option = read_option_entry(reader, form, command.name);
      const auto& commands = option.commands;
      if (commands.empty() || std::find(commands.begin(), commands.end(), command.name) != commands.end())
        options.push_back(std::move(option));
    }
    if (!root.table("end"))
      throw TomlProblem(fmt::format("{} is cut off: its last line, [end], is missing", path.string()));
    if (described.empty()) throw TomlProblem(fmt::format("{} has no option", path.string()));
  } catch (const TomlProblem& problem) {
    throw unusable(plugin, problem.what());
  } catch (const Error& unreadable) {
    throw unusable(plugin, unreadable.what());
  }
  return options;
}

std::optional<std::string> why_no_option_table(const Plugin& plugin, const CommandEntry& command) {
  if (command.option_table.empty()) return std::nullopt;
  const std::filesystem::path path = option_table_path(plugin, command);
  const auto trouble = why_no_file(path);
  if (!trouble) return std::nullopt;
  return fmt::format("{} names the table of options {}, which {}.{}", plugin.manifest_path.string(), path.string(),
                     *trouble, plugin.install_again());
}

}  // namespace lmf::host
