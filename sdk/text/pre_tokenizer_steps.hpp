#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "text/pre_tokenizer.hpp"
#include "text/split_scanner.hpp"

/// The steps that pre-tokenizers are made of.
namespace lmf::text {

/// What becomes of the matches of a splitting pattern.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Where Metaspace puts its replacement in front.
enum class Prepend { always, first, never };
using CharacterTest = bool (*)(char32_t);
using PreTokenizerStepPtr = std::unique_ptr<PreTokenizerStep>;

/// `invert`: what the pattern does not match counts as its matches.
PreTokenizerStepPtr split_by_pattern(Regex regex, Behavior behavior, bool invert);
/// A pattern that scanner_for() knows, isolated: every character belongs to a match.
PreTokenizerStepPtr split_by_scanner(WordScanner scanner);
/// Every character of a kind is a match of its own.
PreTokenizerStepPtr split_by_character(CharacterTest test, Behavior behavior);
PreTokenizerStepPtr split_by_delimiter(std::string delimiter);
/// Words and runs of symbols, without the white space: \w+|[^\w\s]+.
PreTokenizerStepPtr split_words_and_symbols();
/// Pieces of so many characters.
PreTokenizerStepPtr split_by_length(std::size_t characters);
/// Puts a space before pieces that do not begin with one.
PreTokenizerStepPtr prefix_space();
/// Bytes as characters of the byte-level alphabet, where another step follows.
PreTokenizerStepPtr map_bytes();
/// Spaces become the replacement, one is put before (always, or only where the text begins), and words begin with it.
PreTokenizerStepPtr metaspace(std::string replacement, Prepend prepend, bool split);

}  // namespace lmf::text
