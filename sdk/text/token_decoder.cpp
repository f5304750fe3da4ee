#include "text/token_decoder.hpp"

#include <charconv>

#include <fmt/format.h>

#include "text/bpe.hpp"
#include "text/normalizer.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

using Tokens = std::vector<std::string>;

std::string joined(const Tokens& tokens, std::string_view between = {}) {
  std::string result;
  for (std::size_t i = 0; i < tokens.size(); ++i) (i ? result.append(between) : result).append(tokens[i]);
  return result;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  if (what.empty() || text.find(what) == std::string::npos) return;
  std::string result;
  std::size_t begin = 0;
  for (std::size_t at; (at = text.find(what, begin)) != std::string::npos; begin = at + what.size())
    result.append(text, begin, at - begin).append(by);
  text = result.append(text, begin);
}

/// A token outside of the alphabet (an added one) stands for its own bytes.
class ByteLevel : public DecoderStep {
 public:
  bool fuses() const override { return true; }
  void apply(Tokens& tokens, RegexWorkspace&) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes.append(unmapped(token).value_or(token));
    tokens = {unicode::replace_invalid(bytes)};
  }
};

/// <0x41> is a byte; a run of them that is not UTF-8 becomes one U+FFFD for each.
class ByteFallback : public DecoderStep {
 public:
  void apply(Tokens& tokens, RegexWorkspace&) const override {
    Tokens result;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (unicode::valid_prefix(bytes) == bytes.size())
        result.push_back(bytes);
      else
        result.insert(result.end(), bytes.size(), "\xEF\xBF\xBD");
      bytes.clear();
    };
    for (std::string& token : tokens) {
      unsigned value = 0;
      if (is_byte(token, value)) {
        bytes.push_back(static_cast<char>(value));
        continue;
      }
      flush();
      result.push_back(std::move(token));
    }
    flush();
    tokens.swap(result);
  }

 private:
  static bool is_byte(std::string_view token, unsigned& value) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return false;
    const char *first = token.data() + 3, *last = token.data() + 5;
    if (*first == '+') return std::from_chars(++first, last, value, 16).ptr == last;  // as Rust reads "+A"
    return std::from_chars(first, last, value, 16).ptr == last;
  }
};

class Fuse : public DecoderStep {
 public:
  bool fuses() const override { return true; }
  bool keeps_earlier_text(bool) const override { return true; }
  void apply(Tokens& tokens, RegexWorkspace&) const override { tokens = {joined(tokens)}; }
};

/// Up to `start` and `stop` times a character is taken from the ends of every token.
class StripCharacter : public DecoderStep {
 public:
  StripCharacter(std::string character, std::int64_t start, std::int64_t stop)
      : character_(std::move(character)), start_(start), stop_(stop) {}
  bool keeps_earlier_text(bool fused) const override { return !fused || stop_ == 0; }
  void apply(Tokens& tokens, RegexWorkspace&) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (std::int64_t i = 0; i < start_ && rest.starts_with(character_); ++i) rest.remove_prefix(character_.size());
      for (std::int64_t i = 0; i < stop_ && rest.ends_with(character_); ++i) rest.remove_suffix(character_.size());
      token = std::string(rest);
    }
  }

 private:
  std::string character_;
  std::int64_t start_, stop_;
};

class ReplaceInTokens : public DecoderStep {
 public:
  explicit ReplaceInTokens(const JsonObject& object) : replacement_(object) {}
  void apply(Tokens& tokens, RegexWorkspace& work) const override {
    for (std::string& token : tokens) replacement_.apply(token, work);
  }

 private:
  Replacement replacement_;
};

/// The replacement becomes a space; in the first token nothing, when encoding put it there.
class MetaspaceDecoder : public DecoderStep {
 public:
  MetaspaceDecoder(std::string replacement, bool prepended)
      : replacement_(std::move(replacement)), prepended_(prepended) {}
  void apply(Tokens& tokens, RegexWorkspace&) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      replace_all(tokens[i], replacement_, i == 0 && prepended_ ? "" : " ");
  }

 private:
  std::string replacement_;
  bool prepended_;
};

/// The mark of a word's end becomes a space, but not at the end of the text.
class SuffixDecoder : public DecoderStep {
 public:
  explicit SuffixDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void apply(Tokens& tokens, RegexWorkspace&) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix_, i + 1 < tokens.size() ? " " : "");
  }

 private:
  std::string suffix_;
};

void read_into(TokenDecoder& result, const JsonObject& object, int depth) {
  const auto add = [&](std::unique_ptr<DecoderStep> step) { result.steps.push_back(std::move(step)); };
  const std::string type = object.text("type");
  if (type == "Sequence") {
    const Json& members = object.at("decoders");
    if (!members.is_array() || depth > 16) object.refuse("\"decoders\" is not a list, or nested deeper than 16");
    for (std::size_t i = 0; i < members.size(); ++i)
      read_into(result, {members[i], fmt::format("{}.decoders[{}]", object.place(), i)}, depth + 1);
    return;
  }
  if (type == "ByteLevel") return add(std::make_unique<ByteLevel>());
  if (type == "ByteFallback") return add(std::make_unique<ByteFallback>());
  if (type == "Fuse") return add(std::make_unique<Fuse>());
  if (type == "Strip")
    return add(std::make_unique<StripCharacter>(object.text("content"), object.integer("start", 0, 1 << 20),
                                                object.integer("stop", 0, 1 << 20)));
  if (type == "Replace") return add(std::make_unique<ReplaceInTokens>(object));
  if (type == "Metaspace") {
    const bool prepended = object.text("prepend_scheme", "always") != "never" && object.flag("add_prefix_space", true);
    return add(std::make_unique<MetaspaceDecoder>(object.text("replacement"), prepended));
  }
  if (type == "BPEDecoder") return add(std::make_unique<SuffixDecoder>(object.text("suffix", "</w>")));
  object.refuse(fmt::format("the decoder \"{}\" is not supported", type));
}

}  // namespace

std::string TokenDecoder::decode(Tokens tokens, RegexWorkspace& work) const {
  if (!present) return joined(tokens, " ");
  if (tokens.empty()) return {};
  for (const auto& step : steps) step->apply(tokens, work);
  return joined(tokens);
}

TokenDecoder read_token_decoder(const Json* value, const std::string& place) {
  TokenDecoder result;
  if (!value || value->is_null()) return result;
  result.present = true;
  const JsonObject object(*value, place);
  read_into(result, object, 0);
  result.only_byte_level = result.steps.size() == 1 && dynamic_cast<const ByteLevel*>(result.steps[0].get());
  if (result.only_byte_level) result.streaming = Streaming::bytes;
  bool fused = false;
  for (const auto& step : result.steps) {
    const bool byte_level = dynamic_cast<const ByteLevel*>(step.get());
    if (!result.only_byte_level && (byte_level || !step->keeps_earlier_text(fused)))
      result.streaming = Streaming::whole;
    fused = fused || step->fuses();
  }
  return result;
}

}  // namespace lmf::text
