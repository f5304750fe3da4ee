#include "text/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

constexpr std::size_t kLongestPattern = 64 * 1024;  // bytes
constexpr std::uint32_t kMatchLimit = 20'000'000;   // PCRE2's steps for one match, about a second
constexpr std::size_t kJitStackBytes = 16u << 20;
// ^ and $ are ends of lines in Oniguruma; no match may end within a character.
constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};

std::string message_of(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct RegexWorkspace::State {
  std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>> data{pcre2_match_data_create(1, nullptr)};
  std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>> context{pcre2_match_context_create(nullptr)};
  std::unique_ptr<pcre2_jit_stack, Free<pcre2_jit_stack_free>> stack{
      pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr)};
};

RegexWorkspace::RegexWorkspace() : state_(std::make_unique<State>()) {
  if (!state_->data || !state_->context || !state_->stack) throw std::bad_alloc();
  pcre2_set_match_limit(state_->context.get(), kMatchLimit);
  pcre2_jit_stack_assign(state_->context.get(), nullptr, state_->stack.get());
}
RegexWorkspace::~RegexWorkspace() = default;
RegexWorkspace::RegexWorkspace(RegexWorkspace&&) noexcept = default;

struct Regex::Code {
  std::unique_ptr<pcre2_code, Free<pcre2_code_free>> compiled;
  std::string origin;
};

Regex::Regex(std::string_view pattern, const std::string& origin) : code_(std::make_unique<Code>()) {
  if (pattern.size() > kLongestPattern)
    throw Error(fmt::format("{}: a pattern of {} bytes, more than {}", origin, pattern.size(), kLongestPattern));
  const std::string translated = to_pcre2(pattern, origin);
  int error = 0;
  PCRE2_SIZE place = 0;
  code_->origin = origin;
  code_->compiled.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), kOptions,
                                      &error, &place, nullptr));
  if (!code_->compiled)
    throw Error(fmt::format("{}: the pattern {} cannot be used: {}", origin, pattern, message_of(error)));
  pcre2_jit_compile(code_->compiled.get(), PCRE2_JIT_COMPLETE);  // without it matching is slower, not different
}

Regex Regex::literal(std::string_view literal, const std::string& origin) {
  std::string escaped;
  for (const char c : literal) {
    if (static_cast<unsigned char>(c) < 0x80 && unicode::is_punctuation(static_cast<unsigned char>(c))) escaped += '\\';
    escaped += c;
  }
  return Regex(escaped, origin);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;

std::size_t Regex::character_length(char first) { return unicode::bytes_of(first); }

std::optional<Regex::Match> Regex::find(std::string_view text, std::size_t from, RegexWorkspace& work) const {
  RegexWorkspace::State& state = *work.state_;
  const int found = pcre2_match(code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                PCRE2_NO_UTF_CHECK, state.data.get(), state.context.get());
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0)
    throw Error(fmt::format("{}: the pattern cannot be matched against a text of {} bytes: {}", code_->origin,
                            text.size(), message_of(found)));
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data.get());
  return Match{ends[0], std::max(ends[0], ends[1])};
}

}  // namespace lmf::text
