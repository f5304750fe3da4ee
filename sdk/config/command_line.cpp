#include "config/command_line.hpp"

#include <algorithm>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "config/readers.hpp"
#include "config/scalar.hpp"

namespace lmf::config {
namespace {

namespace po = boost::program_options;
using Type = OptionDescription::Type;

constexpr const char* kOrigin = "command line";

/// --lora-rank=8 as the tables write it: only the name's dashes become underscores. An unknown one stays as it is, for
/// the message.
std::string normal_name(const OptionTable& table, std::string_view word) {
  std::string result(word);
  const auto end = std::find(result.begin() + 2, result.end(), '=');
  std::replace(result.begin() + 2, end, '-', '_');
  const std::string name(result.begin() + 2, std::find(result.begin() + 2, end, '.'));  // of a json option's field
  return table.find(name) || table.find(std::string(result.begin() + 2, end)) ? result : std::string(word);
}

bool is_flag(const OptionTable& table, std::string_view name) {
  const OptionDescription* option = table.find(name);
  return option && option->type == Type::flag;
}

/// `--flag` and `--flag True` become `--flag=true`: Program_options would let a flag take any next word, or none.
std::vector<std::string> words_of(const OptionTable& table, std::span<const char* const> arguments) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    words.push_back(word.starts_with("--") ? normal_name(table, word) : std::string(word));
    if (!word.starts_with("--") || !is_flag(table, words.back().substr(2))) continue;
    const std::string_view next = i + 1 < arguments.size() ? arguments[i + 1] : "";
    const bool takes_next = parse_flag(next) || (is_null_word(next) && !next.empty());
    words.back().append("=").append(takes_next ? next : "true");
    if (takes_next) ++i;
  }
  return words;
}

po::options_description describe(const OptionTable& table) {
  po::options_description description;
  const auto add = [&](const std::string& name) { description.add_options()(name.c_str(), po::value<std::string>()); };
  for (const OptionDescription& option : table.all()) {
    add(option.name);
    for (const std::string& alias : option.aliases) add(alias);
  }
  return description;
}

std::string next_step_for(const std::string& word, const std::string& command) {
  std::error_code ignored;
  if (std::filesystem::is_directory(word, ignored))
    return fmt::format("a model's folder is given as model_name_or_path={}", word);
  return fmt::format("`lmf help {}` lists the options", command);
}

void add_word(CommandLine& result, const std::string& word, const std::string& command) {
  if (const std::size_t equals = word.find('='); equals != std::string::npos && equals > 0) {
    result.entries.push_back({word.substr(0, equals), Node::scalar(word.substr(equals + 1), true), kOrigin});
  } else if (!is_configuration_file(word)) {
    result.problems.push_back({fmt::format("command line: '{}' is neither a configuration file (.yaml, .json, .toml) "
                                           "nor key=value",
                                           word),
                               next_step_for(word, command)});
  } else if (!result.file.empty()) {
    result.problems.push_back(
        {fmt::format("command line: two configuration files, {} and {}", result.file.string(), word),
         "one run reads one; put what differs on the command line as key=value"});
  } else {
    result.file = word;
  }
}

}  // namespace

CommandLine parse_command_line(const OptionTable& table, std::span<const char* const> arguments) {
  CommandLine result;
  const po::options_description description = describe(table);
  constexpr int style = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                        po::command_line_style::long_allow_next;
  try {
    const auto parsed = po::command_line_parser(words_of(table, arguments))
                            .options(description)
                            .style(style)
                            .allow_unregistered()
                            .run();
    bool after_unknown = false;  // an unknown option's value looks like a word of its own
    for (const po::option& option : parsed.options) {
      if (option.unregistered) {
        const std::string word = option.original_tokens.front().substr(2);
        const std::size_t equals = word.find('=');
        const std::string value = equals == std::string::npos ? "true" : word.substr(equals + 1);
        result.entries.push_back({word.substr(0, equals), Node::scalar(value, true), kOrigin});
        after_unknown = equals == std::string::npos;
        continue;
      }
      const bool positional = option.position_key >= 0;
      if (!positional) {
        result.entries.push_back({option.string_key, Node::scalar(option.value.front(), true), kOrigin});
      } else if (const std::string& word = option.value.front();
                 !after_unknown || is_configuration_file(word) || word.find('=') != std::string::npos) {
        add_word(result, word, table.command());
      }
      after_unknown = false;
    }
  } catch (const po::error& failure) {
    result.problems.push_back({fmt::format("command line: {}", failure.what()), {}});
  }
  return result;
}

}  // namespace lmf::config
