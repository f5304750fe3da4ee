#include <algorithm>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/files.hpp"
#include "config/options.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

using Type = OptionDescription::Type;
using State = OptionDescription::State;

constexpr const char* kReinstall =
    "the table of options came with the plugin: install the plugin's package again, or build it again";

std::string text_of(const std::filesystem::path& file) {
  try {
    return read_file(file, 4 << 20);
  } catch (const Error& failure) {
    throw Error(failure.what(), kReinstall, kExitPluginUnusable);
  }
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Reads one [[option]] and remembers where it stands, for messages. The tables ship with the program: a mistake in
/// them is ours, so every reader below throws.
class OptionReader {
 public:
  OptionReader(const toml::table& table, std::string file) : table_(table), file_(std::move(file)) {}

  OptionDescription read(const std::string& command) const {
    OptionDescription option;
    option.name = text("name");
    option.group = text("group");
    option.help = text("help");
    option.type = one_of<Type>("type", {{"text", Type::text},
                                        {"integer", Type::integer},
                                        {"number", Type::number},
                                        {"flag", Type::flag},
                                        {"list", Type::list},
                                        {"path", Type::path},
                                        {"json", Type::json}});
    if (table_.contains("state"))
      option.state = one_of<State>(
          "state", {{"supported", State::supported}, {"refused", State::refused}, {"noted", State::noted}});
    option.default_value = table_["default"].value_or(std::string());
    option.reason = table_["reason"].value_or(std::string());
    option.choices = words("choices");
    option.accepts = words("accepts");
    option.commands = words("commands");
    option.aliases = words("aliases");
    option.minimum = table_["min"].value<double>();
    option.maximum = table_["max"].value<double>();
    option.nullable = table_["nullable"].value_or(false);
    if (const toml::table* synonyms = table_["synonyms"].as_table()) {
      for (const auto& [spelling, choice] : *synonyms)
        option.synonyms.emplace(spelling.str(), choice.value_or(std::string()));
    }
    if (const auto limited_for = words("limited_for"); !limited_for.empty() && !contains(limited_for, command)) {
      option.state = State::supported;
      option.accepts.clear();
    }
    const bool limited = option.state != State::supported || !option.accepts.empty();
    if (limited && option.reason.empty()) fail("needs a reason");
    return option;
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(fmt::format("{}:{}: option '{}' {}", file_, table_.source().begin.line,
                            table_["name"].value_or(std::string_view("?")), what),
                kReinstall, kExitPluginUnusable);
  }

 private:
  std::string text(const char* key) const {
    const auto value = table_[key].value<std::string>();
    if (!value || value->empty()) fail(fmt::format("has no {}", key));
    return *value;
  }

  std::vector<std::string> words(const char* key) const {
    std::vector<std::string> result;
    if (!table_.contains(key)) return result;
    const toml::array* array = table_[key].as_array();
    if (!array) fail(fmt::format("has {} that is no array", key));
    for (const toml::node& item : *array) {
      if (!item.is_string()) fail(fmt::format("has {} that are not all text", key));
      result.push_back(*item.value<std::string>());
    }
    return result;
  }

  template <class Enum>
  Enum one_of(const char* key, std::initializer_list<std::pair<std::string_view, Enum>> names) const {
    const std::string word = text(key);
    for (const auto& [name, value] : names) {
      if (word == name) return value;
    }
    fail(fmt::format("has the unknown {} '{}'", key, word));
  }

  const toml::table& table_;
  std::string file_;
};

}  // namespace

bool OptionDescription::used_by(std::string_view command) const {
  return commands.empty() || contains(commands, std::string(command));
}

OptionTable OptionTable::read(const std::filesystem::path& options_toml, std::string command,
                              std::vector<std::string> own_words) {
  OptionTable result;
  result.command_ = std::move(command);
  result.own_words_ = std::move(own_words);
  const std::string text = text_of(options_toml);
  toml::table document;
  try {
    document = toml::parse(std::string_view(text), options_toml.string());
  } catch (const toml::parse_error& failure) {
    throw Error(fmt::format("{}:{}: {}", options_toml.string(), failure.source().begin.line, failure.description()),
                kReinstall, kExitPluginUnusable);
  }
  if (!document.contains("end"))
    throw Error(fmt::format("{} is cut off: its last line, [end], is missing", options_toml.string()), kReinstall,
                kExitPluginUnusable);
  const toml::array* options = document["option"].as_array();
  if (!options) throw Error(fmt::format("{} has no option", options_toml.string()), kReinstall, kExitPluginUnusable);
  for (const toml::node& node : *options) {
    const toml::table* table = node.as_table();
    if (!table) continue;
    const OptionReader reader(*table, options_toml.string());
    const OptionDescription& option = result.options_.emplace_back(reader.read(result.command_));
    const std::size_t position = result.options_.size() - 1;
    if (!result.index_.emplace(option.name, position).second) reader.fail("is described twice");
    for (const std::string& alias : option.aliases) {
      if (!result.index_.emplace(alias, position).second)
        reader.fail(fmt::format("has an alias '{}' that is taken", alias));
    }
  }
  return result;
}

OptionTable OptionTable::of_plugin(const lmf_host_v1& host, std::string command, std::vector<std::string> own_words) {
  const std::filesystem::path library = host.library;
  std::string name = library.stem().string();  // liblmf-train
  if (name.starts_with("liblmf-")) name.erase(0, 7);
  return read(library.parent_path() / (name + ".options.toml"), std::move(command), std::move(own_words));
}

const OptionDescription* OptionTable::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &options_[found->second];
}

}  // namespace lmf::config
