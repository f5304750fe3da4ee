#include "base/json.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/place.hpp"

namespace lmf {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

std::string translated(std::string_view name, std::initializer_list<Names> names) {
  for (const auto& [theirs, ours] : names)
    if (name == theirs) return std::string(ours);
  return std::string(name);
}

std::string expected_name(std::string_view token) {
  return translated(token, {{"'[', '{', or a literal", "a value"},
                            {"string literal", "a name in double quotes"},
                            {"end of input", "nothing more"},
                            {"']'", "',' or ']'"},
                            {"'}'", "',' or '}'"}});
}

std::string found_name(std::string_view token) {
  return translated(token, {{"end of input", "the end"},
                            {"string literal", "a text"},
                            {"number literal", "a number"},
                            {"true literal", "true"},
                            {"false literal", "false"},
                            {"null literal", "null"}});
}

/// The word that a byte is part of, or the byte itself: what to show of letters that are no token.
std::string word_at(std::string_view text, std::size_t offset) {
  const auto is_letter = [](char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); };
  constexpr std::size_t kLongest = 20;
  std::size_t begin = offset, end = offset;
  while (begin > 0 && offset - begin < kLongest && is_letter(text[begin - 1])) --begin;
  while (end < text.size() && end - offset < kLongest && is_letter(text[end])) ++end;
  if (begin < end) return fmt::format("'{}'", text.substr(begin, end - begin));
  const bool printable = offset < text.size() && text[offset] > ' ' && text[offset] < '\x7f';
  return printable ? fmt::format("'{}'", text[offset]) : "a character that JSON does not have";
}

/// nlohmann's message is "[...] parse error at line 1, column 2: syntax error while parsing object key - REASON", where
/// REASON is "unexpected TOKEN; expected TOKEN", or "COMPLAINT; last read: 'TEXT'; expected TOKEN" for letters that are
/// no token; what was expected may be missing.
std::string sentence(std::string_view message, std::string_view text, std::size_t offset) {
  constexpr std::string_view kUnexpected = "unexpected ", kExpected = "; expected ", kRead = "; last read: ";
  const std::size_t dash = message.find(" - ");
  if (dash == std::string_view::npos) return std::string(message.substr(message.find("] ") + 2));
  const std::string_view reason = message.substr(dash + 3), complaint = reason.substr(0, reason.find(kRead));
  const std::size_t at = reason.rfind(kExpected);
  const std::string expected =
      at == std::string_view::npos ? "a value" : expected_name(reason.substr(at + kExpected.size()));
  if (complaint == "invalid literal") return fmt::format("expected {}, found {}", expected, word_at(text, offset));
  if (!reason.starts_with(kUnexpected)) return std::string(complaint);
  const std::string_view found = reason.substr(kUnexpected.size(), at - std::min(at, kUnexpected.size()));
  return fmt::format("expected {}, found {}", expected, found_name(found));
}

/// Takes every event and keeps nothing but the fault.
class FaultFinder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit FaultFinder(std::string_view text) : text_(text) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool key(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_object() override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t read, const std::string&, const nlohmann::json::exception& failure) override {
    const std::size_t last = read - std::min<std::size_t>(read, 1);  // the byte at fault, or the end
    fault = JsonFault{last, sentence(failure.what(), text_, last)};
    return false;
  }

  std::optional<JsonFault> fault;

 private:
  std::string_view text_;
};

}  // namespace

std::optional<JsonFault> find_json_fault(std::string_view text) {
  FaultFinder finder(text);
  nlohmann::json::sax_parse(text, &finder);
  return std::move(finder.fault);
}

std::string explain_json(std::string_view text, const std::string& file, std::string_view otherwise) {
  const std::optional<JsonFault> fault = find_json_fault(text);
  if (!fault) return fmt::format("{}: not well-formed JSON: {}", file, otherwise);
  return fmt::format("{}:{}: not well-formed JSON: {}", file, line_and_column(text, fault->offset), fault->what);
}

}  // namespace lmf
