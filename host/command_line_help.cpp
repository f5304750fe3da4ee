// The pages of help: all commands, and one of them.
#include "host/command_line_help.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "host/command_options.hpp"
#include "host/option_words.hpp"
#include "host/plugin_command.hpp"

namespace lmf::host {
namespace {

using State = OptionEntry::State;

std::string usage_line(const std::string& usage, const Style& style) {
  constexpr std::size_t kIndent = 7;  // of "Usage: "
  return fmt::format("{} {}\n", style.heading("Usage:"), wrapped(usage, style.width - kIndent, kIndent));
}

/// "NAME: SUMMARY", the name as a heading.
std::string title(const std::string& name, std::string_view summary, const Style& style) {
  const std::string text = wrapped(fmt::format("{}: {}", name, summary), style.width, 0);
  return style.heading(text.substr(0, name.size())) + text.substr(name.size()) + "\n\n";
}

std::string more_help(const std::string& how, const Style& style) {
  return "\n" + wrapped(fmt::format("'{}' says more about one of them.", how), style.width, 0) + "\n";
}

/// Options that are known and do not work: those that stop a run by name, the others only counted. The man page has all
/// of them with their reasons.
std::string unsupported(const std::vector<OptionEntry>& options, const std::string& command, const std::string& program,
                        const Style& style) {
  std::vector<std::string> refused;
  std::size_t noted = 0;
  for (const OptionEntry& option : options) {
    if (option.state == State::refused) refused.push_back(option_name(option));
    if (option.state == State::noted) ++noted;
  }
  std::string text;
  if (!refused.empty())
    text += fmt::format("\n{}\n  {}\n", style.heading("Not in this version, refused when set:"),
                        wrapped(joined(refused), style.width - 2, 2));
  if (noted > 0)
    text += fmt::format(
        "\n{}\n  {}\n", style.heading("Accepted without effect:"),
        wrapped(fmt::format("{} more of LLaMA-Factory's options; '{} help {} --man' has them with the reasons.", noted,
                            program, command),
                style.width - 2, 2));
  return text;
}

/// Usable claims, lmf's own commands first and in their order: as users look for them.
std::vector<const Claim*> in_order(const Catalogue& catalogue) {
  std::vector<const Claim*> claims;
  for (const Claim& claim : catalogue.claims())
    if (claim.status == Status::ok) claims.push_back(&claim);
  const auto rank = [](const Claim* claim) {
    const KnownCommand* known = find_known_command(claim->command->name);
    return known == nullptr ? known_commands().size() : static_cast<std::size_t>(known - known_commands().data());
  };
  std::stable_sort(claims.begin(), claims.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
  return claims;
}

}  // namespace

const Rows& host_options() {
  static const Rows rows = {
      {"--plugin-dir DIR", "Look for plugins in DIR first; may be repeated"},
      {"--safe-mode", "Only plugins that are installed for everybody, and no plugins.toml (also: LMF_SAFE_MODE=1)"},
      {"--log-level LEVEL", "trace, debug, info, warn, error or off (default: LLAMAFACTORY_VERBOSITY, or info)"},
      {"-h, --help", "Show this help; after a command, what that command does"},
      {"-V, --version", "Show the version"},
  };
  return rows;
}

std::string usage_of(const CommandEntry& command, const std::string& program) {
  const std::string usage = command.usage.empty() ? command.name + " [ARGUMENTS]" : command.usage;
  return program + " " + (usage.starts_with("lmf ") ? usage.substr(4) : usage);
}

std::string overall_help(const Catalogue& catalogue, const std::vector<ExternalCommand>& externals,
                         const std::string& program, const Style& style) {
  Sections sections;
  for (const Claim* claim : in_order(catalogue)) {
    const CommandEntry& command = *claim->command;
    std::string summary = command.summary;
    if (!claim->aliases.empty()) summary += fmt::format(" (also: {})", joined(claim->aliases));
    sections[command.group.empty() ? "Commands" : command.group].emplace_back(command.name, std::move(summary));
  }
  for (const HostCommand& command : host_commands()) sections["About lmf"].emplace_back(command.name, command.summary);
  for (const KnownCommand& known : known_commands())
    if (catalogue.find(known.name) == nullptr && catalogue.find_unreadable(known.name) == nullptr)
      sections[known.package.empty() ? "Not in this version" : "Not installed"].emplace_back(
          known.name, known.package.empty() ? std::string(known.summary)
                                            : fmt::format("{} (package '{}')", known.summary, known.package));
  for (const ExternalCommand& external : externals)
    sections["Programs on PATH"].emplace_back(external.name, printable_line(external.path.string()));
  for (const auto& [word, text] : host_options()) sections["Options"].emplace_back(word, text);
  return title("lmf " LMF_VERSION, "fine-tune, try and serve language models", style) +
         usage_line(program + " [OPTIONS] COMMAND [ARGUMENTS]", style) + sections.text(style) +
         more_help(program + " help COMMAND", style);
}

std::string command_help(const Claim& claim, const std::string& program, const Style& style) {
  const CommandEntry& command = *claim.command;
  const std::vector<OptionEntry> options = options_of(claim);
  std::string text = title(program + " " + command.name, command.summary, style);
  text += usage_line(usage_of(command, program), style);
  if (!claim.aliases.empty()) text += fmt::format("Also called: {}\n", joined(claim.aliases));
  Sections sections;
  for (const OptionEntry& option : options)
    if (option.state == State::supported)
      sections[option_heading(option)].emplace_back(option_word(option), option_explanation(option));
  text += sections.text(style);
  text += unsupported(options, command.name, program, style);
  if (!command.option_table.empty()) text += more_help(fmt::format("{} help {} OPTION", program, command.name), style);
  return text;
}

std::string host_command_help(const HostCommand& command, const std::string& program, const Style& style) {
  return title(fmt::format("{} {}", program, command.name), command.summary, style) +
         usage_line(program + " " + std::string(command.usage), style);
}

std::string plugin_help(const std::string& program, const Style& style) {
  Sections sections;
  for (const PluginCommand& command : plugin_commands()) sections["Words"].emplace_back(command.usage, command.summary);
  sections["Variables of the environment"] = {
      {"LMF_PLUGIN_PATH=FOLDER:...", "Folders to look for plugins in, absolute"},
      {"LMF_PLUGIN_ALLOW=ENTRY,...",
       "The plugins that may run: vendor.plugin, vendor.* or *, which is all. Set and empty it allows none"},
      {"LMF_SAFE_MODE=1", "As --safe-mode"}};
  return title(program + " plugin", "the plugins and what is wrong with them", style) +
         usage_line(program + " plugin WORD ...", style) + sections.text(style);
}

std::vector<std::string> problem_notices(const Catalogue& catalogue, const std::string& program) {
  std::vector<std::string> notices, bad;
  for (const Plugin& plugin : catalogue.plugins())
    if (is_fault(plugin.status)) bad.push_back(fmt::format("{} ({})", plugin.display_name(), word(plugin.status)));
  constexpr std::size_t kMostNamed = 3;
  const std::size_t count = bad.size();
  if (count > kMostNamed) bad.resize(kMostNamed);
  if (count > 0)
    notices.push_back(fmt::format("{} plugin{} cannot be used: {}{}; see '{} plugin list'", count,
                                  count == 1 ? "" : "s", joined(bad), count > kMostNamed ? ", ..." : "", program));
  std::map<std::string, std::vector<std::string>> tied;
  for (const Claim& claim : catalogue.claims())
    if (claim.status == Status::conflict && catalogue.why_unmet(claim.command->name) == nullptr)
      tied[claim.command->name].push_back(claim.plugin->display_name());
  for (const auto& [command, plugins] : tied)
    notices.push_back(fmt::format("'{}' runs none of {}, which all have it; see '{} plugin list'", command,
                                  joined(plugins), program));
  return notices;
}

}  // namespace lmf::host
