#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lmf::host {

class TomlReader;

/// One option of a command, as help, completion and man pages show it; described in a manifest, or in an option table
/// (sdk/config/options.hpp has its format, but for `complete`, which only the host reads).
struct OptionEntry {
  /// dashes: --name VALUE. key: name: VALUE in a configuration file, or name=VALUE or --name VALUE after the command.
  /// variable: NAME=VALUE in the environment.
  enum class Form { dashes, key, variable } form = Form::dashes;
  /// refused: any value outside `accepts` stops the command, with `reason`. noted: accepted without effect.
  enum class State { supported, refused, noted } state = State::supported;
  std::string name, short_name, group, help, reason;
  std::string type;      ///< "integer", "flag", ...; "" when the manifest does not say
  std::string value;     ///< what stands for its value in help: "N", "PATH"; "" for a switch, which takes none
  std::string complete;  ///< what its value may be, for completion: as CommandEntry::complete, or "names:templates"
  std::string default_value;          ///< "" means none
  std::vector<std::string> aliases;   ///< older names
  std::vector<std::string> choices;   ///< everything the original knows
  std::vector<std::string> accepts;   ///< what this version does of that; empty: all
  std::vector<std::string> commands;  ///< of the plugin's commands those that have it; empty: all
  std::optional<double> minimum, maximum;

  const std::vector<std::string>& allowed() const { return accepts.empty() ? choices : accepts; }
};

/// Reads one [[option]], [[command.option]] or [[command.variable]] for `command`. Throws TomlProblem.
OptionEntry read_option_entry(const TomlReader& reader, OptionEntry::Form form, std::string_view command);
/// Keys that it does not know, as full names.
std::vector<std::string> unknown_option_keys(const TomlReader& reader);

}  // namespace lmf::host
