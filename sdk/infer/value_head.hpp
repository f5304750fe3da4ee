#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace lmf::infer {

/// What makes a reward model of a decoder: a score from a text's last hidden state, as trl and LLaMA-Factory save it
/// (value_head.safetensors: v_head.summary).
struct ValueHead {
  std::vector<float> weight;  ///< [C]
  float bias = 0;

  /// Of the model's or adapter's folder; nullopt when it has none. Throws Error naming what is wrong with the file.
  static std::optional<ValueHead> find(const std::filesystem::path& directory);
  /// `state`: [C]. Throws Error when its size is another.
  float score(std::span<const float> state) const;
};

}  // namespace lmf::infer
