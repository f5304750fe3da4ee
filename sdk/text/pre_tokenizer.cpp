#include "text/pre_tokenizer.hpp"

#include <utility>

#include <fmt/format.h>

#include "text/pre_tokenizer_steps.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

Behavior read_behavior(const JsonObject& object, const std::string& otherwise) {
  const std::string name = object.text("behavior", otherwise);
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  object.refuse(fmt::format("unknown behavior \"{}\"", name));
}

class PreTokenizerReader {
 public:
  PreTokenizerReader(PreTokenizer& result, bool hand_written) : result_(result), hand_written_(hand_written) {}

  void read(const JsonObject& object, bool is_last) {
    const std::string type = object.text("type");
    if (type == "Sequence") return read_sequence(object, is_last);
    if (type == "Split") return read_split(object);
    if (type == "ByteLevel") return read_byte_level(object, is_last);
    if (type == "Metaspace") return read_metaspace(object);
    if (type == "Digits") return read_digits(object);
    if (type == "Punctuation") return by_character(unicode::is_punctuation, read_behavior(object, "Isolated"));
    if (type == "WhitespaceSplit") return by_character(unicode::is_space, Behavior::removed);
    if (type == "Whitespace") return add(split_words_and_symbols());
    if (type == "CharDelimiterSplit" || type == "Delimiter")
      return add(split_by_delimiter(one_character(object, "delimiter")));
    if (type == "FixedLength")
      return add(split_by_length(static_cast<std::size_t>(object.integer("length", 1, 1 << 30))));
    if (type == "BertPreTokenizer") {
      by_character(unicode::is_space, Behavior::removed);
      return by_character(unicode::is_punctuation, Behavior::isolated);
    }
    object.refuse(fmt::format("the pre-tokenizer \"{}\" is not supported", type));
  }

 private:
  void add(PreTokenizerStepPtr step) { result_.steps.push_back(std::move(step)); }
  void by_character(CharacterTest test, Behavior behavior) { add(split_by_character(test, behavior)); }

  void read_sequence(const JsonObject& object, bool is_last) {
    const Json& members = object.at("pretokenizers");
    if (!members.is_array()) object.refuse("\"pretokenizers\" is not a list");
    if (++depth_ > 16) object.refuse("sequences within sequences, deeper than 16");
    for (std::size_t i = 0; i < members.size(); ++i)
      read({members[i], fmt::format("{}.pretokenizers[{}]", object.place(), i)}, is_last && i + 1 == members.size());
    --depth_;
  }

  void read_split(const JsonObject& object) {
    const JsonObject pattern = object.object("pattern");
    const Behavior behavior = read_behavior(object, "");
    const bool invert = object.flag("invert", false);
    if (pattern.find("String")) {
      const std::string literal = pattern.text("String");
      return add(split_by_pattern(Regex::literal(literal, pattern.place()), behavior, invert));
    }
    by_regex(pattern.text("Regex"), pattern.place(), behavior, invert);
  }

  void by_regex(std::string_view regex, const std::string& place, Behavior behavior, bool invert) {
    const WordScanner scanner = hand_written_ ? scanner_for(regex) : nullptr;
    // Every character belongs to a match: isolated, and inverted with "Removed", give just the matches.
    if (scanner && (behavior == Behavior::isolated || (behavior == Behavior::removed && invert)))
      return add(split_by_scanner(scanner));
    add(split_by_pattern(Regex(regex, place), behavior, invert));
  }

  void read_byte_level(const JsonObject& object, bool is_last) {
    if (object.flag("add_prefix_space", true)) add(prefix_space());
    if (object.flag("use_regex", true)) by_regex(kGpt2Pattern, object.place(), Behavior::isolated, false);
    if (is_last)
      result_.maps_bytes = true;
    else
      add(map_bytes());
  }

  void read_metaspace(const JsonObject& object) {
    const std::string scheme = object.text("prepend_scheme", "always");
    auto prepend = scheme == "always" ? Prepend::always : scheme == "first" ? Prepend::first : Prepend::never;
    if (prepend == Prepend::never && scheme != "never")
      object.refuse(fmt::format("unknown prepend_scheme \"{}\"", scheme));
    if (!object.flag("add_prefix_space", true)) {
      if (object.find("prepend_scheme") && scheme != "never")
        object.refuse("add_prefix_space does not match prepend_scheme");
      prepend = Prepend::never;
    }
    add(metaspace(one_character(object, "replacement"), prepend, object.flag("split", true)));
  }

  void read_digits(const JsonObject& object) {
    by_character(unicode::is_numeric,
                 object.flag("individual_digits", false) ? Behavior::isolated : Behavior::contiguous);
  }

  static std::string one_character(const JsonObject& object, const char* key) {
    const std::string text = object.text(key);
    if (text.empty() || unicode::bytes_of(text[0]) != text.size())
      object.refuse(fmt::format("\"{}\" is not one character", key));
    return text;
  }

  PreTokenizer& result_;
  bool hand_written_;
  int depth_ = 0;
};

}  // namespace

PreTokenizer read_pre_tokenizer(const Json* value, const std::string& place, bool hand_written) {
  PreTokenizer result;
  if (value && !value->is_null()) PreTokenizerReader(result, hand_written).read({*value, place}, true);
  return result;
}

}  // namespace lmf::text
