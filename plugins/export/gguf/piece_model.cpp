// What sentencepiece's library does not say of a tokenizer.model: how it was trained and what it does to texts before.
// The file is a protobuf message, of which these few fields are read.
#include <cstdint>
#include <string>
#include <string_view>

#include "gguf/vocabulary.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

[[noreturn]] void refuse_pieces(const char* why) {
  throw Error(std::string("the tokenizer cannot be written as GGUF: its tokenizer.model ") + why,
              "leave export_gguf out");
}

struct Field {
  std::uint64_t number = 0, value = 0;  // of a number
  std::string_view bytes;               // of a text or a message
};

/// Reads a message's fields, one after the other.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}
  bool next(Field& field) {
    if (rest_.empty()) return false;
    const std::uint64_t tag = number();
    field = {tag >> 3, 0, {}};
    switch (tag & 7) {
      case 0:
        field.value = number();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.bytes = take(number());
        break;
      case 5:
        take(4);
        break;
      default:
        refuse_pieces("is damaged");
    }
    return true;
  }

 private:
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) return value;
    }
    refuse_pieces("is damaged");
  }
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) refuse_pieces("is damaged");
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

}  // namespace

void require_bpe_pieces(const std::string& model, bool whole) {
  constexpr std::uint64_t kTrainer = 2, kNormalizer = 3;                                // of the file
  constexpr std::uint64_t kModelType = 3, kBpe = 2, kCharacters = 2, kFewerBlanks = 4;  // of those
  std::uint64_t type = 1, fewer_blanks = 1;                                             // unless they are named
  bool changes_characters = false;
  Message file(model);
  for (Field part, field; file.next(part);) {
    Message inner(part.bytes);
    if (part.number == kTrainer) {
      while (inner.next(field))
        if (field.number == kModelType) type = field.value;
    } else if (part.number == kNormalizer) {
      while (inner.next(field)) {
        if (field.number == kCharacters) changes_characters = !field.bytes.empty();
        if (field.number == kFewerBlanks) fewer_blanks = field.value;
      }
    }
  }
  if (type != kBpe) refuse_pieces("is not BPE's, and llama.cpp would join its pieces in BPE's way");
  if (whole && (changes_characters || fewer_blanks != 0))
    refuse_pieces("changes characters or blanks before it cuts a text, and llama.cpp would not");
}

}  // namespace lmf::exporter
