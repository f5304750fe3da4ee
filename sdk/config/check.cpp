#include "config/check.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/trimmed.hpp"
#include "config/readers.hpp"
#include "config/scalar.hpp"
#include "lmf/error.hpp"

namespace lmf::config {
namespace {

using Type = OptionDescription::Type;
using State = OptionDescription::State;

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

bool is_null(const Node& node) {
  return node.kind == Node::Kind::null || (node.kind == Node::Kind::scalar && node.plain && is_null_word(node.text));
}

/// What a node looks like in a message.
std::string shown(const Node& node) {
  if (node.kind == Node::Kind::scalar) return in_quotes(node.text);
  return node.kind == Node::Kind::list ? "a list" : "a map";
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    if (const auto part = trimmed(text.substr(0, comma)); !part.empty()) parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::optional<std::vector<std::string>> words_of(const Node& node) {
  if (node.kind == Node::Kind::scalar) return split_at_commas(node.text);
  if (node.kind != Node::Kind::list) return std::nullopt;
  std::vector<std::string> words;
  for (const Node& item : node.items) {
    if (item.kind != Node::Kind::scalar) return std::nullopt;
    words.push_back(item.text);
  }
  return words;
}

/// The choice that a word means, or null.
const std::string* choice_of(const OptionDescription& option, const std::string& word) {
  const auto found = std::find(option.choices.begin(), option.choices.end(), word);
  if (found != option.choices.end()) return &*found;
  auto synonym = option.synonyms.find(word);
  if (synonym == option.synonyms.end()) {
    if (const auto flag = parse_flag(word); flag && word.size() > 1)
      synonym = option.synonyms.find(*flag ? "true" : "false");
  }
  return synonym == option.synonyms.end() ? nullptr : &synonym->second;
}

std::string range_of(const OptionDescription& option) {
  if (option.minimum && option.maximum) return fmt::format(" from {} to {}", *option.minimum, *option.maximum);
  if (option.minimum) return fmt::format(", at least {}", *option.minimum);
  if (option.maximum) return fmt::format(", at most {}", *option.maximum);
  return {};
}

bool in_range(const OptionDescription& option, double value) {
  return value >= option.minimum.value_or(value) && value <= option.maximum.value_or(value);
}

/// Fills `value` or says what was expected.
class Converter {
 public:
  Converter(const OptionDescription& option, const Node& node) : option_(option), node_(node) {}

  std::string run(Options::Value& value) const {
    switch (option_.type) {
      case Type::text:
        return text(value);
      case Type::path:
        return path(value);
      case Type::integer:
        return numeric<std::int64_t>(value, "a whole number", parse_integer);
      case Type::number:
        return numeric<double>(value, "a number", parse_number);
      case Type::flag:
        return flag(value);
      case Type::list:
        return list(value);
      case Type::json:
        value.data =
            Options::Json{to_json(opened(node_)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
        return {};
    }
    return "a value";
  }

 private:
  bool scalar() const { return node_.kind == Node::Kind::scalar; }

  std::string text(Options::Value& value) const {
    // Where the original documents "a,b" it also takes a list.
    const auto words = scalar() ? std::optional(std::vector{node_.text}) : words_of(node_);
    if (!words) return "text";
    const std::string joined_words = fmt::format("{}", fmt::join(*words, ","));
    if (option_.choices.empty()) {
      value.data = joined_words;
      return {};
    }
    const std::string* choice = choice_of(option_, joined_words);
    if (!choice) return "one of " + joined(option_.choices);
    value.data = *choice;
    return {};
  }

  std::string path(Options::Value& value) const {
    if (!scalar()) return "a path";
    value.data = node_.text;
    return {};
  }

  std::string flag(Options::Value& value) const {
    const auto flag = scalar() ? parse_flag(node_.text) : std::nullopt;
    if (!flag) return "true or false";
    value.data = *flag;
    return {};
  }

  template <class Number>
  std::string numeric(Options::Value& value, const char* kind, std::optional<Number> (*parse)(std::string_view)) const {
    const std::string expected = kind + range_of(option_);
    if (!scalar()) return expected;
    if (has_leading_zero(node_.text)) return expected + " without leading zeros, which YAML 1.1 takes for octal";
    const std::optional<Number> number = parse(trimmed(node_.text));
    if (!number || !in_range(option_, static_cast<double>(*number))) return expected;
    value.data = *number;
    return {};
  }

  std::string list(Options::Value& value) const {
    auto words = words_of(opened(node_));
    if (!words) return "words separated by commas";
    if (!option_.choices.empty()) {
      for (std::string& word : *words) {
        const std::string* choice = choice_of(option_, word);
        if (!choice) return "some of " + joined(option_.choices);
        word = *choice;
      }
    }
    value.data = *std::move(words);
    return {};
  }

  const OptionDescription& option_;
  const Node& node_;
};

/// Values that the table itself gives, as strings.
Options::Value value_in_table(const OptionDescription& option, const std::string& written) {
  Conversion result = convert(option, Node::scalar(written, true));
  if (!result.expected.empty())
    throw Error(fmt::format("the option table says {} for {}, expected {}", result.got, option.name, result.expected),
                "this is a fault of lmf: please report it", kExitInternal);
  return std::move(result.value);
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string result = "'";
  for (const char letter : text.substr(0, longest)) result += static_cast<unsigned char>(letter) < 0x20 ? '?' : letter;
  return result + (text.size() > longest ? "...'" : "'");
}

Node opened(const Node& node) {
  if (node.kind != Node::Kind::scalar || !node.plain) return node;
  if (!node.text.starts_with('[') && !node.text.starts_with('{')) return node;
  return parse_yaml_value(node.text);
}

Conversion convert(const OptionDescription& option, const Node& node) {
  Conversion result;
  result.value.type = option.type;
  if (is_null(node)) return result;
  result.got = shown(node);
  result.expected = Converter(option, node).run(result.value);
  return result;
}

Options::Value default_of(const OptionDescription& option) {
  if (!option.default_value.empty()) return value_in_table(option, option.default_value);
  Options::Value null;
  null.type = option.type;
  return null;
}

bool is_accepted(const OptionDescription& option, const Options::Value& value) {
  if (std::holds_alternative<std::monostate>(value.data) || value.data == default_of(option).data) return true;
  if (option.accepts.empty()) return option.state == State::supported;
  if (const auto* words = std::get_if<std::vector<std::string>>(&value.data)) {
    return std::all_of(words->begin(), words->end(), [&](const std::string& word) {
      return std::find(option.accepts.begin(), option.accepts.end(), word) != option.accepts.end();
    });
  }
  return std::any_of(option.accepts.begin(), option.accepts.end(),
                     [&](const std::string& accepted) { return value.data == value_in_table(option, accepted).data; });
}

}  // namespace lmf::config
