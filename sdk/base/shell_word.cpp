#include "base/shell_word.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"

namespace lmf {
namespace {

/// $'...', which bash, zsh and ksh know: in '...' a newline would be one, and other control characters reach the
/// terminal.
std::string escaped(std::string_view text) {
  std::string word = "$'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f)
      word += fmt::format("\\{:03o}", byte);
    else if (c == '\'' || c == '\\')
      word.append("\\").append(1, c);
    else
      word += c;
  }
  return word + "'";
}

}  // namespace

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+=,:@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return std::string(text);
  if (has_control_characters(text)) return escaped(text);
  std::string word = "'";
  for (const char c : text) c == '\'' ? word += R"('\'')" : word += c;
  return word + "'";
}

}  // namespace lmf
