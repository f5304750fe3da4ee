#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "infer/engine.hpp"
#include "infer/value_head.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::infer {

/// Which model is to answer, and how.
struct ModelChoice {
  std::string model, revision;
  std::string cache_directory;        ///< Hugging Face cache to look the model up in; empty: the usual one
  std::vector<std::string> adapters;  ///< merged in, one after the other
  std::vector<std::string> apart;     ///< kept apart on top of them: Request::adapter chooses one by its place here
  text::TemplateChoice chat_template;
  std::string dtype = "auto";        ///< infer_dtype: auto, float32 or bfloat16
  std::optional<std::int64_t> bits;  ///< quantization_bit: 8 or 4
  std::int64_t sequences = 1;        ///< that are answered at once
  std::size_t most_waiting = 256;
  bool use_cpu = false;  ///< even when there is a GPU
  int gpu = 0;           ///< which one, where there are several
};

/// Everything that answers.
struct LoadedModel {
  std::filesystem::path directory;
  text::Tokenizer tokenizer;
  text::ChatTemplate chat_template;
  std::unique_ptr<Engine> engine;
  std::optional<ValueHead> value_head;                ///< of a reward model
  std::vector<std::optional<ValueHead>> apart_heads;  ///< of the adapters that are kept apart, each its own
  std::uint64_t fingerprint = 0;                      ///< of the weights, adapters that are merged in included
  std::vector<std::uint64_t> apart_fingerprints{};    ///< with each of the others
  std::optional<int> gpu{};                           ///< that it is on

  /// In use on that GPU, by whomever.
  std::optional<std::int64_t> gpu_bytes() const;

  static LoadedModel load(const ModelChoice& choice, const std::filesystem::path& share_directory);
};

}  // namespace lmf::infer
