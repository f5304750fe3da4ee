#include "text/canonical_form.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>
#include <string_view>

#include <utf8proc.h>

#include "text/unicode.hpp"

namespace lmf::text {
namespace {

struct Range {
  char32_t first, last;
};

// Characters newer than Unicode 9 that decompose, compose or have a combining class.
constexpr Range kUnknown[] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
    {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},   {0xab69, 0xab69},   {0x10781, 0x10785},
    {0x10787, 0x107b0}, {0x107b2, 0x107ba}, {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff},
    {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e},
    {0x11839, 0x1183a}, {0x11930, 0x11930}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193d, 0x1193e},
    {0x11943, 0x11943}, {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99},
    {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1},
    {0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9}};

bool is_unknown(char32_t code) {
  if (code < kUnknown[0].first) return false;
  const auto range = std::lower_bound(std::begin(kUnknown), std::end(kUnknown), code,
                                      [](const Range& r, char32_t c) { return r.last < c; });
  return range != std::end(kUnknown) && code >= range->first;
}

utf8proc_option_t options_of(CanonicalForm form) {
  switch (form) {
    case CanonicalForm::nfc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case CanonicalForm::nfd:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case CanonicalForm::nfkc:
      return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case CanonicalForm::nfkd:
      break;
  }
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}

void append_form(std::string& result, std::string_view text, utf8proc_option_t options) {
  if (text.empty()) return;
  utf8proc_uint8_t* mapped = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  if (length < 0) throw std::bad_alloc();
  result.append(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length));
  std::free(mapped);
}

/// ASCII is the same in every form; so is everything below U+0300 in NFC.
bool is_settled(std::string_view text, CanonicalForm form) {
  const unsigned char bound = form == CanonicalForm::nfc ? 0xCC : 0x80;
  return std::all_of(text.begin(), text.end(), [&](char c) { return static_cast<unsigned char>(c) < bound; });
}

}  // namespace

void to_canonical_form(std::string& text, CanonicalForm form) {
  if (is_settled(text, form)) return;
  const utf8proc_option_t options = options_of(form);
  std::string result;
  result.reserve(text.size());
  std::size_t done = 0;  // an unknown character stands between what is before and behind it, untouched
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = unicode::decode(text, at);
    if (is_unknown(code)) {
      append_form(result, std::string_view(text).substr(done, at - done), options);
      result.append(text, at, bytes);
      done = at + bytes;
    }
    at += bytes;
  }
  append_form(result, std::string_view(text).substr(done), options);
  text.swap(result);
}

}  // namespace lmf::text
