#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "data/token_store.hpp"
#include "model/decoder.hpp"

namespace lmf::train {

/// Some examples laid end to end, and which of their positions predict a token that counts.
struct Batch {
  std::vector<std::int64_t> examples;  ///< indices in the store
  model::PackedTokens tokens;          ///< T tokens
  torch::Tensor rows;                  ///< int64 [n]: positions whose next token is a label
  torch::Tensor targets;               ///< int64 [n]: that token
  /// Labels that are not masked, a sequence's first one included although nothing predicts it: what the original
  /// divides the loss by (transformers 5.6 counts all labels).
  std::int64_t labels = 0;
  /// Tokens as the original counts them: padded to the longest, rounded up to a multiple of 8.
  std::int64_t padded_tokens = 0;

  static Batch of(const data::TokenStore& store, std::vector<std::int64_t> examples, torch::Device device);
};

}  // namespace lmf::train
