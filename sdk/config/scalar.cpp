#include "config/scalar.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace lmf::config {
namespace {

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char letter) { return std::tolower(letter); });
  return result;
}

/// Without a sign and the underscores between digits; `negative` tells the sign.
std::string bare(std::string_view text, bool& negative) {
  negative = text.starts_with('-');
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1]);
    if (text[i] != '_' || !between) digits += text[i];
  }
  return digits;
}

std::optional<std::uint64_t> parse_hexadecimal(std::string_view digits) {
  if (!digits.starts_with("0x")) return std::nullopt;
  digits.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

bool is_null_word(std::string_view text) { return text.empty() || text == "~" || lower(text) == "null"; }

std::optional<bool> parse_flag(std::string_view text) {
  static constexpr std::array yes = {"true", "yes", "on", "y", "t", "1"};
  static constexpr std::array no = {"false", "no", "off", "n", "f", "0"};
  const std::string word = lower(text);
  if (std::find(yes.begin(), yes.end(), word) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), word) != no.end()) return false;
  return std::nullopt;
}

bool is_true_word(std::string_view text) {
  const std::string word = lower(text);
  return word == "true" || word == "y" || word == "1";
}

bool environment_flag(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && is_true_word(value);
}

bool has_leading_zero(std::string_view text) {
  bool negative = false;
  const std::string digits = bare(text, negative);
  return digits.size() > 1 && digits[0] == '0' && std::all_of(digits.begin(), digits.end(), is_digit);
}

std::optional<double> parse_number(std::string_view text) {
  bool negative = false;
  const std::string digits = bare(text, negative);
  // from_chars also reads "inf", "nan" and a second minus sign, which are no numbers here.
  if (digits.empty() || !(is_digit(digits[0]) || digits[0] == '.') || has_leading_zero(text)) return std::nullopt;
  double value = 0;
  if (const auto hexadecimal = parse_hexadecimal(digits)) {
    value = static_cast<double>(*hexadecimal);
  } else {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  bool negative = false;
  const std::string digits = bare(text, negative);
  std::int64_t exact = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
  if (error == std::errc() && end == digits.data() + digits.size() && is_digit(digits[0]) && !has_leading_zero(text))
    return negative ? -exact : exact;
  const std::optional<double> number = parse_number(text);
  constexpr double limit = 9007199254740992.0;  // 2^53: above it not every whole number is a double
  if (!number || std::trunc(*number) != *number || std::abs(*number) > limit) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

}  // namespace lmf::config
