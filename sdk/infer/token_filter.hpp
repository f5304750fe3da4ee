#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "infer/grammar.hpp"
#include "text/tokenizer.hpp"

namespace lmf::infer {

/// The bytes that each token adds to a text, sorted, so that what many begin with is looked at once. One for all
/// answers of a model.
class TokenBytes {
 public:
  explicit TokenBytes(const text::Tokenizer& tokenizer);

  struct Token {
    std::string bytes;
    std::int32_t id;
    std::size_t shared;  ///< leading bytes that are those of the token before it
  };
  const std::vector<Token>& sorted() const { return sorted_; }
  std::string_view of(std::int32_t id) const;  ///< empty for special tokens

 private:
  std::vector<Token> sorted_;
  std::vector<std::int32_t> place_;  // [vocabulary] in sorted_, or -1
};

/// Keeps an answer to a grammar: only tokens after which a sentence is still possible may come, and the answer's end
/// only where it is one.
class TokenFilter {
 public:
  TokenFilter(std::shared_ptr<const TokenBytes> tokens, Recogniser recogniser, std::vector<std::int32_t> stop_ids);

  /// Sets the logits [V] of all others to minus infinity. Throws Error when no token is left.
  void apply(std::span<float> logits);
  /// The token that was chosen.
  void accept(std::int32_t id);
  /// The answer is a whole sentence.
  bool complete() const { return recogniser_.complete(state_); }
  /// It is, and nothing can follow.
  bool must_end() { return complete() && allowed().empty(); }

 private:
  const std::vector<std::int32_t>& allowed();

  std::shared_ptr<const TokenBytes> tokens_;
  Recogniser recogniser_;
  std::vector<std::int32_t> stop_ids_;
  Recogniser::State state_;
  std::unordered_map<Recogniser::State, std::vector<std::int32_t>> known_;
  std::size_t known_ids_ = 0;
  std::vector<float> kept_;
};

}  // namespace lmf::infer
