#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lmf/abi.h"

/// Options of every command: described once in share/options/*.toml, read from a file and the command line, checked
/// whole.
namespace lmf::config {

// clang-format off
/// One `[[option]]` of share/options/*.toml. All keys but name, type, group and help may be absent.
///
///   [[option]]
///   name = "lora_rank"            # as in a configuration file
///   aliases = ["lora_r"]          # older names that mean the same
///   group = "LoRA"                # heading in help
///   commands = ["train"]          # who uses it; absent: every command. For the others a known key without effect
///   type = "integer"              # text | integer | number | flag | list | path | json
///   default = "8"                 # as a user would write it; absent: null
///   min = 1                       # inclusive
///   max = 4096
///   nullable = true               # null is a value of its own, not the default's other name
///   choices = ["a", "b"]          # of text and list options: everything the original knows
///   synonyms = { true = "all" }   # spellings that mean one of the choices
///   state = "supported"           # supported (default) | refused | noted
///   accepts = ["a"]               # the values this version does; absent: all, of a refused option only its default. limited_for = ["chat"]: state and accepts hold for these commands only
///   reason = "..."                # refused: why and what to set instead. noted: why it changes nothing
///   help = "One line."
// clang-format on
struct OptionDescription {
  enum class Type { text, integer, number, flag, list, path, json } type = Type::text;
  /// supported: works. refused: known to the original, would change the result, so that a value outside `accepts` stops
  /// with `reason`. noted: known, changes nothing here; a value other than the default is noted with `reason`.
  enum class State { supported, refused, noted } state = State::supported;
  std::string name, group, help, reason;
  std::string default_value;  ///< as a user would write it; "" means null
  std::vector<std::string> choices, accepts, commands, aliases;
  std::map<std::string, std::string, std::less<>> synonyms;
  std::optional<double> minimum, maximum;
  bool nullable = false;

  bool used_by(std::string_view command) const;
};

/// The options of all commands, as seen by one of them: read from the NAME.options.toml that lmf_add_plugin() composes
/// beside the library. Its last line is [end], which one that is cut off lacks.
class OptionTable {
 public:
  /// Throws Error(kExitPluginUnusable) when the table is missing, or naming file:line when it is wrong: it ships with
  /// the program. `own_words` are options that the command reads itself ("check" for --check), to be suggested like the
  /// others.
  static OptionTable read(const std::filesystem::path& options_toml, std::string command,
                          std::vector<std::string> own_words = {});
  /// The table beside the running plugin's library: liblmf-train.so has train.options.toml.
  static OptionTable of_plugin(const lmf_host_v1& host, std::string command, std::vector<std::string> own_words = {});

  /// By name or alias; null for an unknown one.
  const OptionDescription* find(std::string_view name) const;
  std::span<const OptionDescription> all() const { return options_; }
  const std::string& command() const { return command_; }
  std::span<const std::string> own_words() const { return own_words_; }

 private:
  std::vector<OptionDescription> options_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::string command_;
  std::vector<std::string> own_words_;
};

/// What is wrong with one value, "config.yaml:14: lora_rank is 'eight', expected an integer", and the next step.
struct Problem {
  std::string text, hint;
};

/// Checked values with the place each came from. Every known option has a value (its default when not given); null is
/// stored for an option without default. What is given for a noted option or one of another command is not kept.
class Options {
 public:
  bool given(std::string_view name) const;  ///< set by the user to something other than null
  bool is_null(std::string_view name) const;
  std::string origin(std::string_view name) const;  ///< "config.yaml:14", "command line" or "default"

  // Throw Error(kExitInternal) for a name the table lacks, another type, or null where a value is needed (ask is_null()
  // first): that is a bug of ours. text() also reads paths and is "" for null; list() is {} for null.
  bool flag(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;  ///< from commas or a YAML list
  nlohmann::json json(std::string_view name) const;

  /// Replaces a value by what a command derived from it, for example the checkpoint to resume from. "" makes it null.
  void set_text(std::string_view name, std::string value, std::string origin);

  /// All values with origins, for a worker library; from_json() reads it back.
  std::string to_json() const;
  static Options from_json(std::string_view text);

  struct Json {  ///< a value of type json, as compact JSON text
    std::string text;
    bool operator==(const Json&) const = default;
  };
  struct Value {
    OptionDescription::Type type = OptionDescription::Type::text;
    /// null, flag, integer, number, text or path, list, json
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>, Json> data;
    std::string origin = "default";
    bool operator==(const Value&) const = default;
  };
  std::map<std::string, Value, std::less<>> values;

 private:
  const Value& at(std::string_view name) const;
};

struct ReadResult {
  Options options;
  std::vector<Problem> problems;
  std::vector<std::string> notes;  ///< what is known, changes nothing, and should be said once
  std::filesystem::path file;      ///< empty when all came from the command line
};

/// Whether the environment asks to accept unknown keys (ALLOW_EXTRA_ARGS is true, y or 1): they become a note.
bool extra_keys_allowed();

/// argv: [CONFIG.(yaml|yml|json|toml)] then key=value, --key value, --key=value, --flag; the command line wins.
/// Collects every problem (unknown key with a suggestion, wrong type, range, choice, refused option) instead of
/// stopping at the first. A key that only other commands use is accepted with a note. Throws them when the file
/// cannot be read: what else would seem to be missing may stand in it.
ReadResult read_options(const OptionTable& table, std::span<const char* const> arguments,
                        bool accept_unknown_keys = extra_keys_allowed());

/// Throws one Error(kExitUsage) that lists all problems; does nothing when there are none. `unlisted`: how many more
/// the data have.
void throw_problems(const std::vector<Problem>& problems, std::size_t unlisted = 0);

}  // namespace lmf::config
