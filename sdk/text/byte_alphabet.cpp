#include <array>

#include "text/bpe.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

/// Printable bytes of Latin-1 stand for themselves, the others for the characters from U+0100 on, in order.
constexpr bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char16_t, 256> characters{};
  std::array<std::int16_t, 512> bytes{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  for (auto& byte : alphabet.bytes) byte = -1;
  char16_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const char16_t character = is_printable(byte) ? static_cast<char16_t>(byte) : next++;
    alphabet.characters[static_cast<std::size_t>(byte)] = character;
    alphabet.bytes[character] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char32_t byte_to_character(unsigned char byte) { return kAlphabet.characters[byte]; }

int character_to_byte(char32_t code) { return code < kAlphabet.bytes.size() ? kAlphabet.bytes[code] : -1; }

void append_mapped(std::string& mapped, std::string_view text) {
  for (const char byte : text) unicode::append(mapped, byte_to_character(static_cast<unsigned char>(byte)));
}

std::optional<std::string> unmapped(std::string_view mapped) {
  std::string bytes;
  for (std::size_t at = 0; at < mapped.size();) {
    const auto [code, length] = unicode::decode(mapped, at);
    const int byte = character_to_byte(code);
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    at += length;
  }
  return bytes;
}

}  // namespace lmf::text
