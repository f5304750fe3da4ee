#include "text/pre_tokenizer_steps.hpp"

#include <utility>
#include <vector>

#include "text/bpe.hpp"
#include "text/unicode.hpp"

namespace lmf::text {
namespace {

struct Section {
  std::size_t begin, end;
  bool is_match;
};

/// Joins sections as `behavior` says and hands the pieces to `add`.
template <class Add>
void emit(const std::vector<Section>& sections, Behavior behavior, Add&& add) {
  if (behavior == Behavior::removed || behavior == Behavior::isolated) {
    for (const Section& section : sections)
      if (behavior == Behavior::isolated || !section.is_match) add(section.begin, section.end);
    return;
  }
  // A match joins one neighbour, unless the section on that side is itself such a match; equals join in contiguous.
  std::size_t begin = 0, end = 0;
  const auto joins = [&](std::size_t i) {
    if (behavior == Behavior::contiguous) return sections[i].is_match == sections[i - 1].is_match;
    if (behavior == Behavior::merged_with_previous) return sections[i].is_match && !sections[i - 1].is_match;
    return sections[i - 1].is_match && !sections[i].is_match;
  };
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (i == 0 || !joins(i)) {
      add(begin, end);
      begin = sections[i].begin;
    }
    end = sections[i].end;
  }
  add(begin, end);
}

class SplitByPattern : public PreTokenizerStep {
 public:
  SplitByPattern(Regex regex, Behavior behavior, bool invert)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces, RegexWorkspace& work) const override {
    std::vector<Section> sections;
    pieces.split([&](std::string_view text, auto&& add) {
      if (behavior_ == Behavior::isolated)
        return regex_.partition(text, work, [&](auto b, auto e, bool) { add(b, e); });
      sections.clear();
      regex_.partition(text, work, [&](auto b, auto e, bool match) { sections.push_back({b, e, match != invert_}); });
      emit(sections, behavior_, add);
    });
  }

 private:
  Regex regex_;
  Behavior behavior_;
  bool invert_;
};

class SplitByScanner : public PreTokenizerStep {
 public:
  explicit SplitByScanner(WordScanner scanner) : scanner_(scanner) {}
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.split([&](std::string_view text, auto&& add) {
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = scanner_(text, at);
        add(at, end);
        at = end;
      }
    });
  }

 private:
  WordScanner scanner_;
};

class SplitByCharacter : public PreTokenizerStep {
 public:
  SplitByCharacter(CharacterTest test, Behavior behavior) : test_(test), behavior_(behavior) {}
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    std::vector<Section> sections;
    pieces.split([&](std::string_view text, auto&& add) {
      sections.clear();
      for (std::size_t at = 0; at < text.size();) {
        const auto [code, bytes] = unicode::decode(text, at);
        const bool match = test_(code);
        if (match || sections.empty() || sections.back().is_match) sections.push_back({at, at, match});
        at = sections.back().end = at + bytes;
      }
      emit(sections, behavior_, add);
    });
  }

 private:
  CharacterTest test_;
  Behavior behavior_;
};

class SplitByDelimiter : public PreTokenizerStep {
 public:
  explicit SplitByDelimiter(std::string delimiter) : delimiter_(std::move(delimiter)) {}
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.split([&](std::string_view text, auto&& add) {
      std::size_t begin = 0;
      for (std::size_t at; (at = text.find(delimiter_, begin)) != std::string_view::npos;
           begin = at + delimiter_.size())
        add(begin, at);
      add(begin, text.size());
    });
  }

 private:
  std::string delimiter_;
};

class SplitWordsAndSymbols : public PreTokenizerStep {
 public:
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.split([&](std::string_view text, auto&& add) {
      const auto kind = [](char32_t code) { return unicode::is_word(code) ? 1 : unicode::is_space(code) ? 0 : 2; };
      std::size_t begin = 0;
      int current = 0;
      for (std::size_t at = 0; at < text.size();) {
        const auto [code, bytes] = unicode::decode(text, at);
        const int next = kind(code);
        if (next != current) {
          if (current != 0) add(begin, at);
          begin = at;
          current = next;
        }
        at += bytes;
      }
      if (current != 0) add(begin, text.size());
    });
  }
};

class SplitByLength : public PreTokenizerStep {
 public:
  explicit SplitByLength(std::size_t characters) : characters_(characters) {}
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.split([&](std::string_view text, auto&& add) {
      std::size_t begin = 0, count = 0;
      for (std::size_t at = 0; at < text.size();) {
        at += unicode::bytes_of(text[at]);
        if (++count % characters_ != 0) continue;
        add(begin, at);
        begin = at;
      }
      add(begin, text.size());
    });
  }

 private:
  std::size_t characters_;
};

class PrefixSpace : public PreTokenizerStep {
 public:
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.rewrite([](std::string_view text, bool, std::string& out) {
      if (!text.starts_with(' ')) out += ' ';
      out += text;
    });
  }
};

class MapPieceBytes : public PreTokenizerStep {
 public:
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.rewrite([](std::string_view text, bool, std::string& out) { append_mapped(out, text); });
  }
};

class Metaspace : public PreTokenizerStep {
 public:
  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend), split_(split) {}
  void apply(Pieces& pieces, RegexWorkspace&) const override {
    pieces.rewrite([&](std::string_view text, bool starts_text, std::string& out) {
      const bool wanted = prepend_ == Prepend::always || (prepend_ == Prepend::first && starts_text);
      if (wanted && !text.starts_with(' ') && !text.starts_with(replacement_)) out += replacement_;
      for (const char c : text) c == ' ' ? out += replacement_ : out += c;
    });
    if (!split_) return;
    pieces.split([&](std::string_view text, auto&& add) {
      std::size_t begin = 0;
      for (std::size_t at;
           (at = text.find(replacement_, begin + (begin < text.size() ? 1 : 0))) != std::string_view::npos; begin = at)
        add(begin, at);
      add(begin, text.size());
    });
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

}  // namespace

PreTokenizerStepPtr split_by_pattern(Regex regex, Behavior behavior, bool invert) {
  return std::make_unique<SplitByPattern>(std::move(regex), behavior, invert);
}

PreTokenizerStepPtr split_by_scanner(WordScanner scanner) { return std::make_unique<SplitByScanner>(scanner); }

PreTokenizerStepPtr split_by_character(CharacterTest test, Behavior behavior) {
  return std::make_unique<SplitByCharacter>(test, behavior);
}

PreTokenizerStepPtr split_by_delimiter(std::string delimiter) {
  return std::make_unique<SplitByDelimiter>(std::move(delimiter));
}

PreTokenizerStepPtr split_words_and_symbols() { return std::make_unique<SplitWordsAndSymbols>(); }

PreTokenizerStepPtr split_by_length(std::size_t characters) { return std::make_unique<SplitByLength>(characters); }

PreTokenizerStepPtr prefix_space() { return std::make_unique<PrefixSpace>(); }

PreTokenizerStepPtr map_bytes() { return std::make_unique<MapPieceBytes>(); }

PreTokenizerStepPtr metaspace(std::string replacement, Prepend prepend, bool split) {
  return std::make_unique<Metaspace>(std::move(replacement), prepend, split);
}

}  // namespace lmf::text
