#include "text/tokenizer.hpp"
#include "text/tokenizer_model.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

/// Bytes at the end of `text` that begin a character and could still become one.
std::size_t unfinished_bytes(std::string_view text) {
  for (std::size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const std::string_view tail = text.substr(text.size() - length);
    const auto first = static_cast<unsigned char>(tail[0]);
    if ((first & 0xC0) == 0x80) continue;
    if (first < 0xC2 || first > 0xF4 || unicode::bytes_of(tail[0]) <= length) return 0;
    // One U+FFFD for all of it: a maximal part of a character, so the next byte may complete it.
    return unicode::replace_invalid(tail).size() == 3 ? length : 0;
  }
  return 0;
}

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
    : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}

std::string StreamDecoder::push(std::int32_t id) {
  if (skip_special_tokens_ && tokenizer_.is_special(id)) return {};
  switch (tokenizer_.model_->streaming()) {
    case Streaming::bytes:
      return push_bytes(id);
    case Streaming::windows:
      return push_window(id);
    case Streaming::whole:
      ids_.push_back(id);
      return {};
  }
  return {};
}

std::string StreamDecoder::push_bytes(std::int32_t id) {
  tokenizer_.model_->append_bytes(id, bytes_);
  const std::size_t certain = bytes_.size() - unfinished_bytes(bytes_);
  std::string text = unicode::replace_invalid(std::string_view(bytes_).substr(0, certain));
  bytes_.erase(0, certain);
  return text;
}

std::string StreamDecoder::push_window(std::int32_t id) {
  if (tokenizer_.token(id).empty()) return {};
  ids_.push_back(id);
  return tokenizer_.model_->is_byte_token(id) ? std::string() : flush();
}

/// The text that the window's new tokens add. They become the window when they have text: what follows depends on
/// nothing before them, but for the rules of a text's first token, which then spend themselves on them.
std::string StreamDecoder::flush() {
  const auto decode = [&](std::span<const std::int32_t> ids) { return tokenizer_.decode(ids, skip_special_tokens_); };
  const std::string all = decode(ids_);
  const std::size_t known = emitted_ ? decode(std::span(ids_).first(emitted_)).size() : 0;
  if (all.size() <= known) {
    emitted_ = ids_.size();
    return {};
  }
  ids_.erase(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(emitted_));
  emitted_ = ids_.size();
  return all.substr(known);
}

std::string StreamDecoder::finish() {
  std::string rest = unicode::replace_invalid(bytes_);
  bytes_.clear();
  if (!ids_.empty()) rest += flush();
  ids_.clear();
  emitted_ = 0;
  return rest;
}

}  // namespace lmf::text
