#include "words.hpp"

namespace lmf::chat {

Word word_in(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const auto first = line.find_first_not_of(kBlanks);
  if (first == line.npos) return Word::nothing;
  line = line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
  if (line == "exit") return Word::exit;
  if (line == "clear") return Word::clear;
  return Word::message;
}

}  // namespace lmf::chat
