#include "host/command_line_help.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "host/option_listing.hpp"
#include "host/text_layout.hpp"

namespace lmf::host {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

/// Headings in the order of their first row.
class Sections {
 public:
  Rows& operator[](const std::string& heading) {
    for (auto& [known, rows] : sections_)
      if (known == heading) return rows;
    return sections_.emplace_back(heading, Rows()).second;
  }
  std::string text(std::size_t width) const {
    std::string result;
    for (const auto& [heading, rows] : sections_) result += fmt::format("\n{}:\n{}", heading, two_columns(rows, width));
    return result;
  }

 private:
  std::vector<std::pair<std::string, Rows>> sections_;
};

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

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string explanation(const OptionEntry& option) {
  std::string text = option.help;
  if (!option.choices.empty()) text += fmt::format(" One of: {}.", joined(option.choices));
  if (!option.default_value.empty()) text += fmt::format(" Default: {}.", option.default_value);
  return text;
}

/// An option of the command line alone ("--check"), as opposed to a key of the configuration.
std::string word_of(const OptionEntry& option) {
  std::string word = option.short_name.empty() ? "" : "-" + option.short_name + ", ";
  word += "--" + option.name;
  return option.value.empty() ? word : word + " " + option.value;
}

/// A key that a configuration file sets, or key=value.
std::string key_of(const OptionEntry& option) {
  return option.choices.empty() && !option.value.empty() ? option.name + "=" + option.value : option.name;
}

std::string usage_line(const std::string& usage, const std::string& program) {
  return fmt::format("Usage: {} {}\n", program, usage.starts_with("lmf ") ? usage.substr(4) : usage);
}

std::string table_text(const Claim& claim, std::size_t width) {
  const CommandEntry& command = *claim.command;
  const auto listing =
      read_option_listing(claim.plugin->manifest_path.parent_path() / command.option_table, command.name);
  Sections sections;
  for (OptionEntry option : listing.supported) {
    const bool is_switch = listing.command_line && option.value == "true|false";
    if (is_switch) option.value = option.default_value = "";
    sections[option.group.empty() ? "Options" : option.group].emplace_back(
        listing.command_line ? word_of(option) : key_of(option), explanation(option));
  }
  std::string text = sections.text(width);
  if (listing.refused + listing.noted > 0)
    text += fmt::format(
        "\nOf LLaMA-Factory's further options, {} are refused with a reason when they are set, and {} are accepted\n"
        "without effect, which is said.\n",
        listing.refused, listing.noted);
  return text;
}

}  // namespace

std::string overall_help(const Catalogue& catalogue, const std::vector<ExternalCommand>& externals,
                         const std::string& program) {
  Sections sections;
  for (const Claim& claim : catalogue.claims()) {
    if (claim.status != Status::ok) continue;
    std::string summary = claim.command->summary;
    if (!claim.command->aliases.empty()) summary += fmt::format(" (also: {})", joined(claim.command->aliases));
    sections[claim.command->group.empty() ? "Commands" : claim.command->group].emplace_back(claim.command->name,
                                                                                            std::move(summary));
  }
  for (const HostCommand& command : host_commands()) sections["About lmf"].emplace_back(command.name, command.summary);
  for (const KnownCommand& known : known_commands())
    if (catalogue.find(known.name) == nullptr && catalogue.find_unreadable(known.name) == nullptr)
      sections[known.package.empty() ? "Not in this version" : "Not installed"].emplace_back(
          known.name, known.package.empty() ? std::string(known.summary)
                                            : fmt::format("{} (package '{}')", known.summary, known.package));
  for (const ExternalCommand& external : externals)
    sections["Programs on PATH"].emplace_back(external.name, external.path.string());
  const std::size_t width = text_width();
  return fmt::format(
      "lmf {}: fine-tune, try and serve language models\n\nUsage: {} [OPTIONS] COMMAND [ARGUMENTS]\n{}\nOptions:\n{}"
      "\n'{} help COMMAND' says more about one of them.\n",
      LMF_VERSION, program, sections.text(width), two_columns(host_options(), width), program);
}

std::string command_help(const Claim& claim, const std::string& program) {
  const CommandEntry& command = *claim.command;
  const std::size_t width = text_width();
  std::string text = fmt::format("{} {}: {}\n\n", program, command.name, command.summary);
  text += usage_line(command.usage.empty() ? command.name + " [ARGUMENTS]" : command.usage, program);
  if (!command.aliases.empty()) text += fmt::format("Also called: {}\n", joined(command.aliases));
  Sections sections;
  for (const OptionEntry& option : command.options)
    sections[option.group.empty() ? "Options" : option.group].emplace_back(word_of(option), explanation(option));
  sections["Options"].emplace_back("-h, --help", "Show this help");
  text += sections.text(width);
  if (!command.option_table.empty()) text += table_text(claim, width);
  return text;
}

std::string host_command_help(const HostCommand& command, const std::string& program) {
  return fmt::format("{} {}: {}\n\n{}", program, command.name, command.summary,
                     usage_line(std::string(command.usage), program));
}

std::string problem_notice(const Catalogue& catalogue, const std::string& program) {
  std::vector<std::string> bad;
  for (const Plugin& plugin : catalogue.plugins())
    if (is_fault(plugin.status)) bad.push_back(fmt::format("{} ({})", plugin.display_name(), word(plugin.status)));
  if (bad.empty()) return {};
  constexpr std::size_t kMostNamed = 3;
  const std::size_t count = bad.size();
  if (count > kMostNamed) bad.resize(kMostNamed);
  return fmt::format("{} plugin{} cannot be used: {}{}; see '{} plugin list'", count, count == 1 ? "" : "s",
                     joined(bad), count > kMostNamed ? ", ..." : "", program);
}

}  // namespace lmf::host
