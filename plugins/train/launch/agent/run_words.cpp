#include "train/launch/agent/run_words.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/files.hpp"
#include "base/suggest.hpp"
#include "config/check.hpp"
#include "lmf/error.hpp"

namespace lmf::train::launch {
namespace {

using config::Node;
using config::OptionDescription;
using config::OptionTable;
using Type = OptionDescription::Type;

std::string variable_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : std::toupper(c); });
  return "PET_" + name;
}

/// Older operators of Kubernetes wrote PET_N_PROC_PER_NODE.
const char* value_in_environment(const std::string& name) {
  const char* value = std::getenv(variable_of(name).c_str());
  if (value == nullptr && name == "nproc-per-node") value = std::getenv("PET_N_PROC_PER_NODE");
  return value != nullptr && *value != '\0' ? value : nullptr;
}

class Reader {
 public:
  Reader(const std::filesystem::path& table, std::span<const char* const> words)
      : table_(OptionTable::read(table, "run")), words_(words) {
    for (const OptionDescription& option : table_.all()) {
      result_.options.values[option.name] = config::default_of(option);
      for (const std::string& alias : option.aliases) short_names_[alias] = option.name;
    }
  }

  RunWords read() {
    for (const OptionDescription& option : table_.all())
      if (const char* value = value_in_environment(option.name)) take(option, value, variable_of(option.name));
    while (next_ < words_.size() && words_[next_][0] == '-' && words_[next_][1] != '\0') {
      const std::string word = words_[next_++];
      if (word == "--") break;
      word.starts_with("--") ? read_long(word.substr(2)) : read_short(word.substr(1));
    }
    result_.program.assign(words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
    return std::move(result_);
  }

 private:
  void read_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    std::replace(name.begin(), name.end(), '_', '-');
    const OptionDescription& option = find(name);
    if (equals != std::string::npos)
      take(option, word.substr(equals + 1), "--" + name);
    else
      take(option, option.type == Type::flag ? "true" : value_after("--" + name), "--" + name);
  }

  void read_short(const std::string& word) {
    const auto known = short_names_.find(word.substr(0, 1));
    if (known == short_names_.end()) unknown("-" + word, {});
    const OptionDescription& option = find(known->second);
    if (option.type == Type::flag) {
      take(option, "true", "--" + option.name);
      if (word.size() > 1) read_short(word.substr(1));
      return;
    }
    const std::string rest = word.substr(word.size() > 1 && word[1] == '=' ? 2 : 1);
    take(option, rest.empty() ? value_after("-" + word) : rest, "--" + option.name);
  }

  std::string value_after(const std::string& name) {
    if (next_ >= words_.size())
      throw Error(fmt::format("{} needs a value", name), "`lmf help run` lists the options", kExitUsage);
    return words_[next_++];
  }

  const OptionDescription& find(const std::string& name) const {
    const OptionDescription* option = table_.find(name);
    if (option == nullptr || option->name != name) unknown("--" + name, name);
    return *option;
  }

  [[noreturn]] void unknown(const std::string& word, const std::string& name) const {
    std::vector<std::string> names;
    for (const OptionDescription& option : table_.all()) names.push_back(option.name);
    names.emplace_back("help");
    throw Error(fmt::format("unknown option {}.{}", config::in_quotes(word), did_you_mean(name, names)),
                "options of the program come after its name; `lmf help run` lists those of run", kExitUsage);
  }

  void take(const OptionDescription& option, const std::string& text, const std::string& origin) {
    const config::Conversion converted = config::convert(option, Node::scalar(text, false));
    if (!converted.expected.empty())
      throw Error(fmt::format("{} is {}, expected {}", origin, converted.got, converted.expected), "", kExitUsage);
    result_.options.values[option.name] = converted.value;
    result_.options.values[option.name].origin = origin;
  }

  const OptionTable table_;
  const std::span<const char* const> words_;
  std::size_t next_ = 0;
  std::map<std::string, std::string> short_names_;
  RunWords result_;
};

}  // namespace

std::string RunWords::origin(const char* name) const {
  const std::string origin = options.origin(name);
  return origin == "default" ? std::string("--") + name : origin;
}

RunWords read_run_words(const std::filesystem::path& table, std::span<const char* const> arguments) {
  return Reader(table, arguments).read();
}

}  // namespace lmf::train::launch
