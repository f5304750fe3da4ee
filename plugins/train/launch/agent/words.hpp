#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/split.hpp"

/// Small helpers on text, shared by what reads options and variables.
namespace lmf::train::launch {

/// The whole text as a number; false, and `number` unchanged, for anything else.
template <class Number>
bool parse_whole(std::string_view text, Number& number) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return false;
  number = value;
  return true;
}

/// Python's string.Template, as torchrun applies it: $name and ${name} become the value, $$ becomes $, and what is no
/// name of `values` stays.
inline std::string substitute(std::string_view text, const std::vector<std::pair<std::string, std::string>>& values) {
  constexpr std::string_view kName = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  std::string result;
  for (;;) {
    const std::size_t dollar = text.find('$');
    result += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return result;
    text.remove_prefix(dollar);
    if (text.starts_with("$$")) {
      result += '$';
      text.remove_prefix(2);
      continue;
    }
    const std::size_t begin = text.starts_with("${") ? 2 : 1;
    const std::string_view name = text.substr(begin, text.substr(begin).find_first_not_of(kName));
    std::size_t end = begin + name.size();
    const bool closed = begin == 1 || text.substr(end).starts_with('}');
    if (begin == 2 && closed) ++end;
    const auto value =
        std::find_if(values.begin(), values.end(), [&](const auto& known) { return known.first == name; });
    result += closed && value != values.end() ? std::string_view(value->second) : text.substr(0, end);
    text.remove_prefix(end);
  }
}

}  // namespace lmf::train::launch
